//! macOS, iOS and Windows: notices of the system, through a crate that knows their interfaces.

use super::Woken;
use if_watch::tokio::IfWatcher;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{Thread, current, park, park_timeout};
use std::time::Duration;

/// Waits for notices without a timer. Despite its name the watcher needs no runtime on these systems.
pub(super) struct Watch {
    watcher: IfWatcher,
    ended: Arc<AtomicBool>,
    unpark: Arc<Unpark>,
}

/// Ends the wait of a [`Watch`] from another thread.
pub(super) struct Ender {
    ended: Arc<AtomicBool>,
    unpark: Arc<Unpark>,
}

/// Wakes the thread that waits, once it is known.
#[derive(Default)]
struct Unpark(std::sync::OnceLock<Thread>);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        if let Some(thread) = self.0.get() {
            thread.unpark();
        }
    }
}

impl Watch {
    /// From now on no change is missed.
    pub(super) fn new() -> io::Result<Watch> {
        Ok(Watch { watcher: IfWatcher::new()?, ended: Arc::default(), unpark: Arc::default() })
    }

    /// For the thread that will end the wait.
    pub(super) fn ender(&self) -> Ender {
        Ender { ended: Arc::clone(&self.ended), unpark: Arc::clone(&self.unpark) }
    }

    /// Sleeps until something changes, the time is over or the wait is ended. Always called on one thread.
    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<Woken> {
        self.unpark.0.get_or_init(current);
        let waker = Waker::from(Arc::clone(&self.unpark));
        let mut context = Context::from_waker(&waker);
        // A thread can be unparked before it parks, so nothing that happens between these steps is lost. It may also
        // wake for no reason, which then counts as the end of the time.
        for parked in [false, true] {
            if self.ended.load(Ordering::Acquire) {
                return Ok(Woken::Ended);
            }
            let mut changed = false;
            while let Poll::Ready(event) = self.watcher.poll_if_event(&mut context) {
                event?;
                changed = true;
            }
            if changed {
                return Ok(Woken::Changed);
            }
            if !parked {
                match timeout {
                    Some(timeout) => park_timeout(timeout),
                    None => park(),
                }
            }
        }
        Ok(Woken::TimedOut)
    }
}

impl Ender {
    /// Ends the wait.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        Arc::clone(&self.unpark).wake();
    }
}
