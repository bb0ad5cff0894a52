//! What a host may want to hear about registrations and workers.

use crate::UpdateViaCache;
use crate::agent::lock;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use wakeworker_core::{StorageKey, WorkerId, WorkerRegistrationId};

/// A registration and its workers, as they are at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationState {
    /// The engine's id.
    pub id: WorkerRegistrationId,
    /// Whose it is.
    pub storage_key: StorageKey,
    /// The absolute scope URL.
    pub scope: String,
    /// Which scripts may come from an HTTP cache.
    pub update_via_cache: UpdateViaCache,
    /// The worker in state `installing`.
    pub installing: Option<WorkerState>,
    /// The worker in state `installed`.
    pub waiting: Option<WorkerState>,
    /// The worker in state `activating` or `activated`.
    pub active: Option<WorkerState>,
}

/// A worker at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerState {
    /// Its id.
    pub id: WorkerId,
    /// The absolute script URL.
    pub script_url: String,
    /// The service worker specification's state.
    pub state: &'static str,
}

/// Something that happened to a registration or worker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LifecycleEvent {
    /// A registration is new, or one of its workers changed its place or state.
    RegistrationChanged(RegistrationState),
    /// A registration is gone. Its workers serve the clients that they control until those are gone too.
    Unregistered(WorkerRegistrationId),
    /// The workers of a registration that is gone are redundant: nobody used them any more.
    Cleared(WorkerRegistrationId),
    /// A worker took over clients by `clients.claim()`.
    Claimed {
        /// Whose worker.
        registration: WorkerRegistrationId,
        /// The ids of the clients.
        clients: Vec<String>,
    },
    /// A worker's thread started.
    WorkerStarted {
        /// Whose worker.
        registration: WorkerRegistrationId,
        /// Which worker.
        worker: WorkerId,
    },
    /// A worker's thread ended.
    WorkerStopped {
        /// Whose worker.
        registration: WorkerRegistrationId,
        /// Which worker.
        worker: WorkerId,
    },
}

type Observer<E> = Arc<dyn Fn(&E) + Send + Sync>;

/// Delivers events to observers in their order, one at a time, never under a lock.
pub(crate) struct Emitter<E> {
    inner: Mutex<Inner<E>>,
}

struct Inner<E> {
    observers: Vec<Observer<E>>,
    waiting: VecDeque<E>,
    delivering: bool,
}

impl<E> Default for Emitter<E> {
    fn default() -> Emitter<E> {
        let inner = Inner { observers: Vec::new(), waiting: VecDeque::new(), delivering: false };
        Emitter { inner: Mutex::new(inner) }
    }
}

impl<E> Emitter<E> {
    pub(crate) fn subscribe(&self, observer: impl Fn(&E) + Send + Sync + 'static) {
        lock(&self.inner).observers.push(Arc::new(observer));
    }

    /// Notes an event without delivering it: for callers that hold a lock and want its order.
    pub(crate) fn note(&self, event: E) {
        lock(&self.inner).waiting.push_back(event);
    }

    /// Notes and delivers.
    pub(crate) fn emit(&self, event: E) {
        self.note(event);
        self.deliver();
    }

    /// Delivers what was noted. If another thread is delivering, that one goes on with it.
    pub(crate) fn deliver(&self) {
        let mut inner = lock(&self.inner);
        if inner.delivering {
            return;
        }
        inner.delivering = true;
        while let Some(event) = inner.waiting.pop_front() {
            let observers = inner.observers.clone();
            drop(inner);
            for observer in observers {
                observer(&event);
            }
            inner = lock(&self.inner);
        }
        inner.delivering = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observer_may_cause_events_and_the_order_stays() {
        let emitter = Arc::new(Emitter::default());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (again, log) = (Arc::downgrade(&emitter), seen.clone());
        emitter.subscribe(move |event| {
            if let LifecycleEvent::Unregistered(id) = event {
                lock(&log).push(id.0);
                if id.0 < 3
                    && let Some(emitter) = again.upgrade()
                {
                    emitter.emit(LifecycleEvent::Unregistered(WorkerRegistrationId(id.0 + 1)));
                }
            }
        });
        emitter.emit(LifecycleEvent::Unregistered(WorkerRegistrationId(1)));
        assert_eq!(*lock(&seen), [1, 2, 3]);
    }
}
