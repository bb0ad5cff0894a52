//! A thread that sleeps until the operating system has news, and tells one listener until its owner is dropped.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

/// The thread of a monitor. Dropping it ends the thread and waits for that; the listener hears nothing after it.
pub(crate) struct WatchThread<L> {
    listener: Listener<L>,
    end: Option<Box<dyn FnOnce() + Send>>,
    thread: Option<JoinHandle<()>>,
}

/// Who is told: the callback that a monitor was given.
pub(crate) struct Listener<L>(Arc<Mutex<Option<L>>>);

impl<L: Send + 'static> WatchThread<L> {
    /// Runs `run` in a thread of this name. It must return soon after `end` was called.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub(crate) fn start(
        name: &str,
        listener: &Listener<L>,
        end: impl FnOnce() + Send + 'static,
        run: impl FnOnce(&Listener<L>) + Send + 'static,
    ) -> io::Result<WatchThread<L>> {
        let heard = listener.clone();
        let thread = Builder::new().name(name.to_owned()).spawn(move || run(&heard))?;
        Ok(WatchThread { listener: listener.clone(), end: Some(Box::new(end)), thread: Some(thread) })
    }

    /// Tells somebody else from now on.
    pub(crate) fn tell(&self, listener: L) {
        *self.listener.lock() = Some(listener);
    }
}

impl<L> Drop for WatchThread<L> {
    fn drop(&mut self) {
        *self.listener.lock() = None;
        if let Some(end) = self.end.take() {
            end();
        }
        if let Some(thread) = self.thread.take() {
            // The thread has nothing to say any more, not even why it may have panicked.
            let _ = thread.join();
        }
    }
}

impl<L> Listener<L> {
    pub(crate) fn new(listener: L) -> Listener<L> {
        Listener(Arc::new(Mutex::new(Some(listener))))
    }

    /// Calls `tell` with the callback, unless the monitor is gone.
    pub(crate) fn with(&self, tell: impl FnOnce(&L)) {
        if let Some(listener) = &*self.lock() {
            tell(listener);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<L>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L> Clone for Listener<L> {
    fn clone(&self) -> Listener<L> {
        Listener(Arc::clone(&self.0))
    }
}
