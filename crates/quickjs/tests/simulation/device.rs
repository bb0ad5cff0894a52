//! One simulated device: a profile on a real disk, a clock and a network that the test moves, and the process of the moment.

use crate::hands;
use crate::journal::{Message, Mood, Net};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::{Arc, Mutex};
use url::Url;
use wakeworker::network::ManualNetwork;
use wakeworker::store::SqliteStore;
use wakeworker::{ClientGuard, Clock, Driver, Host, HostHandle, ManualClock, Monitors, Subscription};
use wakeworker_core::{
    ActivityEvent, CoalescePolicy, Config, Connection, FailureReason, FrameType, Monotonic, Now,
    PeriodicOptions, PermissionName, PermissionState, StorageKey, SyncKind, Timestamp, WorkerRegistrationId,
};
use wakeworker_quickjs::{
    MessageSource, NoClients, RegisterJob, Runtime, RuntimeConfig, RuntimeStorage, UpdateViaCache,
    VirtualTime, WorkerType,
};
use wakeworker_structured_clone::{Token, Writer};

pub(crate) const MINUTE_MS: u64 = 60_000;
pub(crate) const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
const ORIGIN: &str = "https://app.example";
const START: i64 = 1_772_409_600_000;

pub(crate) struct Device {
    dir: tempfile::TempDir,
    seed: u64,
    clock: ManualClock,
    net: Net,
    life: Option<Life>,
    /// What was done, and what the engine says of it.
    trace: Arc<Mutex<Vec<String>>>,
    /// What workers said: they are threads of their own, so that only the order among their lines is certain.
    said: Arc<Mutex<Vec<String>>>,
    next_message: u64,
}

/// A process.
struct Life {
    page: Option<ClientGuard>,
    registration: WorkerRegistrationId,
    host: HostHandle,
    driver: Driver,
    runtime: Runtime,
    time: VirtualTime,
    _monitors: Monitors,
    _activity: Subscription,
}

impl Device {
    pub(crate) fn new(seed: u64) -> Device {
        let mut device = Device {
            dir: tempfile::tempdir().unwrap(),
            seed,
            clock: ManualClock::new(Now { wall: Timestamp(START), mono: Monotonic(0) }),
            net: Net { journal: Arc::default(), network: ManualNetwork::new(Connection::Wifi) },
            life: None,
            trace: Arc::default(),
            said: Arc::default(),
            next_message: 0,
        };
        device.open();
        let url = Url::parse(ORIGIN).unwrap();
        let job = RegisterJob {
            storage_key: key(),
            client_url: url,
            script_url: "/sw.js".to_owned(),
            scope: None,
            update_via_cache: UpdateViaCache::None,
            worker_type: WorkerType::Classic,
        };
        device.life().runtime.register(job, |result| drop(result.unwrap()));
        device.settle();
        device.find_registration();
        device.life().page = None;
        device.toggle_page();
        let options = PeriodicOptions { min_interval_ms: 12 * HOUR_MS, ..PeriodicOptions::default() };
        let life = device.life();
        let pending = life.host.periodic_sync_manager(life.registration).register("news".into(), options);
        device.settle();
        pending.wait().unwrap();
        device
    }

    /// A page puts messages into the outbox and registers a sync for them.
    pub(crate) fn write_and_register(&mut self, count: u64, slow: bool) {
        for _ in 0..count {
            self.write(slow);
        }
        if self.life().page.is_none() {
            self.toggle_page();
        }
        let life = self.life();
        let pending = life.host.sync_manager(life.registration).register("outbox".into());
        self.settle();
        pending.wait().unwrap();
        for message in self.net.journal().written.values_mut() {
            message.promised = true;
        }
    }

    /// A page puts a message into the outbox and says nothing more.
    pub(crate) fn write_only(&mut self) {
        self.write(false);
    }

    fn write(&mut self, slow: bool) {
        self.next_message += 1;
        let text = format!("{} {}", self.next_message, if slow { "slow" } else { "fast" });
        self.note(&format!("write {text}"));
        let mut writer = Writer::new(1 << 20);
        writer.write(&Token::String(text.as_bytes())).unwrap();
        let life = self.life();
        let worker = life.runtime.registration(life.registration).unwrap().active.unwrap().id;
        life.runtime.post_message(worker, STANDARD.encode(writer.finish()), MessageSource::Host);
        self.settle();
    }

    pub(crate) fn toggle_network(&mut self) {
        let online = self.net.network.connection().is_online();
        self.set_network(if online { Connection::None } else { Connection::Wifi });
    }

    fn set_network(&mut self, connection: Connection) {
        self.note(&format!("network {connection:?}"));
        self.net.network.set(connection);
        self.life().runtime.set_online(connection.is_online());
        self.settle();
    }

    pub(crate) fn toggle_server(&mut self) {
        let mood = match self.net.journal().mood {
            Mood::Well => Mood::Refusing,
            Mood::Refusing => Mood::Unreachable,
            Mood::Unreachable => Mood::Well,
        };
        self.note(&format!("server {mood:?}"));
        self.net.journal().mood = mood;
    }

    /// The process dies and the next one finds what it has left.
    pub(crate) fn kill(&mut self) {
        self.note("kill");
        self.life = None;
        self.net.journal().cut_short += 1;
        self.open();
        self.settle();
        self.find_registration();
    }

    pub(crate) fn jump_clock(&mut self, days: i64) {
        self.note(&format!("the clock jumps by {days} days"));
        let wall = self.clock.now().wall;
        self.clock.set_wall(Timestamp(wall.0 + days * DAY_MS.cast_signed()));
        self.settle();
    }

    pub(crate) fn update_worker(&mut self) {
        self.note("update");
        self.net.journal().version += 1;
        let life = self.life();
        // Without network there is no update; it comes another time.
        life.runtime.update(life.registration, |_| {});
        self.settle();
    }

    pub(crate) fn toggle_page(&mut self) {
        let life = self.life();
        life.page = match life.page.take() {
            Some(_) => None,
            None => Some(life.host.open_client(key(), FrameType::TopLevel)),
        };
        self.settle();
    }

    /// Time passes, with everything that is due meanwhile.
    pub(crate) fn pass(&mut self, ms: u64) {
        self.note(&format!("pass {ms}"));
        let clock = self.clock.clone();
        let life = self.life();
        hands::pass(&clock, &mut life.driver, &life.runtime, &life.time, ms);
    }

    /// What must be so at every moment.
    pub(crate) fn check(&mut self) {
        let journal = self.net.journal();
        assert_eq!(journal.offline_events, 0, "a sync event came without network (R49)");
        for (number, message) in &journal.written {
            let most = 1 + journal.cut_short;
            assert!(message.delivered <= most, "message {number} was delivered too often: {message:?}");
        }
        drop(journal);
        self.life().driver.check_invariants();
    }

    /// Nothing fails any more, and time enough passes for everything to be done.
    pub(crate) fn come_to_rest(&mut self) {
        self.note("nothing fails any more");
        self.net.journal().mood = Mood::Well;
        self.set_network(Connection::Wifi);
        self.net.journal().news = 0;
        self.pass(3 * DAY_MS);
    }

    /// Everything that was promised was kept; what was only written is still there, and goes with the next sync.
    pub(crate) fn check_end(&mut self) {
        {
            let journal = self.net.journal();
            for (number, message) in &journal.written {
                let kept = message.delivered > 0 || message.given_up || !message.promised;
                assert!(kept, "message {number} was promised and never delivered: {message:?}");
            }
            assert!(journal.news >= 3, "periodic events come no more: {} in three days", journal.news);
        }
        self.write_and_register(1, false);
        self.pass(HOUR_MS);
        let life = self.life();
        let left = life.host.sync_registrations();
        self.settle();
        let left = left.wait().unwrap();
        let one_shot = left.iter().filter(|status| status.registration.kind() == SyncKind::BackgroundSync);
        assert_eq!(one_shot.count(), 0, "{left:#?}");
        for (number, message) in &self.net.journal().written {
            assert!(message.delivered > 0, "message {number} was written and is lost: {message:?}");
        }
    }

    /// All that has happened.
    pub(crate) fn into_trace(self) -> Vec<String> {
        let mut trace = std::mem::take(&mut *self.trace.lock().unwrap());
        trace.append(&mut self.said.lock().unwrap());
        trace
    }

    fn open(&mut self) {
        let time = VirtualTime::new(Arc::new(self.clock.clone()), self.seed);
        let mut config = RuntimeConfig::default();
        config.virtual_time = Some(time.clone());
        let storage = RuntimeStorage::Dir(self.dir.path().join("runtime"));
        let runtime =
            Runtime::open(config, storage, Arc::new(self.net.clone()), Arc::new(NoClients)).unwrap();
        let (net, said) = (self.net.clone(), self.said.clone());
        runtime.on_console(move |line| {
            let mut journal = net.journal();
            if let Some(number) = line.text.strip_prefix("written ") {
                journal.written.insert(number.parse().unwrap(), Message::default());
            }
            let begins = line.text.starts_with("sync ") || line.text == "periodicsync";
            journal.offline_events += usize::from(begins && !net.network.connection().is_online());
            said.lock().unwrap().push(line.text.clone());
        });
        let store = SqliteStore::new(self.dir.path().join("profile"));
        let (driver, host, monitors) = Host::builder(Box::new(store))
            .backend(Arc::new(runtime.clone()))
            .network(Box::new(self.net.network.clone()))
            .clock(Arc::new(self.clock.clone()))
            .config(Config {
                retry_jitter_percent: 0,
                coalescing: CoalescePolicy::Exact,
                ..Config::default()
            })
            .driver()
            .unwrap();
        let (net, trace) = (self.net.clone(), self.trace.clone());
        let activity = host.on_activity(move |activity| {
            let mut journal = net.journal();
            match &activity.event {
                ActivityEvent::Failed { reason, .. } if *reason != FailureReason::Rejected => {
                    journal.cut_short += 1;
                }
                ActivityEvent::GaveUp => {
                    journal.written.values_mut().for_each(|message| message.given_up = true);
                }
                _ => {}
            }
            trace.lock().unwrap().push(format!("{:?}", activity.event));
        });
        host.set_permission(key(), PermissionName::PeriodicBackgroundSync, PermissionState::Granted);
        let page = Some(host.open_client(key(), FrameType::TopLevel));
        let registration = WorkerRegistrationId(0);
        self.life = Some(Life {
            page,
            registration,
            host,
            driver,
            runtime,
            time,
            _monitors: monitors,
            _activity: activity,
        });
        self.settle();
    }

    fn find_registration(&mut self) {
        let life = self.life();
        let url = Url::parse(ORIGIN).unwrap();
        life.registration = life.runtime.match_registration(&key(), &url).unwrap().id;
    }

    /// Until nothing is going on at this moment.
    fn settle(&mut self) {
        let life = self.life();
        hands::settle(&mut life.driver, &life.time);
    }

    fn note(&self, text: &str) {
        self.trace.lock().unwrap().push(format!("{}: {text}", self.clock.now().mono.0));
    }

    fn life(&mut self) -> &mut Life {
        self.life.as_mut().unwrap()
    }
}

fn key() -> StorageKey {
    StorageKey::first_party(ORIGIN)
}
