//! A real host over a real runtime, and a loopback HTTP server for its scripts.

#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]

pub(crate) mod npm;
mod peer;
mod server;
pub(crate) mod workbox;

pub(crate) use peer::Peer;
pub(crate) use server::{Answer, Request, Server};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use url::Url;
use wakeworker::network::ManualNetwork;
use wakeworker::store::SqliteStore;
use wakeworker::{ClientGuard, Host, Subscription};
use wakeworker_core::{
    ActivityEvent, AttemptOutcome, Config, Connection, FrameType, StorageKey, SyncKind, Tag, WorkerId,
    WorkerRegistrationId,
};
use wakeworker_quickjs::{
    ClientInfo, Clients, EvalOptions, HttpFetcher, LifecycleEvent, MessageSource, PostedMessage,
    PrivateNetwork, RegisterJob, RegisterWorkerError, RegistrationState, Runtime, RuntimeConfig,
    RuntimeStorage, TransferredPort, UpdateViaCache, WorkerState, WorkerType,
};
use wakeworker_structured_clone::{Token, Writer, describe};

/// Nothing that a test waits for takes longer, unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) const DAY_MS: i64 = 86_400_000;

/// A profile with its server. The order of the fields is the order of their end: the host before the runtime.
pub(crate) struct World {
    pub(crate) window: ClientGuard,
    pub(crate) activity: Arc<Log<ActivityEvent>>,
    subscription: Subscription,
    pub(crate) host: Host,
    pub(crate) runtime: Runtime,
    pub(crate) network: ManualNetwork,
    pub(crate) clients: Arc<FakeClients>,
    pub(crate) events: Arc<Log<LifecycleEvent>>,
    pub(crate) console: Arc<Log<String>>,
    pub(crate) server: Arc<Server>,
    pub(crate) dir: Arc<tempfile::TempDir>,
}

impl World {
    pub(crate) fn new(server: Server) -> World {
        World::with(server, RuntimeConfig::default(), Config::default())
    }

    pub(crate) fn with(server: Server, limits: RuntimeConfig, config: Config) -> World {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        World::open(Arc::new(server), dir, limits, config, Connection::Unknown)
    }

    pub(crate) fn open(
        server: Arc<Server>,
        dir: Arc<tempfile::TempDir>,
        limits: RuntimeConfig,
        config: Config,
        connection: Connection,
    ) -> World {
        let clients = Arc::new(FakeClients::default());
        let fetcher = Arc::new(HttpFetcher::new(&limits).unwrap());
        let storage = RuntimeStorage::Dir(dir.path().join("runtime"));
        let runtime = Runtime::open(limits, storage, fetcher, clients.clone()).unwrap();
        let events = Arc::new(Log::default());
        let seen = events.clone();
        runtime.on_lifecycle(move |event| seen.push(event.clone()));
        let console = Arc::new(Log::default());
        let seen = console.clone();
        runtime.on_console(move |line| seen.push(line.text.clone()));
        let network = ManualNetwork::new(connection);
        let profile: PathBuf = dir.path().join("profile");
        let host = Host::builder(Box::new(SqliteStore::new(profile)))
            .backend(Arc::new(runtime.clone()))
            .network(Box::new(network.clone()))
            .config(config)
            .open()
            .unwrap();
        let window = host.open_client(server.key(), FrameType::TopLevel);
        let activity = Arc::new(Log::default());
        let seen = activity.clone();
        let subscription = host.on_activity(move |entry| seen.push(entry.event.clone()));
        World {
            window,
            activity,
            subscription,
            host,
            runtime,
            network,
            clients,
            events,
            console,
            server,
            dir,
        }
    }

    /// The same profile, with its last looks for updates so much longer ago, as if it had been away.
    pub(crate) fn aged(self, by_ms: i64) -> World {
        let (server, dir, connection) = (self.server.clone(), self.dir.clone(), self.network.connection());
        let worker_store = dir.path().join("runtime/workers.sqlite");
        drop(self);
        let store = rusqlite::Connection::open(worker_store).unwrap();
        let aged = "UPDATE worker_registration SET last_update_check_ms = last_update_check_ms - ?1";
        assert_eq!(store.execute(aged, [by_ms]).unwrap(), 1);
        drop(store);
        World::open(server, dir, RuntimeConfig::default(), Config::default(), connection)
    }

    /// Ends the process's part of the profile and opens it again, with the same connection.
    pub(crate) fn reopen(self) -> World {
        self.reopen_with(RuntimeConfig::default())
    }

    pub(crate) fn reopen_with(self, limits: RuntimeConfig) -> World {
        let (server, dir, connection) = (self.server.clone(), self.dir.clone(), self.network.connection());
        drop(self);
        World::open(server, dir, limits, Config::default(), connection)
    }

    pub(crate) fn key(&self) -> StorageKey {
        self.server.key()
    }

    pub(crate) fn register(&self, script: &str) -> Result<RegistrationState, RegisterWorkerError> {
        self.register_scope(script, None)
    }

    pub(crate) fn register_scope(
        &self,
        script: &str,
        scope: Option<&str>,
    ) -> Result<RegistrationState, RegisterWorkerError> {
        self.register_type(script, scope, WorkerType::Classic)
    }

    pub(crate) fn register_type(
        &self,
        script: &str,
        scope: Option<&str>,
        worker_type: WorkerType,
    ) -> Result<RegistrationState, RegisterWorkerError> {
        self.register_job(self.job(script, scope, worker_type))
    }

    pub(crate) fn job(&self, script: &str, scope: Option<&str>, worker_type: WorkerType) -> RegisterJob {
        RegisterJob {
            storage_key: self.key(),
            client_url: self.server.url("/index.html"),
            script_url: script.to_owned(),
            scope: scope.map(str::to_owned),
            update_via_cache: UpdateViaCache::Imports,
            worker_type,
        }
    }

    pub(crate) fn register_job(&self, job: RegisterJob) -> Result<RegistrationState, RegisterWorkerError> {
        let (sender, receiver) = channel();
        self.runtime.register(job, move |result| sender.send(result).unwrap());
        wait(&receiver)
    }

    pub(crate) fn update(&self, id: WorkerRegistrationId) -> Result<RegistrationState, RegisterWorkerError> {
        let (sender, receiver) = channel();
        self.runtime.update(id, move |result| sender.send(result).unwrap());
        wait(&receiver)
    }

    pub(crate) fn unregister(&self, id: WorkerRegistrationId) -> bool {
        let (sender, receiver) = channel();
        self.runtime.unregister(id, move |result| sender.send(result).unwrap());
        wait(&receiver).unwrap()
    }

    /// Registers and waits until a worker is activated; gives the registration and that worker.
    pub(crate) fn activate(&self, script: &str) -> (WorkerRegistrationId, WorkerId) {
        let state = self.register(script).unwrap();
        (state.id, self.activated(state.id, None))
    }

    /// Waits until a worker other than `but` is activated.
    pub(crate) fn activated(&self, id: WorkerRegistrationId, but: Option<WorkerId>) -> WorkerId {
        self.events.wait_for(|event| match event {
            LifecycleEvent::RegistrationChanged(state) if state.id == id => state
                .active
                .as_ref()
                .filter(|worker| worker.state == "activated" && Some(worker.id) != but)
                .map(|worker| worker.id),
            _ => None,
        })
    }

    /// Waits until a worker waits while `active` is the active one.
    pub(crate) fn waiting_beside(&self, id: WorkerRegistrationId, active: WorkerId) {
        self.events.wait_for(|event| match event {
            LifecycleEvent::RegistrationChanged(state) if state.id == id && state.waiting.is_some() => {
                state.active.as_ref().filter(|worker| worker.id == active).map(drop)
            }
            _ => None,
        });
    }

    /// Fires an event as a tool does and waits for its end.
    pub(crate) fn sync(&self, id: WorkerRegistrationId, tag: &str) -> AttemptOutcome {
        self.host.dispatch_event(id, SyncKind::BackgroundSync, Tag::from(tag), false).wait().unwrap()
    }

    /// Sends a message and waits for the console line that it causes.
    pub(crate) fn ask(&self, worker: WorkerId, text: &str) -> String {
        let before = self.console.len();
        self.runtime.post_message(worker, clone_of(text), MessageSource::Host);
        self.console.wait_after(before, |line| Some(line.clone()))
    }
}

/// The lines that a script of a public site prints, under a rule for addresses that are not public.
pub(crate) fn lines_of_public_site(private_network: PrivateNetwork, script: String) -> Vec<String> {
    let mut config = RuntimeConfig::default();
    config.private_network = private_network;
    let options = EvalOptions {
        config,
        timeout: PATIENCE,
        script_url: Url::parse("https://public.example/sw.js").unwrap(),
        ..EvalOptions::default()
    };
    let mut lines = Vec::new();
    Runtime::evaluate(options, vec![("sw.js".to_owned(), script)], |line| lines.push(line.text)).unwrap();
    lines
}

/// A string as the data of a message.
pub(crate) fn clone_of(text: &str) -> String {
    let mut writer = Writer::new(1 << 20);
    writer.write(&Token::String(text.as_bytes())).unwrap();
    STANDARD.encode(writer.finish())
}

/// The data of a message as people read it.
pub(crate) fn shown(data: &str) -> String {
    describe(&STANDARD.decode(data).unwrap(), 4096)
}

pub(crate) fn wait<T>(receiver: &Receiver<T>) -> T {
    receiver.recv_timeout(PATIENCE).expect("an answer in time")
}

/// Things that happened, in order, to wait for.
pub(crate) struct Log<T> {
    entries: Mutex<Vec<T>>,
    changed: Condvar,
}

impl<T> Default for Log<T> {
    fn default() -> Log<T> {
        Log { entries: Mutex::default(), changed: Condvar::new() }
    }
}

impl<T: std::fmt::Debug> Log<T> {
    pub(crate) fn push(&self, entry: T) {
        self.entries.lock().unwrap().push(entry);
        self.changed.notify_all();
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.lock().unwrap().len()
    }

    pub(crate) fn wait_for<R>(&self, wanted: impl Fn(&T) -> Option<R>) -> R {
        self.wait_after(0, wanted)
    }

    /// The first match at or after position `start`, waiting for it if needed.
    pub(crate) fn wait_after<R>(&self, start: usize, wanted: impl Fn(&T) -> Option<R>) -> R {
        let mut entries = self.entries.lock().unwrap();
        let mut looked = start;
        loop {
            while looked < entries.len() {
                if let Some(found) = wanted(&entries[looked]) {
                    return found;
                }
                looked += 1;
            }
            let (guard, timeout) = self.changed.wait_timeout(entries, PATIENCE).unwrap();
            assert!(!timeout.timed_out(), "not seen in time; seen were {:#?}", &*guard);
            entries = guard;
        }
    }
}

impl<T: Clone> Log<T> {
    pub(crate) fn all(&self) -> Vec<T> {
        self.entries.lock().unwrap().clone()
    }
}

/// Pages that a test makes up.
#[derive(Default)]
pub(crate) struct FakeClients {
    pub(crate) pages: Mutex<Vec<ClientInfo>>,
    pub(crate) messages: Log<(String, String)>,
    /// The ports that came with messages.
    pub(crate) ports: Mutex<Vec<TransferredPort>>,
    /// Names and data.
    pub(crate) broadcasts: Log<(String, String)>,
}

impl FakeClients {
    pub(crate) fn open(&self, id: &str, url: &Url, controller: Option<WorkerId>) {
        self.pages.lock().unwrap().push(ClientInfo {
            id: id.to_owned(),
            url: url.to_string(),
            kind: "window".to_owned(),
            frame_type: "top-level".to_owned(),
            visibility_state: "visible".to_owned(),
            focused: false,
            ancestor_origins: Vec::new(),
            controller,
        });
    }

    pub(crate) fn close(&self, id: &str) {
        self.pages.lock().unwrap().retain(|page| page.id != id);
    }

    pub(crate) fn controller(&self, id: &str) -> Option<WorkerId> {
        self.pages.lock().unwrap().iter().find(|page| page.id == id).and_then(|page| page.controller)
    }
}

impl Clients for FakeClients {
    fn match_all(&self, _: &StorageKey) -> Vec<ClientInfo> {
        self.pages.lock().unwrap().clone()
    }

    fn post_message(&self, client_id: &str, message: PostedMessage, _: &WorkerState) {
        self.messages.push((client_id.to_owned(), message.data.clone()));
        self.ports.lock().unwrap().extend(message.ports);
    }

    fn broadcast(&self, _: &StorageKey, name: &str, data: &str) {
        self.broadcasts.push((name.to_owned(), data.to_owned()));
    }

    fn set_controller(&self, client_id: &str, _: &RegistrationState, worker: &WorkerState) {
        for page in self.pages.lock().unwrap().iter_mut().filter(|page| page.id == client_id) {
            page.controller = Some(worker.id);
        }
    }

    fn open_window(&self, _: &StorageKey, url: &Url) -> Result<Option<ClientInfo>, String> {
        self.open("opened", url, None);
        Ok(self.pages.lock().unwrap().last().cloned())
    }
}
