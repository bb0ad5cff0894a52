//! Where a transport puts its answer.

use crate::body::BodySender;
use bytes::Bytes;
use std::sync::Arc;

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
    /// Whether this sends the client elsewhere.
    pub(crate) fn is_redirect(&self) -> bool {
        matches!(self.status, 301 | 302 | 303 | 307 | 308) && self.get("location").is_some()
    }

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
    /// The body's way to its reader; `None` before the head, and if nobody wants the body.
    body: Option<BodySender>,
    bytes_left: u64,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Begun,
    Answered,
    Ended,
}

impl ResponseSink {
    pub(crate) fn new(target: Arc<dyn SinkTarget>, bytes_max: u64) -> ResponseSink {
        ResponseSink { target, body: None, bytes_left: bytes_max, stage: Stage::Begun }
    }

    /// The status line and headers have arrived.
    pub fn head(&mut self, head: ResponseHead) {
        if self.stage == Stage::Begun {
            self.stage = Stage::Answered;
            self.body = self.target.head(head);
        }
    }

    /// A part of the body has arrived. Never blocks; see [`ResponseSink::ready`].
    pub fn chunk(&mut self, bytes: Bytes) {
        let Some(body) = &self.body else { return };
        match self.bytes_left.checked_sub(bytes.len() as u64) {
            Some(left) => {
                self.bytes_left = left;
                body.write(bytes);
            }
            None => {
                if let Some(body) = self.body.take() {
                    body.fail("the response is larger than the limit `response_bytes_max`".to_owned());
                }
            }
        }
    }

    /// Waits until the reader wants more. A transport that streams calls it before each read (back-pressure).
    pub async fn ready(&self) {
        if let Some(body) = &self.body {
            body.ready().await;
        }
    }

    /// Whether nobody wants the rest.
    pub fn is_aborted(&self) -> bool {
        match (&self.body, self.stage) {
            (Some(body), _) => body.is_abandoned(),
            (None, Stage::Begun) => self.target.is_over(),
            (None, _) => true,
        }
    }

    /// The body is complete.
    pub fn end(mut self) {
        if self.stage == Stage::Begun {
            return self.finish("the response ended before it began");
        }
        self.stage = Stage::Ended;
        if let Some(body) = self.body.take() {
            body.end();
        }
        self.target.over();
    }

    /// The exchange failed; `message` says why, for people.
    pub fn error(mut self, message: String) {
        self.finish(&message);
    }

    fn finish(&mut self, message: &str) {
        let stage = std::mem::replace(&mut self.stage, Stage::Ended);
        if let Some(body) = self.body.take() {
            body.fail(message.to_owned());
        }
        match stage {
            Stage::Begun => self.target.failed(message.to_owned()),
            Stage::Answered => self.target.over(),
            Stage::Ended => {}
        }
    }
}

impl Drop for ResponseSink {
    fn drop(&mut self) {
        self.finish("the response was cut off");
    }
}

impl std::fmt::Debug for ResponseSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseSink").field("stage", &self.stage).finish_non_exhaustive()
    }
}

/// Aborts an exchange when it is dropped.
pub struct AbortHandle(Option<Box<dyn FnOnce() + Send>>);

impl AbortHandle {
    /// A handle that calls `abort` once, when it is dropped.
    pub fn new(abort: impl FnOnce() + Send + 'static) -> AbortHandle {
        AbortHandle(Some(Box::new(abort)))
    }

    /// Lets go of the exchange, which goes on.
    pub(crate) fn release(mut self) {
        self.0 = None;
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
    /// Says where the body goes; `None` if nobody wants it.
    fn head(&self, head: ResponseHead) -> Option<BodySender>;
    /// There is no response.
    fn failed(&self, message: String);
    /// The transport has nothing to do any more, after a head.
    fn over(&self);
    /// Whether nobody waits for a head any more.
    fn is_over(&self) -> bool;
}
