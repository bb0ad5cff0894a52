//! The workers of one process: events run until the simulator ends them.

use std::collections::BTreeMap;
use std::mem::take;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wakeworker::core::{AttemptId, Dispatch};
use wakeworker::{DispatchDone, HostHandle, WorkerBackend};

/// The worker backend of one process.
#[derive(Clone)]
pub(crate) struct Workers {
    state: Arc<Mutex<State>>,
    /// The process has died: what it does now nobody sees.
    dead: Arc<AtomicBool>,
}

#[derive(Default)]
struct State {
    dispatched: Vec<Dispatch>,
    running: BTreeMap<AttemptId, DispatchDone>,
    /// Events whose time was up and whose worker may still answer.
    late: Vec<DispatchDone>,
}

impl Workers {
    pub(crate) fn new(dead: Arc<AtomicBool>) -> Workers {
        Workers { state: Arc::default(), dead }
    }

    /// The events that were dispatched since the last time.
    pub(crate) fn take_dispatched(&self) -> Vec<Dispatch> {
        take(&mut self.state().dispatched)
    }

    /// The events that run.
    pub(crate) fn running(&self) -> Vec<AttemptId> {
        self.state().running.keys().copied().collect()
    }

    /// An event leaves its worker.
    pub(crate) fn take(&self, attempt: AttemptId) -> Option<DispatchDone> {
        self.state().running.remove(&attempt)
    }

    /// An event whose time was up leaves its worker.
    pub(crate) fn take_late(&self) -> Option<DispatchDone> {
        self.state().late.pop()
    }

    /// The lock may be poisoned by a check that failed; then the run is over anyway.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WorkerBackend for Workers {
    fn attach(&self, _: HostHandle) {}

    fn dispatch(&self, dispatch: &Dispatch, done: DispatchDone) {
        if self.dead.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.state();
        state.dispatched.push(dispatch.clone());
        state.running.insert(dispatch.attempt, done);
    }

    fn terminate(&self, attempt: AttemptId) {
        let mut state = self.state();
        if let Some(done) = state.running.remove(&attempt) {
            state.late.push(done);
        }
    }
}
