//! When the engine wants to be called again, and why (R179–R183).

use crate::engine::Engine;
use crate::entry::Phase;
use crate::{AttemptId, Now, SyncKind, SyncRegistrationId};
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

impl Engine {
    /// When the engine wants [`crate::Input::TimePassed`] next, and why. `None`: only when something else happens.
    pub fn next_wakeup(&self, now: Now) -> Option<Wakeup> {
        let schedule = &self.schedule;
        let open = schedule.first_delays().filter(|(gate, ..)| self.gate_is_open(*gate)); // R51
        let delay = open.map(|(_, due, id)| (due, self.delay_reason(id)));
        let timeout = schedule.first_timeout().map(|(due, id)| (due, WakeupReason::EventTimeout(id)));
        let recheck = schedule.recheck().filter(|_| self.connection.is_online());
        let recheck = recheck.map(|due| (due, WakeupReason::Recheck));
        let allowance = schedule.first_allowance().map(|due| (due, WakeupReason::EventAllowed));
        let expiry = schedule.first_expiry();
        let expiry = expiry.map(|(due, id)| (due.plus_ms(1), WakeupReason::LatestPassed(id)));
        let round = self
            .next_round(now)
            .map(|(at, id)| (now.mono.plus_ms(at.ms_since(now.moment())), WakeupReason::PeriodicRound(id)));
        let all = delay.chain(timeout).chain(recheck).chain(allowance).chain(expiry).chain(round);
        let (due, reason) = all.min_by_key(|&(due, _)| due)?;
        Some(Wakeup { after_ms: due.ms_since(now.mono), reason })
    }

    /// Milliseconds until an entry of a kind may fire next; 0 if one only waits for the network or the power supply, `None`
    /// if there is nothing to wake a sleeping device for (R179). While an event of the kind runs, at least the recovery
    /// time: should the process die, that is when to look after it (R180).
    pub fn soonest_wakeup(&self, kind: SyncKind, now: Now) -> Option<u64> {
        let running = self.attempts.values().any(|running| running.dispatch.kind == kind);
        let ready = self.ready.iter().any(|(gate, ids)| gate.kind == kind && !ids.is_empty());
        let ready = ready.then_some(0);
        let delays = self.schedule.first_delays().filter(|(gate, ..)| gate.kind == kind);
        let delay = delays.map(|(_, due, _)| due.ms_since(now.mono)).min();
        let rounds = self.schedule.targets(self.grid, |_| kind == SyncKind::PeriodicSync);
        let round =
            rounds.map(|(at, _, in_use)| self.not_before_gap(at, in_use).ms_since(now.moment())).min();
        let soonest = ready.into_iter().chain(delay).chain(round).min();
        match running {
            true => Some(soonest.unwrap_or(0).max(self.config.recovery_time_ms)),
            false => soonest,
        }
    }

    fn delay_reason(&self, id: SyncRegistrationId) -> WakeupReason {
        let first = self.entries.get(&id).is_some_and(|entry| {
            matches!(entry.phase, Phase::Waiting(_))
                && entry.attempts() == 0
                && entry.kind == SyncKind::BackgroundSync
        });
        if first { WakeupReason::EarliestReached(id) } else { WakeupReason::RetryDue(id) }
    }
}
