//! The world: one host on a virtual clock, and chance, which decides what happens next.

use crate::disk::{Faults, FaultyStore};
use crate::model::{Key, Model};
use std::sync::Arc;
use wakeworker::core::*;
use wakeworker::network::ManualNetwork;
use wakeworker::power::ManualPower;
use wakeworker::store::MemoryStore;
use wakeworker::{ClientGuard, Driver, Host, HostHandle, ManualClock, Monitors};

const ORIGINS: [&str; 2] = ["https://a.example", "https://b.example"];
const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
const START: i64 = 1_800_000_000_000;

pub(crate) struct World {
    chance: Chance,
    clock: ManualClock,
    wall_ms: i64,
    network: ManualNetwork,
    power: ManualPower,
    store: MemoryStore,
    faults: Faults,
    model: Model,
    registrations: [Option<WorkerRegistrationId>; 2],
    host: Option<Running>,
}

/// The host while it lives.
struct Running {
    // The guards send a message when they go, so they go before the driver.
    pages: Vec<ClientGuard>,
    driver: Driver,
    handle: HostHandle,
    _monitors: Monitors,
}

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}

impl World {
    pub(crate) fn new(seed: u64) -> World {
        let clock = ManualClock::new(Now { wall: Timestamp(START), mono: Monotonic(0) });
        let network = ManualNetwork::new(Connection::None);
        let power = ManualPower::new(Power::default());
        let store = MemoryStore::new().with_installation_seed(seed);
        let (faults, model) = (Faults::default(), Model::default());
        let host = open(&store, &faults, &clock, &network, &power, &model);
        let chance = Chance(seed);
        let mut world = World {
            chance,
            clock,
            wall_ms: START,
            network,
            power,
            store,
            faults,
            model,
            registrations: [None; 2],
            host: Some(host),
        };
        world.populate();
        world
    }

    pub(crate) fn into_trace(self) -> Vec<String> {
        std::mem::take(&mut self.model.state().trace)
    }

    /// One thing happens.
    pub(crate) fn step(&mut self) {
        let origin = self.chance.below(2) as usize;
        let choice = self.chance.below(34);
        self.model.note(format!("step {choice}"));
        match choice {
            0..=5 => self.register(origin, SyncKind::BackgroundSync),
            6..=7 => self.register(origin, SyncKind::PeriodicSync),
            8 => self.unregister_periodic(origin),
            9..=14 => self.end_one(),
            15 => self.model.answer_late(),
            16..=18 => self.flip_network(),
            19..=20 => {
                let ms = self.chance.below(3 * MINUTE_MS);
                self.pass(ms);
            }
            21..=22 => {
                let ms = self.chance.below(2 * HOUR_MS);
                self.pass(ms);
            }
            23 => {
                let ms = self.chance.below(2 * DAY_MS);
                self.pass(ms);
            }
            24 => self.jump(),
            25 => {
                let charging = self.chance.below(2) == 0;
                let battery_saver = self.chance.below(3) == 0;
                self.power.set(Power { charging, battery_saver, data_saver: false });
            }
            26..=27 => {
                if self.host().pages.is_empty() {
                    self.open_pages();
                } else {
                    self.host().pages.clear();
                }
            }
            28 => self.faults.fail_commits(1 + self.chance.0 as u32 % 3),
            29 => self.faults.lose_answers(1 + self.chance.0 as u32 % 2),
            30 => {
                self.faults.fail_commits(1);
                self.faults.fail_loads(1 + self.chance.0 as u32 % 3);
            }
            31..=32 => self.restart(true),
            _ => self.restart(false),
        }
        self.turn();
    }

    /// Nothing that was promised is missing.
    pub(crate) fn check(&mut self) {
        let listed = self.listed();
        let state = self.model.state();
        let missing: Vec<_> = state.obliged.keys().filter(|key| !listed.contains(key)).collect();
        let last = state.trace.len().saturating_sub(30);
        let last = state.trace[last..].join("\n");
        assert!(
            missing.is_empty(),
            "acknowledged and lost: {missing:?}, there are {listed:?}, after\n{last}"
        );
    }

    /// The faults stop, and everybody does their work.
    pub(crate) fn live(&mut self) {
        self.model.note("the faults stop");
        self.faults.clear();
        self.power.set(Power::default());
        self.network.set(Connection::Wifi);
        self.pass(10_000);
        if self.host().pages.is_empty() {
            self.open_pages();
        }
        let before = self.model.state().periodic.clone();
        let mut passed = 0;
        while passed < 6 * DAY_MS {
            for attempt in self.model.running() {
                self.model.end(attempt, Some(AttemptOutcome::Succeeded { handled: true }));
            }
            self.turn();
            self.pass(HOUR_MS);
            passed += HOUR_MS;
        }
        let listed = self.listed();
        let state = self.model.state();
        assert!(state.obliged.is_empty(), "never done: {:?}", state.obliged);
        for (key, fired) in &before {
            let now = state.periodic.get(key).copied().unwrap_or(0);
            assert!(now > *fired, "the periodic entry {key:?} does not fire any more, listed: {listed:?}");
        }
        drop(state);
        let left = self.statuses().into_iter().filter(|s| s.registration.kind() == SyncKind::BackgroundSync);
        assert_eq!(left.count(), 0, "one-off entries stay for ever");
    }

    /// Two origins with an active worker each.
    fn populate(&mut self) {
        for (index, origin) in ORIGINS.iter().enumerate() {
            let key = StorageKey::first_party(origin);
            let pending = self.host().handle.add_worker_registration(
                key,
                format!("{origin}/"),
                format!("{origin}/sw.js"),
            );
            self.turn();
            let id = pending.wait().unwrap();
            let worker = ActiveWorker { id: WorkerId(index as u64 + 1), activated: true };
            self.host().handle.set_active_worker(id, Some(worker), None);
            self.registrations[index] = Some(id);
        }
        self.open_pages();
        self.turn();
    }

    fn host(&mut self) -> &mut Running {
        self.host.as_mut().unwrap()
    }

    fn open_pages(&mut self) {
        for origin in ORIGINS {
            let page = self.host().handle.open_client(StorageKey::first_party(origin), FrameType::TopLevel);
            self.host().pages.push(page);
        }
    }

    fn register(&mut self, origin: usize, kind: SyncKind) {
        let Some(registration) = self.registrations[origin] else { return };
        let tag = format!("t{}", self.chance.below(3));
        let (model, key): (Model, Key) = (self.model.clone(), (registration, tag.clone()));
        let done = move |result: Result<(), RegisterError>| match result {
            Ok(()) => model.promised(kind, key),
            Err(error) => model.note(format!("refused {error:?}")),
        };
        match kind {
            SyncKind::BackgroundSync => {
                self.host().handle.sync_manager(registration).register_then(tag.as_str().into(), done);
            }
            SyncKind::PeriodicSync => {
                let min_interval_ms = HOUR_MS * (1 + self.chance.below(24));
                let options = PeriodicOptions { min_interval_ms, ..PeriodicOptions::default() };
                let manager = self.host().handle.periodic_sync_manager(registration);
                manager.register_then(tag.as_str().into(), options, done);
            }
        }
    }

    fn unregister_periodic(&mut self, origin: usize) {
        let Some(registration) = self.registrations[origin] else { return };
        let tag = format!("t{}", self.chance.below(3));
        // Whether or not the removal becomes durable, nobody relies on the entry any more.
        self.model.state().periodic.remove(&(registration, tag.clone()));
        let manager = self.host().handle.periodic_sync_manager(registration);
        manager.unregister_then(tag.as_str().into(), |_| {});
    }

    fn end_one(&mut self) {
        let running = self.model.running();
        if running.is_empty() {
            return;
        }
        let attempt = running[self.chance.below(running.len() as u64) as usize];
        let failed = |reason| AttemptOutcome::Failed { reason, message: None };
        let outcome = match self.chance.below(8) {
            0..=2 => Some(AttemptOutcome::Succeeded { handled: true }),
            3..=4 => Some(failed(FailureReason::Rejected)),
            5 => Some(failed(FailureReason::StartFailed)),
            6 => Some(AttemptOutcome::NotDispatched),
            _ => None,
        };
        self.model.end(attempt, outcome);
    }

    fn flip_network(&mut self) {
        let connections = [Connection::None, Connection::None, Connection::Cellular, Connection::Wifi];
        self.network.set(connections[self.chance.below(4) as usize]);
    }

    /// The wall clock is set to another time, up to 30 days away.
    fn jump(&mut self) {
        let days = i64::try_from(self.chance.below(61)).unwrap() - 30;
        self.wall_ms += days * DAY_MS.cast_signed();
        self.model.note(format!("the clock jumps by {days} days"));
        self.clock.set_wall(Timestamp(self.wall_ms));
    }

    /// Time passes, with turns when the driver wants them.
    fn pass(&mut self, mut ms: u64) {
        while let Some(after) = self.turn().filter(|after| *after <= ms) {
            self.advance(after.max(1));
            ms = ms.saturating_sub(after.max(1));
        }
        self.advance(ms);
        self.turn();
    }

    fn advance(&mut self, ms: u64) {
        self.wall_ms = self.wall_ms.saturating_add_unsigned(ms);
        self.clock.advance_ms(ms);
    }

    fn turn(&mut self) -> Option<u64> {
        let mut after = self.host().driver.turn();
        while self.host().driver.has_messages() {
            after = self.host().driver.turn();
        }
        after
    }

    /// The process ends, by a kill or in order, and is started again.
    fn restart(&mut self, kill: bool) {
        self.model.note(format!("restart, kill: {kill}"));
        self.faults.clear();
        self.model.killed();
        let open_pages = !self.host().pages.is_empty();
        self.host().pages.clear();
        if !kill {
            self.turn();
        }
        let old = self.host.take();
        if !kill && let Some(old) = old {
            old.driver.shut_down().unwrap();
        }
        self.model.killed();
        self.host =
            Some(open(&self.store, &self.faults, &self.clock, &self.network, &self.power, &self.model));
        if open_pages {
            self.open_pages();
        }
        self.turn();
    }

    fn statuses(&mut self) -> Vec<SyncStatus> {
        let pending = self.host().handle.sync_registrations();
        self.turn();
        pending.wait().unwrap()
    }

    fn listed(&mut self) -> Vec<Key> {
        let of = |status: SyncStatus| {
            (status.registration.worker_registration, status.registration.tag.to_string_lossy())
        };
        let one_off = |status: &SyncStatus| status.registration.kind() == SyncKind::BackgroundSync;
        self.statuses().into_iter().filter(one_off).map(of).collect()
    }
}

fn open(
    store: &MemoryStore,
    faults: &Faults,
    clock: &ManualClock,
    network: &ManualNetwork,
    power: &ManualPower,
    model: &Model,
) -> Running {
    let store = FaultyStore { store: store.clone(), faults: faults.clone() };
    let (driver, handle, monitors) = Host::builder(Box::new(store))
        .backend(Arc::new(model.clone()))
        .network(Box::new(network.clone()))
        .power(Box::new(power.clone()))
        .clock(Arc::new(clock.clone()))
        .driver()
        .unwrap();
    for origin in ORIGINS {
        let key = StorageKey::first_party(origin);
        handle.set_permission(key, PermissionName::PeriodicBackgroundSync, PermissionState::Granted);
    }
    Running { pages: Vec::new(), driver, handle, _monitors: monitors }
}
