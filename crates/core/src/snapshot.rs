//! What an engine is restored from.

use crate::{
    AttemptId, Dispatch, Monotonic, RequestId, StorageKey, SyncRegistration, SyncRegistrationId, Timestamp,
    WorkerRegistration,
};
use alloc::vec::Vec;

/// The durable state of a profile, plus the events that still run if only the engine, not the process, was lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// All worker registrations.
    pub worker_registrations: Vec<WorkerRegistration>,
    /// All sync registrations.
    pub sync_registrations: Vec<SyncRegistration>,
    /// When a periodic event of each origin last succeeded; an origin that is missing never had one (R118).
    pub origin_fires: Vec<(StorageKey, Timestamp)>,
    /// The last round of periodic events; `None` if the scheduling loop never ran.
    pub last_round: Option<LastRound>,
    /// Events that were dispatched and have not ended. Empty after a restart of the process.
    pub in_flight: Vec<InFlight>,
    /// The highest id ever given to a worker registration or sync registration, so that none is used twice.
    pub last_id: u64,
    /// The highest attempt id given in this process; 0 after a restart.
    pub last_attempt: AttemptId,
}

/// Where the scheduling loop of the periodic specification stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastRound {
    /// When the last round was, or when the loop began: the next is no earlier than the minimum across origins later.
    pub time: Timestamp,
    /// How far the grid on which wake-ups are aligned has moved forward in all.
    pub drift_ms: u64,
}

/// A running event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// What was dispatched.
    pub dispatch: Dispatch,
    /// The entry it belongs to; `None` for a tool's event.
    pub sync: Option<SyncRegistrationId>,
    /// Who waits for the outcome: of a tool's or host's event, or of an entry's event that the host asked for.
    pub requests: Vec<RequestId>,
    /// When its time is up.
    pub deadline: Monotonic,
}
