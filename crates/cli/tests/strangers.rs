//! Pages and programs that have no business here get nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use support::{Serve, Site, http, open_socket};

fn site() -> Site {
    Site::new(&[("index.html", "<p>SECRET"), (".env", "SECRET"), ("sw.js", "// SECRET")])
}

/// Sends a request byte for byte: HTTP libraries tidy paths up.
fn raw(serve: &Serve, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", serve.port())).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn another_host_name_gets_nothing() {
    let site = site();
    let serve = site.serve(&[]);
    let port = serve.port();
    for path in
        ["/", "/sw.js", "/.wakeworker/page.js", "/.wakeworker/socket", "/.wakeworker/api/registrations"]
    {
        for host in ["evil.example", &format!("evil.example:{port}"), "127.0.0.1", "0.0.0.0", ""] {
            let answer =
                raw(&serve, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
            assert!(
                answer.starts_with("HTTP/1.1 421") || answer.starts_with("HTTP/1.1 400"),
                "{host}{path}: {answer}"
            );
            assert!(!answer.contains("SECRET") && !answer.contains("serviceWorker"), "{answer}");
        }
    }
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        let answer = raw(&serve, &format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("SECRET"), "{answer}");
    }
}

#[tokio::test]
async fn another_origin_gets_nothing() {
    let site = site();
    let serve = site.serve(&[]);
    let localhost = serve.origin.replace("127.0.0.1", "localhost");
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1", &localhost] {
        for path in ["/", "/sw.js", "/.wakeworker/page.js", "/.wakeworker/api/registrations"] {
            let request = http().get(serve.url(path)).header("origin", origin).bearer_auth(&serve.token);
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 403, "{origin} {path}");
            assert!(!response.text().await.unwrap().contains("SECRET"));
        }
        assert!(open_socket(&serve, Some(origin)).await.is_err(), "{origin}");
    }
    assert!(open_socket(&serve, None).await.is_err());
    assert!(open_socket(&serve, Some(&serve.origin)).await.is_ok());
    // An image or script of another site, which sends no Origin.
    let request = http()
        .get(serve.url("/sw.js"))
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-mode", "no-cors");
    assert_eq!(request.send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn the_control_api_wants_its_token() {
    let site = site();
    let serve = site.serve(&[]);
    let url = serve.url("/.wakeworker/api/registrations");
    assert_eq!(http().get(&url).send().await.unwrap().status(), 401);
    for wrong in ["", "x", &serve.token[1..], &serve.token.to_uppercase().replace(char::is_numeric, "0")] {
        assert_eq!(http().get(&url).bearer_auth(wrong).send().await.unwrap().status(), 401);
    }
    let unknown = serve.url("/.wakeworker/api/nothing");
    assert_eq!(http().get(&unknown).send().await.unwrap().status(), 401, "not even what exists");
    assert_eq!(http().get(&unknown).bearer_auth(&serve.token).send().await.unwrap().status(), 404);
    assert_eq!(http().get(&url).bearer_auth(&serve.token).send().await.unwrap().status(), 200);
}

#[test]
fn no_path_leads_out_of_the_folder() {
    let site = site();
    std::fs::write(site.app().join("../outside.txt"), "SECRET").unwrap();
    let serve = site.serve(&[]);
    for path in [
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/..%2foutside.txt",
        "/..%5coutside.txt",
        "//../outside.txt",
        "/.env",
        "/%2eenv",
        "/x/../.env",
    ] {
        let host = &serve.origin["http://".len()..];
        let answer =
            raw(&serve, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
        assert!(!answer.contains("SECRET"), "{path}");
    }
}
