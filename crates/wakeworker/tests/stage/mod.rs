//! The real driver on a stage: virtual time, a store that fails on demand, and workers that are told how to end.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of the stage")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use wakeworker::core::*;
use wakeworker::network::ManualNetwork;
use wakeworker::store::{ActivityQuery, Lease, Loaded, MemoryStore, RecordedActivity, Store, StoreError};
use wakeworker::{
    Clock as _, DispatchDone, Driver, Host, HostBuilder, HostHandle, ManualClock, Monitors, WorkerBackend,
};

pub const ORIGIN: &str = "https://chat.example";

pub struct Stage {
    pub driver: Driver,
    pub host: HostHandle,
    pub clock: ManualClock,
    pub network: ManualNetwork,
    pub workers: Arc<Workers>,
    pub disk: Disk,
    _monitors: Monitors,
}

/// What the store is made to do, and what it saw.
#[derive(Clone, Default)]
pub struct Disk(Arc<Mutex<DiskState>>);

#[derive(Default)]
struct DiskState {
    /// Outcomes of the next commits: true = fails.
    failing_commits: VecDeque<bool>,
    failing_loads: usize,
    /// The next commit is done and then reported as failed.
    losing_answer: bool,
    full: bool,
    commits: Vec<(Durability, usize)>,
}

struct StageStore {
    store: MemoryStore,
    disk: Disk,
    persistent: bool,
}

/// A backend that only remembers what it was given.
#[derive(Default)]
pub struct Workers {
    running: Mutex<VecDeque<(Dispatch, DispatchDone)>>,
    terminated: Mutex<Vec<AttemptId>>,
    messages: Mutex<Vec<(WorkerId, String)>>,
    /// What happened in order; callbacks of tests may add to it.
    pub trace: Mutex<Vec<String>>,
}

/// An attempt that failed for this reason.
pub fn failed(reason: FailureReason) -> AttemptOutcome {
    AttemptOutcome::Failed { reason, message: None }
}

impl Stage {
    pub fn new() -> Stage {
        Stage::over(MemoryStore::new())
    }

    /// A stage over a profile that may have been used before.
    pub fn over(store: MemoryStore) -> Stage {
        Stage::built(store, |builder| builder)
    }

    /// A stage whose host is built with more than the usual parts.
    pub fn built(store: MemoryStore, build: impl FnOnce(HostBuilder) -> HostBuilder) -> Stage {
        let disk = Disk::default();
        let clock = ManualClock::new(Now { wall: Timestamp(1_800_000_000_000), mono: Monotonic(0) });
        let network = ManualNetwork::new(Connection::None);
        let workers = Arc::new(Workers::default());
        let builder = Host::builder(Box::new(StageStore { store, disk: disk.clone(), persistent: true }));
        let builder = builder
            .backend(workers.clone())
            .network(Box::new(network.clone()))
            .config(Config { retry_jitter_percent: 0, ..Config::default() })
            .clock(Arc::new(clock.clone()));
        let (driver, host, monitors) = build(builder).driver().expect("a good store");
        let mut stage = Stage { driver, host, clock, network, workers, disk, _monitors: monitors };
        stage.turn();
        stage
    }

    /// One window and one activated worker.
    pub fn with_worker(mut self) -> (Stage, WorkerRegistrationId) {
        let key = StorageKey::first_party(ORIGIN);
        std::mem::forget(self.host.open_client(key.clone(), FrameType::TopLevel));
        let pending = self.host.add_worker_registration(key, format!("{ORIGIN}/"), format!("{ORIGIN}/sw.js"));
        self.turn();
        let registration = pending.wait().expect("registered");
        self.host.set_active_worker(
            registration,
            Some(ActiveWorker { id: WorkerId(1), activated: true }),
            None,
        );
        self.turn();
        (self, registration)
    }

    /// Adds a worker registration without an active worker.
    pub fn add_registration(&mut self, key: &str, scope: &str) -> WorkerRegistrationId {
        let script = format!("{scope}sw.js");
        let pending = self.host.add_worker_registration(key.into(), scope.to_owned(), script);
        self.turn();
        pending.wait().expect("registered")
    }

    /// Makes a version the active, activated worker.
    pub fn activate(&mut self, registration: WorkerRegistrationId, worker: u64) {
        let active = ActiveWorker { id: WorkerId(worker), activated: true };
        self.host.set_active_worker(registration, Some(active), None);
        self.turn();
    }

    /// Asks and waits, with a turn of the driver between.
    pub fn ask<T>(&mut self, pending: wakeworker::Pending<T>) -> T {
        self.turn();
        pending.wait()
    }

    pub fn turn(&mut self) -> Option<u64> {
        self.driver.turn()
    }

    /// Runs the driver until nothing is due for `ms`.
    pub fn advance(&mut self, mut ms: u64) {
        while let Some(after) = self.turn().filter(|after| *after <= ms) {
            self.clock.advance_ms(after);
            ms -= after;
        }
        self.clock.advance_ms(ms);
        self.turn();
    }

    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now().wall
    }

    pub fn online(&mut self) {
        self.network.set(Connection::Wifi);
        self.turn();
    }

    pub fn register(&mut self, registration: WorkerRegistrationId, tag: &str) -> Result<(), RegisterError> {
        let pending = self.host.sync_manager(registration).register(tag.into());
        self.turn();
        pending.wait()
    }

    pub fn tags(&mut self, registration: WorkerRegistrationId) -> Vec<String> {
        let pending = self.host.sync_manager(registration).get_tags();
        self.turn();
        pending.wait().expect("tags").iter().map(Tag::to_string_lossy).collect()
    }

    /// Ends the oldest running event.
    pub fn end(&mut self, outcome: AttemptOutcome) {
        let (_, done) = self.workers.next();
        done.finish(outcome);
        self.turn();
    }

    pub fn log(&mut self) -> Vec<ActivityEvent> {
        let pending = self.host.activities(ActivityQuery { after: 0, limit: 10_000 });
        self.turn();
        pending.wait().expect("a log").into_iter().map(|line| line.activity.event).collect()
    }
}

impl Workers {
    pub fn next(&self) -> (Dispatch, DispatchDone) {
        self.running.lock().unwrap().pop_front().expect("no event is running")
    }

    pub fn running(&self) -> Vec<String> {
        self.running.lock().unwrap().iter().map(|(dispatch, _)| dispatch.tag.to_string_lossy()).collect()
    }

    /// What the host sent to workers since the last call.
    pub fn take_messages(&self) -> Vec<(WorkerId, String)> {
        std::mem::take(&mut self.messages.lock().unwrap())
    }

    pub fn terminated(&self) -> Vec<AttemptId> {
        self.terminated.lock().unwrap().clone()
    }
}

impl WorkerBackend for Workers {
    fn attach(&self, _host: HostHandle) {}

    fn dispatch(&self, dispatch: &Dispatch, done: DispatchDone) {
        self.trace.lock().unwrap().push(format!("dispatch {}", dispatch.tag));
        self.running.lock().unwrap().push_back((dispatch.clone(), done));
    }

    fn terminate(&self, attempt: AttemptId) {
        self.terminated.lock().unwrap().push(attempt);
    }

    fn post_web_message(&self, _: WorkerRegistrationId, worker: WorkerId, json: String) {
        self.messages.lock().unwrap().push((worker, json));
    }
}

impl Disk {
    /// The next commit fails.
    pub fn fail_next_commit(&self) {
        self.0.lock().unwrap().failing_commits.push_back(true);
    }

    /// The next commit reaches the store, and nobody hears that it did.
    pub fn lose_next_answer(&self) {
        self.0.lock().unwrap().losing_answer = true;
    }

    /// After the next commit failed, so many loads fail too.
    pub fn fail_loads(&self, times: usize) {
        self.0.lock().unwrap().failing_loads = times;
    }

    /// All commits fail until it is set to false.
    pub fn set_full(&self, full: bool) {
        self.0.lock().unwrap().full = full;
    }

    /// Durability and number of changes of each commit since the last call.
    pub fn take_commits(&self) -> Vec<(Durability, usize)> {
        std::mem::take(&mut self.0.lock().unwrap().commits)
    }
}

impl Store for StageStore {
    fn acquire(&mut self) -> Result<Lease, StoreError> {
        self.store.acquire()
    }

    fn load(&mut self, lease: &Lease) -> Result<Loaded, StoreError> {
        let mut disk = self.disk.0.lock().unwrap();
        if disk.failing_loads > 0 {
            disk.failing_loads -= 1;
            return Err(StoreError::Database { operation: "load", message: "the disk is on fire".into() });
        }
        self.store.load(lease)
    }

    fn commit(
        &mut self,
        lease: &Lease,
        changes: &[Change],
        durability: Durability,
    ) -> Result<(), StoreError> {
        let mut disk = self.disk.0.lock().unwrap();
        if disk.failing_commits.pop_front().unwrap_or(false) || disk.full {
            return Err(StoreError::Database { operation: "commit", message: "the disk is full".into() });
        }
        disk.commits.push((durability, changes.len()));
        self.store.commit(lease, changes, durability)?;
        if std::mem::take(&mut disk.losing_answer) {
            return Err(StoreError::Database { operation: "commit", message: "the answer was lost".into() });
        }
        Ok(())
    }

    fn activities(&mut self, query: &ActivityQuery) -> Result<Vec<RecordedActivity>, StoreError> {
        self.store.activities(query)
    }

    fn clear_activities(&mut self, lease: &Lease) -> Result<(), StoreError> {
        self.store.clear_activities(lease)
    }

    fn is_persistent(&self) -> bool {
        self.persistent
    }

    fn release(&mut self, lease: Lease) -> Result<(), StoreError> {
        self.store.release(lease)
    }
}
