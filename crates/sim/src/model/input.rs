//! What is told to a host.

use super::state::Key;
use crate::scenario::{Entry, Site, SiteFact, Slot};
use wakeworker::core::{
    ActiveWorker, AttemptOutcome, Connection, FrameType, PermissionName, Power, SyncKind, WorkerId,
    WorkerRegistrationId,
};

/// A call, numbered.
pub(crate) type Request = u64;

/// A running event, numbered.
pub(crate) type RunId = u64;

/// One thing that is told to a host, in the order of telling.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    RegisterOneShot {
        request: Request,
        slot: Slot,
        tag: u8,
    },
    RegisterPeriodic {
        request: Request,
        slot: Slot,
        tag: u8,
        min_interval_ms: u64,
    },
    Unregister {
        request: Request,
        entry: Entry,
    },
    GetTags {
        request: Request,
        slot: Slot,
        kind: SyncKind,
    },
    AddWorker {
        request: Request,
        slot: Slot,
    },
    RemoveWorker {
        request: Request,
        slot: Slot,
    },
    ClearOrigin {
        request: Request,
        site: Site,
    },
    Worker {
        slot: Slot,
        active: Option<ActiveWorker>,
    },
    Opened(Site, FrameType),
    Closed(Site, FrameType),
    Network(Connection),
    Power(Power),
    Permission(Site, PermissionName, bool),
    State(Site, SiteFact),
    HoldOffline(WorkerRegistrationId, bool),
    Ended {
        run: RunId,
        outcome: AttemptOutcome,
    },
    DispatchPeriodic {
        request: Request,
        registration: WorkerRegistrationId,
        worker: WorkerId,
        slot: Slot,
        tag: u8,
        needs_network: bool,
    },
    Fire {
        request: Request,
        entry: Entry,
        known: bool,
    },
    Cancel {
        request: Request,
        entry: Entry,
        known: bool,
    },
    Tool {
        request: Request,
        entry: Entry,
        last_chance: bool,
    },
    FireDue {
        request: Request,
    },
}

impl Input {
    /// The call that it is, if somebody waits for its answer.
    pub(crate) fn request(&self) -> Option<Request> {
        match self {
            Input::RegisterOneShot { request, .. }
            | Input::RegisterPeriodic { request, .. }
            | Input::Unregister { request, .. }
            | Input::GetTags { request, .. }
            | Input::AddWorker { request, .. }
            | Input::RemoveWorker { request, .. }
            | Input::ClearOrigin { request, .. }
            | Input::DispatchPeriodic { request, .. }
            | Input::Fire { request, .. }
            | Input::Cancel { request, .. }
            | Input::Tool { request, .. }
            | Input::FireDue { request } => Some(*request),
            _ => None,
        }
    }

    /// Whether it is a reason to try an event again that did not reach its worker: a change of the world is, and so is a
    /// registration of the same entry.
    pub(crate) fn retries(&self, key: Key) -> bool {
        match *self {
            Input::RegisterOneShot { slot, tag, .. } => key == (slot, SyncKind::BackgroundSync, tag),
            Input::AddWorker { .. }
            | Input::RemoveWorker { .. }
            | Input::ClearOrigin { .. }
            | Input::Network(_)
            | Input::Power(_)
            | Input::Permission(..)
            | Input::State(..)
            | Input::HoldOffline(..)
            | Input::Worker { .. }
            | Input::FireDue { .. } => true,
            _ => false,
        }
    }

    /// Nobody says it twice, so a host whose store fails must remember it.
    pub(crate) fn must_be_kept(&self) -> bool {
        matches!(self, Input::Ended { .. } | Input::Worker { .. })
    }
}
