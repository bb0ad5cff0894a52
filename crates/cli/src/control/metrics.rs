//! The counters of a running `serve` as Prometheus text (R242).

use super::shapes::{event_type, state_name};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wakeworker::HostHandle;
use wakeworker_core::{ActivityEvent, EventCounts, OriginAudit, StorageKey, SyncKind, SyncStatus, Wakeup};

/// The media type of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How many periodic events were fired together, in how many rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds(Arc<(AtomicU64, AtomicU64)>);

/// What the metrics are made of.
pub(crate) struct Measured {
    /// The counters of all origins.
    pub(crate) origins: Vec<(StorageKey, OriginAudit)>,
    /// Everything that is registered.
    pub(crate) registrations: Vec<SyncStatus>,
    /// When the engine will act next.
    pub(crate) next_wakeup: Option<Wakeup>,
    /// Open pages.
    pub(crate) pages: usize,
    /// Whether the operator has switched the network off.
    pub(crate) offline: bool,
}

impl Rounds {
    /// Counts from now on, for the life of the host.
    pub(crate) fn follow(host: &HostHandle) -> Rounds {
        let rounds = Rounds::default();
        let counted = rounds.clone();
        let count = move |activity: &wakeworker_core::Activity| {
            if let ActivityEvent::Round { events } = activity.event {
                counted.0.0.fetch_add(1, Ordering::Relaxed);
                counted.0.1.fetch_add(u64::try_from(events).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        };
        host.on_activity(count).forget();
        rounds
    }
}

/// One counter of an origin: its name, what it counts, and how it is read.
type Counter = (&'static str, &'static str, fn(&EventCounts) -> Vec<(&'static str, u64)>);

/// Counters by origin and kind; the label `page` says whether a page of the origin was open.
const COUNTERS: [Counter; 9] = [
    ("registrations", "Sync registrations made.", |c| plain(c.registrations)),
    ("reregistrations", "Registrations of tags that were registered already.", |c| plain(c.reregistrations)),
    ("refusals", "Sync registrations refused.", |c| plain(c.refusals)),
    ("events", "Events dispatched.", |c| by_page(c.events_in_foreground, c.events_in_background)),
    ("events_succeeded", "Events that succeeded.", |c| {
        by_page(c.succeeded_in_foreground, c.succeeded_in_background)
    }),
    ("events_failed", "Events that failed.", |c| by_page(c.failed_in_foreground, c.failed_in_background)),
    ("events_timed_out", "Events that ran out of time.", |c| plain(c.timed_out)),
    ("events_unhandled", "Events without a listener in the worker.", |c| plain(c.unhandled)),
    ("given_up", "Registrations given up after their last attempt.", |c| plain(c.given_up)),
];

fn plain(value: u64) -> Vec<(&'static str, u64)> {
    vec![("", value)]
}

fn by_page(foreground: u64, background: u64) -> Vec<(&'static str, u64)> {
    vec![(",page=\"open\"", foreground), (",page=\"none\"", background)]
}

/// Lengths of time by origin and kind, in seconds: name, type, meaning, milliseconds.
type Length = (&'static str, &'static str, &'static str, fn(&EventCounts) -> u64);

const LENGTHS: [Length; 3] = [
    ("event_duration_seconds_total", "counter", "How long all events together ran.", |c| c.duration_total_ms),
    ("event_duration_seconds_max", "gauge", "How long the longest event ran.", |c| c.duration_max_ms),
    (
        "completion_seconds_total",
        "counter",
        "From the registration to the end of one-off entries, summed up.",
        |c| c.time_to_completion_total_ms,
    ),
];

/// Writes the text.
pub(crate) fn text(measured: &Measured, rounds: &Rounds) -> String {
    let mut out = String::new();
    let kinds = [SyncKind::BackgroundSync, SyncKind::PeriodicSync];
    let counts: Vec<(String, &EventCounts)> = measured
        .origins
        .iter()
        .flat_map(|(key, audit)| kinds.map(|kind| (labels(key, kind), audit.of(kind))))
        .collect();
    for (name, help, read) in COUNTERS {
        head(&mut out, &format!("{name}_total"), "counter", help);
        for (labels, counts) in &counts {
            for (label, value) in read(counts) {
                line(&mut out, &format!("{name}_total"), &format!("{labels}{label}"), value);
            }
        }
    }
    head(&mut out, "completions_total", "counter", "One-off entries that came to an end.");
    for (labels, counts) in &counts {
        line(&mut out, "completions_total", labels, counts.completions);
    }
    for (name, kind, help, read) in LENGTHS {
        head(&mut out, name, kind, help);
        for (labels, counts) in &counts {
            line(&mut out, name, labels, seconds(read(counts)));
        }
    }
    let (times, events) = (rounds.0.0.load(Ordering::Relaxed), rounds.0.1.load(Ordering::Relaxed));
    head(&mut out, "periodic_rounds_total", "counter", "Rounds of periodic events.");
    line(&mut out, "periodic_rounds_total", "", times);
    head(&mut out, "periodic_round_events_total", "counter", "Periodic events fired in those rounds.");
    line(&mut out, "periodic_round_events_total", "", events);

    let mut states: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for status in &measured.registrations {
        *states.entry((event_type(status.registration.kind()), state_name(status.state))).or_default() += 1;
    }
    head(&mut out, "sync_registrations", "gauge", "Sync registrations by kind and state.");
    for ((kind, state), number) in states {
        line(&mut out, "sync_registrations", &format!("kind=\"{kind}\",state=\"{state}\""), number);
    }
    if let Some(wakeup) = measured.next_wakeup {
        head(&mut out, "next_wakeup_seconds", "gauge", "Until the engine acts by itself.");
        line(&mut out, "next_wakeup_seconds", "", seconds(wakeup.after_ms));
    }
    head(&mut out, "pages", "gauge", "Open pages.");
    line(&mut out, "pages", "", measured.pages);
    head(&mut out, "offline_forced", "gauge", "1 while the operator has switched the network off.");
    line(&mut out, "offline_forced", "", u8::from(measured.offline));
    head(&mut out, "build_info", "gauge", "Always 1; the label says which version runs.");
    line(&mut out, "build_info", &format!("version=\"{}\"", env!("CARGO_PKG_VERSION")), 1);
    out
}

fn labels(key: &StorageKey, kind: SyncKind) -> String {
    // An origin has none of these characters; a storage key is opaque, so nothing is taken for granted.
    let key = key.as_str().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("origin=\"{key}\",kind=\"{}\"", event_type(kind))
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# HELP wakeworker_{name} {help}\n# TYPE wakeworker_{name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    let _ = writeln!(out, "wakeworker_{name}{labels} {value}");
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // R242
    fn every_sample_belongs_to_a_family_that_was_announced_before_it() {
        let mut audit = OriginAudit::default();
        audit.periodic_sync.events_in_background = 7;
        audit.periodic_sync.duration_total_ms = 1_005;
        let rounds = Rounds::default();
        rounds.0.0.fetch_add(2, Ordering::Relaxed);
        rounds.0.1.fetch_add(7, Ordering::Relaxed);
        let measured = Measured {
            origins: vec![(StorageKey::from("http://h\"\\\n"), audit)],
            registrations: Vec::new(),
            next_wakeup: None,
            pages: 3,
            offline: true,
        };
        let text = text(&measured, &rounds);
        let label = r#"origin="http://h\"\\\n",kind="periodicsync""#;
        for wanted in [
            format!("wakeworker_events_total{{{label},page=\"none\"}} 7"),
            format!("wakeworker_events_total{{{label},page=\"open\"}} 0"),
            format!("wakeworker_event_duration_seconds_total{{{label}}} 1.005"),
            "wakeworker_periodic_rounds_total 2".to_owned(),
            "wakeworker_periodic_round_events_total 7".to_owned(),
            "wakeworker_pages 3".to_owned(),
            "wakeworker_offline_forced 1".to_owned(),
        ] {
            assert!(text.lines().any(|line| line == wanted), "{wanted}\n{text}");
        }
        let mut family = "";
        for line in text.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(announced) => family = announced.split(' ').next().unwrap(),
                None if line.starts_with('#') => {}
                None => assert_eq!(line.split(['{', ' ']).next().unwrap(), family, "{line}"),
            }
        }
    }
}
