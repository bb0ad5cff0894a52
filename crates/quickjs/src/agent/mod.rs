//! One version of a service worker, running or stopped: it starts when an event comes, and stops when it is idle or
//! goes beyond a limit.

mod console;
mod event_init;
pub(crate) mod host;
mod limits;
mod modules;
mod open_work;
mod realm;
mod sockets;
mod task;
mod thread;
mod timers;
mod traffic;
mod watchdog;

pub use console::{ConsoleLevel, ConsoleLine};
pub(crate) use limits::StopReason;
pub(crate) use task::{EventDone, EventKind, EventOutcome, EventTask, HostError, Task};
pub(crate) use watchdog::Watchdog;

use crate::WorkerType;
use crate::clock::Moment;
use crate::script::{MemoryUse, Script};
use crate::shared::Shared;
use limits::Control;
use open_work::OpenWork;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use task::TaskQueue;
use wakeworker::HostHandle;
use wakeworker_core::{AttemptId, StorageKey, WorkerId, WorkerRegistrationId};
use watchdog::Pulse;

/// One version of a worker: its scripts, its state, and the thread that runs it if there is one.
pub(crate) struct Worker {
    pub(crate) id: WorkerId,
    pub(crate) registration: WorkerRegistrationId,
    pub(crate) storage_key: StorageKey,
    pub(crate) scope: String,
    pub(crate) script_url: String,
    pub(crate) worker_type: WorkerType,
    /// The classic scripts that make the worker; one, except in an evaluation of several files.
    pub(crate) main: Vec<Arc<Script>>,
    imports: Mutex<Imports>,
    state: AtomicU8,
    skip_waiting: AtomicBool,
    /// Whether its script has `chrome.webview`.
    web_messages: OnceLock<bool>,
    listened: Mutex<Option<Vec<String>>>,
    agent: Mutex<Agent>,
    pending_events: AtomicUsize,
}

/// Scripts by URL, as `importScripts` sees them.
#[derive(Default)]
struct Imports {
    by_url: HashMap<String, Arc<Script>>,
    /// Until the worker is installed, unknown scripts may be fetched; afterwards they may not.
    open: bool,
}

#[derive(Default)]
struct Agent {
    run: Option<Arc<Run>>,
    /// Functional events that outlived a run (R152).
    held: VecDeque<EventTask>,
    /// No run may start any more: the worker is redundant.
    retired: bool,
}

/// One life of a worker: a thread with its queue.
pub(crate) struct Run {
    pub(crate) queue: TaskQueue,
    pub(crate) control: Control,
    pub(crate) memory: Arc<MemoryUse>,
    /// It has opened a BroadcastChannel.
    pub(crate) hears_broadcasts: AtomicBool,
    pub(crate) pulse: Pulse,
    open: OpenWork,
}

/// Why a worker did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StartError {
    /// Its script cannot be parsed, or threw.
    Script(String),
    /// The runtime could not run it, or it went beyond a limit.
    Failed(String),
}

/// The states of a worker (service worker specification, "state").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    Parsed,
    Installing,
    Installed,
    Activating,
    Activated,
    Redundant,
}

impl State {
    const ALL: [State; 6] = [
        State::Parsed,
        State::Installing,
        State::Installed,
        State::Activating,
        State::Activated,
        State::Redundant,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Parsed => "parsed",
            State::Installing => "installing",
            State::Installed => "installed",
            State::Activating => "activating",
            State::Activated => "activated",
            State::Redundant => "redundant",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// Called once with the result of a start.
pub(crate) type Started = Box<dyn FnOnce(Result<(), StartError>) + Send>;

impl Worker {
    #[expect(clippy::too_many_arguments, reason = "the immutable facts of a worker, given once")]
    pub(crate) fn new(
        id: WorkerId,
        registration: WorkerRegistrationId,
        storage_key: StorageKey,
        scope: String,
        script_url: String,
        worker_type: WorkerType,
        main: Vec<Arc<Script>>,
        imports: HashMap<String, Arc<Script>>,
        state: State,
    ) -> Worker {
        let open = matches!(state, State::Parsed | State::Installing);
        Worker {
            id,
            registration,
            storage_key,
            scope,
            script_url,
            worker_type,
            main,
            imports: Mutex::new(Imports { by_url: imports, open }),
            state: AtomicU8::new(state as u8),
            skip_waiting: AtomicBool::new(false),
            web_messages: OnceLock::new(),
            listened: Mutex::default(),
            agent: Mutex::default(),
            pending_events: AtomicUsize::new(0),
        }
    }

    pub(crate) fn state(&self) -> State {
        State::ALL[usize::from(self.state.load(Ordering::Acquire)).min(State::ALL.len() - 1)]
    }

    /// Only the registry changes states, under its lock.
    pub(crate) fn set_state(&self, state: State) {
        self.state.store(state as u8, Ordering::Release);
        if !matches!(state, State::Parsed | State::Installing) {
            lock(&self.imports).open = false;
        }
    }

    /// The skip waiting flag.
    pub(crate) fn skips_waiting(&self) -> bool {
        self.skip_waiting.load(Ordering::Acquire)
    }

    /// Sets the skip waiting flag.
    pub(crate) fn set_skip_waiting(&self) {
        self.skip_waiting.store(true, Ordering::Release);
    }

    /// Whether its script has `chrome.webview` (R221): decided by the host's setting when the worker first starts in this
    /// process, which for a new one is its installation, and kept for all its later starts.
    pub(crate) fn has_web_messages(&self, shared: &Shared) -> bool {
        *self.web_messages.get_or_init(|| {
            shared.host.get().is_some_and(HostHandle::are_web_view_script_apis_enabled_for_service_workers)
        })
    }

    /// The stored script of this URL, and whether an unknown one may be fetched.
    pub(crate) fn import(&self, url: &str) -> (Option<Arc<Script>>, bool, usize) {
        let imports = lock(&self.imports);
        (imports.by_url.get(url).cloned(), imports.open, imports.by_url.len())
    }

    pub(crate) fn add_import(&self, script: Arc<Script>) {
        lock(&self.imports).by_url.insert(script.url.clone(), script);
    }

    /// All imported scripts, for storing and comparing.
    pub(crate) fn imports(&self) -> Vec<Arc<Script>> {
        let mut scripts: Vec<_> = lock(&self.imports).by_url.values().cloned().collect();
        scripts.sort_by(|a, b| a.url.cmp(&b.url));
        scripts
    }

    /// Whether the first evaluation added a listener for this event; `None` if it has not run in this process.
    pub(crate) fn listens_to(&self, event: &str) -> Option<bool> {
        lock(&self.listened).as_ref().map(|types| types.iter().any(|found| found == event))
    }

    fn set_listened(&self, types: Vec<String>) {
        lock(&self.listened).get_or_insert(types);
    }

    /// Events that were enqueued and have not ended (R153).
    pub(crate) fn has_pending_events(&self) -> bool {
        self.pending_events.load(Ordering::Acquire) > 0
    }

    pub(crate) fn is_running(&self) -> bool {
        lock(&self.agent).run.is_some()
    }

    /// Tasks that its present run was ever given; `None` if it does not run.
    pub(crate) fn tasks_pushed(&self) -> Option<u64> {
        lock(&self.agent).run.as_ref().map(|run| run.queue.pushed())
    }

    /// Bytes of the JavaScript heap, if it runs.
    pub(crate) fn memory_bytes(&self) -> Option<usize> {
        lock(&self.agent).run.as_ref().map(|run| run.memory.used_bytes())
    }

    /// Starts the worker if it does not run; `started` hears how that went.
    pub(crate) fn start(self: &Arc<Worker>, shared: &Arc<Shared>, started: Started) {
        let mut agent = lock(&self.agent);
        if agent.retired {
            drop(agent);
            return started(Err(StartError::Failed("the worker is redundant".to_owned())));
        }
        if agent.run.is_some() {
            drop(agent);
            return started(Ok(()));
        }
        let failure = self.spawn(shared, &mut agent, Some(started));
        drop(agent);
        self.spawn_failed(shared, failure);
    }

    /// Puts an event on the worker's queue, starting the worker if needed (R60).
    pub(crate) fn dispatch(self: &Arc<Worker>, shared: &Arc<Shared>, mut event: EventTask) {
        event.done = std::mem::replace(&mut event.done, EventDone::new(|_| {}))
            .with_pending(PendingEvent::new(self, shared));
        self.enqueue(shared, event);
    }

    fn enqueue(self: &Arc<Worker>, shared: &Arc<Shared>, event: EventTask) {
        let mut agent = lock(&self.agent);
        if agent.retired {
            drop(agent);
            return event.done.finish(EventOutcome::StartFailed("the worker is redundant".to_owned()));
        }
        if let Some(run) = &agent.run {
            let refusal = if !run.queue.has_room_for(event.kind.weight()) {
                Some(format!("{} bytes already wait", shared.config.memory_bytes_max))
            } else if matches!(event.kind, EventKind::Message { .. })
                && run.queue.messages() >= shared.config.queued_messages_max
            {
                Some(format!("{} messages already wait", shared.config.queued_messages_max))
            } else {
                None
            };
            if let Some(refusal) = refusal {
                drop(agent);
                let text = format!("a {} event was dropped: {refusal}", event.kind.name());
                shared.warn(self.id, text.clone());
                return event.done.finish(EventOutcome::Terminated(text));
            }
            if let Err(Task::Event(event)) = run.queue.push(Task::Event(Box::new(event))) {
                // The run is closing; its end starts the next one for what is held.
                agent.held.push_back(*event);
            }
            return;
        }
        agent.held.push_back(event);
        let failure = self.spawn(shared, &mut agent, None);
        drop(agent);
        self.spawn_failed(shared, failure);
    }

    /// Puts something on the queue of a running worker; a stopped one does not need it.
    pub(crate) fn post(&self, task: Task) {
        let run = lock(&self.agent).run.clone();
        if let Some(run) = run {
            // A closing run takes no more tasks: timers, messages and answers end with it (R152).
            let _ = run.queue.push(task);
        }
    }

    /// Puts a message for BroadcastChannels on the queue of a running worker that has some. What it can hold is
    /// limited like its other messages; who broadcasts does not hear of it.
    pub(crate) fn hear_broadcast(&self, name: &str, data: &str, waiting_max: usize) {
        let run = lock(&self.agent).run.clone();
        let hears = |run: &Arc<Run>| {
            run.hears_broadcasts.load(Ordering::Acquire) && run.queue.messages() < waiting_max
        };
        if let Some(run) = run.filter(hears) {
            let _ = run.queue.push(Task::Broadcast { name: name.to_owned(), data: data.to_owned() });
        }
    }

    /// When the running worker wants to do something by itself, if it waits for that.
    pub(crate) fn due(&self) -> Option<Moment> {
        lock(&self.agent).run.as_ref()?.queue.due()
    }

    /// Lets the running worker look at the clock if its time has come.
    pub(crate) fn run_due(&self, now: Moment) -> bool {
        let run = lock(&self.agent).run.clone();
        run.is_some_and(|run| run.queue.wake_if_due(now))
    }

    /// Stops the running thread, now. Queued functional events go to the next run (R152).
    pub(crate) fn stop(&self, reason: StopReason) {
        if let Some(run) = lock(&self.agent).run.clone() {
            run.control.stop(reason);
            run.queue.wake();
        }
    }

    /// The event's time is up (D8): sets its timed-out flag, and stops the worker unless it becomes idle in time.
    pub(crate) fn time_out(&self, attempt: AttemptId, grace_ms: u64) {
        if let Some(run) = lock(&self.agent).run.clone() {
            let _ = run.queue.push(Task::TimedOut(attempt));
            run.control.stop_by(grace_ms);
            run.queue.wake();
        }
    }

    /// The worker is redundant: it stops and never starts again.
    pub(crate) fn retire(&self) {
        let held = {
            let mut agent = lock(&self.agent);
            agent.retired = true;
            if let Some(run) = &agent.run {
                run.control.stop(StopReason::Redundant);
                run.queue.wake();
            }
            std::mem::take(&mut agent.held)
        };
        drop(held);
    }

    /// Begins a run. Callbacks must not be called under the agent's lock, so a failure is handed back.
    fn spawn(
        self: &Arc<Worker>,
        shared: &Arc<Shared>,
        agent: &mut Agent,
        started: Option<Started>,
    ) -> Option<SpawnFailure> {
        let refusal = shared.watchdog.refusal(self.storage_key.origin());
        let run = Arc::new(Run {
            queue: TaskQueue::new(shared.time.clone(), shared.config.memory_bytes_max),
            control: Control::new(shared.time.clone()),
            memory: Arc::new(MemoryUse::default()),
            hears_broadcasts: AtomicBool::new(false),
            pulse: Pulse::default(),
            open: OpenWork::default(),
        });
        for event in agent.held.drain(..) {
            // A fresh queue is open.
            let _ = run.queue.push(Task::Event(Box::new(event)));
        }
        agent.run = Some(run.clone());
        if let Some(message) = refusal {
            return Some(SpawnFailure { run, started, message });
        }
        thread::spawn(shared, self, &run, started).err().map(|(started, message)| SpawnFailure {
            run,
            started,
            message,
        })
    }

    fn spawn_failed(self: &Arc<Worker>, shared: &Arc<Shared>, failure: Option<SpawnFailure>) {
        let Some(failure) = failure else { return };
        if let Some(started) = failure.started {
            started(Err(StartError::Failed(failure.message.clone())));
        }
        self.run_ended(shared, &failure.run, Some(EventOutcome::StartFailed(failure.message)));
    }

    /// Called by the thread when it wants to end for lack of work: true if nothing has come meanwhile.
    fn try_retire_run(&self, run: &Arc<Run>) -> bool {
        let mut agent = lock(&self.agent);
        if run.queue.has_events() {
            return false;
        }
        if agent.run.as_ref().is_some_and(|current| Arc::ptr_eq(current, run)) {
            agent.run = None;
        }
        run.queue.close();
        true
    }

    /// Called by the thread when it ends for another reason. Queued functional events start the next run (R152).
    fn run_ended(self: &Arc<Worker>, shared: &Arc<Shared>, run: &Arc<Run>, failed: Option<EventOutcome>) {
        let mut refused = Vec::new();
        let mut failure = None;
        let mut agent = lock(&self.agent);
        for task in run.queue.close() {
            let Task::Event(mut event) = task else { continue };
            event.starts += 1;
            if failed.is_none() && event.kind.is_functional() && !agent.retired && event.starts < STARTS_MAX {
                agent.held.push_back(*event);
            } else {
                refused.push(*event);
            }
        }
        if agent.run.as_ref().is_some_and(|current| Arc::ptr_eq(current, run)) {
            agent.run = None;
            if failed.is_some() || shared.is_closing() {
                refused.extend(std::mem::take(&mut agent.held));
            } else if !agent.held.is_empty() && !agent.retired {
                failure = self.spawn(shared, &mut agent, None);
            }
        }
        drop(agent);
        for event in refused {
            match &failed {
                Some(outcome) => event.done.finish(outcome.clone()),
                None => drop(event),
            }
        }
        self.spawn_failed(shared, failure);
    }
}

/// A thread could not be had.
struct SpawnFailure {
    run: Arc<Run>,
    started: Option<Started>,
    message: String,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("id", &self.id).field("state", &self.state()).finish_non_exhaustive()
    }
}

/// Starts that one event may cause before it fails: a worker that dies each time must not loop for ever.
const STARTS_MAX: u32 = 3;

/// Counts an event as pending on its worker, from the moment it is enqueued until its answer was given.
pub(crate) struct PendingEvent {
    worker: Arc<Worker>,
    shared: Weak<Shared>,
}

impl PendingEvent {
    fn new(worker: &Arc<Worker>, shared: &Arc<Shared>) -> PendingEvent {
        worker.pending_events.fetch_add(1, Ordering::AcqRel);
        PendingEvent { worker: worker.clone(), shared: Arc::downgrade(shared) }
    }
}

impl Drop for PendingEvent {
    fn drop(&mut self) {
        if self.worker.pending_events.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(shared) = self.shared.upgrade()
        {
            shared.worker_became_quiet(&self.worker);
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
