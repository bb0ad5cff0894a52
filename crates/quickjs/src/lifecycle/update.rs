//! Update: fetch the script, compare it byte by byte, and install what is new (R156; "Update").

use super::job::{Done, JobKind};
use super::register::{UpdateViaCache, gone};
use super::scope;
use crate::agent::host::fetch_import;
use crate::agent::{State, Worker, lock};
use crate::emitter::RegistrationState;
use crate::error::RegisterWorkerError;
use crate::fetch::{FetchOrder, Mode, Redirect, fetch_whole};
use crate::script::Script;
use crate::shared::Shared;
use crate::{WorkerType, mime};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use wakeworker_core::{StorageKey, WorkerRegistrationId};

/// What may become a worker.
pub(super) struct Candidate {
    pub(super) storage_key: StorageKey,
    pub(super) script_url: Url,
    pub(super) worker_type: WorkerType,
    pub(super) scope: Url,
    pub(super) referrer: String,
    pub(super) is_update: bool,
    pub(super) update_via_cache: UpdateViaCache,
    /// The last look for an update was long ago, so that no cache may answer this one.
    pub(super) is_stale: bool,
}

/// The scripts of a new worker: its main script, and imports that an update check has fetched already.
pub(super) struct NewScripts {
    pub(super) main: Arc<Script>,
    pub(super) imports: HashMap<String, Arc<Script>>,
}

impl Shared {
    /// Looks for a new version of a registration's script.
    pub(crate) fn update(self: &Arc<Shared>, id: WorkerRegistrationId, done: Done) {
        let now = self.time.wall();
        let is_stale = self.look(id, |registration| registration.is_stale(now)) == Some(true);
        self.schedule_update(id, is_stale, done);
    }

    fn schedule_update(self: &Arc<Shared>, id: WorkerRegistrationId, is_stale: bool, done: Done) {
        let name =
            self.look(id, |registration| (registration.storage_key.clone(), registration.scope.clone()));
        match name {
            Some((key, scope)) => self.schedule(&key, &scope, JobKind::Update { id, is_stale }, done),
            None => done(Err(gone())),
        }
    }

    /// Whether what a worker imports while it is installed must not come from a cache on the way.
    pub(crate) fn bypasses_caches_for_imports(&self, id: WorkerRegistrationId) -> bool {
        let mode = self.look(id, |registration| registration.update_via_cache);
        mode == Some(UpdateViaCache::None)
    }

    /// `registration.update()` called by a worker: an installing one may not.
    pub(crate) fn update_by_worker(
        self: &Arc<Shared>,
        worker: &Worker,
        done: impl FnOnce(Result<RegistrationState, RegisterWorkerError>) + Send + 'static,
    ) {
        if matches!(worker.state(), State::Parsed | State::Installing) {
            let message = "a worker that is being installed cannot be updated";
            return done(Err(RegisterWorkerError::InvalidState(message.to_owned())));
        }
        self.update(worker.registration, Box::new(done));
    }

    /// Soft update: after a functional event, if the last check was more than a day ago (R157).
    pub(crate) fn soft_update(self: &Arc<Shared>, id: WorkerRegistrationId) {
        let now = self.time.wall();
        let due = {
            let mut registry = lock(&self.registry);
            let Some(registration) = registry.registrations.get_mut(&id) else { return };
            let due = registration.is_stale(now);
            if due {
                // Set first, so that the events of the next seconds do not all look for an update.
                registration.last_update_check = now;
            }
            due
        };
        if due {
            // Nobody asked, so nobody hears the result; the console shows a failed evaluation.
            self.schedule_update(id, true, Box::new(|_| {}));
        }
    }

    /// The Update algorithm for an existing registration, on the job's thread.
    pub(super) fn run_update(self: &Arc<Shared>, id: WorkerRegistrationId, is_stale: bool, done: Done) {
        let found = self.look(id, |registration| {
            let newest = registration.newest()?.clone();
            let candidate = Candidate {
                storage_key: registration.storage_key.clone(),
                script_url: Url::parse(&newest.script_url).ok()?,
                worker_type: newest.worker_type,
                scope: Url::parse(&registration.scope).ok()?,
                referrer: newest.script_url.clone(),
                is_update: true,
                update_via_cache: registration.update_via_cache,
                is_stale,
            };
            Some((newest, candidate))
        });
        let Some(Some((newest, candidate))) = found else { return done(Err(gone())) };
        match self.fetch_candidate(&candidate, Some(&newest)) {
            Err(error) => done(Err(error)),
            Ok(scripts) => {
                self.note_update_check(id);
                match scripts {
                    Some(scripts) => self.install(id, &candidate, scripts, done),
                    None => done(self.registration(id).ok_or_else(gone)),
                }
            }
        }
    }

    fn note_update_check(&self, id: WorkerRegistrationId) {
        let now = self.time.wall();
        if let Some(registration) = lock(&self.registry).registrations.get_mut(&id) {
            registration.last_update_check = now;
        }
        // A lost note only causes one more check.
        let _ = self.store.set_update_check(id, now);
    }

    /// Fetches the main script and checks it; `None` if it and its imports are those of `newest`, byte by byte.
    pub(super) fn fetch_candidate(
        self: &Arc<Shared>,
        candidate: &Candidate,
        newest: Option<&Worker>,
    ) -> Result<Option<NewScripts>, RegisterWorkerError> {
        let source = self.fetch_main(candidate)?;
        let newest = newest.filter(|worker| {
            worker.script_url == candidate.script_url.as_str() && worker.worker_type == candidate.worker_type
        });
        let bypasses = candidate.is_stale || candidate.update_via_cache == UpdateViaCache::None;
        let mut imports = HashMap::new();
        if let Some(newest) = newest {
            let mut changed = newest.main.first().is_none_or(|main| *main.source != *source);
            for old in newest.imports() {
                let origin = candidate.storage_key.origin();
                let kind = candidate.worker_type.into();
                let script_url = candidate.script_url.as_str();
                match fetch_import(self, origin, script_url, &old.url, kind, bypasses) {
                    Ok(new) => {
                        changed |= new.source != old.source;
                        imports.insert(old.url.clone(), Arc::new(new));
                    }
                    // An old import that is gone counts as unchanged.
                    Err(_) => {
                        imports.insert(old.url.clone(), old);
                    }
                }
            }
            if !changed {
                return Ok(None);
            }
        }
        let main = Arc::new(Script::new(candidate.script_url.to_string(), source));
        Ok(Some(NewScripts { main, imports }))
    }

    fn fetch_main(&self, candidate: &Candidate) -> Result<String, RegisterWorkerError> {
        let url = &candidate.script_url;
        let mut order = FetchOrder::get(url.clone(), candidate.storage_key.origin());
        order.headers.push(("service-worker".to_owned(), "script".to_owned()));
        order.mode = Mode::SameOrigin;
        order.redirect = Redirect::Manual;
        order.referrer = candidate.referrer.clone();
        order.destination = "serviceworker";
        if candidate.is_stale || candidate.update_via_cache != UpdateViaCache::All {
            order.bypass_caches();
        }
        let timeout = Duration::from_millis(self.config.start_duration_max_ms);
        let response = fetch_whole(&self.fetch, order, self.config.script_bytes_max, timeout)
            .map_err(RegisterWorkerError::Type)?;
        let head = &response.head.head;
        if response.head.kind == "opaqueredirect" {
            let message = format!("the script `{url}` is behind a redirect, which is not allowed");
            return Err(if candidate.is_update {
                RegisterWorkerError::Type(message)
            } else {
                RegisterWorkerError::Security(message)
            });
        }
        if !(200..300).contains(&head.status) {
            let message = format!(
                "the script `{url}` could not be fetched: the server answered with status {}",
                head.status
            );
            return Err(RegisterWorkerError::Type(message));
        }
        let content_type = head.get("content-type").unwrap_or_default();
        if !mime::is_javascript(&content_type) {
            let message = format!(
                "the script `{url}` has the MIME type `{content_type}`, which is not a JavaScript one"
            );
            return Err(RegisterWorkerError::Security(message));
        }
        scope::check_scope(url, &candidate.scope, head.get("service-worker-allowed").as_deref())?;
        Ok(mime::decode_script(&response.body))
    }
}
