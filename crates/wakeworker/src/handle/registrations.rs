//! Worker registrations, as backends report them and hosts remove them.

use crate::HostHandle;
use crate::message::Message;
use crate::pending::Pending;
use wakeworker_core::{
    ActiveWorker, Input, RegisterError, Resolution, StorageKey, WorkerId, WorkerRegistrationId,
};

impl HostHandle {
    /// The registration for a scope: the existing one or a new one. For backends.
    pub fn add_worker_registration(
        &self,
        storage_key: StorageKey,
        scope: String,
        script_url: String,
    ) -> Pending<Result<WorkerRegistrationId, RegisterError>> {
        self.pending(|done| self.add_worker_registration_then(storage_key, scope, script_url, done))
    }

    /// As [`HostHandle::add_worker_registration`], with a callback on the engine thread, which may only enqueue.
    pub fn add_worker_registration_then(
        &self,
        storage_key: StorageKey,
        scope: String,
        script_url: String,
        done: impl FnOnce(Result<WorkerRegistrationId, RegisterError>) + Send + 'static,
    ) {
        let input = |request| Input::AddWorkerRegistration { request, storage_key, scope, script_url };
        self.ask(input, move |answer| {
            done(answer.and_then(|resolution| match resolution {
                Resolution::WorkerRegistration(id) => Ok(id),
                _ => Err(RegisterError::NoRegistration),
            }));
        });
    }

    /// Reports the active worker of a registration. For backends.
    pub fn set_active_worker(
        &self,
        registration: WorkerRegistrationId,
        active: Option<ActiveWorker>,
        script_url: Option<String>,
    ) {
        self.input(Input::ActiveWorkerChanged { registration, active, script_url });
    }

    /// Removes a worker registration with its sync registrations (R161). Complete when it is durable (R166).
    pub fn remove_worker_registration(
        &self,
        registration: WorkerRegistrationId,
    ) -> Pending<Result<(), RegisterError>> {
        self.pending(|done| self.remove_worker_registration_then(registration, done))
    }

    /// As [`HostHandle::remove_worker_registration`], with a callback on the engine thread, which may only enqueue.
    pub fn remove_worker_registration_then(
        &self,
        registration: WorkerRegistrationId,
        done: impl FnOnce(Result<(), RegisterError>) + Send + 'static,
    ) {
        let input = |request| Input::RemoveWorkerRegistration { request, registration };
        self.ask(input, move |answer| done(answer.map(drop)));
    }

    /// Removes all registrations of a storage key (R163). Complete when it is durable (R166).
    pub fn clear_storage(&self, storage_key: StorageKey) -> Pending<Result<(), RegisterError>> {
        self.pending(|done| {
            let input = |request| Input::ClearStorage { request, storage_key };
            self.ask(input, move |answer| done(answer.map(drop)));
        })
    }

    /// Reports that the script of a worker was terminated, for idleness or any other reason: its objects are told
    /// (R219). For backends.
    pub fn worker_stopped(&self, registration: WorkerRegistrationId, worker: WorkerId) {
        let host = self.clone();
        self.send(Message::Query(Box::new(move |_| host.workers().end_life(registration, worker))));
    }
}
