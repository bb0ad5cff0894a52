//! What stops a running worker: the host's wish, the end of a grace time, processor time, memory.

use super::Run;
use crate::clock::{self, Moment, Time};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Why a worker was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum StopReason {
    /// Nothing to do for the idle time (R151); only the worker's own loop finds this.
    Idle = 1,
    /// The host stopped it; the next event starts it again.
    Asked,
    /// An event took too long, and the worker did not become idle in the grace time (D8).
    TimedOut,
    /// One task used too much processor time (R90).
    ProcessorTime,
    /// The heap hit its limit, or what waits for the worker outside of it.
    Memory,
    /// A built-in function ran for too long and could not be interrupted.
    Stuck,
    /// The worker is redundant.
    Redundant,
    /// The host shuts down.
    Shutdown,
}

impl StopReason {
    /// For people.
    pub(crate) fn text(self) -> &'static str {
        match self {
            StopReason::Idle => "the worker was idle",
            StopReason::Asked => "the host stopped the worker",
            StopReason::TimedOut => "the worker was stopped because an event took too long",
            StopReason::ProcessorTime => {
                "the worker was stopped because one task used too much processor time"
            }
            StopReason::Stuck => {
                "the worker was given up because it is stuck in a built-in function that cannot be interrupted"
            }
            StopReason::Memory => "the worker was stopped because it used too much memory",
            StopReason::Redundant => "the worker was replaced or unregistered",
            StopReason::Shutdown => "the host is shutting down",
        }
    }

    fn from_code(code: u8) -> Option<StopReason> {
        [
            StopReason::Asked,
            StopReason::TimedOut,
            StopReason::ProcessorTime,
            StopReason::Memory,
            StopReason::Stuck,
            StopReason::Redundant,
            StopReason::Shutdown,
        ]
        .into_iter()
        .find(|reason| *reason as u8 == code)
    }
}

/// Wishes from other threads.
pub(crate) struct Control {
    time: Time,
    stop: AtomicU8,
    has_deadline: AtomicBool,
    deadline: Mutex<Option<Moment>>,
}

impl Control {
    pub(crate) fn new(time: Time) -> Control {
        Control {
            time,
            stop: AtomicU8::new(0),
            has_deadline: AtomicBool::new(false),
            deadline: Mutex::new(None),
        }
    }

    /// Stop as soon as possible. The first reason counts.
    pub(crate) fn stop(&self, reason: StopReason) {
        let _ = self.stop.compare_exchange(0, reason as u8, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Stop after a grace time unless [`Control::forgive`] comes first.
    pub(crate) fn stop_by(&self, grace_ms: u64) {
        let mut deadline = self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        deadline.get_or_insert(self.time.now() + Duration::from_millis(grace_ms));
        self.has_deadline.store(true, Ordering::Release);
    }

    /// The worker became idle: nothing is overdue any more.
    pub(crate) fn forgive(&self) {
        if self.has_deadline.swap(false, Ordering::AcqRel) {
            *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// When the grace time ends.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        if !self.has_deadline.load(Ordering::Acquire) {
            return None;
        }
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Decides, on the worker's own thread, whether the script may go on.
pub(crate) struct Watch {
    run: Arc<Run>,
    task_cpu_max: Duration,
    cpu_limit: Cell<Duration>,
    verdict: Cell<Option<StopReason>>,
}

impl Watch {
    pub(crate) fn new(run: Arc<Run>, task_cpu_ms_max: u64) -> Watch {
        let watch = Watch {
            run,
            task_cpu_max: Duration::from_millis(task_cpu_ms_max),
            cpu_limit: Cell::new(Duration::MAX),
            verdict: Cell::new(None),
        };
        watch.begin_task();
        watch
    }

    /// A new task begins: its processor time counts from here.
    pub(crate) fn begin_task(&self) {
        self.run.pulse.beat();
        self.cpu_limit.set(clock::thread_cpu().saturating_add(self.task_cpu_max));
    }

    /// Whether the script must stop. Once it must, it must for ever.
    pub(crate) fn verdict(&self) -> Option<StopReason> {
        self.run.pulse.beat();
        if let Some(reason) = self.verdict.get() {
            return Some(reason);
        }
        let reason = StopReason::from_code(self.run.control.stop.load(Ordering::Acquire))
            .or_else(|| self.has_too_much().then_some(StopReason::Memory))
            .or_else(|| {
                let deadline = self.run.control.deadline()?;
                (self.run.control.time.now() >= deadline).then_some(StopReason::TimedOut)
            })
            .or_else(|| (clock::thread_cpu() > self.cpu_limit.get()).then_some(StopReason::ProcessorTime));
        self.verdict.set(reason);
        reason
    }

    /// The same without reading a clock, for use between short jobs.
    pub(crate) fn quick_verdict(&self) -> Option<StopReason> {
        self.verdict
            .get()
            .or_else(|| StopReason::from_code(self.run.control.stop.load(Ordering::Acquire)))
            .or_else(|| self.has_too_much().then_some(StopReason::Memory))
    }

    /// Whether the heap, or what waits outside of it, was beyond its limit.
    fn has_too_much(&self) -> bool {
        self.run.memory.was_refused() || self.run.queue.has_overflowed()
    }
}
