//! The processes under test: how they are started, disturbed and watched.

use crate::child::{self, ChildError, Process};
use crate::random::SplitMix;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// What a process is put through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing but ordinary load.
    Calm,
    /// One of its origins is hostile.
    Attacked,
    /// Killed with -9 and started again, every few minutes.
    Killed,
    /// Its network goes and comes.
    Flapping,
}

/// One reading of a process's figures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) resident_kib: u64,
    pub(crate) threads: u64,
}

/// What the log of a process says of an entry.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    tag: String,
    pub(crate) event: String,
    /// Why an event failed.
    pub(crate) reason: String,
}

/// One `wakeworker serve`.
pub(crate) struct HostProcess {
    pub(crate) number: usize,
    pub(crate) kind: Kind,
    program: PathBuf,
    site: PathBuf,
    profile: PathBuf,
    port: u16,
    journal_port: u16,
    process: tokio::sync::Mutex<Option<Process>>,
    pid: AtomicU64,
    /// When it was killed, or lost its network.
    disturbances: Mutex<Vec<Instant>>,
    readings: Mutex<Vec<Reading>>,
    answers: Mutex<Vec<Duration>>,
    page_errors: Mutex<BTreeMap<String, u64>>,
    /// What its log says of ordinary entries.
    history: Mutex<BTreeMap<u64, Line>>,
    /// Requests that went through a worker.
    pub(crate) requests: AtomicU64,
    /// Attacks that were carried out.
    pub(crate) attacks: AtomicU64,
}

impl HostProcess {
    /// Starts a process on a port that stays its own.
    pub(crate) async fn start(
        number: usize,
        kind: Kind,
        program: &Path,
        folder: &Path,
        journal_port: u16,
    ) -> Result<HostProcess, ChildError> {
        let host = HostProcess {
            number,
            kind,
            program: program.to_owned(),
            site: folder.join("site"),
            profile: folder.join(format!("profile-{number}")),
            port: free_port(number),
            journal_port,
            process: tokio::sync::Mutex::default(),
            pid: AtomicU64::new(0),
            disturbances: Mutex::default(),
            readings: Mutex::default(),
            answers: Mutex::default(),
            page_errors: Mutex::default(),
            history: Mutex::default(),
            requests: AtomicU64::new(0),
            attacks: AtomicU64::new(0),
        };
        host.spawn(&mut *host.process.lock().await).await?;
        Ok(host)
    }

    /// The addresses of its origins.
    pub(crate) fn urls(&self) -> [String; 3] {
        ["127.0.0.1", "localhost", "[::1]"].map(|name| format!("http://{name}:{}/", self.port))
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Disturbs the process according to its kind, until the end.
    pub(crate) async fn disturb(self: Arc<Self>, end: Instant, mut random: SplitMix) {
        loop {
            let next = Instant::now() + random.pause(60_000, 180_000);
            // The last stretch is calm, so that everything can come to its end.
            if next + Duration::from_secs(40) >= end {
                return;
            }
            tokio::time::sleep_until(next).await;
            let done = match self.kind {
                Kind::Calm | Kind::Attacked => return,
                Kind::Killed => self.kill_and_restart().await,
                Kind::Flapping => self.lose_network(random.pause(5_000, 25_000)).await,
            };
            if let Err(error) = done {
                self.note_page_error(&format!("disturbing it failed: {error}"));
            }
        }
    }

    /// Reads memory and threads every ten seconds.
    pub(crate) async fn watch_memory(self: Arc<Self>, end: Instant) {
        while Instant::now() < end {
            tokio::time::sleep(Duration::from_secs(10)).await;
            let pid = self.pid.load(Ordering::Relaxed);
            if let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status"))
                && let (Some(resident_kib), Some(threads)) =
                    (field(&status, "VmRSS:"), field(&status, "Threads:"))
            {
                self.lock(&self.readings).push(Reading { resident_kib, threads });
            }
        }
    }

    /// Reads the log twice a minute: it forgets.
    pub(crate) async fn read_log_until(self: Arc<Self>, end: Instant) {
        while Instant::now() < end {
            tokio::time::sleep(Duration::from_secs(30)).await;
            // A process that is being killed does not answer; its log is read the next time.
            let _ = self.read_log().await;
        }
    }

    /// Remembers what the log says of ordinary entries.
    pub(crate) async fn read_log(&self) -> Result<(), ChildError> {
        let lines = self.ask_all(&["log", "--limit", "1000"]).await?;
        let mut history = self.lock(&self.history);
        for line in lines {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            let message = line["message"].as_str().map(|message| format!(": {message}"));
            let reason = text("reason") + message.as_deref().unwrap_or_default();
            if let Some(id) = line["id"].as_u64().filter(|_| line["tag"].is_string()) {
                history.insert(id, Line { tag: text("tag"), event: text("event"), reason });
            }
        }
        Ok(())
    }

    /// What the log said of an entry, oldest first.
    pub(crate) fn history_of(&self, tag: &str) -> Vec<Line> {
        self.lock(&self.history).values().filter(|line| line.tag == tag).cloned().collect()
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        self.lock(&self.readings).clone()
    }

    pub(crate) fn disturbances(&self) -> Vec<Instant> {
        self.lock(&self.disturbances).clone()
    }

    pub(crate) fn answers(&self) -> Vec<Duration> {
        self.lock(&self.answers).clone()
    }

    /// How long a page waited for the answer to `sync.register()`.
    pub(crate) fn note_answer(&self, duration: Duration) {
        self.lock(&self.answers).push(duration);
    }

    /// Something went wrong in a page; counted by its text.
    pub(crate) fn note_page_error(&self, text: &str) {
        let plain: String = text.chars().filter(|c| !c.is_ascii_digit()).take(300).collect();
        *self.lock(&self.page_errors).entry(plain).or_default() += 1;
    }

    pub(crate) fn page_errors(&self) -> BTreeMap<String, u64> {
        self.lock(&self.page_errors).clone()
    }

    /// What is still registered.
    pub(crate) async fn registered_tags(&self) -> Result<Vec<String>, ChildError> {
        let list = self.ask(&["list"]).await?;
        let entries = list["registrations"].as_array().cloned().unwrap_or_default();
        Ok(entries.iter().filter_map(|entry| Some(entry["tag"].as_str()?.to_owned())).collect())
    }

    /// Ends the process.
    pub(crate) async fn stop(&self) {
        if let Some(process) = self.process.lock().await.take() {
            // It is gone either way.
            let _ = process.kill().await;
        }
    }

    async fn kill_and_restart(&self) -> Result<(), ChildError> {
        let mut slot = self.process.lock().await;
        self.lock(&self.disturbances).push(Instant::now());
        if let Some(process) = slot.take() {
            process.kill().await?;
        }
        self.spawn(&mut slot).await
    }

    async fn lose_network(&self, duration: Duration) -> Result<(), ChildError> {
        self.lock(&self.disturbances).push(Instant::now());
        self.ask(&["offline", "on"]).await?;
        tokio::time::sleep(duration).await;
        self.ask(&["offline", "off"]).await.map(drop)
    }

    async fn spawn(&self, slot: &mut Option<Process>) -> Result<(), ChildError> {
        let proxy = format!("/journal=http://127.0.0.1:{}", self.journal_port);
        let port = self.port.to_string();
        let mut args: Vec<OsString> =
            ["serve", "--json", "--assume-online", "--port", &port, "--proxy", &proxy]
                .map(OsString::from)
                .into();
        args.extend([self.site.clone().into(), "--profile".into(), self.profile.clone().into()]);
        let mut process = Process::spawn("host", &self.program, args)?;
        process.line("its address", |line| line["url"].as_str().map(drop)).await?;
        self.pid.store(process.pid().unwrap_or(0).into(), Ordering::Relaxed);
        *slot = Some(process);
        Ok(())
    }

    async fn ask(&self, args: &[&str]) -> Result<serde_json::Value, ChildError> {
        Ok(self.ask_all(args).await?.into_iter().next().unwrap_or_default())
    }

    async fn ask_all(&self, args: &[&str]) -> Result<Vec<serde_json::Value>, ChildError> {
        let rest = ["--json".into(), "--profile".into(), self.profile.clone().into_os_string()];
        let args: Vec<OsString> = args.iter().map(OsString::from).chain(rest).collect();
        child::ask("control", &self.program, args).await
    }

    fn lock<'a, T>(&self, mutex: &'a Mutex<T>) -> std::sync::MutexGuard<'a, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn field(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// A port that nobody takes while the process is down: the system gives no port below 32,768 to those who take any.
fn free_port(number: usize) -> u16 {
    let first = 12_000 + (std::process::id() % 70) as u16 * 100 + number as u16 * 10;
    let free = |port: &u16| -> io::Result<()> { TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).map(drop) };
    (first..first + 10).find(|port| free(port).is_ok()).unwrap_or(first)
}
