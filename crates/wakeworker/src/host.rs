//! The host: one profile, its engine thread, and the handles through which everybody talks to it.

use crate::clock::{Clock, SystemClock};
use crate::connection::ConnectionCell;
use crate::driver::{Driver, Observed};
use crate::error::{OpenError, QueryError};
use crate::message::{Answer, Message};
use crate::network::{NetworkMonitor, OnChange};
use crate::observer::Subscription;
use crate::pending::Pending;
use crate::store::{ActivityQuery, RecordedActivity, SkippedRecord, Store};
use crate::worker::WorkerBackend;
use crate::{ServiceWorkerManager, SyncManager};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use wakeworker_core::{
    ActiveWorker, Activity, AttemptId, AttemptOutcome, ClientId, Config, Connection, Engine, FrameType,
    Input, Now, PermissionName, PermissionState, RegisterError, RequestId, Resolution, StorageKey, SyncKind,
    SyncRegistered, SyncStatus, Tag, WorkerRegistration, WorkerRegistrationId,
};

/// A running engine. Dropping it stops the workers and gives the profile back; what is stored goes on at the next
/// start. Everything that can be asked of it is asked through [`HostHandle`], which it dereferences to.
pub struct Host {
    handle: HostHandle,
    network: Option<Box<dyn NetworkMonitor>>,
    thread: Option<JoinHandle<()>>,
    skipped: Vec<SkippedRecord>,
}

/// What a [`Host`] is made of.
pub struct HostBuilder {
    store: Box<dyn Store>,
    backend: Option<Arc<dyn WorkerBackend>>,
    network: Option<Box<dyn NetworkMonitor>>,
    config: Config,
    clock: Arc<dyn Clock>,
}

/// A cheap, cloneable way to talk to a [`Host`] from any thread.
#[derive(Clone)]
pub struct HostHandle {
    shared: Arc<Shared>,
}

struct Shared {
    sender: Sender<Message>,
    next_request: AtomicU64,
    next_client: AtomicU64,
    observed: Observed,
}

/// A client that exists as long as this value (R18).
#[derive(Debug)]
#[must_use = "dropping the guard closes the client"]
pub struct ClientGuard {
    host: HostHandle,
    id: ClientId,
}

impl Host {
    /// Starts describing a host over `store`.
    pub fn builder(store: Box<dyn Store>) -> HostBuilder {
        HostBuilder {
            store,
            backend: None,
            network: None,
            config: Config::default(),
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// A handle that may outlive this value; it then answers everything with "shutting down".
    pub fn handle(&self) -> HostHandle {
        self.handle.clone()
    }

    /// Records of the profile that could not be read at the start and were left as they are (R170).
    pub fn skipped_records(&self) -> &[SkippedRecord] {
        &self.skipped
    }
}

impl HostBuilder {
    /// What runs the service workers. Without one, every event fails as abandoned.
    pub fn backend(mut self, backend: Arc<dyn WorkerBackend>) -> HostBuilder {
        self.backend = Some(backend);
        self
    }

    /// Where connectivity comes from. Default: always online.
    pub fn network(mut self, network: Box<dyn NetworkMonitor>) -> HostBuilder {
        self.network = Some(network);
        self
    }

    /// Limits and policies.
    pub fn config(mut self, config: Config) -> HostBuilder {
        self.config = config;
        self
    }

    /// Another source of time.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> HostBuilder {
        self.clock = clock;
        self
    }

    /// Takes the profile, restores its engine and starts it. Entries that may fire do so at once (R168).
    pub fn open(mut self) -> Result<Host, OpenError> {
        let connections = self.take_connections();
        let (driver, handle, cell) = self.build()?;
        let skipped = driver.skipped_records().to_vec();
        let thread = std::thread::Builder::new()
            .name("wakeworker-engine".into())
            .spawn(move || driver.run())
            .map_err(OpenError::Thread)?;
        let network = connections.connect(&handle, &cell);
        Ok(Host { handle, network: Some(network), thread: Some(thread), skipped })
    }

    /// The same without a thread: the caller runs [`Driver::turn`] whenever something was sent or is due. The network
    /// monitor must be kept as long as the driver runs.
    pub fn driver(mut self) -> Result<(Driver, HostHandle, Box<dyn NetworkMonitor>), OpenError> {
        let connections = self.take_connections();
        let (driver, handle, cell) = self.build()?;
        let network = connections.connect(&handle, &cell);
        Ok((driver, handle, network))
    }

    fn take_connections(&mut self) -> Connections {
        let backend = self.backend.get_or_insert_with(|| Arc::new(NoBackend));
        let network = self.network.take().unwrap_or_else(|| Box::new(AlwaysOnline));
        Connections { backend: Arc::clone(backend), network }
    }

    fn build(self) -> Result<(Driver, HostHandle, ConnectionCell), OpenError> {
        let (sender, receiver) = channel();
        let observed = Observed::default();
        let shared = Shared {
            sender,
            next_request: AtomicU64::new(1),
            next_client: AtomicU64::new(1),
            observed: observed.clone(),
        };
        let handle = HostHandle { shared: Arc::new(shared) };
        let backend = self.backend.unwrap_or_else(|| Arc::new(NoBackend));
        let cell = ConnectionCell::default();
        let driver = Driver::open(
            self.config,
            self.store,
            backend,
            cell.clone(),
            handle.clone(),
            observed,
            receiver,
            self.clock,
        )?;
        Ok((driver, handle, cell))
    }
}

/// What is told of the host once its engine exists.
struct Connections {
    backend: Arc<dyn WorkerBackend>,
    network: Box<dyn NetworkMonitor>,
}

impl Connections {
    fn connect(self, handle: &HostHandle, cell: &ConnectionCell) -> Box<dyn NetworkMonitor> {
        self.backend.attach(handle.clone());
        let mut network = self.network;
        let (told, changed) = (handle.clone(), cell.clone());
        network.start(Box::new(move |connection| {
            changed.set(connection);
            told.input(Input::NetworkChanged { connection, network: None }); // R55, R56
        }));
        network
    }
}

impl HostHandle {
    /// All worker registrations of the profile, WebView2-shaped.
    #[doc(alias = "ServiceWorkerManager")]
    pub fn service_worker_manager(&self) -> ServiceWorkerManager {
        ServiceWorkerManager::new(self.clone())
    }

    /// `registration.sync` of a worker registration.
    pub fn sync_manager(&self, registration: WorkerRegistrationId) -> SyncManager {
        SyncManager::new(self.clone(), registration)
    }

    /// Opens a client; it exists until the guard is dropped.
    pub fn open_client(&self, storage_key: StorageKey, frame_type: FrameType) -> ClientGuard {
        let id = ClientId(self.shared.next_client.fetch_add(1, Ordering::Relaxed));
        self.input(Input::ClientOpened { client: id, storage_key, frame_type });
        ClientGuard { host: self.clone(), id }
    }

    /// States a permission of an origin (R17, R137).
    pub fn set_permission(&self, storage_key: StorageKey, name: PermissionName, state: PermissionState) {
        self.input(Input::PermissionChanged { storage_key, name, state });
    }

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

    /// Fires an event at the active worker, with or without a registration of this tag, leaving entries untouched
    /// (R240). Complete when the event has ended.
    pub fn dispatch_event(
        &self,
        registration: WorkerRegistrationId,
        kind: SyncKind,
        tag: Tag,
        last_chance: bool,
    ) -> Pending<Result<AttemptOutcome, RegisterError>> {
        self.pending(|done| {
            let input = |request| Input::DispatchEvent { request, registration, kind, tag, last_chance };
            self.ask(input, move |answer| {
                done(answer.and_then(|resolution| match resolution {
                    Resolution::Outcome(outcome) => Ok(outcome),
                    _ => Err(RegisterError::NoRegistration),
                }));
            });
        })
    }

    /// Every worker registration of the profile, as stored.
    pub fn worker_registrations(&self) -> Pending<Result<Vec<WorkerRegistration>, QueryError>> {
        self.query(|engine, _, _| Ok(engine.worker_registrations().cloned().collect()))
    }

    /// Every sync registration with its state and the reasons why it is not firing (R243).
    pub fn sync_registrations(&self) -> Pending<Result<Vec<SyncStatus>, QueryError>> {
        self.query(|engine, _, now| Ok(engine.sync_statuses(now).collect()))
    }

    /// When the engine will act next if nothing happens, and why.
    pub fn next_wakeup(&self) -> Pending<Result<Option<wakeworker_core::Wakeup>, QueryError>> {
        self.query(|engine, _, now| Ok(engine.next_wakeup(now)))
    }

    /// Reads the activity log (R239).
    pub fn activities(&self, query: ActivityQuery) -> Pending<Result<Vec<RecordedActivity>, QueryError>> {
        self.query(move |_, store, _| store.activities(&query).map_err(QueryError::Store))
    }

    /// Calls `observer` on the engine thread for everything that happens (R238).
    pub fn on_activity(&self, observer: impl Fn(&Activity) + Send + Sync + 'static) -> Subscription {
        self.shared.observed.activity.subscribe(observer)
    }

    /// Calls `observer` on the engine thread for every sync registration that a script makes or changes (R187).
    pub fn on_sync_registered(
        &self,
        observer: impl Fn(&SyncRegistered) + Send + Sync + 'static,
    ) -> Subscription {
        self.shared.observed.registered.subscribe(observer)
    }

    /// Calls `observer` with true when the first event starts and with false when the last has ended (R178).
    pub fn on_keep_awake(&self, observer: impl Fn(&bool) + Send + Sync + 'static) -> Subscription {
        self.shared.observed.keep_awake.subscribe(observer)
    }

    pub(crate) fn attempt_ended(&self, attempt: AttemptId, outcome: AttemptOutcome) {
        self.input(Input::AttemptEnded { attempt, outcome });
    }

    /// Asks the engine; the callback runs on the engine thread.
    pub(crate) fn ask(
        &self,
        input: impl FnOnce(RequestId) -> Input,
        answer: impl FnOnce(Result<Resolution, RegisterError>) + Send + 'static,
    ) {
        let request = RequestId(self.shared.next_request.fetch_add(1, Ordering::Relaxed));
        self.send(Message::Ask { request, input: input(request), answer: Answer::new(answer) });
    }

    /// Turns a callback-taking operation into a [`Pending`].
    pub(crate) fn pending<T: Send + 'static>(
        &self,
        start: impl FnOnce(Box<dyn FnOnce(Result<T, RegisterError>) + Send>),
    ) -> Pending<Result<T, RegisterError>> {
        let (promise, pending) = Pending::pair(|| Err(RegisterError::ShuttingDown));
        start(Box::new(|result| promise.complete(result)));
        pending
    }

    pub(crate) fn query<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Engine, &mut dyn Store, Now) -> Result<T, QueryError> + Send + 'static,
    ) -> Pending<Result<T, QueryError>> {
        let (promise, pending) = Pending::pair(|| Err(QueryError::ShuttingDown));
        self.send(Message::Query(Box::new(move |engine, store, now| {
            promise.complete(read(engine, store, now))
        })));
        pending
    }

    fn input(&self, input: Input) {
        self.send(Message::Input(input));
    }

    /// A message that nobody receives any more is dropped, and its answer says so.
    pub(crate) fn send(&self, message: Message) {
        drop(self.shared.sender.send(message));
    }
}

impl ClientGuard {
    /// The client's identity.
    pub fn id(&self) -> ClientId {
        self.id
    }
}

impl Drop for ClientGuard {
    fn drop(&mut self) {
        self.host.input(Input::ClientClosed { client: self.id });
    }
}

impl Deref for Host {
    type Target = HostHandle;

    fn deref(&self) -> &HostHandle {
        &self.handle
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.network = None;
        self.handle.send(Message::Shutdown);
        if let Some(thread) = self.thread.take() {
            // A panic on the engine thread has been printed there; the store is as after a crash.
            drop(thread.join());
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl fmt::Debug for HostHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostHandle").finish_non_exhaustive()
    }
}

impl fmt::Debug for HostBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Stands in where a host watches no network: a connection of unknown kind that never changes (R53).
struct AlwaysOnline;

impl NetworkMonitor for AlwaysOnline {
    fn start(&mut self, on_change: OnChange) {
        on_change(Connection::Unknown);
    }
}

/// Stands in where a host has no backend: every event is answered as abandoned.
struct NoBackend;

impl WorkerBackend for NoBackend {
    fn attach(&self, _host: HostHandle) {}
    fn dispatch(&self, _dispatch: &wakeworker_core::Dispatch, _done: crate::worker::DispatchDone) {}
    fn terminate(&self, _attempt: AttemptId) {}
}
