//! Why an entry is not firing now (R243), and what a host may know of it.

use crate::engine::Engine;
use crate::entry::{Entry, Phase};
use crate::origin::Origin;
use crate::{
    AttemptId, Now, PermissionName, StorageKey, SyncKind, SyncRegistration, SyncRegistrationId, SyncState,
    conditions,
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
    /// Periodic: its minimum interval has not passed since its last event or its registration (R106, R107).
    Interval {
        /// Milliseconds until it has.
        remaining_ms: u64,
    },
    /// Periodic: the origin's effective minimum has not passed since its last event (R109).
    OriginGap {
        /// Milliseconds until it has.
        remaining_ms: u64,
    },
    /// Periodic: the minimum across origins has not passed since the last round (R108).
    GlobalGap {
        /// Milliseconds until it has.
        remaining_ms: u64,
    },
    /// Periodic: it may fire, and waits to share a wake-up with others (R115).
    Coalescing {
        /// Milliseconds until the wake-up, at most.
        remaining_ms: u64,
    },
    /// Periodic: the origin's extra amount is infinite (R113).
    Suspended,
    /// A condition of the entry or of the host does not hold (R227–R230, R237).
    Condition(UnmetCondition),
    /// Periodic: the device saves its battery (R117).
    BatterySaver,
    /// Periodic: the device saves data (R117).
    DataSaver,
    /// Periodic: only the host fires events of this profile (R194).
    HostDriven,
    /// A tool makes the worker registration appear offline (R241).
    EmulatedOffline,
    /// The host says that the origin cannot be reached now (R57).
    Unreachable,
    /// Periodic: it was registered on another network than the present one (R121).
    OtherNetwork,
    /// One-off: its earliest time has not come (R247).
    NotYet {
        /// Milliseconds until it comes.
        remaining_ms: u64,
    },
    /// Its last event did not reach the worker although there is a network; it is tried again (R54).
    NotReached {
        /// Milliseconds until then.
        remaining_ms: u64,
    },
    /// The origin has had as many events within the last hour as are allowed (R173).
    TooManyEvents {
        /// Milliseconds until the next one is allowed.
        remaining_ms: u64,
    },
}

/// A condition that does not hold.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnmetCondition {
    /// `avoid-cellular` on a mobile network (R228).
    AvoidCellular,
    /// `avoid-draining` while the battery is drained (R227).
    AvoidDraining,
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
            let worker = &self.workers.get(&entry.owner)?.record;
            Some(SyncStatus {
                registration: entry.record(id),
                storage_key: worker.storage_key.clone(),
                scope: worker.scope.clone(),
                state: state(self, entry, &worker.storage_key, now),
                reasons: self.explain(id, now)?,
            })
        })
    }
}

/// The specification's name for the state of an entry.
fn state(engine: &Engine, entry: &Entry, storage_key: &StorageKey, now: Now) -> SyncState {
    let suspended = || {
        entry.kind == SyncKind::PeriodicSync && engine.origin(storage_key).is_some_and(Origin::is_suspended)
    };
    match entry.phase {
        Phase::Firing(_) if entry.reregistered_while_firing => SyncState::ReregisteredWhileFiring,
        Phase::Firing(_) => SyncState::Firing,
        Phase::Waiting(due) if due > now.mono => SyncState::Waiting,
        _ if suspended() => SyncState::Suspended, // R113
        Phase::Pending | Phase::Waiting(_) | Phase::Scheduled(..) | Phase::Held => SyncState::Pending,
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Offline => f.write_str("offline: waiting for a network connection"),
            Reason::BackOff { remaining_ms, failed_attempts } => {
                write!(f, "back-off: {failed_attempts} failed, next attempt in {} s", seconds(*remaining_ms))
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
            Reason::Interval { remaining_ms } => {
                write!(f, "interval: its minimum interval ends in {} s", seconds(*remaining_ms))
            }
            Reason::OriginGap { remaining_ms } => {
                write!(
                    f,
                    "origin gap: the next event of this origin may come in {} s",
                    seconds(*remaining_ms)
                )
            }
            Reason::GlobalGap { remaining_ms } => {
                write!(f, "gap: the next round of periodic events may come in {} s", seconds(*remaining_ms))
            }
            Reason::Coalescing { remaining_ms } => {
                write!(f, "coalescing: waits up to {} s to share a wake-up", seconds(*remaining_ms))
            }
            Reason::Suspended => f.write_str("suspended: the host lets this origin have no periodic events"),
            Reason::Condition(UnmetCondition::AvoidCellular) => {
                f.write_str("condition: the connection is a mobile network, which it avoids")
            }
            Reason::Condition(UnmetCondition::AvoidDraining) => {
                f.write_str("condition: the device runs on its battery, which it avoids")
            }
            Reason::BatterySaver => f.write_str("battery saver: the device saves its battery"),
            Reason::DataSaver => f.write_str("data saver: the device saves data"),
            Reason::HostDriven => f.write_str("host-driven: only the host fires periodic events here"),
            Reason::EmulatedOffline => {
                f.write_str("emulated offline: a tool makes this worker appear offline")
            }
            Reason::Unreachable => {
                f.write_str("unreachable: the host says that this origin cannot be reached now")
            }
            Reason::OtherNetwork => {
                f.write_str("other network: it was registered on another network than this one")
            }
            Reason::NotYet { remaining_ms } => {
                write!(f, "not yet: its earliest time comes in {} s", seconds(*remaining_ms))
            }
            Reason::NotReached { remaining_ms } => {
                write!(
                    f,
                    "not reached: its event did not reach the worker, again in {} s",
                    seconds(*remaining_ms)
                )
            }
            Reason::TooManyEvents { remaining_ms } => {
                write!(
                    f,
                    "too many events: this origin may have its next one in {} s",
                    seconds(*remaining_ms)
                )
            }
        }
    }
}

fn seconds(ms: u64) -> u64 {
    ms.div_ceil(1000)
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
