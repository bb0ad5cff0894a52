//! The worker that events go to.

use super::life::WorkerLife;
use crate::{HostHandle, Pending, Subscription};
use std::fmt;
use std::sync::Arc;
use wakeworker_core::{
    ActiveWorker, AttemptOutcome, Input, RegisterError, Resolution, SyncKind, SyncOperationStatus, Tag,
    WorkerId, WorkerRegistration, WorkerRegistrationId,
};

/// Why a dispatch could not be made. How a dispatched event ended is no error but a [`SyncOperationStatus`] (R201).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DispatchError {
    /// The worker is no longer the active one of its registration, or the registration is gone (R206, D25).
    WorkerGone,
    /// The store could not write: the event was not dispatched.
    Storage,
    /// The host is shutting down, so nobody will hear how the event ends.
    ShuttingDown,
}

/// One version of a worker: the one that was active when the object was made. Clones are the same object.
///
/// The object outlives a stop for idleness: the next event starts the worker again. When another version takes its
/// place, it is gone, and what is asked of it fails with an "invalid state" error (R206, D25).
#[doc(alias = "CoreWebView2ServiceWorker")]
#[derive(Clone)]
pub struct ServiceWorker {
    pub(crate) host: HostHandle,
    pub(crate) life: Arc<WorkerLife>,
    active: ActiveWorker,
    script_uri: Arc<str>,
}

impl ServiceWorker {
    /// The active worker of a registration.
    pub(crate) fn active_of(host: &HostHandle, record: &WorkerRegistration) -> Option<ServiceWorker> {
        record.active.map(|active| ServiceWorker {
            host: host.clone(),
            life: host.workers().life(record.id, active.id),
            active,
            script_uri: record.script_url.as_str().into(),
        })
    }

    /// Which version it is.
    pub fn id(&self) -> WorkerId {
        self.life.worker
    }

    /// The registration that it belongs to.
    pub fn registration_id(&self) -> WorkerRegistrationId {
        self.life.registration
    }

    /// Absolute, canonical script URL (R214).
    #[doc(alias = "ScriptUri")]
    pub fn script_uri(&self) -> &str {
        &self.script_uri
    }

    /// Whether its `activate` event had ended when the object was made.
    pub fn is_activated(&self) -> bool {
        self.active.activated
    }

    /// Calls `observer` on the engine thread, once, when the worker's script is terminated (also for idleness) or
    /// another version takes its place. Never, if that has happened to this object already (R219).
    #[doc(alias = "Destroying")]
    #[doc(alias = "add_Destroying")]
    #[doc(alias = "remove_Destroying")]
    pub fn on_destroying(&self, observer: impl Fn() + Send + Sync + 'static) -> Subscription {
        self.life.on_destroying(observer)
    }

    /// Fires the `periodicsync` event of an entry, whatever its interval, starting the worker if needed (R195, R202, D21).
    /// Complete when the event has ended, with how it ended (R196–R200).
    ///
    /// A dispatch of a tag whose event is running waits for it; further ones share the result of the one that waits
    /// (R205, D22).
    #[doc(alias = "DispatchPeriodicSyncEvent")]
    #[doc(alias = "DispatchPeriodicSyncEventAsync")]
    pub fn dispatch_periodic_sync_event(
        &self,
        tag: impl Into<Tag>,
    ) -> Pending<Result<SyncOperationStatus, DispatchError>> {
        self.dispatch_periodic(tag.into(), false)
    }

    /// The same, if there is a connection; without one the answer is [`SyncOperationStatus::OtherError`] (D23).
    pub fn dispatch_periodic_sync_event_if_online(
        &self,
        tag: impl Into<Tag>,
    ) -> Pending<Result<SyncOperationStatus, DispatchError>> {
        self.dispatch_periodic(tag.into(), true)
    }

    fn dispatch_periodic(
        &self,
        tag: Tag,
        needs_network: bool,
    ) -> Pending<Result<SyncOperationStatus, DispatchError>> {
        let (promise, pending) = Pending::pair(|| Err(DispatchError::ShuttingDown));
        let (registration, worker) = (self.registration_id(), Some(self.id()));
        let input = |request| Input::DispatchPeriodic { request, registration, worker, tag, needs_network };
        self.host.ask(input, move |answer| promise.complete(status(answer)));
        pending
    }

    /// Fires a `sync` event, whether or not the tag is registered, leaving entries untouched (R240).
    #[doc(alias = "dispatchSyncEvent")]
    pub fn dispatch_sync_event(
        &self,
        tag: Tag,
        last_chance: bool,
    ) -> Pending<Result<AttemptOutcome, RegisterError>> {
        self.host.dispatch_event(self.registration_id(), SyncKind::BackgroundSync, tag, last_chance)
    }
}

fn status(answer: Result<Resolution, RegisterError>) -> Result<SyncOperationStatus, DispatchError> {
    match answer {
        Ok(Resolution::Status(status)) => Ok(status),
        Ok(_) => Ok(SyncOperationStatus::OtherError),
        Err(RegisterError::Storage) => Err(DispatchError::Storage),
        Err(RegisterError::ShuttingDown) => Err(DispatchError::ShuttingDown),
        Err(_) => Err(DispatchError::WorkerGone),
    }
}

impl fmt::Display for DispatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DispatchError::WorkerGone => {
                "this worker is no longer the active one; fetch the registration's active worker again"
            }
            DispatchError::Storage => "the event was not dispatched: the store could not write",
            DispatchError::ShuttingDown => "the host is shutting down",
        })
    }
}

impl std::error::Error for DispatchError {}

impl fmt::Debug for ServiceWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceWorker")
            .field("registration", &self.registration_id())
            .field("worker", &self.id())
            .field("script_uri", &self.script_uri)
            .field("destroyed", &self.life.has_ended())
            .finish_non_exhaustive()
    }
}
