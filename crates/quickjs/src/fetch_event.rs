//! The `fetch` event as a host sees it: a request in, a streamed response out.

use bytes::Bytes;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A page's request.
#[derive(Clone, Debug, Default)]
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
    /// The body; empty if there is none.
    pub body: Bytes,
}

/// What the worker answered.
#[derive(Debug)]
pub enum FetchEventResult {
    /// No listener, or none called `respondWith`: ask the network.
    NotHandled,
    /// A response.
    Response {
        /// The status code.
        status: u16,
        /// The reason phrase.
        status_text: String,
        /// Names and values, Latin-1.
        headers: Vec<(String, String)>,
        /// The body.
        body: BodyReceiver,
    },
    /// `respondWith` was rejected, or the worker failed: a network error to the page.
    NetworkError(String),
}

/// A response body that arrives in parts.
#[derive(Debug)]
pub struct BodyReceiver {
    parts: UnboundedReceiver<Result<Bytes, String>>,
    held_bytes: Arc<AtomicU64>,
}

impl BodyReceiver {
    /// The next part; `None` at the end, an error if the body was cut off.
    pub async fn recv(&mut self) -> Option<Result<Bytes, String>> {
        let part = self.parts.recv().await;
        self.count(part)
    }

    /// The same, waiting on this thread. Panics inside an asynchronous task.
    pub fn blocking_recv(&mut self) -> Option<Result<Bytes, String>> {
        let part = self.parts.blocking_recv();
        self.count(part)
    }

    fn count(&self, part: Option<Result<Bytes, String>>) -> Option<Result<Bytes, String>> {
        if let Some(Ok(bytes)) = &part {
            self.held_bytes.fetch_sub(bytes.len() as u64, Ordering::AcqRel);
        }
        part
    }
}

type Done = Box<dyn FnOnce(FetchEventResult) + Send>;

/// Answers one fetch event. Dropped without an answer it gives a network error.
pub(crate) struct FetchResponder(Arc<Responder>);

impl Clone for FetchResponder {
    fn clone(&self) -> FetchResponder {
        FetchResponder(self.0.clone())
    }
}

struct Responder {
    held_bytes: Arc<AtomicU64>,
    held_bytes_max: u64,
    inner: Mutex<Inner>,
}

struct Inner {
    done: Option<Done>,
    body: Option<UnboundedSender<Result<Bytes, String>>>,
}

impl FetchResponder {
    pub(crate) fn new(
        held_bytes_max: u64,
        done: impl FnOnce(FetchEventResult) + Send + 'static,
    ) -> FetchResponder {
        FetchResponder(Arc::new(Responder {
            held_bytes: Arc::default(),
            held_bytes_max,
            inner: Mutex::new(Inner { done: Some(Box::new(done)), body: None }),
        }))
    }

    /// The worker does not answer this request.
    pub(crate) fn not_handled(&self) {
        self.answer(FetchEventResult::NotHandled);
    }

    /// The page gets a network error.
    pub(crate) fn network_error(&self, message: String) {
        self.answer(FetchEventResult::NetworkError(message));
    }

    /// The head of a response, whose body comes by [`FetchResponder::chunk`] and [`FetchResponder::end`].
    pub(crate) fn head(&self, status: u16, status_text: String, headers: Vec<(String, String)>) {
        let (sender, parts) = unbounded_channel();
        {
            let mut inner = self.0.inner.lock().unwrap_or_else(PoisonError::into_inner);
            if inner.done.is_none() {
                return;
            }
            inner.body = Some(sender);
        }
        let body = BodyReceiver { parts, held_bytes: self.0.held_bytes.clone() };
        self.answer(FetchEventResult::Response { status, status_text, headers, body });
    }

    /// A part of the body. A reader that is too slow loses the rest: the script cannot be held back.
    pub(crate) fn chunk(&self, bytes: Bytes) {
        let held = self.0.held_bytes.fetch_add(bytes.len() as u64, Ordering::AcqRel) + bytes.len() as u64;
        if held > self.0.held_bytes_max {
            let limit = self.0.held_bytes_max;
            return self.end(Some(format!("more than {limit} bytes of the response wait for the page")));
        }
        let inner = self.0.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(body) = &inner.body {
            // The page may have gone.
            let _ = body.send(Ok(bytes));
        }
    }

    /// The body is complete, or broken off with an error.
    pub(crate) fn end(&self, error: Option<String>) {
        let mut inner = self.0.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(body), Some(error)) = (inner.body.take(), error) {
            let _ = body.send(Err(error));
        }
    }

    /// The same response for another thread, if this one should never come back.
    pub(crate) fn open(&self) -> OpenResponse {
        OpenResponse(Arc::downgrade(&self.0))
    }

    fn answer(&self, result: FetchEventResult) {
        let done = self.0.inner.lock().unwrap_or_else(PoisonError::into_inner).done.take();
        if let Some(done) = done {
            done(result);
        }
    }
}

/// A response that may be unfinished.
pub(crate) struct OpenResponse(Weak<Responder>);

impl OpenResponse {
    pub(crate) fn is_open(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// Breaks it off.
    pub(crate) fn end(&self, reason: &str) {
        if let Some(responder) = self.0.upgrade().map(FetchResponder) {
            responder.network_error(reason.to_owned());
            responder.end(Some(reason.to_owned()));
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(done) = inner.done.take() {
            done(FetchEventResult::NetworkError(
                "the service worker was stopped before it answered".to_owned(),
            ));
        }
        if let Some(body) = inner.body.take() {
            let _ =
                body.send(Err("the service worker was stopped before the response was complete".to_owned()));
        }
    }
}
