//! WebSockets of workers through the gateway: to the app's own server behind it, and while the network is forced off.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(target_os = "linux")]

mod support;

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use support::{Page, Serve, Site, http};

const WORKER: &str = "
    oninstall = () => skipWaiting();
    onactivate = (event) => event.waitUntil(clients.claim());
    onfetch = (event) => {
        const { pathname, search } = new URL(event.request.url);
        if (pathname !== '/ask') return;
        event.respondWith(new Promise((resolve) => {
            const socket = new WebSocket(search.slice(1));
            socket.onmessage = ({ data }) => { resolve(new Response(data)); socket.close(); };
            socket.onclose = ({ code }) => resolve(new Response('closed ' + code));
        }));
    };
";

/// A server that tells each WebSocket which headers it came with. Gives its address.
async fn start_server() -> String {
    let page = || async { Html("<!doctype html><title>x</title>") };
    let script = || async { ([(header::CONTENT_TYPE, "text/javascript")], WORKER) };
    let socket = |headers: HeaderMap, upgrade: WebSocketUpgrade| async move {
        let told = ["origin", "x-forwarded-host", "cookie"]
            .map(|name| headers.get(name).map_or("none", |value| value.to_str().unwrap()).to_owned());
        let answer = |mut socket: axum::extract::ws::WebSocket| async move {
            // A worker that has gone needs no answer.
            let _ = socket.send(Message::text(told.join(" "))).await;
            while let Some(Ok(_)) = socket.recv().await {}
        };
        upgrade.on_upgrade(answer).into_response()
    };
    let app = Router::new().route("/", get(page)).route("/sw.js", get(script)).route("/socket", get(socket));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

async fn ask(serve: &Serve, url: &str) -> String {
    let request = http().get(serve.url(&format!("/ask?{url}")));
    let request =
        request.header("referer", serve.url("/")).header("sec-fetch-mode", "cors").header("cookie", "own=1");
    request.send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_worker_reaches_the_apps_server_as_a_page_does_unless_the_network_is_forced_off() {
    let server = start_server().await;
    let site = Site::new(&[]);
    let serve = site.serve_app(&server, 0, &[]);
    let mut page = Page::open(&serve, "/").await;
    page.activate("sw.js").await;
    page.wait_for(|m| m["type"] == "controller").await;

    let own = serve.origin.strip_prefix("http://").unwrap();
    // The server sees itself as the origin, and the cookies that a page has sent last.
    assert_eq!(ask(&serve, "/socket").await, format!("{server} {own} own=1"));
    // What is no WebSocket of the app is none for its worker.
    assert_eq!(ask(&serve, "/missing").await, "closed 1006");
    // The same server by its own address is another origin.
    let direct = format!("{}/socket", server.replace("http:", "ws:"));
    assert_eq!(ask(&serve, &direct).await, format!("{} none none", serve.origin));

    assert!(serve.control(&["offline", "on"]).status.success());
    assert_eq!(ask(&serve, "/socket").await, "closed 1006");
    assert_eq!(ask(&serve, &direct).await, "closed 1006");
    assert!(serve.control(&["offline", "off"]).status.success());
    assert_eq!(ask(&serve, "/socket").await, format!("{server} {own} own=1"));
}
