//! The job queues: jobs of one scope run one after the other, those of different scopes at the same time.

use super::register::RegisterOrder;
use crate::agent::lock;
use crate::emitter::RegistrationState;
use crate::error::RegisterWorkerError;
use crate::shared::Shared;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use wakeworker_core::{StorageKey, WorkerRegistrationId};

/// What hears the result of a register or update job.
pub(crate) type Done = Box<dyn FnOnce(Result<RegistrationState, RegisterWorkerError>) + Send>;

/// A job that waits or runs.
pub(crate) enum Job {
    Register(Box<RegisterOrder>, Done),
    Update(WorkerRegistrationId, Done),
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
            let done = match job {
                Job::Register(_, done) | Job::Update(_, done) => done,
            };
            return done(Err(RegisterWorkerError::InvalidState("the host is shutting down".to_owned())));
        }
        let name = (key.clone(), scope.to_owned());
        let mut registry = lock(&self.registry);
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
