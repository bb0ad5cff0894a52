//! One worker registration.

use super::table::WorkerEvent;
use super::worker::ServiceWorker;
use crate::{HostHandle, PeriodicSyncManager, Subscription, SyncManager, SyncRegistrationManager};
use std::sync::Arc;
use wakeworker_core::{StorageKey, WorkerRegistration, WorkerRegistrationId};

/// One worker registration. It may outlive what it stands for: then it has no active worker, and nothing can be
/// registered or dispatched.
#[doc(alias = "CoreWebView2ServiceWorkerRegistration")]
#[derive(Clone, Debug)]
pub struct ServiceWorkerRegistration {
    host: HostHandle,
    record: Arc<WorkerRegistration>,
}

/// What an observer of [`ServiceWorkerRegistration::on_service_worker_activated`] is given.
#[doc(alias = "CoreWebView2ServiceWorkerActivatedEventArgs")]
#[derive(Clone, Debug)]
pub struct ServiceWorkerActivatedEventArgs {
    worker: ServiceWorker,
}

impl ServiceWorkerRegistration {
    pub(crate) fn new(host: HostHandle, record: Arc<WorkerRegistration>) -> ServiceWorkerRegistration {
        ServiceWorkerRegistration { host, record }
    }

    /// Its identity in the profile.
    pub fn id(&self) -> WorkerRegistrationId {
        self.record.id
    }

    /// Absolute, canonical scope URL (R214); the script's directory if the page gave none (R215).
    #[doc(alias = "ScopeUri")]
    pub fn scope_uri(&self) -> &str {
        &self.record.scope
    }

    /// The serialised origin (R220).
    #[doc(alias = "Origin")]
    pub fn origin(&self) -> &str {
        self.record.storage_key.origin()
    }

    /// The origin of the top document: another one than [`ServiceWorkerRegistration::origin`] if the worker was
    /// registered in a third-party frame (R220).
    #[doc(alias = "TopLevelOrigin")]
    pub fn top_level_origin(&self) -> &str {
        let key = self.record.storage_key.as_str();
        key.split_once('^').map_or(key, |(_, top_level)| top_level)
    }

    /// Whose it is.
    pub fn storage_key(&self) -> &StorageKey {
        &self.record.storage_key
    }

    /// The active worker as it is now; `None` without one (R216).
    #[doc(alias = "ActiveServiceWorker")]
    pub fn active_service_worker(&self) -> Option<ServiceWorker> {
        let record = self.host.workers().get(self.record.id)?;
        ServiceWorker::active_of(&self.host, &record)
    }

    /// Calls `observer` on the engine thread whenever a worker of this registration has become active, also an updated
    /// one; not for activations before now (R217).
    #[doc(alias = "ServiceWorkerActivated")]
    #[doc(alias = "add_ServiceWorkerActivated")]
    #[doc(alias = "remove_ServiceWorkerActivated")]
    pub fn on_service_worker_activated(
        &self,
        observer: impl Fn(&ServiceWorkerActivatedEventArgs) + Send + Sync + 'static,
    ) -> Subscription {
        let id = self.record.id;
        self.host.workers().subscribe(move |notice| {
            if let WorkerEvent::Activated(record) = &notice.event
                && record.id == id
                && let Some(worker) = ServiceWorker::active_of(&notice.host, record)
            {
                observer(&ServiceWorkerActivatedEventArgs { worker });
            }
        })
    }

    /// Calls `observer` on the engine thread when the registration goes: the script unregistered it (R218), its first
    /// worker could not be installed, or the data of its site was cleared.
    #[doc(alias = "Unregistering")]
    #[doc(alias = "add_Unregistering")]
    #[doc(alias = "remove_Unregistering")]
    pub fn on_unregistering(&self, observer: impl Fn() + Send + Sync + 'static) -> Subscription {
        let id = self.record.id;
        self.host.workers().subscribe(move |notice| {
            if matches!(notice.event, WorkerEvent::Unregistering(gone) if gone == id) {
                observer();
            }
        })
    }

    /// Its sync registrations, for the host (R186).
    #[doc(alias = "SyncRegistrationManager")]
    #[doc(alias = "get_SyncRegistrationManager")]
    pub fn sync_registration_manager(&self) -> SyncRegistrationManager {
        SyncRegistrationManager::new(self.host.clone(), self.record.id)
    }

    /// `registration.sync`, as the registration's scripts see it.
    pub fn sync(&self) -> SyncManager {
        self.host.sync_manager(self.record.id)
    }

    /// `registration.periodicSync`, as the registration's scripts see it.
    pub fn periodic_sync(&self) -> PeriodicSyncManager {
        self.host.periodic_sync_manager(self.record.id)
    }
}

impl ServiceWorkerActivatedEventArgs {
    /// The worker that has become active.
    #[doc(alias = "ActiveServiceWorker")]
    pub fn active_service_worker(&self) -> &ServiceWorker {
        &self.worker
    }
}
