//! Events at workers: outcomes, limits, the end of a worker (R59–R75, R86–R91, R150–R152).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Answer, Server, World};
use wakeworker_core::{AttemptOutcome, Config, Connection, FailureReason, SyncKind};
use wakeworker_quickjs::{LifecycleEvent, RuntimeConfig};

const HANDLED: AttemptOutcome = AttemptOutcome::Succeeded { handled: true };

fn reason(outcome: &AttemptOutcome) -> FailureReason {
    match outcome {
        AttemptOutcome::Failed { reason, .. } => *reason,
        other => panic!("not a failure: {other:?}"),
    }
}

fn message(outcome: &AttemptOutcome) -> String {
    match outcome {
        AttemptOutcome::Failed { message: Some(message), .. } => message.to_string(),
        other => panic!("no message: {other:?}"),
    }
}

// CR: BackgroundSyncBrowserTest.WaitUntil, WaitUntilReject
#[test]
fn outcomes_follow_the_lifetime_promises() {
    let world = World::new(Server::with_worker(
        "onsync = (event) => {
             if (event.tag === 'throw') throw new Error('not a failure');
             if (event.tag === 'reject') event.waitUntil(Promise.reject(new TypeError('refused')));
             if (event.tag === 'one of two') { event.waitUntil(0); event.waitUntil(new Promise((_, no) => setTimeout(no, 1, 'late'))) }
             if (event.tag === 'added') event.waitUntil(new Promise((done) => setTimeout(() => { event.waitUntil(Promise.reject(1)); done() }, 1)));
         }",
    ));
    world.server.put("/none/sw.js", Answer::script("// no listener"));
    let (id, _) = world.activate("sw.js");
    assert_eq!(world.sync(id, "plain"), HANDLED); // R65
    assert_eq!(world.sync(id, "throw"), HANDLED); // R72, D9
    assert!(
        world.console.all().iter().any(|line| line.contains("not a failure") && line.contains("sw.js:2"))
    );
    let rejected = world.sync(id, "reject"); // R66
    assert_eq!(reason(&rejected), FailureReason::Rejected);
    assert!(message(&rejected).contains("TypeError: refused"), "{rejected:?}");
    assert_eq!(reason(&world.sync(id, "one of two")), FailureReason::Rejected); // R66
    assert_eq!(reason(&world.sync(id, "added")), FailureReason::Rejected); // R66, D33
    let (none, _) = world.activate("none/sw.js");
    assert_eq!(world.sync(none, "t"), AttemptOutcome::Succeeded { handled: false }); // R71, D7
}

#[test] // R67, R90
fn a_worker_beyond_its_limits_is_stopped_and_its_neighbour_answers() {
    let mut limits = RuntimeConfig::default();
    limits.task_cpu_ms_max = 400;
    limits.memory_bytes_max = 16 << 20;
    let server = Server::with_worker(
        "onsync = (event) => {
             const work = {
                 loop() { for (;;) try { for (;;); } catch {} },
                 promises() { event.waitUntil(new Promise(() => {})); (function f() { Promise.resolve().then(f) })() },
                 memory() { const a = []; for (;;) try { a.push(new Array(1e5).fill(0)) } catch {} },
                 string() { let s = 'x'; for (;;) try { s += s } catch {} },
                 later() { event.waitUntil(new Promise(() => setTimeout(() => { for (;;); }, 1))) },
             };
             work[event.tag]?.();
         }",
    );
    server.put("/b/sw.js", Answer::script("let n = 0; onsync = () => console.log('neighbour', ++n)"));
    let world = World::with(server, limits, Config::default());
    let (bad, worker) = world.activate("sw.js");
    let (good, _) = world.activate("b/sw.js");
    for (round, tag) in ["loop", "promises", "memory", "string", "later"].into_iter().enumerate() {
        let hostile = world.host.dispatch_event(bad, SyncKind::BackgroundSync, tag.into(), false);
        assert_eq!(world.sync(good, "t"), HANDLED);
        let outcome = hostile.wait().unwrap();
        assert_eq!(reason(&outcome), FailureReason::Terminated, "{tag}");
        assert!(message(&outcome).contains("stopped"), "{tag}: {outcome:?}");
        // The neighbour was never restarted, and the bad one starts again.
        world.console.wait_for(|line| (*line == format!("neighbour {}", round + 1)).then_some(()));
        assert_eq!(world.sync(bad, "none"), HANDLED);
    }
    assert!(world.runtime.is_worker_running(worker));
}

#[test] // R152
fn queued_events_survive_the_end_of_a_worker() {
    let mut limits = RuntimeConfig::default();
    limits.task_cpu_ms_max = 400;
    let world = World::with(
        Server::with_worker(
            "onsync = (event) => { if (event.tag === 'loop') for (;;); console.log('after') }",
        ),
        limits,
        Config::default(),
    );
    let (id, _) = world.activate("sw.js");
    let dispatch = |tag: &str| world.host.dispatch_event(id, SyncKind::BackgroundSync, tag.into(), false);
    let (first, second) = (dispatch("loop"), dispatch("queued"));
    assert_eq!(reason(&first.wait().unwrap()), FailureReason::Terminated);
    assert_eq!(second.wait().unwrap(), HANDLED);
    assert!(world.console.all().contains(&"after".to_owned()));
}

#[test] // R86, R89, D8
fn an_event_that_takes_too_long_fails_and_its_worker_is_stopped_unless_it_becomes_idle() {
    let mut limits = RuntimeConfig::default();
    limits.terminate_grace_ms = 50;
    // Long enough for a worker to start on a busy machine.
    let config = Config { event_duration_max_ms: 1_000, ..Config::default() };
    let world = World::with(
        Server::with_worker(
            "let sync; onsync = (event) => { sync = event; if (event.tag !== 'quick') event.waitUntil(new Promise(() => {})) };
             onmessage = () => { try { sync.waitUntil(0) } catch (e) { console.log(e.name) } }",
        ),
        limits,
        config,
    );
    let (id, worker) = world.activate("sw.js");
    let outcome = world.sync(id, "slow");
    assert_eq!(reason(&outcome), FailureReason::TimedOut);
    world.events.wait_for(|event| matches!(event, LifecycleEvent::WorkerStopped { .. }).then_some(()));
    assert_eq!(world.sync(id, "quick"), HANDLED);
    assert!(world.runtime.is_worker_running(worker));
}

#[test] // R70, D6
fn a_worker_that_cannot_start_fails_the_attempt() {
    let world = World::new(Server::with_worker(
        "if (registration.active) throw new Error('second start'); onsync = () => {}",
    ));
    let (id, worker) = world.activate("sw.js");
    assert_eq!(world.sync(id, "t"), HANDLED);
    world.runtime.stop_worker(worker);
    world.events.wait_for(|event| matches!(event, LifecycleEvent::WorkerStopped { .. }).then_some(()));
    let outcome = world.sync(id, "t");
    assert_eq!(reason(&outcome), FailureReason::ScriptError);
    assert!(
        message(&outcome).contains("second start") && message(&outcome).contains("sw.js:1"),
        "{outcome:?}"
    );
}

#[test] // R150, R151
fn only_a_worker_without_pending_events_is_stopped_for_idleness() {
    let mut limits = RuntimeConfig::default();
    limits.idle_stop_ms = 30;
    let world = World::with(
        Server::with_worker(
            "onsync = (event) => { if (event.tag === 'long') event.waitUntil(new Promise((done) => setTimeout(done, 150)).then(() => console.log('done'))) }",
        ),
        limits,
        Config::default(),
    );
    let (id, worker) = world.activate("sw.js");
    // A busy machine may stop it between its first events already. Gives how often it was started.
    let stopped = || loop {
        let events = world.events.all();
        let count = |wanted: fn(&&LifecycleEvent) -> bool| events.iter().filter(wanted).count();
        let starts = count(|event| matches!(event, LifecycleEvent::WorkerStarted { .. }));
        if starts == count(|event| matches!(event, LifecycleEvent::WorkerStopped { .. })) {
            break starts;
        }
        world.events.wait_after(events.len(), |_| Some(()));
    };
    let before = stopped();
    assert!(!world.runtime.is_worker_running(worker));
    assert_eq!(world.sync(id, "long"), HANDLED);
    assert_eq!(world.console.all(), ["done"]);
    assert_eq!(stopped(), before + 1);
}

#[test] // R24, R28, R64, R77
fn entries_that_a_script_registers_fire_and_retry_by_the_rules_of_the_engine() {
    let config = Config { retry_delay_initial_ms: 20, retry_jitter_percent: 0, ..Config::default() };
    let world = World::with(
        Server::with_worker(
            "let n = 0;
             onmessage = (event) => event.waitUntil(registration.sync.register(event.data).then(() => console.log('registered', n)));
             onsync = (event) => event.waitUntil((async () => {
                 console.log(event.tag, ++n, event.lastChance);
                 if (n < 3) throw new Error('again');
             })());",
        ),
        RuntimeConfig::default(),
        config,
    );
    let (_, worker) = world.activate("sw.js");
    assert_eq!(world.ask(worker, "outbox"), "registered 0");
    world.console.wait_for(|line| (line == "outbox 3 true").then_some(()));
    assert_eq!(world.console.all(), ["registered 0", "outbox 1 false", "outbox 2 false", "outbox 3 true"]);
}

#[test] // R18, R21
fn a_worker_may_register_while_a_window_of_its_origin_is_open() {
    let world = World::new(Server::with_worker(
        "onmessage = (event) => event.waitUntil(
             registration.sync.register(event.data).then(() => console.log('registered'), (e) => console.log(e.name)))",
    ));
    let (_, worker) = world.activate("sw.js");
    world.network.set(Connection::None);
    assert_eq!(world.ask(worker, "a"), "registered");
    let World { window, host, runtime, console, .. } = world;
    drop(window);
    let before = console.len();
    runtime.post_message(worker, support::clone_of("b"), wakeworker_quickjs::MessageSource::Host);
    assert_eq!(console.wait_after(before, |line| Some(line.clone())), "InvalidAccessError");
    drop(host);
}

#[test] // R54, D11
fn an_event_that_needs_the_network_is_not_dispatched_while_the_host_is_offline() {
    let world = World::new(Server::with_worker(
        "onmessage = (event) => event.waitUntil(registration.sync.register('a').then(() => console.log('registered')));
         onsync = () => console.log('sync', navigator.onLine)",
    ));
    let (_, worker) = world.activate("sw.js");
    world.network.set(Connection::None);
    world.runtime.set_online(false);
    assert_eq!(world.ask(worker, "go"), "registered");
    world.runtime.set_online(true);
    world.network.set(Connection::Wifi);
    world.console.wait_for(|line| (line == "sync true").then_some(()));
    assert_eq!(world.console.all(), ["registered", "sync true"]);
}

#[test]
fn messages_beyond_the_limit_are_dropped_and_the_rest_keep_their_order() {
    let mut limits = RuntimeConfig::default();
    limits.queued_messages_max = 5;
    let world = World::with(
        Server::with_worker(
            "onsync = () => { const end = performance.now() + 100; while (performance.now() < end); };
             onmessage = (event) => console.log(event.data)",
        ),
        limits,
        Config::default(),
    );
    let (id, worker) = world.activate("sw.js");
    let busy = world.host.dispatch_event(id, SyncKind::BackgroundSync, "t".into(), false);
    world.events.wait_for(|event| matches!(event, LifecycleEvent::WorkerStarted { .. }).then_some(()));
    for n in 0..50 {
        let text = support::clone_of(&format!("m{n}"));
        world.runtime.post_message(worker, text, wakeworker_quickjs::MessageSource::Host);
    }
    assert_eq!(busy.wait().unwrap(), HANDLED);
    world.sync(id, "barrier");
    let lines = world.console.all();
    let delivered: Vec<_> = lines.iter().filter(|line| line.starts_with('m')).collect();
    assert!(lines.iter().any(|line| line.contains("dropped")), "{lines:?}");
    assert!(
        delivered.len() >= 5 && delivered.is_sorted_by_key(|line| line[1..].parse::<u32>().unwrap()),
        "{lines:?}"
    );
}
