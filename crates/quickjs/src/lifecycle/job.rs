//! The job queues: jobs of one scope run one after the other, those of different scopes at the same time.

use super::Registry;
use super::register::RegisterOrder;
use crate::RuntimeConfig;
use crate::agent::lock;
use crate::emitter::RegistrationState;
use crate::error::RegisterWorkerError;
use crate::shared::Shared;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use wakeworker_core::{StorageKey, WorkerRegistrationId};

/// What hears the result of a register or update job.
pub(crate) type Done = Box<dyn FnOnce(Result<RegistrationState, RegisterWorkerError>) + Send>;

/// A job that waits or runs.
struct Job {
    kind: JobKind,
    promise: JobPromise,
}

/// What a job does. Equal ones are one job.
#[derive(Clone, Debug)]
pub(super) enum JobKind {
    Register(Box<RegisterOrder>),
    Update {
        id: WorkerRegistrationId,
        /// The last look was long ago; of two jobs that differ in this only, the first decides.
        is_stale: bool,
    },
}

impl JobKind {
    /// Service worker specification, "equivalent".
    fn is_equivalent(&self, other: &JobKind) -> bool {
        match (self, other) {
            (JobKind::Register(one), JobKind::Register(other)) => one.is_equivalent(other),
            (JobKind::Update { id: one, .. }, JobKind::Update { id: other, .. }) => one == other,
            _ => false,
        }
    }
}

/// Everybody who waits for the result of one job; nobody once it is known.
#[derive(Clone)]
struct JobPromise(Arc<Mutex<Option<Vec<Done>>>>);

impl JobPromise {
    fn new(done: Done) -> JobPromise {
        JobPromise(Arc::new(Mutex::new(Some(vec![done]))))
    }

    /// Adds somebody, if the result is not known and there are not too many already; gives them back otherwise.
    fn join(&self, done: Done, most: usize) -> Result<(), Done> {
        match lock(&self.0).as_mut() {
            Some(waiting) if waiting.len() < most => {
                waiting.push(done);
                Ok(())
            }
            _ => Err(done),
        }
    }

    fn settle(&self, result: &Result<RegistrationState, RegisterWorkerError>) {
        let waiting = lock(&self.0).take();
        for done in waiting.into_iter().flatten() {
            done(result.clone());
        }
    }
}

impl Registry {
    /// Why this job may not wait, if so: every scope that is registered or has a job costs threads and memory.
    fn job_refusal(
        &self,
        config: &RuntimeConfig,
        name: &(StorageKey, String),
        job: &JobKind,
    ) -> Option<String> {
        if let Some(queue) = self.jobs.queues.get(name) {
            let jobs_max = config.jobs_per_scope_max;
            return (queue.waiting.len() >= jobs_max)
                .then(|| format!("{jobs_max} jobs already wait for the scope `{}`", name.1));
        }
        if matches!(job, JobKind::Update { .. }) {
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
    queues: HashMap<(StorageKey, String), Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    /// The job that came last, whether it waits or runs.
    last: Option<(JobKind, JobPromise)>,
}

impl Shared {
    /// Schedules a job; one that is equivalent to the last one of its scope shares that one's result.
    pub(super) fn schedule(self: &Arc<Shared>, key: &StorageKey, scope: &str, kind: JobKind, mut done: Done) {
        if self.is_closing() {
            return done(Err(RegisterWorkerError::InvalidState("the host is shutting down".to_owned())));
        }
        let name = (key.clone(), scope.to_owned());
        let mut registry = lock(&self.registry);
        let last = registry.jobs.queues.get(&name).and_then(|queue| queue.last.as_ref());
        if let Some((_, promise)) = last.filter(|(last, _)| last.is_equivalent(&kind)) {
            match promise.join(done, self.config.jobs_per_scope_max) {
                Ok(()) => return,
                Err(back) => done = back,
            }
        }
        if let Some(refusal) = registry.job_refusal(&self.config, &name, &kind) {
            drop(registry);
            return done(Err(RegisterWorkerError::QuotaExceeded(refusal)));
        }
        let queue = registry.jobs.queues.entry(name.clone());
        let is_new = matches!(queue, std::collections::hash_map::Entry::Vacant(_));
        let (queue, promise) = (queue.or_default(), JobPromise::new(done));
        queue.last = Some((kind.clone(), promise.clone()));
        queue.waiting.push_back(Job { kind, promise });
        drop(registry);
        if is_new {
            self.in_background("wakeworker-jobs", move |shared| shared.run_jobs(&name));
        }
    }

    fn run_jobs(self: &Arc<Shared>, name: &(StorageKey, String)) {
        loop {
            let mut registry = lock(&self.registry);
            let Some(queue) = registry.jobs.queues.get_mut(name) else { return };
            let Some(Job { kind, promise }) = queue.waiting.pop_front() else {
                registry.jobs.queues.remove(name);
                return;
            };
            drop(registry);
            if self.host.get().is_some() {
                self.reconciled.wait();
            }
            let done: Done = Box::new(move |result| promise.settle(&result));
            match kind {
                JobKind::Register(order) => self.run_register(*order, done),
                JobKind::Update { id, is_stale } => self.run_update(id, is_stale, done),
            }
        }
    }
}
