//! Time that the host drives by hand: a worker's day in a moment, the same on every run (R183).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/hands.rs"]
mod hands;

use bytes::Bytes;
use std::sync::{Arc, Mutex};
use url::Url;
use wakeworker::network::ManualNetwork;
use wakeworker::store::MemoryStore;
use wakeworker::{ClientGuard, Driver, Host, HostHandle, ManualClock};
use wakeworker_core::{
    Connection, FrameType, Monotonic, Now, StorageKey, SyncState, Timestamp, WorkerRegistrationId,
};
use wakeworker_quickjs::{
    AbortHandle, FetchRequest, Fetcher, NoClients, RegisterJob, ResponseHead, ResponseSink, Runtime,
    RuntimeConfig, RuntimeStorage, UpdateViaCache, VirtualTime, WorkerType,
};

const ORIGIN: &str = "https://app.example";
const START: i64 = 1_772_409_600_000;

/// Answers with the worker's script, and for `/stream` with an event stream that ends.
struct Scripts(&'static str);

impl Fetcher for Scripts {
    fn fetch(&self, request: FetchRequest, mut sink: ResponseSink) -> AbortHandle {
        let (content_type, body) = match request.url.path() {
            "/stream" => ("text/event-stream", "retry: 60000\ndata: x\n\n"),
            _ => ("text/javascript", self.0),
        };
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        sink.head(ResponseHead { status: 200, status_text: "OK".to_owned(), headers });
        sink.chunk(Bytes::from_static(body.as_bytes()));
        sink.end();
        AbortHandle::ended()
    }
}

struct Day {
    clock: ManualClock,
    time: VirtualTime,
    driver: Driver,
    host: HostHandle,
    runtime: Runtime,
    console: Arc<Mutex<Vec<String>>>,
    _page: ClientGuard,
    registration: WorkerRegistrationId,
}

impl Day {
    fn new(script: &'static str) -> Day {
        let clock = ManualClock::new(Now { wall: Timestamp(START), mono: Monotonic(0) });
        let time = VirtualTime::new(Arc::new(clock.clone()), 7);
        let mut config = RuntimeConfig::default();
        config.virtual_time = Some(time.clone());
        let runtime =
            Runtime::open(config, RuntimeStorage::Memory, Arc::new(Scripts(script)), Arc::new(NoClients))
                .unwrap();
        let console = Arc::new(Mutex::new(Vec::new()));
        let seen = console.clone();
        runtime.on_console(move |line| seen.lock().unwrap().push(line.text.clone()));
        let (driver, host, _monitor) = Host::builder(Box::new(MemoryStore::new().with_installation_seed(1)))
            .backend(Arc::new(runtime.clone()))
            .network(Box::new(ManualNetwork::new(Connection::Wifi)))
            .clock(Arc::new(clock.clone()))
            .driver()
            .unwrap();
        let key = StorageKey::first_party(ORIGIN);
        let page = host.open_client(key.clone(), FrameType::TopLevel);
        let registration = WorkerRegistrationId(1);
        let mut day = Day { clock, time, driver, host, runtime, console, _page: page, registration };
        let url = Url::parse(ORIGIN).unwrap();
        day.runtime.register(
            RegisterJob {
                storage_key: key.clone(),
                client_url: url.clone(),
                script_url: "/sw.js".to_owned(),
                scope: None,
                update_via_cache: UpdateViaCache::Imports,
                worker_type: WorkerType::Classic,
            },
            |result| {
                result.unwrap();
            },
        );
        day.settle();
        day.registration = day.runtime.match_registration(&key, &url).unwrap().id;
        day
    }

    fn settle(&mut self) {
        hands::settle(&mut self.driver, &self.time);
    }

    fn pass(&mut self, ms: u64) {
        hands::pass(&self.clock, &mut self.driver, &self.runtime, &self.time, ms);
    }

    fn lines(&self) -> Vec<String> {
        std::mem::take(&mut self.console.lock().unwrap())
    }
}

const CLOCK: &str = r#"
    const start = Date.now();
    addEventListener("sync", (event) => {
        const began = performance.now();
        event.waitUntil(new Promise((resolve) => setTimeout(() => {
            const now = new Date();
            console.log(now.toISOString(), Date.now() - start, Math.round(performance.now() - began));
            console.log(now instanceof Date, now.constructor === Date, new Date(5).getTime(), Date.UTC(1970, 0, 1));
            console.log(Math.random() < 1, crypto.randomUUID());
            resolve();
        }, 90_000)));
    });
"#;

#[test] // R183
fn timers_and_dates_follow_the_hosts_clock_and_a_day_takes_a_moment() {
    let run = || {
        let mut day = Day::new(CLOCK);
        day.pass(3_600_000);
        let pending = day.host.sync_manager(day.registration).register("t".into());
        day.settle();
        pending.wait().unwrap();
        assert!(day.lines().is_empty());
        day.pass(89_999);
        assert!(day.lines().is_empty());
        day.pass(1);
        let lines = day.lines();
        day.pass(24 * 3_600_000);
        let left = day.host.sync_registrations();
        day.settle();
        assert!(left.wait().unwrap().is_empty());
        lines
    };
    let lines = run();
    // The worker was stopped in the idle hour, so its script ran again when the event came.
    assert_eq!(lines[0], "2026-03-02T01:01:30.000Z 90000 90000");
    assert_eq!(lines[1], "true true 5 0");
    assert!(lines[2].starts_with("true "), "{lines:?}");
    assert_eq!(lines, run(), "equal seeds, equal random numbers");
}

#[test] // R86, R183
fn an_event_that_hangs_reaches_its_time_limit_in_virtual_time() {
    let mut day = Day::new("addEventListener('sync', (event) => event.waitUntil(new Promise(() => {})));");
    let pending = day.host.sync_manager(day.registration).register("t".into());
    day.settle();
    pending.wait().unwrap();
    day.pass(179_999);
    let state = |day: &mut Day| {
        let statuses = day.host.sync_registrations();
        day.settle();
        statuses.wait().unwrap()[0].state
    };
    assert_eq!(state(&mut day), SyncState::Firing);
    day.pass(1);
    assert_eq!(state(&mut day), SyncState::Waiting);
}

#[test] // R154, R183
fn an_install_event_that_waits_for_a_timer_ends_when_the_clock_says_so() {
    let script = "addEventListener('install', (event) => event.waitUntil(new Promise((done) => setTimeout(done, 60_000))));
                  addEventListener('activate', () => console.log('active', Date.now()));";
    let mut day = Day::new(script);
    day.pass(59_999);
    assert!(day.lines().is_empty());
    day.pass(1);
    assert_eq!(day.lines(), [format!("active {}", START + 60_000)]);
}

#[test] // R183; HTML, 9.2.3: the reconnection time is the worker's
fn an_event_source_waits_in_virtual_time_before_it_asks_again() {
    let script = "addEventListener('install', (event) => event.waitUntil(new Promise((done) => {
        const source = new EventSource('/stream');
        source.onmessage = () => console.log('message', Date.now());
    })));";
    let mut day = Day::new(script);
    day.settle();
    assert_eq!(day.lines(), [format!("message {START}")]);
    day.pass(59_999);
    assert!(day.lines().is_empty());
    day.pass(60_001);
    assert_eq!(day.lines(), [1, 2].map(|n| format!("message {}", START + n * 60_000)));
}
