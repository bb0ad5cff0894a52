//! What a run comes to: counts, wake-ups, how long work waited, and what would have become of it elsewhere.

use super::elsewhere::{self, Elsewhere};
use super::history::{Fate, History, Item, Line, Mark};
use super::recorder::tag_text;
use super::scenario::Scenario;
use super::units::{Civil, DAY_MS};
use serde::Serialize;
use std::collections::BTreeMap;
use wakeworker::core::SyncKind;

/// The whole result, as `--json` prints it. Lengths of time are milliseconds; moments are ISO 8601 in the scenario's own
/// time.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) title: String,
    pub(crate) seed: u64,
    pub(crate) start: String,
    pub(crate) end: String,
    pub(crate) duration_ms: u64,
    pub(crate) visits: usize,
    pub(crate) visits_missed: usize,
    pub(crate) entries: Vec<EntryReport>,
    pub(crate) totals: Counts,
    pub(crate) work: Work,
    pub(crate) wakeups: Wakeups,
    pub(crate) elsewhere: Elsewhere,
    pub(crate) items: Vec<ItemReport>,
    pub(crate) timeline: Vec<TimelineEntry>,
}

/// One tag of one app.
#[derive(Debug, Serialize)]
pub(crate) struct EntryReport {
    pub(crate) app: String,
    pub(crate) kind: &'static str,
    pub(crate) tag: String,
    #[serde(flatten)]
    pub(crate) counts: Counts,
}

/// What happened how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) registered: usize,
    pub(crate) fired: usize,
    pub(crate) fired_in_background: usize,
    pub(crate) succeeded: usize,
    pub(crate) failed: usize,
    pub(crate) given_up: usize,
    pub(crate) interrupted: usize,
}

/// The work that one-off entries were registered for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Work {
    pub(crate) made: usize,
    pub(crate) done: usize,
    pub(crate) done_after_page_closed: usize,
    pub(crate) given_up: usize,
    pub(crate) waiting_at_end: usize,
    pub(crate) delay_ms_median: Option<u64>,
    pub(crate) delay_ms_max: Option<u64>,
}

/// One piece of work.
#[derive(Debug, Serialize)]
pub(crate) struct ItemReport {
    pub(crate) app: String,
    pub(crate) name: String,
    pub(crate) made: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) done: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) given_up: Option<String>,
}

/// How often the engine's own timer woke the machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Wakeups {
    pub(crate) total: usize,
    pub(crate) per_day: f64,
    pub(crate) by_reason: BTreeMap<&'static str, usize>,
}

/// One line of the timeline.
#[derive(Debug, Serialize)]
pub(crate) struct TimelineEntry {
    pub(crate) time: String,
    pub(crate) at_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) app: Option<String>,
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

impl Report {
    pub(crate) fn of(scenario: &Scenario, history: &History) -> Report {
        let mut totals = Counts::default();
        let entries = history.entries.iter().map(|entry| {
            let count = |wanted: fn(&Mark) -> bool| entry.count(wanted);
            let counts = Counts {
                registered: count(|mark| matches!(mark, Mark::Registered | Mark::Reregistered)),
                fired: count(|mark| matches!(mark, Mark::Fired { .. })),
                fired_in_background: count(|mark| matches!(mark, Mark::Fired { background: true })),
                succeeded: count(|mark| matches!(mark, Mark::Succeeded)),
                failed: count(|mark| matches!(mark, Mark::Failed { .. })),
                given_up: count(|mark| matches!(mark, Mark::GaveUp)),
                interrupted: count(|mark| matches!(mark, Mark::Interrupted)),
            };
            totals.add(&counts);
            EntryReport {
                app: scenario.apps[entry.app].name.clone(),
                kind: kind_name(entry.kind),
                tag: tag_text(&entry.tag),
                counts,
            }
        });
        let entries = entries.collect();
        Report {
            title: scenario.title.clone(),
            seed: scenario.seed,
            start: iso(scenario.start_ms, 0),
            end: iso(scenario.start_ms, scenario.duration_ms),
            duration_ms: scenario.duration_ms,
            visits: history.visits.len(),
            visits_missed: history.visits_missed,
            entries,
            totals,
            work: Work::of(history),
            wakeups: Wakeups::of(scenario, history),
            elsewhere: elsewhere::compare(scenario, history),
            items: history.items.iter().map(|item| ItemReport::of(scenario, item)).collect(),
            timeline: history.lines.iter().map(|line| TimelineEntry::of(scenario, line)).collect(),
        }
    }
}

impl Counts {
    fn add(&mut self, other: &Counts) {
        self.registered += other.registered;
        self.fired += other.fired;
        self.fired_in_background += other.fired_in_background;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.given_up += other.given_up;
        self.interrupted += other.interrupted;
    }
}

impl Work {
    fn of(history: &History) -> Work {
        let mut work = Work { made: history.items.len(), ..Work::default() };
        let mut delays = Vec::new();
        for item in &history.items {
            match item.fate {
                Fate::Done(at) => {
                    work.done += 1;
                    work.done_after_page_closed += usize::from(at >= item.page_closed);
                    delays.push(at - item.made);
                }
                Fate::GivenUp(_) => work.given_up += 1,
                Fate::Waiting => work.waiting_at_end += 1,
            }
        }
        (work.delay_ms_median, work.delay_ms_max) = median_and_max(delays);
        work
    }
}

impl ItemReport {
    fn of(scenario: &Scenario, item: &Item) -> ItemReport {
        let moment = |at| iso(scenario.start_ms, at);
        ItemReport {
            app: scenario.apps[item.app].name.clone(),
            name: item.name.clone(),
            made: moment(item.made),
            done: if let Fate::Done(at) = item.fate { Some(moment(at)) } else { None },
            given_up: if let Fate::GivenUp(at) = item.fate { Some(moment(at)) } else { None },
        }
    }
}

impl Wakeups {
    fn of(scenario: &Scenario, history: &History) -> Wakeups {
        let mut by_reason = BTreeMap::new();
        for wake in &history.wakeups {
            *by_reason.entry(wake.reason).or_default() += 1;
        }
        let days = scenario.duration_ms as f64 / DAY_MS as f64;
        let per_day = (history.wakeups.len() as f64 / days * 100.0).round() / 100.0;
        Wakeups { total: history.wakeups.len(), per_day, by_reason }
    }
}

impl TimelineEntry {
    fn of(scenario: &Scenario, line: &Line) -> TimelineEntry {
        TimelineEntry {
            time: iso(scenario.start_ms, line.at),
            at_ms: line.at,
            app: line.app.map(|app| scenario.apps[app].name.clone()),
            kind: line.kind,
            text: line.text.clone(),
        }
    }
}

/// The middle one (the lower of two) and the greatest.
pub(super) fn median_and_max(mut values: Vec<u64>) -> (Option<u64>, Option<u64>) {
    values.sort_unstable();
    let median = values.get(values.len().saturating_sub(1) / 2).copied();
    (median, values.last().copied())
}

/// The word for a kind.
pub(super) fn kind_name(kind: SyncKind) -> &'static str {
    match kind {
        SyncKind::BackgroundSync => "one-off",
        SyncKind::PeriodicSync => "periodic",
    }
}

fn iso(start_ms: i64, at: u64) -> String {
    let civil = Civil::of(start_ms.saturating_add_unsigned(at));
    let date = civil.date.split_once(' ').map_or(civil.date.as_str(), |(_, date)| date);
    format!("{date}T{}", civil.time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_lower_of_two_middles() {
        assert_eq!(median_and_max(vec![5, 1, 9, 3]), (Some(3), Some(9)));
        assert_eq!(median_and_max(vec![7]), (Some(7), Some(7)));
        assert_eq!(median_and_max(Vec::new()), (None, None));
    }
}
