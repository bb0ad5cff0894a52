//! Kill -9 at random moments: what a store has acknowledged is there afterwards, and nothing is there by halves (R167).
//!
//! This program starts itself again as a child, which commits numbered steps and prints each number once its commit
//! has returned. The parent kills it and compares the profile with a model. A failure prints the seed; run it again
//! with `WAKEWORKER_SEED=…`.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "helpers of tests, and a seed to show")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use wakeworker::core::*;
use wakeworker::store::{ActivityQuery, SqliteStore, Store, StoreError};

const TEST: &str = "kill_9_loses_nothing_that_was_acknowledged";
const PROFILE: &str = "WAKEWORKER_KILL_TEST_PROFILE";
const ROUNDS: u32 = 24;

#[test] // R167
fn kill_9_loses_nothing_that_was_acknowledged() {
    if let Some(profile) = std::env::var_os(PROFILE) {
        return commit_until_killed(Path::new(&profile));
    }
    let seed = std::env::var("WAKEWORKER_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_121);
    println!("WAKEWORKER_SEED={seed}");
    let mut random = Random(seed);
    let directory = tempfile::tempdir().unwrap();
    let profile = directory.path().join("profile");
    let (mut step, mut epoch, mut between) = (0, 0, 0);
    for round in 0..ROUNDS {
        let mut child = start(&profile);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The child is killed while it opens the profile, or somewhere in its first two hundred commits.
        let acknowledgements = if round % 4 == 0 { 0 } else { random.below(200) };
        let mut acknowledged = step;
        for _ in 0..acknowledgements {
            acknowledged = next_step(&mut lines).expect("the child goes on until it is killed");
        }
        if round % 8 == 1 && acknowledgements > 0 {
            let refused = SqliteStore::new(&profile).acquire();
            assert!(matches!(refused, Err(StoreError::InUse { .. })), "{refused:?}");
        }
        random.linger();
        child.kill().unwrap();
        while let Some(number) = next_step(&mut lines) {
            acknowledged = number;
        }
        child.wait().unwrap();

        let mut store = SqliteStore::new(&profile);
        let lease = store.acquire().unwrap();
        assert!(lease.epoch > epoch);
        epoch = lease.epoch;
        step = steps_done(&mut store);
        assert!(
            step == acknowledged || step == acknowledged + 1,
            "round {round}: step {acknowledged} was acknowledged, the profile has {step}"
        );
        between += u32::from(step > acknowledged);
        let loaded = store.load(&lease).unwrap();
        assert_eq!(loaded.skipped, [], "round {round}");
        let found: BTreeMap<_, _> =
            loaded.snapshot.sync_registrations.into_iter().map(|sync| (sync.id.0, sync)).collect();
        assert_eq!(found, model(step), "round {round}, step {step}");
    }
    assert!(step > 300, "only {step} steps were committed in {ROUNDS} rounds: nothing was tested");
    println!("{step} commits, {ROUNDS} kills, {between} of them between a commit and its acknowledgement");
}

/// The child: one commit after the other, for ever.
fn commit_until_killed(profile: &Path) {
    let mut store = SqliteStore::new(profile);
    let lease = store.acquire().unwrap();
    let mut stdout = std::io::stdout().lock();
    // The test harness has begun a line of its own.
    writeln!(stdout).unwrap();
    for step in steps_done(&mut store) + 1.. {
        let durability = if step % 3 == 0 { Durability::Lazy } else { Durability::Strict };
        store.commit(&lease, &changes(step), durability).unwrap();
        writeln!(stdout, "step {step}.").unwrap();
        stdout.flush().unwrap();
    }
}

/// Each step registers an entry, changes the one before it, and removes an old one, all in one commit.
fn changes(step: u64) -> Vec<Change> {
    let mut changes = vec![
        Change::PutWorkerRegistration(WorkerRegistration {
            id: WorkerRegistrationId(1),
            storage_key: StorageKey::first_party("https://chat.example"),
            scope: "https://chat.example/".to_owned(),
            script_url: format!("https://chat.example/sw.js?{step}"),
            active: None,
        }),
        Change::PutSyncRegistration(entry(step, 0)),
        Change::Record(Activity {
            time: Timestamp(step as i64),
            storage_key: None,
            registration: None,
            sync: None,
            event: ActivityEvent::Started { entries: step as usize },
        }),
    ];
    if step > 1 {
        changes.push(Change::PutSyncRegistration(entry(step - 1, 1)));
    }
    if step > 50 {
        changes.push(Change::RemoveSyncRegistration(SyncRegistrationId(entry_id(step - 50))));
    }
    changes
}

/// What all steps up to this one leave.
fn model(step: u64) -> BTreeMap<u64, SyncRegistration> {
    let kept = step.saturating_sub(50) + 1..=step;
    kept.map(|number| (entry_id(number), entry(number, u32::from(number < step)))).collect()
}

fn entry(step: u64, attempts: u32) -> SyncRegistration {
    SyncRegistration {
        id: SyncRegistrationId(entry_id(step)),
        worker_registration: WorkerRegistrationId(1),
        tag: Tag::from(format!("message {step}").as_str()),
        options: SyncOptions::OneShot,
        registered_at: Timestamp(step as i64),
        attempts,
        interrupted_starts: 0,
        attempts_max: 3,
        not_before: (attempts > 0).then_some(Timestamp(step as i64 + 1)),
        not_after: None,
        conditions: Conditions::default(),
        network: None,
        reregistered_while_firing: false,
    }
}

fn entry_id(step: u64) -> u64 {
    step + 1
}

fn steps_done(store: &mut SqliteStore) -> u64 {
    let newest = store.activities(&ActivityQuery { after: 0, limit: 1 }).unwrap();
    match newest.first().map(|recorded| &recorded.activity.event) {
        Some(ActivityEvent::Started { entries }) => *entries as u64,
        _ => 0,
    }
}

fn start(profile: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([TEST, "--exact", "--nocapture", "--test-threads=1"])
        .env(PROFILE, profile)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The next number that the child printed; `None` once it is dead. The full stop shows that the line is whole.
fn next_step(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> Option<u64> {
    lines.find_map(|line| {
        let number = line.unwrap().strip_prefix("step ")?.strip_suffix('.')?.parse().unwrap();
        Some(number)
    })
}

/// A small generator (xorshift), so that a seed always gives the same run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Passes up to about a millisecond, so that the kill does not always come right after an acknowledgement.
    fn linger(&mut self) {
        for _ in 0..self.below(1_000_000) {
            std::hint::spin_loop();
        }
    }
}
