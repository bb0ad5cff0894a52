//! Worker management in the shape of WebView2 (section 4.6 of the requirements).

use crate::error::QueryError;
use crate::{HostHandle, Pending, SyncManager};
use wakeworker_core::{
    ActiveWorker, AttemptOutcome, RegisterError, StorageKey, SyncKind, Tag, WorkerRegistration,
    WorkerRegistrationId,
};

/// The worker registrations of one profile.
#[doc(alias = "CoreWebView2ServiceWorkerManager")]
#[derive(Clone, Debug)]
pub struct ServiceWorkerManager {
    host: HostHandle,
}

/// One worker registration, as it was when it was asked for.
#[doc(alias = "CoreWebView2ServiceWorkerRegistration")]
#[derive(Clone, Debug)]
pub struct ServiceWorkerRegistration {
    host: HostHandle,
    record: WorkerRegistration,
}

/// The worker that events go to.
#[doc(alias = "CoreWebView2ServiceWorker")]
#[derive(Clone, Debug)]
pub struct ServiceWorker {
    host: HostHandle,
    registration: WorkerRegistrationId,
    worker: ActiveWorker,
    script_uri: String,
}

impl ServiceWorkerManager {
    pub(crate) fn new(host: HostHandle) -> ServiceWorkerManager {
        ServiceWorkerManager { host }
    }

    /// All registrations of the profile (R211).
    #[doc(alias = "GetServiceWorkerRegistrations")]
    pub fn registrations(&self) -> Pending<Result<Vec<ServiceWorkerRegistration>, QueryError>> {
        let host = self.host.clone();
        self.host.query(move |engine, _, _| {
            let wrap = |record: &WorkerRegistration| ServiceWorkerRegistration {
                host: host.clone(),
                record: record.clone(),
            };
            Ok(engine.worker_registrations().map(wrap).collect())
        })
    }

    /// The registrations with exactly this scope: none, one, or one for each storage key (R212).
    #[doc(alias = "GetServiceWorkerRegistrationsForScope")]
    pub fn registrations_for_scope(
        &self,
        scope_uri: &str,
    ) -> Pending<Result<Vec<ServiceWorkerRegistration>, QueryError>> {
        let host = self.host.clone();
        let scope_uri = scope_uri.to_owned();
        self.host.query(move |engine, _, _| {
            let of_scope = engine.worker_registrations().filter(|record| record.scope == scope_uri);
            let wrap = |record: &WorkerRegistration| ServiceWorkerRegistration {
                host: host.clone(),
                record: record.clone(),
            };
            Ok(of_scope.map(wrap).collect())
        })
    }
}

impl ServiceWorkerRegistration {
    /// Its identity in the profile.
    pub fn id(&self) -> WorkerRegistrationId {
        self.record.id
    }

    /// Absolute, canonical scope URL (R214).
    pub fn scope_uri(&self) -> &str {
        &self.record.scope
    }

    /// The serialised origin (R220).
    pub fn origin(&self) -> &str {
        self.record.storage_key.origin()
    }

    /// Whose it is.
    pub fn storage_key(&self) -> &StorageKey {
        &self.record.storage_key
    }

    /// The active worker; `None` without one (R216).
    pub fn active_service_worker(&self) -> Option<ServiceWorker> {
        self.record.active.map(|worker| ServiceWorker {
            host: self.host.clone(),
            registration: self.record.id,
            worker,
            script_uri: self.record.script_url.clone(),
        })
    }

    /// `registration.sync`.
    pub fn sync(&self) -> SyncManager {
        self.host.sync_manager(self.record.id)
    }
}

impl ServiceWorker {
    /// Absolute, canonical script URL (R214).
    pub fn script_uri(&self) -> &str {
        &self.script_uri
    }

    /// Whether its `activate` event has ended.
    pub fn is_activated(&self) -> bool {
        self.worker.activated
    }

    /// Fires a `sync` event, whether or not the tag is registered, leaving entries untouched (R240).
    #[doc(alias = "dispatchSyncEvent")]
    pub fn dispatch_sync_event(
        &self,
        tag: Tag,
        last_chance: bool,
    ) -> Pending<Result<AttemptOutcome, RegisterError>> {
        self.host.dispatch_event(self.registration, SyncKind::BackgroundSync, tag, last_chance)
    }
}
