//! Attacks on the gateway's port: whoever sends them gets nothing, and those who behave notice nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use support::{PATIENCE, Page, Serve, Site, http, open_socket};
use tokio_tungstenite::tungstenite::Message;

const WORKER: &str = "onfetch = (event) => { if (event.request.url.endsWith('/worker')) event.respondWith(new Response('from the worker')); }";

fn site() -> Site {
    Site::new(&[("index.html", "<p>SECRET"), ("sw.js", WORKER), ("dir/index.html", "<p>")])
}

fn connect(serve: &Serve) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", serve.port())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends bytes and reads until the gateway has nothing more to say. A gateway that cuts a sender off while it still
/// sends has said enough.
fn exchange(serve: &Serve, request: &[u8]) -> String {
    let mut stream = connect(serve);
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn host(serve: &Serve) -> &str {
    &serve.origin["http://".len()..]
}

/// The gateway answers those who behave.
async fn is_well(serve: &Serve) {
    let response = http().get(serve.url("/")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.text().await.unwrap().contains("SECRET"));
}

#[tokio::test]
async fn messages_that_two_readers_would_cut_differently_are_refused() {
    let site = site();
    let serve = site.serve(&[]);
    let host = host(&serve);
    let hidden = format!("GET /.wakeworker/api/registrations HTTP/1.1\r\nHost: {host}\r\n\r\n");
    for headers in [
        "Content-Length: 5\r\nContent-Length: 6\r\n".to_owned(),
        "Content-Length: 5, 6\r\n".to_owned(),
        "Content-Length: +5\r\n".to_owned(),
        "Content-Length: -1\r\n".to_owned(),
        "Content-Length: 99999999999999999999999\r\n".to_owned(),
        "Transfer-Encoding: chunked, identity\r\n".to_owned(),
        "Transfer-Encoding: xchunked\r\n".to_owned(),
        "Transfer-Encoding : chunked\r\n".to_owned(),
        " Host: other\r\n".to_owned(),
        "Bad Header: x\r\n".to_owned(),
        "X: a\x00b\r\n".to_owned(),
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n{hidden}");
        let answer = exchange(&serve, request.as_bytes());
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.1 421"),
            "{headers:?}: {answer}"
        );
        assert_eq!(answer.matches("HTTP/1.1").count().max(1), 1, "{headers:?} smuggled a request: {answer}");
    }
    is_well(&serve).await;
}

#[tokio::test]
async fn a_length_beside_chunks_hides_no_second_request_from_a_server_behind() {
    let behind = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = behind.local_addr().unwrap();
    let seen = std::thread::spawn(move || {
        let (mut stream, _) = behind.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut all = Vec::new();
        let mut part = [0; 4096];
        while !String::from_utf8_lossy(&all).contains("0\r\n\r\n") {
            let count = stream.read(&mut part).unwrap();
            assert!(count > 0, "the request was cut off");
            all.extend_from_slice(&part[..count]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").unwrap();
        String::from_utf8(all).unwrap()
    });
    let site = site();
    let serve = site.serve(&["--proxy", &format!("/behind=http://{address}")]);
    let request = format!(
        "POST /behind/x HTTP/1.1\r\nHost: {}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nConnection: close, x-secret\r\nX-Secret: 1\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        host(&serve)
    );
    let answer = exchange(&serve, request.as_bytes());
    if answer.starts_with("HTTP/1.1 400") {
        // Refused at the door: nothing reaches the server, which is asked something plain instead.
        let plain = format!(
            "POST /behind/x HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            host(&serve)
        );
        assert!(exchange(&serve, plain.as_bytes()).starts_with("HTTP/1.1 200"));
    }
    let forwarded = seen.join().unwrap().to_ascii_lowercase();
    assert_eq!(forwarded.matches("http/1.1").count(), 1, "{forwarded}");
    let lengths =
        forwarded.matches("content-length:").count() + forwarded.matches("transfer-encoding:").count();
    assert_eq!(lengths, 1, "{forwarded}");
    assert!(!forwarded.contains("x-secret"), "{forwarded}");
}

#[tokio::test]
async fn heads_without_measure_are_refused_early() {
    let site = site();
    let serve = site.serve(&[]);
    let host = host(&serve);
    let long = "a".repeat(1 << 20);
    let many: String = (0..2_000).map(|n| format!("X-{n}: a\r\n")).collect();
    for head in [
        format!("GET /{long} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nX: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\n{many}\r\n"),
        format!("{long} / HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    ] {
        let answer = exchange(&serve, head.as_bytes());
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{}: {}",
            &head[..20],
            &answer[..answer.len().min(200)]
        );
    }
    for noise in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"\0\0\0\0",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\xff\xfe\r\n\r\n",
    ] {
        assert!(!exchange(&serve, noise).contains(" 200 "));
    }
    is_well(&serve).await;
}

#[tokio::test]
async fn nothing_of_a_request_ends_up_in_the_heads_of_answers() {
    let site = site();
    let serve = site.serve(&[]);
    let host = host(&serve);
    for path in [
        "/dir?%0d%0aSet-Cookie:%20a=1",
        "/dir?\tSet-Cookie:a",
        "/dir%0d%0aSet-Cookie:a=1",
        "//evil.example/dir",
        "/%0d%0a%0d%0a<script>",
        "/.wakeworker/%0d%0aX:1",
    ] {
        let answer = exchange(
            &serve,
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        );
        let head = answer.split("\r\n\r\n").next().unwrap().to_ascii_lowercase();
        assert!(!head.contains("\r\nset-cookie") && !head.contains("\r\nx:1"), "{path}: {head}");
        assert!(!head.contains("location: //") && !head.contains("evil.example/"), "{path}: {head}");
    }
}

#[tokio::test]
async fn those_who_send_a_byte_at_a_time_do_not_keep_others_out() {
    let site = site();
    let serve = site.serve(&[]);
    // More than there is room for. None of them ever finishes its request.
    let half = format!("GET / HTTP/1.1\r\nHost: {}\r\nX-Slow: ", host(&serve));
    let slow: Vec<TcpStream> = (0..700)
        .map_while(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", serve.port())).ok()?;
            stream.write_all(half.as_bytes()).ok()?;
            Some(stream)
        })
        .collect();
    assert!(slow.len() > 600, "this process may open too few files: {}", slow.len());
    // The gateway cuts them off, and answers those who come after them.
    is_well(&serve).await;
    drop(slow);
}

#[tokio::test]
async fn guesses_of_the_token_are_limited_and_the_right_one_is_not() {
    let site = site();
    let serve = site.serve(&[]);
    let url = serve.url("/.wakeworker/api/registrations");
    let client = http();
    let mut refused = Vec::new();
    for guess in 0..60 {
        let response = client.get(&url).bearer_auth(format!("{guess:064x}")).send().await.unwrap();
        refused.push(response.status().as_u16());
    }
    assert!(refused.iter().all(|status| [401, 429].contains(status)), "{refused:?}");
    assert!(refused.contains(&429), "{refused:?}");
    assert_eq!(client.get(&url).bearer_auth(&serve.token).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_page_that_floods_or_babbles_is_disconnected_and_the_others_are_not() {
    let site = site();
    let serve = site.serve(&[]);
    let mut neighbour = Page::open(&serve, "/").await;
    neighbour.activate("sw.js").await;

    let mut flooding = Page::open(&serve, "/").await;
    let question = json!({ "type": "call", "id": 1, "method": "getRegistrations", "params": {} });
    let mut sent = 0;
    while sent < 200_000 && flooding.try_send(&question).await.is_ok() {
        sent += 1;
    }
    assert!(sent < 200_000, "a flood is not stopped");

    let first_words = [
        Message::Text("x".repeat(1 << 20).into()),
        Message::Text("[".repeat(100_000).into()),
        Message::Text(json!({ "type": "call", "id": 1, "method": "getRegistrations", "params": {} }).to_string().into()),
        Message::Binary(vec![0; 1 << 16].into()),
        Message::Text(
            json!({ "type": "hello", "protocol": 1, "client": "c", "url": serve.url("/"), "frameType": "nested",
                "topOrigin": "x".repeat(100_000), "visibilityState": "visible", "focused": true, "controller": null })
            .to_string()
            .into(),
        ),
        Message::Text(
            json!({ "type": "hello", "protocol": 1, "client": "c", "url": "http://evil.example/", "frameType": "top-level",
                "topOrigin": null, "visibilityState": "visible", "focused": true, "controller": null })
            .to_string()
            .into(),
        ),
    ];
    for words in first_words {
        let mut socket = open_socket(&serve, Some(&serve.origin)).await.unwrap();
        socket.send(words).await.unwrap();
        let answer = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap();
        assert!(matches!(answer, Some(Ok(Message::Close(_))) | None | Some(Err(_))), "{answer:?}");
    }
    let giant = Message::Text("x".repeat(40 << 20).into());
    let mut socket = open_socket(&serve, Some(&serve.origin)).await.unwrap();
    let _ = socket.send(giant).await;
    let answer = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap();
    assert!(!matches!(answer, Some(Ok(Message::Text(_)))), "{answer:?}");

    assert_eq!(neighbour.call("getRegistrations", json!({})).await.unwrap().as_array().unwrap().len(), 1);
    is_well(&serve).await;
}

#[tokio::test]
async fn one_origin_cannot_take_all_places_for_pages() {
    let site = site();
    let serve = site.serve(&[]);
    let mut pages = Vec::new();
    while pages.len() < 400 {
        let mut socket = open_socket(&serve, Some(&serve.origin)).await.unwrap();
        let hello = json!({ "type": "hello", "protocol": 1, "client": "none", "url": serve.url("/"), "frameType": "top-level",
            "topOrigin": null, "visibilityState": "visible", "focused": true, "controller": null });
        socket.send(Message::Text(hello.to_string().into())).await.unwrap();
        match tokio::time::timeout(PATIENCE, socket.next()).await.unwrap() {
            Some(Ok(Message::Text(_))) => pages.push(socket),
            _ => break,
        }
    }
    assert!(pages.len() >= 64 && pages.len() < 400, "{} pages", pages.len());
    let other = serve.renamed("localhost");
    let page = Page::open_at(&other, "/").await;
    assert_eq!(page.welcome["type"], "welcome");
    is_well(&serve).await;
}

#[tokio::test] // R33
async fn giant_tags_and_urls_are_refused_and_not_kept() {
    let site = site();
    let serve = site.serve(&[]);
    let mut page = Page::open(&serve, "/").await;
    let registration = page.activate("sw.js").await;
    let tag = vec![0x78_u16; 2 << 20];
    let error =
        page.call("sync.register", json!({ "registration": registration, "tag": tag })).await.unwrap_err();
    assert!(error.contains("tag"), "{error}");
    let long = "x".repeat(1 << 20);
    for (script, scope) in [("sw.js", Some(&long)), (long.as_str(), None)] {
        let params = json!({ "scriptUrl": script, "scope": scope, "updateViaCache": "imports" });
        assert!(page.call("register", params).await.unwrap_err().starts_with("TypeError"));
    }
    let log = serve.control(&["log", "--json"]);
    assert!(log.stdout.len() < 100_000, "the log has {} bytes", log.stdout.len());
}
