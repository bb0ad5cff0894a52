//! Worker registrations, as far as sync registrations depend on them (R61, R161–R164).

use crate::engine::Engine;
use crate::{
    ActiveWorker, ActivityEvent, Change, Durability, Effect, Now, RegisterError, RequestId, Resolution, Step,
    StorageKey, SyncRegistrationId, WorkerRegistration, WorkerRegistrationId, one_shot,
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
                self.workers.insert(id, worker.clone());
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
        let activated = active.is_some_and(|new| new.activated);
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
            one_shot::fire_ready(self, now, step); // R61
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
        let first = (storage_key.clone(), String::new());
        let of_key = self.by_scope.range(first..).take_while(|((key, _), _)| key == storage_key);
        let ids: Vec<WorkerRegistrationId> = of_key.map(|(_, &id)| id).collect();
        for id in ids {
            self.remove_with_entries(now, id, step);
        }
        step.effects.push(Effect::Resolve(request, Resolution::Done));
    }

    fn remove_with_entries(&mut self, now: Now, id: WorkerRegistrationId, step: &mut Step) {
        let owned: Vec<SyncRegistrationId> = self.entries_of(id).collect();
        for sync in owned {
            if let Some(entry) = self.entries.get(&sync) {
                let concerned = (entry.record.kind(), entry.record.tag.clone());
                self.record(now, Some(id), Some(concerned), ActivityEvent::Removed, step);
            }
            one_shot::remove(self, sync);
        }
        self.record(now, Some(id), None, ActivityEvent::WorkerUnregistered, step);
        if let Some(worker) = self.workers.remove(&id) {
            self.by_scope.remove(&(worker.storage_key, worker.scope));
        }
        step.changes.push(Change::RemoveWorkerRegistration(id));
        step.durability = Durability::Strict;
    }

    fn entries_of(&self, id: WorkerRegistrationId) -> impl Iterator<Item = SyncRegistrationId> + '_ {
        let kinds = [crate::SyncKind::BackgroundSync, crate::SyncKind::PeriodicSync];
        kinds.into_iter().flat_map(move |kind| {
            let first = (id, kind, crate::Tag::from(""));
            self.by_tag
                .range(first..)
                .take_while(move |((owner, of_kind, _), _)| *owner == id && *of_kind == kind)
                .map(|(_, &sync)| sync)
        })
    }
}
