//! The handle through which everybody talks to a host, from any thread.

mod control;
mod observation;
mod policy;
mod registrations;
mod scripts;

pub use policy::EmulatedOffline;

use crate::driver::Observed;
use crate::error::QueryError;
use crate::message::{Answer, Message, View};
use crate::pending::Pending;
use crate::service_worker::WorkerTable;
use crate::store::Store;
use crate::web_message::WebMessages;
use crate::{PeriodicSyncManager, ServiceWorkerManager, SyncManager, SyncRegistrationManager};
use policy::PowerFacts;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use wakeworker_core::{
    AttemptId, AttemptOutcome, ClientId, Engine, FrameType, Input, Now, RegisterError, RequestId, Resolution,
    StorageKey, WorkerRegistrationId,
};

/// A cheap, cloneable way to talk to a [`Host`](crate::Host) from any thread. It stands for one profile.
#[doc(alias = "CoreWebView2Profile")]
#[derive(Clone)]
pub struct HostHandle {
    shared: Arc<Shared>,
}

struct Shared {
    sender: Sender<Message>,
    next_request: AtomicU64,
    next_client: AtomicU64,
    observed: Observed,
    workers: WorkerTable,
    web_messages: WebMessages,
    power: Mutex<PowerFacts>,
    recording: AtomicBool,
}

/// A client that exists as long as this value (R18).
#[derive(Debug)]
#[must_use = "dropping the guard closes the client"]
pub struct ClientGuard {
    host: HostHandle,
    id: ClientId,
}

impl HostHandle {
    pub(crate) fn new(sender: Sender<Message>, observed: Observed) -> HostHandle {
        let shared = Shared {
            sender,
            next_request: AtomicU64::new(1),
            next_client: AtomicU64::new(1),
            observed,
            workers: WorkerTable::default(),
            web_messages: WebMessages::default(),
            power: Mutex::default(),
            recording: AtomicBool::new(true),
        };
        HostHandle { shared: Arc::new(shared) }
    }

    /// All worker registrations of the profile, WebView2-shaped.
    #[doc(alias = "ServiceWorkerManager")]
    pub fn service_worker_manager(&self) -> ServiceWorkerManager {
        ServiceWorkerManager::new(self.clone())
    }

    /// `registration.sync` of a worker registration.
    pub fn sync_manager(&self, registration: WorkerRegistrationId) -> SyncManager {
        SyncManager::new(self.clone(), registration)
    }

    /// `registration.periodicSync` of a worker registration.
    pub fn periodic_sync_manager(&self, registration: WorkerRegistrationId) -> PeriodicSyncManager {
        PeriodicSyncManager::new(self.clone(), registration)
    }

    /// WebView2's view of the sync registrations of a worker registration.
    pub fn sync_registration_manager(&self, registration: WorkerRegistrationId) -> SyncRegistrationManager {
        SyncRegistrationManager::new(self.clone(), registration)
    }

    /// Opens a client; it exists until the guard is dropped. The host states which clients exist: no page is needed (R251).
    pub fn open_client(&self, storage_key: StorageKey, frame_type: FrameType) -> ClientGuard {
        let id = ClientId(self.shared.next_client.fetch_add(1, Ordering::Relaxed));
        self.input(Input::ClientOpened { client: id, storage_key, frame_type });
        ClientGuard { host: self.clone(), id }
    }

    /// The worker registrations as last committed.
    pub(crate) fn workers(&self) -> &WorkerTable {
        &self.shared.workers
    }

    pub(crate) fn web_messages(&self) -> &WebMessages {
        &self.shared.web_messages
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
        self.look(|View { engine, store, now, .. }| read(engine, store, now))
    }

    /// Looks at everything, on the engine thread.
    pub(crate) fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(View<'_>) -> Result<T, QueryError> + Send + 'static,
    ) -> Pending<Result<T, QueryError>> {
        let (promise, pending) = Pending::pair(|| Err(QueryError::ShuttingDown));
        self.send(Message::Query(Box::new(move |view| promise.complete(look(view)))));
        pending
    }

    pub(crate) fn input(&self, input: Input) {
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

impl fmt::Debug for HostHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostHandle").finish_non_exhaustive()
    }
}
