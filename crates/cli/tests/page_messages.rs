//! What a page and its worker say to each other beyond plain messages: ports, broadcasts, navigation preload, and the worker
//! of a registration that the page has unregistered.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use serde_json::{Value, json};
use support::{Page, Serve, Site, clone_of, http, shown};
use wakeworker_structured_clone::Token;

const WORKER: &str = r#"
    oninstall = () => skipWaiting();
    onactivate = (event) => event.waitUntil(clients.claim());
    onfetch = (event) => {
        if (new URL(event.request.url).pathname === '/echo') event.respondWith(new Response('from the worker'));
        if (event.request.url.endsWith('?preload')) event.respondWith((async () => await event.preloadResponse ?? new Response('no preload'))());
    };
    const channel = new BroadcastChannel('news');
    channel.onmessage = ({ data }) => channel.postMessage('heard ' + data);
    onmessage = (event) => {
        const [port] = event.ports;
        if (port === undefined) {
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = ({ data }) => port1.postMessage('and back: ' + data);
            event.source.postMessage('take this', [port2]);
        } else {
            port.onmessage = ({ data, ports }) => (ports[0] ?? port).postMessage('echo ' + data);
            port.postMessage('hello ' + event.data);
        }
    };
"#;

fn site() -> Site {
    Site::new(&[("index.html", "<p>"), ("sw.js", WORKER)])
}

fn text(text: &str) -> String {
    clone_of(&Token::String(text.as_bytes()))
}

/// A controlled page, its registration and its worker.
async fn controlled(serve: &Serve) -> (Page, Value, Value) {
    let mut page = Page::open(serve, "/").await;
    let registration = page.activate("sw.js").await;
    let controller = page.wait_for(|m| m["type"] == "controller").await;
    (page, json!(registration), controller["controller"]["worker"]["id"].clone())
}

async fn next_of_port(page: &mut Page, port: &Value) -> String {
    let message = page.wait_for(|m| m["type"] == "portMessage" && m["port"] == *port).await;
    shown(&message["data"])
}

#[tokio::test]
async fn ports_go_to_the_worker_and_come_from_it() {
    let site = site();
    let serve = site.serve(&[]);
    let (mut page, _, worker) = controlled(&serve).await;
    page.send(&json!({ "type": "postMessage", "worker": worker, "data": text("worker"), "ports": [-1] }))
        .await;
    assert_eq!(next_of_port(&mut page, &json!(-1)).await, "\"hello worker\"");
    page.send(&json!({ "type": "portMessage", "port": -1, "data": text("a"), "ports": [] })).await;
    assert_eq!(next_of_port(&mut page, &json!(-1)).await, "\"echo a\"");
    // A port through a port.
    page.send(&json!({ "type": "portMessage", "port": -1, "data": text("b"), "ports": [-2] })).await;
    assert_eq!(next_of_port(&mut page, &json!(-2)).await, "\"echo b\"");

    page.send(&json!({ "type": "postMessage", "worker": worker, "data": text(""), "ports": [] })).await;
    let message = page.wait_for(|m| m["type"] == "message").await;
    let port = message["ports"][0].clone();
    assert!(port.as_i64().unwrap() > 0, "{message}");
    page.send(&json!({ "type": "portMessage", "port": port, "data": text("c"), "ports": [] })).await;
    assert_eq!(next_of_port(&mut page, &port).await, "\"and back: c\"");

    // Another page has nothing of that, and cannot speak through it.
    let mut stranger = Page::open(&serve, "/").await;
    stranger.send(&json!({ "type": "portMessage", "port": port, "data": text("stolen"), "ports": [] })).await;
    stranger.send(&json!({ "type": "portClosed", "port": port })).await;
    page.send(&json!({ "type": "portMessage", "port": port, "data": text("d"), "ports": [] })).await;
    assert_eq!(next_of_port(&mut page, &port).await, "\"and back: d\"");
    // A number that was drawn before breaks the protocol.
    stranger
        .send(&json!({ "type": "postMessage", "worker": worker, "data": text("x"), "ports": [-1, -1] }))
        .await;
    while stranger.next().await.is_some() {}
}

#[tokio::test]
async fn broadcasts_reach_the_workers_and_the_pages_that_listen() {
    let site = site();
    let serve = site.serve(&[]);
    let (mut page, ..) = controlled(&serve).await;
    let mut deaf = Page::open(&serve, "/").await;
    page.send(&json!({ "type": "broadcasts", "hears": true })).await;
    page.send(&json!({ "type": "broadcast", "name": "\"news\"", "data": text("one") })).await;
    let heard = page.wait_for(|m| m["type"] == "broadcast").await;
    assert_eq!((heard["name"].as_str(), shown(&heard["data"]).as_str()), (Some("\"news\""), "\"heard one\""));
    deaf.send(&json!({ "type": "broadcast", "name": "\"news\"", "data": text("two") })).await;
    let heard = page.wait_for(|m| m["type"] == "broadcast").await;
    assert_eq!(shown(&heard["data"]), "\"heard two\"");
    // Whatever came before the answer to a question is there by then.
    deaf.call("getRegistrations", json!({})).await.unwrap();
    assert!(!deaf.received().iter().any(|m| m["type"] == "broadcast"), "it has no channel");
}

#[tokio::test] // service worker specification 3.5
async fn a_page_sets_navigation_preload() {
    let site = site();
    let serve = site.serve(&[]);
    let (mut page, registration, _) = controlled(&serve).await;
    let own = |more: Value| {
        let mut params = json!({ "registration": registration });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    let state = page.call("navigationPreload.getState", own(json!({}))).await.unwrap();
    assert_eq!(state, json!({ "enabled": false, "headerValue": "true" }));
    let navigate = async || {
        let request = http().get(serve.url("/?preload")).header("sec-fetch-mode", "navigate");
        request.header("sec-fetch-dest", "document").send().await.unwrap().text().await.unwrap()
    };
    assert!(navigate().await.contains("no preload"));
    let set = own(json!({ "enabled": true, "headerValue": "v2" }));
    assert_eq!(page.call("navigationPreload.set", set).await, Ok(Value::Null));
    let state = page.call("navigationPreload.getState", own(json!({}))).await.unwrap();
    assert_eq!(state, json!({ "enabled": true, "headerValue": "v2" }));
    assert!(navigate().await.contains("<p>"));
    let strange = json!({ "registration": 99, "enabled": true, "headerValue": null });
    let error = page.call("navigationPreload.set", strange).await.unwrap_err();
    assert!(error.starts_with("InvalidStateError: "), "{error}");
}

#[tokio::test] // R161
async fn a_page_keeps_its_worker_after_unregistering_until_it_leaves() {
    let site = site();
    let serve = site.serve(&[]);
    let (mut page, registration, _) = controlled(&serve).await;
    let mut other = Page::open(&serve, "/").await;
    let unregister = json!({ "registration": registration });
    assert_eq!(page.call("unregister", unregister).await, Ok(json!(true)));
    page.wait_for(|m| m["type"] == "unregistered" && m["id"] == registration).await;
    let echo = async || {
        let request = http().get(serve.url("/echo")).header("sec-fetch-mode", "cors");
        request.header("referer", serve.url("/")).send().await.unwrap().text().await.unwrap()
    };
    assert_eq!(echo().await, "from the worker");
    // A new page is on its own.
    let fresh = Page::open(&serve, "/").await;
    assert_eq!(fresh.welcome["controller"], Value::Null);
    assert_eq!(fresh.welcome["registrations"], json!([]));
    drop(fresh);
    drop(page);
    other.call("getRegistrations", json!({})).await.unwrap();
    assert!(!other.received().iter().any(|m| m["type"] == "cleared"), "the other page still uses the worker");
    let mut watcher = Page::open(&serve, "/").await;
    drop(other);
    watcher.wait_for(|m| m["type"] == "cleared" && m["id"] == registration).await;
}
