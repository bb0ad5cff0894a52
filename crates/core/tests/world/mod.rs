//! The engine in a small world: one profile whose store, workers and pages are plain data. Every test of the rules
//! goes through it; after each input it performs the step, checks the invariants and counts the answers.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of the world")]

pub mod periodic;

use std::collections::BTreeMap;
use wakeworker_core::*;

/// The origin that tests use unless they need a second one.
pub const ORIGIN: &str = "https://chat.example";

pub struct World {
    pub engine: Engine,
    pub config: Config,
    pub now: Now,
    pub answers: BTreeMap<RequestId, Result<Resolution, RegisterError>>,
    /// Dispatched events that have not ended, oldest first.
    pub running: Vec<Dispatch>,
    pub terminated: Vec<AttemptId>,
    pub announced: Vec<SyncRegistered>,
    pub log: Vec<Activity>,
    /// What happened in order, to test sequences.
    pub trace: Vec<Seen>,
    pub stored_workers: BTreeMap<WorkerRegistrationId, WorkerRegistration>,
    pub stored_syncs: BTreeMap<SyncRegistrationId, SyncRegistration>,
    pub stored_origin_fires: BTreeMap<StorageKey, Timestamp>,
    pub stored_last_round: Option<LastRound>,
    pub last_durability: Durability,
    pub last_changes: usize,
    /// Inputs that a new engine must be given again.
    facts: Vec<Input>,
    last_id: u64,
    next_request: u64,
    next_client: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    Resolved(RequestId),
    Rejected(RequestId),
    Dispatched(Tag),
    Announced(Tag),
    KeepAwake(bool),
}

impl World {
    /// Offline, no page, no worker.
    pub fn empty(config: Config) -> World {
        let now = Now { wall: Timestamp(1_800_000_000_000), mono: Monotonic(5_000) };
        let mut step = Step::default();
        let engine = Engine::restore(config.clone(), Snapshot::default(), now, &mut step)
            .expect("a valid configuration");
        let mut world = World {
            engine,
            config,
            now,
            answers: BTreeMap::new(),
            running: Vec::new(),
            terminated: Vec::new(),
            announced: Vec::new(),
            log: Vec::new(),
            trace: Vec::new(),
            stored_workers: BTreeMap::new(),
            stored_syncs: BTreeMap::new(),
            stored_origin_fires: BTreeMap::new(),
            stored_last_round: None,
            last_durability: Durability::Lazy,
            last_changes: 0,
            facts: Vec::new(),
            last_id: 0,
            next_request: 1,
            next_client: 1,
        };
        world.perform(step);
        world
    }

    /// Offline, one window open, one activated worker; retries without jitter.
    pub fn new() -> World {
        World::with(Config { retry_jitter_percent: 0, ..Config::default() })
    }

    pub fn with(config: Config) -> World {
        let mut world = World::empty(config);
        world.open_window(ORIGIN);
        world.add_worker(ORIGIN, "/");
        world
    }

    pub fn online() -> World {
        let mut world = World::new();
        world.network(Connection::Wifi);
        world
    }

    pub fn input(&mut self, input: Input) {
        let mut step = Step::default();
        self.note_fact(&input);
        // A host wakes the engine at once if something is due; it always does before it hands on what comes next.
        let of_an_origin = matches!(
            input,
            Input::PermissionChanged { .. }
                | Input::EngagementChanged { .. }
                | Input::ReachabilityChanged { .. }
                | Input::SetActiveUse { .. }
        );
        self.engine.handle_input(self.now, input, &mut step);
        self.engine.check_invariants();
        self.perform(step);
        self.check_store();
        if of_an_origin {
            let durability = self.last_durability;
            self.input(Input::TimePassed);
            self.last_durability = self.last_durability.max(durability);
        }
    }

    pub fn open_window(&mut self, origin: &str) -> ClientId {
        self.open_client(origin, FrameType::TopLevel)
    }

    pub fn open_client(&mut self, origin: &str, frame_type: FrameType) -> ClientId {
        let client = ClientId(self.next_client);
        self.next_client += 1;
        self.input(Input::ClientOpened { client, storage_key: StorageKey::first_party(origin), frame_type });
        client
    }

    pub fn close(&mut self, client: u64) {
        self.input(Input::ClientClosed { client: ClientId(client) });
    }

    /// An activated worker for a scope.
    pub fn add_worker(&mut self, origin: &str, path: &str) -> WorkerRegistrationId {
        let registration = self.add_registration(origin, path);
        self.activate(registration, 1);
        registration
    }

    pub fn add_registration(&mut self, origin: &str, path: &str) -> WorkerRegistrationId {
        let request = self.request();
        self.input(Input::AddWorkerRegistration {
            request,
            storage_key: StorageKey::first_party(origin),
            scope: format!("{origin}{path}"),
            script_url: format!("{origin}/sw.js"),
        });
        match self.answers.get(&request) {
            Some(Ok(Resolution::WorkerRegistration(id))) => *id,
            other => panic!("no registration: {other:?}"),
        }
    }

    pub fn activate(&mut self, registration: WorkerRegistrationId, worker: u64) {
        self.set_active(registration, Some(ActiveWorker { id: WorkerId(worker), activated: true }));
    }

    pub fn set_active(&mut self, registration: WorkerRegistrationId, active: Option<ActiveWorker>) {
        self.input(Input::ActiveWorkerChanged { registration, active, script_url: None });
    }

    pub fn network(&mut self, connection: Connection) {
        self.input(Input::NetworkChanged { connection, network: None });
    }

    pub fn permission(&mut self, name: PermissionName, state: PermissionState) {
        self.input(Input::PermissionChanged { storage_key: StorageKey::first_party(ORIGIN), name, state });
    }

    /// `register(tag)` on the first worker registration.
    pub fn register(&mut self, tag: &str) -> Result<(), RegisterError> {
        self.register_at(WorkerRegistrationId(1), tag.into())
    }

    pub fn register_at(&mut self, registration: WorkerRegistrationId, tag: Tag) -> Result<(), RegisterError> {
        self.register_options(registration, tag, OneShotOptions::default())
    }

    pub fn register_with(&mut self, tag: &str, options: OneShotOptions) -> Result<(), RegisterError> {
        self.register_options(WorkerRegistrationId(1), tag.into(), options)
    }

    fn register_options(
        &mut self,
        registration: WorkerRegistrationId,
        tag: Tag,
        options: OneShotOptions,
    ) -> Result<(), RegisterError> {
        let request = self.request();
        self.input(Input::RegisterOneShot { request, registration, tag, options });
        self.answer(request).map(drop)
    }

    pub fn tags(&mut self) -> Vec<String> {
        self.tags_at(WorkerRegistrationId(1), SyncKind::BackgroundSync)
    }

    pub fn tags_at(&mut self, registration: WorkerRegistrationId, kind: SyncKind) -> Vec<String> {
        let request = self.request();
        self.input(Input::GetTags { request, registration, kind });
        match self.answer(request) {
            Ok(Resolution::Tags(tags)) => tags.iter().map(Tag::to_string_lossy).collect(),
            other => panic!("getTags gave {other:?}"),
        }
    }

    pub fn unregister(&mut self, registration: WorkerRegistrationId) -> Result<(), RegisterError> {
        let request = self.request();
        self.input(Input::RemoveWorkerRegistration { request, registration });
        self.answer(request).map(drop)
    }

    pub fn clear(&mut self, origin: &str) {
        let request = self.request();
        self.input(Input::ClearStorage { request, storage_key: StorageKey::first_party(origin) });
        assert_eq!(self.answer(request), Ok(Resolution::Done));
    }

    /// Ends the oldest running event with this tag.
    pub fn end(&mut self, tag: &str, outcome: AttemptOutcome) {
        let position = self.running.iter().position(|dispatch| dispatch.tag == tag.into());
        let dispatch = self.running.remove(position.unwrap_or_else(|| panic!("{tag} is not running")));
        self.input(Input::AttemptEnded { attempt: dispatch.attempt, outcome });
    }

    pub fn succeed(&mut self, tag: &str) {
        self.end(tag, AttemptOutcome::Succeeded { handled: true });
    }

    pub fn fail(&mut self, tag: &str) {
        self.end(tag, AttemptOutcome::Failed { reason: FailureReason::Rejected, message: None });
    }

    /// Lets time pass and wakes the engine exactly when it asked for it.
    pub fn advance(&mut self, ms: u64) {
        let end = self.now.mono.plus_ms(ms);
        while let Some(wakeup) = self.engine.next_wakeup(self.now) {
            let due = self.now.mono.plus_ms(wakeup.after_ms);
            if due > end {
                break;
            }
            self.pass(due.ms_since(self.now.mono));
            self.input(Input::TimePassed);
        }
        self.pass(end.ms_since(self.now.mono));
    }

    /// Time passes and nobody wakes the engine.
    pub fn pass(&mut self, ms: u64) {
        self.now = Now { wall: self.now.wall.plus_ms(ms), mono: self.now.mono.plus_ms(ms) };
    }

    /// The process dies and starts again: only the store survives. Offline until told otherwise.
    pub fn crash(&mut self) {
        let snapshot = self.snapshot();
        self.now.mono = Monotonic(0);
        self.running.clear();
        self.facts.clear();
        let mut step = Step::default();
        self.engine = Engine::restore(self.config.clone(), snapshot, self.now, &mut step).expect("valid");
        self.engine.check_invariants();
        self.perform(step);
        self.check_store();
    }

    /// The engine is lost and replaced while the process lives: events run on, and what the world has stated is stated again.
    pub fn replace_engine(&mut self) {
        let in_flight = self.running.iter().filter_map(|dispatch| self.engine.in_flight(dispatch.attempt));
        let snapshot = Snapshot {
            in_flight: in_flight.cloned().collect(),
            last_attempt: self.engine.last_attempt(),
            ..self.snapshot()
        };
        let mut step = Step::default();
        self.engine = Engine::restore(self.config.clone(), snapshot, self.now, &mut step).expect("valid");
        self.perform(step);
        self.restate();
    }

    /// Everything that the world has stated is stated once more.
    pub fn restate(&mut self) {
        let mut step = Step::default();
        let facts = std::mem::take(&mut self.facts);
        // What holds events back comes first; what lets them go comes last.
        let order = |fact: &Input| match fact {
            Input::NetworkChanged { .. } => 2,
            Input::PermissionChanged { .. } => 1,
            _ => 0,
        };
        let mut facts = facts;
        facts.sort_by_key(order);
        for fact in facts {
            self.facts.push(fact.clone());
            self.engine.handle_input(self.now, fact, &mut step);
        }
        self.engine.handle_input(self.now, Input::TimePassed, &mut step);
        self.engine.check_invariants();
        self.perform(step);
    }

    /// Remembers what the store does not keep.
    fn note_fact(&mut self, input: &Input) {
        let same = |fact: &Input| match (fact, input) {
            (
                Input::PermissionChanged { storage_key, name, .. },
                Input::PermissionChanged { storage_key: k, name: n, .. },
            ) => (storage_key, name) == (k, n),
            (
                Input::EngagementChanged { storage_key, .. },
                Input::EngagementChanged { storage_key: k, .. },
            )
            | (Input::SetActiveUse { storage_key, .. }, Input::SetActiveUse { storage_key: k, .. }) => {
                storage_key == k
            }
            (Input::NetworkChanged { .. }, Input::NetworkChanged { .. })
            | (Input::PowerChanged(_), Input::PowerChanged(_)) => true,
            (Input::ClientOpened { client, .. }, Input::ClientClosed { client: closed }) => client == closed,
            _ => false,
        };
        self.facts.retain(|fact| !same(fact));
        if matches!(
            input,
            Input::PermissionChanged { .. }
                | Input::EngagementChanged { .. }
                | Input::SetActiveUse { .. }
                | Input::NetworkChanged { .. }
                | Input::PowerChanged(_)
                | Input::ClientOpened { .. }
        ) {
            self.facts.push(input.clone());
        }
    }

    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            worker_registrations: self.stored_workers.values().cloned().collect(),
            sync_registrations: self.stored_syncs.values().cloned().collect(),
            origin_fires: self.stored_origin_fires.clone().into_iter().collect(),
            last_round: self.stored_last_round,
            last_id: self.last_id,
            ..Snapshot::default()
        }
    }

    pub fn status(&self, tag: &str) -> Option<SyncStatus> {
        self.engine.sync_statuses(self.now).find(|status| status.registration.tag == tag.into())
    }

    pub fn state(&self, tag: &str) -> Option<SyncState> {
        self.status(tag).map(|status| status.state)
    }

    pub fn running_tags(&self) -> Vec<String> {
        self.running.iter().map(|dispatch| dispatch.tag.to_string_lossy()).collect()
    }

    pub fn last_chance(&self, tag: &str) -> bool {
        self.running.iter().find(|dispatch| dispatch.tag == tag.into()).expect("running").last_chance
    }

    pub fn events(&self) -> Vec<&ActivityEvent> {
        self.log.iter().map(|activity| &activity.event).collect()
    }

    pub fn answer(&self, request: RequestId) -> Result<Resolution, RegisterError> {
        self.answers.get(&request).cloned().unwrap_or_else(|| panic!("{request} was not answered"))
    }

    pub fn request(&mut self) -> RequestId {
        self.next_request += 1;
        RequestId(self.next_request)
    }

    fn perform(&mut self, step: Step) {
        self.last_durability = step.durability;
        self.last_changes = step.changes.iter().filter(|change| !matches!(change, Change::Record(_))).count();
        for change in step.changes {
            match &change {
                Change::PutWorkerRegistration(worker) => self.last_id = self.last_id.max(worker.id.0),
                Change::PutSyncRegistration(sync) => self.last_id = self.last_id.max(sync.id.0),
                _ => {}
            }
            match change {
                Change::PutWorkerRegistration(worker) => drop(self.stored_workers.insert(worker.id, worker)),
                Change::RemoveWorkerRegistration(id) => {
                    self.stored_workers.remove(&id);
                    self.stored_syncs.retain(|_, sync| sync.worker_registration != id);
                }
                Change::PutSyncRegistration(sync) => drop(self.stored_syncs.insert(sync.id, sync)),
                Change::RemoveSyncRegistration(id) => drop(self.stored_syncs.remove(&id)),
                Change::PutOriginFire { storage_key, last_fire } => {
                    self.stored_origin_fires.insert(storage_key, last_fire);
                }
                Change::RemoveOriginFire { storage_key } => {
                    self.stored_origin_fires.remove(&storage_key);
                }
                Change::PutLastRound(round) => self.stored_last_round = Some(round),
                Change::Record(activity) => self.log.push(activity),
            }
        }
        for effect in step.effects {
            match effect {
                Effect::Resolve(request, resolution) => {
                    self.trace.push(Seen::Resolved(request));
                    assert!(
                        self.answers.insert(request, Ok(resolution)).is_none(),
                        "{request} answered twice"
                    );
                }
                Effect::Reject(request, error) => {
                    self.trace.push(Seen::Rejected(request));
                    assert!(self.answers.insert(request, Err(error)).is_none(), "{request} answered twice");
                }
                Effect::Dispatch(dispatch) => {
                    self.trace.push(Seen::Dispatched(dispatch.tag.clone()));
                    self.running.push(dispatch);
                }
                Effect::Terminate(attempt) => {
                    self.running.retain(|dispatch| dispatch.attempt != attempt);
                    self.terminated.push(attempt);
                }
                Effect::Announce(registered) => {
                    self.trace.push(Seen::Announced(registered.registration.tag.clone()));
                    self.announced.push(registered);
                }
                Effect::KeepAwake(on) => self.trace.push(Seen::KeepAwake(on)),
                other => panic!("unknown effect {other:?}"),
            }
        }
    }

    /// What is stored is what the engine knows: the changes of the steps left nothing out.
    fn check_store(&self) {
        let known: Vec<&WorkerRegistration> = self.engine.worker_registrations().collect();
        assert_eq!(known, self.stored_workers.values().collect::<Vec<_>>());
        let known: Vec<SyncRegistration> =
            self.engine.sync_statuses(self.now).map(|s| s.registration).collect();
        let mut stored: Vec<SyncRegistration> = self.stored_syncs.values().cloned().collect();
        for (known, stored) in known.iter().zip(&mut stored) {
            if known.not_before.is_none() && known.attempts > 0 {
                stored.not_before = None; // The end of a delay is not written: nothing depends on it but a later attempt.
            }
        }
        assert_eq!(known, stored);
    }
}
