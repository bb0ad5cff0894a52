//! Whole responses for callers that wait on their own thread: scripts.

use super::process::{FetchReader, FilteredHead};
use super::{FetchOrder, FetchRules, start};
use crate::body::{BodyReceiver, collect_then};
use bytes::Bytes;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A response with its whole body.
#[derive(Debug)]
pub(crate) struct ScriptResponse {
    pub(crate) head: FilteredHead,
    pub(crate) body: Bytes,
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
    let reader = Arc::new(Collector { body_bytes_max, sender: Mutex::new(Some(sender)) });
    let handle = start(rules, order, reader, None);
    let aborter = handle.aborter();
    receiver.recv_timeout(timeout).unwrap_or_else(|error| {
        aborter.abort();
        match error {
            RecvTimeoutError::Timeout => {
                Err(format!("Failed to fetch {url}: no answer within {} ms", timeout.as_millis()))
            }
            RecvTimeoutError::Disconnected => Err(format!("Failed to fetch {url}: the request was lost")),
        }
    })
}

type Answer = Result<ScriptResponse, String>;

struct Collector {
    body_bytes_max: usize,
    sender: Mutex<Option<Sender<Answer>>>,
}

impl Collector {
    fn sender(&self) -> Option<Sender<Answer>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl FetchReader for Collector {
    fn head(&self, head: FilteredHead, body: BodyReceiver) {
        let Some(sender) = self.sender() else { return };
        let url = head.url.clone();
        collect_then(body, self.body_bytes_max, move |result| {
            let result = result
                .map(|body| ScriptResponse { head, body })
                .map_err(|problem| format!("Failed to fetch {url}: {problem}"));
            // The receiver may have given up waiting.
            let _ = sender.send(result);
        });
    }

    fn failed(&self, message: String) {
        if let Some(sender) = self.sender() {
            let _ = sender.send(Err(message));
        }
    }
}
