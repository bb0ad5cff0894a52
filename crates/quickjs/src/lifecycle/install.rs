//! Evaluate and install a new worker ("Update" from its evaluation on, and "Install").

use super::job::Done;
use super::register::gone;
use super::stored_worker;
use super::update::{Candidate, NewScripts};
use crate::agent::{EventDone, EventKind, EventOutcome, EventTask, StartError, State, Worker, lock};
use crate::error::RegisterWorkerError;
use crate::shared::Shared;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;
use wakeworker_core::WorkerRegistrationId;

impl Shared {
    /// Makes a worker of the scripts. `done` hears of the registration when the worker is installing, or why not.
    pub(super) fn install(
        self: &Arc<Shared>,
        id: WorkerRegistrationId,
        candidate: &Candidate,
        scripts: NewScripts,
        done: Done,
    ) {
        let worker = match self.make_worker(id, candidate, scripts) {
            Ok(worker) => worker,
            Err(error) => {
                self.clear_if_empty(id);
                return done(Err(error));
            }
        };
        if let Err(error) = self.evaluate_worker(&worker) {
            self.discard(&worker);
            self.clear_if_empty(id);
            return done(Err(error));
        }
        worker.set_state(State::Installing);
        let installing = self.change(id, |registration| {
            registration.installing = Some(worker.clone());
            registration.state()
        });
        let Some(state) = installing else {
            self.discard(&worker);
            return done(Err(gone()));
        };
        // The promise resolves before the install event, so the page sees the worker as `installing`.
        done(Ok(state));
        let installed = self.run_install_event(&worker).and_then(|()| self.store_installed(&worker));
        if let Err(message) = installed {
            self.warn(worker.id, format!("the worker could not be installed: {message}"));
            self.discard(&worker);
            self.clear_if_empty(id);
            return;
        }
        worker.set_state(State::Installed);
        let replaced = self.change(id, |registration| {
            registration.installing = None;
            registration.waiting.replace(worker.clone())
        });
        match replaced {
            Some(Some(older)) => self.discard(&older),
            Some(None) => {}
            None => return self.discard(&worker),
        }
        self.try_activate(id);
    }

    fn make_worker(
        &self,
        id: WorkerRegistrationId,
        candidate: &Candidate,
        scripts: NewScripts,
    ) -> Result<Arc<Worker>, RegisterWorkerError> {
        let storage = |failure: crate::storage::StorageFailure| RegisterWorkerError::Storage(failure.message);
        let worker = Arc::new(Worker::new(
            self.store.draw_worker_id().map_err(storage)?,
            id,
            candidate.storage_key.clone(),
            candidate.scope.to_string(),
            candidate.script_url.to_string(),
            candidate.worker_type,
            vec![scripts.main],
            scripts.imports,
            State::Parsed,
        ));
        self.store.put_worker(id, &stored_worker(&worker)).map_err(storage)?;
        Ok(worker)
    }

    /// Runs the worker's script for the first time; a failure rejects the job with a TypeError (R158).
    fn evaluate_worker(self: &Arc<Shared>, worker: &Arc<Worker>) -> Result<(), RegisterWorkerError> {
        let (sender, receiver) = channel();
        worker.start(
            self,
            Box::new(move |result| {
                // The job may have given up waiting.
                let _ = sender.send(result);
            }),
        );
        let limit = Duration::from_millis(self.config.start_duration_max_ms);
        match receiver.recv_timeout(limit) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(StartError::Script(text))) => {
                Err(RegisterWorkerError::Type(format!("the script `{}` failed: {text}", worker.script_url)))
            }
            Ok(Err(StartError::Failed(text))) => Err(RegisterWorkerError::Type(format!(
                "the script `{}` could not be run: {text}",
                worker.script_url
            ))),
            Err(_) => Err(RegisterWorkerError::Type(format!(
                "the script `{}` did not finish its evaluation within {} ms",
                worker.script_url,
                limit.as_millis()
            ))),
        }
    }

    /// Dispatches `install` and waits until it is over; a rejected lifetime promise is a failure (R154).
    fn run_install_event(self: &Arc<Shared>, worker: &Arc<Worker>) -> Result<(), String> {
        let (sender, receiver) = channel();
        let time = self.time.clone();
        let event = EventTask {
            kind: EventKind::Install,
            // What follows from the outcome has begun when it is sent, not when this thread hears of it.
            done: EventDone::new(move |outcome| {
                let _ = sender.send((outcome, time.work()));
            }),
            attempt: None,
            duration_max_ms: Some(self.config.install_duration_max_ms),
            starts: 0,
        };
        worker.dispatch(self, event);
        // The worker's own clock ends the event first; this limit is for a thread stuck in a built-in.
        let limit =
            Duration::from_millis(self.config.install_duration_max_ms + 2 * self.config.terminate_grace_ms);
        if let Some(time) = self.time.driven() {
            time.end();
        }
        let received = receiver.recv_timeout(limit);
        if let Some(time) = self.time.driven() {
            time.begin();
        }
        match received.map(|(outcome, _)| outcome) {
            Ok(EventOutcome::Succeeded { .. }) => Ok(()),
            Ok(EventOutcome::Rejected(text)) => {
                Err(format!("a promise given to waitUntil was rejected: {text}"))
            }
            Ok(
                EventOutcome::Terminated(text)
                | EventOutcome::StartFailed(text)
                | EventOutcome::ScriptError(text),
            ) => Err(text),
            Err(_) => Err(format!("the install event did not end within {} ms", limit.as_millis())),
        }
    }

    fn store_installed(&self, worker: &Arc<Worker>) -> Result<(), String> {
        let mut stored = stored_worker(worker);
        stored.state = State::Installed.name().to_owned();
        self.store.put_worker(worker.registration, &stored).map_err(|failure| failure.message)
    }

    /// Makes a worker redundant and forgets its scripts.
    pub(super) fn discard(&self, worker: &Arc<Worker>) {
        worker.set_state(State::Redundant);
        worker.retire();
        // A row that cannot be removed now is dropped at the next start.
        let _ = self.store.change_workers(&[], &[worker.id]);
        let listed = self.look(worker.registration, |registration| {
            registration.workers().any(|found| Arc::ptr_eq(found, worker))
        });
        if listed == Some(true) {
            self.change(worker.registration, |registration| {
                for slot in
                    [&mut registration.installing, &mut registration.waiting, &mut registration.active]
                {
                    if slot.as_ref().is_some_and(|found| Arc::ptr_eq(found, worker)) {
                        *slot = None;
                    }
                }
            });
        }
    }

    /// A registration whose first worker failed goes again.
    fn clear_if_empty(self: &Arc<Shared>, id: WorkerRegistrationId) {
        let empty = {
            let mut registry = lock(&self.registry);
            let empty = registry.registrations.get(&id).is_some_and(|found| found.newest().is_none());
            if empty {
                registry.remove(id);
            }
            empty
        };
        if !empty {
            return;
        }
        // Rows that cannot be removed now are dropped at the next start.
        let _ = self.store.remove_registration(id);
        self.forget_notifications(id);
        if let Some(host) = self.host.get() {
            host.remove_worker_registration_then(id, |_| {});
        }
        self.tell_gone(id);
    }
}
