//! The job queues: jobs of one scope run one after the other, those of different scopes at the same time.

use super::Registry;
use super::register::RegisterOrder;
use crate::RuntimeConfig;
use crate::agent::lock;
use crate::emitter::RegistrationState;
use crate::error::RegisterWorkerError;
use crate::shared::Shared;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use wakeworker_core::{StorageKey, WorkerRegistrationId};

/// What hears the result of a register or update job.
pub(crate) type Done = Box<dyn FnOnce(Result<RegistrationState, RegisterWorkerError>) + Send>;

/// A job that waits or runs.
pub(crate) enum Job {
    Register(Box<RegisterOrder>, Done),
    Update(WorkerRegistrationId, Done),
}

impl Job {
    fn done(self) -> Done {
        match self {
            Job::Register(_, done) | Job::Update(_, done) => done,
        }
    }
}

impl Registry {
    /// Why this job may not wait, if so: every scope that is registered or has a job costs threads and memory.
    fn job_refusal(&self, config: &RuntimeConfig, name: &(StorageKey, String), job: &Job) -> Option<String> {
        if let Some(queue) = self.jobs.queues.get(name) {
            let jobs_max = config.jobs_per_scope_max;
            return (queue.len() >= jobs_max)
                .then(|| format!("{jobs_max} jobs already wait for the scope `{}`", name.1));
        }
        if matches!(job, Job::Update(..)) {
            return None;
        }
        let origin = name.0.origin();
        let registered = self.registrations.values().filter(|found| found.storage_key.origin() == origin);
        let mut scopes: BTreeSet<(&str, &str)> =
            registered.map(|found| (found.storage_key.as_str(), found.scope.as_str())).collect();
        let waiting = self.jobs.queues.keys().filter(|(key, _)| key.origin() == origin);
        scopes.extend(waiting.map(|(key, scope)| (key.as_str(), scope.as_str())));
        let limit = config.worker_registrations_per_origin_max;
        let is_known = scopes.contains(&(name.0.as_str(), name.1.as_str()));
        (!is_known && scopes.len() >= limit).then(|| {
            format!(
                "{origin} has {limit} service worker registrations, which is the limit; unregister some first"
            )
        })
    }
}

/// The queues that have jobs; each is worked off by one thread, which ends with the last job.
#[derive(Default)]
pub(crate) struct Jobs {
    queues: HashMap<(StorageKey, String), VecDeque<Job>>,
}

impl Shared {
    /// Schedules a job.
    pub(super) fn schedule(self: &Arc<Shared>, key: &StorageKey, scope: &str, job: Job) {
        if self.is_closing() {
            return job.done()(Err(RegisterWorkerError::InvalidState(
                "the host is shutting down".to_owned(),
            )));
        }
        let name = (key.clone(), scope.to_owned());
        let mut registry = lock(&self.registry);
        if let Some(refusal) = registry.job_refusal(&self.config, &name, &job) {
            drop(registry);
            return job.done()(Err(RegisterWorkerError::QuotaExceeded(refusal)));
        }
        let queue = registry.jobs.queues.entry(name.clone());
        let is_new = matches!(queue, std::collections::hash_map::Entry::Vacant(_));
        queue.or_default().push_back(job);
        drop(registry);
        if is_new {
            self.in_background("wakeworker-jobs", move |shared| shared.run_jobs(&name));
        }
    }

    fn run_jobs(self: &Arc<Shared>, name: &(StorageKey, String)) {
        loop {
            let mut registry = lock(&self.registry);
            let Some(queue) = registry.jobs.queues.get_mut(name) else { return };
            let Some(job) = queue.pop_front() else {
                registry.jobs.queues.remove(name);
                return;
            };
            drop(registry);
            if self.host.get().is_some() {
                self.reconciled.wait();
            }
            match job {
                Job::Register(order, done) => self.run_register(*order, done),
                Job::Update(id, done) => self.run_update(id, done),
            }
        }
    }
}
