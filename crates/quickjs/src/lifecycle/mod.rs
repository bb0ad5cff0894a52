//! Registrations and the life of their workers (service worker specification; `spec.md` section 7.4).

mod activate;
mod attach;
mod evaluate;
mod install;
mod job;
mod preload;
mod register;
mod scope;
mod unregister;
mod update;

pub use evaluate::{EvalOptions, EvalOutcome};
pub use register::{RegisterJob, UpdateViaCache, WorkerType};
pub use scope::check_worker_urls;

pub(crate) use job::Jobs;
pub use preload::NavigationPreload;
pub(crate) use preload::Preload;

use crate::agent::{State, Task, Worker, lock};
use crate::emitter::{LifecycleEvent, RegistrationState, WorkerState};
use crate::script::Script;
use crate::shared::Shared;
use crate::storage::{StorageFailure, StoredRegistration, StoredScript, StoredWorker, WorkerStore};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use url::Url;
use wakeworker_core::{StorageKey, Timestamp, WorkerId, WorkerRegistrationId};

/// All registrations of the runtime and the jobs that wait.
#[derive(Default)]
pub(crate) struct Registry {
    registrations: BTreeMap<WorkerRegistrationId, Registration>,
    /// Unregistered, with workers that clients still use or that have events to end.
    leaving: BTreeMap<WorkerRegistrationId, Registration>,
    /// Removed in this process: the engine may still send an event that it chose before.
    removed: BTreeSet<WorkerRegistrationId>,
    jobs: Jobs,
}

/// One registration.
pub(crate) struct Registration {
    id: WorkerRegistrationId,
    storage_key: StorageKey,
    scope: String,
    update_via_cache: UpdateViaCache,
    navigation_preload: NavigationPreload,
    last_update_check: Timestamp,
    installing: Option<Arc<Worker>>,
    waiting: Option<Arc<Worker>>,
    active: Option<Arc<Worker>>,
}

/// A registration is stale after a day (service worker specification).
const STALE_AFTER_MS: u64 = 86_400_000;

impl Registry {
    /// Takes a registration out of the map.
    fn remove(&mut self, id: WorkerRegistrationId) -> Option<Registration> {
        let registration = self.registrations.remove(&id)?;
        self.removed.insert(id);
        Some(registration)
    }

    /// A registration, whether it is registered or leaving.
    fn find(&self, id: WorkerRegistrationId) -> Option<&Registration> {
        self.registrations.get(&id).or_else(|| self.leaving.get(&id))
    }

    /// The workers of all registrations, the leaving ones included.
    fn workers(&self) -> impl Iterator<Item = &Arc<Worker>> {
        self.registrations.values().chain(self.leaving.values()).flat_map(Registration::workers)
    }

    /// Reads the stored registrations. What was not installed when the process ended is dropped; a worker that was
    /// waiting is promoted once the host is there (section 7.4, "shutdown of the user agent").
    pub(crate) fn restore(store: &WorkerStore) -> Result<Registry, StorageFailure> {
        let mut registry = Registry::default();
        for stored in store.load()? {
            let mut registration = Registration {
                id: stored.id,
                storage_key: stored.storage_key.clone(),
                scope: stored.scope.clone(),
                update_via_cache: stored.update_via_cache,
                navigation_preload: stored.navigation_preload.clone(),
                last_update_check: stored.last_update_check,
                installing: None,
                waiting: None,
                active: None,
            };
            let mut dropped = Vec::new();
            for worker in &stored.workers {
                match State::from_name(&worker.state) {
                    Some(State::Installed) => {
                        registration.waiting = Some(restore_worker(&stored, worker, State::Installed));
                    }
                    Some(State::Activating | State::Activated) => {
                        registration.active = Some(restore_worker(&stored, worker, State::Activated));
                    }
                    _ => dropped.push(worker.id),
                }
            }
            store.change_workers(&[], &dropped)?;
            if registration.newest().is_none() {
                store.remove_registration(registration.id)?;
                continue;
            }
            registry.registrations.insert(registration.id, registration);
        }
        Ok(registry)
    }
}

fn restore_worker(registration: &StoredRegistration, stored: &StoredWorker, state: State) -> Arc<Worker> {
    let mut main = Vec::new();
    let mut imports = HashMap::new();
    for script in &stored.scripts {
        let compiled = Arc::new(Script::new(script.url.clone(), script.source.as_str()));
        if script.is_main {
            main.push(compiled);
        } else {
            imports.insert(script.url.clone(), compiled);
        }
    }
    Arc::new(Worker::new(
        stored.id,
        registration.id,
        registration.storage_key.clone(),
        registration.scope.clone(),
        stored.script_url.clone(),
        stored.worker_type,
        main,
        imports,
        state,
    ))
}

impl Registration {
    /// The newest worker: installing, else waiting, else active.
    fn newest(&self) -> Option<&Arc<Worker>> {
        self.installing.as_ref().or(self.waiting.as_ref()).or(self.active.as_ref())
    }

    /// Whether the last look for an update was more than a day ago.
    fn is_stale(&self, now: Timestamp) -> bool {
        now.ms_since(self.last_update_check) > STALE_AFTER_MS
    }

    fn workers(&self) -> impl Iterator<Item = &Arc<Worker>> {
        [&self.installing, &self.waiting, &self.active].into_iter().flatten()
    }

    /// For the store, without the workers.
    fn stored(&self) -> StoredRegistration {
        StoredRegistration {
            id: self.id,
            storage_key: self.storage_key.clone(),
            scope: self.scope.clone(),
            update_via_cache: self.update_via_cache,
            navigation_preload: self.navigation_preload.clone(),
            last_update_check: self.last_update_check,
            workers: Vec::new(),
        }
    }

    fn state(&self) -> RegistrationState {
        let slot = |worker: &Option<Arc<Worker>>| worker.as_ref().map(|worker| state_of(worker));
        RegistrationState {
            id: self.id,
            storage_key: self.storage_key.clone(),
            scope: self.scope.clone(),
            update_via_cache: self.update_via_cache,
            installing: slot(&self.installing),
            waiting: slot(&self.waiting),
            active: slot(&self.active),
        }
    }
}

fn state_of(worker: &Worker) -> WorkerState {
    WorkerState { id: worker.id, script_url: worker.script_url.clone(), state: worker.state().name() }
}

/// The record of `registrationState()` in `host.d.ts`.
fn state_json(state: &RegistrationState) -> String {
    let slot = |worker: &Option<WorkerState>| match worker {
        Some(worker) => {
            serde_json::json!({ "id": worker.id.0, "scriptUrl": worker.script_url, "state": worker.state })
        }
        None => serde_json::Value::Null,
    };
    serde_json::json!({
        "installing": slot(&state.installing),
        "waiting": slot(&state.waiting),
        "active": slot(&state.active),
        "updateViaCache": state.update_via_cache.name(),
    })
    .to_string()
}

/// A worker with all its scripts, for the store.
fn stored_worker(worker: &Worker) -> StoredWorker {
    let stored = |script: &Arc<Script>, is_main| StoredScript {
        url: script.url.clone(),
        source: script.source.to_string(),
        is_main,
    };
    let main = worker.main.iter().map(|script| stored(script, true));
    let imports = worker.imports();
    StoredWorker {
        id: worker.id,
        script_url: worker.script_url.clone(),
        worker_type: worker.worker_type,
        state: worker.state().name().to_owned(),
        scripts: main.chain(imports.iter().map(|script| stored(script, false))).collect(),
    }
}

impl Shared {
    /// Changes a registration under the lock; if it exists, observers and running workers hear of the new state.
    fn change<T>(&self, id: WorkerRegistrationId, change: impl FnOnce(&mut Registration) -> T) -> Option<T> {
        let mut registry = lock(&self.registry);
        let registration = registry.registrations.get_mut(&id)?;
        let result = change(registration);
        let state = registration.state();
        let workers: Vec<_> = registration.workers().cloned().collect();
        self.lifecycle.note(LifecycleEvent::RegistrationChanged(state.clone()));
        drop(registry);
        let json = state_json(&state);
        for worker in workers {
            worker.post(Task::RegistrationChanged(json.clone()));
        }
        self.lifecycle.deliver();
        Some(result)
    }

    /// Looks at a registration.
    fn look<T>(&self, id: WorkerRegistrationId, look: impl FnOnce(&Registration) -> T) -> Option<T> {
        lock(&self.registry).registrations.get(&id).map(look)
    }

    /// The state of a registration.
    pub(crate) fn registration(&self, id: WorkerRegistrationId) -> Option<RegistrationState> {
        self.look(id, Registration::state)
    }

    /// All registrations of a storage key.
    pub(crate) fn registrations(&self, key: &StorageKey) -> Vec<RegistrationState> {
        let registry = lock(&self.registry);
        registry
            .registrations
            .values()
            .filter(|found| found.storage_key == *key)
            .map(Registration::state)
            .collect()
    }

    /// The registration with the longest scope that is a prefix of the URL (R159).
    pub(crate) fn match_registration(&self, key: &StorageKey, url: &Url) -> Option<RegistrationState> {
        let registry = lock(&self.registry);
        registry
            .registrations
            .values()
            .filter(|found| found.storage_key == *key && url.as_str().starts_with(&found.scope))
            .max_by_key(|found| found.scope.len())
            .map(Registration::state)
    }

    /// Whether this registration was removed in this process.
    pub(crate) fn was_removed(&self, id: WorkerRegistrationId) -> bool {
        lock(&self.registry).removed.contains(&id)
    }

    /// Everybody who has a registration.
    pub(crate) fn storage_keys(&self) -> BTreeSet<StorageKey> {
        lock(&self.registry).registrations.values().map(|found| found.storage_key.clone()).collect()
    }

    /// The registration with exactly this scope.
    fn find_scope(&self, key: &StorageKey, scope: &str) -> Option<WorkerRegistrationId> {
        let registry = lock(&self.registry);
        registry
            .registrations
            .values()
            .find(|found| found.storage_key == *key && found.scope == scope)
            .map(|found| found.id)
    }

    /// A worker that is in some registration.
    pub(crate) fn worker(&self, id: WorkerId) -> Option<Arc<Worker>> {
        lock(&self.registry).workers().find(|worker| worker.id == id).cloned()
    }

    pub(crate) fn active_worker(&self, id: WorkerRegistrationId) -> Option<Arc<Worker>> {
        self.look(id, |registration| registration.active.clone()).flatten()
    }

    /// The worker that serves the pages that this registration controls, also after it was unregistered.
    pub(crate) fn controlling_worker(&self, id: WorkerRegistrationId) -> Option<Arc<Worker>> {
        lock(&self.registry).find(id).and_then(|found| found.active.clone())
    }

    pub(crate) fn all_workers(&self) -> Vec<Arc<Worker>> {
        lock(&self.registry).workers().cloned().collect()
    }

    pub(crate) fn worker_state(&self, worker: &Worker) -> WorkerState {
        state_of(worker)
    }

    /// `registrationState()` of a script.
    pub(crate) fn registration_json(&self, id: WorkerRegistrationId) -> String {
        match lock(&self.registry).find(id).map(Registration::state) {
            Some(state) => state_json(&state),
            None => r#"{"installing":null,"waiting":null,"active":null}"#.to_owned(),
        }
    }
}
