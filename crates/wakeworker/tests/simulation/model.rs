//! What must be true, told as simply as it can be: who was promised what, and which events run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use wakeworker::core::{AttemptId, AttemptOutcome, Dispatch, SyncKind, WorkerRegistrationId};
use wakeworker::{DispatchDone, HostHandle, WorkerBackend};

/// An entry as the model knows it.
pub(crate) type Key = (WorkerRegistrationId, String);

/// The model, shared with the callbacks of the driver. All of it happens on one thread.
#[derive(Clone, Default)]
pub(crate) struct Model(Arc<Mutex<State>>);

#[derive(Default)]
pub(crate) struct State {
    /// Counts acknowledgements and dispatches in the order in which they happen.
    serial: u64,
    /// One-off registrations that were acknowledged, since when, and whose event has not yet done its work.
    pub(crate) obliged: BTreeMap<Key, u64>,
    /// Periodic registrations that were acknowledged, and how often they fired.
    pub(crate) periodic: BTreeMap<Key, u32>,
    running: BTreeMap<AttemptId, Running>,
    /// Events whose time was up and whose worker may still answer.
    late: Vec<DispatchDone>,
    pub(crate) trace: Vec<String>,
}

struct Running {
    dispatch: Dispatch,
    done: DispatchDone,
    serial: u64,
}

impl Model {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn note(&self, line: impl Into<String>) {
        self.state().trace.push(line.into());
    }

    /// A registration was acknowledged.
    pub(crate) fn promised(&self, kind: SyncKind, key: Key) {
        let mut state = self.state();
        state.serial += 1;
        let serial = state.serial;
        state.trace.push(format!("promised {kind:?} {key:?}"));
        match kind {
            SyncKind::BackgroundSync => {
                state.obliged.insert(key, serial);
            }
            SyncKind::PeriodicSync => {
                state.periodic.entry(key).or_default();
            }
        }
    }

    /// The events that run.
    pub(crate) fn running(&self) -> Vec<AttemptId> {
        self.state().running.keys().copied().collect()
    }

    /// The worker answers. Without an outcome it loses the event.
    pub(crate) fn end(&self, attempt: AttemptId, outcome: Option<AttemptOutcome>) {
        let mut state = self.state();
        let Some(running) = state.running.remove(&attempt) else { return };
        state.trace.push(format!("end {attempt:?} {outcome:?}"));
        if matches!(outcome, Some(AttemptOutcome::Succeeded { .. })) {
            state.fulfil(&running.dispatch, running.serial);
        }
        drop(state);
        match outcome {
            Some(outcome) => running.done.finish(outcome),
            None => drop(running.done),
        }
    }

    /// A worker answers after its time was up.
    pub(crate) fn answer_late(&self) {
        let late = self.state().late.pop();
        if let Some(done) = late {
            done.finish(AttemptOutcome::Succeeded { handled: true });
        }
    }

    /// The process is gone, and all its workers.
    pub(crate) fn killed(&self) {
        let mut state = self.state();
        let gone = (std::mem::take(&mut state.running), std::mem::take(&mut state.late));
        drop(state);
        drop(gone);
    }
}

impl State {
    /// An event that began after the promise has done what was promised.
    fn fulfil(&mut self, dispatch: &Dispatch, serial: u64) {
        let key = (dispatch.registration, dispatch.tag.to_string_lossy());
        if self.obliged.get(&key).is_some_and(|since| serial > *since) {
            self.obliged.remove(&key);
        }
    }
}

impl WorkerBackend for Model {
    fn attach(&self, _: HostHandle) {}

    fn dispatch(&self, dispatch: &Dispatch, done: DispatchDone) {
        let mut state = self.state();
        state.serial += 1;
        let serial = state.serial;
        let twice = state.running.values().any(|running| {
            let other = &running.dispatch;
            (other.registration, other.kind, &other.tag)
                == (dispatch.registration, dispatch.kind, &dispatch.tag)
        });
        assert!(!twice, "{:?} {} runs twice at once (R63)", dispatch.kind, dispatch.tag);
        state.trace.push(format!("dispatch {:?} {} {}", dispatch.kind, dispatch.tag, dispatch.last_chance));
        if dispatch.kind == SyncKind::PeriodicSync {
            let key = (dispatch.registration, dispatch.tag.to_string_lossy());
            *state.periodic.entry(key).or_default() += 1;
        } else if dispatch.last_chance {
            // However this one ends, the entry may go (R78).
            state.fulfil(dispatch, serial);
        }
        state.running.insert(dispatch.attempt, Running { dispatch: dispatch.clone(), done, serial });
    }

    fn terminate(&self, attempt: AttemptId) {
        let mut state = self.state();
        if let Some(running) = state.running.remove(&attempt) {
            state.trace.push(format!("terminate {attempt:?}"));
            state.late.push(running.done);
        }
    }
}
