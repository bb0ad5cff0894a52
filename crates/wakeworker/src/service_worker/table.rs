//! The worker registrations as they were last committed, readable without waiting, and the events of their changes.

use super::life::{Lives, WorkerLife};
use crate::HostHandle;
use crate::observer::{Observers, Subscription};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wakeworker_core::{Change, WorkerId, WorkerRegistration, WorkerRegistrationId};

/// Written by the driver after each commit.
#[derive(Default)]
pub(crate) struct WorkerTable {
    registrations: Mutex<Registrations>,
    lives: Lives,
    observers: Observers<WorkerNotice>,
}

type Registrations = BTreeMap<WorkerRegistrationId, Arc<WorkerRegistration>>;

/// Something that observers of worker registrations may want to hear of.
#[derive(Clone)]
pub(crate) enum WorkerEvent {
    /// A new registration (R210).
    Registered(Arc<WorkerRegistration>),
    /// Its active worker has activated (R217).
    Activated(Arc<WorkerRegistration>),
    /// It is gone (R218).
    Unregistering(WorkerRegistrationId),
    /// A worker is no longer the active one (R219).
    Destroying(WorkerRegistrationId, WorkerId),
}

/// An event and the host that it happened in, so that no observer needs to hold a handle of its own.
pub(crate) struct WorkerNotice {
    pub(crate) host: HostHandle,
    pub(crate) event: WorkerEvent,
}

impl WorkerTable {
    /// The registration as it is now.
    pub(crate) fn get(&self, id: WorkerRegistrationId) -> Option<Arc<WorkerRegistration>> {
        self.lock().get(&id).cloned()
    }

    /// Calls `observer` for every event, on the engine thread.
    pub(crate) fn subscribe(&self, observer: impl Fn(&WorkerNotice) + Send + Sync + 'static) -> Subscription {
        self.observers.subscribe(observer)
    }

    /// What the objects of a worker share.
    pub(crate) fn life(&self, registration: WorkerRegistrationId, worker: WorkerId) -> Arc<WorkerLife> {
        self.lives.of(registration, worker)
    }

    /// Ends the life of a worker whose script was terminated or that was replaced (R219).
    pub(crate) fn end_life(&self, registration: WorkerRegistrationId, worker: WorkerId) {
        self.lives.end(registration, worker);
    }

    /// Takes over committed changes.
    pub(crate) fn apply(&self, changes: &[Change]) -> Vec<WorkerEvent> {
        let mut events = Vec::new();
        for change in changes {
            match change {
                Change::PutWorkerRegistration(registration) => {
                    put(&mut self.lock(), registration, &mut events);
                }
                Change::RemoveWorkerRegistration(id) => remove(&mut self.lock(), *id, &mut events),
                _ => {}
            }
        }
        events
    }

    /// Takes over all registrations of an engine that was restored.
    pub(crate) fn replace_all<'a>(
        &self,
        all: impl Iterator<Item = &'a WorkerRegistration>,
    ) -> Vec<WorkerEvent> {
        let mut events = Vec::new();
        let mut table = self.lock();
        let mut gone: BTreeSet<WorkerRegistrationId> = table.keys().copied().collect();
        for registration in all {
            gone.remove(&registration.id);
            put(&mut table, registration, &mut events);
        }
        for id in gone {
            remove(&mut table, id, &mut events);
        }
        events
    }

    /// Tells observers. They may ask the table and subscribe: nothing is locked.
    pub(crate) fn raise(&self, host: &HostHandle, events: Vec<WorkerEvent>) {
        for event in events {
            if let WorkerEvent::Destroying(registration, worker) = event {
                self.end_life(registration, worker);
            } else {
                self.observers.notify(&WorkerNotice { host: host.clone(), event });
            }
        }
    }

    /// None of the code under the lock can panic between two writes that belong together.
    fn lock(&self) -> MutexGuard<'_, Registrations> {
        self.registrations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put(table: &mut Registrations, registration: &WorkerRegistration, events: &mut Vec<WorkerEvent>) {
    let new = Arc::new(registration.clone());
    let old = table.insert(new.id, Arc::clone(&new));
    if old.is_none() {
        events.push(WorkerEvent::Registered(Arc::clone(&new)));
    }
    let before = old.and_then(|old| old.active);
    if new.active.is_some_and(|active| active.activated) && new.active != before {
        events.push(WorkerEvent::Activated(Arc::clone(&new)));
    }
    if let Some(replaced) = before.filter(|before| new.active.is_none_or(|active| active.id != before.id)) {
        events.push(WorkerEvent::Destroying(new.id, replaced.id));
    }
}

fn remove(table: &mut Registrations, id: WorkerRegistrationId, events: &mut Vec<WorkerEvent>) {
    if let Some(gone) = table.remove(&id) {
        events.push(WorkerEvent::Unregistering(id));
        events.extend(gone.active.map(|active| WorkerEvent::Destroying(id, active.id)));
    }
}
