//! How a periodic event that the host dispatched has ended, by WebView2's numbers.

use crate::{AttemptOutcome, FailureReason};

/// WebView2's `COREWEBVIEW2_SERVICE_WORKER_SYNC_OPERATION_STATUS` (R185). The list is complete by definition.
#[doc(alias = "COREWEBVIEW2_SERVICE_WORKER_SYNC_OPERATION_STATUS")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SyncOperationStatus {
    /// Every lifetime promise was fulfilled (R196).
    Succeeded = 0,
    /// The event failed in any other way, for example because the worker could not be started (R200).
    OtherError = 1,
    /// A lifetime promise was rejected (R197).
    Rejected = 2,
    /// The lifetime promises did not settle in time (R198).
    Timeout = 3,
    /// There is no periodic entry with this tag (R199).
    TagNotExisted = 4,
}

impl From<&AttemptOutcome> for SyncOperationStatus {
    fn from(outcome: &AttemptOutcome) -> SyncOperationStatus {
        match outcome {
            AttemptOutcome::Succeeded { .. } => SyncOperationStatus::Succeeded,
            AttemptOutcome::Failed { reason: FailureReason::Rejected, .. } => SyncOperationStatus::Rejected,
            AttemptOutcome::Failed { reason: FailureReason::TimedOut, .. } => SyncOperationStatus::Timeout,
            AttemptOutcome::Failed { .. } | AttemptOutcome::NotDispatched => SyncOperationStatus::OtherError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // R185, R196, R197, R198, R200
    fn every_outcome_has_the_number_that_webview2_gives_it() {
        let failed = |reason| AttemptOutcome::Failed { reason, message: None };
        for (outcome, number) in [
            (AttemptOutcome::Succeeded { handled: true }, 0),
            (AttemptOutcome::Succeeded { handled: false }, 0),
            (failed(FailureReason::StartFailed), 1),
            (failed(FailureReason::ScriptError), 1),
            (failed(FailureReason::Terminated), 1),
            (failed(FailureReason::Abandoned), 1),
            (failed(FailureReason::Crashed), 1),
            (AttemptOutcome::NotDispatched, 1),
            (failed(FailureReason::Rejected), 2),
            (failed(FailureReason::TimedOut), 3),
        ] {
            assert_eq!(SyncOperationStatus::from(&outcome) as u8, number, "{outcome:?}");
        }
        assert_eq!(SyncOperationStatus::TagNotExisted as u8, 4);
    }
}
