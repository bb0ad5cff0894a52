//! Workbox's background sync, unmodified: what was posted offline arrives once, in order, after a restart too.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::mpsc::channel;
use support::{Answer, Server, World, workbox};
use wakeworker_core::{ActivityEvent, Connection};
use wakeworker_quickjs::{FetchEventRequest, FetchEventResult};

fn post(world: &World, text: &str) -> FetchEventResult {
    let key = world.key();
    let url = world.server.url("/messages");
    let registration = world.runtime.match_registration(&key, &url).unwrap();
    let request = FetchEventRequest {
        method: "POST".to_owned(),
        url: url.to_string(),
        headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
        mode: "cors".to_owned(),
        credentials: "same-origin".to_owned(),
        redirect: "follow".to_owned(),
        body: text.as_bytes().to_vec().into(),
        ..FetchEventRequest::default()
    };
    let (sender, receiver) = channel();
    world.runtime.fetch_event(registration.id, request, move |result| sender.send(result).unwrap());
    support::wait(&receiver)
}

fn arrived(world: &World) -> Vec<String> {
    let requests = world.server.requests("/messages");
    requests.iter().map(|request| String::from_utf8(request.body.clone()).unwrap()).collect()
}

#[test] // R62, R64, R167
fn posts_that_failed_offline_are_replayed_in_order_after_a_restart() {
    let server = Server::with_worker(&workbox::bundle());
    server.put("/messages", Answer::new(201, "text/plain", "stored"));
    let world = World::new(server);
    let (id, _) = world.activate("sw.js");
    assert!(matches!(post(&world, "0"), FetchEventResult::Response { status: 201, .. }));

    world.network.set(Connection::None);
    world.server.refuse(true);
    for n in 1..=5 {
        let answer = post(&world, &n.to_string());
        assert!(matches!(answer, FetchEventResult::NetworkError(_)), "{answer:?}");
    }
    // Workbox registers after the page has its answer.
    world.activity.wait_for(|event| matches!(event, ActivityEvent::Registered { .. }).then_some(()));
    let tags = world.host.sync_manager(id).get_tags().wait().unwrap();
    assert_eq!(tags[0].to_string_lossy(), "workbox-background-sync:outbox");
    // Nobody's page is open any more, and the process ends.
    let world = world.reopen();
    assert_eq!(arrived(&world), ["0"]);
    assert_eq!(world.host.sync_registrations().wait().unwrap().len(), 1);

    // The server is back, and the event replays the queue.
    world.server.refuse(false);
    world.network.set(Connection::Wifi);
    world
        .activity
        .wait_for(|event| matches!(event, ActivityEvent::Completed { handled: true }).then_some(()));
    assert!(world.host.sync_registrations().wait().unwrap().is_empty());
    assert_eq!(arrived(&world), ["0", "1", "2", "3", "4", "5"]);
    for request in &world.server.requests("/messages")[1..] {
        assert_eq!(request.method, "POST");
        assert_eq!(request.headers["content-type"], "text/plain");
    }
}
