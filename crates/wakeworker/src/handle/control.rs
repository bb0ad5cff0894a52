//! What a host does to entries and events: fire, cancel, run all that is due.

use crate::HostHandle;
use crate::error::QueryError;
use crate::pending::Pending;
use wakeworker_core::{
    AttemptOutcome, Input, RegisterError, Resolution, SyncKind, SyncOperationStatus, SyncRegistrationId, Tag,
    WorkerRegistrationId,
};

impl HostHandle {
    /// Fires an event at the active worker, with or without a registration of this tag, leaving entries untouched
    /// (R240). Complete when the event has ended.
    pub fn dispatch_event(
        &self,
        registration: WorkerRegistrationId,
        kind: SyncKind,
        tag: Tag,
        last_chance: bool,
    ) -> Pending<Result<AttemptOutcome, RegisterError>> {
        self.pending(|done| {
            let input = |request| Input::DispatchEvent { request, registration, kind, tag, last_chance };
            self.ask(input, move |answer| done(answer.and_then(outcome)));
        })
    }

    /// Fires an entry of either kind now, whatever holds it back: back-off, conditions, intervals (R245). The attempt
    /// counts as any other. Complete when the event has ended, with how it ended.
    pub fn fire_sync_registration(
        &self,
        sync: SyncRegistrationId,
    ) -> Pending<Result<SyncOperationStatus, RegisterError>> {
        self.pending(|done| {
            let input = |request| Input::FireSync { request, sync };
            self.ask(input, move |answer| {
                done(answer.map(|resolution| match resolution {
                    Resolution::Outcome(outcome) => SyncOperationStatus::from(&outcome),
                    Resolution::Status(status) => status,
                    _ => SyncOperationStatus::OtherError,
                }));
            });
        })
    }

    /// Removes an entry of either kind (R245). Its running event goes on and is not repeated. Complete when the removal
    /// is durable.
    pub fn cancel_sync_registration(&self, sync: SyncRegistrationId) -> Pending<Result<(), RegisterError>> {
        self.pending(|done| {
            let input = |request| Input::CancelSync { request, sync };
            self.ask(input, move |answer| done(answer.map(drop)));
        })
    }

    /// Fires everything that may fire now and is complete when no event runs any more, with the number of events that ran
    /// (R182): for a process that the system wakes for this and may end afterwards.
    #[doc(alias = "FireBackgroundSyncEvents")]
    pub fn fire_due(&self) -> Pending<Result<usize, RegisterError>> {
        self.pending(|done| {
            let input = |request| Input::FireDue { request };
            self.ask(input, move |answer| {
                done(answer.map(|resolution| match resolution {
                    Resolution::Fired { events } => events,
                    _ => 0,
                }));
            });
        })
    }

    /// Milliseconds until entries of this kind want the process to be awake, 0 if something is due already; `None` if
    /// there is nothing to wake for (R179). While an event runs it is at least the recovery time (R180). For hosts that
    /// arm an operating system's timer before their process ends; always `None` for a profile that does not outlive it (R147).
    #[doc(alias = "GetSoonestWakeupDelta")]
    pub fn soonest_wakeup(&self, kind: SyncKind) -> Pending<Result<Option<u64>, QueryError>> {
        self.query(move |engine, store, now| {
            Ok(if store.is_persistent() { engine.soonest_wakeup(kind, now) } else { None })
        })
    }
}

fn outcome(resolution: Resolution) -> Result<AttemptOutcome, RegisterError> {
    match resolution {
        Resolution::Outcome(outcome) => Ok(outcome),
        _ => Err(RegisterError::NoRegistration),
    }
}
