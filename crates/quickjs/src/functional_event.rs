//! Functional events (service worker specification, "Fire Functional Event"; `spec.md` 7.1), and how their ends are told.

use crate::agent::{EventDone, EventKind, EventOutcome, EventTask, State, Worker};
use crate::shared::Shared;
use std::sync::Arc;
use wakeworker_core::{AttemptOutcome, FailureReason, WorkerRegistrationId};

impl Shared {
    /// Fires an event of the host at the active worker; the runtime keeps its clock.
    pub(crate) fn fire_functional_event(
        self: &Arc<Shared>,
        registration: WorkerRegistrationId,
        kind: EventKind,
        done: impl FnOnce(AttemptOutcome) + Send + 'static,
    ) {
        let Some(worker) = self.functional_target(registration) else {
            return done(AttemptOutcome::NotDispatched);
        };
        let event = EventTask {
            kind,
            done: self.functional_done(registration, done),
            attempt: None,
            duration_max_ms: Some(self.config.event_duration_max_ms),
            starts: 0,
        };
        worker.dispatch(self, event);
    }

    /// The worker that a functional event goes to: whichever is active now (R153).
    pub(crate) fn functional_target(&self, registration: WorkerRegistrationId) -> Option<Arc<Worker>> {
        let worker = self.active_worker(registration)?;
        // R61: the engine waits for `activated`; the queue of an activating worker keeps the order in any case.
        matches!(worker.state(), State::Activating | State::Activated).then_some(worker)
    }

    /// Tells the end of a functional event, and looks for an update if the last look was long ago (R157).
    pub(crate) fn functional_done(
        self: &Arc<Shared>,
        registration: WorkerRegistrationId,
        done: impl FnOnce(AttemptOutcome) + Send + 'static,
    ) -> EventDone {
        let updating = Arc::downgrade(self);
        EventDone::new(move |outcome| {
            done(attempt_outcome(outcome));
            // Once the event is over, or could not be dispatched.
            if let Some(shared) = updating.upgrade() {
                shared.soft_update(registration);
            }
        })
    }
}

/// A failure as the engine and the host know it.
pub(crate) fn failed(reason: FailureReason, message: String) -> AttemptOutcome {
    AttemptOutcome::Failed { reason, message: (!message.is_empty()).then(|| message.into()) }
}

fn attempt_outcome(outcome: EventOutcome) -> AttemptOutcome {
    match outcome {
        EventOutcome::Succeeded { handled } => AttemptOutcome::Succeeded { handled },
        EventOutcome::Rejected(text) => failed(FailureReason::Rejected, text),
        EventOutcome::Terminated(text) => failed(FailureReason::Terminated, text),
        EventOutcome::StartFailed(text) => failed(FailureReason::StartFailed, text),
        EventOutcome::ScriptError(text) => failed(FailureReason::ScriptError, text),
    }
}
