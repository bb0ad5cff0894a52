//! Where a transport puts its answer.

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// Status and headers of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status code.
    pub status: u16,
    /// The reason phrase; may be empty.
    pub status_text: String,
    /// Names and values in Latin-1, in the order received.
    pub headers: Vec<(String, String)>,
}

impl ResponseHead {
    /// The values of a header, joined as the Fetch standard joins them.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let mut values =
            self.headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim());
        let first = values.next()?.to_owned();
        Some(values.fold(first, |joined, value| joined + ", " + value))
    }
}

/// The receiver of one response: one `head`, then `chunk`s, then `end` or `error`. Dropped unfinished, it reports an
/// error, so a transport cannot leave a script waiting.
pub struct ResponseSink {
    target: Arc<dyn SinkTarget>,
    finished: bool,
}

impl ResponseSink {
    pub(crate) fn new(target: Arc<dyn SinkTarget>) -> ResponseSink {
        ResponseSink { target, finished: false }
    }

    /// The status line and headers have arrived.
    pub fn head(&mut self, head: ResponseHead) {
        self.target.head(head);
    }

    /// A part of the body has arrived. Never blocks; see [`ResponseSink::ready`].
    pub fn chunk(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.target.chunk(bytes);
        }
    }

    /// Waits until the reader wants more. A transport that streams calls it before each read (back-pressure).
    pub async fn ready(&self) {
        self.target.flow().ready().await;
    }

    /// Whether nobody wants the rest.
    pub fn is_aborted(&self) -> bool {
        self.target.flow().is_aborted()
    }

    /// The body is complete.
    pub fn end(mut self) {
        self.finished = true;
        self.target.end();
    }

    /// The exchange failed; `message` says why, for people.
    pub fn error(mut self, message: String) {
        self.finished = true;
        self.target.error(message);
    }
}

impl Drop for ResponseSink {
    fn drop(&mut self) {
        if !self.finished {
            self.target.error("the response was cut off".to_owned());
        }
    }
}

impl std::fmt::Debug for ResponseSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseSink").field("finished", &self.finished).finish_non_exhaustive()
    }
}

/// Aborts an exchange when it is dropped.
pub struct AbortHandle(Option<Box<dyn FnOnce() + Send>>);

impl AbortHandle {
    /// A handle that calls `abort` once, when it is dropped.
    pub fn new(abort: impl FnOnce() + Send + 'static) -> AbortHandle {
        AbortHandle(Some(Box::new(abort)))
    }

    /// A handle for an exchange that has ended already.
    pub fn ended() -> AbortHandle {
        AbortHandle(None)
    }
}

impl Drop for AbortHandle {
    fn drop(&mut self) {
        if let Some(abort) = self.0.take() {
            abort();
        }
    }
}

impl std::fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AbortHandle")
    }
}

/// What stands behind a sink. Calls come from one thread at a time.
pub(crate) trait SinkTarget: Send + Sync {
    fn head(&self, head: ResponseHead);
    fn chunk(&self, bytes: Bytes);
    fn end(&self);
    fn error(&self, message: String);
    fn flow(&self) -> &Flow;
}

/// Back-pressure between a transport and a reader.
#[derive(Debug)]
pub(crate) struct Flow {
    window_bytes: usize,
    held_bytes: AtomicUsize,
    aborted: AtomicBool,
    changed: Notify,
}

impl Flow {
    /// Lets a transport go on while fewer than `window_bytes` wait for the reader.
    pub(crate) fn new(window_bytes: usize) -> Flow {
        Flow {
            window_bytes: window_bytes.max(1),
            held_bytes: AtomicUsize::new(0),
            aborted: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    /// Bytes have arrived and wait.
    pub(crate) fn hold(&self, bytes: usize) {
        self.held_bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    /// The reader took bytes.
    pub(crate) fn take(&self, bytes: usize) {
        self.held_bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.changed.notify_one();
    }

    /// Nobody reads any more.
    pub(crate) fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }

    async fn ready(&self) {
        // `notify_one` leaves a permit, so a change between the check and the wait is not lost.
        while self.held_bytes.load(Ordering::Acquire) >= self.window_bytes && !self.is_aborted() {
            self.changed.notified().await;
        }
    }
}
