//! The sync registrations of one worker registration, as WebView2 shows them to the host program (sections 4.3 to 4.5
//! of the requirements).

use crate::error::QueryError;
use crate::{HostHandle, Pending, Subscription};
use wakeworker_core::{
    SyncKind, SyncRegistered, SyncRegistration, SyncRegistrationId, Tag, WorkerRegistrationId,
};

/// Lists sync registrations and tells when scripts make them (R186).
///
/// The events tell of registrations from the moment of subscription on; list the entries for those from before. An
/// event comes after the script's promise is resolved and before the entry is fired.
#[doc(alias = "CoreWebView2ServiceWorkerSyncRegistrationManager")]
#[derive(Clone, Debug)]
pub struct SyncRegistrationManager {
    host: HostHandle,
    registration: WorkerRegistrationId,
}

/// One sync registration, as it was when it was asked for (R203).
#[doc(alias = "CoreWebView2ServiceWorkerSyncRegistrationInfo")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRegistrationInfo {
    record: SyncRegistration,
}

/// What observers of both registration events are given.
#[doc(alias = "CoreWebView2ServiceWorkerSyncRegisteredEventArgs")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRegisteredEventArgs {
    info: SyncRegistrationInfo,
    reregistration: bool,
}

impl SyncRegistrationManager {
    pub(crate) fn new(host: HostHandle, registration: WorkerRegistrationId) -> SyncRegistrationManager {
        SyncRegistrationManager { host, registration }
    }

    /// All entries of the kind and none of the other, in the order of their tags (R191): a snapshot (R203).
    #[doc(alias = "GetSyncRegistrations")]
    #[doc(alias = "GetSyncRegistrationsAsync")]
    pub fn sync_registrations(
        &self,
        kind: SyncKind,
    ) -> Pending<Result<Vec<SyncRegistrationInfo>, QueryError>> {
        let registration = self.registration;
        self.host.query(move |engine, _, _| {
            let of_kind = engine.sync_registrations_of(registration, kind);
            Ok(of_kind.map(|record| SyncRegistrationInfo { record }).collect())
        })
    }

    /// Calls `observer` on the engine thread after each successful `sync.register` of this worker registration that
    /// made or changed an entry (R187, R189, R204).
    #[doc(alias = "BackgroundSyncRegistered")]
    #[doc(alias = "add_BackgroundSyncRegistered")]
    #[doc(alias = "remove_BackgroundSyncRegistered")]
    pub fn on_background_sync_registered(
        &self,
        observer: impl Fn(&SyncRegisteredEventArgs) + Send + Sync + 'static,
    ) -> Subscription {
        self.on_registered(SyncKind::BackgroundSync, observer)
    }

    /// Calls `observer` on the engine thread after each successful `periodicSync.register` of this worker registration
    /// that made or changed an entry (R188, R189, R204).
    #[doc(alias = "PeriodicSyncRegistered")]
    #[doc(alias = "add_PeriodicSyncRegistered")]
    #[doc(alias = "remove_PeriodicSyncRegistered")]
    pub fn on_periodic_sync_registered(
        &self,
        observer: impl Fn(&SyncRegisteredEventArgs) + Send + Sync + 'static,
    ) -> Subscription {
        self.on_registered(SyncKind::PeriodicSync, observer)
    }

    fn on_registered(
        &self,
        kind: SyncKind,
        observer: impl Fn(&SyncRegisteredEventArgs) + Send + Sync + 'static,
    ) -> Subscription {
        let registration = self.registration;
        self.host.on_sync_registered(move |registered: &SyncRegistered| {
            let record = &registered.registration;
            if record.worker_registration == registration && record.kind() == kind {
                let info = SyncRegistrationInfo { record: record.clone() };
                observer(&SyncRegisteredEventArgs { info, reregistration: registered.reregistration });
            }
        })
    }
}

impl SyncRegistrationInfo {
    /// Its identity in the profile.
    pub fn id(&self) -> SyncRegistrationId {
        self.record.id
    }

    /// Which of the two APIs made it.
    pub fn kind(&self) -> SyncKind {
        self.record.kind()
    }

    /// The tag.
    #[doc(alias = "Tag")]
    #[doc(alias = "get_Tag")]
    pub fn tag(&self) -> &Tag {
        &self.record.tag
    }

    /// The minimum interval; −1 for every one-off entry (R192, D31).
    #[doc(alias = "MinIntervalInMilliseconds")]
    #[doc(alias = "get_MinIntervalInMilliseconds")]
    pub fn min_interval_in_milliseconds(&self) -> i64 {
        self.record.min_interval_ms()
    }

    /// The whole record, which WebView2 does not show: attempts, times, options.
    pub fn record(&self) -> &SyncRegistration {
        &self.record
    }
}

impl SyncRegisteredEventArgs {
    /// The entry as it now is.
    #[doc(alias = "RegistrationInfo")]
    #[doc(alias = "get_RegistrationInfo")]
    pub fn registration_info(&self) -> &SyncRegistrationInfo {
        &self.info
    }

    /// Whether the entry existed before and was changed (R204, D26).
    pub fn is_reregistration(&self) -> bool {
        self.reregistration
    }
}
