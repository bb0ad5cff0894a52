//! What the engine thread is sent.

use crate::store::{Lease, Store};
use wakeworker_core::{
    Engine, Input, Now, PermissionName, PermissionState, RegisterError, RequestId, Resolution, StorageKey,
    SyncKind, WorkerId, WorkerRegistrationId,
};

/// One message to the driver.
pub(crate) enum Message {
    /// Something happened.
    Input(Input),
    /// A question: an input that carries `request`, and who waits for the answer.
    Ask { request: RequestId, input: Input, answer: Answer },
    /// A message of the host for a worker (R221).
    PostToWorker { registration: WorkerRegistrationId, worker: WorkerId, json: String },
    /// The user was asked for a permission (R105).
    PermissionAnswered(PermissionAnswer),
    /// Looks at the state after everything sent before has been committed.
    Query(Query),
    /// Ends the engine thread.
    Shutdown,
}

/// How a request for a permission ended.
pub(crate) struct PermissionAnswer {
    /// The manager whose calls wait for it.
    pub(crate) waiting: (WorkerRegistrationId, SyncKind),
    pub(crate) storage_key: StorageKey,
    pub(crate) name: PermissionName,
    /// `None`: nobody answered.
    pub(crate) state: Option<PermissionState>,
}

/// Looks at the committed state. Runs on the engine thread.
pub(crate) type Query = Box<dyn FnOnce(View<'_>) + Send>;

/// What a query sees.
pub(crate) struct View<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) store: &'a mut dyn Store,
    pub(crate) lease: &'a Lease,
    pub(crate) now: Now,
}

/// The one who waits for an answer. Runs on the engine thread, in effect order, and may only enqueue.
///
/// Dropped without an answer, it reports that the host is shutting down, so that every promise settles (R38).
pub(crate) struct Answer(Option<AnswerFn>);

type AnswerFn = Box<dyn FnOnce(Result<Resolution, RegisterError>) + Send>;

impl Answer {
    pub(crate) fn new(answer: impl FnOnce(Result<Resolution, RegisterError>) + Send + 'static) -> Answer {
        Answer(Some(Box::new(answer)))
    }

    pub(crate) fn give(mut self, result: Result<Resolution, RegisterError>) {
        if let Some(answer) = self.0.take() {
            answer(result);
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(answer) = self.0.take() {
            answer(Err(RegisterError::ShuttingDown));
        }
    }
}
