//! The worker that events go to.

use super::life::WorkerLife;
use crate::{HostHandle, Pending, Subscription};
use std::fmt;
use std::sync::Arc;
use wakeworker_core::{
    ActiveWorker, AttemptOutcome, RegisterError, SyncKind, Tag, WorkerId, WorkerRegistration,
    WorkerRegistrationId,
};

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
