//! What a worker's event loop runs, and the queue that holds it.

use crate::body::BodyReceiver;
use crate::clients::{ClientInfo, MessageSource};
use crate::clock::{Moment, Time};
use crate::crypto::Output;
use crate::fetch_event::FetchResponder;
use crate::lifecycle::Preload;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use wakeworker_core::{AttemptId, PermissionName, PermissionState, Tag};

/// One task. Each is followed by a microtask checkpoint.
pub(crate) enum Task {
    /// A timer without delay; timers with a delay wait in the realm until they are due.
    Timer(u32),
    /// An asynchronous host operation ended.
    Settled { id: u32, result: Result<String, HostError> },
    /// An operation of `crypto.subtle` ended.
    Crypto { id: u32, result: Result<Output, HostError> },
    /// A fetch has an answer (already as JSON).
    FetchHead { id: u32, head: String, body: BodyReceiver },
    /// A fetch failed.
    FetchFailed { id: u32, message: String },
    /// An exchange with a server is over, and somebody waits for that.
    FetchOver(u32),
    /// A body that the script waits for has a part, or its end.
    BodyReadable(u32),
    /// A body that the script writes has room, or lost its reader.
    BodyWritable(u32),
    /// The page does not want the answer to its request any more.
    FetchEventAborted(FetchResponder),
    /// What happened to a database, as JSON.
    IndexedDb(String),
    /// An event for the script.
    Event(Box<EventTask>),
    /// The time of a dispatched event is up (R89).
    TimedOut(AttemptId),
    /// A worker of the registration changed its state; the record as JSON.
    RegistrationChanged(String),
    /// The host's network was switched.
    OnLine(bool),
    /// A permission of the origin changed (R134).
    PermissionChanged(PermissionName, PermissionState),
    /// What becomes of a request for a lock.
    Lock { id: u32, verdict: &'static str },
    /// A message of another worker for the BroadcastChannels of that name (as JSON).
    Broadcast { name: String, data: String },
    /// A message of the host program for `chrome.webview`, as JSON (R221).
    WebMessage(String),
}

/// The error of a host operation as a script sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostError {
    pub(crate) name: &'static str,
    pub(crate) message: String,
}

impl HostError {
    pub(crate) fn new(name: &'static str, message: impl Into<String>) -> HostError {
        HostError { name, message: message.into() }
    }

    /// As JSON, for the hook.
    pub(crate) fn json(&self) -> String {
        serde_json::json!({ "name": self.name, "message": self.message }).to_string()
    }
}

/// An event on its way to a worker.
pub(crate) struct EventTask {
    pub(crate) kind: EventKind,
    pub(crate) done: EventDone,
    /// The dispatch that the engine knows it by.
    pub(crate) attempt: Option<AttemptId>,
    /// The runtime's own limit; the engine keeps the clock of sync events.
    pub(crate) duration_max_ms: Option<u64>,
    /// How often a worker was started for it and stopped before it ran.
    pub(crate) starts: u32,
}

/// Which event, with what the script sees of it.
pub(crate) enum EventKind {
    Install,
    Activate,
    /// `registration` is the JSON of what `event.registration` shows, for scripts that may see it (R231).
    Sync {
        tag: Tag,
        last_chance: bool,
        registration: Option<String>,
    },
    PeriodicSync {
        tag: Tag,
        registration: Option<String>,
    },
    Message {
        data: String,
        source: MessageSource,
    },
    Fetch {
        request: Box<crate::FetchEventRequest>,
        /// The request, sent ahead while the worker starts.
        preload: Option<Preload>,
        responder: FetchResponder,
    },
}

impl EventKind {
    /// The event's type.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            EventKind::Install => "install",
            EventKind::Activate => "activate",
            EventKind::Sync { .. } => "sync",
            EventKind::PeriodicSync { .. } => "periodicsync",
            EventKind::Message { .. } => "message",
            EventKind::Fetch { .. } => "fetch",
        }
    }

    /// Functional events survive the end of a worker (R152); messages do not.
    pub(crate) fn is_functional(&self) -> bool {
        matches!(self, EventKind::Sync { .. } | EventKind::PeriodicSync { .. } | EventKind::Fetch { .. })
    }
}

/// How an event ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EventOutcome {
    /// Every lifetime promise was fulfilled.
    Succeeded { handled: bool },
    /// A lifetime promise was rejected (R66).
    Rejected(String),
    /// The worker was stopped first (R67, R90).
    Terminated(String),
    /// The worker could not be started (R70).
    StartFailed(String),
    /// The worker's script threw while it was evaluated (R70).
    ScriptError(String),
}

type Finish = Box<dyn FnOnce(EventOutcome) + Send>;

/// The one answer that an event owes; dropped unanswered, it is `Terminated`.
pub(crate) struct EventDone {
    finish: Option<Finish>,
    /// Keeps the worker's count of pending events; released after the answer.
    _pending: Option<super::PendingEvent>,
}

impl EventDone {
    pub(crate) fn new(finish: impl FnOnce(EventOutcome) + Send + 'static) -> EventDone {
        EventDone { finish: Some(Box::new(finish)), _pending: None }
    }

    pub(crate) fn with_pending(mut self, pending: super::PendingEvent) -> EventDone {
        self._pending = Some(pending);
        self
    }

    pub(crate) fn finish(mut self, outcome: EventOutcome) {
        if let Some(finish) = self.finish.take() {
            finish(outcome);
        }
    }
}

impl Drop for EventDone {
    fn drop(&mut self) {
        if let Some(finish) = self.finish.take() {
            finish(EventOutcome::Terminated("the worker was stopped while the event ran".to_owned()));
        }
    }
}

/// A FIFO queue of tasks with one reader.
pub(crate) struct TaskQueue {
    time: Time,
    inner: Mutex<Inner>,
    arrived: Condvar,
}

#[derive(Default)]
struct Inner {
    tasks: VecDeque<Task>,
    messages: usize,
    events: usize,
    /// Tasks ever appended.
    pushed: u64,
    closed: bool,
    woken: bool,
    /// In virtual time: the reader waits, until this moment at most. Whoever ends that takes this away.
    parked: Option<Option<Moment>>,
}

/// What the reader of a queue got.
pub(crate) enum Next {
    Task(Task),
    /// The time is up, or somebody woke the reader.
    Nothing,
}

impl TaskQueue {
    pub(crate) fn new(time: Time) -> TaskQueue {
        TaskQueue { time, inner: Mutex::default(), arrived: Condvar::new() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a task; gives it back if the queue is closed.
    pub(crate) fn push(&self, task: Task) -> Result<(), Task> {
        let mut inner = self.inner();
        if inner.closed {
            return Err(task);
        }
        inner.count(&task, 1);
        inner.pushed += 1;
        inner.tasks.push_back(task);
        self.unpark(&mut inner);
        drop(inner);
        self.arrived.notify_one();
        Ok(())
    }

    /// Tasks ever appended: while this stays the same, nothing new has begun.
    pub(crate) fn pushed(&self) -> u64 {
        self.inner().pushed
    }

    /// Messages that wait.
    pub(crate) fn messages(&self) -> usize {
        self.inner().messages
    }

    /// Whether events wait.
    pub(crate) fn has_events(&self) -> bool {
        self.inner().events > 0
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.inner().tasks.is_empty()
    }

    /// Makes the reader look around.
    pub(crate) fn wake(&self) {
        let mut inner = self.inner();
        inner.woken = true;
        self.unpark(&mut inner);
        drop(inner);
        self.arrived.notify_one();
    }

    /// In virtual time: until when the reader waits, if it does.
    pub(crate) fn due(&self) -> Option<Moment> {
        self.inner().parked.flatten()
    }

    /// In virtual time: ends the reader's wait if its moment has come.
    pub(crate) fn wake_if_due(&self, now: Moment) -> bool {
        let mut inner = self.inner();
        let due = inner.parked.flatten().is_some_and(|due| due <= now);
        if due {
            self.unpark(&mut inner);
            drop(inner);
            self.arrived.notify_one();
        }
        due
    }

    /// In virtual time: what the reader is going to do has begun when its wait ends, not when its thread runs.
    fn unpark(&self, inner: &mut Inner) {
        if inner.parked.take().is_some()
            && let Some(time) = self.time.driven()
        {
            time.begin();
        }
    }

    /// Takes the first task; waits for it until `deadline`, for ever if there is none.
    pub(crate) fn next(&self, deadline: Option<Moment>) -> Next {
        let mut inner = self.inner();
        loop {
            if std::mem::take(&mut inner.woken) {
                return Next::Nothing;
            }
            if let Some(task) = inner.tasks.pop_front() {
                inner.count(&task, -1);
                return Next::Task(task);
            }
            if let Some(time) = self.time.driven() {
                if deadline.is_some_and(|deadline| deadline <= self.time.now()) {
                    return Next::Nothing;
                }
                inner.parked = Some(deadline);
                time.end();
                inner = self
                    .arrived
                    .wait_while(inner, |inner| inner.parked.is_some())
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            match deadline {
                None => inner = self.arrived.wait(inner).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(self.time.now());
                    if left.is_zero() {
                        return Next::Nothing;
                    }
                    inner = self.arrived.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    /// Refuses further tasks and gives what was left.
    pub(crate) fn close(&self) -> VecDeque<Task> {
        let mut inner = self.inner();
        inner.closed = true;
        inner.messages = 0;
        inner.events = 0;
        std::mem::take(&mut inner.tasks)
    }
}

impl Inner {
    fn count(&mut self, task: &Task, change: isize) {
        if matches!(task, Task::Broadcast { .. }) {
            self.messages = self.messages.saturating_add_signed(change);
        }
        if let Task::Event(event) = task {
            self.events = self.events.saturating_add_signed(change);
            if matches!(event.kind, EventKind::Message { .. }) {
                self.messages = self.messages.saturating_add_signed(change);
            }
        }
    }
}

/// The `source` of a message event as JSON.
pub(crate) fn message_source_json(source: &MessageSource) -> serde_json::Value {
    match source {
        MessageSource::Client(client) => client_json(client),
        MessageSource::Worker(worker) => {
            serde_json::json!({ "workerId": worker.id.0, "scriptUrl": worker.script_url, "state": worker.state })
        }
        MessageSource::Host => serde_json::Value::Null,
    }
}

fn client_json(client: &ClientInfo) -> serde_json::Value {
    serde_json::to_value(client).unwrap_or_default()
}
