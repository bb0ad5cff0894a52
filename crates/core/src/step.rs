//! What comes out of the engine: changes that must be durable first, then effects (design decision 2).

use crate::{
    Activity, AttemptId, AttemptOutcome, LastRound, RegisterError, RequestId, StorageKey, SyncKind,
    SyncOperationStatus, SyncRegistration, SyncRegistrationId, Tag, Timestamp, WorkerId, WorkerRegistration,
    WorkerRegistrationId,
};
use alloc::vec::Vec;

/// The result of one or more inputs. Commit `changes` as one transaction, then perform `effects` in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// What to write.
    pub changes: Vec<Change>,
    /// Whether the write must survive a power cut before any effect is performed.
    pub durability: Durability,
    /// What to do once the write is done.
    pub effects: Vec<Effect>,
}

impl Step {
    /// Whether nothing but log lines is to be written: nobody is promised anything by those.
    pub fn changes_only_the_log(&self) -> bool {
        self.changes.iter().all(|change| matches!(change, Change::Record(_)))
    }
}

/// The two classes of writes (design decision 2). Complete: a store that knew only some of them would lose data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Durability {
    /// Survives the death of the process; a power cut may undo it, and then an event only fires again.
    #[default]
    Lazy,
    /// Survives a power cut: somebody is told that it is done.
    Strict,
}

/// One write. A new kind of write is a breaking change on purpose: a store that did not know it would lose data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Insert or replace a worker registration.
    PutWorkerRegistration(WorkerRegistration),
    /// Delete a worker registration and every sync registration that it owns.
    RemoveWorkerRegistration(WorkerRegistrationId),
    /// Insert or replace a sync registration.
    PutSyncRegistration(SyncRegistration),
    /// Delete a sync registration.
    RemoveSyncRegistration(SyncRegistrationId),
    /// Insert or replace the time at which a periodic event of an origin last succeeded (R125).
    PutOriginFire {
        /// Whose.
        storage_key: StorageKey,
        /// When.
        last_fire: Timestamp,
    },
    /// Forget when a periodic event of an origin last succeeded.
    RemoveOriginFire {
        /// Whose.
        storage_key: StorageKey,
    },
    /// Replace what is known of the last round of periodic events (R108).
    PutLastRound(LastRound),
    /// Append to the activity log.
    Record(Activity),
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Answer a request.
    Resolve(RequestId, Resolution),
    /// Refuse a request.
    Reject(RequestId, RegisterError),
    /// Dispatch an event at a worker, and report how it ended.
    Dispatch(Dispatch),
    /// The event took too long: set its timed-out flag and stop the worker if it does not become idle (D8).
    Terminate(AttemptId),
    /// A script made or changed an entry (R187, R188).
    Announce(SyncRegistered),
    /// While true, the process should not end because its last window closed (R178).
    KeepAwake(bool),
}

/// The answer to a request.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Done; `undefined` to a script.
    Done,
    /// The tags of a list.
    Tags(Vec<Tag>),
    /// The worker registration.
    WorkerRegistration(WorkerRegistrationId),
    /// How the dispatched event ended.
    Outcome(AttemptOutcome),
    /// How the periodic event that the host dispatched ended (R201: also a failed one is an answer).
    Status(SyncOperationStatus),
    /// How many events were fired or ran already, all of which have ended (R182).
    Fired {
        /// How many.
        events: usize,
    },
}

/// An event for a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// The identity of this dispatch.
    pub attempt: AttemptId,
    /// The worker registration.
    pub registration: WorkerRegistrationId,
    /// The worker that was active when the event was chosen.
    pub worker: WorkerId,
    /// `sync` or `periodicsync`.
    pub kind: SyncKind,
    /// The tag.
    pub tag: Tag,
    /// `lastChance` of a `sync` event; false for `periodicsync`.
    pub last_chance: bool,
    /// How long the event may run, in milliseconds. The engine keeps the clock; this is for the backend's own limits.
    pub timeout_ms: u64,
    /// Whether the event needs connectivity at the moment of dispatch (R54).
    pub needs_network: bool,
}

/// A registration that a host may want to hear of (R187, R188, D26).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRegistered {
    /// The entry as it now is.
    pub registration: SyncRegistration,
    /// True if the entry existed before (R204).
    pub reregistration: bool,
}
