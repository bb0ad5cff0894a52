//! What each origin has done: the shape of the control API's answer to `audit` (R145).

use super::shapes::event_type;
use crate::clock::iso;
use serde::{Deserialize, Serialize};
use wakeworker_core::{EventCounts, OriginAudit, StorageKey, SyncKind};

/// The answer to `audit`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AuditList {
    /// One line for each origin and kind of event that anything is known of.
    pub(crate) origins: Vec<AuditLine>,
}

/// The counts of one origin and one kind of event.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AuditLine {
    /// The origin, with its partition if it has one.
    pub(crate) storage_key: String,
    /// `sync` or `periodicsync`.
    pub(crate) kind: String,
    /// Registrations made.
    pub(crate) registrations: u64,
    /// Registrations of tags that were registered already.
    pub(crate) reregistrations: u64,
    /// Registrations refused.
    pub(crate) refusals: u64,
    /// Events dispatched while a page was open.
    pub(crate) events_in_foreground: u64,
    /// Events dispatched while none was.
    pub(crate) events_in_background: u64,
    /// Events that succeeded.
    pub(crate) succeeded: u64,
    /// Events that failed.
    pub(crate) failed: u64,
    /// Among the failed: those that ran out of time.
    pub(crate) timed_out: u64,
    /// Registrations given up after their last attempt.
    pub(crate) given_up: u64,
    /// When the first event was dispatched.
    pub(crate) first_event: Option<String>,
    /// When the last event was dispatched.
    pub(crate) last_event: Option<String>,
    /// How long all events together ran.
    pub(crate) duration_total_ms: u64,
    /// How long the longest event ran.
    pub(crate) duration_max_ms: u64,
}

impl AuditList {
    /// The lines of these origins; a kind that an origin has never used gets none.
    pub(crate) fn new(origins: &[(StorageKey, OriginAudit)]) -> AuditList {
        let kinds = [SyncKind::BackgroundSync, SyncKind::PeriodicSync];
        let lines = origins
            .iter()
            .flat_map(|(key, audit)| kinds.map(|kind| (key, kind, audit.of(kind))))
            .filter(|(_, _, counts)| **counts != EventCounts::default())
            .map(|(key, kind, counts)| AuditLine::new(key, kind, counts));
        AuditList { origins: lines.collect() }
    }
}

impl AuditLine {
    fn new(storage_key: &StorageKey, kind: SyncKind, counts: &EventCounts) -> AuditLine {
        AuditLine {
            storage_key: storage_key.as_str().to_owned(),
            kind: event_type(kind).to_owned(),
            registrations: counts.registrations,
            reregistrations: counts.reregistrations,
            refusals: counts.refusals,
            events_in_foreground: counts.events_in_foreground,
            events_in_background: counts.events_in_background,
            succeeded: counts.succeeded_in_foreground + counts.succeeded_in_background,
            failed: counts.failed_in_foreground + counts.failed_in_background,
            timed_out: counts.timed_out,
            given_up: counts.given_up,
            first_event: counts.first_event.map(|time| iso(time.0)),
            last_event: counts.last_event.map(|time| iso(time.0)),
            duration_total_ms: counts.duration_total_ms,
            duration_max_ms: counts.duration_max_ms,
        }
    }
}
