//! A million entries in one engine: restore, memory, the next wake-up after a change, and the storm when the network comes
//! back. Plain program: `cargo bench -p wakeworker-core --bench scale [-- periodic] [entries]`. Memory is read from /proc, so Linux only.
#![allow(clippy::print_stdout, missing_docs, reason = "it prints a table")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::hint::black_box;
use std::time::{Duration, Instant};
use wakeworker_core::*;

const NOW: Now = Now { wall: Timestamp(1_800_000_000_000), mono: Monotonic(1_000_000) };
const ENTRIES_PER_WORKER: usize = 1_000;

fn main() {
    let entries = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    // One kind in a process: what the first one gave back would make the second one look small.
    match std::env::args().any(|argument| argument == "periodic") {
        true => million(SyncKind::PeriodicSync, entries),
        false => million(SyncKind::BackgroundSync, entries),
    }
    storm(10_000, 100);
}

fn million(kind: SyncKind, entries: usize) {
    println!("{kind:?}, {entries} entries, {ENTRIES_PER_WORKER} for each worker registration");
    let tags: Vec<Tag> = (0..entries).map(|index| Tag::from(format!("outbox-{index:08}").as_str())).collect();
    let before = resident_bytes();
    let snapshot = snapshot(kind, &tags);
    let (took, mut engine) = time(|| restore(snapshot));
    let bytes = (resident_bytes() - before) as f64 / entries as f64;
    println!("  restore                      {took:>10.1?}   {bytes:.0} bytes an entry beyond its tag");
    let (took, ()) = time(|| grant_all(&mut engine, entries.div_ceil(ENTRIES_PER_WORKER)));
    let bytes = (resident_bytes() - before) as f64 / entries as f64;
    println!("  permissions stated           {took:>10.1?}   {bytes:.0} bytes an entry beyond its tag");
    let (took, ()) = time(|| _ = black_box(engine.next_wakeup(NOW)));
    println!("  next_wakeup                  {took:>10.1?}");
    const CHANGES: u32 = 1_000;
    let mut step = Step::default();
    for pass in ["first in its worker registration", "again"] {
        let (took, ()) = time(|| {
            for change in 0..CHANGES {
                let owner = WorkerRegistrationId(
                    1 + u64::from(change) * 7919 % (entries / ENTRIES_PER_WORKER) as u64,
                );
                let (registration, request) = (owner, RequestId(change.into()));
                let tag = Tag::from(format!("{pass} {change}").as_str());
                let input = match kind {
                    SyncKind::BackgroundSync => {
                        let options =
                            OneShotOptions { earliest_ms: 5_000 + u64::from(change), ..Default::default() };
                        Input::RegisterOneShot { request, registration, tag, options }
                    }
                    SyncKind::PeriodicSync => {
                        let options = PeriodicOptions { min_interval_ms: 3_600_000, ..Default::default() };
                        Input::RegisterPeriodic { request, registration, tag, options }
                    }
                };
                engine.handle_input(NOW, input, &mut step);
                black_box(engine.next_wakeup(NOW));
                step = Step::default();
            }
        });
        println!("  register + next_wakeup       {:>10.1?} each, {pass}", took / CHANGES);
    }
}

/// The network comes back to entries that waited for it, and all of them succeed.
fn storm(entries: usize, origins: usize) {
    let mut engine = restore(Snapshot { worker_registrations: workers(origins), ..Snapshot::default() });
    grant_all(&mut engine, origins);
    let mut step = Step::default();
    for index in 0..entries {
        let registration = WorkerRegistrationId((index % origins) as u64 + 1);
        let tag = Tag::from(format!("outbox-{index}").as_str());
        let (request, options) = (RequestId(index as u64), OneShotOptions::default());
        engine.handle_input(NOW, Input::RegisterOneShot { request, registration, tag, options }, &mut step);
    }
    let mut step = Step::default();
    let online = Input::NetworkChanged { connection: Connection::Wifi, network: None };
    let (took, ()) = time(|| engine.handle_input(NOW, online, &mut step));
    let attempts: Vec<AttemptId> = step
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Dispatch(dispatch) => Some(dispatch.attempt),
            _ => None,
        })
        .collect();
    assert_eq!(attempts.len(), entries, "each entry gets its own event");
    println!("reconnect storm, {entries} entries of {origins} origins");
    println!("  chosen and dispatched        {took:>10.1?}");
    let (took, ()) = time(|| {
        for attempt in attempts {
            let outcome = AttemptOutcome::Succeeded { handled: true };
            engine.handle_input(NOW, Input::AttemptEnded { attempt, outcome }, &mut step);
        }
    });
    println!("  ended and removed            {took:>10.1?}");
    assert_eq!(engine.sync_statuses(NOW).count(), 0);
}

fn restore(snapshot: Snapshot) -> Engine {
    let config = Config {
        entries_per_worker_registration_max: None,
        entries_per_origin_max: None,
        events_per_origin_and_hour_max: None,
        ..Config::default()
    };
    Engine::restore(config, snapshot, NOW, &mut Step::default()).expect("a valid configuration")
}

fn grant_all(engine: &mut Engine, origins: usize) {
    for origin in 1..=origins {
        let storage_key = key(origin);
        let name = PermissionName::PeriodicBackgroundSync;
        let state = PermissionState::Granted;
        let granted = Input::PermissionChanged { storage_key: storage_key.clone(), name, state };
        engine.handle_input(NOW, granted, &mut Step::default());
        let allowed = Input::AllowWithoutWindow { storage_key, allowed: true };
        engine.handle_input(NOW, allowed, &mut Step::default());
    }
}

fn snapshot(kind: SyncKind, tags: &[Tag]) -> Snapshot {
    let sync_registrations = tags
        .iter()
        .enumerate()
        .map(|(index, tag)| SyncRegistration {
            id: SyncRegistrationId((tags.len() + index) as u64),
            worker_registration: WorkerRegistrationId((index / ENTRIES_PER_WORKER) as u64 + 1),
            tag: tag.clone(),
            options: match kind {
                SyncKind::BackgroundSync => SyncOptions::OneShot,
                SyncKind::PeriodicSync => SyncOptions::Periodic {
                    min_interval_ms: [43_200_000, 86_400_000, 604_800_000][index % 3],
                    anchor: Timestamp(NOW.wall.0 - (index as i64 * 7919) % 43_200_000),
                    last_success: Some(Timestamp(NOW.wall.0 - 1_000)),
                },
            },
            registered_at: NOW.wall,
            attempts: 0,
            interrupted_starts: 0,
            attempts_max: 3,
            not_before: None,
            not_after: None,
            conditions: Conditions::default(),
            network: None,
            reregistered_while_firing: false,
        })
        .collect();
    let worker_registrations = workers(tags.len().div_ceil(ENTRIES_PER_WORKER));
    Snapshot { worker_registrations, sync_registrations, ..Snapshot::default() }
}

fn workers(count: usize) -> Vec<WorkerRegistration> {
    (1..=count)
        .map(|id| WorkerRegistration {
            id: WorkerRegistrationId(id as u64),
            storage_key: key(id),
            scope: "/".into(),
            script_url: "/sw.js".into(),
            active: Some(ActiveWorker { id: WorkerId(1), activated: true }),
        })
        .collect()
}

fn key(origin: usize) -> StorageKey {
    StorageKey::first_party(&format!("https://origin{origin}.example"))
}

fn time<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
