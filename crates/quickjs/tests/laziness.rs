//! Parts of the JavaScript layer that a worker never names cost it nothing: they are read when a script first names one of
//! their interfaces.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Server, World};

/// Evaluates its messages.
const WORKER: &str = "onmessage = (event) => console.log(String((0, eval)(event.data)));";

/// What the heap grows by when a worker evaluates this.
fn growth(script: &str) -> usize {
    let world = World::new(Server::with_worker(WORKER));
    let (_, worker) = world.activate("sw.js");
    // The first message brings the code that answers messages into play.
    world.ask(worker, "0");
    let before = world.runtime.worker_memory_bytes(worker).unwrap();
    world.ask(worker, script);
    world.runtime.worker_memory_bytes(worker).unwrap().saturating_sub(before)
}

#[test]
fn large_parts_are_read_when_they_are_first_named() {
    let nothing = growth("typeof Request + typeof SyncEvent");
    for (name, at_least) in [
        ("IDBKeyRange", 60_000),
        ("ReadableStream", 60_000),
        ("CryptoKey", 25_000),
        ("URLPattern", 15_000),
        ("Cache", 8_000),
        ("PerformanceObserver", 5_000),
        ("Notification", 5_000),
        ("WebSocket", 3_000),
        ("EventSource", 3_000),
    ] {
        let grown = growth(&format!("typeof {name}"));
        assert!(
            grown > nothing + at_least,
            "naming {name} made the heap {grown} bytes larger, and naming what is there anyway {nothing}"
        );
        let again = growth(&format!("'{name}' in self"));
        assert!(again < nothing + 2_000, "asking whether there is a {name} has read it: {again} bytes");
    }
}

#[test]
fn getters_of_the_global_read_their_parts_too_and_only_once() {
    let once = growth("typeof indexedDB");
    assert!(once > 60_000, "{once}");
    let twice =
        growth("typeof indexedDB + typeof indexedDB + typeof IDBFactory + (indexedDB === self.indexedDB)");
    assert!(twice < once + once / 4, "once {once}, several times {twice}");
}
