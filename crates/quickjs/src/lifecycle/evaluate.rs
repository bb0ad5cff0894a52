//! Evaluation of script files in one fresh service-worker global scope, for people and conformance suites.

use super::{NavigationPreload, Registration};
use crate::agent::{EventDone, EventKind, EventOutcome, EventTask, StartError, State, Worker, lock};
use crate::script::Script;
use crate::shared::{Probe, Shared};
use crate::{
    ConsoleLine, Fetcher, HttpFetcher, NoClients, OpenError, Runtime, RuntimeConfig, RuntimeStorage,
};
use crate::{WorkerType, clock};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use url::Url;
use wakeworker::store::MemoryStore;
use wakeworker::{ClientGuard, Host};
use wakeworker_core::{
    Config, FrameType, PermissionName, PermissionState, StorageKey, SyncKind, SyncState, WorkerRegistrationId,
};

/// How an evaluation ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EvalOutcome {
    /// Uncaught exceptions and unhandled rejections, a script that failed, or a failed `install`.
    pub errors: Vec<String>,
    /// True if the time was up before the worker had nothing left to do.
    pub timed_out: bool,
}

/// How scripts are evaluated.
#[derive(Clone)]
pub struct EvalOptions {
    /// Limits of the worker. Default: those of every worker.
    pub config: RuntimeConfig,
    /// The time after which the evaluation is given up. Default: 60 s.
    pub timeout: Duration,
    /// The worker's script URL; its scope is the directory. Default: `https://eval.localhost/sw.js`.
    pub script_url: Url,
    /// What carries its requests; `None` for the network. Default: `None`.
    pub fetcher: Option<Arc<dyn Fetcher>>,
    /// Permissions that the origin is granted beside those that every origin has. Default: none (R137).
    pub granted: Vec<PermissionName>,
}

impl Default for EvalOptions {
    fn default() -> EvalOptions {
        EvalOptions {
            config: RuntimeConfig::default(),
            timeout: Duration::from_secs(60),
            script_url: Url::parse("https://eval.localhost/sw.js")
                .unwrap_or_else(|_| unreachable!("a valid URL")),
            fetcher: None,
            granted: Vec::new(),
        }
    }
}

impl std::fmt::Debug for EvalOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EvalOptions")
            .field("timeout", &self.timeout)
            .field("script_url", &self.script_url.as_str())
            .finish_non_exhaustive()
    }
}

enum Message {
    Line(ConsoleLine),
    Exception(String),
    Started(Result<(), StartError>),
    Ended(EventOutcome),
    /// Nothing was left to do after so many tasks.
    Quiet(u64),
}

impl Runtime {
    /// Evaluates classic scripts in order in one fresh service-worker global scope on in-memory storage, dispatches
    /// `install` and `activate`, and goes on until the worker has nothing left to do or the time is up. The scope has
    /// a host of its own: `registration.sync` works, and its events come. Console lines are given as they appear.
    pub fn evaluate(
        options: EvalOptions,
        scripts: Vec<(String, String)>,
        mut console: impl FnMut(ConsoleLine),
    ) -> Result<EvalOutcome, OpenError> {
        let config = options.config;
        let fetcher = match options.fetcher {
            Some(fetcher) => fetcher,
            None => Arc::new(HttpFetcher::new(&config)?),
        };
        let extensions = config.script_extensions;
        let engine = Config {
            explainer_options_enabled: extensions.explainer_options,
            script_unregister_one_shot: extensions.explainer_options || extensions.sync_unregister,
            ..Config::default()
        };
        // Scripts that go on outside of events, for instance with timers, are no idle worker here: what they have left to
        // do is awaited.
        let idle_stop_ms =
            u64::try_from(options.timeout.as_millis()).unwrap_or(u64::MAX >> 1).max(config.idle_stop_ms);
        let config = RuntimeConfig { idle_stop_ms, ..config };
        let shared = Shared::open(config, &RuntimeStorage::Memory, fetcher, Arc::new(NoClients))?;
        let runtime = Runtime::from_shared(shared.clone());
        let (sender, receiver) = channel();
        let lines = sender.clone();
        shared.on_console(Box::new(move |line| {
            let _ = lines.send(Message::Line(line.clone()));
        }));
        let _ = shared.probe.set(Box::new(ChannelProbe(sender.clone())));
        let host = Host::builder(Box::new(MemoryStore::new()))
            .backend(Arc::new(runtime))
            .config(engine)
            .open()
            .map_err(|error| OpenError::Inaccessible { path: "memory".into(), message: error.to_string() })?;
        let key = StorageKey::first_party(&options.script_url.origin().ascii_serialization());
        for name in options.granted {
            host.set_permission(key.clone(), name, PermissionState::Granted);
        }
        shared.reconciled.wait();
        let (worker, _window) = match place_worker(&shared, &host, &options.script_url, scripts) {
            Ok(placed) => placed,
            Err(message) => return Ok(EvalOutcome { errors: vec![message], timed_out: false }),
        };
        let deadline = clock::now() + options.timeout;
        let mut run =
            Evaluation { receiver, deadline, outcome: EvalOutcome::default(), console: &mut console };
        run.drive(&shared, &host, &worker, &sender);
        let mut outcome = run.outcome;
        drop(host);
        drop(sender);
        // The end of the worker may have printed its last lines.
        for message in run.receiver.try_iter() {
            match message {
                Message::Line(line) => console(line),
                Message::Exception(text) => outcome.errors.push(text),
                _ => {}
            }
        }
        Ok(outcome)
    }
}

struct ChannelProbe(Sender<Message>);

impl Probe for ChannelProbe {
    fn exception(&self, text: &str) {
        let _ = self.0.send(Message::Exception(text.to_owned()));
    }

    fn quiet(&self, tasks: u64) {
        let _ = self.0.send(Message::Quiet(tasks));
    }
}

/// Makes the registration and its one worker, which has all the scripts as its main script, and opens a window, so
/// that the worker may register syncs (R18).
fn place_worker(
    shared: &Arc<Shared>,
    host: &Host,
    script_url: &Url,
    scripts: Vec<(String, String)>,
) -> Result<(Arc<Worker>, ClientGuard), String> {
    let key = StorageKey::first_party(&script_url.origin().ascii_serialization());
    let scope = script_url
        .join("./")
        .map_err(|error| format!("`{script_url}` has no directory: {error}"))?
        .to_string();
    let script_url = script_url.to_string();
    let id: WorkerRegistrationId = host
        .add_worker_registration(key.clone(), scope.clone(), script_url.clone())
        .wait()
        .map_err(|error| error.to_string())?;
    let worker_id = shared.store.draw_worker_id().map_err(|failure| failure.message)?;
    let main = scripts.into_iter().map(|(name, source)| Arc::new(Script::new(name, source))).collect();
    let worker = Arc::new(Worker::new(
        worker_id,
        id,
        key.clone(),
        scope.clone(),
        script_url,
        WorkerType::Classic,
        main,
        HashMap::new(),
        State::Parsed,
    ));
    let mut registry = lock(&shared.registry);
    registry.registrations.insert(
        id,
        Registration {
            id,
            storage_key: key.clone(),
            scope,
            update_via_cache: "imports".to_owned(),
            navigation_preload: NavigationPreload::default(),
            last_update_check: shared.time.wall(),
            installing: Some(worker.clone()),
            waiting: None,
            active: None,
        },
    );
    drop(registry);
    Ok((worker, host.open_client(key, FrameType::TopLevel)))
}

struct Evaluation<'a, F: FnMut(ConsoleLine)> {
    receiver: Receiver<Message>,
    deadline: clock::Moment,
    outcome: EvalOutcome,
    console: &'a mut F,
}

impl<F: FnMut(ConsoleLine)> Evaluation<'_, F> {
    fn drive(&mut self, shared: &Arc<Shared>, host: &Host, worker: &Arc<Worker>, sender: &Sender<Message>) {
        let started = sender.clone();
        worker.start(
            shared,
            Box::new(move |result| {
                let _ = started.send(Message::Started(result));
            }),
        );
        match self.wait(|message| matches!(message, Message::Started(_))) {
            Some(Message::Started(Ok(()))) => {}
            Some(Message::Started(Err(StartError::Script(text) | StartError::Failed(text)))) => {
                return self.outcome.errors.push(text);
            }
            _ => return,
        }
        worker.set_state(State::Installing);
        let id = worker.registration;
        shared.change(id, |_| {});
        let config = &shared.config;
        worker.dispatch(shared, event(EventKind::Install, config.install_duration_max_ms, sender));
        match self.wait(|message| matches!(message, Message::Ended(_))) {
            Some(Message::Ended(EventOutcome::Succeeded { .. })) => {}
            Some(Message::Ended(
                EventOutcome::Rejected(text)
                | EventOutcome::Terminated(text)
                | EventOutcome::StartFailed(text)
                | EventOutcome::ScriptError(text),
            )) => return self.outcome.errors.push(format!("the install event failed: {text}")),
            _ => return,
        }
        worker.set_state(State::Installed);
        shared.change(id, |registration| registration.waiting = registration.installing.take());
        shared.try_activate(id);
        while let Some(Message::Quiet(tasks)) = self.wait(|message| matches!(message, Message::Quiet(_))) {
            // Quiet before the activation was delivered does not count.
            if worker.state() != State::Activated || worker.has_pending_events() {
                continue;
            }
            // The answer comes after everything that the engine had to do before, so an event that it owes the worker
            // has been dispatched by then.
            let firing = host.sync_registrations().wait().is_ok_and(|found| {
                found.iter().any(|sync| match sync.registration.kind() {
                    SyncKind::BackgroundSync => !matches!(sync.state, SyncState::Waiting),
                    // A periodic registration always waits for its next event; only a running one is awaited.
                    SyncKind::PeriodicSync => {
                        matches!(sync.state, SyncState::Firing | SyncState::ReregisteredWhileFiring)
                    }
                })
            });
            // What has come meanwhile may be the beginning of more, and ends with another report.
            let idle =
                worker.tasks_pushed().is_none_or(|pushed| pushed == tasks) && !worker.has_pending_events();
            if !firing && idle {
                return;
            }
        }
    }

    /// Waits for a message; lines and exceptions are handled on the way. `None` if the time is up.
    fn wait(&mut self, wanted: impl Fn(&Message) -> bool) -> Option<Message> {
        loop {
            let left = self.deadline.saturating_duration_since(clock::now());
            let Ok(message) = self.receiver.recv_timeout(left) else {
                self.outcome.timed_out = true;
                return None;
            };
            match message {
                Message::Line(line) => (self.console)(line),
                Message::Exception(text) => self.outcome.errors.push(text),
                message if wanted(&message) => return Some(message),
                _ => {}
            }
        }
    }
}

fn event(kind: EventKind, limit_ms: u64, sender: &Sender<Message>) -> EventTask {
    let sender = sender.clone();
    EventTask {
        kind,
        done: EventDone::new(move |outcome| {
            let _ = sender.send(Message::Ended(outcome));
        }),
        attempt: None,
        duration_max_ms: Some(limit_ms),
        starts: 0,
    }
}
