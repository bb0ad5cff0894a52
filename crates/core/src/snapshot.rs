//! What an engine is restored from.

use crate::{
    AttemptId, Dispatch, Monotonic, RequestId, SyncRegistration, SyncRegistrationId, WorkerRegistration,
};
use alloc::vec::Vec;

/// The durable state of a profile, plus the events that still run if only the engine, not the process, was lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// All worker registrations.
    pub worker_registrations: Vec<WorkerRegistration>,
    /// All sync registrations.
    pub sync_registrations: Vec<SyncRegistration>,
    /// Events that were dispatched and have not ended. Empty after a restart of the process.
    pub in_flight: Vec<InFlight>,
    /// The highest id ever given to a worker registration or sync registration, so that none is used twice.
    pub last_id: u64,
    /// The highest attempt id given in this process; 0 after a restart.
    pub last_attempt: AttemptId,
}

/// A running event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// What was dispatched.
    pub dispatch: Dispatch,
    /// The entry it belongs to; `None` for a tool's event.
    pub sync: Option<SyncRegistrationId>,
    /// Who waits for the outcome of a tool's event.
    pub request: Option<RequestId>,
    /// When its time is up.
    pub deadline: Monotonic,
}
