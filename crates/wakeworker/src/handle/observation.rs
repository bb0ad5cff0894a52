//! What can be seen of a host: lists, reasons, the log, subscriptions.

use crate::error::QueryError;
use crate::pending::Pending;
use crate::store::{ActivityQuery, RecordedActivity, export};
use crate::{HostHandle, Subscription};
use std::sync::atomic::Ordering;
use wakeworker_core::{
    Activity, OriginAudit, Reason, StorageKey, SyncRegistered, SyncRegistrationId, SyncStatus, Wakeup,
    WorkerRegistration,
};

impl HostHandle {
    /// Every worker registration of the profile, as stored.
    pub fn worker_registrations(&self) -> Pending<Result<Vec<WorkerRegistration>, QueryError>> {
        self.query(|engine, _, _| Ok(engine.worker_registrations().cloned().collect()))
    }

    /// Every sync registration with its state and the reasons why it is not firing (R243).
    pub fn sync_registrations(&self) -> Pending<Result<Vec<SyncStatus>, QueryError>> {
        self.query(|engine, _, now| Ok(engine.sync_statuses(now).collect()))
    }

    /// Every reason why an entry is not firing now; `None` if there is no such entry (R243).
    pub fn explain(&self, sync: SyncRegistrationId) -> Pending<Result<Option<Vec<Reason>>, QueryError>> {
        self.query(move |engine, _, now| Ok(engine.explain(sync, now)))
    }

    /// What each origin has done: counts, times and durations of its events (R145, R242). The counting goes back as far
    /// as the activity log does.
    pub fn audit(&self) -> Pending<Result<Vec<(StorageKey, OriginAudit)>, QueryError>> {
        self.query(|engine, _, _| {
            Ok(engine.audit().map(|(key, audit)| (key.clone(), audit.clone())).collect())
        })
    }

    /// When the engine will act next if nothing happens, and why.
    pub fn next_wakeup(&self) -> Pending<Result<Option<Wakeup>, QueryError>> {
        self.query(|engine, _, now| Ok(engine.next_wakeup(now)))
    }

    /// Reads the activity log (R239).
    pub fn activities(&self, query: ActivityQuery) -> Pending<Result<Vec<RecordedActivity>, QueryError>> {
        self.query(move |_, store, _| store.activities(&query).map_err(QueryError::Store))
    }

    /// Whether activities are recorded. Default: true.
    pub fn is_recording(&self) -> bool {
        self.shared.recording.load(Ordering::Acquire)
    }

    /// Switches recording on or off, from the next commit on. Observers are told either way (R239).
    #[doc(alias = "setRecording")]
    pub fn set_recording(&self, recording: bool) {
        self.shared.recording.store(recording, Ordering::Release);
    }

    /// Removes all recorded activities (R239).
    #[doc(alias = "clearEvents")]
    pub fn clear_activities(&self) -> Pending<Result<(), QueryError>> {
        self.look(|view| view.store.clear_activities(view.lease).map_err(QueryError::Store))
    }

    /// Gives `observer` the recorded activities after a number (0 for all), oldest first, and then everything that
    /// happens, without a gap and without a repetition (R239).
    #[doc(alias = "startObserving")]
    pub fn replay_activities(
        &self,
        after: u64,
        observer: impl Fn(&Activity) + Send + Sync + 'static,
    ) -> Pending<Result<Subscription, QueryError>> {
        let host = self.clone();
        self.query(move |_, store, _| {
            let query = ActivityQuery { after, limit: usize::MAX };
            for recorded in store.activities(&query).map_err(QueryError::Store)? {
                observer(&recorded.activity);
            }
            // Nothing can happen in between: this runs on the engine thread, after everything was written and told.
            Ok(host.on_activity(observer))
        })
    }

    /// The whole profile as JSON text, for support cases: registrations, times, the activity log (R252).
    /// [`crate::store::import`] reads it.
    pub fn export(&self) -> Pending<Result<String, QueryError>> {
        self.look(|view| export(view.store, view.lease).map_err(QueryError::Store))
    }

    /// Calls `observer` on the engine thread for everything that happens (R238).
    pub fn on_activity(&self, observer: impl Fn(&Activity) + Send + Sync + 'static) -> Subscription {
        self.shared.observed.activity.subscribe(observer)
    }

    /// Calls `observer` on the engine thread for every sync registration that a script makes or changes (R187).
    pub fn on_sync_registered(
        &self,
        observer: impl Fn(&SyncRegistered) + Send + Sync + 'static,
    ) -> Subscription {
        self.shared.observed.registered.subscribe(observer)
    }

    /// Calls `observer` with true when the first event starts and with false when the last has ended (R178).
    pub fn on_keep_awake(&self, observer: impl Fn(&bool) + Send + Sync + 'static) -> Subscription {
        self.shared.observed.keep_awake.subscribe(observer)
    }
}
