//! What is the case in a profile.

use crate::model::input::Request;
use crate::scenario::{Site, Slot};
use std::collections::BTreeMap;
use wakeworker::core::{ActiveWorker, Now, SyncKind, WorkerRegistrationId};

/// Registrations and entries. The disk holds all of it but the phases.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) workers: BTreeMap<Slot, Worker>,
    pub(crate) entries: BTreeMap<Key, Entry>,
    entries_ever: u64,
    /// When a periodic event of each origin last succeeded.
    pub(crate) last_fire: BTreeMap<Site, Time>,
    /// When a round of periodic events last was.
    pub(crate) last_round: Option<Time>,
    /// Host dispatches that wait for the running event of an entry (D22).
    pub(crate) queued: BTreeMap<Key, Queued>,
    /// When entries whose event did not reach the worker are looked at again, by the monotonic clock (R54).
    pub(crate) recheck: Option<u64>,
    /// Hosts that wait for all events of a moment to end.
    pub(crate) due_waits: Vec<DueWait>,
}

/// An entry's place: worker registration, list, tag.
pub(crate) type Key = (Slot, SyncKind, u8);

/// A service worker registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Worker {
    /// `None` as long as nobody has seen it.
    pub(crate) id: Option<WorkerRegistrationId>,
    pub(crate) active: Option<ActiveWorker>,
}

/// A sync registration of either kind.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    /// When a registration last made or changed it, by the wall clock.
    pub(crate) registered: i64,
    pub(crate) phase: Phase,
    pub(crate) attempts: u32,
    pub(crate) attempts_max: u32,
    /// Begun attempts whose end nobody has recorded.
    pub(crate) interrupted: u32,
    pub(crate) reregistered: bool,
    pub(crate) min_interval_ms: u64,
    /// Periodic: since when the interval counts.
    pub(crate) anchor: Time,
    /// The end of a delay, and the same as it is on the disk: an end that passes is no reason to write.
    pub(crate) due: Option<Due>,
    pub(crate) stored_due: Option<Due>,
}

/// The states of the specifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// One-off: fires as soon as it may. Periodic: fires in a round.
    Pending,
    /// Its event did not reach the worker: it is tried again when something changes, or a little later.
    Unreached,
    /// Periodic: the same event once more, as soon as it may.
    Again,
    Firing,
    Waiting(Due),
}

/// The end of a delay, as far as it is known: the host draws some of it at random (R92).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) earliest: Time,
    pub(crate) latest: Time,
}

/// A moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time {
    pub(crate) wall: i64,
    /// Before the start of the process if negative.
    pub(crate) mono: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub(crate) requests: Vec<Request>,
    pub(crate) needs_network: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct DueWait {
    pub(crate) request: Request,
    pub(crate) events: usize,
    pub(crate) runs: Vec<u64>,
}

impl State {
    /// A new entry in state `pending`.
    pub(crate) fn insert(&mut self, key: Key, now: Now, attempts_max: u32, min_interval_ms: u64) {
        self.entries_ever += 1;
        let entry = Entry {
            number: self.entries_ever,
            registered: now.wall.0,
            phase: Phase::Pending,
            attempts: 0,
            attempts_max,
            interrupted: 0,
            reregistered: false,
            min_interval_ms,
            anchor: Time::at(now),
            due: None,
            stored_due: None,
        };
        self.entries.insert(key, entry);
    }

    pub(crate) fn key_of(&self, number: u64) -> Option<Key> {
        self.entries.iter().find(|(_, entry)| entry.number == number).map(|(key, _)| *key)
    }

    /// What the disk holds of it.
    pub(crate) fn on_disk(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        let entries: Vec<_> = self
            .entries
            .iter()
            .map(|(key, entry)| {
                let counts = (entry.attempts, entry.interrupted, entry.reregistered);
                let times = (entry.registered, entry.min_interval_ms, entry.anchor.wall, entry.stored_due);
                (*key, entry.number, counts, times)
            })
            .collect();
        let fires: Vec<_> = self.last_fire.iter().map(|(site, time)| (*site, time.wall)).collect();
        (self.workers.clone(), entries, fires, self.last_round.map(|time| time.wall))
    }

    /// Numbers are never given twice, whatever is loaded.
    pub(crate) fn keep_numbers(&mut self, of: &State) {
        self.entries_ever = self.entries_ever.max(of.entries_ever);
    }
}

impl Entry {
    /// The entry is written as it is.
    pub(crate) fn put(&mut self) {
        self.stored_due = self.due;
    }

    /// A delay begins.
    pub(crate) fn wait(&mut self, due: Due) {
        self.due = Some(due);
        self.phase = Phase::Waiting(due);
    }

    /// A series of attempts is over, and a new interval begins (PS 2.6, step 2.4).
    pub(crate) fn begin_interval(&mut self, now: Now) {
        self.anchor = Time::at(now);
        self.forget_attempts();
        self.phase = Phase::Pending;
    }

    pub(crate) fn forget_attempts(&mut self) {
        self.attempts = 0;
        self.interrupted = 0;
        self.reregistered = false;
        self.due = None;
    }
}

impl Due {
    /// It has passed, whatever was drawn.
    pub(crate) fn has_passed(self, now: Now) -> bool {
        self.latest.is_ago(0, now)
    }

    /// The end of a delay of at least `base_ms` to which `percent` at most are added.
    pub(crate) fn after(now: Now, base_ms: u64, percent: u32) -> Due {
        let most_ms = base_ms + base_ms * u64::from(percent) / 100;
        Due { earliest: Time::at(now).plus(base_ms), latest: Time::at(now).plus(most_ms) }
    }

    /// What is left of it for a new process, whose monotonic clock began anew. No more than `most_ms` (D30).
    pub(crate) fn reloaded(self, now: Now, most_ms: u64) -> Due {
        Due { earliest: self.earliest.due_again(now, most_ms), latest: self.latest.due_again(now, most_ms) }
    }
}

impl Time {
    pub(crate) fn at(now: Now) -> Time {
        Time { wall: now.wall.0, mono: now.mono.0.cast_signed() }
    }

    pub(crate) fn plus(self, ms: u64) -> Time {
        Time { wall: self.wall.saturating_add_unsigned(ms), mono: self.mono.saturating_add_unsigned(ms) }
    }

    /// Whether so much time has passed since, by the clock that does not jump.
    pub(crate) fn is_ago(self, ms: u64, now: Now) -> bool {
        self.mono.saturating_add_unsigned(ms) <= now.mono.0.cast_signed()
    }

    /// A time of the past, read from the disk: one in the future means that the clock was set back (D30).
    pub(crate) fn passed_again(self, now: Now) -> Time {
        let age = now.wall.0.saturating_sub(self.wall).max(0);
        Time { wall: self.wall, mono: now.mono.0.cast_signed().saturating_sub(age) }
    }

    fn due_again(self, now: Now, most_ms: u64) -> Time {
        let left = self.wall.saturating_sub(now.wall.0).clamp(0, most_ms.cast_signed());
        Time { wall: self.wall, mono: now.mono.0.cast_signed().saturating_add(left) }
    }
}
