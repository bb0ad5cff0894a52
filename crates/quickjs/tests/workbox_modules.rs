//! The rest of Workbox, unmodified: cacheable-response, broadcast-update, range-requests, navigation-preload, and all
//! modules loaded by workbox-sw.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::mpsc::channel;
use support::{Answer, Server, World, workbox};
use wakeworker_core::{ActivityEvent, WorkerId};
use wakeworker_quickjs::{FetchEventRequest, FetchEventResult};

struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    text: String,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

fn ask(world: &World, path: &str, change: impl FnOnce(&mut FetchEventRequest)) -> FetchEventResult {
    let url = world.server.url(path);
    let registration = world.runtime.match_registration(&world.key(), &url).unwrap();
    let mut request = FetchEventRequest {
        method: "GET".to_owned(),
        url: url.to_string(),
        mode: "cors".to_owned(),
        credentials: "same-origin".to_owned(),
        redirect: "follow".to_owned(),
        ..FetchEventRequest::default()
    };
    change(&mut request);
    let (sender, receiver) = channel();
    world.runtime.fetch_event(registration.id, request, move |result| sender.send(result).unwrap());
    support::wait(&receiver)
}

fn get(world: &World, path: &str, change: impl FnOnce(&mut FetchEventRequest)) -> Reply {
    match ask(world, path, change) {
        FetchEventResult::Response { status, headers, mut body, .. } => {
            let mut bytes = Vec::new();
            while let Some(part) = body.blocking_recv() {
                bytes.extend_from_slice(&part.unwrap());
            }
            Reply { status, headers, text: String::from_utf8(bytes).unwrap() }
        }
        other => panic!("{path}: {other:?}"),
    }
}

/// Workbox caches after the page has its answer; each question is an event after it.
fn wait_until_cached(world: &World, worker: WorkerId, path: &str) {
    let url = world.server.url(path).to_string();
    assert!((0..1_000).any(|_| world.ask(worker, &url) == "cached"), "{path} is not cached");
}

fn navigate(request: &mut FetchEventRequest) {
    request.mode = "navigate".to_owned();
    request.redirect = "manual".to_owned();
    request.credentials = "include".to_owned();
    request.destination = "document".to_owned();
}

fn range(range: &'static str) -> impl FnOnce(&mut FetchEventRequest) {
    move |request| request.headers.push(("range".to_owned(), range.to_owned()))
}

#[test] // Service Workers, 3.5 and "Handle Fetch"
fn plugins_choose_tell_cut_and_send_ahead() {
    let server = Server::with_worker(&workbox::bundle_of("plugins.js"));
    server.put("/kept/yes", Answer::new(200, "text/plain", "first").header("X-Keep", "yes"));
    server.put("/kept/no", Answer::new(200, "text/plain", "first"));
    server.put("/news", Answer::new(200, "text/plain", "old").header("ETag", "1"));
    server.put("/media/film", Answer::new(200, "video/x", "0123456789"));
    server.put("/page", Answer::new(200, "text/html", "<p>page"));
    let world = World::new(server);
    let (_, worker) = world.activate("sw.js");
    world.clients.open("page", &world.server.url("/page"), Some(worker));

    // workbox-cacheable-response
    for path in ["/kept/yes", "/kept/no"] {
        assert_eq!(get(&world, path, |_| {}).text, "first");
        if path == "/kept/yes" {
            wait_until_cached(&world, worker, path);
        }
        world.server.put(path, Answer::new(200, "text/plain", "second").header("X-Keep", "yes"));
    }
    assert_eq!(get(&world, "/kept/yes", |_| {}).text, "first", "it was cached");
    assert_eq!(get(&world, "/kept/no", |_| {}).text, "second", "it was not");

    // workbox-broadcast-update
    assert_eq!(get(&world, "/news", |_| {}).text, "old");
    wait_until_cached(&world, worker, "/news");
    world.server.put("/news", Answer::new(200, "text/plain", "new").header("ETag", "2"));
    assert_eq!(get(&world, "/news", |_| {}).text, "old");
    let (client, message) = world.clients.messages.wait_for(|message| Some(message.clone()));
    assert_eq!(client, "page");
    let message = support::shown(&message);
    assert!(message.contains("CACHE_UPDATED") && message.contains("/news"), "{message}");

    // workbox-range-requests
    assert_eq!(get(&world, "/media/film", |_| {}).text, "0123456789");
    wait_until_cached(&world, worker, "/media/film");
    world.server.remove("/media/film");
    let part = get(&world, "/media/film", range("bytes=2-5"));
    assert_eq!((part.status, part.text.as_str()), (206, "2345"));
    assert_eq!(part.header("content-range"), Some("bytes 2-5/10"));
    assert_eq!(get(&world, "/media/film", range("bytes=-3")).text, "789");
    assert_eq!(get(&world, "/media/film", range("bytes=5-20")).status, 416);

    // workbox-navigation-preload: one request, sent by the runtime before the worker asks.
    world.runtime.stop_worker(worker);
    assert_eq!(get(&world, "/page?1", navigate).text, "<p>page");
    let asked = world.server.requests("/page?1");
    assert_eq!(asked.len(), 1, "the answer that was sent ahead is used");
    let ahead = |path: &str| {
        let asked = world.server.requests(path);
        asked[0].headers.get("service-worker-navigation-preload").cloned()
    };
    assert_eq!(ahead("/page?1").as_deref(), Some("ahead"));
    // The setting outlives the process, and a server that is away is a network error, not a wait.
    let world = world.reopen();
    assert_eq!(get(&world, "/page?2", navigate).text, "<p>page");
    assert_eq!(world.server.requests("/page?2").len(), 1);
    world.server.refuse(true);
    let failed = ask(&world, "/page?3", navigate);
    assert!(matches!(failed, FetchEventResult::NetworkError(_)), "{failed:?}");
}

#[test]
fn workbox_sw_loads_every_module_from_a_server_and_they_work_together() {
    let loader = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/workbox/loader.js");
    let server = Server::with_worker(&std::fs::read_to_string(loader).unwrap());
    let published = workbox::published();
    assert_eq!(published.len(), 11, "{:?}", published.iter().map(|(name, _)| name).collect::<Vec<_>>());
    for (name, text) in published {
        server.put(&format!("/workbox/{name}"), Answer::script(&text));
    }
    server.put("/index.html", Answer::new(200, "text/html", "home"));
    server.put("/images/a", Answer::new(200, "image/png", "abcdef"));
    server.put("/page", Answer::new(200, "text/html", "page"));
    server.put("/messages", Answer::new(201, "text/plain", ""));
    let world = World::new(server);
    let (_, worker) = world.activate("sw.js");
    assert_eq!(get(&world, "/images/a", |_| {}).text, "abcdef");
    wait_until_cached(&world, worker, "/images/a");
    // The modules come from the store from now on, and the site from its caches.
    let world = world.reopen();
    world.server.refuse(true);
    assert_eq!(get(&world, "/index.html", |_| {}).text, "home");
    assert_eq!(get(&world, "/images/a", range("bytes=1-2")).text, "bc");
    let posted = ask(&world, "/messages", |request| {
        request.method = "POST".to_owned();
        request.body = "hello".into();
    });
    assert!(matches!(posted, FetchEventResult::NetworkError(_)), "{posted:?}");
    world.activity.wait_for(|event| matches!(event, ActivityEvent::Registered { .. }).then_some(()));
}
