//! Whole responses for callers that wait on their own thread: scripts.

use super::process::{FetchReader, FilteredHead};
use super::{FetchOrder, FetchRules, Flow, start};
use bytes::Bytes;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A response with its whole body.
#[derive(Debug)]
pub(crate) struct ScriptResponse {
    pub(crate) head: FilteredHead,
    pub(crate) body: Vec<u8>,
}

/// Fetches and waits, at most `timeout`; the error is for people.
pub(crate) fn fetch_whole(
    rules: &Arc<FetchRules>,
    order: FetchOrder,
    body_bytes_max: usize,
    timeout: Duration,
) -> Result<ScriptResponse, String> {
    let url = order.url.to_string();
    let (sender, receiver) = channel();
    let reader = Arc::new(Collector {
        body_bytes_max,
        flow: Flow::new(usize::MAX),
        inner: Mutex::new(Inner { head: None, body: Vec::new(), sender: Some(sender) }),
    });
    let handle = start(rules, order, reader);
    let result = receiver.recv_timeout(timeout).unwrap_or_else(|error| match error {
        RecvTimeoutError::Timeout => {
            Err(format!("Failed to fetch {url}: no answer within {} ms", timeout.as_millis()))
        }
        RecvTimeoutError::Disconnected => Err(format!("Failed to fetch {url}: the request was lost")),
    });
    drop(handle);
    result
}

struct Collector {
    body_bytes_max: usize,
    flow: Flow,
    inner: Mutex<Inner>,
}

struct Inner {
    head: Option<FilteredHead>,
    body: Vec<u8>,
    sender: Option<Sender<Result<ScriptResponse, String>>>,
}

impl Collector {
    fn finish(&self, make: impl FnOnce(&mut Inner) -> Result<ScriptResponse, String>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = inner.sender.take() {
            // The receiver may have given up waiting.
            let _ = sender.send(make(&mut inner));
        }
    }
}

impl FetchReader for Collector {
    fn head(&self, head: FilteredHead) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).head = Some(head);
    }

    fn chunk(&self, bytes: Bytes) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.body.len() + bytes.len() <= self.body_bytes_max {
            inner.body.extend_from_slice(&bytes);
            return;
        }
        drop(inner);
        let limit = self.body_bytes_max;
        self.finish(|_| Err(format!("the script is larger than the limit of {limit} bytes")));
        self.flow.abort();
    }

    fn end(&self) {
        self.finish(|inner| match inner.head.take() {
            Some(head) => Ok(ScriptResponse { head, body: std::mem::take(&mut inner.body) }),
            None => Err("the response ended before it began".to_owned()),
        });
    }

    fn failed(&self, message: String) {
        self.finish(|_| Err(message));
    }

    fn flow(&self) -> &Flow {
        &self.flow
    }
}
