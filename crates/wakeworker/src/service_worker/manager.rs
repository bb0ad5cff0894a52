//! The worker registrations of one profile.

use super::ServiceWorkerRegistration;
use super::table::WorkerEvent;
use crate::canonical_url::canonical;
use crate::error::QueryError;
use crate::{HostHandle, Pending, Subscription};
use std::sync::Arc;

/// The worker registrations of one profile.
#[doc(alias = "CoreWebView2ServiceWorkerManager")]
#[derive(Clone, Debug)]
pub struct ServiceWorkerManager {
    host: HostHandle,
}

/// What an observer of [`ServiceWorkerManager::on_service_worker_registered`] is given.
#[doc(alias = "CoreWebView2ServiceWorkerRegisteredEventArgs")]
#[derive(Clone, Debug)]
pub struct ServiceWorkerRegisteredEventArgs {
    registration: ServiceWorkerRegistration,
}

impl ServiceWorkerManager {
    pub(crate) fn new(host: HostHandle) -> ServiceWorkerManager {
        ServiceWorkerManager { host }
    }

    /// Calls `observer` on the engine thread for each new worker registration of the profile (R210). One that was there
    /// before is found by [`ServiceWorkerManager::registrations`].
    #[doc(alias = "ServiceWorkerRegistered")]
    #[doc(alias = "add_ServiceWorkerRegistered")]
    #[doc(alias = "remove_ServiceWorkerRegistered")]
    pub fn on_service_worker_registered(
        &self,
        observer: impl Fn(&ServiceWorkerRegisteredEventArgs) + Send + Sync + 'static,
    ) -> Subscription {
        self.host.workers().subscribe(move |notice| {
            if let WorkerEvent::Registered(record) = &notice.event {
                let registration = ServiceWorkerRegistration::new(notice.host.clone(), Arc::clone(record));
                observer(&ServiceWorkerRegisteredEventArgs { registration });
            }
        })
    }

    /// All registrations of the profile (R211): a list that later changes do not alter.
    #[doc(alias = "GetServiceWorkerRegistrations")]
    #[doc(alias = "GetServiceWorkerRegistrationsAsync")]
    pub fn registrations(&self) -> Pending<Result<Vec<ServiceWorkerRegistration>, QueryError>> {
        let host = self.host.clone();
        self.host.query(move |engine, _, _| {
            let wrap =
                |record: &_| ServiceWorkerRegistration::new(host.clone(), Arc::new(Clone::clone(record)));
            Ok(engine.worker_registrations().map(wrap).collect())
        })
    }

    /// The registration with exactly this scope, after canonicalisation; `None` if there is none (R212). If frames in
    /// pages of several sites hold the same scope, the first-party one, or else the oldest.
    ///
    /// A scope that is no absolute `http:` or `https:` URL is answered at once with [`QueryError::InvalidArgument`]
    /// (R213).
    #[doc(alias = "GetServiceWorkerRegistration")]
    #[doc(alias = "GetServiceWorkerRegistrationAsync")]
    pub fn registration(
        &self,
        scope_uri: &str,
    ) -> Pending<Result<Option<ServiceWorkerRegistration>, QueryError>> {
        let scope = match canonical_scope(scope_uri) {
            Ok(scope) => scope,
            Err(error) => return Pending::ready(Err(error)),
        };
        let host = self.host.clone();
        self.host.query(move |engine, _, _| {
            let found = engine
                .worker_registrations()
                .filter(|record| record.scope == scope)
                .min_by_key(|record| (record.storage_key.as_str().contains('^'), record.id));
            Ok(found.map(|record| ServiceWorkerRegistration::new(host, Arc::new(record.clone()))))
        })
    }

    /// The registrations with exactly this scope: none, one, or one for each top-level site (R212). Errors as for
    /// [`ServiceWorkerManager::registration`].
    #[doc(alias = "GetServiceWorkerRegistrationsForScope")]
    pub fn registrations_for_scope(
        &self,
        scope_uri: &str,
    ) -> Pending<Result<Vec<ServiceWorkerRegistration>, QueryError>> {
        let scope = match canonical_scope(scope_uri) {
            Ok(scope) => scope,
            Err(error) => return Pending::ready(Err(error)),
        };
        let host = self.host.clone();
        self.host.query(move |engine, _, _| {
            let of_scope = engine.worker_registrations().filter(|record| record.scope == scope);
            let wrap =
                |record: &_| ServiceWorkerRegistration::new(host.clone(), Arc::new(Clone::clone(record)));
            Ok(of_scope.map(wrap).collect())
        })
    }
}

impl ServiceWorkerRegisteredEventArgs {
    /// The new registration.
    #[doc(alias = "ServiceWorkerRegistration")]
    #[doc(alias = "GetServiceWorkerRegistration")]
    pub fn service_worker_registration(&self) -> &ServiceWorkerRegistration {
        &self.registration
    }
}

fn canonical_scope(scope_uri: &str) -> Result<String, QueryError> {
    canonical(scope_uri).map_err(|problem| QueryError::InvalidArgument {
        argument: "scope_uri",
        value: scope_uri.to_owned(),
        problem,
    })
}
