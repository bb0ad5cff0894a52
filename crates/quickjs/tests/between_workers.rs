//! What the workers of an origin share: BroadcastChannel and locks.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Answer, Server, World};
use wakeworker_core::AttemptOutcome;
use wakeworker_quickjs::LifecycleEvent;

#[test]
fn a_broadcast_reaches_the_running_workers_of_the_origin_that_listen() {
    let listener = "const channel = new BroadcastChannel('news');
                    channel.onmessage = (event) => console.log('heard', event.data.text, event.origin === self.origin);
                    onsync = () => {};";
    let server = Server::start();
    server.put("/listener/sw.js", Answer::script(listener));
    server.put(
        "/speaker/sw.js",
        Answer::script(
            "onsync = (event) => { new BroadcastChannel('news').postMessage({ text: event.tag }) }",
        ),
    );
    server
        .put("/deaf/sw.js", Answer::script("onsync = () => {}; onmessage = () => console.log('deaf heard')"));
    let world = World::new(server);
    for name in ["listener", "deaf"] {
        world.activate(&format!("{name}/sw.js"));
    }
    let (speaker, _) = world.activate("speaker/sw.js");
    let said = world.sync(speaker, "hello");
    assert_eq!(said, AttemptOutcome::Succeeded { handled: true });
    assert_eq!(world.console.wait_for(|line| Some(line.clone())), "heard hello true");
    assert_eq!(world.console.len(), 1);
}

#[test]
fn a_lock_is_held_against_the_other_workers_of_the_origin_until_its_holder_stops() {
    let server = Server::start();
    server.put(
        "/holder/sw.js",
        Answer::script(
            "onsync = (event) => event.waitUntil(new Promise((resolve) => {
                 navigator.locks.request('one', () => { resolve(); return new Promise(() => {}) });
             }))",
        ),
    );
    server.put(
        "/asker/sw.js",
        Answer::script(
            "onsync = (event) => event.waitUntil(
                 navigator.locks.request('one', { ifAvailable: true }, (lock) => console.log(lock?.mode ?? 'busy')));",
        ),
    );
    let world = World::new(server);
    let (holding, holder) = world.activate("holder/sw.js");
    let (asking, _) = world.activate("asker/sw.js");
    world.sync(holding, "hold");
    world.sync(asking, "ask");
    let before = world.events.len();
    world.runtime.stop_worker(holder);
    world.events.wait_after(before, |event| {
        matches!(event, LifecycleEvent::WorkerStopped { worker, .. } if *worker == holder).then_some(())
    });
    world.sync(asking, "ask");
    assert_eq!(world.console.all(), ["busy", "exclusive"]);
}
