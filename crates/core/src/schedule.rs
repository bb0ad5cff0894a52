//! What is due when. One timer is armed for the earliest; nothing ticks.

use crate::{AttemptId, Monotonic, Now, SyncRegistrationId};
use alloc::collections::BTreeSet;
use core::fmt;

/// When the engine wants to be called again, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wakeup {
    /// Milliseconds from now; 0 if something is due already.
    pub after_ms: u64,
    /// What becomes due.
    pub reason: WakeupReason,
}

/// Why the engine wants to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WakeupReason {
    /// The back-off delay of a one-off entry ends.
    RetryDue(SyncRegistrationId),
    /// A running event reaches its time limit.
    EventTimeout(AttemptId),
    /// An event did not reach its worker although the engine is online: entries are looked at again (R54).
    Recheck,
    /// The earliest time of a one-off entry comes (R247).
    EarliestReached(SyncRegistrationId),
    /// The latest time of a one-off entry passes (R247).
    LatestPassed(SyncRegistrationId),
    /// A round of periodic events is due; this is the entry that is due first (R115).
    PeriodicRound(SyncRegistrationId),
    /// An origin that had too many events may have the next one (R173).
    EventAllowed,
}

impl fmt::Display for WakeupReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WakeupReason::RetryDue(sync) => write!(f, "retry of sync registration {sync} is due"),
            WakeupReason::EventTimeout(attempt) => write!(f, "time limit of event {attempt}"),
            WakeupReason::Recheck => f.write_str("an event that did not reach its worker is tried again"),
            WakeupReason::EarliestReached(sync) => {
                write!(f, "the earliest time of sync registration {sync} comes")
            }
            WakeupReason::LatestPassed(sync) => {
                write!(f, "the latest time of sync registration {sync} passes")
            }
            WakeupReason::PeriodicRound(sync) => {
                write!(f, "a round of periodic events is due, sync registration {sync} first")
            }
            WakeupReason::EventAllowed => {
                f.write_str("an origin that had too many events may have its next one")
            }
        }
    }
}

/// The due times of everything that waits for time to pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schedule {
    retries: BTreeSet<(Monotonic, SyncRegistrationId)>,
    timeouts: BTreeSet<(Monotonic, AttemptId)>,
    recheck: Option<Monotonic>,
}

impl Schedule {
    /// Looks at pending entries again at `due`, or earlier if that was asked for already.
    pub(crate) fn recheck_at(&mut self, due: Monotonic) {
        self.recheck = Some(self.recheck.map_or(due, |earlier| earlier.min(due)));
    }

    /// Whether the time of a recheck has come, which is thereby over.
    pub(crate) fn take_due_recheck(&mut self, now: Now) -> bool {
        self.recheck.take_if(|due| *due <= now.mono).is_some()
    }

    pub(crate) fn add_retry(&mut self, due: Monotonic, sync: SyncRegistrationId) {
        self.retries.insert((due, sync));
    }

    pub(crate) fn remove_retry(&mut self, due: Monotonic, sync: SyncRegistrationId) {
        self.retries.remove(&(due, sync));
    }

    /// Takes one retry that is due.
    pub(crate) fn pop_due_retry(&mut self, now: Now) -> Option<SyncRegistrationId> {
        pop_due(&mut self.retries, now.mono)
    }

    pub(crate) fn add_timeout(&mut self, due: Monotonic, attempt: AttemptId) {
        self.timeouts.insert((due, attempt));
    }

    pub(crate) fn remove_timeout(&mut self, due: Monotonic, attempt: AttemptId) {
        self.timeouts.remove(&(due, attempt));
    }

    /// Takes one event whose time is up.
    pub(crate) fn pop_due_timeout(&mut self, now: Now) -> Option<AttemptId> {
        pop_due(&mut self.timeouts, now.mono)
    }

    /// The earliest moment at which something can happen. While offline no retry can, so none wakes the machine (R51).
    pub(crate) fn next_wakeup(&self, now: Now, online: bool) -> Option<Wakeup> {
        let retry =
            self.retries.first().filter(|_| online).map(|&(due, id)| (due, WakeupReason::RetryDue(id)));
        let timeout = self.timeouts.first().map(|&(due, id)| (due, WakeupReason::EventTimeout(id)));
        let recheck = self.recheck.filter(|_| online).map(|due| (due, WakeupReason::Recheck));
        let (due, reason) = retry.into_iter().chain(timeout).chain(recheck).min_by_key(|&(due, _)| due)?;
        Some(Wakeup { after_ms: due.ms_since(now.mono), reason })
    }

    pub(crate) fn retries(&self) -> &BTreeSet<(Monotonic, SyncRegistrationId)> {
        &self.retries
    }

    pub(crate) fn timeouts(&self) -> &BTreeSet<(Monotonic, AttemptId)> {
        &self.timeouts
    }
}

fn pop_due<T: Ord + Copy>(set: &mut BTreeSet<(Monotonic, T)>, now: Monotonic) -> Option<T> {
    let &first = set.first().filter(|(due, _)| *due <= now)?;
    set.remove(&first);
    Some(first.1)
}
