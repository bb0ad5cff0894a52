//! Register (service worker specification, "Start Register" and "Register").

use super::job::{Done, JobKind};
use super::update::Candidate;
use super::{NavigationPreload, Registration, scope};
use crate::agent::lock;
use crate::error::RegisterWorkerError;
use crate::shared::Shared;
use std::sync::Arc;
use url::Url;
use wakeworker_core::{RegisterError, StorageKey, WorkerRegistrationId};

/// What a page asks for by `navigator.serviceWorker.register(scriptUrl, {scope, updateViaCache})`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterJob {
    /// The page's storage key.
    pub storage_key: StorageKey,
    /// The page.
    pub client_url: Url,
    /// As the script gave it: relative to the page.
    pub script_url: String,
    /// As the script gave it; `None` for the script's directory.
    pub scope: Option<String>,
    /// Which scripts may come from an HTTP cache when the worker is updated.
    pub update_via_cache: UpdateViaCache,
    /// A classic script or an ES module.
    pub worker_type: WorkerType,
}

/// The `type` of a worker's main script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorkerType {
    /// A classic script, which has `importScripts`.
    #[default]
    Classic,
    /// An ES module with its static imports.
    Module,
}

impl WorkerType {
    /// `classic` or `module`.
    pub fn name(self) -> &'static str {
        match self {
            WorkerType::Classic => "classic",
            WorkerType::Module => "module",
        }
    }

    /// The type of that name.
    pub fn from_name(name: &str) -> Option<WorkerType> {
        [WorkerType::Classic, WorkerType::Module].into_iter().find(|found| found.name() == name)
    }
}

/// The update via cache mode of a registration. This runtime has no HTTP cache of its own, so it decides what requests for
/// scripts say to the caches on the way; when the last look for an update was more than a day ago all are passed by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpdateViaCache {
    /// Imported scripts may come from a cache, the main script may not.
    #[default]
    Imports,
    /// Both may.
    All,
    /// Neither may.
    None,
}

impl UpdateViaCache {
    /// `imports`, `all` or `none`.
    pub fn name(self) -> &'static str {
        match self {
            UpdateViaCache::Imports => "imports",
            UpdateViaCache::All => "all",
            UpdateViaCache::None => "none",
        }
    }

    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<UpdateViaCache> {
        let all = [UpdateViaCache::Imports, UpdateViaCache::All, UpdateViaCache::None];
        all.into_iter().find(|found| found.name() == name)
    }
}

/// A job whose URLs have been checked.
#[derive(Clone, Debug)]
pub(crate) struct RegisterOrder {
    pub(super) storage_key: StorageKey,
    pub(super) script_url: Url,
    pub(super) scope: Url,
    pub(super) client_url: Url,
    pub(super) update_via_cache: UpdateViaCache,
    pub(super) worker_type: WorkerType,
}

impl RegisterOrder {
    /// Service worker specification, "equivalent": the page does not matter.
    pub(super) fn is_equivalent(&self, other: &RegisterOrder) -> bool {
        let RegisterOrder { storage_key, script_url, scope, client_url: _, update_via_cache, worker_type } =
            self;
        *storage_key == other.storage_key
            && *script_url == other.script_url
            && *scope == other.scope
            && *update_via_cache == other.update_via_cache
            && *worker_type == other.worker_type
    }
}

impl Shared {
    /// Checks the job and schedules it.
    pub(crate) fn register(self: &Arc<Shared>, job: RegisterJob, done: Done) {
        match order(job) {
            Ok(order) => {
                let (key, scope) = (order.storage_key.clone(), order.scope.to_string());
                self.schedule(&key, &scope, JobKind::Register(Box::new(order)), done);
            }
            Err(error) => done(Err(error)),
        }
    }

    /// The Register algorithm, on the job's thread.
    pub(super) fn run_register(self: &Arc<Shared>, order: RegisterOrder, done: Done) {
        let existing = self.find_scope(&order.storage_key, order.scope.as_str());
        if let Some(id) = existing {
            // Same script, type and cache mode as the newest worker: nothing to do.
            let same = self.look(id, |registration| {
                registration.update_via_cache == order.update_via_cache
                    && registration.newest().is_some_and(|worker| {
                        worker.script_url == order.script_url.as_str()
                            && worker.worker_type == order.worker_type
                    })
            });
            if same == Some(true)
                && let Some(state) = self.registration(id)
            {
                return done(Ok(state));
            }
        }
        let now = self.time.wall();
        let is_stale = existing.and_then(|id| self.look(id, |found| found.is_stale(now))) == Some(true);
        let candidate = Candidate {
            storage_key: order.storage_key.clone(),
            script_url: order.script_url.clone(),
            worker_type: order.worker_type,
            scope: order.scope.clone(),
            referrer: order.client_url.to_string(),
            is_update: false,
            update_via_cache: order.update_via_cache,
            is_stale,
        };
        let newest = existing.and_then(|id| self.look(id, |found| found.newest().cloned())).flatten();
        let found = match self.fetch_candidate(&candidate, newest.as_deref()) {
            Ok(found) => found,
            Err(error) => return done(Err(error)),
        };
        let id = match existing {
            Some(id) => id,
            None => match self.make_registration(&order) {
                Ok(id) => id,
                Err(error) => return done(Err(error)),
            },
        };
        if let Err(error) = self.set_cache_mode(id, order.update_via_cache) {
            return done(Err(error));
        }
        match found {
            Some(scripts) => self.install(id, &candidate, scripts, done),
            None => done(self.registration(id).ok_or_else(gone)),
        }
    }

    /// Set Registration: first in the engine, which gives the id, then in the store.
    fn make_registration(
        self: &Arc<Shared>,
        order: &RegisterOrder,
    ) -> Result<WorkerRegistrationId, RegisterWorkerError> {
        let Some(host) = self.host.get() else {
            let message = "the runtime has no host yet; open the host with this runtime as its backend first";
            return Err(RegisterWorkerError::InvalidState(message.to_owned()));
        };
        // Answered before the next question, so before the worker runs.
        self.learn_notification_permission(host, order.storage_key.clone());
        let id = host
            .add_worker_registration(
                order.storage_key.clone(),
                order.scope.to_string(),
                order.script_url.to_string(),
            )
            .wait()
            .map_err(|error: RegisterError| RegisterWorkerError::Storage(error.to_string()))?;
        let registration = Registration {
            id,
            storage_key: order.storage_key.clone(),
            scope: order.scope.to_string(),
            update_via_cache: order.update_via_cache,
            navigation_preload: NavigationPreload::default(),
            last_update_check: self.time.wall(),
            installing: None,
            waiting: None,
            active: None,
        };
        lock(&self.registry).registrations.insert(id, registration);
        Ok(id)
    }

    fn set_cache_mode(
        &self,
        id: WorkerRegistrationId,
        mode: UpdateViaCache,
    ) -> Result<(), RegisterWorkerError> {
        let now = self.time.wall();
        let stored = {
            let mut registry = lock(&self.registry);
            let registration = registry.registrations.get_mut(&id).ok_or_else(gone)?;
            registration.update_via_cache = mode;
            registration.last_update_check = now;
            registration.stored()
        };
        self.store.put_registration(&stored).map_err(|failure| RegisterWorkerError::Storage(failure.message))
    }
}

/// The registration vanished while the job ran.
pub(super) fn gone() -> RegisterWorkerError {
    RegisterWorkerError::Type("the registration was removed meanwhile".to_owned())
}

fn order(job: RegisterJob) -> Result<RegisterOrder, RegisterWorkerError> {
    let (script_url, scope) = scope::resolve(&job.client_url, &job.script_url, job.scope.as_deref())?;
    scope::check_origins(&script_url, &scope, &job.client_url, job.storage_key.origin())?;
    Ok(RegisterOrder {
        storage_key: job.storage_key,
        script_url,
        scope,
        client_url: job.client_url,
        update_via_cache: job.update_via_cache,
        worker_type: job.worker_type,
    })
}
