//! What the neighbours of a hostile worker notice: the time of an honest worker's event while another one attacks, beside
//! its time in peace just before. A plain thread that only computes, in the place of the attack, tells what the machine
//! itself takes for sharing its processors. `cargo bench -p wakeworker-quickjs --bench neighbour`

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that prints its findings, and fails by panicking"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::{Answer, Server, World};
use wakeworker_core::{AttemptOutcome, Config, SyncKind, WorkerRegistrationId};
use wakeworker_quickjs::RuntimeConfig;

/// Each attack goes on until its worker is stopped, and begins again.
const ATTACKS: [(&str, &str); 8] = [
    ("endless loop", "for (;;) {}"),
    ("endless microtasks", "for (;;) await 0"),
    ("memory, many small objects", "const held = []; for (;;) held.push({})"),
    ("memory, large buffers", "const held = []; for (;;) held.push(new Uint8Array(1 << 20))"),
    ("deep recursion, caught", "const f = () => { try { f() } catch { f() } }; f()"),
    ("regular expression", "/(a+)+$/.test('a'.repeat(40) + 'b')"),
    ("flood of console lines", "for (;;) console.log('x'.repeat(1000))"),
    ("flood of messages to itself", "for (;;) { self.serviceWorker.postMessage('x'.repeat(1000)); await 0 }"),
];
const ROUNDS: usize = 300;

fn main() {
    let server = Server::start();
    server.put("/neighbour/sw.js", Answer::script("onsync = () => {}"));
    for (n, (_, attack)) in ATTACKS.iter().enumerate() {
        let script = format!("onsync = (event) => event.waitUntil((async () => {{ {attack} }})());");
        server.put(&format!("/{n}/sw.js"), Answer::script(&script));
    }
    let mut limits = RuntimeConfig::default();
    limits.task_cpu_ms_max = 2_000;
    let world = World::with(server, limits, Config::default());
    let neighbour = world.activate("neighbour/sw.js").0;
    measure(&world, neighbour);
    println!(
        "{:<36} {:>9} {:>9} {:>9} {:>11} {:>8}",
        "attack", "50 % µs", "95 % µs", "99 % µs", "in peace µs", "× peace"
    );
    report(&world, neighbour, "none, but a thread that computes", |goes_on| {
        while goes_on.load(Ordering::Acquire) {
            std::hint::spin_loop();
        }
    });
    for (n, (name, _)) in ATTACKS.iter().enumerate() {
        let attacker = world.activate(&format!("{n}/sw.js")).0;
        let host = world.host.handle();
        report(&world, neighbour, name, |goes_on| {
            while goes_on.load(Ordering::Acquire) {
                // How it ends is the hostile scripts' tests' matter.
                drop(host.dispatch_event(attacker, SyncKind::BackgroundSync, "t".into(), false).wait());
            }
        });
    }
}

/// Measures the neighbour in peace, then while `attack` runs on a thread of its own, and prints both.
fn report(
    world: &World,
    neighbour: WorkerRegistrationId,
    name: &str,
    attack: impl FnOnce(&AtomicBool) + Send,
) {
    let peace = measure(world, neighbour);
    let goes_on = AtomicBool::new(true);
    let times = std::thread::scope(|scope| {
        scope.spawn(|| attack(&goes_on));
        let _end = EndWhenDropped(&goes_on);
        measure(world, neighbour)
    });
    let at = |times: &[Duration], percent: usize| times[times.len() * percent / 100].as_secs_f64() * 1e6;
    println!(
        "{name:<36} {:>9.0} {:>9.0} {:>9.0} {:>11.0} {:>8.1}",
        at(&times, 50),
        at(&times, 95),
        at(&times, 99),
        at(&peace, 50),
        at(&times, 50) / at(&peace, 50)
    );
}

/// Ends the attack even if a measurement fails, which would wait for it otherwise.
struct EndWhenDropped<'a>(&'a AtomicBool);

impl Drop for EndWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// The times of the neighbour's events, in order.
fn measure(world: &World, neighbour: WorkerRegistrationId) -> Vec<Duration> {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begin = now();
            assert_eq!(world.sync(neighbour, "probe"), AttemptOutcome::Succeeded { handled: true });
            begin.elapsed()
        })
        .collect();
    times.sort();
    times
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}
