//! Why an entry is not firing now (R243), and what a host may know of it.

use crate::engine::{Engine, Entry, Phase};
use crate::{
    AttemptId, Now, PermissionName, StorageKey, SyncRegistration, SyncRegistrationId, SyncState, conditions,
};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// One reason why an entry is not fired at this moment. An entry with no reason fires as soon as it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// There is no network.
    Offline,
    /// The last attempt failed and the delay before the next one is running.
    BackOff {
        /// Milliseconds until it ends.
        remaining_ms: u64,
        /// Failed attempts so far.
        failed_attempts: u32,
    },
    /// Its event is running.
    InFlight {
        /// The running dispatch.
        attempt: AttemptId,
    },
    /// The API is switched off in the configuration.
    Disabled,
    /// The permission is not granted to the origin.
    PermissionDenied {
        /// Which one.
        name: PermissionName,
    },
    /// The worker registration has no active worker.
    NoActiveWorker,
    /// The worker is still handling its `activate` event.
    WorkerActivating,
}

/// An entry, its state, and why it is not firing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncStatus {
    /// The durable record.
    pub registration: SyncRegistration,
    /// Whose it is.
    pub storage_key: StorageKey,
    /// Scope of the worker registration that owns it.
    pub scope: String,
    /// Its state now.
    pub state: SyncState,
    /// Everything that keeps it from firing now.
    pub reasons: Vec<Reason>,
}

impl Engine {
    /// Every reason why an entry is not firing now; `None` if there is no such entry (R243).
    pub fn explain(&self, sync: SyncRegistrationId, now: Now) -> Option<Vec<Reason>> {
        let entry = self.entries.get(&sync)?;
        let mut reasons = Vec::new();
        conditions::obstacles(self, entry, now, |reason| reasons.push(reason));
        Some(reasons)
    }

    /// All entries in the order in which they were made, with their states and reasons.
    pub fn sync_statuses(&self, now: Now) -> impl Iterator<Item = SyncStatus> + '_ {
        self.entries.iter().filter_map(move |(&id, entry)| {
            let worker = self.workers.get(&entry.record.worker_registration)?;
            Some(SyncStatus {
                registration: entry.record.clone(),
                storage_key: worker.storage_key.clone(),
                scope: worker.scope.clone(),
                state: state(entry, now),
                reasons: self.explain(id, now)?,
            })
        })
    }
}

/// The specification's name for the state of an entry.
fn state(entry: &Entry, now: Now) -> SyncState {
    match entry.phase {
        Phase::Pending => SyncState::Pending,
        Phase::Firing(_) if entry.record.reregistered_while_firing => SyncState::ReregisteredWhileFiring,
        Phase::Firing(_) => SyncState::Firing,
        Phase::Waiting(due) if due > now.mono => SyncState::Waiting,
        Phase::Waiting(_) => SyncState::Pending,
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Offline => f.write_str("offline: waiting for a network connection"),
            Reason::BackOff { remaining_ms, failed_attempts } => {
                write!(
                    f,
                    "back-off: {failed_attempts} failed, next attempt in {} s",
                    remaining_ms.div_ceil(1000)
                )
            }
            Reason::InFlight { .. } => f.write_str("in flight: its event is running now"),
            Reason::Disabled => f.write_str("disabled: background sync is switched off in the configuration"),
            Reason::PermissionDenied { name } => {
                write!(f, "permission: `{}` is not granted to this origin", name.as_str())
            }
            Reason::NoActiveWorker => f.write_str("no worker: the registration has no active service worker"),
            Reason::WorkerActivating => {
                f.write_str("activating: the service worker has not finished activating")
            }
        }
    }
}

impl PermissionName {
    /// The name that scripts use in `navigator.permissions.query` (R134).
    pub fn as_str(self) -> &'static str {
        match self {
            PermissionName::BackgroundSync => "background-sync",
            PermissionName::PeriodicBackgroundSync => "periodic-background-sync",
            PermissionName::Notifications => "notifications",
        }
    }
}
