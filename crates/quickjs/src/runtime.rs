//! [`Runtime`]: what a host program holds.

use crate::agent::{EventDone, EventKind, EventOutcome, EventTask, State, Task, Worker};
use crate::clients::{Clients, MessageSource};
use crate::emitter::{LifecycleEvent, RegistrationState};
use crate::fetch_event::{FetchEventHandle, FetchResponder};
use crate::json;
use crate::shared::Shared;
use crate::storage::{self, OriginStorage, StorageError};
use crate::{
    ConsoleLine, FetchEventRequest, FetchEventResult, Fetcher, OpenError, PageDatabases, RegisterJob,
    RegisterWorkerError, RuntimeConfig, RuntimeStorage,
};
use std::sync::Arc;
use url::Url;
use wakeworker::{DispatchDone, HostHandle, WorkerBackend};
use wakeworker_core::{
    AttemptId, AttemptOutcome, Dispatch, FailureReason, StorageKey, SyncKind, WorkerId, WorkerRegistrationId,
};

/// The embedded service-worker runtime. Cheap to clone; the last clone that goes stops all workers.
///
/// It is a [`WorkerBackend`]: give it to `Host::builder`, which attaches the host; only then can workers be registered.
#[derive(Clone)]
pub struct Runtime {
    owner: Arc<Owner>,
}

struct Owner {
    shared: Arc<Shared>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.shutdown();
    }
}

impl Runtime {
    /// Opens the runtime's storage and restores its registrations. No worker runs until an event comes.
    pub fn open(
        config: RuntimeConfig,
        storage: RuntimeStorage,
        fetcher: Arc<dyn Fetcher>,
        clients: Arc<dyn Clients>,
    ) -> Result<Runtime, OpenError> {
        let shared = Shared::open(config, &storage, fetcher, clients)?;
        Ok(Runtime { owner: Arc::new(Owner { shared }) })
    }

    pub(crate) fn from_shared(shared: Arc<Shared>) -> Runtime {
        Runtime { owner: Arc::new(Owner { shared }) }
    }

    /// What was found damaged when the storage was opened, and where it was moved, for people. Everything else works.
    pub fn damage_found(&self) -> &[String] {
        &self.shared().damage
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.owner.shared
    }

    /// `navigator.serviceWorker.register()`. `done` is called once, on some thread, when the page's promise settles:
    /// with a new worker in `installing`, or the registration as it was if nothing changed.
    pub fn register(
        &self,
        job: RegisterJob,
        done: impl FnOnce(Result<RegistrationState, RegisterWorkerError>) + Send + 'static,
    ) {
        self.shared().register(job, Box::new(done));
    }

    /// `registration.update()`.
    pub fn update(
        &self,
        registration: WorkerRegistrationId,
        done: impl FnOnce(Result<RegistrationState, RegisterWorkerError>) + Send + 'static,
    ) {
        self.shared().update(registration, Box::new(done));
    }

    /// `registration.unregister()`: true when the removal is durable, false if there was no such registration.
    pub fn unregister(
        &self,
        registration: WorkerRegistrationId,
        done: impl FnOnce(Result<bool, RegisterWorkerError>) + Send + 'static,
    ) {
        self.shared().unregister(registration, done);
    }

    /// Clears all data of a storage key: registrations, sync entries, IndexedDB, caches, cookies (R163).
    pub fn clear_storage(
        &self,
        storage_key: &StorageKey,
        done: impl FnOnce(Result<(), RegisterWorkerError>) + Send + 'static,
    ) {
        self.shared().clear_storage(storage_key, done);
    }

    /// What every storage key stores in databases and caches, by storage key; of one, if it is named.
    pub fn stored(&self, storage_key: Option<&StorageKey>) -> Result<Vec<OriginStorage>, StorageError> {
        storage::usage(&self.shared().indexeddb, &self.shared().caches, &self.shared().quota, storage_key)
            .map_err(StorageError::from)
    }

    /// The databases of a storage key, for a page of the host: the ones that its workers use. `tell` is called in order,
    /// from any thread, with what the page must hear; it must not wait.
    pub fn page_databases(
        &self,
        storage_key: &StorageKey,
        tell: impl Fn(String) + Send + Sync + 'static,
    ) -> PageDatabases {
        PageDatabases::new(&self.shared().indexeddb, storage_key, tell)
    }

    /// The registration with the longest scope that matches a URL (R159).
    pub fn match_registration(&self, storage_key: &StorageKey, url: &Url) -> Option<RegistrationState> {
        self.shared().match_registration(storage_key, url)
    }

    /// One registration.
    pub fn registration(&self, id: WorkerRegistrationId) -> Option<RegistrationState> {
        self.shared().registration(id)
    }

    /// All registrations of a storage key.
    pub fn registrations(&self, storage_key: &StorageKey) -> Vec<RegistrationState> {
        self.shared().registrations(storage_key)
    }

    /// Subscribes to what happens to registrations and workers, in order, on the runtime's threads.
    pub fn on_lifecycle(&self, observer: impl Fn(&LifecycleEvent) + Send + Sync + 'static) {
        self.shared().lifecycle.subscribe(observer);
    }

    /// Subscribes to the consoles of all workers.
    pub fn on_console(&self, observer: impl Fn(&ConsoleLine) + Send + Sync + 'static) {
        self.shared().on_console(Box::new(observer));
    }

    /// The host's clients of this storage key came, went or changed their controller: a waiting worker may be free to
    /// activate.
    pub fn clients_changed(&self, storage_key: &StorageKey) {
        self.shared().clients_changed(storage_key);
    }

    /// Switches the network: while off, every fetch is a network error, and `navigator.onLine` is false.
    pub fn set_online(&self, online: bool) {
        self.shared().set_online(online);
    }

    /// Dispatches a page's request as a `fetch` event. `done` is called once, when the head of the answer is known.
    pub fn fetch_event(
        &self,
        registration: WorkerRegistrationId,
        request: FetchEventRequest,
        done: impl FnOnce(FetchEventResult) + Send + 'static,
    ) -> FetchEventHandle {
        let shared = self.shared();
        // The specification lets the event be skipped if the first evaluation added no listener.
        let worker =
            shared.active_worker(registration).filter(|worker| worker.listens_to("fetch") != Some(false));
        let Some(worker) = worker else {
            done(FetchEventResult::NotHandled { body: request.body });
            return FetchEventHandle::ended();
        };
        let responder = FetchResponder::new(done);
        let answer = responder.clone();
        let preload = shared.preload(registration, &request);
        let kind = EventKind::Fetch { request: Box::new(request), preload, responder: responder.clone() };
        let done = EventDone::new(move |outcome| {
            answer.network_error(match outcome {
                EventOutcome::Succeeded { .. } | EventOutcome::Rejected(_) => {
                    "the service worker ended the event without an answer".to_owned()
                }
                EventOutcome::Terminated(text)
                | EventOutcome::StartFailed(text)
                | EventOutcome::ScriptError(text) => text,
            });
        });
        let limit = shared.config.event_duration_max_ms;
        worker.dispatch(
            shared,
            EventTask { kind, done, attempt: None, duration_max_ms: Some(limit), starts: 0 },
        );
        shared.soft_update(registration);
        FetchEventHandle::new(worker, responder)
    }

    /// Delivers `worker.postMessage(data)` of a page; `data` is the JavaScript layer's clone format. A worker that is
    /// gone or redundant gets nothing.
    pub fn post_message(&self, worker: WorkerId, data: String, source: MessageSource) {
        let shared = self.shared();
        let Some(worker) = shared.worker(worker) else { return };
        let limit = shared.config.event_duration_max_ms;
        worker.dispatch(
            shared,
            EventTask {
                kind: EventKind::Message { data, source },
                done: EventDone::new(|_| {}),
                attempt: None,
                duration_max_ms: Some(limit),
                starts: 0,
            },
        );
    }

    /// Starts a worker without an event; `done` hears whether it runs, or why not.
    pub fn start_worker(&self, worker: WorkerId, done: impl FnOnce(Result<(), String>) + Send + 'static) {
        let Some(worker) = self.shared().worker(worker) else {
            return done(Err(format!("there is no worker {worker}")));
        };
        worker.start(
            self.shared(),
            Box::new(move |result| {
                done(result.map_err(|error| match error {
                    crate::agent::StartError::Script(text) | crate::agent::StartError::Failed(text) => text,
                }));
            }),
        );
    }

    /// Stops a worker's thread; events that run in it fail, the next one starts it again.
    pub fn stop_worker(&self, worker: WorkerId) {
        if let Some(worker) = self.shared().worker(worker) {
            worker.stop(crate::agent::StopReason::Asked);
        }
    }

    /// In virtual time: milliseconds until a worker has something to do by itself, such as a timer. Only meaningful
    /// after [`VirtualTime::settle`](crate::VirtualTime::settle).
    pub fn next_due_ms(&self) -> Option<u64> {
        let time = self.shared().time.driven()?;
        let due = self.shared().all_workers().iter().filter_map(|worker| worker.due()).min()?;
        Some(time.ms_until(due))
    }

    /// In virtual time: lets one worker whose time has come go on; false if there is none. One after the other, with
    /// a settling in between, so that every run is the same.
    pub fn run_due(&self) -> bool {
        let now = self.shared().time.now();
        let mut workers = self.shared().all_workers();
        workers.sort_by_key(|worker| worker.id);
        workers.iter().any(|worker| worker.run_due(now))
    }

    /// Whether a worker's thread runs.
    pub fn is_worker_running(&self, worker: WorkerId) -> bool {
        self.shared().worker(worker).is_some_and(|worker| worker.is_running())
    }

    /// Bytes of a running worker's JavaScript heap.
    pub fn worker_memory_bytes(&self, worker: WorkerId) -> Option<usize> {
        self.shared().worker(worker)?.memory_bytes()
    }
}

impl WorkerBackend for Runtime {
    fn attach(&self, host: HostHandle) {
        let shared = self.shared();
        if shared.host.set(host).is_err() {
            // A runtime serves one host; a second one would mix two profiles.
            return;
        }
        shared.follow_permissions();
        shared.in_background("wakeworker-attach", Shared::reconcile);
    }

    fn dispatch(&self, dispatch: &Dispatch, done: DispatchDone) {
        let shared = self.shared();
        if dispatch.needs_network && !shared.is_online() {
            // R54: the network went between the choice and now.
            return done.finish(AttemptOutcome::NotDispatched);
        }
        let Some(worker) = self.target(dispatch) else {
            let outcome = if shared.was_removed(dispatch.registration) {
                // R76: the registration vanished between the choice and now.
                AttemptOutcome::NotDispatched
            } else {
                let worker = dispatch.worker;
                let message = format!(
                    "the scripts of worker {worker} are not in the runtime's store; open a page of the site, so that \
                     it registers its worker again"
                );
                failed(FailureReason::StartFailed, message)
            };
            return done.finish(outcome);
        };
        let order = EventOrder { dispatch: dispatch.clone(), worker, done };
        match shared.host.get().filter(|_| shared.config.script_extensions.explainer_options) {
            // R231: what `event.registration` shows is only known to the engine.
            Some(host) => {
                let shared = Arc::downgrade(shared);
                host.sync_registrations_of_then(dispatch.registration, dispatch.kind, move |entries| {
                    let entry = entries.iter().find(|entry| entry.tag == order.dispatch.tag);
                    let registration = entry.map(json::sync_registration);
                    // Without a runtime the order is dropped, and its answer says so.
                    if let Some(shared) = shared.upgrade() {
                        order.carry_out(&shared, registration);
                    }
                });
            }
            None => order.carry_out(shared, None),
        }
    }

    fn terminate(&self, attempt: AttemptId) {
        let shared = self.shared();
        for worker in shared.all_workers() {
            worker.time_out(attempt, shared.config.terminate_grace_ms);
        }
    }

    fn post_web_message(&self, registration: WorkerRegistrationId, worker: WorkerId, json: String) {
        // R221: a worker that is gone, or does not run, gets nothing.
        if let Some(worker) = self.shared().worker(worker).filter(|w| w.registration == registration) {
            worker.post(Task::WebMessage(json));
        }
    }

    fn shutdown(&self) {
        self.shared().shutdown();
    }
}

impl Runtime {
    /// The worker for a dispatch: whichever is active now (R153).
    fn target(&self, dispatch: &Dispatch) -> Option<Arc<Worker>> {
        let worker = self.shared().active_worker(dispatch.registration)?;
        // R61: the engine waits for `activated`; the queue of an activating worker keeps the order in any case.
        matches!(worker.state(), State::Activating | State::Activated).then_some(worker)
    }
}

/// A sync event on its way to its worker.
struct EventOrder {
    dispatch: Dispatch,
    worker: Arc<Worker>,
    done: DispatchDone,
}

impl EventOrder {
    fn carry_out(self, shared: &Arc<Shared>, registration: Option<String>) {
        let EventOrder { dispatch, worker, done } = self;
        let kind = match dispatch.kind {
            SyncKind::BackgroundSync => {
                EventKind::Sync { tag: dispatch.tag, last_chance: dispatch.last_chance, registration }
            }
            SyncKind::PeriodicSync => EventKind::PeriodicSync { tag: dispatch.tag, registration },
        };
        let updating = Arc::downgrade(shared);
        let done = EventDone::new(move |outcome| {
            done.finish(attempt_outcome(outcome));
            // R157: once the event is over, or could not be dispatched.
            if let Some(shared) = updating.upgrade() {
                shared.soft_update(dispatch.registration);
            }
        });
        // The engine keeps the clock of this event and calls `terminate`.
        let attempt = Some(dispatch.attempt);
        worker.dispatch(shared, EventTask { kind, done, attempt, duration_max_ms: None, starts: 0 });
    }
}

fn attempt_outcome(outcome: EventOutcome) -> AttemptOutcome {
    match outcome {
        EventOutcome::Succeeded { handled } => AttemptOutcome::Succeeded { handled },
        EventOutcome::Rejected(text) => failed(FailureReason::Rejected, text),
        EventOutcome::Terminated(text) => failed(FailureReason::Terminated, text),
        EventOutcome::StartFailed(text) => failed(FailureReason::StartFailed, text),
        EventOutcome::ScriptError(text) => failed(FailureReason::ScriptError, text),
    }
}

fn failed(reason: FailureReason, message: String) -> AttemptOutcome {
    AttemptOutcome::Failed { reason, message: (!message.is_empty()).then(|| message.into()) }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}
