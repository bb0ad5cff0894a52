//! The workers of the programs that the web teaches (`taught/`), unmodified: headlines once a day, an outbox of mails,
//! and syncs that come together or one by one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use support::{Answer, Server, World};
use wakeworker_core::{
    ActivityEvent, AttemptOutcome, Config, Connection, PeriodicOptions, PermissionName, PermissionState,
    SyncKind, WorkerRegistrationId,
};
use wakeworker_quickjs::RuntimeConfig;

const HANDLED: AttemptOutcome = AttemptOutcome::Succeeded { handled: true };

/// A profile whose worker is the one of an app in `taught/`; the handler answers what the app's server would.
fn world(app: &str, answer: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static) -> World {
    let path = format!("{}/tests/taught/{app}/sw.js", env!("CARGO_MANIFEST_DIR"));
    let server = Server::with_worker(&std::fs::read_to_string(path).unwrap());
    server.handle(move |request| answer(&request.path));
    let config = Config { retry_delay_initial_ms: 20, retry_jitter_percent: 0, ..Config::default() };
    World::with(server, RuntimeConfig::default(), config)
}

fn accepted() -> Answer {
    Answer::new(200, "text/plain", "ok")
}

/// Waits until so many events have completed.
fn completed(world: &World, times: usize) {
    let is_end = |event: &ActivityEvent| matches!(event, ActivityEvent::Completed { .. });
    let mut from = 0;
    for _ in 0..times {
        world.activity.wait_after(from, |event| is_end(event).then_some(()));
        let seen = world.activity.all();
        from = seen.iter().skip(from).position(is_end).map_or(seen.len(), |at| from + at + 1);
    }
}

#[test] // R44, R98, R123
fn headlines_are_fetched_periodically_and_kept() {
    let world = world("periodic-news", |path| {
        (path == "/headlines.json").then(|| Answer::new(200, "application/json", "[\"rain\"]"))
    });
    let (id, worker) = world.activate("sw.js");
    let granted = PermissionState::Granted;
    world.host.set_permission(world.key(), PermissionName::PeriodicBackgroundSync, granted);
    let manager = world.host.periodic_sync_manager(id);
    let day = PeriodicOptions { min_interval_ms: 24 * 60 * 60 * 1000, ..PeriodicOptions::default() };
    manager.register("headlines".into(), day).wait().unwrap();
    assert_eq!(manager.get_tags().wait().unwrap(), ["headlines".into()]);
    assert_eq!(world.ask(worker, "what is kept?"), "nothing kept");
    let fire =
        |tag: &str| world.host.dispatch_event(id, SyncKind::PeriodicSync, tag.into(), false).wait().unwrap();
    assert_eq!(fire("something else"), HANDLED);
    assert!(world.server.requests("/headlines.json").is_empty());
    assert_eq!(fire("headlines"), HANDLED);
    world.server.refuse(true);
    assert_eq!(world.ask(worker, "what is kept?"), "[\"rain\"]");
    assert!(matches!(fire("headlines"), AttemptOutcome::Failed { .. }), "without a network the fetch fails");
    manager.unregister("headlines".into()).wait().unwrap();
    assert_eq!(manager.get_tags().wait().unwrap(), []);
}

#[test] // R49, R50, R64, R77
fn mails_written_offline_are_sent_in_order_and_what_fails_is_sent_again() {
    let down = Arc::new(AtomicBool::new(true));
    let broken = down.clone();
    let world = world("mail-outbox", move |path| {
        (path == "/mails").then(|| match broken.swap(false, Ordering::AcqRel) {
            true => Answer::new(503, "text/plain", "later"),
            false => accepted(),
        })
    });
    let (id, worker) = world.activate("sw.js");
    world.network.set(Connection::None);
    for mail in ["first", "second"] {
        assert_eq!(world.ask(worker, mail), "kept");
    }
    let manager = world.host.sync_manager(id);
    manager.register("mails".into()).wait().unwrap();
    assert_eq!(manager.get_tags().wait().unwrap(), ["mails".into()]);
    assert!(world.server.requests("/mails").is_empty());
    world.network.set(Connection::Wifi);
    completed(&world, 1);
    let sent: Vec<String> =
        world.server.requests("/mails").into_iter().map(|r| String::from_utf8(r.body).unwrap()).collect();
    assert_eq!(sent, ["first", "first", "second"], "the first one was refused once");
    assert!(manager.get_tags().wait().unwrap().is_empty());
    assert!(!down.load(Ordering::Acquire));
}

#[test] // R23, R26, R27, R28
fn one_tag_is_one_event_and_five_tags_are_five() {
    let world = world("first-sync", |path| path.starts_with("/work").then(accepted));
    let (id, _) = world.activate("sw.js");
    let register = |id: WorkerRegistrationId, tag: &str| {
        world.host.sync_manager(id).register(tag.into()).wait().unwrap();
    };
    // With a network it fires at once.
    register(id, "work-now");
    completed(&world, 1);
    world.network.set(Connection::None);
    for _ in 0..5 {
        register(id, "work-same");
    }
    for n in 0..5 {
        register(id, &format!("work-{n}"));
    }
    world.network.set(Connection::Cellular);
    completed(&world, 7);
    let count = |path: &str| world.server.requests(path).len();
    assert_eq!((count("/work/work-now"), count("/work/work-same")), (1, 1));
    for n in 0..5 {
        assert_eq!(count(&format!("/work/work-{n}")), 1);
    }
    assert!(world.host.sync_manager(id).get_tags().wait().unwrap().is_empty());
}
