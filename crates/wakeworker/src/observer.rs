//! Subscriptions to what the engine reports.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A set of callbacks for values of one type.
pub(crate) struct Observers<T: 'static> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    next: AtomicU64,
    callbacks: Mutex<Vec<(u64, Callback<T>)>>,
}

type Callback<T> = Arc<dyn Fn(&T) + Send + Sync>;

/// Keeps a callback subscribed; dropping it unsubscribes (R190). It is what WebView2's `EventRegistrationToken` and the
/// `remove_…` methods are.
#[doc(alias = "EventRegistrationToken")]
#[must_use = "dropping the subscription ends it"]
pub struct Subscription {
    remove: Option<Box<dyn FnOnce() + Send + Sync>>,
    kept: Option<Box<dyn Any + Send + Sync>>,
}

impl<T> Observers<T> {
    pub(crate) fn subscribe(&self, callback: impl Fn(&T) + Send + Sync + 'static) -> Subscription {
        let id = self.inner.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.inner).push((id, Arc::new(callback)));
        let inner: Weak<Inner<T>> = Arc::downgrade(&self.inner);
        let remove = move || {
            if let Some(inner) = inner.upgrade() {
                lock(&inner).retain(|(other, _)| *other != id);
            }
        };
        Subscription { remove: Some(Box::new(remove)), kept: None }
    }

    /// Calls every callback. They may subscribe and unsubscribe: the set is not locked meanwhile.
    pub(crate) fn notify(&self, value: &T) {
        let callbacks: Vec<Callback<T>> =
            lock(&self.inner).iter().map(|(_, callback)| Arc::clone(callback)).collect();
        for callback in callbacks {
            callback(value);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.inner).is_empty()
    }
}

impl<T> Default for Observers<T> {
    fn default() -> Observers<T> {
        Observers { inner: Arc::new(Inner { next: AtomicU64::new(0), callbacks: Mutex::new(Vec::new()) }) }
    }
}

impl<T> Clone for Observers<T> {
    fn clone(&self) -> Observers<T> {
        Observers { inner: Arc::clone(&self.inner) }
    }
}

impl Subscription {
    /// Keeps something alive as long as the subscription.
    pub(crate) fn keeping(mut self, kept: impl Send + Sync + 'static) -> Subscription {
        self.kept = Some(Box::new(kept));
        self
    }

    /// Stays subscribed for the life of the host.
    pub fn forget(mut self) {
        self.remove = None;
        std::mem::forget(self.kept.take());
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(remove) = self.remove.take() {
            remove();
        }
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

fn lock<T>(inner: &Inner<T>) -> std::sync::MutexGuard<'_, Vec<(u64, Callback<T>)>> {
    inner.callbacks.lock().unwrap_or_else(PoisonError::into_inner)
}
