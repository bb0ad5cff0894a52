//! The engine: one profile's registrations, clients and running events, and the single way in.

use crate::client::Clients;
use crate::permission::Permissions;
use crate::schedule::Schedule;
use crate::{
    Activity, ActivityEvent, AttemptId, AttemptOutcome, Change, Config, Connection, Dispatch, Effect,
    InFlight, Input, Now, OneShotOptions, RegisterError, RequestId, Resolution, RestoreError, Snapshot, Step,
    StorageKey, SyncKind, SyncOptions, SyncRegistration, SyncRegistrationId, Tag, Wakeup, WorkerRegistration,
    WorkerRegistrationId, one_shot,
};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;

/// The Background Sync engine of one profile.
///
/// Every method is total: whatever the input, the engine neither fails nor panics, and a question always gets its
/// one answer in the same [`Step`], except for [`Input::DispatchEvent`], which is answered when the event has ended.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) config: Config,
    pub(crate) workers: BTreeMap<WorkerRegistrationId, WorkerRegistration>,
    pub(crate) by_scope: BTreeMap<(StorageKey, String), WorkerRegistrationId>,
    pub(crate) entries: BTreeMap<SyncRegistrationId, Entry>,
    pub(crate) by_tag: BTreeMap<(WorkerRegistrationId, SyncKind, Tag), SyncRegistrationId>,
    /// One-off entries in state `pending`: what a change to online fires.
    pub(crate) ready: BTreeSet<SyncRegistrationId>,
    pub(crate) schedule: Schedule,
    pub(crate) attempts: BTreeMap<AttemptId, InFlight>,
    pub(crate) clients: Clients,
    pub(crate) permissions: Permissions,
    pub(crate) connection: Connection,
    last_id: u64,
    last_attempt: AttemptId,
}

/// A sync registration: the durable record and what only this process knows of it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) record: SyncRegistration,
    pub(crate) phase: Phase,
}

/// The state without what the record says already: `firing` and `reregisteredWhileFiring` differ by its flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Pending,
    Firing(AttemptId),
    Waiting(crate::Monotonic),
}

impl Engine {
    /// An engine that goes on where the one that wrote `snapshot` stopped. The step must be performed like any other.
    ///
    /// It is offline, knows no client and has default permissions until it is told otherwise (R55).
    pub fn restore(
        config: Config,
        snapshot: Snapshot,
        now: Now,
        step: &mut Step,
    ) -> Result<Engine, RestoreError> {
        check_config(&config)?;
        let mut engine = Engine {
            config,
            workers: BTreeMap::new(),
            by_scope: BTreeMap::new(),
            entries: BTreeMap::new(),
            by_tag: BTreeMap::new(),
            ready: BTreeSet::new(),
            schedule: Schedule::default(),
            attempts: BTreeMap::new(),
            clients: Clients::default(),
            permissions: Permissions::default(),
            connection: Connection::None,
            last_id: snapshot.last_id,
            last_attempt: snapshot.last_attempt,
        };
        for worker in snapshot.worker_registrations {
            engine.last_id = engine.last_id.max(worker.id.0);
            engine.by_scope.insert((worker.storage_key.clone(), worker.scope.clone()), worker.id);
            engine.workers.insert(worker.id, worker);
        }
        let mut running = BTreeMap::new();
        for in_flight in snapshot.in_flight {
            engine.last_attempt = engine.last_attempt.max(in_flight.dispatch.attempt);
            if let Some(sync) = in_flight.sync {
                running.insert(sync, in_flight.dispatch.attempt);
            }
            engine.adopt_attempt(in_flight);
        }
        for record in snapshot.sync_registrations {
            engine.last_id = engine.last_id.max(record.id.0);
            if engine.workers.contains_key(&record.worker_registration) {
                let attempt = running.get(&record.id).copied();
                one_shot::restore_entry(&mut engine, now, record, attempt, step);
            }
        }
        let entries = engine.entries.len();
        engine.record(now, None, None, ActivityEvent::Started { entries }, step);
        Ok(engine)
    }

    /// Takes in one thing that happened and appends what follows from it to `step`.
    pub fn handle_input(&mut self, now: Now, input: Input, step: &mut Step) {
        self.handle_due(now, step);
        match input {
            Input::TimePassed => {}
            Input::RegisterOneShot { request, options, .. } if options != OneShotOptions::default() => {
                refuse(request, "a one-off registration with options", step);
            }
            Input::RegisterOneShot { request, registration, tag, .. } => {
                one_shot::register(self, now, request, registration, tag, step);
            }
            Input::RegisterPeriodic { request, .. } => refuse(request, "periodic sync", step),
            Input::Unregister { request, .. } => refuse(request, "`unregister`", step),
            Input::DispatchPeriodic { request, .. } => {
                refuse(request, "the dispatch of periodic events", step)
            }
            Input::FireSync { request, .. } => refuse(request, "the dispatch of entries", step),
            Input::CancelSync { request, .. } => refuse(request, "the cancelling of entries", step),
            Input::FireDue { request } => refuse(request, "firing what is due", step),
            Input::PowerChanged(_)
            | Input::ReachabilityChanged { .. }
            | Input::EmulateOffline { .. }
            | Input::EngagementChanged { .. }
            | Input::SetActiveUse { .. }
            | Input::AllowWithoutWindow { .. } => {}
            Input::GetTags { request, registration, kind } => {
                step.effects.push(Effect::Resolve(request, Resolution::Tags(self.tags(registration, kind))));
            }
            Input::AddWorkerRegistration { request, storage_key, scope, script_url } => {
                self.add_worker_registration(now, request, storage_key, scope, script_url, step);
            }
            Input::ActiveWorkerChanged { registration, active, script_url } => {
                self.active_worker_changed(now, registration, active, script_url, step);
            }
            Input::RemoveWorkerRegistration { request, registration } => {
                self.remove_worker_registration(now, request, registration, step);
            }
            Input::ClearStorage { request, storage_key } => {
                self.clear_storage(now, request, &storage_key, step)
            }
            Input::ClientOpened { client, storage_key, frame_type } => {
                self.clients.open(client, storage_key, frame_type);
            }
            Input::ClientClosed { client } => self.clients.close(client),
            Input::NetworkChanged { connection, .. } => self.network_changed(now, connection, step),
            Input::PermissionChanged { storage_key, name, state } => {
                if self.permissions.set(storage_key.clone(), name, state) {
                    let event = ActivityEvent::PermissionChanged { name, state };
                    self.record_of_key(now, storage_key, event, step);
                    one_shot::fire_ready(self, now, step); // D14: granted again
                }
            }
            Input::AttemptEnded { attempt, outcome } => self.attempt_ended(now, attempt, outcome, step),
            Input::DispatchEvent { request, registration, kind, tag, last_chance } => {
                self.dispatch_event(now, request, registration, kind, tag, last_chance, step);
            }
        }
    }

    /// When the engine wants [`Input::TimePassed`] next, and why. `None`: only when something else happens.
    pub fn next_wakeup(&self, now: Now) -> Option<Wakeup> {
        self.schedule.next_wakeup(now, self.connection.is_online())
    }

    /// The worker registrations in the order in which they were made.
    pub fn worker_registrations(&self) -> impl Iterator<Item = &WorkerRegistration> {
        self.workers.values()
    }

    /// The connection as last told.
    pub fn connection(&self) -> Connection {
        self.connection
    }

    /// A running event, for the [`Snapshot`] of an engine that is replaced while its process lives.
    pub fn in_flight(&self, attempt: AttemptId) -> Option<&InFlight> {
        self.attempts.get(&attempt)
    }

    /// The highest attempt id given so far, for [`Snapshot::last_attempt`].
    pub fn last_attempt(&self) -> AttemptId {
        self.last_attempt
    }

    /// Asserts that the parts of the state agree with each other. For tests and the simulator.
    ///
    /// # Panics
    /// If they do not: that is a defect of the engine.
    pub fn check_invariants(&self) {
        self.clients.check_invariants();
        for (id, entry) in &self.entries {
            let key = (entry.record.worker_registration, entry.record.kind(), entry.record.tag.clone());
            assert_eq!(self.by_tag.get(&key), Some(id), "index by tag");
            assert_eq!(self.ready.contains(id), entry.phase == Phase::Pending, "ready set");
            assert!(self.workers.contains_key(&entry.record.worker_registration), "entry without owner");
            assert!(
                entry.record.attempts < entry.record.attempts_max,
                "an entry out of attempts is removed (R78)"
            );
            match entry.phase {
                Phase::Pending => {}
                Phase::Waiting(due) => {
                    assert!(self.schedule.retries().contains(&(due, *id)), "retry not scheduled")
                }
                Phase::Firing(attempt) => {
                    let in_flight = self.attempts.get(&attempt).map(|running| running.sync);
                    assert_eq!(in_flight, Some(Some(*id)), "firing without an attempt");
                }
            }
        }
        assert_eq!(self.by_tag.len(), self.entries.len(), "stale index by tag");
        assert!(self.ready.iter().all(|id| self.entries.contains_key(id)), "stale ready set");
        let waiting = self.entries.values().filter(|entry| matches!(entry.phase, Phase::Waiting(_))).count();
        assert_eq!(self.schedule.retries().len(), waiting, "stale retry");
        assert_eq!(self.schedule.timeouts().len(), self.attempts.len(), "stale time limit");
        for (attempt, running) in &self.attempts {
            assert!(self.schedule.timeouts().contains(&(running.deadline, *attempt)), "no time limit (R85)");
        }
        assert_eq!(self.by_scope.len(), self.workers.len(), "stale index by scope");
    }

    /// The next id for a worker registration or sync registration.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Starts an attempt: everything but the entry's own state.
    pub(crate) fn begin_attempt(
        &mut self,
        now: Now,
        sync: Option<SyncRegistrationId>,
        requests: alloc::vec::Vec<RequestId>,
        mut dispatch: Dispatch,
        step: &mut Step,
    ) -> AttemptId {
        self.last_attempt.0 += 1;
        dispatch.attempt = self.last_attempt;
        if self.attempts.is_empty() {
            step.effects.push(Effect::KeepAwake(true)); // R178
        }
        let deadline = now.mono.plus_ms(dispatch.timeout_ms); // R85
        self.adopt_attempt(InFlight { dispatch: dispatch.clone(), sync, requests, deadline });
        step.effects.push(Effect::Dispatch(dispatch));
        self.last_attempt
    }

    /// Notes an activity of a worker registration or one of its entries.
    pub(crate) fn record(
        &self,
        now: Now,
        registration: Option<WorkerRegistrationId>,
        sync: Option<(SyncKind, Tag)>,
        event: ActivityEvent,
        step: &mut Step,
    ) {
        let storage_key =
            registration.and_then(|id| self.workers.get(&id)).map(|worker| worker.storage_key.clone());
        step.changes.push(Change::Record(Activity {
            time: now.wall,
            storage_key,
            registration,
            sync,
            event,
        }));
    }

    /// How long an event of this kind may run.
    pub(crate) fn event_duration_max_ms(&self, kind: SyncKind, last_chance: bool) -> u64 {
        match kind {
            SyncKind::BackgroundSync if last_chance => self.config.last_chance_duration_max_ms, // R88
            SyncKind::BackgroundSync => self.config.event_duration_max_ms,                      // R87
            SyncKind::PeriodicSync => self.config.periodic_event_duration_max_ms,               // R132
        }
    }

    fn adopt_attempt(&mut self, in_flight: InFlight) {
        let attempt = in_flight.dispatch.attempt;
        self.schedule.add_timeout(in_flight.deadline, attempt);
        self.attempts.insert(attempt, in_flight);
    }

    /// Ends events whose time is up, and back-off delays that have passed.
    fn handle_due(&mut self, now: Now, step: &mut Step) {
        while let Some(attempt) = self.schedule.pop_due_timeout(now) {
            step.effects.push(Effect::Terminate(attempt));
            let outcome = AttemptOutcome::Failed { reason: crate::FailureReason::TimedOut, message: None };
            self.attempt_ended(now, attempt, outcome, step); // R86, D8
        }
        while let Some(sync) = self.schedule.pop_due_retry(now) {
            one_shot::delay_ended(self, now, sync, step);
        }
        if self.schedule.take_due_recheck(now) {
            one_shot::fire_ready(self, now, step);
        }
    }

    fn attempt_ended(&mut self, now: Now, attempt: AttemptId, outcome: AttemptOutcome, step: &mut Step) {
        let Some(ended) = self.attempts.remove(&attempt) else { return }; // a late answer
        self.schedule.remove_timeout(ended.deadline, attempt);
        match ended.sync {
            Some(sync) => one_shot::attempt_ended(self, now, sync, &ended.dispatch, outcome, step),
            None => {
                self.record_outcome(now, &ended.dispatch, &outcome, step);
                for request in ended.requests {
                    step.effects.push(Effect::Resolve(request, Resolution::Outcome(outcome.clone())));
                }
            }
        }
        if self.attempts.is_empty() {
            step.effects.push(Effect::KeepAwake(false));
        }
    }

    fn record_outcome(&self, now: Now, dispatch: &Dispatch, outcome: &AttemptOutcome, step: &mut Step) {
        let event = match outcome {
            AttemptOutcome::Succeeded { handled } => ActivityEvent::Completed { handled: *handled },
            AttemptOutcome::Failed { reason, message } => {
                ActivityEvent::Failed { reason: *reason, message: message.clone(), next_attempt_ms: None }
            }
            AttemptOutcome::NotDispatched => ActivityEvent::NotDispatched,
        };
        self.record(
            now,
            Some(dispatch.registration),
            Some((dispatch.kind, dispatch.tag.clone())),
            event,
            step,
        );
    }

    fn network_changed(&mut self, now: Now, connection: Connection, step: &mut Step) {
        let was_online = self.connection.is_online();
        self.connection = connection;
        if connection.is_online() != was_online {
            let event = ActivityEvent::NetworkChanged { online: connection.is_online() };
            self.record(now, None, None, event, step);
        }
        one_shot::fire_ready(self, now, step); // R50, R56
    }

    fn tags(&self, registration: WorkerRegistrationId, kind: SyncKind) -> alloc::vec::Vec<Tag> {
        let first = (registration, kind, Tag::from("")); // The empty tag is the smallest.
        self.by_tag
            .range(first..)
            .take_while(|((owner, of_kind, _), _)| *owner == registration && *of_kind == kind) // R41
            .map(|((_, _, tag), _)| tag.clone()) // R39: whatever its state
            .collect()
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one input")]
    fn dispatch_event(
        &mut self,
        now: Now,
        request: RequestId,
        registration: WorkerRegistrationId,
        kind: SyncKind,
        tag: Tag,
        last_chance: bool,
        step: &mut Step,
    ) {
        let Some(worker) = self.workers.get(&registration) else {
            step.effects.push(Effect::Reject(request, RegisterError::NoRegistration));
            return;
        };
        let Some(active) = worker.active else {
            step.effects.push(Effect::Reject(request, RegisterError::NoActiveWorker));
            return;
        };
        let background = !self.clients.has_window(&worker.storage_key);
        let last_chance = last_chance && kind == SyncKind::BackgroundSync;
        let event = ActivityEvent::Dispatched { last_chance, attempt: 1, background };
        self.record(now, Some(registration), Some((kind, tag.clone())), event, step);
        let dispatch = Dispatch {
            attempt: AttemptId(0),
            registration,
            worker: active.id,
            kind,
            tag,
            last_chance,
            timeout_ms: self.event_duration_max_ms(kind, last_chance),
            needs_network: false, // D23: a tool has complete control.
        };
        self.begin_attempt(now, None, alloc::vec![request], dispatch, step);
    }

    fn record_of_key(&self, now: Now, storage_key: StorageKey, event: ActivityEvent, step: &mut Step) {
        let storage_key = Some(storage_key);
        step.changes.push(Change::Record(Activity {
            time: now.wall,
            storage_key,
            registration: None,
            sync: None,
            event,
        }));
    }
}

impl Entry {
    /// A new entry in state `pending`.
    pub(crate) fn new(record: SyncRegistration) -> Entry {
        Entry { record, phase: Phase::Pending }
    }

    /// Whether the entry is a one-off one.
    pub(crate) fn is_one_shot(&self) -> bool {
        self.record.options == SyncOptions::OneShot
    }
}

fn refuse(request: RequestId, feature: &'static str, step: &mut Step) {
    step.effects.push(Effect::Reject(request, RegisterError::Unsupported { feature }));
}

fn check_config(config: &Config) -> Result<(), RestoreError> {
    let rules: [(bool, &str, &str); 6] = [
        (config.attempts_max >= 1, "attempts_max", "at least 1"),
        (config.attempts_max_with_notifications >= 1, "attempts_max_with_notifications", "at least 1"),
        (config.retry_delay_factor >= 2, "retry_delay_factor", "at least 2, so that delays grow (R80)"),
        (config.interrupted_starts_max >= 1, "interrupted_starts_max", "at least 1"),
        (config.event_duration_max_ms >= 1, "event_duration_max_ms", "at least 1"),
        (config.last_chance_duration_max_ms >= 1, "last_chance_duration_max_ms", "at least 1"),
    ];
    for (holds, field, allowed) in rules {
        if !holds {
            return Err(RestoreError::Config { field, allowed });
        }
    }
    Ok(())
}
