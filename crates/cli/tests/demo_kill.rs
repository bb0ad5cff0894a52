//! R167, R169: the host is killed with -9 at 50 random moments of the demo's story, and at every third of them the power
//! fails as well, so that what its database had not synced is gone; whatever it acknowledged, a sync registration or a
//! message, is neither lost nor forgotten.
//!
//! A moment is a step of the story and a time after its beginning, drawn from what the undisturbed story took, which is told
//! first. `SEED=… cargo test` draws the same moments again.

#![expect(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and tells its seed"
)]

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../src/demo/child.rs"]
mod child;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../src/demo/page.rs"]
mod page;
#[cfg(target_os = "linux")]
mod power;

use child::Process;
use page::{Answer, Page};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::Instant;

const PROGRAM: &str = env!("CARGO_BIN_EXE_wakeworker");
/// The built outbox example, where the build script of this package leaves it.
const SITE: &str = concat!(env!("OUT_DIR"), "/outbox/dist");
const MOMENTS: u64 = 50;
/// Stories that are told at the same time; more would only wait for each other.
const LANES: u64 = 2;
const SEED_DEFAULT: u64 = 20_261_121;
const QUEUE_TAG: &str = "workbox-background-sync:outbox";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost() {
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(SEED_DEFAULT);
    eprintln!("SEED={seed}");
    let lanes = (0..LANES).map(|lane| tokio::spawn(lane_of_moments(seed, lane)));
    let mut totals = Totals::default();
    for lane in lanes.collect::<Vec<_>>() {
        totals.add(&lane.await.unwrap());
    }
    eprintln!("{totals:?}");
    // Moments that all fall before the first acknowledgement would prove nothing.
    assert!(totals.messages > MOMENTS && totals.syncs > MOMENTS, "{totals:?}");
    assert!(totals.cut_short > MOMENTS / 2, "most moments must lie within the story: {totals:?}");
    if cfg!(target_os = "linux") {
        // A power cut that takes nothing away is none.
        assert!(totals.power_cuts > MOMENTS / 4 && totals.bytes_lost > 0, "{totals:?}");
    }
}

/// What was acknowledged before a kill, and what followed.
#[derive(Debug, Default)]
struct Totals {
    moments: u64,
    cut_short: u64,
    messages: u64,
    syncs: u64,
    sent_twice: u64,
    power_cuts: u64,
    bytes_lost: usize,
}

impl Totals {
    fn add(&mut self, other: &Totals) {
        self.moments += other.moments;
        self.cut_short += other.cut_short;
        self.messages += other.messages;
        self.syncs += other.syncs;
        self.sent_twice += other.sent_twice;
        self.power_cuts += other.power_cuts;
        self.bytes_lost += other.bytes_lost;
    }
}

async fn lane_of_moments(seed: u64, lane: u64) -> Totals {
    let mut totals = Totals::default();
    let undisturbed = Round::play(1 + lane, None).await;
    assert!(!undisturbed.cut_short, "nothing disturbed this one");
    let mut random = SplitMix(seed ^ lane.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    for number in (lane..MOMENTS).step_by(LANES as usize) {
        let moment = Moment::draw(&mut random, &undisturbed.steps);
        let round = Round::play(10 + number, Some(moment)).await;
        totals.moments += 1;
        totals.cut_short += u64::from(round.cut_short);
        totals.messages += round.acknowledged.messages.len() as u64;
        totals.syncs += round.acknowledged.tags.len() as u64;
        totals.sent_twice += round.sent_twice;
        totals.power_cuts += u64::from(round.bytes_lost.is_some());
        totals.bytes_lost += round.bytes_lost.unwrap_or(0);
    }
    totals
}

/// When the host is killed. Counted in steps of the story, so that a machine that is slower for a while does not move all
/// moments to the beginning.
#[derive(Debug)]
struct Moment {
    /// The step of the story that has begun.
    step: usize,
    /// How long ago.
    after: Duration,
}

impl Moment {
    /// A moment within a story whose steps began at these times.
    fn draw(random: &mut SplitMix, steps: &[Instant]) -> Moment {
        let position = random.fraction() * (steps.len() - 1) as f64;
        let step = position as usize;
        Moment { step, after: (steps[step + 1] - steps[step]).mul_f64(position.fract()) }
    }

    async fn come(&self, mut story: watch::Receiver<Vec<Instant>>) {
        story.wait_for(|steps| steps.len() > self.step).await.unwrap();
        tokio::time::sleep(self.after).await;
    }
}

/// One telling of the story, its end by a kill, and the aftermath.
struct Round {
    acknowledged: Acknowledged,
    cut_short: bool,
    /// When each step of the story began.
    steps: Vec<Instant>,
    sent_twice: u64,
    /// What a power cut took away, if there was one.
    bytes_lost: Option<usize>,
}

/// What the host has acknowledged to the page.
#[derive(Debug, Default)]
struct Acknowledged {
    /// The ids of messages of which the page was told "pending", or that the inbox has taken.
    messages: Vec<String>,
    /// The tags whose `sync.register()` was fulfilled.
    tags: Vec<String>,
}

impl Round {
    async fn play(number: u64, moment: Option<Moment>) -> Round {
        let stage = Stage::new();
        let mut inbox =
            stage.spawn("inbox", &["demo", "inbox", "--json", "--port", "0", "--file"], "inbox.jsonl");
        let inbox_url = url_of(&mut inbox).await;
        let mut host = stage.host(&inbox_url, &[]);
        let mut acknowledged = Acknowledged::default();
        // Every fifth time the start of the host belongs to the story, too.
        let url = if number.is_multiple_of(5) { None } else { Some(url_of(&mut host).await) };
        let (progress, story) = watch::channel(Vec::new());
        let told = tell(&stage, &mut host, url, number, &mut acknowledged, &progress);
        let cut_short = match &moment {
            Some(moment) => tokio::select! { () = told => false, () = moment.come(story) => true },
            None => {
                told.await;
                false
            }
        };
        host.kill().await.unwrap();
        let bytes_lost = if moment.is_some() { stage.cut_power(number) } else { None };
        let context = format!(
            "round {number}, killed at {moment:?}, lost {bytes_lost:?} bytes, acknowledged {acknowledged:?}"
        );

        let mut host = stage.host(&inbox_url, &["--offline"]);
        url_of(&mut host).await;
        check_nothing_is_forgotten(&stage, &acknowledged, &context).await;
        bring_online(&stage, &context).await;
        let arrivals = stage.arrivals();
        check_nothing_is_lost(&arrivals, &acknowledged, &context);
        host.kill().await.unwrap();
        inbox.kill().await.unwrap();
        let sent_twice =
            arrivals.iter().filter(|arrival| arrival.get("duplicate_of").is_some()).count() as u64;
        Round { acknowledged, cut_short, steps: progress.borrow().clone(), sent_twice, bytes_lost }
    }
}

/// The story: a page without a network queues messages and registers a sync, then the network comes.
async fn tell(
    stage: &Stage,
    host: &mut Process,
    url: Option<String>,
    number: u64,
    acknowledged: &mut Acknowledged,
    progress: &watch::Sender<Vec<Instant>>,
) {
    let next_step = || progress.send_modify(|steps| steps.push(Instant::now()));
    next_step();
    let url = match url {
        Some(url) => url,
        None => url_of(host).await,
    };
    let mut page = Page::open(&url).await.unwrap();
    next_step();
    let registration = page.register_worker("sw.js").await.unwrap();
    page.controlled().await.unwrap();
    next_step();
    stage.ask(&["offline", "on"]).await;
    for seq in 1..=5 {
        next_step();
        send(&mut page, number, seq, acknowledged).await;
        next_step();
        let tag = format!("{number}-{seq}");
        let units: Vec<u16> = tag.encode_utf16().collect();
        let params = json!({ "registration": registration, "tag": units });
        page.call("register a sync", "sync.register", params).await.unwrap();
        acknowledged.tags.push(tag);
    }
    next_step();
    stage.ask(&["offline", "off"]).await;
    for seq in 6..=8 {
        next_step();
        send(&mut page, number, seq, acknowledged).await;
    }
    next_step();
}

async fn send(page: &mut Page, number: u64, seq: u64, acknowledged: &mut Acknowledged) {
    let id = format!("{number}-{seq}");
    let message = json!({ "id": id, "seq": seq, "from": "test", "text": "👋", "sent_at": seq });
    let kind = match page.post("/inbox/messages", &message).await.unwrap() {
        Answer::Status(200..=299) => "sent".to_owned(),
        Answer::Status(other) => panic!("the answer to message {id} has status {other}"),
        Answer::NetworkError => {
            let about = |notice: &Value| {
                (notice["message"]["id"] == *id).then(|| notice["type"].as_str().unwrap_or("?").to_owned())
            };
            page.message("hear what became of a message", about).await.unwrap()
        }
    };
    assert!(kind == "pending" || kind == "sent", "message {id} is {kind}");
    acknowledged.messages.push(id);
}

/// Right after the restart: what was acknowledged has either been done, or is still registered.
async fn check_nothing_is_forgotten(stage: &Stage, acknowledged: &Acknowledged, context: &str) {
    let registered = stage.registered_tags().await;
    let log = stage.ask(&["log", "--limit", "1000"]).await;
    for tag in &acknowledged.tags {
        let completed = log["activities"]
            .as_array()
            .unwrap()
            .iter()
            .any(|it| it["event"] == "completed" && it["tag"] == **tag);
        assert!(completed || registered.contains(tag), "the sync `{tag}` is forgotten: {context}\n{log:#}");
    }
    let arrived = stage.arrivals();
    for id in &acknowledged.messages {
        let arrived = arrived.iter().any(|arrival| arrival["id"] == **id);
        assert!(
            arrived || registered.contains(QUEUE_TAG),
            "nothing will send message {id}: {context}\n{log:#}"
        );
    }
}

/// The network comes, and every registered sync is completed.
async fn bring_online(stage: &Stage, context: &str) {
    let mut open = stage.registered_tags().await;
    let before = stage.ask(&["log", "--limit", "1"]).await["activities"][0]["id"].as_u64().unwrap_or(0);
    let mut log = stage.spawn("log", &["log", "--follow", "--json", "--profile"], "profile");
    stage.ask(&["offline", "off"]).await;
    while !open.is_empty() {
        let completed = |line: &Value| {
            let is_new = line["id"].as_u64().is_some_and(|id| id > before);
            assert!(!is_new || line["event"] != "failed", "an event failed: {line}: {context}");
            (is_new && line["event"] == "completed").then(|| line["tag"].as_str().unwrap_or("").to_owned())
        };
        let Ok(tag) = log.line("the end of an event", completed).await else {
            let (list, log) = (stage.ask(&["list"]).await, stage.ask(&["log", "--limit", "1000"]).await);
            panic!("{open:?} do not come to an end: {context}\n{list:#}\n{log:#}");
        };
        open.remove(&tag);
    }
    log.kill().await.unwrap();
    let left = stage.registered_tags().await;
    assert!(left.is_empty(), "{left:?} is still registered: {context}");
}

/// At the end: the inbox has every acknowledged message, and the queued ones in their order.
fn check_nothing_is_lost(arrivals: &[Value], acknowledged: &Acknowledged, context: &str) {
    for id in &acknowledged.messages {
        let arrived = arrivals.iter().any(|arrival| arrival["id"] == **id);
        assert!(arrived, "message {id} is lost: {context}\n{arrivals:#?}");
    }
    let firsts = arrivals.iter().filter(|arrival| arrival.get("duplicate_of").is_none());
    let queued: Vec<u64> =
        firsts.filter_map(|arrival| arrival["seq"].as_u64()).filter(|seq| *seq <= 5).collect();
    assert!(queued.is_sorted(), "the queue was sent in the order {queued:?}: {context}");
}

async fn url_of(process: &mut Process) -> String {
    process.line("its address", |line| Some(line["url"].as_str()?.to_owned())).await.unwrap()
}

/// A folder with a profile and an inbox's file, and a port that stays the same.
struct Stage {
    dir: TempDir,
    port: u16,
}

impl Stage {
    fn new() -> Stage {
        Stage { dir: tempfile::tempdir().unwrap(), port: free_port() }
    }

    fn host(&self, inbox_url: &str, more: &[&str]) -> Process {
        let proxy = format!("/inbox={inbox_url}");
        let port = self.port.to_string();
        let mut args = vec!["serve", SITE, "--json", "--assume-online", "--port", &port, "--proxy", &proxy];
        args.extend(more);
        args.push("--profile");
        self.spawn_host(&args)
    }

    /// The host, with its power supply watched where that is possible.
    #[cfg(target_os = "linux")]
    fn spawn_host(&self, args: &[&str]) -> Process {
        let supply = power::PowerSupply::new(&self.dir.path().join("profile"));
        let program = [OsString::from(PROGRAM)];
        let profile = [self.dir.path().join("profile").into_os_string()];
        let args =
            supply.command().into_iter().chain(program).chain(args.iter().map(OsString::from)).chain(profile);
        Process::spawn("host", Path::new("/usr/bin/env"), args).unwrap()
    }

    #[cfg(not(target_os = "linux"))]
    fn spawn_host(&self, args: &[&str]) -> Process {
        self.spawn("host", args, "profile")
    }

    /// At every third moment the power fails. Returns how many bytes that took away.
    #[cfg(target_os = "linux")]
    fn cut_power(&self, number: u64) -> Option<usize> {
        let fails = number.is_multiple_of(3);
        fails.then(|| power::PowerSupply::new(&self.dir.path().join("profile")).cut())
    }

    #[cfg(not(target_os = "linux"))]
    fn cut_power(&self, _: u64) -> Option<usize> {
        None
    }

    /// Starts the program with a last argument that is a path in the folder.
    fn spawn(&self, name: &'static str, args: &[&str], path: &str) -> Process {
        let args = args.iter().map(OsString::from).chain([self.dir.path().join(path).into_os_string()]);
        Process::spawn(name, Path::new(PROGRAM), args).unwrap()
    }

    async fn ask(&self, args: &[&str]) -> Value {
        let profile = self.dir.path().join("profile");
        let rest = ["--json".into(), "--profile".into(), profile.into_os_string()];
        let args: Vec<OsString> = args.iter().map(OsString::from).chain(rest).collect();
        child::ask("control", Path::new(PROGRAM), args).await.unwrap().remove(0)
    }

    async fn registered_tags(&self) -> HashSet<String> {
        let list = self.ask(&["list"]).await;
        let registrations = list["registrations"].as_array().unwrap();
        registrations.iter().map(|entry| entry["tag"].as_str().unwrap().to_owned()).collect()
    }

    fn arrivals(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.dir.path().join("inbox.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A port that nobody takes while the host is down: the system gives no port below 32,768 to those who take any.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 100).unwrap_or(0) * 100;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % 10_000;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// Reproducible numbers (Steele, Lea, Flood: Fast splittable pseudorandom number generators).
struct SplitMix(u64);

impl SplitMix {
    /// A number from 0 to 1.
    fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}
