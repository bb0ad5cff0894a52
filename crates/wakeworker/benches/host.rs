//! What a host pays: durable registrations against the disk's own limit, and an event through the whole engine.
//!
//! `cargo bench -p wakeworker --bench host`. Rates of durable writes are given as ratios to a probe of the same disk
//! taken in the same run (4 KiB overwritten in place + fdatasync), since the disk's speed is not ours.
#![allow(missing_docs, reason = "a program")]
#![expect(clippy::print_stdout, reason = "a program that prints its findings")]

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wakeworker::core::*;
use wakeworker::store::{MemoryStore, SqliteStore, Store};
use wakeworker::{DispatchDone, Host, HostHandle, WorkerBackend};

const CALLERS: usize = 64;
const ROUNDS: usize = 5;

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return; // `cargo test --benches` only asks whether it builds and starts.
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut rows: Vec<[f64; 5]> = Vec::new();
    for round in 0..ROUNDS {
        let before = probe(directory.path(), Duration::from_millis(700));
        let (alone, together) = register_rates(&directory.path().join(format!("profile {round}")));
        let after = probe(directory.path(), Duration::from_millis(700));
        let probe = f64::midpoint(before, after);
        println!(
            "round {round}: probe {probe:.0}/s, 1 caller {alone:.0}/s ({:.2} x), {CALLERS} callers {together:.0}/s ({:.2} x)",
            alone / probe,
            together / probe
        );
        rows.push([probe, alone / probe, together / probe, alone, together]);
    }
    println!("fsync probe                        median {:>8.0} /s", median(rows.iter().map(|row| row[0])));
    println!(
        "durable register, 1 caller         median {:>8.0} /s = {:.2} x probe (aim: 0.5 x)",
        median(rows.iter().map(|row| row[3])),
        median(rows.iter().map(|row| row[1]))
    );
    println!(
        "durable register, {CALLERS} callers       median {:>8.0} /s = {:.2} x probe (aim: 34,000/s on a quiet disk, 4 x)",
        median(rows.iter().map(|row| row[4])),
        median(rows.iter().map(|row| row[2]))
    );
    let (start_median_ms, start_p99_ms) = handler_start(&directory.path().join("start"));
    println!(
        "register -> handler start (FULL)   median {start_median_ms:>8.3} ms, p99 {start_p99_ms:.3} ms (aim: 0.5 and 1.5)"
    );
    for (name, store) in [
        ("memory", Box::new(MemoryStore::new()) as Box<dyn Store>),
        ("sqlite", Box::new(SqliteStore::new(directory.path().join("fire")))),
    ] {
        let rate = fire_rate(store);
        println!(
            "fire and complete ({name})          {rate:>15.0} /s (aim: 28,000; backend: answers at once)"
        );
    }
    for (name, store) in [
        ("memory", Box::new(MemoryStore::new()) as Box<dyn Store>),
        ("sqlite", Box::new(SqliteStore::new(directory.path().join("dispatch")))),
    ] {
        let (median_us, p99_us) = dispatch_latency(store);
        println!(
            "event through the engine ({name})  median {median_us:>8.1} us, p99 {p99_us:.1} us (backend: another thread)"
        );
    }
}

/// The disk's own limit: 4 KiB overwritten in place, then fdatasync, for as long as told. Gives the rate per second.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn probe(directory: &Path, duration: Duration) -> f64 {
    let mut file = File::create(directory.join("probe")).expect("a probe file");
    let block = [0x5A_u8; 4096];
    file.write_all(&block).and_then(|()| file.sync_all()).expect("a first write");
    let (start, mut writes) = (Instant::now(), 0_u32);
    while start.elapsed() < duration {
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.write_all(&block))
            .and_then(|()| file.sync_data())
            .expect("a write");
        writes += 1;
    }
    f64::from(writes) / start.elapsed().as_secs_f64()
}

/// Durable registrations a second: by one caller, and by many at once.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn register_rates(profile: &Path) -> (f64, f64) {
    let (host, registration, _window) = open(Box::new(SqliteStore::new(profile)), None);
    let manager = host.sync_manager(registration);
    let register = |name: String| manager.register(name.as_str().into()).wait().expect("registered");
    let alone = 2_000;
    let start = Instant::now();
    (0..alone).for_each(|n| register(format!("alone {n}")));
    let alone = f64::from(alone) / start.elapsed().as_secs_f64();
    let each = 300;
    let start = Instant::now();
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            scope.spawn(move || (0..each).for_each(|n| register(format!("{caller} {n}"))));
        }
    });
    (alone, (CALLERS * each) as f64 / start.elapsed().as_secs_f64())
}

/// Microseconds from the host's call to the answer: median and 99th percentile.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn dispatch_latency(store: Box<dyn Store>) -> (f64, f64) {
    let (host, registration, _window) = open(store, Some(Arc::new(OneThread::start())));
    let mut micros: Vec<f64> = (0..5_000)
        .map(|_| {
            let start = Instant::now();
            let outcome =
                host.dispatch_event(registration, SyncKind::BackgroundSync, "tag".into(), false).wait();
            assert!(matches!(outcome, Ok(AttemptOutcome::Succeeded { .. })));
            start.elapsed().as_secs_f64() * 1e6
        })
        .skip(500)
        .collect();
    micros.sort_by(f64::total_cmp);
    (micros[micros.len() / 2], micros[micros.len() * 99 / 100])
}

/// Milliseconds from the caller's `register` to the backend being handed the event: median and 99th percentile. In
/// between are the way to the engine thread, the fsync and the promise.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn handler_start(profile: &Path) -> (f64, f64) {
    let (sender, started) = std::sync::mpsc::channel();
    let backend = Arc::new(AtOnce { started: Some(sender) });
    let (host, registration, _window) = open(Box::new(SqliteStore::new(profile)), Some(backend));
    let manager = host.sync_manager(registration);
    let mut millis: Vec<f64> = (0..5_000)
        .map(|n| {
            let tag = format!("tag {n}");
            let begun = Instant::now();
            drop(manager.register(tag.as_str().into()));
            let at: Instant = started.recv().expect("the event is fired");
            at.duration_since(begun).as_secs_f64() * 1e3
        })
        .skip(500)
        .collect();
    millis.sort_by(f64::total_cmp);
    (millis[millis.len() / 2], millis[millis.len() * 99 / 100])
}

/// Events a second through the whole engine, from the change to online until the last entry is gone.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn fire_rate(store: Box<dyn Store>) -> f64 {
    let entries = 50_000;
    let network = wakeworker::network::ManualNetwork::new(Connection::None);
    let backend = Arc::new(AtOnce { started: None });
    let (host, registration, _window) = open_on(store, Some(backend), network.clone());
    let manager = host.sync_manager(registration);
    let registered: Vec<_> =
        (0..entries).map(|n| manager.register(format!("tag {n}").as_str().into())).collect();
    registered.into_iter().for_each(|pending| pending.wait().expect("registered"));
    let (sender, idle) = std::sync::mpsc::channel();
    let _subscription = host.on_keep_awake(move |awake| {
        if !awake {
            let _ = sender.send(Instant::now());
        }
    });
    let begun = Instant::now();
    network.set(Connection::Wifi);
    let mut last = idle.recv().expect("all events end");
    while !manager.get_tags().wait().expect("tags").is_empty() {
        last = idle.recv().expect("all events end");
    }
    f64::from(entries) / last.duration_since(begun).as_secs_f64()
}

const ORIGIN: &str = "https://bench.example";

fn open(
    store: Box<dyn Store>,
    backend: Option<Arc<dyn WorkerBackend>>,
) -> (Host, WorkerRegistrationId, wakeworker::ClientGuard) {
    // Offline where nobody answers events, online where somebody does.
    let connection = if backend.is_some() { Connection::Wifi } else { Connection::None };
    open_on(store, backend, wakeworker::network::ManualNetwork::new(connection))
}

fn open_on(
    store: Box<dyn Store>,
    backend: Option<Arc<dyn WorkerBackend>>,
    network: wakeworker::network::ManualNetwork,
) -> (Host, WorkerRegistrationId, wakeworker::ClientGuard) {
    // One origin plays many here.
    let config = Config {
        entries_per_worker_registration_max: None,
        entries_per_origin_max: None,
        events_per_origin_and_hour_max: None,
        ..Config::default()
    };
    let mut builder = Host::builder(store).network(Box::new(network)).config(config);
    if let Some(backend) = backend {
        builder = builder.backend(backend);
    }
    let host = builder.open().expect("a host");
    let key = StorageKey::first_party(ORIGIN);
    let window = host.open_client(key.clone(), FrameType::TopLevel);
    let (scope, script) = ("https://bench.example/".to_owned(), "https://bench.example/sw.js".to_owned());
    let registration = host.add_worker_registration(key, scope, script).wait().expect("registered");
    host.set_active_worker(registration, Some(ActiveWorker { id: WorkerId(1), activated: true }), None);
    (host, registration, window)
}

/// A backend whose worker is one thread that succeeds at once: what remains is the engine and two changes of thread.
struct OneThread(std::sync::mpsc::Sender<DispatchDone>);

impl OneThread {
    fn start() -> OneThread {
        let (sender, receiver) = std::sync::mpsc::channel::<DispatchDone>();
        std::thread::spawn(move || {
            receiver.iter().for_each(|done| done.finish(AttemptOutcome::Succeeded { handled: true }));
        });
        OneThread(sender)
    }
}

/// A backend that answers on the spot, and tells when it was asked.
struct AtOnce {
    started: Option<std::sync::mpsc::Sender<Instant>>,
}

impl WorkerBackend for AtOnce {
    fn attach(&self, _host: HostHandle) {}

    #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
    fn dispatch(&self, _dispatch: &Dispatch, done: DispatchDone) {
        if let Some(started) = &self.started {
            let _ = started.send(Instant::now());
        }
        done.finish(AttemptOutcome::Succeeded { handled: true });
    }

    fn terminate(&self, _attempt: AttemptId) {}
}

impl WorkerBackend for OneThread {
    fn attach(&self, _host: HostHandle) {}

    fn dispatch(&self, _dispatch: &Dispatch, done: DispatchDone) {
        self.0.send(done).expect("the thread lives");
    }

    fn terminate(&self, _attempt: AttemptId) {}
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
