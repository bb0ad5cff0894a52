//! What requests for scripts say to the caches on the way (service worker specification, "Update" and "importScripts": the
//! update via cache mode), and register and update jobs that are one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::mpsc::channel;
use support::{Answer, DAY_MS, Server, World, wait};
use wakeworker_quickjs::{RegisterJob, UpdateViaCache, WorkerType};

const ASKS: Option<&str> = Some("max-age=0");
const MAY_BE_STORED: Option<&str> = None;

fn server(version: u32) -> Server {
    let server = Server::start();
    put(&server, version);
    server.put("/lib.js", Answer::script("self.lib = 1"));
    server
}

fn put(server: &Server, version: u32) {
    server.put("/sw.js", Answer::script(&format!("importScripts('lib.js'); self.version = {version}")));
    server.put("/module.js", Answer::script(&format!("import './lib.js'; self.version = {version}")));
}

fn job(world: &World, script: &str, mode: UpdateViaCache) -> RegisterJob {
    let worker_type = if script == "module.js" { WorkerType::Module } else { WorkerType::Classic };
    RegisterJob { update_via_cache: mode, ..world.job(script, None, worker_type) }
}

/// The `Cache-Control` header of every request for a script so far.
fn asked(world: &World, path: &str) -> Vec<Option<String>> {
    let requests = world.server.requests(path);
    requests.iter().map(|request| request.headers.get("cache-control").cloned()).collect()
}

fn check(script: &str, mode: UpdateViaCache, main: Option<&str>, import: Option<&str>) {
    let path = format!("/{script}");
    let all = |header: Option<&str>, times| vec![header.map(str::to_owned); times];
    let world = World::new(server(1));
    let state = world.register_job(job(&world, script, mode)).unwrap();
    assert_eq!(state.update_via_cache, mode);
    let first = world.activated(state.id, None);
    assert_eq!(asked(&world, &path), all(main, 1), "{script} {mode:?}: register");
    assert_eq!(asked(&world, "/lib.js"), all(import, 1), "{script} {mode:?}: import");
    world.update(state.id).unwrap();
    put(&world.server, 2);
    world.update(state.id).unwrap();
    world.activated(state.id, Some(first));
    assert_eq!(asked(&world, &path), all(main, 3), "{script} {mode:?}: update");
    assert_eq!(asked(&world, "/lib.js"), all(import, 3), "{script} {mode:?}: update of the import");
    // The mode is kept, and after a day nobody may answer for the server.
    let world = world.aged(DAY_MS + 60_000);
    world.update(state.id).unwrap();
    assert_eq!(asked(&world, &path)[3..], all(ASKS, 1), "{script} {mode:?}: after a day");
    assert_eq!(asked(&world, "/lib.js")[3..], all(ASKS, 1), "{script} {mode:?}: import after a day");
    world.update(state.id).unwrap();
    assert_eq!(asked(&world, &path)[4..], all(main, 1), "{script} {mode:?}: the next look");
    assert_eq!(
        asked(&world, "/lib.js")[4..],
        all(import, 1),
        "{script} {mode:?}: the next look at the import"
    );
}

#[test] // R156, R157
fn caches_on_the_way_may_answer_what_the_mode_allows() {
    for script in ["sw.js", "module.js"] {
        check(script, UpdateViaCache::Imports, ASKS, MAY_BE_STORED);
        check(script, UpdateViaCache::All, MAY_BE_STORED, MAY_BE_STORED);
        check(script, UpdateViaCache::None, ASKS, ASKS);
    }
}

#[test] // R157
fn a_soft_update_passes_all_caches_by() {
    let world = World::new(server(1));
    let state = world.register_job(job(&world, "sw.js", UpdateViaCache::All)).unwrap();
    world.activated(state.id, None);
    let world = world.aged(DAY_MS + 60_000);
    world.sync(state.id, "t");
    // Closing the runtime waits for what it has begun.
    let world = world.reopen();
    assert_eq!(asked(&world, "/sw.js").last().unwrap().as_deref(), ASKS);
    assert_eq!(asked(&world, "/lib.js").last().unwrap().as_deref(), ASKS);
}

#[test] // R158
fn another_mode_is_no_other_registration_and_no_other_worker() {
    let world = World::new(server(1));
    let state = world.register_job(job(&world, "sw.js", UpdateViaCache::Imports)).unwrap();
    let worker = world.activated(state.id, None);
    let again = world.register_job(job(&world, "sw.js", UpdateViaCache::None)).unwrap();
    assert_eq!((again.id, again.active.unwrap().id), (state.id, worker));
    assert_eq!(again.update_via_cache, UpdateViaCache::None);
    assert_eq!(asked(&world, "/lib.js").last().unwrap().as_deref(), ASKS, "the new mode decides");
}

#[test] // R158
fn jobs_that_are_equivalent_to_the_last_one_share_its_result() {
    let world = World::new(server(1));
    let (release, held) = channel::<()>();
    let held = std::sync::Mutex::new(held);
    world.server.remove("/sw.js");
    world.server.handle(move |request| {
        (request.path == "/sw.js").then(|| {
            // The first request is answered when all jobs have been scheduled.
            let _ = held.lock().unwrap().recv();
            Answer::script("self.x = 1")
        })
    });
    let (sender, receiver) = channel();
    let schedule = |mode, name: &'static str| {
        let sender = sender.clone();
        world.runtime.register(job(&world, "sw.js", mode), move |result| {
            sender.send((name, result.map(|state| state.installing.map(|worker| worker.id)))).unwrap();
        });
    };
    schedule(UpdateViaCache::Imports, "first");
    schedule(UpdateViaCache::Imports, "same");
    schedule(UpdateViaCache::All, "other mode");
    drop(release);
    let (name, first) = wait(&receiver);
    assert_eq!((name, first.as_ref().unwrap().is_some()), ("first", true));
    assert_eq!(wait(&receiver), ("same", first));
    assert_eq!(wait(&receiver).0, "other mode");
    assert_eq!(world.server.requests("/sw.js").len(), 2, "one for each of the two jobs");
}
