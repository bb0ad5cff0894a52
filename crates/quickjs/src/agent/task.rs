//! What a worker's event loop runs, and the queue that holds it.

use super::lock;
use crate::body::BodyReceiver;
use crate::clients::{ClientInfo, MessageSource};
use crate::clock::{Moment, Time};
use crate::crypto::Output;
use crate::fetch_event::FetchResponder;
use crate::lifecycle::Preload;
use crate::notifications::Notification;
use crate::ports::{PortId, PostedMessage};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
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
    /// A WebSocket has something to tell.
    Socket(u32),
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
    /// A message for a port of this worker.
    PortMessage { port: PortId, message: PostedMessage },
    /// The other end of a port is gone.
    PortClosed(PortId),
    /// A message of another worker or a page for the BroadcastChannels of that name (as JSON).
    Broadcast { name: String, data: String },
    /// A message of the host program for `chrome.webview`, as JSON (R221).
    WebMessage(String),
}

impl Task {
    /// Bytes that it holds outside of the worker's heap. Parts of response bodies have a limit of their own.
    fn weight(&self) -> usize {
        match self {
            Task::Settled { result: Ok(text), .. }
            | Task::FetchHead { head: text, .. }
            | Task::IndexedDb(text)
            | Task::RegistrationChanged(text)
            | Task::WebMessage(text) => text.len(),
            Task::Broadcast { data, .. } => data.len(),
            Task::PortMessage { message, .. } => message.data.len(),
            Task::Event(event) => event.kind.weight(),
            _ => 0,
        }
    }
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
        message: PostedMessage,
        source: MessageSource,
    },
    /// A message of the host's push service, or whatever the host uses as one.
    Push {
        data: Option<Bytes>,
    },
    NotificationClick {
        notification: Box<Notification>,
        action: String,
    },
    NotificationClose {
        notification: Box<Notification>,
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
            EventKind::Push { .. } => "push",
            EventKind::NotificationClick { .. } => "notificationclick",
            EventKind::NotificationClose { .. } => "notificationclose",
            EventKind::Fetch { .. } => "fetch",
        }
    }

    /// Bytes that it holds outside of the worker's heap.
    pub(crate) fn weight(&self) -> usize {
        match self {
            EventKind::Message { message, .. } => message.data.len(),
            EventKind::Push { data } => data.as_ref().map_or(0, Bytes::len),
            EventKind::NotificationClick { notification, .. }
            | EventKind::NotificationClose { notification } => notification.options.data.len(),
            EventKind::Fetch { request, .. } => request.body.bytes_at_hand(),
            _ => 0,
        }
    }

    /// Functional events survive the end of a worker (R152); messages do not.
    pub(crate) fn is_functional(&self) -> bool {
        !matches!(self, EventKind::Install | EventKind::Activate | EventKind::Message { .. })
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
pub(crate) struct EventDone(Arc<Mutex<Option<Owed>>>);

struct Owed {
    finish: Finish,
    /// Keeps the worker's count of pending events; released after the answer.
    pending: Option<super::PendingEvent>,
}

impl EventDone {
    pub(crate) fn new(finish: impl FnOnce(EventOutcome) + Send + 'static) -> EventDone {
        EventDone(Arc::new(Mutex::new(Some(Owed { finish: Box::new(finish), pending: None }))))
    }

    pub(crate) fn with_pending(self, pending: super::PendingEvent) -> EventDone {
        if let Some(owed) = lock(&self.0).as_mut() {
            owed.pending = Some(pending);
        }
        self
    }

    pub(crate) fn finish(self, outcome: EventOutcome) {
        pay(&self.0, outcome);
    }

    /// The same debt for another thread, if this one should never come back.
    pub(super) fn open(&self) -> OpenEvent {
        OpenEvent(Arc::downgrade(&self.0))
    }
}

impl Drop for EventDone {
    fn drop(&mut self) {
        pay(&self.0, EventOutcome::Terminated("the worker was stopped while the event ran".to_owned()));
    }
}

fn pay(debt: &Mutex<Option<Owed>>, outcome: EventOutcome) {
    let owed = lock(debt).take();
    if let Some(Owed { finish, pending }) = owed {
        finish(outcome);
        drop(pending);
    }
}

/// An event that may still owe its answer.
pub(super) struct OpenEvent(Weak<Mutex<Option<Owed>>>);

impl OpenEvent {
    pub(super) fn is_open(&self) -> bool {
        self.0.strong_count() > 0
    }

    pub(super) fn finish(&self, outcome: EventOutcome) {
        if let Some(debt) = self.0.upgrade() {
            pay(&debt, outcome);
        }
    }
}

/// A FIFO queue of tasks with one reader.
pub(crate) struct TaskQueue {
    time: Time,
    bytes_max: usize,
    overflowed: AtomicBool,
    inner: Mutex<Inner>,
    arrived: Condvar,
}

#[derive(Default)]
struct Inner {
    tasks: VecDeque<Task>,
    messages: usize,
    events: usize,
    /// What the tasks hold outside of the worker's heap.
    bytes: usize,
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
    pub(crate) fn new(time: Time, bytes_max: usize) -> TaskQueue {
        TaskQueue {
            time,
            bytes_max,
            overflowed: AtomicBool::new(false),
            inner: Mutex::default(),
            arrived: Condvar::new(),
        }
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
        if inner.bytes > self.bytes_max {
            self.overflowed.store(true, Ordering::Release);
        }
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

    /// Whether more than the limit waited at some time: the script asks for more than it takes.
    pub(crate) fn has_overflowed(&self) -> bool {
        self.overflowed.load(Ordering::Acquire)
    }

    /// Whether an event of this weight may still be appended.
    pub(crate) fn has_room_for(&self, bytes: usize) -> bool {
        self.inner().bytes.saturating_add(bytes) <= self.bytes_max
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
        inner.bytes = 0;
        std::mem::take(&mut inner.tasks)
    }
}

impl Inner {
    fn count(&mut self, task: &Task, change: isize) {
        if matches!(task, Task::Broadcast { .. } | Task::PortMessage { .. }) {
            self.messages = self.messages.saturating_add_signed(change);
        }
        let weight = task.weight();
        self.bytes =
            if change > 0 { self.bytes.saturating_add(weight) } else { self.bytes.saturating_sub(weight) };
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
