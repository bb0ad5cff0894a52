//! The periodic half of the world.

use super::{ORIGIN, World};
use wakeworker_core::*;

pub const MINUTE: u64 = 60_000;
pub const HOUR: u64 = 60 * MINUTE;

impl World {
    /// Online, one window, one worker, periodic sync granted, default gaps of 12 h; events wake exactly when they may.
    pub fn periodic() -> World {
        World::periodic_with(Config { coalescing: CoalescePolicy::Exact, ..Config::default() })
    }

    /// The same without gaps, so that only the intervals hold.
    pub fn gapless() -> World {
        World::periodic_with(Config {
            coalescing: CoalescePolicy::Exact,
            min_interval_any_origin_ms: 0,
            min_interval_across_origins_ms: 0,
            ..Config::default()
        })
    }

    pub fn gapless_with(coalescing: CoalescePolicy) -> World {
        World::periodic_with(Config {
            coalescing,
            min_interval_any_origin_ms: 0,
            min_interval_across_origins_ms: 0,
            ..Config::default()
        })
    }

    pub fn periodic_with(config: Config) -> World {
        let mut world = World::with(Config { retry_jitter_percent: 0, ..config });
        world.network(Connection::Wifi);
        world.grant_periodic(ORIGIN, PermissionState::Granted);
        world
    }

    pub fn grant_periodic(&mut self, origin: &str, state: PermissionState) {
        let storage_key = StorageKey::first_party(origin);
        let name = PermissionName::PeriodicBackgroundSync;
        self.input(Input::PermissionChanged { storage_key, name, state });
    }

    /// A second origin with a window, a worker and the permission.
    pub fn add_origin(&mut self, origin: &str) -> WorkerRegistrationId {
        self.open_window(origin);
        let registration = self.add_worker(origin, "/");
        self.grant_periodic(origin, PermissionState::Granted);
        registration
    }

    pub fn register_periodic(&mut self, tag: &str, min_interval_ms: u64) -> Result<(), RegisterError> {
        self.register_periodic_at(WorkerRegistrationId(1), tag, min_interval_ms)
    }

    pub fn register_periodic_at(
        &mut self,
        registration: WorkerRegistrationId,
        tag: &str,
        min_interval_ms: u64,
    ) -> Result<(), RegisterError> {
        let conditions = Conditions::default();
        self.register_conditional(registration, tag, PeriodicOptions { min_interval_ms, conditions })
    }

    pub fn register_conditional(
        &mut self,
        registration: WorkerRegistrationId,
        tag: &str,
        options: PeriodicOptions,
    ) -> Result<(), RegisterError> {
        let request = self.request();
        self.input(Input::RegisterPeriodic { request, registration, tag: tag.into(), options });
        self.answer(request).map(drop)
    }

    pub fn periodic_tags(&mut self) -> Vec<String> {
        self.tags_at(WorkerRegistrationId(1), SyncKind::PeriodicSync)
    }

    /// `periodicSync.unregister(tag)`
    pub fn forget(&mut self, tag: &str) -> Result<(), RegisterError> {
        let (request, registration) = (self.request(), WorkerRegistrationId(1));
        let kind = SyncKind::PeriodicSync;
        self.input(Input::Unregister { request, registration, kind, tag: tag.into() });
        self.answer(request).map(drop)
    }

    pub fn engagement(&mut self, extra: ExtraInterval) {
        self.input(Input::EngagementChanged { storage_key: StorageKey::first_party(ORIGIN), extra });
    }

    pub fn power(&mut self, power: Power) {
        self.input(Input::PowerChanged(power));
    }

    /// Asks for a dispatch by the host; the answer comes later.
    pub fn dispatch(&mut self, tag: &str) -> RequestId {
        self.dispatch_with(tag, None, false)
    }

    pub fn dispatch_with(&mut self, tag: &str, worker: Option<WorkerId>, needs_network: bool) -> RequestId {
        let (request, registration) = (self.request(), WorkerRegistrationId(1));
        let tag = tag.into();
        self.input(Input::DispatchPeriodic { request, registration, worker, tag, needs_network });
        request
    }

    pub fn operation_status(&self, request: RequestId) -> SyncOperationStatus {
        match self.answer(request) {
            Ok(Resolution::Status(status)) => status,
            other => panic!("{request} was answered with {other:?}"),
        }
    }

    pub fn answered(&self, request: RequestId) -> bool {
        self.answers.contains_key(&request)
    }

    pub fn reasons(&self, tag: &str) -> Vec<Reason> {
        self.status(tag).expect("an entry").reasons
    }

    pub fn id(&self, tag: &str) -> SyncRegistrationId {
        self.status(tag).expect("an entry").registration.id
    }

    /// Lets time pass until an event is dispatched.
    pub fn until_next_event(&mut self) {
        while self.running.is_empty() {
            let wakeup = self.engine.next_wakeup(self.now).expect("something is due");
            self.pass(wakeup.after_ms);
            self.input(Input::TimePassed);
        }
    }

    /// Lets time pass until an event is dispatched; every event of the moment succeeds after `run_ms`. Returns the tags.
    pub fn next_events(&mut self, run_ms: u64) -> (u64, Vec<String>) {
        let start = self.now.mono;
        self.until_next_event();
        let (after_ms, tags) = (self.now.mono.ms_since(start), self.running_tags());
        self.pass(run_ms);
        while let Some(dispatch) = self.running.first().cloned() {
            self.running.remove(0);
            let outcome = AttemptOutcome::Succeeded { handled: true };
            self.input(Input::AttemptEnded { attempt: dispatch.attempt, outcome });
        }
        (after_ms, tags)
    }
}
