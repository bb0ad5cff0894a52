//! What a worker's thread and one of its connections share: what the connection has to tell, one notice a task.

use crate::body::Weight;
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::{Bytes, Utf8Bytes};

/// What a message holds.
#[derive(Debug)]
pub(crate) enum Content {
    Text(Utf8Bytes),
    Binary(Bytes),
}

impl Content {
    pub(crate) fn len(&self) -> usize {
        match self {
            Content::Text(text) => text.len(),
            Content::Binary(bytes) => bytes.len(),
        }
    }

    /// What it takes while it waits: empty messages take something too.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.len() + MESSAGE_BYTES
    }
}

/// What a message takes beside its content.
const MESSAGE_BYTES: usize = 128;

/// What a connection tells its worker.
pub(crate) enum Notice {
    /// The handshake is done; with the subprotocol, or an empty text.
    Opened(String),
    Message(Content),
    /// So many bytes of messages are on their way.
    Sent(usize),
    /// The connection is over; always the last.
    Closed(Ending),
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    /// Both sides have said goodbye.
    pub(crate) clean: bool,
    pub(crate) code: u16,
    pub(crate) reason: String,
    /// Why it failed, for people; `None` if it did not.
    pub(crate) problem: Option<String>,
}

/// The code of a connection that ended without a goodbye (RFC 6455, 7.1.5).
const ABNORMAL_CLOSURE: u16 = 1006;

impl Ending {
    pub(crate) fn failed(problem: impl Into<String>) -> Ending {
        Ending { problem: Some(problem.into()), ..Ending::cut_off() }
    }

    /// This side did not wait for the other one's goodbye.
    pub(super) fn cut_off() -> Ending {
        Ending { clean: false, code: ABNORMAL_CLOSURE, reason: String::new(), problem: None }
    }
}

/// The shared state of one connection.
pub(crate) struct Link {
    window_bytes: usize,
    /// Puts a task for this connection on the worker's queue.
    knock: Box<dyn Fn() + Send + Sync>,
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    notices: VecDeque<(Notice, Option<Weight>)>,
    /// Bytes of the messages among them.
    bytes: usize,
    sent: usize,
    knocked: bool,
    opened: bool,
    /// The worker takes no more messages.
    deaf: bool,
    /// The worker has stopped.
    left: bool,
    broken: bool,
    over: bool,
}

impl Inner {
    fn has_something(&self) -> bool {
        self.sent > 0 || !self.notices.is_empty()
    }
}

impl Link {
    pub(crate) fn new(window_bytes: usize, knock: impl Fn() + Send + Sync + 'static) -> Arc<Link> {
        Arc::new(Link {
            window_bytes: window_bytes.max(1),
            knock: Box::new(knock),
            inner: Mutex::default(),
            changed: Notify::new(),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then knocks if there is something to take and nobody has knocked.
    fn change(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.inner();
        change(&mut inner);
        let knock = inner.has_something() && !std::mem::replace(&mut inner.knocked, true);
        drop(inner);
        if knock {
            (self.knock)();
        }
    }

    // -- the connection's side ------------------------------------------------------------------------------------------

    pub(super) fn opened(&self, protocol: String) {
        self.change(|inner| {
            if !inner.over {
                inner.opened = true;
                inner.notices.push_back((Notice::Opened(protocol), None));
            }
        });
    }

    pub(super) fn message(&self, content: Content, weight: Weight) {
        self.change(|inner| {
            if !inner.over && !inner.deaf {
                inner.bytes += content.waiting_bytes();
                inner.notices.push_back((Notice::Message(content), Some(weight)));
            }
        });
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.change(|inner| inner.sent += bytes);
    }

    /// The first ending counts.
    pub(crate) fn finish(&self, ending: Ending) {
        self.change(|inner| {
            if !std::mem::replace(&mut inner.over, true) {
                inner.notices.push_back((Notice::Closed(ending), None));
            }
        });
    }

    /// Waits until the worker has room for another message (back-pressure).
    pub(super) async fn room(&self) {
        self.wait_for(|inner| inner.bytes < self.window_bytes || inner.deaf).await;
    }

    /// Waits until the worker has stopped.
    pub(super) async fn left(&self) {
        self.wait_for(|inner| inner.left).await;
    }

    /// Waits until the worker is given up.
    pub(super) async fn broken(&self) {
        self.wait_for(|inner| inner.broken).await;
    }

    async fn wait_for(&self, condition: impl Fn(&Inner) -> bool) {
        loop {
            let mut changed = pin!(self.changed.notified());
            // Before the look: a change right after it must not be missed.
            changed.as_mut().enable();
            if condition(&self.inner()) {
                return;
            }
            changed.await;
        }
    }

    // -- the worker's side ----------------------------------------------------------------------------------------------

    /// The next notice for the script; knocks again if it is not the last.
    pub(crate) fn next(&self) -> Option<Notice> {
        let mut inner = self.inner();
        let sent = std::mem::take(&mut inner.sent);
        let next = if sent > 0 {
            Some(Notice::Sent(sent))
        } else {
            let next = inner.notices.pop_front();
            if let Some((Notice::Message(content), _)) = &next {
                inner.bytes -= content.waiting_bytes();
            }
            next.map(|(notice, _)| notice)
        };
        inner.knocked = inner.has_something();
        let knock = inner.knocked;
        drop(inner);
        self.changed.notify_waiters();
        if knock {
            (self.knock)();
        }
        next
    }

    /// Whether the handshake was done and the connection is not over.
    pub(crate) fn is_open(&self) -> bool {
        let inner = self.inner();
        inner.opened && !inner.over
    }

    /// The script wants no more messages.
    pub(crate) fn stop_listening(&self) {
        self.fall_deaf(self.inner());
    }

    /// The worker stops.
    pub(crate) fn leave(&self) {
        let mut inner = self.inner();
        inner.left = true;
        self.fall_deaf(inner);
    }

    fn fall_deaf(&self, mut inner: MutexGuard<'_, Inner>) {
        inner.deaf = true;
        inner.bytes = 0;
        inner.notices.retain(|(notice, _)| !matches!(notice, Notice::Message(_)));
        drop(inner);
        self.changed.notify_waiters();
    }

    /// Ends the connection from another thread, for the case that the worker's own never comes back.
    pub(crate) fn breaker(self: &Arc<Link>) -> LinkBreaker {
        LinkBreaker(Arc::downgrade(self))
    }
}

/// Ends a connection whose worker is given up.
pub(crate) struct LinkBreaker(Weak<Link>);

impl LinkBreaker {
    pub(crate) fn is_open(&self) -> bool {
        self.0.upgrade().is_some_and(|link| !link.inner().over)
    }

    pub(crate) fn break_off(&self) {
        if let Some(link) = self.0.upgrade() {
            link.inner().broken = true;
            link.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Meter;
    use futures_util::FutureExt;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test] // back-pressure counts messages, not only their bytes
    fn empty_messages_fill_the_window_too() {
        let knocks = Arc::new(AtomicUsize::new(0));
        let heard = knocks.clone();
        let link = Link::new(10 * MESSAGE_BYTES, move || {
            heard.fetch_add(1, Ordering::AcqRel);
        });
        let push = || link.message(Content::Binary(Bytes::new()), Meter::default().weigh(0));
        (0..9).for_each(|_| push());
        assert!(link.room().now_or_never().is_some());
        push();
        assert!(link.room().now_or_never().is_none());
        assert_eq!(knocks.load(Ordering::Acquire), 1, "one task at a time tells of them");
        assert!(matches!(link.next(), Some(Notice::Message(_))));
        assert_eq!(knocks.load(Ordering::Acquire), 2);
        assert!(link.room().now_or_never().is_some());
        push();
        link.stop_listening();
        assert!(link.room().now_or_never().is_some() && link.next().is_none());
    }
}
