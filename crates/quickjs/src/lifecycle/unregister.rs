//! Unregister, and clearing a site's data.

use crate::agent::{State, Worker, lock};
use crate::emitter::LifecycleEvent;
use crate::error::RegisterWorkerError;
use crate::shared::Shared;
use crate::storage::StorageFailure;
use std::sync::Arc;
use url::Url;
use wakeworker_core::{StorageKey, WorkerRegistrationId};

impl Shared {
    /// Takes a registration out of the map at once; its workers go when their events have ended (R161, D13). `done`
    /// hears true when the removal is durable (R166), false if there was none.
    pub(crate) fn unregister(
        self: &Arc<Shared>,
        id: WorkerRegistrationId,
        done: impl FnOnce(Result<bool, RegisterWorkerError>) + Send + 'static,
    ) {
        let removed = lock(&self.registry).remove(id);
        let Some(registration) = removed else { return done(Ok(false)) };
        let workers: Vec<_> = registration.workers().cloned().collect();
        self.in_background("wakeworker-unregister", move |shared| {
            shared.lifecycle.emit(LifecycleEvent::Unregistered(id));
            for worker in &workers {
                retire_when_quiet(worker);
            }
            if let Err(failure) = shared.store.remove_registration(id) {
                return done(Err(RegisterWorkerError::Storage(failure.message)));
            }
            match shared.host.get() {
                Some(host) => host.remove_worker_registration_then(id, move |result| {
                    done(
                        result
                            .map(|()| true)
                            .map_err(|error| RegisterWorkerError::Storage(error.to_string())),
                    );
                }),
                None => done(Ok(true)),
            }
        });
    }

    /// Ends and forgets everything of a storage key: workers at once, IndexedDB, caches, registrations (R163).
    pub(crate) fn clear_storage(
        self: &Arc<Shared>,
        key: &StorageKey,
        done: impl FnOnce(Result<(), RegisterWorkerError>) + Send + 'static,
    ) {
        let removed: Vec<_> = {
            let mut registry = lock(&self.registry);
            let ids: Vec<_> = registry
                .registrations
                .values()
                .filter(|found| found.storage_key == *key)
                .map(|found| found.id)
                .collect();
            ids.into_iter().filter_map(|id| registry.remove(id)).collect()
        };
        let key = key.clone();
        self.in_background("wakeworker-clear", move |shared| {
            let mut failure = None;
            for registration in removed {
                for worker in registration.workers() {
                    worker.set_state(State::Redundant);
                    worker.retire();
                }
                failure = shared.store.remove_registration(registration.id).err().or(failure);
                shared.lifecycle.emit(LifecycleEvent::Unregistered(registration.id));
            }
            if let Err(error) = shared.indexeddb.clear(key.as_str()) {
                failure =
                    Some(StorageFailure { name: error.dom_exception_name(), message: error.to_string() });
            }
            failure = shared.caches.clear(&key).err().or(failure);
            if let Ok(origin) = Url::parse(key.origin()) {
                failure = shared.fetch.cookies.clear(&origin).err().or(failure);
            }
            if let Some(failure) = failure {
                return done(Err(RegisterWorkerError::Storage(failure.message)));
            }
            match shared.host.get() {
                Some(host) => done(
                    host.clear_storage(key)
                        .wait()
                        .map_err(|error| RegisterWorkerError::Storage(error.to_string())),
                ),
                None => done(Ok(())),
            }
        });
    }
}

fn retire_when_quiet(worker: &Arc<Worker>) {
    // A worker with pending events is retired by the end of the last one, see `worker_became_quiet`.
    if !worker.has_pending_events() {
        worker.set_state(State::Redundant);
        worker.retire();
    }
}
