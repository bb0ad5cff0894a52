//! Workbox's caching, unmodified: precache, strategies with a cache, expiration, and old precaches cleaned up.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::mpsc::channel;
use support::{Answer, Server, World, workbox};
use wakeworker_core::WorkerId;
use wakeworker_quickjs::{FetchEventRequest, FetchEventResult, MessageSource};

/// What a page gets from the worker for a path: status and body.
fn get(world: &World, path: &str) -> (u16, String) {
    let url = world.server.url(path);
    let registration = world.runtime.match_registration(&world.key(), &url).unwrap();
    let request = FetchEventRequest {
        method: "GET".to_owned(),
        url: url.to_string(),
        mode: "cors".to_owned(),
        credentials: "same-origin".to_owned(),
        redirect: "follow".to_owned(),
        ..FetchEventRequest::default()
    };
    let (sender, receiver) = channel();
    world.runtime.fetch_event(registration.id, request, move |result| sender.send(result).unwrap());
    match support::wait(&receiver) {
        FetchEventResult::Response { status, mut body, .. } => {
            let mut bytes = Vec::new();
            while let Some(part) = body.blocking_recv() {
                bytes.extend_from_slice(&part.unwrap());
            }
            (status, String::from_utf8(bytes).unwrap())
        }
        other => panic!("{path}: {other:?}"),
    }
}

fn keys(world: &World, worker: WorkerId, cache: &str) -> String {
    let before = world.console.len();
    world.runtime.post_message(worker, support::clone_of(cache), MessageSource::Host);
    world.console.wait_after(before, |line| line.strip_prefix("keys ").map(str::to_owned))
}

#[test]
fn a_site_is_served_from_its_caches_without_a_network() {
    let server = Server::with_worker(&workbox::bundle_of("precache.js"));
    server.put("/index.html", Answer::new(200, "text/html", "<h1>home</h1>"));
    server.put("/app.0123abcd.js", Answer::script("app()"));
    for name in ["a", "b", "c"] {
        server.put(&format!("/images/{name}"), Answer::new(200, "image/png", name));
    }
    server.put("/api/news", Answer::new(200, "application/json", "[1]"));
    server.put("/swr/x", Answer::new(200, "text/plain", "first"));
    let world = World::new(server);
    let (_, worker) = world.activate("sw.js");

    assert_eq!(get(&world, "/api/news"), (200, "[1]".to_owned()));
    world.server.put("/api/news", Answer::new(200, "application/json", "[2]"));
    assert_eq!(get(&world, "/api/news"), (200, "[2]".to_owned()));
    assert_eq!(get(&world, "/swr/x"), (200, "first".to_owned()));
    for name in ["a", "b", "c"] {
        assert_eq!(get(&world, &format!("/images/{name}")), (200, name.to_owned()));
    }
    // The oldest image goes after the page has its answer, while the event lasts; each question is an event after it.
    let expired = |_: &usize| keys(&world, worker, "images") == "/images/b /images/c";
    assert!((0..1_000).find(expired).is_some(), "{}", keys(&world, worker, "images"));

    // The process ends, and the server is gone for good.
    let world = world.reopen();
    world.server.refuse(true);
    assert_eq!(get(&world, "/index.html"), (200, "<h1>home</h1>".to_owned()));
    assert_eq!(get(&world, "/app.0123abcd.js"), (200, "app()".to_owned()));
    assert_eq!(get(&world, "/api/news"), (200, "[2]".to_owned()));
    assert_eq!(get(&world, "/swr/x"), (200, "first".to_owned()));
    assert_eq!(keys(&world, worker, "images"), "/images/b /images/c");
    assert_eq!(get(&world, "/images/c"), (200, "c".to_owned()));
}
