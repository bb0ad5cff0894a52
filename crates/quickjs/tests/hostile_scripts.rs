//! Scripts that attack their host: every one is stopped within its limits, its event fails with the right reason, and a
//! neighbour notices nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Answer, Server, World};
use wakeworker_core::{AttemptOutcome, Config, FailureReason, WorkerRegistrationId};
use wakeworker_quickjs::RuntimeConfig;

const HANDLED: AttemptOutcome = AttemptOutcome::Succeeded { handled: true };

/// A neighbour that does honest work in each event.
const NEIGHBOUR: &str = "
    const open = () => new Promise((done) => {
        const request = indexedDB.open('n', 1);
        request.onupgradeneeded = () => request.result.createObjectStore('s');
        request.onsuccess = () => done(request.result);
    });
    onsync = (event) => event.waitUntil((async () => {
        const db = await open();
        await new Promise((done) => {
            const transaction = db.transaction('s', 'readwrite');
            transaction.objectStore('s').put(event.tag, 'last');
            transaction.oncomplete = done;
        });
        db.close();
    })());";

fn limits() -> RuntimeConfig {
    let mut limits = RuntimeConfig::default();
    limits.task_cpu_ms_max = 250;
    limits.memory_bytes_max = 16 << 20;
    limits.terminate_grace_ms = 50;
    limits.unresponsive_ms_max = 4_000;
    limits.event_duration_max_ms = 400;
    limits
}

/// Long enough for every other limit to strike first.
const EVENT_MS: u64 = 20_000;

/// A world with an attacker, whose `sync` event runs the attack, and a neighbour.
fn worlds(attack: &str, event_ms: u64) -> (World, WorkerRegistrationId, WorkerRegistrationId) {
    let server = Server::start();
    let script = format!(
        "onsync = (event) => {{ if (event.tag === 'attack') event.waitUntil((async () => {{ {attack} }})()); }};"
    );
    server.put("/attack/sw.js", Answer::script(&script));
    server.put("/neighbour/sw.js", Answer::script(NEIGHBOUR));
    let world =
        World::with(server, limits(), Config { event_duration_max_ms: event_ms, ..Config::default() });
    let attacker = world.activate("attack/sw.js").0;
    let neighbour = world.activate("neighbour/sw.js").0;
    (world, attacker, neighbour)
}

/// What becomes of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The worker is stopped.
    Stopped,
    /// The event takes too long and its worker is stopped.
    TimedOut,
    /// The script gets an exception that it does not catch.
    Rejected,
    /// It does no harm, and is let go on.
    Harmless,
}

/// Runs attacks one after the other, each in a world of its own: it must end as expected, while the neighbour works.
fn check(event_ms: u64, attacks: &[(&str, End)]) {
    for (attack, expected) in attacks {
        let (world, attacker, neighbour) = worlds(attack, event_ms);
        let attacked = world.host.dispatch_event(
            attacker,
            wakeworker_core::SyncKind::BackgroundSync,
            "attack".into(),
            false,
        );
        for round in 0..3 {
            assert_eq!(world.sync(neighbour, &format!("during-{round}")), HANDLED, "{attack}");
        }
        let outcome = attacked.wait().unwrap();
        let end = match &outcome {
            AttemptOutcome::Succeeded { .. } => End::Harmless,
            AttemptOutcome::Failed { reason: FailureReason::Rejected, .. } => End::Rejected,
            AttemptOutcome::Failed { reason: FailureReason::Terminated, .. } => End::Stopped,
            AttemptOutcome::Failed { reason: FailureReason::TimedOut, .. } => End::TimedOut,
            other => panic!("{attack}: {other:?}"),
        };
        assert_eq!(end, *expected, "{attack}: {outcome:?}");
        assert_eq!(world.sync(neighbour, "after"), HANDLED, "{attack}");
    }
}

#[test] // R67, R90
fn endless_loops_are_stopped() {
    check(
        EVENT_MS,
        &[
            ("for (;;) {}", End::Stopped),
            ("for (;;) try { for (;;); } catch {}", End::Stopped),
            ("function f() { try { f() } finally { f() } } f()", End::Stopped),
            ("for (;;) await 0", End::Stopped),
            ("for (;;) await caches.has('x')", End::Stopped),
            ("(function f() { Promise.resolve().then(f) })(); await new Promise(() => {})", End::Stopped),
            ("queueMicrotask(function f() { queueMicrotask(f) }); await new Promise(() => {})", End::Stopped),
            ("structuredClone({ get a() { for (;;); } })", End::Stopped),
            ("structuredClone({ get a() { return { get b() { for (;;); } } } })", End::Stopped),
            ("await { then() { for (;;); } }", End::Stopped),
            ("await { get then() { for (;;); } }", End::Stopped),
            ("registration.sync.register({ toString() { for (;;); } })", End::Stopped),
            ("new Headers({ get a() { for (;;); } })", End::Stopped),
            ("new Request('/', { get method() { for (;;); } })", End::Stopped),
            ("new Response(new ReadableStream({ pull() { for (;;); } })).text(); await 0", End::Stopped),
            (
                "dispatchEvent(new class extends Event { get type() { for (;;); } }('x')); for (;;);",
                End::Stopped,
            ),
            ("/(a+)+$/.test('a'.repeat(40) + 'b')", End::Stopped),
            ("'a'.repeat(5e4).replace(/(.*)*x/, '')", End::Stopped),
            ("[...Array(1e6).keys()].sort(() => { for (;;); })", End::Stopped),
            (
                "(async function* () { for (;;) yield 0 })().next(); for await (const x of (async function* () { for (;;) yield 0 })());",
                End::Stopped,
            ),
            ("eval('for (;;);')", End::Stopped),
            ("new Proxy({}, { get() { for (;;); } }).x", End::Stopped),
            ("console.log({ get a() { for (;;); }, toString() { for (;;); } }); for (;;);", End::Stopped),
        ],
    );
}

#[test] // R67, R90
fn memory_bombs_are_stopped() {
    check(
        EVENT_MS,
        &[
            ("let a = []; for (;;) a.push(new Uint8Array(100000))", End::Stopped),
            ("let a = []; for (;;) a.push({})", End::Stopped),
            ("let s = 'x'; for (;;) s += s", End::Rejected),
            ("let a = []; for (;;) a.push(new Promise(() => {}))", End::Stopped),
            ("let a = []; for (;;) { let big = new Array(1000).fill(0); a.push(() => big) }", End::Stopped),
            ("let m = new Map(); for (let i = 0;; i++) m.set(i, i + 'x')", End::Stopped),
            ("let a = []; for (;;) try { a.push('x'.repeat(1 << 20) + a.length) } catch {}", End::Stopped),
            ("let a = []; for (;;) a.push(new SharedArrayBuffer(1 << 20))", End::Stopped),
            ("new ArrayBuffer(1 << 30)", End::Stopped),
            ("'x'.repeat(2 ** 29)", End::Stopped),
            ("new Blob(Array(1000).fill(new Uint8Array(1 << 20)))", End::Stopped),
            ("new Array(2 ** 31).fill(0)", End::Stopped),
            ("JSON.parse('[' + '0,'.repeat(4e6) + '0]')", End::Stopped),
            ("let a = [new Error('x')]; for (;;) a.push(new Error('x', { cause: a }))", End::Stopped),
            (
                "let s = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1 << 16)) } }, { highWaterMark: Infinity }); await new Promise(() => {})",
                End::Stopped,
            ),
            (
                "const [a, b] = new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1 << 16)) } })).body.tee(); for await (const x of a);",
                End::Stopped,
            ),
        ],
    );
}

#[test] // R67
fn deep_recursion_is_an_exception() {
    check(
        EVENT_MS,
        &[
            ("(function f(n) { return f(n + 1) + 1 })(0)", End::Rejected),
            ("let x = []; for (let n = 0; n < 1e5; n++) x = [x]; structuredClone(x)", End::Rejected),
            ("let x = {}; for (let n = 0; n < 1e5; n++) x = { x }; JSON.stringify(x)", End::Rejected),
            ("JSON.parse('['.repeat(1e6))", End::Rejected),
            ("eval('('.repeat(1e5))", End::Rejected),
            ("new RegExp('('.repeat(1e5))", End::Rejected),
            ("let p = {}; for (let n = 0; n < 2e4; n++) p = new Proxy(p, {}); p.x", End::Rejected),
            ("let x = []; for (let n = 0; n < 5e4; n++) x = [x]; console.log(x)", End::Harmless),
            (
                "let e = new Error('x'); for (let n = 0; n < 5e3; n++) e = new Error('x', { cause: e }); throw e",
                End::Rejected,
            ),
        ],
    );
}

#[test] // R67, R89, D8
fn waiting_for_ever_times_out() {
    check(
        300,
        &[
            ("await new Promise(() => {})", End::TimedOut),
            ("await new Promise((done) => setTimeout(done, 1e9))", End::TimedOut),
            ("for (;;) await new Promise((done) => setTimeout(done))", End::TimedOut),
        ],
    );
}

#[test] // R67, R173
fn floods_are_bounded() {
    check(
        EVENT_MS,
        &[
            ("for (let n = 0; n < 2e4; n++) setTimeout(() => {}, 1e6)", End::Rejected),
            (
                "for (let n = 0; n < 3e3; n++) console.log('x'.repeat(1000)); console.log('x'.repeat(1e6))",
                End::Harmless,
            ),
            ("for (let n = 0; n < 2e3; n++) self.serviceWorker.postMessage('x'.repeat(100))", End::Harmless),
            (
                "for (let n = 0; n < 40; n++) self.serviceWorker.postMessage('x'.repeat(1 << 20))",
                End::Harmless,
            ),
            ("await registration.sync.register('x'.repeat(1 << 20))", End::Rejected),
            (
                "await Promise.all(Array.from({ length: 500 }, (_, n) => registration.sync.register('t' + n)))",
                End::Harmless,
            ),
            ("crypto.getRandomValues(new Uint8Array(1 << 20))", End::Rejected),
            (
                "const held = []; for (let n = 0; n < 2e4; n++) { held.push(new TextDecoder()); held[n].decode(new Uint8Array([0xe2]), { stream: true }) }",
                End::Rejected,
            ),
        ],
    );
}

#[test] // R67, R90
fn what_blocks_or_escapes_elsewhere_is_not_there() {
    check(
        EVENT_MS,
        &[
            ("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)", End::Rejected),
            ("await import('file:///etc/passwd')", End::Rejected),
            ("await import('os')", End::Rejected),
            ("importScripts('file:///etc/passwd')", End::Rejected),
            ("await fetch('file:///etc/passwd')", End::Rejected),
            (
                "if (typeof require !== 'undefined' || typeof process !== 'undefined' || typeof std !== 'undefined' || typeof __host !== 'undefined') for (;;); throw 1",
                End::Rejected,
            ),
            (
                "const b = new ArrayBuffer(8); structuredClone(b, { transfer: [b] }); new Response(b); await new Blob([b]).text()",
                End::Rejected,
            ),
            (
                "const b = new ArrayBuffer(8); b.transfer(); new TextDecoder().decode(b); crypto.getRandomValues(new Uint8Array(b))",
                End::Rejected,
            ),
        ],
    );
}

#[test] // R67, R90
fn a_thread_that_cannot_be_interrupted_is_given_up() {
    for attack in
        ["[].reverse.call({ length: 2 ** 53 - 1 })", "'a'.repeat(4e6).indexOf('a'.repeat(2e6) + 'b')"]
    {
        let (world, attacker, neighbour) = worlds(attack, EVENT_MS);
        let outcome = world.sync(attacker, "attack");
        let AttemptOutcome::Failed { reason, message } = &outcome else { panic!("{outcome:?}") };
        assert!(*reason == FailureReason::Terminated, "{attack}: {outcome:?}");
        assert!(
            message.as_ref().is_some_and(|text| text.contains("cannot be interrupted")),
            "{attack}: {outcome:?}"
        );
        world.console.wait_for(|line| line.contains("cannot be interrupted").then_some(()));
        // Its origin gets no second thread that might do the same; what was running goes on.
        assert_eq!(world.sync(neighbour, "after"), HANDLED);
        let outcome = world.sync(attacker, "again");
        assert!(
            matches!(&outcome, AttemptOutcome::Failed { reason: FailureReason::StartFailed, message: Some(text) }
                if text.contains("cannot be interrupted")),
            "{outcome:?}"
        );
    }
}

#[test] // R151, D8
fn a_flood_of_short_tasks_is_no_way_around_a_time_limit() {
    let mut limits = limits();
    limits.idle_stop_ms = 200;
    // Neither timers nor promises pile up: it is time that must end it, not memory.
    let flood = "const again = () => { setTimeout(again); };
        const drive = () => { registration.sync.getTags().then(drive); };
        for (let n = 0; n < 100; n++) { again(); drive(); }";
    // No event runs: the worker is idle, whatever it does by itself.
    let world = World::with(Server::with_worker(flood), limits.clone(), Config::default());
    let (_, worker) = world.activate("sw.js");
    world.events.wait_for(|event| {
        matches!(event, wakeworker_quickjs::LifecycleEvent::WorkerStopped { worker: stopped, .. } if *stopped == worker)
            .then_some(())
    });
    // A message event that never ends: the runtime keeps the clock of it.
    limits.idle_stop_ms = 60_000;
    let script = format!("onmessage = (event) => {{ event.waitUntil(new Promise(() => {{}})); {flood} }}");
    let world = World::with(Server::with_worker(&script), limits, Config::default());
    let (_, worker) = world.activate("sw.js");
    world.runtime.post_message(worker, support::clone_of("go"), wakeworker_quickjs::MessageSource::Host);
    world.console.wait_for(|line| line.contains("took too long").then_some(()));
}

#[test]
fn responses_that_nobody_reads_do_not_use_up_the_fetches() {
    let world = World::with(
        Server::with_worker(
            "onsync = (event) => event.waitUntil((async () => {
                 for (let n = 0; n < 400; n++) {
                     const response = await fetch('/sw.js');
                     if (!response.ok) throw new Error(response.status);
                 }
             })());",
        ),
        RuntimeConfig::default(),
        Config::default(),
    );
    let (id, _) = world.activate("sw.js");
    assert_eq!(world.sync(id, "t"), HANDLED);
}

#[test]
fn request_bodies_under_way_are_limited_together() {
    // Takes connections and never says anything.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let script = format!(
        "onsync = (event) => event.waitUntil((async () => {{
             const send = () => fetch('http://{}/', {{ method: 'POST', mode: 'no-cors', body: new Uint8Array(600_000) }});
             send().catch(() => {{}});
             console.log(await send().catch((error) => error.message));
         }})());",
        silent.local_addr().unwrap()
    );
    let mut limits = RuntimeConfig::default();
    limits.request_bytes_max = 1 << 20;
    let world = World::with(Server::with_worker(&script), limits, Config::default());
    let (id, _) = world.activate("sw.js");
    assert_eq!(world.sync(id, "t"), HANDLED);
    world.console.wait_for(|line| line.contains("the limit is 1048576").then_some(()));
}

#[test] // R158, R173
fn a_flood_of_registrations_is_refused_and_the_first_ones_stay() {
    let mut limits = RuntimeConfig::default();
    limits.worker_registrations_per_origin_max = 5;
    limits.idle_stop_ms = 50;
    let world = World::with(Server::with_worker("onsync = () => {}"), limits, Config::default());
    let results: Vec<_> = (0..20).map(|n| world.register_scope("sw.js", Some(&format!("./{n}/")))).collect();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 5);
    let refused = results.iter().rev().find_map(|result| result.as_ref().err()).unwrap();
    assert_eq!(refused.name(), "QuotaExceededError");
    assert!(refused.message().contains("limit"), "{refused}");
    // A known scope is always welcome, and an unregistered one makes room.
    let first = results[0].as_ref().unwrap();
    assert!(world.register_scope("sw.js", Some("./0/")).is_ok());
    assert!(world.unregister(first.id));
    assert!(world.register_scope("sw.js", Some("./new/")).is_ok());
    let long = "x".repeat(100_000);
    assert_eq!(world.register_scope("sw.js", Some(&long)).unwrap_err().name(), "TypeError");
}

#[test] // R163
fn a_script_that_fills_the_disk_reaches_its_quota_and_what_it_deletes_is_free_again() {
    let script = "
        const database = () => new Promise((done) => {
            const request = indexedDB.open('d', 1);
            request.onupgradeneeded = () => request.result.createObjectStore('s', { autoIncrement: true });
            request.onsuccess = () => done(request.result);
        });
        const change = async (work) => {
            const db = await database();
            const transaction = db.transaction('s', 'readwrite');
            work(transaction.objectStore('s'));
            const error = await new Promise((done) => {
                transaction.oncomplete = () => done(null);
                transaction.onabort = () => done(transaction.error.name);
            });
            db.close();
            return error;
        };
        const part = 'x'.repeat(200_000);
        const fills = {
            database: () => change((store) => { for (let n = 0; n < 4; n++) store.put(part + n); }),
            blobs: () => change((store) => { for (let n = 0; n < 4; n++) store.put(new Blob([part])); }),
            cache: async () => {
                try {
                    await (await caches.open('c')).put('/' + Math.random(), new Response(part));
                } catch (error) {
                    return error.name;
                }
                return null;
            },
        };
        onsync = (event) => event.waitUntil((async () => {
            if (event.tag === 'empty') {
                await caches.delete('c');
                await change((store) => store.clear());
                return console.log('empty ' + (await fills.database()));
            }
            let error = null;
            for (let n = 0; n < 200 && error === null; n++) error = await fills[event.tag]();
            const { usage, quota } = await navigator.storage.estimate();
            console.log([event.tag, error, usage <= quota].join());
        })());";
    let mut limits = RuntimeConfig::default();
    limits.origin_bytes_max = 4 << 20;
    let world = World::with(Server::with_worker(script), limits, Config::default());
    let (id, _) = world.activate("sw.js");
    for filled in ["database", "blobs", "cache"] {
        assert_eq!(world.sync(id, filled), HANDLED);
        world.console.wait_for(|line| (*line == format!("{filled},QuotaExceededError,true")).then_some(()));
        let on_disk = bytes_in(&world.dir.path().join("runtime"));
        assert!(on_disk < 12 << 20, "{filled}: {on_disk} bytes on the disk for a quota of {}", 4 << 20);
    }
    assert_eq!(world.sync(id, "empty"), HANDLED);
    world.console.wait_for(|line| (line == "empty null").then_some(()));
}

#[test] // R173
fn a_worker_that_fires_itself_without_end_leaves_room_for_others() {
    let config = Config { events_per_origin_and_hour_max: Some(40), ..Config::default() };
    let again = "let n = 0; onsync = (event) => event.waitUntil(registration.sync.register('t' + ++n).then(() => console.log('event ' + n)))";
    let world = World::with(Server::with_worker(again), RuntimeConfig::default(), config);
    let (id, _) = world.activate("sw.js");
    world.host.sync_manager(id).register("t".into()).wait().unwrap();
    world.console.wait_for(|line| (line == "event 40").then_some(()));
    // What a tool asks for is not the site's doing.
    assert_eq!(world.sync(id, "tool"), HANDLED);
    world.console.wait_for(|line| (line == "event 41").then_some(()));
    let left = world.host.sync_registrations().wait().unwrap();
    let waits = left.iter().find(|status| status.registration.tag == "t40".into()).unwrap();
    assert!(
        matches!(waits.reasons[..], [wakeworker_core::Reason::TooManyEvents { .. }]),
        "the rest waits for the next hour: {left:?}"
    );
}

/// What the files of a folder take.
fn bytes_in(folder: &std::path::Path) -> u64 {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { bytes_in(&path) } else { path.metadata().unwrap().len() }
        })
        .sum()
}
