//! The disk of one profile: a store under faults, and the truth about what reached it.
//!
//! Beside the real store it keeps an image of what a perfect disk would hold, commit by commit since the last sync. So it
//! can say after each turn what became of each commit, take the power away at any point between the last sync and now, and
//! check that the store reads back what was written.

mod image;
mod medium;
mod power;
mod sqlite;

pub(crate) use image::Image;
pub(crate) use medium::{Medium, Memory};
pub(crate) use sqlite::Sqlite;

use std::mem::take;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wakeworker::ManualClock;
use wakeworker::core::{ActivityEvent, Change, Durability, SyncKind, WorkerRegistrationId};
use wakeworker::store::{ActivityQuery, Lease, Loaded, RecordedActivity, Store, StoreError};

/// The disk, shared by the store of the running process and the simulator.
#[derive(Clone)]
pub(crate) struct Disk(Arc<Mutex<State>>);

struct State {
    medium: Box<dyn Medium>,
    clock: ManualClock,
    faults: Faults,
    calls: Vec<Call>,
    image: Image,
    /// What the disk holds for certain.
    synced: Image,
    /// Commits since then, oldest first.
    unsynced: Vec<Vec<Change>>,
    /// How many commits have reached the disk, log lines not counted.
    written: u64,
    /// The owner that counts, and the one that the process has become.
    lease: u64,
    lease_taken: u64,
    /// Set when the process has died in the middle of a commit.
    dead: Arc<AtomicBool>,
}

/// What the next operations come to.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Commits that are not done.
    pub(crate) commits: u8,
    /// Commits that are done and reported as failed.
    pub(crate) answers: u8,
    /// Attempts to read that fail.
    pub(crate) loads: u8,
    /// How long the next commit takes.
    pub(crate) slow_ms: u64,
    /// The process dies at the next commit: before or after it is done.
    pub(crate) kill: Option<bool>,
}

/// One operation of the driver, as it really went.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Load {
        ok: bool,
    },
    Commit {
        /// It reached the disk.
        done: bool,
        /// The driver was told so.
        ok: bool,
        /// Nothing but log lines.
        only_log: bool,
        /// Events that the commit says are dispatched.
        started: Vec<Started>,
    },
}

/// An event that a commit says is dispatched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Started {
    pub(crate) registration: WorkerRegistrationId,
    pub(crate) kind: SyncKind,
    pub(crate) tag: String,
    /// In a round of periodic events, and not because the host asked for it.
    pub(crate) of_round: bool,
}

/// The store as the driver sees it.
struct DiskStore {
    disk: Disk,
    store: Box<dyn Store>,
}

impl Disk {
    pub(crate) fn new(medium: Box<dyn Medium>, clock: ManualClock) -> Disk {
        let state = State {
            medium,
            clock,
            faults: Faults::default(),
            calls: Vec::new(),
            image: Image::default(),
            synced: Image::default(),
            unsynced: Vec::new(),
            written: 0,
            lease: 0,
            lease_taken: 0,
            dead: Arc::default(),
        };
        Disk(Arc::new(Mutex::new(state)))
    }

    /// A store for a new process.
    pub(crate) fn open(&self) -> Box<dyn Store> {
        let mut state = self.state();
        state.dead = Arc::default();
        state.faults = Faults::default();
        let store = state.medium.open();
        drop(state);
        Box::new(DiskStore { disk: self.clone(), store })
    }

    /// The clock of a new process.
    pub(crate) fn set_clock(&self, clock: ManualClock) {
        self.state().clock = clock;
    }

    /// Tells whether the process has died in the middle of a commit.
    pub(crate) fn death(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.state().dead)
    }

    pub(crate) fn set_faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.state().faults);
    }

    /// What was asked of the store since the last time.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        take(&mut self.state().calls)
    }

    /// How many commits have reached the disk.
    pub(crate) fn written(&self) -> u64 {
        self.state().written
    }

    /// How many of them are there for certain, whatever happens.
    pub(crate) fn synced(&self) -> u64 {
        let state = self.state();
        state.written - state.unsynced.len() as u64
    }

    /// Another process takes the profile.
    pub(crate) fn lose_lease(&self) {
        self.state().lease += 1;
    }

    /// Whether that has happened.
    pub(crate) fn has_lost_lease(&self) -> bool {
        let state = self.state();
        state.lease != state.lease_taken
    }

    /// The process was killed. The system goes on and keeps what the process wrote.
    pub(crate) fn process_killed(&self) {
        self.state().medium.kill();
    }

    /// The power fails. Of what was not synced a part is left, of the commits a first part.
    pub(crate) fn power_cut(&self, kept: u8) {
        let state = &mut *self.state();
        let cut = state.unsynced.len() * usize::from(kept) / 255;
        let mut images = vec![state.synced.clone()];
        for commit in &state.unsynced {
            let mut image = images[images.len() - 1].clone();
            commit.iter().for_each(|change| image.apply(change));
            images.push(image);
        }
        let survived = state.medium.power_cut(&images, cut, kept);
        state.written = state.written - state.unsynced.len() as u64 + survived as u64;
        state.image = images.swap_remove(survived);
        state.synced = state.image.clone();
        state.unsynced.clear();
    }

    /// A panic elsewhere has ended the run already.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn lease_check(&self, lease: &Lease) -> Result<(), StoreError> {
        if self.dead.load(Ordering::Relaxed) {
            return Err(fault("go on: the process is dead"));
        }
        if self.lease == lease.epoch { Ok(()) } else { Err(StoreError::LeaseLost) }
    }

    /// Counts a fault down.
    fn due(count: &mut u8) -> bool {
        let due = *count > 0;
        *count = count.saturating_sub(1);
        due
    }

    fn note_done(&mut self, changes: &[Change], durability: Durability) {
        changes.iter().for_each(|change| self.image.apply(change));
        self.written += 1;
        match durability {
            Durability::Lazy => self.unsynced.push(changes.to_vec()),
            Durability::Strict => {
                self.unsynced.clear();
                self.synced = self.image.clone();
            }
        }
    }
}

impl Store for DiskStore {
    fn acquire(&mut self) -> Result<Lease, StoreError> {
        let lease = self.store.acquire()?;
        let mut state = self.disk.state();
        (state.lease, state.lease_taken) = (lease.epoch, lease.epoch);
        drop(state);
        Ok(lease)
    }

    fn load(&mut self, lease: &Lease) -> Result<Loaded, StoreError> {
        let mut state = self.disk.state();
        let checked = state.lease_check(lease);
        let fails = checked.is_ok() && State::due(&mut state.faults.loads);
        if !state.dead.load(Ordering::Relaxed) {
            state.calls.push(Call::Load { ok: checked.is_ok() && !fails });
        }
        checked?;
        if fails {
            return Err(fault("read the profile"));
        }
        let loaded = self.store.load(lease)?;
        assert!(loaded.skipped.is_empty(), "records cannot be read: {:?}", loaded.skipped);
        state.image.assert_equals(&loaded.snapshot, "what the store reads");
        Ok(loaded)
    }

    fn commit(
        &mut self,
        lease: &Lease,
        changes: &[Change],
        durability: Durability,
    ) -> Result<(), StoreError> {
        let mut state = self.disk.state();
        let only_log = changes.iter().all(|change| matches!(change, Change::Record(_)));
        let started = started(changes);
        let called = |state: &mut State, done, ok| {
            state.calls.push(Call::Commit { done, ok, only_log, started: started.clone() })
        };
        if let Err(error) = state.lease_check(lease) {
            if !state.dead.load(Ordering::Relaxed) {
                called(&mut state, false, false);
            }
            return Err(error);
        }
        let slow_ms = take(&mut state.faults.slow_ms);
        state.clock.advance_ms(slow_ms);
        let kill = if only_log { None } else { state.faults.kill.take() };
        let fails = kill == Some(false) || (kill.is_none() && State::due(&mut state.faults.commits));
        if fails {
            called(&mut state, false, false);
            state.dead.store(kill.is_some(), Ordering::Relaxed);
            return Err(fault("commit"));
        }
        self.store.commit(lease, changes, durability)?;
        if !only_log {
            state.note_done(changes, durability);
        }
        let lost = kill == Some(true) || State::due(&mut state.faults.answers);
        called(&mut state, true, !lost);
        state.dead.store(kill.is_some(), Ordering::Relaxed);
        if lost { Err(fault("say that it committed")) } else { Ok(()) }
    }

    fn activities(&mut self, query: &ActivityQuery) -> Result<Vec<RecordedActivity>, StoreError> {
        self.store.activities(query)
    }

    fn clear_activities(&mut self, lease: &Lease) -> Result<(), StoreError> {
        self.store.clear_activities(lease)
    }

    fn release(&mut self, lease: Lease) -> Result<(), StoreError> {
        self.store.release(lease)
    }
}

/// The events of the log lines. The line of a round comes after those of its events.
fn started(changes: &[Change]) -> Vec<Started> {
    let mut found = Vec::new();
    for change in changes {
        let Change::Record(activity) = change else { continue };
        match (&activity.event, activity.registration, &activity.sync) {
            (ActivityEvent::Dispatched { .. }, Some(registration), Some((kind, tag))) => {
                let tag = tag.to_string_lossy();
                found.push(Started { registration, kind: *kind, tag, of_round: false });
            }
            (ActivityEvent::Round { events }, ..) => {
                let of_round = found.iter_mut().rev().take(*events);
                of_round.for_each(|started| started.of_round = true);
            }
            _ => {}
        }
    }
    found
}

fn fault(operation: &'static str) -> StoreError {
    StoreError::Database { operation, message: "a fault of the simulation".into() }
}
