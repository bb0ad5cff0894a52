//! The two durable records: worker registrations and sync registrations.

use crate::{
    Conditions, NetworkId, StorageKey, SyncRegistrationId, Tag, Timestamp, WorkerId, WorkerRegistrationId,
};
use alloc::string::String;

/// The two sync APIs (R184; the numbers are WebView2's). There are no others, so the list is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SyncKind {
    /// One-off: `registration.sync`, event `sync`.
    BackgroundSync = 0,
    /// Periodic: `registration.periodicSync`, event `periodicsync`.
    PeriodicSync = 1,
}

/// A service worker registration as the engine knows it: a storage key, a scope and at most one active worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerRegistration {
    /// Its identity in the store.
    pub id: WorkerRegistrationId,
    /// Whose it is.
    pub storage_key: StorageKey,
    /// Absolute, canonical scope URL.
    pub scope: String,
    /// Absolute, canonical URL of the script that was registered last.
    pub script_url: String,
    /// The worker that events go to; `None` while the first one is still installing.
    pub active: Option<ActiveWorker>,
}

/// The active worker of a registration (service worker specification, "active worker").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveWorker {
    /// Which version it is.
    pub id: WorkerId,
    /// False in state `activating`: events wait until it is true (R61).
    pub activated: bool,
}

/// One sync registration as the store keeps it. What is not here does not survive the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRegistration {
    /// Its identity in the store.
    pub id: SyncRegistrationId,
    /// The worker registration that owns it.
    pub worker_registration: WorkerRegistrationId,
    /// Its tag, unique within owner and kind.
    pub tag: Tag,
    /// One-off, or periodic with what only periodic entries have.
    pub options: SyncOptions,
    /// When it was made, or last registered anew.
    pub registered_at: Timestamp,
    /// Finished, failed attempts since it was made or its count was last reset (D3).
    pub attempts: u32,
    /// Dispatches begun since the last one that ended: more than 0 after a restart means a crash (R169).
    pub interrupted_starts: u32,
    /// Attempts allowed in total, fixed when it was registered (R83).
    pub attempts_max: u32,
    /// End of the back-off delay (R77, R129), or the earliest time that a one-off registration asked for (R247).
    /// `None` when nothing of the kind is running.
    pub not_before: Option<Timestamp>,
    /// One-off: no event starts later than this, and the entry is then dropped (R247).
    pub not_after: Option<Timestamp>,
    /// What must hold for its events, beside the rules for all.
    pub conditions: Conditions,
    /// The network on which it was registered (R121).
    pub network: Option<NetworkId>,
    /// Registered again while its event ran (R30).
    pub reregistered_while_firing: bool,
}

/// What differs between the kinds. Complete, as [`SyncKind`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncOptions {
    /// A one-off entry has no options.
    OneShot,
    /// A periodic entry.
    Periodic {
        /// Smallest time between two events, in milliseconds (R13).
        min_interval_ms: u64,
        /// When an event last ended, or the registration (periodic sync specification, "anchor time").
        anchor: Timestamp,
        /// When an event last succeeded, for the older explainer's `minPeriod` (R234).
        last_success: Option<Timestamp>,
    },
}

impl SyncRegistration {
    /// The API it was made by.
    pub fn kind(&self) -> SyncKind {
        match self.options {
            SyncOptions::OneShot => SyncKind::BackgroundSync,
            SyncOptions::Periodic { .. } => SyncKind::PeriodicSync,
        }
    }

    /// WebView2's `MinIntervalInMilliseconds`: −1 for one-off entries (R192).
    pub fn min_interval_ms(&self) -> i64 {
        match self.options {
            SyncOptions::OneShot => -1,
            SyncOptions::Periodic { min_interval_ms, .. } => {
                i64::try_from(min_interval_ms).unwrap_or(i64::MAX)
            }
        }
    }
}

/// The state of a sync registration, by the names of both specifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SyncState {
    /// Fires as soon as nothing speaks against it.
    Pending,
    /// An event has been dispatched and has not ended.
    Firing,
    /// Registered again while its event runs.
    ReregisteredWhileFiring,
    /// The last attempt failed, the back-off delay is running (the periodic specification says `firing` to this), or
    /// the earliest time of a one-off entry has not come.
    Waiting,
    /// Periodic: kept, but never fires until it is revived (R113).
    Suspended,
}
