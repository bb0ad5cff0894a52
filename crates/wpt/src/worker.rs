//! One test in one service worker of a profile of its own.

use crate::harness::Harness;
use crate::manifest::Test;
use crate::report::{FileStatus, TestResult};
use crate::{WptError, clock};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use url::Url;
use wakeworker::Host;
use wakeworker::store::MemoryStore;
use wakeworker_core::{FrameType, StorageKey, WorkerId};
use wakeworker_quickjs::{
    ClientInfo, Clients, ConsoleLevel, Fetcher, LifecycleEvent, MessageSource, PostedMessage, RegisterJob,
    RegistrationState, Runtime, RuntimeConfig, RuntimeStorage, UpdateViaCache, WorkerState,
};

/// Where tests come from, and how long they may take.
pub(crate) struct Surroundings {
    pub(crate) fetcher: Arc<dyn Fetcher>,
    pub(crate) config: RuntimeConfig,
    pub(crate) timeout: Duration,
    pub(crate) long_timeout: Duration,
}

/// What happens while a test runs.
enum Event {
    Registered(Result<RegistrationState, String>),
    Message(String),
    Stopped(WorkerId),
}

/// How many of the last lines of the console a crash is explained by.
const LINES_MAX: usize = 4;

impl Surroundings {
    pub(crate) fn timeout_of(&self, test: &Test) -> Duration {
        if test.is_long { self.long_timeout } else { self.timeout }
    }
}

/// The limits of the workers, wide enough for tests that do much at one time.
pub(crate) fn config(certificate: &[u8], timeout: Duration) -> RuntimeConfig {
    let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    let mut config = RuntimeConfig::default();
    config.memory_bytes_max = 256 * 1024 * 1024;
    config.task_cpu_ms_max = timeout_ms;
    config.unresponsive_ms_max = timeout_ms.saturating_add(5_000);
    config.idle_stop_ms = timeout_ms.saturating_add(5_000);
    config.start_duration_max_ms = timeout_ms;
    config.extra_root_certificates = vec![certificate.to_vec()];
    config
}

/// Runs a test and waits for its end or its time-out.
pub(crate) fn run(test: &Test, origin: &str, surroundings: &Surroundings) -> Result<TestResult, WptError> {
    let begin = clock::now();
    let deadline = begin + surroundings.timeout_of(test);
    let mut stage = Stage::set(test, origin, surroundings)?;
    let (status, message) = stage.play(deadline);
    let subtests = std::mem::take(&mut stage.harness).subtests();
    let duration = u64::try_from((clock::now() - begin).as_millis()).unwrap_or(u64::MAX);
    Ok(TestResult { test: test.id.clone(), status, message, duration, subtests, expected: None })
}

/// A profile in memory with one page. The order of the fields is the order of their end: the host before the runtime.
struct Stage {
    _window: wakeworker::ClientGuard,
    _host: Host,
    runtime: Runtime,
    page: ClientInfo,
    events: Receiver<Event>,
    console: Arc<Mutex<Vec<String>>>,
    harness: Harness,
    limit: Duration,
}

impl Stage {
    fn set(test: &Test, origin: &str, surroundings: &Surroundings) -> Result<Stage, WptError> {
        let failed = |text: String| WptError::Server(format!("a profile in memory cannot be opened: {text}"));
        let (sender, events) = channel();
        let page = page(&format!("{origin}{}", test.id));
        let clients = Page { info: page.clone(), sender: Mutex::new(sender.clone()) };
        let runtime = Runtime::open(
            surroundings.config.clone(),
            RuntimeStorage::Memory,
            surroundings.fetcher.clone(),
            Arc::new(clients),
        )
        .map_err(|error| failed(error.to_string()))?;
        let console = Arc::new(Mutex::new(Vec::new()));
        let lines = console.clone();
        runtime.on_console(move |line| {
            if matches!(line.level, ConsoleLevel::Warn | ConsoleLevel::Error) {
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                if lines.len() == LINES_MAX {
                    lines.remove(0);
                }
                lines.push(line.text.clone());
            }
        });
        let stops = Mutex::new(sender.clone());
        runtime.on_lifecycle(move |event| {
            if let LifecycleEvent::WorkerStopped { worker, .. } = event {
                let _ = stops.lock().unwrap_or_else(PoisonError::into_inner).send(Event::Stopped(*worker));
            }
        });
        let host = Host::builder(Box::new(MemoryStore::new()))
            .backend(Arc::new(runtime.clone()))
            .open()
            .map_err(|error| failed(error.to_string()))?;
        let key = StorageKey::first_party(origin);
        let window = host.open_client(key.clone(), FrameType::TopLevel);
        let job = RegisterJob {
            storage_key: key,
            client_url: Url::parse(&page.url).map_err(|error| failed(error.to_string()))?,
            script_url: test.script.clone(),
            // As in browsers: the page that listens is not controlled.
            scope: Some("does/not/exist".to_owned()),
            update_via_cache: UpdateViaCache::Imports,
            worker_type: test.worker_type,
        };
        runtime.register(job, move |result| {
            let _ = sender.send(Event::Registered(result.map_err(|error| error.to_string())));
        });
        Ok(Stage {
            _window: window,
            _host: host,
            runtime,
            page,
            events,
            console,
            harness: Harness::default(),
            limit: surroundings.timeout_of(test),
        })
    }

    /// Connects to the harness and listens until it is done.
    fn play(&mut self, deadline: Instant) -> (FileStatus, Option<String>) {
        let mut worker = None;
        loop {
            let left = deadline.saturating_duration_since(clock::now());
            let Ok(event) = self.events.recv_timeout(left) else {
                let problem = format!("it was not done within {} s", self.limit.as_secs_f64());
                return (FileStatus::Timeout, Some(problem));
            };
            match event {
                Event::Registered(Err(problem)) => return (FileStatus::Error, Some(problem)),
                Event::Registered(Ok(state)) => {
                    let Some(installing) = state.installing else {
                        return (FileStatus::Error, Some("the worker was there before".to_owned()));
                    };
                    worker = Some(installing.id);
                    match Harness::connect() {
                        Ok(data) => {
                            let source = MessageSource::Client(self.page.clone());
                            self.runtime.post_message(installing.id, data, source);
                        }
                        Err(error) => return (FileStatus::Error, Some(error.to_string())),
                    }
                }
                Event::Message(data) => {
                    if self.harness.hear(&data)
                        && let Some(end) = self.harness.end()
                    {
                        return end;
                    }
                }
                // One that stops before its page knows it is told by its registration, which fails.
                Event::Stopped(stopped) if worker == Some(stopped) => {
                    return (FileStatus::Crash, Some(self.last_words()));
                }
                Event::Stopped(_) => {}
            }
        }
    }

    fn last_words(&self) -> String {
        let lines = self.console.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.is_empty() { "the worker was stopped".to_owned() } else { lines.join("\n") }
    }
}

/// The page that listens to the harness.
struct Page {
    info: ClientInfo,
    sender: Mutex<Sender<Event>>,
}

impl Clients for Page {
    fn match_all(&self, _: &StorageKey) -> Vec<ClientInfo> {
        vec![self.info.clone()]
    }

    fn post_message(&self, client_id: &str, message: PostedMessage, _: &WorkerState) {
        if client_id == self.info.id {
            let PostedMessage { data, .. } = message;
            // Nobody listens any more after the end.
            let _ = self.sender.lock().unwrap_or_else(PoisonError::into_inner).send(Event::Message(data));
        }
    }

    fn set_controller(&self, _: &str, _: &RegistrationState, _: &WorkerState) {}

    fn open_window(&self, _: &StorageKey, _: &Url) -> Result<Option<ClientInfo>, String> {
        Err("tests run without windows".to_owned())
    }
}

fn page(url: &str) -> ClientInfo {
    ClientInfo {
        id: uuid::Uuid::new_v4().to_string(),
        url: url.to_owned(),
        kind: "window".to_owned(),
        frame_type: "top-level".to_owned(),
        visibility_state: "visible".to_owned(),
        focused: true,
        ancestor_origins: Vec::new(),
        controller: None,
    }
}
