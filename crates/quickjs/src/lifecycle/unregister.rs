//! Unregister, and clearing a site's data.

use super::Registration;
use crate::agent::{State, Worker, lock};
use crate::emitter::LifecycleEvent;
use crate::error::RegisterWorkerError;
use crate::shared::Shared;
use crate::storage::StorageFailure;
use std::sync::Arc;
use url::Url;
use wakeworker_core::{StorageKey, WorkerRegistrationId};

impl Shared {
    /// Takes a registration out of the map at once; its workers go when no client uses them and their events have ended
    /// (R161, D13). `done` hears true when the removal is durable (R166), false if there was none.
    pub(crate) fn unregister(
        self: &Arc<Shared>,
        id: WorkerRegistrationId,
        done: impl FnOnce(Result<bool, RegisterWorkerError>) + Send + 'static,
    ) {
        let key = {
            let mut registry = lock(&self.registry);
            let Some(registration) = registry.remove(id) else {
                drop(registry);
                return done(Ok(false));
            };
            let key = registration.storage_key.clone();
            registry.leaving.insert(id, registration);
            key
        };
        self.in_background("wakeworker-unregister", move |shared| {
            shared.lifecycle.emit(LifecycleEvent::Unregistered(id));
            shared.try_clear(&key);
            if let Err(failure) = shared.store.remove_registration(id) {
                return done(Err(RegisterWorkerError::Storage(failure.message)));
            }
            shared.forget_notifications(id);
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

    /// "Try Clear Registration" for the unregistered ones of a storage key.
    pub(crate) fn try_clear(&self, key: &StorageKey) {
        let leaves = |found: &Registration| found.storage_key == *key;
        if !lock(&self.registry).leaving.values().any(leaves) {
            return;
        }
        let clients = self.clients.match_all(key);
        let is_used = |worker: &Arc<Worker>| {
            worker.has_pending_events() || clients.iter().any(|client| client.controller == Some(worker.id))
        };
        let cleared: Vec<_> = lock(&self.registry)
            .leaving
            .extract_if(.., |_, found| leaves(found) && !found.workers().any(is_used))
            .collect();
        for (id, registration) in cleared {
            end_workers(&registration);
            self.lifecycle.emit(LifecycleEvent::Cleared(id));
        }
    }

    /// A registration went with its workers, whoever used them.
    pub(super) fn tell_gone(&self, id: WorkerRegistrationId) {
        self.lifecycle.emit(LifecycleEvent::Unregistered(id));
        self.lifecycle.emit(LifecycleEvent::Cleared(id));
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
            let registered: Vec<_> = ids.into_iter().filter_map(|id| registry.remove(id)).collect();
            let leaving = registry.leaving.extract_if(.., |_, found| found.storage_key == *key);
            leaving.map(|(_, found)| found).chain(registered).collect()
        };
        let key = key.clone();
        self.in_background("wakeworker-clear", move |shared| {
            let mut failure = None;
            for registration in removed {
                end_workers(&registration);
                failure = shared.store.remove_registration(registration.id).err().or(failure);
                shared.forget_notifications(registration.id);
                shared.tell_gone(registration.id);
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

fn end_workers(registration: &Registration) {
    for worker in registration.workers() {
        worker.set_state(State::Redundant);
        worker.retire();
    }
}
