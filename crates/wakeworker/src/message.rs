//! What the engine thread is sent.

use crate::store::Store;
use wakeworker_core::{
    Engine, Input, Now, RegisterError, RequestId, Resolution, WorkerId, WorkerRegistrationId,
};

/// One message to the driver.
pub(crate) enum Message {
    /// Something happened.
    Input(Input),
    /// A question: an input that carries `request`, and who waits for the answer.
    Ask { request: RequestId, input: Input, answer: Answer },
    /// A message of the host for a worker (R221).
    PostToWorker { registration: WorkerRegistrationId, worker: WorkerId, json: String },
    /// Looks at the state after everything sent before has been committed.
    Query(Query),
    /// Ends the engine thread.
    Shutdown,
}

/// Reads the committed state. Runs on the engine thread.
pub(crate) type Query = Box<dyn FnOnce(&Engine, &mut dyn Store, Now) + Send>;

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
