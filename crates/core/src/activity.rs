//! What happened to an entry, for logs, tools and support (R238).

use crate::{
    FailureReason, PermissionName, PermissionState, Power, StorageKey, SyncKind, Tag, Timestamp,
    WorkerRegistrationId,
};
use alloc::boxed::Box;
use alloc::string::String;

/// One line of the activity log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// When, by the wall clock.
    pub time: Timestamp,
    /// Whose registration; `None` if the activity concerns the whole profile.
    pub storage_key: Option<StorageKey>,
    /// The worker registration, if one is concerned.
    pub registration: Option<WorkerRegistrationId>,
    /// The sync registration, if one is concerned.
    pub sync: Option<(SyncKind, Tag)>,
    /// What happened.
    pub event: ActivityEvent,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ActivityEvent {
    /// The engine was started from its store.
    Started {
        /// One-off and periodic entries found.
        entries: usize,
    },
    /// The connection changed.
    NetworkChanged {
        /// Whether there is one now.
        online: bool,
    },
    /// A worker registration was made.
    WorkerRegistered {
        /// Its scope.
        scope: String,
    },
    /// A worker became active.
    WorkerActivated,
    /// A worker registration was removed.
    WorkerUnregistered,
    /// A new entry was made.
    Registered {
        /// The minimum interval of a periodic entry.
        min_interval_ms: Option<u64>,
    },
    /// An existing entry was registered again.
    Reregistered,
    /// A registration was refused.
    RegistrationRefused {
        /// The DOMException name that the script saw.
        error: &'static str,
    },
    /// An entry was removed by the script.
    Unregistered,
    /// An entry was cancelled by the host (R245).
    Cancelled,
    /// A one-off entry was dropped because its latest time passed (R247).
    Expired,
    /// A periodic entry will not fire until it is revived (R113).
    Suspended,
    /// A suspended entry may fire again (R113).
    Revived,
    /// A round of periodic events was fired together (R115).
    Round {
        /// How many events.
        events: usize,
    },
    /// The power supply or a saving mode changed.
    PowerChanged(Power),
    /// An event was dispatched.
    Dispatched {
        /// Its `lastChance`.
        last_chance: bool,
        /// Which attempt this is, from 1.
        attempt: u32,
        /// True if no window of the origin was open (R143).
        background: bool,
    },
    /// An event succeeded.
    Completed {
        /// False if there was no listener (R71).
        handled: bool,
    },
    /// An event failed.
    Failed {
        /// Why.
        reason: FailureReason,
        /// The rejection or exception as text.
        message: Option<Box<str>>,
        /// Milliseconds until the next attempt; `None` if there is none.
        next_attempt_ms: Option<u64>,
    },
    /// An event chosen for dispatch did not reach its worker and does not count (R54).
    NotDispatched,
    /// The entry was removed after its last attempt failed (R78).
    GaveUp,
    /// The entry was removed with its worker registration or its origin's data (R161, R163).
    Removed,
    /// An attempt was cut off by the end of the process (R169).
    Interrupted {
        /// How often in a row.
        times: u32,
    },
    /// A permission changed.
    PermissionChanged {
        /// Which.
        name: PermissionName,
        /// To what.
        state: PermissionState,
    },
}
