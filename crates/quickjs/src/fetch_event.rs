//! The `fetch` event as a host sees it: a request in, a streamed response out.

use crate::agent::{Task, Worker};
use crate::body::{BodyReceiver, RequestBody};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A page's request.
#[derive(Debug, Default)]
pub struct FetchEventRequest {
    /// The method.
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// Names and values, Latin-1.
    pub headers: Vec<(String, String)>,
    /// `cors`, `no-cors`, `same-origin` or `navigate`.
    pub mode: String,
    /// `omit`, `same-origin` or `include`.
    pub credentials: String,
    /// `follow`, `error` or `manual`.
    pub redirect: String,
    /// The referrer's URL, or empty.
    pub referrer: String,
    /// The Fetch standard's destination, such as `document`.
    pub destination: String,
    /// The client that asks; empty for a navigation.
    pub client_id: String,
    /// The client that a navigation will make.
    pub resulting_client_id: String,
    /// The body; empty if there is none. A stream is read only as far as the worker reads it.
    pub body: RequestBody,
}

/// What the worker answered.
#[derive(Debug)]
pub enum FetchEventResult {
    /// No listener, or none called `respondWith`: ask the network.
    NotHandled {
        /// The request's body, whole, whatever the worker has read of it.
        body: RequestBody,
    },
    /// A response.
    Response {
        /// The status code.
        status: u16,
        /// The reason phrase.
        status_text: String,
        /// Names and values, Latin-1.
        headers: Vec<(String, String)>,
        /// The body. While nobody reads it, who makes it is held back; dropping it aborts the rest.
        body: BodyReceiver,
    },
    /// `respondWith` was rejected, or the worker failed: a network error to the page.
    NetworkError(String),
}

type Done = Box<dyn FnOnce(FetchEventResult) + Send>;

/// Answers one fetch event. Dropped without an answer it gives a network error.
#[derive(Clone)]
pub(crate) struct FetchResponder(Arc<Responder>);

struct Responder {
    done: Mutex<Option<Done>>,
    aborted: AtomicBool,
}

impl FetchResponder {
    pub(crate) fn new(done: impl FnOnce(FetchEventResult) + Send + 'static) -> FetchResponder {
        FetchResponder(Arc::new(Responder {
            done: Mutex::new(Some(Box::new(done))),
            aborted: AtomicBool::new(false),
        }))
    }

    /// The worker does not answer this request, whose body is given back.
    pub(crate) fn not_handled(&self, body: RequestBody) {
        self.answer(FetchEventResult::NotHandled { body });
    }

    /// The page gets a network error.
    pub(crate) fn network_error(&self, message: String) {
        self.answer(FetchEventResult::NetworkError(message));
    }

    /// The page gets a response.
    pub(crate) fn respond(
        &self,
        status: u16,
        status_text: String,
        headers: Vec<(String, String)>,
        body: BodyReceiver,
    ) {
        self.answer(FetchEventResult::Response { status, status_text, headers, body });
    }

    /// The page does not want an answer any more.
    fn abort(&self) {
        self.0.aborted.store(true, Ordering::Release);
        drop(self.take());
    }

    /// Whether the page has gone.
    pub(crate) fn is_aborted(&self) -> bool {
        self.0.aborted.load(Ordering::Acquire)
    }

    /// Whether both answer the same event.
    pub(crate) fn is(&self, other: &FetchResponder) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The same answer for another thread, if this one should never come back.
    pub(crate) fn open(&self) -> OpenAnswer {
        OpenAnswer(Arc::downgrade(&self.0))
    }

    fn answer(&self, result: FetchEventResult) {
        if let Some(done) = self.take() {
            done(result);
        }
    }

    fn take(&self) -> Option<Done> {
        self.0.done.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A request that may have no answer yet.
pub(crate) struct OpenAnswer(Weak<Responder>);

impl OpenAnswer {
    pub(crate) fn is_open(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// The page gets a network error, unless it had an answer.
    pub(crate) fn fail(&self, reason: &str) {
        if let Some(responder) = self.0.upgrade().map(FetchResponder) {
            responder.network_error(reason.to_owned());
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if let Some(done) = self.done.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            done(FetchEventResult::NetworkError(
                "the service worker was stopped before it answered".to_owned(),
            ));
        }
    }
}

/// A fetch event that was dispatched.
pub struct FetchEventHandle {
    event: Option<(Arc<Worker>, FetchResponder)>,
}

impl FetchEventHandle {
    pub(crate) fn new(worker: Arc<Worker>, responder: FetchResponder) -> FetchEventHandle {
        FetchEventHandle { event: Some((worker, responder)) }
    }

    /// For an event that no worker gets.
    pub(crate) fn ended() -> FetchEventHandle {
        FetchEventHandle { event: None }
    }

    /// The page does not want the answer any more: `event.request.signal` aborts in the worker, and what was to be called
    /// with the answer is dropped. An answer that has come already is aborted by dropping its body instead.
    pub fn abort(&self) {
        if let Some((worker, responder)) = &self.event {
            responder.abort();
            worker.post(Task::FetchEventAborted(responder.clone()));
        }
    }
}

impl fmt::Debug for FetchEventHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchEventHandle").field("dispatched", &self.event.is_some()).finish()
    }
}
