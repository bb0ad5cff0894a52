//! Real workers in virtual time: the embedded runtime, its network and its clients, as the simulation plays them.

mod clients;
mod files;
mod network;

pub(crate) use clients::SimulatedClients;
pub(crate) use files::read_file;
pub(crate) use network::head;

use super::draw::Draw;
use super::scenario::{App, Scenario};
use crate::failure::{Failure, with_causes};
use bytes::Bytes;
use network::{Scripts, SimulatedNetwork};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use url::Url;
use wakeworker::core::StorageKey;
use wakeworker::{Clock, Driver};
use wakeworker_quickjs::{
    ConsoleLine, FetchEventRequest, FetchEventResult, FetchRequest, RegisterJob, RegisterWorkerError,
    RegistrationState, ResponseSink, Runtime, RuntimeConfig, RuntimeStorage, UpdateViaCache, VirtualTime,
    WorkerType,
};

/// The runtime of a host, and what it has to tell the simulation.
pub(crate) struct ScriptHost {
    pub(crate) runtime: Runtime,
    time: VirtualTime,
    mail: Mailbox,
    pub(crate) clients: Arc<SimulatedClients>,
    pub(crate) scripts: Arc<Scripts>,
}

/// What comes from the runtime's threads, in order.
pub(crate) enum Mail {
    /// A worker, or the runtime for it, wants something from a server.
    Fetch(FetchRequest, Bytes, Responder),
    /// A worker's word on a page's request.
    PageAnswer { request: u64, result: FetchEventResult },
    /// `navigator.serviceWorker.register()` of a page is settled.
    Registered { app: usize, result: Result<RegistrationState, RegisterWorkerError> },
    /// A console line.
    Console(ConsoleLine),
}

/// Where an answer goes, if it is still wanted.
pub(crate) struct Responder {
    pub(crate) sink: ResponseSink,
    aborted: Arc<AtomicBool>,
}

impl Responder {
    /// Whether nobody waits any more.
    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire) || self.sink.is_aborted()
    }
}

/// A queue from the runtime's threads to the simulation's.
#[derive(Clone, Default)]
struct Mailbox(Arc<Mutex<Vec<Mail>>>);

impl Mailbox {
    fn put(&self, mail: Mail) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
    }

    fn take(&self) -> Vec<Mail> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How long the workers are waited for before the driver, which they may wait for, gets its next turn.
const PATIENCE: Duration = Duration::from_millis(1);

/// Turns of the driver during one settling; a worker that computes all the time is stopped long before.
const TURNS_MAX: u32 = 1_000_000;

impl ScriptHost {
    /// A runtime for the apps that have workers; none if there are none.
    pub(crate) fn open(
        scenario: &Scenario,
        clock: Arc<dyn Clock>,
        storage: &RuntimeStorage,
        draw: Draw,
    ) -> Result<Option<ScriptHost>, Failure> {
        if scenario.apps.iter().all(|app| app.worker.is_none()) {
            return Ok(None);
        }
        let time = VirtualTime::new(clock, draw.named("runtime").bits());
        let mut config = RuntimeConfig::default();
        config.virtual_time = Some(time.clone());
        let mail = Mailbox::default();
        let clients = Arc::new(SimulatedClients::default());
        let scripts = Arc::new(Scripts::of(scenario));
        let network = SimulatedNetwork { mail: mail.clone(), scripts: Arc::clone(&scripts) };
        let runtime = Runtime::open(config, storage.clone(), Arc::new(network), clients.clone())
            .map_err(|e| Failure::new(format!("the workers cannot be run: {}", with_causes(&e))))?;
        let console = mail.clone();
        runtime.on_console(move |line| console.put(Mail::Console(line.clone())));
        Ok(Some(ScriptHost { runtime, time, mail, clients, scripts }))
    }

    /// Lets workers and driver do all that they can do without time passing.
    pub(crate) fn settle(&self, driver: &mut Driver) -> Result<(), Failure> {
        let mut before = None;
        for _ in 0..TURNS_MAX {
            driver.turn();
            let settled = self.time.settle(PATIENCE);
            if settled.is_some() && settled == before && !driver.has_messages() {
                return Ok(());
            }
            before = settled;
        }
        Err(Failure::new(
            "the workers do not come to rest; one of them is stuck in a function of the runtime",
        ))
    }

    /// What the runtime told since the last call.
    pub(crate) fn take_mail(&self) -> Vec<Mail> {
        self.mail.take()
    }

    /// A page registers its worker, as its script does whenever it is loaded.
    pub(crate) fn register(&self, index: usize, app: &App, script: &str) {
        let Ok(client_url) = Url::parse(&app.origin) else { return };
        let job = RegisterJob {
            storage_key: StorageKey::first_party(&app.origin),
            client_url,
            script_url: script.to_owned(),
            scope: None,
            update_via_cache: UpdateViaCache::Imports,
            worker_type: WorkerType::Classic,
        };
        let mail = self.mail.clone();
        self.runtime.register(job, move |result| mail.put(Mail::Registered { app: index, result }));
    }

    /// A page's request. It goes through the worker that controls the page; false if none does.
    pub(crate) fn request(&self, app: &App, client: &str, number: u64, request: FetchEventRequest) -> bool {
        if !self.clients.is_controlled(client) {
            return false;
        }
        let key = StorageKey::first_party(&app.origin);
        let registration =
            Url::parse(&request.url).ok().and_then(|url| self.runtime.match_registration(&key, &url));
        let Some(registration) = registration else { return false };
        let mail = self.mail.clone();
        self.runtime.fetch_event(registration.id, request, move |result| {
            mail.put(Mail::PageAnswer { request: number, result });
        });
        true
    }
}
