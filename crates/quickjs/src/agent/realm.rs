//! What one running worker holds besides its JavaScript heap. Lives on the worker's thread.

use super::console::Console;
use super::limits::Watch;
use super::sockets::Sockets;
use super::task::{EventDone, HostError, Task};
use super::timers::Timers;
use super::traffic::Traffic;
use super::{Run, Worker};
use crate::clock::Moment;
use crate::fetch_event::FetchResponder;
use crate::ports::{PortHolder, PortNotice};
use crate::script::CloneTools;
use crate::shared::Shared;
use rquickjs::{Object, Persistent, Value};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use wakeworker_core::AttemptId;

/// The state that host functions share.
pub(crate) struct Realm {
    pub(crate) shared: Arc<Shared>,
    pub(crate) worker: Arc<Worker>,
    pub(crate) run: Arc<Run>,
    pub(crate) console: Console,
    pub(crate) watch: Rc<Watch>,
    pub(crate) started: Moment,
    pub(crate) timers: RefCell<Timers>,
    pub(crate) traffic: RefCell<Traffic>,
    pub(crate) sockets: RefCell<Sockets>,
    pub(crate) decoders: RefCell<HashMap<u32, super::host::Decoder>>,
    pub(crate) codecs: RefCell<HashMap<u32, super::host::Codec>>,
    pub(crate) events: RefCell<HashMap<u32, RunningEvent>>,
    /// Fetch events that have no answer.
    pub(crate) responders: RefCell<HashMap<u32, FetchResponder>>,
    /// Host operations whose `settled` has not come.
    pub(crate) operations: Cell<usize>,
    pub(crate) hooks: RefCell<Option<Persistent<Object<'static>>>>,
    pub(crate) rejections: RefCell<Vec<Rejection>>,
    /// What the JavaScript layer does for structured clones.
    pub(crate) clone_tools: RefCell<Option<CloneTools>>,
    pub(crate) next_id: Cell<u32>,
    /// A script has made a transaction, which becomes inactive when the microtasks have run.
    pub(crate) wants_clean_up: Cell<bool>,
    pub(crate) crypto: super::host::CryptoQueue,
    /// Ports whose other ends are somewhere else.
    pub(crate) ports: PortHolder,
    pub(crate) lock_owner: super::host::LockOwner,
    /// The main module is being linked: the engine may ask for its imports.
    pub(crate) links_modules: Cell<bool>,
    pub(crate) idle_since: Cell<Moment>,
    /// How often random bytes were drawn, where they come from a seed.
    pub(crate) random_draws: Cell<u64>,
}

/// An event that the script has and has not ended.
pub(crate) struct RunningEvent {
    pub(crate) done: EventDone,
    pub(crate) attempt: Option<AttemptId>,
    pub(crate) deadline: Option<Moment>,
}

/// A promise that was rejected while nobody listened.
pub(crate) struct Rejection {
    pub(crate) promise: Persistent<Value<'static>>,
    pub(crate) reason: Persistent<Value<'static>>,
}

/// What comes for the ports of a run becomes its tasks; what it can hold is limited like its other messages.
fn hold_ports(shared: &Shared, run: &Arc<Run>) -> PortHolder {
    let (run, waiting_max) = (run.clone(), shared.config.queued_messages_max);
    shared.ports.holder(move |notice| {
        let task = match notice {
            PortNotice::Message { .. } if run.queue.messages() >= waiting_max => return,
            PortNotice::Message { port, message } => Task::PortMessage { port, message },
            PortNotice::Closed { port } => Task::PortClosed(port),
        };
        // A run that is over has no ports any more.
        let _ = run.queue.push(task);
    })
}

impl Realm {
    pub(crate) fn new(shared: &Arc<Shared>, worker: &Arc<Worker>, run: &Arc<Run>, watch: Rc<Watch>) -> Realm {
        let config = &shared.config;
        let sink = shared.clone();
        let console = Console::new(
            worker.id,
            config.console_line_bytes_max,
            config.console_lines_per_second_max,
            shared.time.clone(),
            move |line| sink.print(&line),
        );
        Realm {
            shared: shared.clone(),
            worker: worker.clone(),
            run: run.clone(),
            console,
            watch,
            started: shared.time.now(),
            timers: RefCell::default(),
            traffic: RefCell::new(Traffic::new(run.clone())),
            sockets: RefCell::new(Sockets::new(run.clone())),
            decoders: RefCell::default(),
            codecs: RefCell::default(),
            events: RefCell::default(),
            responders: RefCell::default(),
            operations: Cell::new(0),
            hooks: RefCell::default(),
            rejections: RefCell::default(),
            clone_tools: RefCell::default(),
            next_id: Cell::new(1),
            wants_clean_up: Cell::new(false),
            links_modules: Cell::new(false),
            ports: hold_ports(shared, run),
            lock_owner: super::host::LockOwner::new(shared),
            crypto: super::host::CryptoQueue::default(),
            idle_since: Cell::new(shared.time.now()),
            random_draws: Cell::new(0),
        }
    }

    /// A number for an event or decoder, unique in this run.
    pub(crate) fn draw_id(&self) -> u32 {
        let id = self.next_id.get();
        self.next_id.set(id.wrapping_add(1).max(1));
        id
    }

    /// Begins an asynchronous host operation; the returned function ends it, from any thread, with one `settled`.
    pub(crate) fn operation(&self, id: u32) -> impl FnOnce(Result<String, HostError>) + Send + 'static {
        self.operations.set(self.operations.get() + 1);
        let run = self.run.clone();
        move |result| {
            // A run that ends takes its promises with it.
            let _ = run.queue.push(Task::Settled { id, result });
        }
    }

    /// Ends an event with its outcome.
    pub(crate) fn end_event(&self, id: u32) -> Option<RunningEvent> {
        let event = self.events.borrow_mut().remove(&id);
        self.traffic.borrow_mut().end_event(id);
        if self.events.borrow().is_empty() {
            self.idle_since.set(self.shared.time.now());
            if !self.run.queue.has_events() {
                // D8: it became idle in time.
                self.run.control.forgive();
            }
        }
        event
    }

    /// Puts timers that are due on the task queue.
    pub(crate) fn queue_due_timers(&self) {
        let mut timers = self.timers.borrow_mut();
        if timers.next_due().is_none() {
            return;
        }
        let now = self.shared.time.now();
        while let Some(id) = timers.pop_due(now) {
            let _ = self.run.queue.push(Task::Timer(id));
        }
    }

    /// Until when the thread may sleep. With nothing pending, until the idle time is over; never a poll.
    pub(crate) fn next_wakeup(&self) -> Option<Moment> {
        let events = self.events.borrow();
        let idle = events
            .is_empty()
            .then(|| self.idle_since.get() + Duration::from_millis(self.shared.config.idle_stop_ms));
        events
            .values()
            .filter_map(|event| event.deadline)
            .chain(self.timers.borrow_mut().next_due())
            .chain(self.run.control.deadline())
            .chain(idle)
            .min()
    }

    /// Whether the worker has been without events for the idle time (R150, R151).
    pub(crate) fn is_idle_long_enough(&self) -> bool {
        let idle = Duration::from_millis(self.shared.config.idle_stop_ms);
        self.events.borrow().is_empty()
            && self.shared.time.now().saturating_duration_since(self.idle_since.get()) >= idle
    }

    /// Whether nothing can happen any more without something from outside.
    pub(crate) fn is_quiet(&self) -> bool {
        self.events.borrow().is_empty()
            && self.operations.get() == 0
            && !self.traffic.borrow().is_busy()
            && !self.sockets.borrow().is_busy()
            && self.timers.borrow().len() == 0
            && self.run.queue.is_empty()
    }

    /// Gives back every JavaScript value, which must happen before the heap goes.
    pub(crate) fn release_values(&self) {
        self.hooks.borrow_mut().take();
        self.rejections.borrow_mut().clear();
        self.clone_tools.borrow_mut().take();
    }
}
