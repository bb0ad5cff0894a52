//! What a worker costs: cold start, warm dispatch, memory. `cargo bench -p wakeworker-quickjs`
//!
//! A plain program: each figure is the median and the 95th percentile of many rounds, with the parts that make it up.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that prints its findings, and fails by panicking"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use support::{Server, World, workbox};
use wakeworker_core::{AttemptOutcome, Config, SyncKind, WorkerRegistrationId};
use wakeworker_quickjs::{LifecycleEvent, RuntimeConfig};

fn main() {
    let server = Server::with_worker(&workbox::bundle());
    let world = World::with(server, RuntimeConfig::default(), Config::default());
    let (id, worker) = world.activate("sw.js");
    println!("Workbox worker ({} KiB of script)", workbox::bundle().len() / 1024);

    let mut starts = Vec::new();
    let mut evaluations = Vec::new();
    for _ in 0..200 {
        stop(&world, worker);
        let begin = now();
        probe(&world, id);
        starts.push(begin.elapsed());
        stop(&world, worker);
        let (sender, receiver) = channel();
        let begin = now();
        world.runtime.start_worker(worker, move |result| sender.send(result).unwrap());
        support::wait(&receiver).unwrap();
        evaluations.push(begin.elapsed());
    }
    report("cold start: stopped, event dispatched, handled, reported", starts);
    report("  of which thread, heap, runtime layer, worker script", evaluations);

    report_with_cpu("warm dispatch through the host, there and back", || probe(&world, id));
    bare_messages();
    println!(
        "{:<62} {:>8} KiB",
        "JavaScript heap of the worker",
        world.runtime.worker_memory_bytes(worker).unwrap_or(0) / 1024
    );
    report_memory();
    drop(world);
    many_workers();
}

/// What the machine takes, at this moment, to wake three threads in a row and back: caller, engine, worker.
fn bare_messages() {
    let (to_engine, engine_inbox) = channel();
    let (to_worker, worker_inbox) = channel();
    let (to_caller, caller_inbox) = channel();
    let back = to_engine.clone();
    let worker = std::thread::spawn(move || worker_inbox.iter().for_each(|()| drop(back.send(Bare::Ended))));
    let engine = std::thread::spawn(move || {
        for message in engine_inbox {
            match message {
                Bare::Dispatch => drop(to_worker.send(())),
                Bare::Ended => drop(to_caller.send(())),
                Bare::Stop => break,
            }
        }
    });
    let round = || {
        to_engine.send(Bare::Dispatch).unwrap();
        caller_inbox.recv().unwrap();
    };
    report_with_cpu("  beside it: a bare message through the same three threads", round);
    to_engine.send(Bare::Stop).unwrap();
    engine.join().unwrap();
    worker.join().unwrap();
}

enum Bare {
    Dispatch,
    Ended,
    Stop,
}

/// Resident memory with many idle workers of one origin each.
fn many_workers() {
    const WORKERS: usize = 50;
    let bundle = workbox::bundle();
    let server = Server::start();
    for n in 0..WORKERS {
        server.put(&format!("/{n}/sw.js"), support::Answer::script(&bundle));
    }
    let world = World::with(server, RuntimeConfig::default(), Config::default());
    let before = resident_kib();
    for n in 0..WORKERS {
        world.activate(&format!("{n}/sw.js"));
    }
    if let (Some(before), Some(after)) = (before, resident_kib()) {
        println!(
            "{:<62} {:>8} KiB",
            format!("resident memory per worker, {WORKERS} running"),
            (after - before) / WORKERS as u64
        );
    }
}

fn probe(world: &World, id: WorkerRegistrationId) {
    let outcome =
        world.host.dispatch_event(id, SyncKind::BackgroundSync, "probe".into(), false).wait().unwrap();
    assert_eq!(outcome, AttemptOutcome::Succeeded { handled: true });
}

fn stop(world: &World, worker: wakeworker_core::WorkerId) {
    let before = world.events.len();
    if world.runtime.is_worker_running(worker) {
        world.runtime.stop_worker(worker);
        world
            .events
            .wait_after(before, |event| matches!(event, LifecycleEvent::WorkerStopped { .. }).then_some(()));
    }
}

/// Reports the times of many rounds, and the processor time of all threads for one: the former tell how busy the machine is,
/// the latter how much there is to do.
fn report_with_cpu(what: &str, round: impl Fn()) {
    const ROUNDS: u32 = 5_000;
    let before = process_cpu();
    let times = (0..ROUNDS)
        .map(|_| {
            let begin = now();
            round();
            begin.elapsed()
        })
        .collect();
    let cpu = (process_cpu() - before) / ROUNDS;
    report(what, times);
    println!("{:<62} {:>8.0} µs", "  processor time of one", cpu.as_secs_f64() * 1e6);
}

/// The processor time that this process has used; nothing where the system does not tell.
fn process_cpu() -> Duration {
    #[cfg(not(unix))]
    return Duration::ZERO;
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::print_stdout, reason = "the report")]
fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e6;
    println!("{what:<62} {:>8.0} µs median {:>8.0} µs p95", at(50), at(95));
}

fn report_memory() {
    if let Some(resident) = resident_kib() {
        println!("{:<62} {resident:>8} KiB", "resident memory of this process, one worker running");
    }
}

/// Resident memory, where the system tells it.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
