//! What was found: a line a minute, and a table at the end.

use crate::Soak;
use crate::hosts::{HostProcess, Kind, Reading};
use crate::journal::{Entry, Journal};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// An event that did its work so shortly before its host was killed, or lost its network, may not have been able to say
/// so; firing it again is what "at least once" means.
const UNHEARD: Duration = Duration::from_secs(3);
/// How much more memory the last tenth of the time may need than the second fifth.
const GROWTH_PERCENT_MAX: u64 = 15;
const GROWTH_KIB_MAX: u64 = 8 * 1024;

/// A line a minute.
pub(crate) async fn every_minute(soak: Arc<Soak>, hosts: Vec<Arc<HostProcess>>, begin: Instant) {
    while Instant::now() + Duration::from_secs(60) < soak.end {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let (promised, kept) = soak.journal.counts();
        let memory: Vec<String> = hosts
            .iter()
            .map(|host| {
                host.readings().last().map_or_else(|| "-".into(), |r| (r.resident_kib / 1024).to_string())
            })
            .collect();
        println!(
            "{:>4} min  registered {promised}, done {kept}; resident MiB {}",
            begin.elapsed().as_secs() / 60,
            memory.join(" ")
        );
    }
}

/// What one process did.
#[derive(Default)]
struct Findings {
    registered: usize,
    done: usize,
    lost: Vec<String>,
    again: usize,
    /// Reported more than once because an attempt failed after it had reported: why, and how often.
    retried: BTreeMap<String, usize>,
    twice: Vec<String>,
    delays: Vec<Duration>,
}

/// Prints the table; whether every promise was kept.
pub(crate) async fn print(journal: &Journal, hosts: &[Arc<HostProcess>], begin: Instant) -> bool {
    let disturbances: HashMap<usize, Vec<Instant>> =
        hosts.iter().map(|host| (host.number, host.disturbances())).collect();
    let mut findings: HashMap<usize, Findings> = HashMap::new();
    for (tag, entry) in journal.entries() {
        let found = findings.entry(entry.host).or_default();
        judge(found, tag, &entry, &disturbances[&entry.host], &hosts[entry.host]);
    }
    println!();
    println!(
        "{:<9} {:>7} {:>7} {:>5} {:>6} {:>8} {:>6} {:>7} {:>8} {:>21} {:>24} {:>20} {:>7}",
        "process",
        "promised",
        "done",
        "lost",
        "again*",
        "retried*",
        "twice",
        "kills/…",
        "requests",
        "answer ms 50/95/99 %",
        "event ms 50/95/99 %",
        "resident MiB 20/60/100 %",
        "threads"
    );
    let mut kept = true;
    for host in hosts {
        let mut found = findings.remove(&host.number).unwrap_or_default();
        let mut answers = host.answers();
        let readings = host.readings();
        let memory = Memory::of(&readings);
        println!(
            "{:<9} {:>7} {:>7} {:>5} {:>6} {:>8} {:>6} {:>7} {:>8} {:>21} {:>24} {:>20} {:>7}",
            format!("{:?}", host.kind).to_lowercase(),
            found.registered,
            found.done,
            found.lost.len(),
            found.again,
            found.retried.values().sum::<usize>(),
            found.twice.len(),
            disturbances[&host.number].len() as u64 + host.attacks.load(Ordering::Relaxed),
            host.requests.load(Ordering::Relaxed),
            percentiles(&mut answers),
            percentiles(&mut found.delays),
            format!("{}/{}/{}", memory.early / 1024, memory.middle / 1024, memory.late / 1024),
            readings.iter().map(|reading| reading.threads).max().unwrap_or(0),
        );
        for (reason, count) in &found.retried {
            println!("  {count} retried: {reason}");
        }
        if !found.lost.is_empty() || !found.twice.is_empty() {
            println!("  lost: {:?}\n  twice: {:?}", first(&found.lost), first(&found.twice));
            kept = false;
        }
        // A process that is started again begins anew; only the others can be asked to stay as they are.
        if host.kind != Kind::Killed && memory.grows() {
            println!("  its memory grows");
            kept = false;
        }
        match host.registered_tags().await {
            Ok(tags) => {
                let left: Vec<String> = tags.into_iter().filter(|tag| tag.starts_with('o')).collect();
                if !left.is_empty() {
                    println!("  still registered: {} such as {:?}", left.len(), first(&left));
                }
            }
            Err(error) => {
                println!("  does not answer any more: {error}");
                kept = false;
            }
        }
        for (text, count) in host.page_errors() {
            println!("  {count} times: {text}");
        }
    }
    println!(
        "* again: the event had done its work, but its process was killed or lost its network before it could say so"
    );
    println!("  retried: the event had done its work, but then it failed: the log says why");
    println!(
        "{} min; {}",
        begin.elapsed().as_secs() / 60,
        if kept { "every promise was kept" } else { "FAILED" }
    );
    kept
}

/// "At least once" lets an event report again if the attempt that had reported did not come to its end.
fn judge(found: &mut Findings, tag: String, entry: &Entry, disturbances: &[Instant], host: &HostProcess) {
    let Some(acknowledged) = entry.acknowledged else { return };
    found.registered += 1;
    let Some(first) = entry.delivered.first() else { return found.lost.push(tag) };
    found.done += 1;
    found.delays.push(first.saturating_duration_since(acknowledged));
    if entry.delivered.len() == 1 {
        return;
    }
    let history = host.history_of(&tag);
    let completed = history.iter().filter(|line| line.event == "completed").count();
    let mut failures =
        history.iter().filter(|line| line.event == "failed" && !entry.was_refused(&line.reason));
    for pair in entry.delivered.windows(2) {
        let unheard = disturbances.iter().any(|at| *at + UNHEARD >= pair[0] && *at <= pair[0] + UNHEARD);
        match failures.next() {
            _ if completed > 1 => found.twice.push(tag.clone()),
            Some(line) => *found.retried.entry(line.reason.clone()).or_default() += 1,
            None if unheard => found.again += 1,
            None => found.twice.push(tag.clone()),
        }
    }
}

/// Medians of resident memory in three parts of the time.
struct Memory {
    early: u64,
    middle: u64,
    late: u64,
}

impl Memory {
    fn of(readings: &[Reading]) -> Memory {
        let part = |from: usize, to: usize| {
            let slice = &readings[readings.len() * from / 10..readings.len() * to / 10];
            let mut values: Vec<u64> = slice.iter().map(|reading| reading.resident_kib).collect();
            values.sort_unstable();
            values.get(values.len() / 2).copied().unwrap_or(0)
        };
        Memory { early: part(2, 4), middle: part(5, 7), late: part(9, 10) }
    }

    fn grows(&self) -> bool {
        self.late > self.early + (self.early * GROWTH_PERCENT_MAX / 100).max(GROWTH_KIB_MAX)
    }
}

fn percentiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).map_or(0, Duration::as_millis);
    format!("{}/{}/{}", at(50), at(95), at(99))
}

fn first(list: &[String]) -> &[String] {
    &list[..list.len().min(5)]
}
