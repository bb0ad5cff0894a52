//! The engine: one profile's registrations, clients and running events, and the single way in.

use crate::audit::Audit;
use crate::client::Clients;
use crate::coalesce::Grid;
use crate::dispatch::Queued;
use crate::entry::{Entry, Phase, Worker};
use crate::origin::Origin;
use crate::permission::Permissions;
use crate::schedule::{Gate, Schedule};
use crate::time::Moment;
use crate::{
    ActivityEvent, AttemptId, AttemptOutcome, Config, Connection, Dispatch, Effect, ExtraInterval, InFlight,
    Input, LastRound, NetworkId, Now, PermissionName, PermissionState, Power, RegisterError, RequestId,
    Resolution, RestoreError, Snapshot, Step, StorageKey, SyncKind, SyncRegistrationId, Tag,
    WorkerRegistration, WorkerRegistrationId, dispatch, one_shot, periodic, removal,
};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

/// The Background Sync engine of one profile.
///
/// Every method is total: whatever the input, the engine neither fails nor panics, and a question always gets its
/// one answer in the same [`Step`], except where an input is answered when an event has ended.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) config: Config,
    pub(crate) workers: BTreeMap<WorkerRegistrationId, Worker>,
    pub(crate) by_scope: BTreeMap<(StorageKey, String), WorkerRegistrationId>,
    pub(crate) entries: BTreeMap<SyncRegistrationId, Entry>,
    /// How many of the entries are periodic.
    pub(crate) periodic_entries: usize,
    /// Entries in state `pending`: what a change of the network or the power supply fires.
    pub(crate) ready: BTreeMap<Gate, BTreeSet<SyncRegistrationId>>,
    pub(crate) schedule: Schedule,
    /// Where round intervals fire (design decision 11).
    pub(crate) grid: Grid,
    pub(crate) last_round: Option<LastRound>,
    pub(crate) last_round_at: Moment,
    pub(crate) attempts: BTreeMap<AttemptId, InFlight>,
    /// What the host wants fired when a running event has ended (D22).
    pub(crate) queued: BTreeMap<SyncRegistrationId, Queued>,
    /// Who waits for all events of a moment to end (R182).
    due_waits: Vec<DueWait>,
    pub(crate) clients: Clients,
    pub(crate) permissions: Permissions,
    pub(crate) origins: BTreeMap<StorageKey, Origin>,
    pub(crate) connection: Connection,
    pub(crate) network: Option<NetworkId>,
    pub(crate) power: Power,
    pub(crate) audit: Audit,
    last_id: u64,
    last_attempt: AttemptId,
}

/// A host that had everything fired that was due.
#[derive(Clone, Debug)]
struct DueWait {
    request: RequestId,
    events: usize,
    running: BTreeSet<AttemptId>,
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
            grid: Grid::new(&config, snapshot.last_round, now),
            config,
            workers: BTreeMap::new(),
            by_scope: BTreeMap::new(),
            entries: BTreeMap::new(),
            periodic_entries: 0,
            ready: BTreeMap::new(),
            schedule: Schedule::default(),
            last_round: snapshot.last_round,
            last_round_at: snapshot.last_round.map_or(Moment::default(), |round| now.moment_of(round.time)),
            attempts: BTreeMap::new(),
            queued: BTreeMap::new(),
            due_waits: Vec::new(),
            clients: Clients::default(),
            permissions: Permissions::default(),
            origins: BTreeMap::new(),
            connection: Connection::None,
            network: None,
            power: Power::default(),
            audit: Audit::default(),
            last_id: snapshot.last_id,
            last_attempt: snapshot.last_attempt,
        };
        for (storage_key, last_fire) in snapshot.origin_fires {
            engine.origin_mut(&storage_key).last_fire = Some(now.moment_of(last_fire));
        }
        for worker in snapshot.worker_registrations {
            engine.last_id = engine.last_id.max(worker.id.0);
            let scope = (worker.storage_key.clone(), worker.scope.clone());
            // Another program may have written to the store: of two that claim one id or one scope, the first one counts,
            // and the other one stays where it is, unread (R170).
            if !engine.workers.contains_key(&worker.id) && !engine.by_scope.contains_key(&scope) {
                engine.by_scope.insert(scope, worker.id);
                engine.workers.insert(worker.id, Worker::new(worker));
            }
        }
        let mut running = BTreeMap::new();
        for in_flight in snapshot.in_flight {
            engine.last_attempt = engine.last_attempt.max(in_flight.dispatch.attempt);
            if let Some(sync) = in_flight.sync {
                running.insert(sync, in_flight.dispatch.attempt);
            }
            engine.adopt_attempt(in_flight);
        }
        engine.restore_entries(now, snapshot.sync_registrations, &running, step);
        let entries = engine.entries.len();
        engine.record(now, None, None, ActivityEvent::Started { entries }, step);
        Ok(engine)
    }

    /// Takes in one thing that happened and appends what follows from it to `step`.
    pub fn handle_input(&mut self, now: Now, input: Input, step: &mut Step) {
        self.handle_due(now, step);
        match input {
            Input::TimePassed => periodic::run(self, now, false, step),
            Input::RegisterOneShot { request, registration, tag, options } => {
                one_shot::register(self, now, request, registration, tag, options, step);
            }
            Input::RegisterPeriodic { request, registration, tag, options } => {
                periodic::register(self, now, request, registration, tag, options, step);
            }
            Input::Unregister { request, registration, kind, tag } => {
                removal::unregister(self, now, request, registration, kind, &tag, step);
            }
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
            Input::NetworkChanged { connection, network } => {
                self.network_changed(now, connection, network, step);
            }
            Input::PowerChanged(power) => self.power_changed(now, power, step),
            Input::ReachabilityChanged { storage_key, reachable } => {
                self.origin_mut(&storage_key).unreachable = !reachable;
                self.origin_changed(now, &storage_key, step);
            }
            Input::EmulateOffline { registration, offline } => {
                self.emulate_offline(now, registration, offline, step);
            }
            Input::EngagementChanged { storage_key, extra } => {
                self.engagement_changed(now, &storage_key, extra, step);
            }
            Input::SetActiveUse { storage_key, active } => {
                self.origin_mut(&storage_key).in_use = active;
                self.origin_changed(now, &storage_key, step);
            }
            Input::AllowWithoutWindow { storage_key, allowed } => {
                self.origin_mut(&storage_key).without_window = allowed;
            }
            Input::PermissionChanged { storage_key, name, state } => {
                self.permission_changed(now, storage_key, name, state, step);
            }
            Input::AttemptEnded { attempt, outcome } => self.attempt_ended(now, attempt, outcome, step),
            Input::DispatchEvent { request, registration, kind, tag, last_chance } => {
                dispatch::tool_event(self, now, request, registration, kind, tag, last_chance, step);
            }
            Input::DispatchPeriodic { request, registration, worker, tag, needs_network } => {
                let (owner, tag) = (registration, &tag);
                dispatch::dispatch_periodic(self, now, request, owner, worker, tag, needs_network, step);
            }
            Input::FireSync { request, sync } => dispatch::fire_sync(self, now, request, sync, step),
            Input::CancelSync { request, sync } => removal::cancel(self, now, request, sync, step),
            Input::FireDue { request } => self.fire_due(now, request, step),
        }
    }

    /// The worker registrations in the order in which they were made.
    pub fn worker_registrations(&self) -> impl Iterator<Item = &WorkerRegistration> {
        self.workers.values().map(|worker| &worker.record)
    }

    /// The connection as last told.
    pub fn connection(&self) -> Connection {
        self.connection
    }

    /// The power supply as last told.
    pub fn power(&self) -> Power {
        self.power
    }

    /// A running event, for the [`Snapshot`] of an engine that is replaced while its process lives.
    pub fn in_flight(&self, attempt: AttemptId) -> Option<&InFlight> {
        self.attempts.get(&attempt)
    }

    /// The highest attempt id given so far, for [`Snapshot::last_attempt`].
    pub fn last_attempt(&self) -> AttemptId {
        self.last_attempt
    }

    /// An id is taken: the next one is greater.
    pub(crate) fn know_id(&mut self, id: u64) {
        self.last_id = self.last_id.max(id);
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
        requests: Vec<RequestId>,
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

    /// How long an event of this kind may run.
    pub(crate) fn event_duration_max_ms(&self, kind: SyncKind, last_chance: bool) -> u64 {
        match kind {
            SyncKind::BackgroundSync if last_chance => self.config.last_chance_duration_max_ms, // R88
            SyncKind::BackgroundSync => self.config.event_duration_max_ms,                      // R87
            SyncKind::PeriodicSync => self.config.periodic_event_duration_max_ms,               // R132
        }
    }

    /// Whether an event runs in the background: the definition for periodic events is the wider one (R143).
    pub(crate) fn runs_in_background(&self, kind: SyncKind, storage_key: &StorageKey) -> bool {
        match kind {
            SyncKind::BackgroundSync => !self.clients.has_window(storage_key),
            SyncKind::PeriodicSync => !self.clients.has_document(storage_key),
        }
    }

    /// The checks that both `register` begin with, in the order that the specifications give (R20, R97).
    pub(crate) fn check_may_register(
        &self,
        owner: WorkerRegistrationId,
        name: PermissionName,
        enabled: bool,
    ) -> Result<(), RegisterError> {
        let worker = &self.workers.get(&owner).ok_or(RegisterError::NoRegistration)?.record; // R37
        if worker.active.is_none() {
            return Err(RegisterError::NoActiveWorker); // R16, R94
        }
        if !enabled || !self.permissions.granted(&worker.storage_key, name) {
            return Err(RegisterError::PermissionDenied); // R17, R95, R142
        }
        let without_window = self.origin(&worker.storage_key).is_some_and(|origin| origin.without_window);
        if !without_window && !self.clients.has_window(&worker.storage_key) {
            return Err(RegisterError::NoWindow); // R18, R96; R249
        }
        Ok(())
    }

    /// Attempts that a new one-off entry is allowed (R81, R83).
    pub(crate) fn attempts_max(&self, owner: WorkerRegistrationId) -> u32 {
        let worker = self.workers.get(&owner);
        let notifications = worker.is_some_and(|worker| {
            self.permissions.granted(&worker.record.storage_key, PermissionName::Notifications)
        });
        match notifications {
            true => self.config.attempts_max_with_notifications,
            false => self.config.attempts_max,
        }
    }

    fn adopt_attempt(&mut self, in_flight: InFlight) {
        let attempt = in_flight.dispatch.attempt;
        self.schedule.add_timeout(in_flight.deadline, attempt);
        self.attempts.insert(attempt, in_flight);
    }

    /// Ends events whose time is up, delays that have passed, and entries that are too late.
    fn handle_due(&mut self, now: Now, step: &mut Step) {
        while let Some(attempt) = self.schedule.pop_due_timeout(now) {
            step.effects.push(Effect::Terminate(attempt));
            let outcome = AttemptOutcome::Failed { reason: crate::FailureReason::TimedOut, message: None };
            self.attempt_ended(now, attempt, outcome, step); // R86, D8
        }
        while let Some(sync) = self.schedule.pop_passed_expiry(now) {
            one_shot::expired(self, now, sync, step);
        }
        while let Some(sync) = self.schedule.pop_due_delay(now) {
            self.delay_ended(now, sync, step);
        }
        while let Some(storage_key) = self.schedule.pop_due_allowance(now) {
            self.origin_changed(now, &storage_key, step);
        }
        if self.schedule.take_due_recheck(now) {
            dispatch::fire_ready(self, now, step);
        }
    }

    /// The delay of an entry is over: if it is still `waiting`, it becomes `pending` and fires if nothing speaks against it
    /// (one-off firing, step 5; R77, R84; periodic firing, step 2.5).
    fn delay_ended(&mut self, now: Now, id: SyncRegistrationId, step: &mut Step) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.set_not_before(None);
            self.enter_phase(id, Phase::Pending);
            dispatch::fire_if_possible(self, now, id, step);
        }
    }

    fn attempt_ended(&mut self, now: Now, attempt: AttemptId, outcome: AttemptOutcome, step: &mut Step) {
        let Some(ended) = self.attempts.remove(&attempt) else { return }; // a late answer
        self.schedule.remove_timeout(ended.deadline, attempt);
        dispatch::ended(self, now, ended, outcome, step);
        if self.attempts.is_empty() {
            step.effects.push(Effect::KeepAwake(false));
        }
        for wait in &mut self.due_waits {
            wait.running.remove(&attempt);
        }
        self.due_waits.retain(|wait| {
            if wait.running.is_empty() {
                let fired = Resolution::Fired { events: wait.events };
                step.effects.push(Effect::Resolve(wait.request, fired));
            }
            !wait.running.is_empty()
        });
    }

    /// Fires everything that may fire now; the answer follows when it has ended, and with it what ran already: a host that
    /// was woken for this may then end its process (R182).
    fn fire_due(&mut self, now: Now, request: RequestId, step: &mut Step) {
        dispatch::fire_ready(self, now, step);
        periodic::run(self, now, true, step);
        let running: BTreeSet<AttemptId> = self.attempts.keys().copied().collect();
        let events = running.len();
        let wait = DueWait { request, events, running };
        if wait.running.is_empty() {
            step.effects.push(Effect::Resolve(request, Resolution::Fired { events }));
        } else {
            self.due_waits.push(wait);
        }
    }

    fn network_changed(
        &mut self,
        now: Now,
        connection: Connection,
        network: Option<NetworkId>,
        step: &mut Step,
    ) {
        let was_online = self.connection.is_online();
        self.connection = connection;
        self.network = network;
        if connection.is_online() != was_online {
            let event = ActivityEvent::NetworkChanged { online: connection.is_online() };
            self.record(now, None, None, event, step);
        }
        self.device_changed(now, step); // R50, R56
    }

    fn power_changed(&mut self, now: Now, power: Power, step: &mut Step) {
        if self.power != power {
            self.power = power;
            self.record(now, None, None, ActivityEvent::PowerChanged(power), step);
            self.device_changed(now, step);
        }
    }

    /// The network or the power supply is another one: what they held back fires.
    fn device_changed(&mut self, now: Now, step: &mut Step) {
        dispatch::fire_ready(self, now, step);
        periodic::run(self, now, false, step);
    }

    /// Something about an origin is different: its entries are looked at again. A round is left to the next wake-up, which
    /// is at once if one is due: at the start of a host, one origin after the other gets its permissions, and the first must
    /// not have a round for itself.
    fn origin_changed(&mut self, now: Now, storage_key: &StorageKey, step: &mut Step) {
        periodic::replan_origin(self, now, storage_key);
        dispatch::fire_ready(self, now, step);
    }

    fn emulate_offline(&mut self, now: Now, owner: WorkerRegistrationId, offline: bool, step: &mut Step) {
        let Some(worker) = self.workers.get_mut(&owner) else { return };
        worker.emulated_offline = match offline {
            true => worker.emulated_offline.saturating_add(1),
            false => worker.emulated_offline.saturating_sub(1),
        };
        if worker.emulated_offline == u32::from(offline) {
            periodic::replan_worker(self, now, owner);
            self.device_changed(now, step); // R241: the last release fires what is due
        }
    }

    /// The host's extra amount for an origin (R112); a finite one revives what an infinite one had suspended (R113).
    fn engagement_changed(
        &mut self,
        now: Now,
        storage_key: &StorageKey,
        extra: ExtraInterval,
        step: &mut Step,
    ) {
        let before = core::mem::replace(&mut self.origin_mut(storage_key).extra, extra);
        if before == extra {
            return;
        }
        let event = match (before, extra) {
            (_, ExtraInterval::Never) => Some(ActivityEvent::Suspended),
            (ExtraInterval::Never, _) => Some(ActivityEvent::Revived),
            _ => None,
        };
        if let Some(event) = event {
            self.record_of_origin(now, storage_key.clone(), event, step);
        }
        self.origin_changed(now, storage_key, step);
    }

    fn permission_changed(
        &mut self,
        now: Now,
        storage_key: StorageKey,
        name: PermissionName,
        state: PermissionState,
        step: &mut Step,
    ) {
        let changed = self.permissions.set(storage_key.clone(), name, state);
        if changed {
            let event = ActivityEvent::PermissionChanged { name, state };
            self.record_of_origin(now, storage_key.clone(), event, step);
        }
        if name == PermissionName::PeriodicBackgroundSync && state != PermissionState::Granted {
            // Also when it is stated for the first time: entries that exist were made when it was granted (R139).
            removal::permission_withdrawn(self, now, &storage_key, step);
        } else if changed {
            self.origin_changed(now, &storage_key, step); // D14: granted again
        }
    }

    fn tags(&mut self, registration: WorkerRegistrationId, kind: SyncKind) -> Vec<Tag> {
        self.entries_of_kind(registration, kind).map(|entry| entry.tag.clone()).collect() // R39–R41
    }
}

fn check_config(config: &Config) -> Result<(), RestoreError> {
    let across_ms = config.min_interval_across_origins_ms;
    let rules: [(bool, &str, &str); 8] = [
        (config.attempts_max >= 1, "attempts_max", "at least 1"),
        (config.attempts_max_with_notifications >= 1, "attempts_max_with_notifications", "at least 1"),
        (config.retry_delay_factor >= 2, "retry_delay_factor", "at least 2, so that delays grow (R80)"),
        (config.interrupted_starts_max >= 1, "interrupted_starts_max", "at least 1"),
        (config.event_duration_max_ms >= 1, "event_duration_max_ms", "at least 1"),
        (config.last_chance_duration_max_ms >= 1, "last_chance_duration_max_ms", "at least 1"),
        (config.periodic_event_duration_max_ms >= 1, "periodic_event_duration_max_ms", "at least 1"),
        (
            across_ms >= config.min_interval_any_origin_ms,
            "min_interval_across_origins_ms",
            "at least `min_interval_any_origin_ms` (R110)",
        ),
    ];
    for (holds, field, allowed) in rules {
        if !holds {
            return Err(RestoreError::Config { field, allowed });
        }
    }
    Ok(())
}
