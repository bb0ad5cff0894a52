//! Runs one engine: inputs in, one commit, effects out. Has no thread and no clock, so a simulator can run it too.

mod doubt;
mod facts;
mod permission_gate;

use crate::connection::ConnectionCell;
use crate::message::{Answer, Message, View};
use crate::observer::Observers;
use crate::store::{ActivityQuery, Lease, SkippedRecord, Store, StoreError};
use crate::worker::{DispatchDone, WorkerBackend};
use crate::{Clock, HostHandle, OpenError, PermissionProvider};
use doubt::Doubt;
use facts::Facts;
use permission_gate::PermissionGate;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;
use wakeworker_core::{
    Activity, AttemptId, AttemptOutcome, Change, Config, Connection, Dispatch, Durability, Effect, Engine,
    InFlight, Input, Monotonic, Now, RegisterError, RequestId, Snapshot, Step, StorageKey, SyncRegistered,
};

/// One engine, its store and its worker backend, without a thread: what [`crate::Host`] runs, and what a simulator or a
/// program with its own event loop may run instead.
///
/// [`Driver::turn`] is the whole loop body: all inputs that have arrived share one commit (group commit, design
/// decision 2), and no effect is performed before its changes are durable.
pub struct Driver {
    skipped: Vec<SkippedRecord>,
    receiver: Receiver<Message>,
    /// Taken from the receiver only to know that it is there.
    peeked: Option<Message>,
    clock: Arc<dyn Clock>,
    config: Config,
    engine: Engine,
    store: Box<dyn Store>,
    lease: Lease,
    backend: Arc<dyn WorkerBackend>,
    network: ConnectionCell,
    host: HostHandle,
    observed: Observed,
    requests: HashMap<RequestId, Answer>,
    facts: Facts,
    gate: PermissionGate,
    /// Events that were really dispatched, or that the store takes for running, and that have not ended: what a new engine
    /// must be told of.
    running: BTreeMap<AttemptId, InFlight>,
    /// Inputs that nobody repeats and that could not be written yet, and when they came: an event that ended in time must
    /// not be taken for late because the store was away.
    unwritten: Vec<(Now, Input)>,
    /// The commit that failed first, of which nobody knows whether it was done.
    doubt: Option<Doubt>,
    /// Log lines that could not be written yet.
    unwritten_log: Vec<Change>,
    /// The store failed and the engine could not be brought back: everything is refused until it can, at this time.
    retry_store_at: Option<Monotonic>,
    /// The engine's counters do not have yet what the log remembers: all but this many lines at its end. A long log is not
    /// read while a program waits for its host.
    uncounted: Option<usize>,
}

/// Who is told what.
#[derive(Clone, Default)]
pub(crate) struct Observed {
    pub(crate) activity: Observers<Activity>,
    pub(crate) registered: Observers<SyncRegistered>,
    pub(crate) keep_awake: Observers<bool>,
}

/// Inputs that share one commit at most.
const BATCH_MAX: usize = 1_024;

/// Log lines kept while the store refuses them.
const UNWRITTEN_LOG_MAX: usize = 1_000;

/// Delay before the store is tried again after it failed, in milliseconds.
const STORE_RETRY_MS: u64 = 1_000;

impl Driver {
    /// Takes the profile and restores the engine from it.
    #[expect(clippy::too_many_arguments, reason = "the parts of a driver, put together in one place")]
    pub(crate) fn open(
        mut config: Config,
        mut store: Box<dyn Store>,
        backend: Arc<dyn WorkerBackend>,
        network: ConnectionCell,
        host: HostHandle,
        observed: Observed,
        receiver: Receiver<Message>,
        clock: Arc<dyn Clock>,
        permissions: Option<Arc<dyn PermissionProvider>>,
    ) -> Result<Driver, OpenError> {
        let now = clock.now();
        let lease = store.acquire()?;
        let loaded = store.load(&lease)?;
        config.jitter_seed ^= loaded.installation_seed; // R92
        config.coalescing_seed ^= loaded.installation_seed; // design decision 11
        let mut step = Step::default();
        let engine = Engine::restore(config.clone(), loaded.snapshot, now, &mut step)?;
        let mut driver = Driver {
            skipped: loaded.skipped,
            receiver,
            peeked: None,
            clock,
            config,
            engine,
            store,
            lease,
            backend,
            network,
            host,
            observed,
            requests: HashMap::new(),
            facts: Facts::default(),
            gate: PermissionGate::new(permissions),
            running: BTreeMap::new(),
            unwritten: Vec::new(),
            doubt: None,
            unwritten_log: Vec::new(),
            retry_store_at: None,
            uncounted: None,
        };
        let keys: BTreeSet<StorageKey> =
            driver.engine.worker_registrations().map(|worker| worker.storage_key.clone()).collect();
        for input in keys.iter().flat_map(|key| driver.gate.meet(key)).collect::<Vec<_>>() {
            driver.take_in(now, input, &mut step, &mut Vec::new());
        }
        driver.write(&step)?;
        let is_in_log = driver.host.is_recording() && !step.changes_only_the_log();
        driver.uncounted =
            Some(if is_in_log { step.changes.iter().filter(|c| is_log(c)).count() } else { 0 });
        driver.perform(step);
        driver.compare_workers();
        Ok(driver)
    }

    /// Records that could not be read at the start and were left as they are (R170).
    pub fn skipped_records(&self) -> &[SkippedRecord] {
        &self.skipped
    }

    /// Asserts that the parts of the engine's state agree with each other. For tests and simulators.
    ///
    /// # Panics
    /// If they do not: that is a defect of the engine.
    pub fn check_invariants(&self) {
        self.engine.check_invariants();
    }

    /// Handles everything that has arrived, commits once, performs the effects. Returns after how many milliseconds to
    /// call again if nothing else happens; `None` if there is nothing to wait for.
    pub fn turn(&mut self) -> Option<u64> {
        let peeked = self.peeked.take();
        let batch: Vec<Message> =
            peeked.into_iter().chain(self.receiver.try_iter()).take(BATCH_MAX).collect();
        self.handle_batch(batch)
    }

    /// Whether something has arrived for the next turn. For callers of [`Driver::turn`] that let time pass only when
    /// nothing is left to do.
    pub fn has_messages(&mut self) -> bool {
        if self.peeked.is_none() {
            self.peeked = self.receiver.try_recv().ok();
        }
        self.peeked.is_some()
    }

    /// The engine thread: sleeps until something happens or is due, and ticks for nothing else. Ends at a shutdown.
    pub(crate) fn run(mut self) {
        let mut batch: Vec<Message> = self.peeked.take().into_iter().collect();
        // What has arrived already is handled without waiting.
        let mut wait_ms = (!batch.is_empty()).then_some(0);
        loop {
            let first = match wait_ms {
                None => self.receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(ms) => self.receiver.recv_timeout(Duration::from_millis(ms)),
            };
            match first {
                Ok(message) => batch.push(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            batch.extend(self.receiver.try_iter().take(BATCH_MAX - batch.len()));
            let shutdown = batch.iter().any(|message| matches!(message, Message::Shutdown));
            wait_ms = self.handle_batch(batch.drain(..));
            if shutdown {
                break;
            }
        }
        // A profile that could not be given back is taken over as after a crash: nothing is lost by it.
        drop(self.shut_down());
    }

    fn handle_batch(&mut self, messages: impl IntoIterator<Item = Message>) -> Option<u64> {
        let now = self.clock.now();
        if let Some(newest) = self.uncounted.take() {
            count_again(&mut self.engine, self.store.as_mut(), newest);
        }
        self.recover_if_due(now);
        let mut queries = Vec::new();
        let mut web_messages = Vec::new();
        let mut kept = Vec::new();
        let mut step = Step::default();
        self.engine.handle_input(now, Input::TimePassed, &mut step);
        let mut messages: VecDeque<Message> = messages.into_iter().collect();
        // Messages at the front that have waited for an answer already.
        let mut released = 0;
        while let Some(message) = messages.pop_front() {
            let message = if released > 0 {
                released -= 1;
                message
            } else {
                match self.gate.admit(&self.engine, &self.host, message) {
                    Some(message) => message,
                    None => continue,
                }
            };
            match message {
                Message::Input(input) => self.take_in(now, input, &mut step, &mut kept),
                Message::Ask { request, input, answer } => {
                    self.requests.insert(request, answer);
                    self.take_in(now, input, &mut step, &mut kept);
                }
                Message::PermissionAnswered(answer) => {
                    let (input, mut waited) = self.gate.answered(answer);
                    released += waited.len();
                    waited.append(&mut messages);
                    messages = waited;
                    if let Some(input) = input {
                        self.take_in(now, input, &mut step, &mut kept);
                    }
                }
                Message::Query(query) => queries.push(query),
                Message::PostToWorker { registration, worker, json } => {
                    web_messages.push((registration, worker, json));
                }
                Message::Shutdown => {}
            }
        }
        if self.retry_store_at.is_none() && self.write(&step).is_ok() {
            self.forget_ended(kept.iter());
            self.perform(step);
        } else {
            if self.retry_store_at.is_none() {
                self.doubt = Some(Doubt::new(now, step, kept.len(), &self.engine, self.running.keys()));
            }
            self.fail_batch(now, kept);
        }
        self.flush_log();
        for (registration, worker, json) in web_messages {
            self.backend.post_web_message(registration, worker, json);
        }
        for query in queries {
            query(View { engine: &self.engine, store: self.store.as_mut(), lease: &self.lease, now });
        }
        let store_retry = self.retry_store_at.map(|at| at.ms_since(now.mono));
        let wakeup = self.engine.next_wakeup(now).map(|wakeup| wakeup.after_ms);
        store_retry.or(wakeup)
    }

    /// Hands one input to the engine, and remembers what must be told again if the engine is lost.
    fn take_in(&mut self, now: Now, input: Input, step: &mut Step, kept: &mut Vec<Input>) {
        if let Input::AddWorkerRegistration { storage_key, .. } = &input {
            for stated in self.gate.meet(storage_key) {
                self.facts.note(&stated);
                self.engine.handle_input(now, stated, step);
            }
        }
        self.facts.note(&input);
        if must_not_be_lost(&input) {
            kept.push(input.clone());
        }
        self.engine.handle_input(now, input, step);
    }

    /// Refuses what still waits and gives the profile back.
    pub fn shut_down(self) -> Result<(), StoreError> {
        let Driver { mut store, lease, backend, requests, .. } = self;
        backend.shutdown();
        drop(requests);
        store.release(lease)
    }

    /// Makes the changes of a step durable. Log lines alone may follow the effects.
    fn write(&mut self, step: &Step) -> Result<(), StoreError> {
        if step.changes_only_the_log() {
            return Ok(());
        }
        if !self.host.is_recording() {
            let changes: Vec<Change> =
                step.changes.iter().filter(|change| !is_log(change)).cloned().collect();
            return self.store.commit(&self.lease, &changes, step.durability);
        }
        self.store.commit(&self.lease, &step.changes, step.durability)
    }

    /// Performs the effects of a written step in their order, then tells observers what happened.
    fn perform(&mut self, step: Step) {
        let log_unwritten = step.changes_only_the_log();
        let worker_events = self.host.workers().apply(&step.changes);
        for effect in step.effects {
            match effect {
                Effect::Resolve(request, resolution) => self.answer(request, Ok(resolution)),
                Effect::Reject(request, error) => self.answer(request, Err(error)),
                Effect::Dispatch(dispatch) => self.dispatch(&dispatch),
                Effect::Terminate(attempt) => {
                    self.running.remove(&attempt);
                    self.backend.terminate(attempt);
                }
                Effect::Announce(registered) => self.observed.registered.notify(&registered),
                Effect::KeepAwake(on) => self.observed.keep_awake.notify(&on),
                _ => debug_assert!(false, "an effect that the driver does not know"),
            }
        }
        self.host.workers().raise(&self.host, worker_events);
        if !self.observed.activity.is_empty() {
            for change in &step.changes {
                if let Change::Record(activity) = change {
                    self.observed.activity.notify(activity);
                }
            }
        }
        if log_unwritten && self.host.is_recording() {
            self.unwritten_log.extend(step.changes);
        }
    }

    fn dispatch(&mut self, dispatch: &Dispatch) {
        let attempt = dispatch.attempt;
        if dispatch.needs_network && !self.network.get().is_online() {
            // R54, D11: the news of the lost connection may still be on its way to the engine.
            self.host
                .send(Message::Input(Input::NetworkChanged { connection: Connection::None, network: None }));
            self.host.attempt_ended(attempt, AttemptOutcome::NotDispatched);
            return;
        }
        if let Some(in_flight) = self.engine.in_flight(attempt) {
            self.running.insert(attempt, in_flight.clone());
        }
        self.backend.dispatch(dispatch, DispatchDone::new(attempt, self.host.clone()));
    }

    fn answer(&mut self, request: RequestId, result: Result<wakeworker_core::Resolution, RegisterError>) {
        if let Some(answer) = self.requests.remove(&request) {
            answer.give(result);
        }
    }

    /// The batch could not be written, or nobody knows whether it was: refuse its requests and start over from the
    /// store (design decision 3; R36). What nobody repeats is kept, so that no event is fired twice (R171).
    fn fail_batch(&mut self, now: Now, kept: Vec<Input>) {
        let running: Vec<RequestId> =
            self.running.values().flat_map(|in_flight| in_flight.requests.iter().copied()).collect();
        let refused = self.requests.extract_if(|request, _| !running.contains(request));
        for (_, answer) in refused.collect::<Vec<_>>() {
            answer.give(Err(RegisterError::Storage));
        }
        self.unwritten.extend(kept.into_iter().map(|input| (now, input)));
        if self.retry_store_at.is_none() {
            self.retry_store_at = Some(now.mono);
            self.recover_if_due(now);
        }
    }

    /// Builds a new engine from the store and tells it everything that the store does not know.
    fn recover_if_due(&mut self, now: Now) {
        if self.retry_store_at.is_none_or(|at| at > now.mono) {
            return;
        }
        match self.recover(now) {
            Some(step) => {
                self.retry_store_at = None;
                let unwritten = std::mem::take(&mut self.unwritten);
                self.forget_ended(unwritten.iter().map(|(_, input)| input));
                self.perform(step);
                self.compare_workers();
            }
            None => self.retry_store_at = Some(now.mono.plus_ms(STORE_RETRY_MS)),
        }
    }

    fn recover(&mut self, now: Now) -> Option<Step> {
        let loaded = self.store.load(&self.lease).ok()?;
        self.settle_doubt(&loaded.snapshot);
        let snapshot = Snapshot {
            in_flight: self.running.values().cloned().collect(),
            last_attempt: self.engine.last_attempt(),
            ..loaded.snapshot
        };
        let mut step = Step::default();
        let mut engine = Engine::restore(self.config.clone(), snapshot, now, &mut step).ok()?;
        count_again(&mut engine, self.store.as_mut(), 0);
        let unwritten = self.unwritten.iter().cloned();
        let facts = self.facts.inputs(self.network.get()).into_iter().map(|fact| (now, fact));
        for (at, input) in unwritten.chain(facts) {
            engine.handle_input(at, input, &mut step);
        }
        self.engine = engine;
        if self.store.commit(&self.lease, &step.changes, step.durability).is_err() {
            self.doubt = Some(Doubt::new(now, step, self.unwritten.len(), &self.engine, self.running.keys()));
            return None;
        }
        Some(step)
    }

    /// The store has been read again: if the commit in doubt is in it, its inputs have been handled. The store then says of
    /// its new events that they have begun, and the engine is told that they did not reach their workers: an event that
    /// never ran must not count as interrupted (R54, R169).
    fn settle_doubt(&mut self, found: &Snapshot) {
        let Some(doubt) = self.doubt.take().filter(|doubt| doubt.was_written(found)) else { return };
        let unreached = doubt.unreached().map(|(at, event)| {
            let attempt = event.dispatch.attempt;
            self.running.insert(attempt, event.clone());
            (at, Input::AttemptEnded { attempt, outcome: AttemptOutcome::NotDispatched })
        });
        self.unwritten.splice(..doubt.inputs.min(self.unwritten.len()), unreached.collect::<Vec<_>>());
        for attempt in &doubt.ended {
            self.running.remove(attempt);
        }
        for effect in doubt.into_effects() {
            match effect {
                Effect::Resolve(request, resolution) => self.answer(request, Ok(resolution)),
                Effect::Reject(request, error) => self.answer(request, Err(error)),
                Effect::Terminate(attempt) => self.backend.terminate(attempt),
                _ => {}
            }
        }
    }

    /// Takes over the worker registrations of an engine that was just restored: of a commit whose result was unknown, the
    /// table may have missed what did reach the store.
    fn compare_workers(&self) {
        let events = self.host.workers().replace_all(self.engine.worker_registrations());
        self.host.workers().raise(&self.host, events);
    }

    fn forget_ended<'a>(&mut self, written: impl Iterator<Item = &'a Input>) {
        for input in written {
            if let Input::AttemptEnded { attempt, .. } = input {
                self.running.remove(attempt);
            }
        }
    }

    /// Writes the log lines of steps that changed nothing else.
    fn flush_log(&mut self) {
        if self.unwritten_log.is_empty() || self.retry_store_at.is_some() {
            return;
        }
        match self.store.commit(&self.lease, &self.unwritten_log, Durability::Lazy) {
            Ok(()) => self.unwritten_log.clear(),
            Err(_) => {
                let excess = self.unwritten_log.len().saturating_sub(UNWRITTEN_LOG_MAX);
                self.unwritten_log.drain(..excess);
            }
        }
    }
}

/// Gives a new engine's counters what the log remembers, but for the newest lines, which it wrote itself (R145). A log that
/// cannot be read costs only them.
fn count_again(engine: &mut Engine, store: &mut dyn Store, newest: usize) {
    let all = ActivityQuery { after: 0, limit: usize::MAX };
    let log = store.activities(&all).unwrap_or_default();
    let earlier = log.len().saturating_sub(newest);
    engine.audit_log(log[..earlier].iter().map(|recorded| &recorded.activity));
}

fn is_log(change: &Change) -> bool {
    matches!(change, Change::Record(_))
}

/// Facts that their source states once and the store keeps: they must reach the next engine if this one is lost.
fn must_not_be_lost(input: &Input) -> bool {
    matches!(input, Input::AttemptEnded { .. } | Input::ActiveWorkerChanged { .. })
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("engine", &self.engine).finish_non_exhaustive()
    }
}
