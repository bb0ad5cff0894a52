//! How long a host with many registrations needs to start.
//!
//! ```sh
//! cargo bench -p wakeworker --bench restore -- [DIRECTORY] [ENTRIES]
//! ```
//!
//! The default is 1,000,000 entries of 100 origins: nine one-off ones for each periodic one. The files are in the cache of
//! the system, as after a restart of the program, not of the machine. Processor time is shown beside the time on the
//! clock: on a machine that has other things to do, it is what can be compared.
#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;
use wakeworker::Host;
use wakeworker::core::*;
use wakeworker::store::{SqliteStore, Store};

const ORIGINS: u64 = 100;
const ROUNDS: usize = 5;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let parent = arguments.next().map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    if parent.as_os_str() == "--test" {
        return Ok(()); // `cargo test --benches` only asks whether it builds and starts.
    }
    let entries: u64 = arguments.next().map_or(Ok(1_000_000), |count| count.parse())?;
    std::fs::create_dir_all(&parent)?;
    let directory = tempfile::tempdir_in(&parent)?;
    let profile = directory.path().join("profile");
    fill(&profile, entries)?;
    println!("{entries} entries of {ORIGINS} origins on disk");
    println!("{:>10} {:>10} {:>10} {:>10}", "read s", "restore s", "all s", "all CPU s");
    let mut rows = Vec::new();
    for _ in 0..ROUNDS {
        let row = round(&profile, entries)?;
        let [read, restore, all, cpu] = row;
        println!("{read:>10.3} {restore:>10.3} {all:>10.3} {cpu:>10.3}");
        rows.push(row);
    }
    let median = |column: usize| {
        let mut values: Vec<f64> = rows.iter().map(|row| row[column]).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let (all, cpu) = (median(2), median(3));
    println!("a host opens in {all:.3} s, {cpu:.3} s of processor time (medians; aim: 0.5 s for 1,000,000)");
    Ok(())
}

/// Seconds to read the profile, to restore an engine from that, and to open a whole host (also of processor time).
fn round(profile: &Path, entries: u64) -> Result<[f64; 4]> {
    let begun = now();
    let mut store = SqliteStore::new(profile);
    let lease = store.acquire()?;
    let loaded = store.load(&lease)?;
    let read = begun.elapsed().as_secs_f64();
    assert_eq!(loaded.snapshot.sync_registrations.len() as u64, entries);
    let clocks = Now { wall: Timestamp(1_795_000_000_001), mono: Monotonic(0) };
    let begun = now();
    let engine = Engine::restore(Config::default(), loaded.snapshot, clocks, &mut Step::default())?;
    let restore = begun.elapsed().as_secs_f64();
    drop(engine);
    store.release(lease)?;

    let (begun, cpu_before) = (now(), cpu_seconds());
    let host = Host::builder(Box::new(SqliteStore::new(profile)))
        .network(Box::new(wakeworker::network::ManualNetwork::new(Connection::None)))
        .open()?;
    let all = begun.elapsed().as_secs_f64();
    let cpu = cpu_seconds() - cpu_before;
    drop(host);
    Ok([read, restore, all, cpu])
}

fn fill(profile: &Path, entries: u64) -> Result<()> {
    let mut store = SqliteStore::new(profile);
    let lease = store.acquire()?;
    let owners: Vec<Change> = (1..=ORIGINS).map(owner).collect();
    store.commit(&lease, &owners, Durability::Strict)?;
    let mut next = ORIGINS + 1;
    while next <= ORIGINS + entries {
        let end = (next + 10_000).min(ORIGINS + entries + 1);
        let changes: Vec<Change> = (next..end).map(entry).collect();
        store.commit(&lease, &changes, Durability::Lazy)?;
        next = end;
    }
    Ok(store.release(lease)?)
}

fn owner(id: u64) -> Change {
    let scope = format!("https://site{id}.example/");
    Change::PutWorkerRegistration(WorkerRegistration {
        id: WorkerRegistrationId(id),
        storage_key: StorageKey::from(scope.trim_end_matches('/')),
        script_url: format!("{scope}sw.js"),
        scope,
        active: Some(ActiveWorker { id: WorkerId(id), activated: true }),
    })
}

fn entry(id: u64) -> Change {
    let anchor = Timestamp(1_795_000_000_000);
    let options = match id % 10 {
        0 => SyncOptions::Periodic { min_interval_ms: 86_400_000, anchor, last_success: None },
        _ => SyncOptions::OneShot,
    };
    Change::PutSyncRegistration(SyncRegistration {
        id: SyncRegistrationId(id),
        worker_registration: WorkerRegistrationId(1 + id % ORIGINS),
        tag: Tag::from(format!("workbox-background-sync:outbox-{id}").as_str()),
        options,
        registered_at: anchor,
        attempts: 0,
        interrupted_starts: 0,
        attempts_max: 3,
        not_before: None,
        not_after: None,
        conditions: Conditions::default(),
        network: None,
        reregistered_while_firing: false,
    })
}

/// Processor time of this process with all its threads, in steps of 10 ms; 0 where the system does not tell.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name before the last parenthesis may contain anything; user and system time are the 12th and 13th after it.
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
