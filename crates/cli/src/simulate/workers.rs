//! The workers of apps that come without a script: their events take as long and fail as often as the scenario says.

use super::draw::Draw;
use super::scenario::{App, Server};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use wakeworker::{DispatchDone, HostHandle, WorkerBackend};
use wakeworker_core::{AttemptId, AttemptOutcome, Dispatch, FailureReason};
use wakeworker_quickjs::Runtime;

/// Takes dispatches from the driver and keeps them until the simulation looks at them.
///
/// Those for apps with scripts go to the runtime from there, one at a time, so that every run is the same.
#[derive(Default)]
pub(crate) struct ModelWorkers {
    runtime: Option<Runtime>,
    arrived: Mutex<Vec<(Dispatch, DispatchDone)>>,
    terminated: Mutex<Vec<AttemptId>>,
}

impl ModelWorkers {
    /// Workers of which some are real ones.
    pub(crate) fn new(runtime: Option<Runtime>) -> ModelWorkers {
        ModelWorkers { runtime, ..ModelWorkers::default() }
    }

    /// The events that were dispatched since the last call.
    pub(crate) fn take(&self) -> Vec<(Dispatch, DispatchDone)> {
        std::mem::take(&mut *lock(&self.arrived))
    }

    /// The events whose time was up since the last call.
    pub(crate) fn take_terminated(&self) -> Vec<AttemptId> {
        std::mem::take(&mut *lock(&self.terminated))
    }
}

impl WorkerBackend for ModelWorkers {
    fn attach(&self, host: HostHandle) {
        if let Some(runtime) = &self.runtime {
            runtime.attach(host);
        }
    }

    fn dispatch(&self, dispatch: &Dispatch, done: DispatchDone) {
        lock(&self.arrived).push((dispatch.clone(), done));
    }

    fn terminate(&self, attempt: AttemptId) {
        lock(&self.terminated).push(attempt);
    }

    fn shutdown(&self) {
        if let Some(runtime) = &self.runtime {
            WorkerBackend::shutdown(runtime);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The running events of apps without scripts.
#[derive(Default)]
pub(crate) struct RunningEvents {
    running: BTreeMap<AttemptId, RunningEvent>,
}

struct RunningEvent {
    done: DispatchDone,
    needs_network: bool,
    outcome: AttemptOutcome,
}

impl RunningEvents {
    /// Starts an event. Gives how long it takes, or nothing if it never ends.
    pub(crate) fn start(
        &mut self,
        dispatch: &Dispatch,
        done: DispatchDone,
        app: &App,
        server: Server,
        draw: Draw,
    ) -> Option<u64> {
        let takes = app.takes.draw(draw.named("takes"));
        let luck = draw.named("luck");
        // One question decides both, so that the two probabilities never add up to more than they say.
        let hangs = luck.chance(app.hang);
        let fails = !hangs && luck.chance(app.hang + app.fail);
        let needs_server = dispatch.needs_network;
        let (outcome, takes) = match server {
            _ if hangs => (AttemptOutcome::Succeeded { handled: true }, None),
            Server::Down if needs_server => (rejected("the server cannot be reached"), Some(takes)),
            Server::Broken if needs_server => (rejected("the server answered 500"), Some(takes)),
            _ if fails => (rejected("the request failed"), Some(takes)),
            _ => (AttemptOutcome::Succeeded { handled: true }, Some(takes)),
        };
        self.running.insert(dispatch.attempt, RunningEvent { done, needs_network: needs_server, outcome });
        takes
    }

    /// Ends an event, if it still runs.
    pub(crate) fn end(&mut self, attempt: AttemptId) {
        if let Some(event) = self.running.remove(&attempt) {
            event.done.finish(event.outcome);
        }
    }

    /// Forgets an event whose time was up; nobody waits for its answer.
    pub(crate) fn terminate(&mut self, attempt: AttemptId) {
        self.running.remove(&attempt);
    }

    /// The network went away: what needed it fails.
    pub(crate) fn network_lost(&mut self) {
        let lost: Vec<_> = self.running.extract_if(.., |_, event| event.needs_network).collect();
        for (_, event) in lost {
            event.done.finish(rejected("the network went away"));
        }
    }

    /// The host is gone.
    pub(crate) fn clear(&mut self) {
        self.running.clear();
    }
}

fn rejected(why: &str) -> AttemptOutcome {
    AttemptOutcome::Failed { reason: FailureReason::Rejected, message: Some(why.into()) }
}
