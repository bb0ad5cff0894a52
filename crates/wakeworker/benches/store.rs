//! What a commit costs, beside what the disk allows at the same moment.
//!
//! ```sh
//! cargo bench -p wakeworker --bench store -- [DIRECTORY] [ENTRIES]
//! ```
//!
//! Absolute rates say more about the disk than about the store, and the disk may have other things to do. So each
//! round probes the disk right before it commits (4 KiB overwritten in place, then `fdatasync`), and what counts is
//! the ratio of the two. `DIRECTORY` must be on a real disk; the default is the build directory. `ENTRIES` are there
//! before the measurement begins; the default is 100,000.
#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]

use std::error::Error;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use wakeworker::core::*;
use wakeworker::store::{Lease, SqliteStore, Store};

const ROUNDS: usize = 20;
const PROBES: usize = 100;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let parent = arguments.next().map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let entries: u64 = arguments.next().map_or(Ok(100_000), |count| count.parse())?;
    std::fs::create_dir_all(&parent)?;
    let directory = tempfile::tempdir_in(&parent)?;
    let profile = directory.path().join("profile");

    let mut bench = Bench::new(&profile, directory.path())?;
    let filled = now();
    bench.fill(entries)?;
    println!("{entries} entries written in {:.2} s", filled.elapsed().as_secs_f64());
    println!(
        "{:44} {:>10} {:>9} {:>9} {:>9} {:>9} {:>7}",
        "", "per s", "p50 µs", "p99 µs", "CPU µs", "probe/s", "ratio"
    );
    bench.measure("register, one at a time (strict)", Durability::Strict, 100, 1, register)?;
    bench.measure("register, 64 in a commit (strict)", Durability::Strict, 20, 64, register)?;
    bench.measure("register, 1,024 in a commit (strict)", Durability::Strict, 2, 1_024, register)?;
    bench.measure("mark an attempt, one at a time (lazy)", Durability::Lazy, 400, 1, mark)?;
    bench.measure("complete, one at a time (lazy)", Durability::Lazy, 400, 1, complete)?;
    bench.measure("mark an attempt, one at a time (strict)", Durability::Strict, 100, 1, mark)?;
    bench.measure("unregister, one at a time (strict)", Durability::Strict, 100, 1, complete)?;
    drop(bench);

    let opened = now();
    let mut store = SqliteStore::new(&profile);
    let lease = store.acquire()?;
    let loaded = store.load(&lease)?;
    let took = opened.elapsed();
    println!("opened and read {} entries in {took:.1?}", loaded.snapshot.sync_registrations.len());
    println!("database: {} MiB", std::fs::metadata(profile.join("profile.sqlite"))?.len() >> 20);
    Ok(())
}

struct Bench {
    store: SqliteStore,
    lease: Lease,
    probe: File,
    next: u64,
}

impl Bench {
    fn new(profile: &Path, directory: &Path) -> Result<Bench> {
        let mut store = SqliteStore::new(profile);
        let lease = store.acquire()?;
        let workers: Vec<Change> = (1..=OWNERS).map(owner).collect();
        store.commit(&lease, &workers, Durability::Strict)?;
        let mut probe = File::create(directory.join("probe"))?;
        probe.write_all(&vec![1; 4_096 * 1_024])?;
        probe.sync_all()?;
        Ok(Bench { store, lease, probe, next: OWNERS + 1 })
    }

    fn fill(&mut self, entries: u64) -> Result<()> {
        let end = self.next + entries;
        while self.next < end {
            let chunk = (end - self.next).min(10_000);
            let changes: Vec<Change> = (self.next..self.next + chunk).map(put).collect();
            self.store.commit(&self.lease, &changes, Durability::Lazy)?;
            self.next += chunk;
        }
        Ok(())
    }

    /// `commits` commits of `batch` operations in each round.
    fn measure(
        &mut self,
        name: &str,
        durability: Durability,
        commits: usize,
        batch: usize,
        operation: fn(&mut u64, &mut Vec<Change>),
    ) -> Result<()> {
        let mut times = Vec::new();
        let (mut probing, mut working, mut cpu) = (Duration::ZERO, Duration::ZERO, 0);
        for _ in 0..ROUNDS {
            let probed = now();
            for number in 0..PROBES {
                self.probe.seek(SeekFrom::Start(4_096 * (number as u64 % 1_024)))?;
                self.probe.write_all(&[number as u8; 4_096])?;
                self.probe.sync_data()?;
            }
            probing += probed.elapsed();
            let cpu_before = cpu_ns();
            let worked = now();
            for _ in 0..commits {
                let mut changes = Vec::with_capacity(2 * batch);
                for _ in 0..batch {
                    operation(&mut self.next, &mut changes);
                }
                let begun = now();
                self.store.commit(&self.lease, &changes, durability)?;
                times.push(begun.elapsed());
            }
            working += worked.elapsed();
            cpu += cpu_ns() - cpu_before;
        }
        times.sort();
        let operations = (ROUNDS * commits * batch) as f64;
        let rate = operations / working.as_secs_f64();
        let probe_rate = (ROUNDS * PROBES) as f64 / probing.as_secs_f64();
        println!(
            "{name:44} {rate:10.0} {:9.0} {:9.0} {:9.1} {probe_rate:9.0} {:7.2}",
            times[times.len() / 2].as_secs_f64() * 1e6,
            times[times.len() * 99 / 100].as_secs_f64() * 1e6,
            cpu as f64 / 1e3 / operations,
            rate / probe_rate,
        );
        Ok(())
    }
}

/// As a script does: a new entry and its line in the activity log.
fn register(next: &mut u64, changes: &mut Vec<Change>) {
    changes.push(put(*next));
    changes.push(record(ActivityEvent::Registered { min_interval_ms: None }));
    *next += 1;
}

/// As the engine does before it dispatches an event.
fn mark(next: &mut u64, changes: &mut Vec<Change>) {
    let mut sync = entry(scattered(*next));
    sync.interrupted_starts = 1;
    changes.push(Change::PutSyncRegistration(sync));
    changes.push(record(ActivityEvent::Dispatched { last_chance: false, attempt: 1, background: true }));
    *next += 1;
}

/// As the engine does when an event has succeeded.
fn complete(next: &mut u64, changes: &mut Vec<Change>) {
    changes.push(Change::RemoveSyncRegistration(SyncRegistrationId(scattered(*next))));
    changes.push(record(ActivityEvent::Completed { handled: true }));
    *next += 1;
}

const OWNERS: u64 = 1_000;

/// Some entry that is there, far from the one before.
fn scattered(number: u64) -> u64 {
    OWNERS + 1 + number.wrapping_mul(7_919) % (number - OWNERS)
}

fn owner(id: u64) -> Change {
    Change::PutWorkerRegistration(WorkerRegistration {
        id: WorkerRegistrationId(id),
        storage_key: StorageKey::from(format!("https://site{id}.example").as_str()),
        scope: format!("https://site{id}.example/"),
        script_url: format!("https://site{id}.example/sw.js"),
        active: Some(ActiveWorker { id: WorkerId(id), activated: true }),
    })
}

fn put(id: u64) -> Change {
    Change::PutSyncRegistration(entry(id))
}

fn entry(id: u64) -> SyncRegistration {
    SyncRegistration {
        id: SyncRegistrationId(id),
        worker_registration: WorkerRegistrationId(1 + id * 31 % OWNERS),
        tag: Tag::from(format!("workbox-background-sync:outbox-{id}").as_str()),
        options: SyncOptions::OneShot,
        registered_at: Timestamp(1_795_000_000_000),
        attempts: 0,
        interrupted_starts: 0,
        attempts_max: 3,
        not_before: None,
        not_after: None,
        conditions: Conditions::default(),
        network: None,
        reregistered_while_firing: false,
    }
}

fn record(event: ActivityEvent) -> Change {
    Change::Record(Activity {
        time: Timestamp(1_795_000_000_000),
        storage_key: Some(StorageKey::first_party("https://site1.example")),
        registration: Some(WorkerRegistrationId(1)),
        sync: Some((SyncKind::BackgroundSync, Tag::from("workbox-background-sync:outbox"))),
        event,
    })
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// Processor time of this process; 0 where the system does not tell.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
}
