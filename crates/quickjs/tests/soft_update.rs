//! Soft updates: an event makes the runtime look for a new version when the last look was more than a day ago (R157).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Answer, DAY_MS, Server, World};
use wakeworker_core::{AttemptOutcome, SyncKind};

#[test] // R157
fn a_sync_event_updates_a_worker_that_was_not_checked_for_a_day() {
    let world = World::new(Server::with_worker("onsync = () => console.log('first')"));
    let (id, first) = world.activate("sw.js");
    let looks = world.server.requests("/sw.js").len();
    world.server.put(
        "/sw.js",
        Answer::script("oninstall = () => skipWaiting(); onsync = () => console.log('second')"),
    );
    let world = world.aged(DAY_MS - 60_000);
    world.sync(id, "t");
    // Closing the runtime waits for what it has begun.
    let world = world.aged(120_000);
    assert_eq!(world.server.requests("/sw.js").len(), looks, "checked less than a day ago");
    assert_eq!(world.sync(id, "t"), AttemptOutcome::Succeeded { handled: true });
    assert_eq!(world.console.all(), ["first"], "the event went to the worker that was active");
    world.activated(id, Some(first));
    world.sync(id, "t");
    assert_eq!(world.console.all(), ["first", "second"]);
    assert_eq!(world.server.requests("/sw.js").len(), looks + 1, "the next events do not look again");
}

#[test] // R157
fn a_periodic_event_looks_too_and_an_update_that_fails_changes_nothing() {
    let world = World::new(Server::with_worker("onperiodicsync = () => console.log('first')"));
    let (id, first) = world.activate("sw.js");
    let looks = world.server.requests("/sw.js").len();
    let world = world.aged(DAY_MS + 60_000);
    world.server.put("/sw.js", Answer::script("let let"));
    let fire = || world.host.dispatch_event(id, SyncKind::PeriodicSync, "t".into(), false).wait().unwrap();
    assert_eq!(fire(), AttemptOutcome::Succeeded { handled: true });
    world.console.wait_for(|line| {
        (line.contains("could not be started") && line.contains("SyntaxError")).then_some(())
    });
    assert_eq!(world.server.requests("/sw.js").len(), looks + 1);
    assert_eq!(world.runtime.registration(id).unwrap().active.unwrap().id, first);
    assert_eq!(fire(), AttemptOutcome::Succeeded { handled: true });
}
