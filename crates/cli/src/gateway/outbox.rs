//! The way out to one page. A page that does not read cannot hold up anybody: its queue is bounded, and when it is full
//! the page is disconnected; it connects again when it can, and then learns how things are.

use super::protocol::GatewayMessage;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Notify, mpsc};

/// Messages that may wait for one page.
const MESSAGES_MAX: usize = 4_096;
/// Bytes that may wait for one page.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// Sends to one page from any thread, never waiting. Clones send to the same page.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    sender: mpsc::Sender<String>,
    shared: Arc<Shared>,
}

/// The receiving end, held by the page's connection.
#[derive(Debug)]
pub(crate) struct OutboxReceiver {
    receiver: mpsc::Receiver<String>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    held_bytes: AtomicUsize,
    overflow: Notify,
}

impl Outbox {
    /// A queue and its receiving end.
    pub(crate) fn new() -> (Outbox, OutboxReceiver) {
        let (sender, receiver) = mpsc::channel(MESSAGES_MAX);
        let shared = Arc::new(Shared::default());
        (Outbox { sender, shared: Arc::clone(&shared) }, OutboxReceiver { receiver, shared })
    }

    /// Queues a message. If the page has gone there is nobody to tell; if it does not read, it is disconnected.
    pub(crate) fn send(&self, message: &GatewayMessage) {
        if let Ok(text) = serde_json::to_string(message) {
            self.send_text(text);
        }
    }

    /// Queues a message that is a text already.
    pub(crate) fn send_text(&self, text: String) {
        let length = text.len();
        let held = self.shared.held_bytes.fetch_add(length, Ordering::AcqRel) + length;
        if held > BYTES_MAX || matches!(self.sender.try_send(text), Err(mpsc::error::TrySendError::Full(_))) {
            self.shared.overflow.notify_one();
        }
    }

    /// Completes when the page has fallen too far behind.
    pub(crate) async fn overflow(&self) {
        self.shared.overflow.notified().await;
    }
}

impl OutboxReceiver {
    /// The next message; `None` when every sender is gone.
    pub(crate) async fn recv(&mut self) -> Option<String> {
        let text = self.receiver.recv().await?;
        self.shared.held_bytes.fetch_sub(text.len(), Ordering::AcqRel);
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_that_does_not_read_is_found_out() {
        let (outbox, mut receiver) = Outbox::new();
        for id in 0..=MESSAGES_MAX as u64 {
            outbox.send(&GatewayMessage::Unregistered { id });
        }
        outbox.overflow().await;
        assert_eq!(receiver.recv().await.as_deref(), Some(r#"{"type":"unregistered","id":0}"#));

        let (outbox, _receiver) = Outbox::new();
        let message = "x".repeat(BYTES_MAX);
        outbox.send(&GatewayMessage::Failure { id: 1, name: String::new(), message });
        outbox.overflow().await;
    }
}
