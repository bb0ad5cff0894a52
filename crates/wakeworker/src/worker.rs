//! The seam between the engine and whatever runs service workers.

use crate::HostHandle;
use wakeworker_core::{AttemptId, AttemptOutcome, Dispatch, FailureReason, WorkerId, WorkerRegistrationId};

/// Something that runs service workers: the embedded runtime, a real browser, a webview.
///
/// All methods are called on the engine thread and must return at once; work happens elsewhere.
pub trait WorkerBackend: Send + Sync {
    /// Called once, before anything else. The backend keeps the handle: through it scripts register syncs, and the
    /// backend reports what becomes of its workers ([`HostHandle::set_active_worker`], [`HostHandle::worker_stopped`]).
    fn attach(&self, host: HostHandle);

    /// Dispatches an event at a worker, starting it if needed, and calls `done` when every lifetime promise has settled.
    ///
    /// The engine keeps the deadline: a backend that never answers does no harm.
    fn dispatch(&self, dispatch: &Dispatch, done: DispatchDone);

    /// The event's time is up: set its timed-out flag and stop its worker unless it becomes idle soon (D8).
    /// The attempt has already been counted as failed; a late answer is ignored.
    fn terminate(&self, attempt: AttemptId);

    /// Delivers a message of the host to the script of a running worker, as JSON text: a `message` event on
    /// `self.chrome.webview`, if the worker has that object (R221). Messages of one worker keep their order. A worker
    /// that does not run gets nothing, and neither does one whose script never asked.
    ///
    /// The other direction is [`HostHandle::web_message_received`].
    fn post_web_message(&self, _registration: WorkerRegistrationId, _worker: WorkerId, _json: String) {}

    /// The host is shutting down: stop all workers. Called last.
    fn shutdown(&self) {}
}

/// The one answer that a dispatch owes. Dropping it unanswered reports [`FailureReason::Abandoned`].
pub struct DispatchDone {
    attempt: AttemptId,
    host: Option<HostHandle>,
}

impl DispatchDone {
    pub(crate) fn new(attempt: AttemptId, host: HostHandle) -> DispatchDone {
        DispatchDone { attempt, host: Some(host) }
    }

    /// The dispatch that is answered.
    pub fn attempt(&self) -> AttemptId {
        self.attempt
    }

    /// Reports how the event ended.
    pub fn finish(mut self, outcome: AttemptOutcome) {
        self.send(outcome);
    }

    fn send(&mut self, outcome: AttemptOutcome) {
        if let Some(host) = self.host.take() {
            host.attempt_ended(self.attempt, outcome);
        }
    }
}

impl Drop for DispatchDone {
    fn drop(&mut self) {
        self.send(AttemptOutcome::Failed { reason: FailureReason::Abandoned, message: None });
    }
}

impl std::fmt::Debug for DispatchDone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DispatchDone").field("attempt", &self.attempt).finish_non_exhaustive()
    }
}
