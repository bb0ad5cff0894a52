//! Activation: waiting, `skipWaiting`, `clients.claim` ("Try Activate", "Activate"; R153, R155).

use super::Registration;
use crate::agent::{EventDone, EventKind, EventTask, State, Worker, lock};
use crate::emitter::LifecycleEvent;
use crate::error::RegisterWorkerError;
use crate::shared::Shared;
use std::sync::Arc;
use url::Url;
use wakeworker_core::{ActiveWorker, StorageKey, WorkerRegistrationId};

impl Shared {
    /// `skipWaiting()`: sets the flag, and activates if the worker waits. An installing one is activated afterwards.
    pub(crate) fn skip_waiting(self: &Arc<Shared>, worker: &Arc<Worker>) {
        worker.set_skip_waiting();
        let id = worker.registration;
        let waits = self.look(id, |registration| {
            registration.waiting.as_ref().is_some_and(|found| Arc::ptr_eq(found, worker))
        });
        if waits == Some(true) {
            self.in_background("wakeworker-activate", move |shared| shared.try_activate(id));
        }
    }

    /// The last pending event of a worker ended: a waiting one may take over now (R153), and one that was
    /// unregistered may go.
    pub(crate) fn worker_became_quiet(self: &Arc<Shared>, worker: &Arc<Worker>) {
        let known = self.look(worker.registration, |registration| {
            let listed = registration.workers().any(|found| Arc::ptr_eq(found, worker));
            (listed, registration.waiting.is_some())
        });
        match known {
            Some((_, true)) if !self.is_closing() => {
                let id = worker.registration;
                self.in_background("wakeworker-activate", move |shared| shared.try_activate(id));
            }
            None => self.try_clear(&worker.storage_key),
            _ => {}
        }
    }

    /// Clients of this storage key came or went: waiting workers may be free to activate.
    pub(crate) fn clients_changed(self: &Arc<Shared>, key: &StorageKey) {
        let waiting: Vec<_> = {
            let registry = lock(&self.registry);
            let of_key = registry.registrations.values().filter(|found| found.storage_key == *key);
            of_key.filter(|found| found.waiting.is_some()).map(|found| found.id).collect()
        };
        for id in waiting {
            self.in_background("wakeworker-activate", move |shared| shared.try_activate(id));
        }
        self.try_clear(key);
    }

    /// Try Activate: promotes the waiting worker if nothing holds the active one. Does not wait for the event.
    pub(crate) fn try_activate(self: &Arc<Shared>, id: WorkerRegistrationId) {
        let clients = match self.look(id, |registration| registration.storage_key.clone()) {
            Some(key) => self.clients.match_all(&key),
            None => return,
        };
        let promoted = {
            let mut registry = lock(&self.registry);
            let Some(registration) = registry.registrations.get_mut(&id) else { return };
            let used = |registration: &Registration| {
                clients.iter().any(|client| {
                    client
                        .controller
                        .is_some_and(|worker| registration.workers().any(|found| found.id == worker))
                })
            };
            if !may_activate(registration, used) {
                return;
            }
            let Some(worker) = registration.waiting.take() else { return };
            let old = registration.active.replace(worker.clone());
            worker.set_state(State::Activating);
            if let Some(old) = &old {
                old.set_state(State::Redundant);
            }
            (worker, old)
        };
        let (worker, old) = promoted;
        let removed: Vec<_> = old.iter().map(|old| old.id).collect();
        let stored = self.store.change_workers(&[(worker.id, State::Activating.name())], &removed);
        if let Err(failure) = stored {
            // The old row is still there, so a restart would find both; the newer one wins then.
            self.warn(worker.id, format!("the activation could not be stored: {failure}"));
        }
        if let Some(old) = &old {
            old.retire();
        }
        self.tell_host(&worker, false);
        let state = self.change(id, |registration| registration.state());
        if let Some(state) = state {
            let taken: Vec<_> = clients
                .into_iter()
                .filter(|client| old.as_ref().is_some_and(|old| client.controller == Some(old.id)))
                .collect();
            for client in taken {
                self.clients.set_controller(&client.id, &state, &super::state_of(&worker));
            }
        }
        let (shared, activated) = (self.clone(), worker.clone());
        let event = EventTask {
            kind: EventKind::Activate,
            // R154: whatever the outcome, the worker is activated.
            done: EventDone::new(move |_| shared.finish_activation(&activated)),
            attempt: None,
            duration_max_ms: Some(self.config.activate_duration_max_ms),
            starts: 0,
        };
        worker.dispatch(self, event);
    }

    fn finish_activation(self: &Arc<Shared>, worker: &Arc<Worker>) {
        if worker.state() != State::Activating {
            return;
        }
        if let Err(failure) = self.store.change_workers(&[(worker.id, State::Activated.name())], &[]) {
            // A restart takes an activating worker for activated.
            self.warn(worker.id, format!("the activation could not be stored: {failure}"));
        }
        let current = self.change(worker.registration, |registration| {
            let current = registration.active.as_ref().is_some_and(|found| Arc::ptr_eq(found, worker));
            if current {
                worker.set_state(State::Activated);
            }
            current
        });
        if current == Some(true) {
            self.tell_host(worker, true);
        }
    }

    /// The engine learns which worker is active, after the store knows it.
    pub(super) fn tell_host(&self, worker: &Worker, activated: bool) {
        if let Some(host) = self.host.get() {
            let active = ActiveWorker { id: worker.id, activated };
            host.set_active_worker(worker.registration, Some(active), Some(worker.script_url.clone()));
        }
    }

    /// `clients.claim()`: takes over every client that this registration matches.
    pub(crate) fn claim(self: &Arc<Shared>, worker: &Arc<Worker>) -> Result<(), RegisterWorkerError> {
        let active = self.active_worker(worker.registration);
        if !active.is_some_and(|active| Arc::ptr_eq(&active, worker)) {
            let message = "only the active worker can claim clients";
            return Err(RegisterWorkerError::InvalidState(message.to_owned()));
        }
        let Some(state) = self.registration(worker.registration) else { return Ok(()) };
        let mut claimed = Vec::new();
        let mut losers = Vec::new();
        for client in self.clients.match_all(&worker.storage_key) {
            let matched = Url::parse(&client.url)
                .ok()
                .and_then(|url| self.match_registration(&worker.storage_key, &url));
            if matched.is_none_or(|matched| matched.id != state.id) || client.controller == Some(worker.id) {
                continue;
            }
            losers.extend(client.controller.and_then(|id| self.worker(id)).map(|worker| worker.registration));
            self.clients.set_controller(&client.id, &state, &super::state_of(worker));
            claimed.push(client.id);
        }
        let registration = worker.registration;
        self.lifecycle.emit(LifecycleEvent::Claimed { registration, clients: claimed });
        for loser in losers {
            self.in_background("wakeworker-activate", move |shared| shared.try_activate(loser));
        }
        self.try_clear(&worker.storage_key);
        Ok(())
    }
}

/// Whether the waiting worker may become active (section 7.4).
fn may_activate(registration: &Registration, used: impl Fn(&Registration) -> bool) -> bool {
    let Some(waiting) = &registration.waiting else { return false };
    let Some(active) = &registration.active else { return true };
    // R153: not while events pend on the active worker, whatever skipWaiting says.
    active.state() != State::Activating
        && !active.has_pending_events()
        && (waiting.skips_waiting() || !used(registration))
}
