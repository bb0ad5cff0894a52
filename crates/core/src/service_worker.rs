//! Worker registrations, as far as sync registrations depend on them (R61, R161–R164).

use crate::engine::Engine;
use crate::entry::Worker;
use crate::{
    ActiveWorker, ActivityEvent, Change, Durability, Effect, Now, RegisterError, RequestId, Resolution, Step,
    StorageKey, SyncRegistrationId, WorkerRegistration, WorkerRegistrationId, dispatch, periodic, removal,
};
use alloc::string::String;
use alloc::vec::Vec;

impl Engine {
    /// A registration for a scope: the existing one, or a new one with empty lists (R162).
    pub(crate) fn add_worker_registration(
        &mut self,
        now: Now,
        request: RequestId,
        storage_key: StorageKey,
        scope: String,
        script_url: String,
        step: &mut Step,
    ) {
        let key = (storage_key, scope);
        let id = match self.by_scope.get(&key) {
            Some(&id) => id,
            None => {
                let id = WorkerRegistrationId(self.next_id());
                let (storage_key, scope) = key.clone();
                let event = ActivityEvent::WorkerRegistered { scope: scope.clone() };
                let worker = WorkerRegistration { id, storage_key, scope, script_url, active: None };
                self.by_scope.insert(key, id);
                self.workers.insert(id, Worker::new(worker.clone()));
                step.changes.push(Change::PutWorkerRegistration(worker));
                step.durability = Durability::Strict;
                self.record(now, Some(id), None, event, step);
                id
            }
        };
        step.effects.push(Effect::Resolve(request, Resolution::WorkerRegistration(id)));
    }

    /// The active worker is another one, has finished activating, or is gone. The entries stay (R164).
    pub(crate) fn active_worker_changed(
        &mut self,
        now: Now,
        id: WorkerRegistrationId,
        active: Option<ActiveWorker>,
        script_url: Option<String>,
        step: &mut Step,
    ) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let worker = &mut worker.record;
        let activated = active.is_some_and(|new| new.activated);
        let was_activated = worker.active.is_some_and(|old| old.activated);
        let before = (worker.active, worker.script_url.clone());
        worker.active = active;
        if let Some(script_url) = script_url {
            worker.script_url = script_url;
        }
        if (worker.active, &worker.script_url) == (before.0, &before.1) {
            return; // Stated again, as after a restart: nothing to write.
        }
        step.changes.push(Change::PutWorkerRegistration(worker.clone()));
        step.durability = Durability::Strict;
        if activated {
            self.record(now, Some(id), None, ActivityEvent::WorkerActivated, step);
        }
        if activated != was_activated {
            periodic::replan_worker(self, now, id);
        }
        if activated {
            dispatch::fire_ready(self, now, step); // R61
            periodic::run(self, now, false, step);
        }
    }

    /// Unregistration: entries leave the lists at once, also firing ones (R161, D13).
    pub(crate) fn remove_worker_registration(
        &mut self,
        now: Now,
        request: RequestId,
        id: WorkerRegistrationId,
        step: &mut Step,
    ) {
        if self.workers.contains_key(&id) {
            self.remove_with_entries(now, id, step);
            step.effects.push(Effect::Resolve(request, Resolution::Done)); // R166: after the commit
        } else {
            step.effects.push(Effect::Reject(request, RegisterError::NoRegistration));
        }
    }

    /// Clearing a storage key's data: all of its registrations at once (R163).
    pub(crate) fn clear_storage(
        &mut self,
        now: Now,
        request: RequestId,
        storage_key: &StorageKey,
        step: &mut Step,
    ) {
        let ids: Vec<WorkerRegistrationId> = self.workers_of(storage_key).collect();
        for id in ids {
            self.remove_with_entries(now, id, step);
        }
        self.forget_last_fire(storage_key, step);
        step.effects.push(Effect::Resolve(request, Resolution::Done));
    }

    fn remove_with_entries(&mut self, now: Now, id: WorkerRegistrationId, step: &mut Step) {
        let owned: Vec<SyncRegistrationId> =
            self.workers.get(&id).map_or_else(Vec::new, |worker| worker.entries().to_vec());
        for sync in owned.into_iter().rev() {
            self.record_of(now, sync, ActivityEvent::Removed, step);
            removal::remove(self, now, sync, step);
        }
        self.record(now, Some(id), None, ActivityEvent::WorkerUnregistered, step);
        if let Some(worker) = self.workers.remove(&id) {
            self.by_scope.remove(&(worker.record.storage_key, worker.record.scope));
        }
        step.changes.push(Change::RemoveWorkerRegistration(id));
        step.durability = Durability::Strict;
    }
}
