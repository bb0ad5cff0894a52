//! What each origin has done: counts, times and durations of its events (R145, R242), for people and for metrics.
//!
//! All but the times to completion follow from the activity log, so a host can give a new engine the log of the last days.

use crate::engine::Engine;
use crate::{
    Activity, ActivityEvent, FailureReason, Now, StorageKey, SyncKind, SyncRegistrationId, Tag, Timestamp,
    WorkerRegistrationId,
};
use alloc::collections::BTreeMap;

/// What an origin has done since the counting began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginAudit {
    /// One-off sync.
    pub background_sync: EventCounts,
    /// Periodic sync.
    pub periodic_sync: EventCounts,
}

/// The counts of one kind of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventCounts {
    /// Entries made.
    pub registrations: u64,
    /// Registrations that changed an entry that existed.
    pub reregistrations: u64,
    /// Registrations refused.
    pub refusals: u64,
    /// Events dispatched while a document of the origin was open.
    pub events_in_foreground: u64,
    /// Events dispatched while none was (R143).
    pub events_in_background: u64,
    /// Events that succeeded in the foreground.
    pub succeeded_in_foreground: u64,
    /// Events that succeeded in the background.
    pub succeeded_in_background: u64,
    /// Events that failed in the foreground.
    pub failed_in_foreground: u64,
    /// Events that failed in the background.
    pub failed_in_background: u64,
    /// Among the failed: those that ran out of time.
    pub timed_out: u64,
    /// Among the succeeded: those for which the worker had no listener (R71).
    pub unhandled: u64,
    /// Entries given up after their last attempt.
    pub given_up: u64,
    /// When the first event was dispatched.
    pub first_event: Option<Timestamp>,
    /// When the last event was dispatched.
    pub last_event: Option<Timestamp>,
    /// How long all events together ran.
    pub duration_total_ms: u64,
    /// How long the longest event ran.
    pub duration_max_ms: u64,
    /// One-off entries that came to an end, since the engine was started.
    pub completions: u64,
    /// The time from registration to that end, summed up.
    pub time_to_completion_total_ms: u64,
}

impl OriginAudit {
    /// The counts of one kind.
    pub fn of(&self, kind: SyncKind) -> &EventCounts {
        match kind {
            SyncKind::BackgroundSync => &self.background_sync,
            SyncKind::PeriodicSync => &self.periodic_sync,
        }
    }

    fn of_mut(&mut self, kind: SyncKind) -> &mut EventCounts {
        match kind {
            SyncKind::BackgroundSync => &mut self.background_sync,
            SyncKind::PeriodicSync => &mut self.periodic_sync,
        }
    }
}

impl EventCounts {
    /// Events dispatched.
    pub fn events(&self) -> u64 {
        self.events_in_foreground + self.events_in_background
    }
}

/// The counters of all origins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audit {
    origins: BTreeMap<StorageKey, OriginAudit>,
    running: BTreeMap<(WorkerRegistrationId, SyncKind, Tag), Running>,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    since: Timestamp,
    background: bool,
}

impl Audit {
    /// Counts an activity.
    pub(crate) fn note(&mut self, activity: &Activity) {
        let (Some(storage_key), Some((kind, tag))) = (&activity.storage_key, &activity.sync) else { return };
        if !self.origins.contains_key(storage_key) {
            self.origins.insert(storage_key.clone(), OriginAudit::default());
        }
        let Some(counts) = self.origins.get_mut(storage_key).map(|audit| audit.of_mut(*kind)) else { return };
        let event = activity.registration.map(|registration| (registration, *kind, tag.clone()));
        match &activity.event {
            ActivityEvent::Registered { .. } => counts.registrations += 1,
            ActivityEvent::Reregistered => counts.reregistrations += 1,
            ActivityEvent::RegistrationRefused { .. } => counts.refusals += 1,
            ActivityEvent::GaveUp => counts.given_up += 1,
            &ActivityEvent::Dispatched { background, .. } => {
                match background {
                    true => counts.events_in_background += 1,
                    false => counts.events_in_foreground += 1,
                }
                counts.first_event.get_or_insert(activity.time);
                counts.last_event = Some(activity.time);
                if let Some(event) = event {
                    self.running.insert(event, Running { since: activity.time, background });
                }
            }
            ActivityEvent::Completed { handled } => {
                counts.unhandled += u64::from(!handled);
                match ended(&mut self.running, event, counts, activity.time) {
                    true => counts.succeeded_in_background += 1,
                    false => counts.succeeded_in_foreground += 1,
                }
            }
            ActivityEvent::Failed { reason, .. } => {
                counts.timed_out += u64::from(*reason == FailureReason::TimedOut);
                match ended(&mut self.running, event, counts, activity.time) {
                    true => counts.failed_in_background += 1,
                    false => counts.failed_in_foreground += 1,
                }
            }
            ActivityEvent::NotDispatched => {
                // It was announced and never ran.
                let running = event.and_then(|event| self.running.remove(&event));
                match running.map(|running| running.background) {
                    Some(true) => counts.events_in_background -= 1,
                    Some(false) => counts.events_in_foreground -= 1,
                    None => {}
                }
            }
            _ => {}
        }
    }
}

impl Engine {
    /// What each origin has done (R145, R242).
    pub fn audit(&self) -> impl Iterator<Item = (&StorageKey, &OriginAudit)> {
        self.audit.origins.iter()
    }

    /// Counts activities of an earlier life of the profile, oldest first.
    pub fn audit_log<'a>(&mut self, log: impl IntoIterator<Item = &'a Activity>) {
        for activity in log {
            self.audit.note(activity);
        }
    }

    /// An entry has come to its end: how long that took since its registration.
    pub(crate) fn audit_completion(&mut self, now: Now, id: SyncRegistrationId) {
        let Some(entry) = self.entries.get(&id) else { return };
        let (kind, time_ms) = (entry.kind, now.wall.ms_since(entry.registered_at));
        let Some(storage_key) = self.storage_key_of(entry.owner) else { return };
        if let Some(audit) = self.audit.origins.get_mut(&storage_key) {
            let counts = audit.of_mut(kind);
            counts.completions += 1;
            counts.time_to_completion_total_ms = counts.time_to_completion_total_ms.saturating_add(time_ms);
        }
    }
}

/// An event has ended; returns whether it ran in the background.
fn ended(
    running: &mut BTreeMap<(WorkerRegistrationId, SyncKind, Tag), Running>,
    event: Option<(WorkerRegistrationId, SyncKind, Tag)>,
    counts: &mut EventCounts,
    now: Timestamp,
) -> bool {
    let Some(ended) = event.and_then(|event| running.remove(&event)) else { return true };
    let duration_ms = now.ms_since(ended.since);
    counts.duration_total_ms = counts.duration_total_ms.saturating_add(duration_ms);
    counts.duration_max_ms = counts.duration_max_ms.max(duration_ms);
    ended.background
}
