//! The same world with a browser that has no Background Sync.
//!
//! Its page is a good one: it keeps what it could not send, and sends it as soon as it is open while the network and the
//! server are there, with no bad luck at all. A page that is closed does nothing. What it has by the end is therefore the
//! best that such a browser can do.

use super::history::{self, Fate, History, Mark, VisitSpan};
use super::report::median_and_max;
use super::scenario::{Scenario, Server};
use serde::Serialize;
use wakeworker::core::SyncKind;

/// What would have become of the work and of the pages' news.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Elsewhere {
    /// Sent while the page that made it was open.
    pub(crate) sent_by_open_page: usize,
    /// Sent at a later visit: lost, if the page does not keep it.
    pub(crate) sent_at_later_visit: usize,
    pub(crate) later_visit_delay_ms_median: Option<u64>,
    pub(crate) later_visit_delay_ms_max: Option<u64>,
    /// Not sent by the end.
    pub(crate) never_sent: usize,
    /// Of what WakeWorker did: what was not sent by the open page.
    pub(crate) saved: usize,
    /// Only with periodic entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) news: Option<News>,
}

/// How old the content was that a page showed when it was opened, for apps with periodic entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct News {
    pub(crate) visits: usize,
    pub(crate) visits_offline: usize,
    /// With periodic sync: the newer of the last event that succeeded and the last visit with a network.
    pub(crate) age_ms_median: Option<u64>,
    pub(crate) age_ms_max: Option<u64>,
    /// Without: the last visit with a network.
    pub(crate) age_elsewhere_ms_median: Option<u64>,
    pub(crate) age_elsewhere_ms_max: Option<u64>,
    /// Visits without network that had nothing at all to show.
    pub(crate) empty_offline: usize,
    pub(crate) empty_offline_elsewhere: usize,
}

/// When each item would have been sent.
pub(crate) fn sent(scenario: &Scenario, history: &History) -> Vec<Option<u64>> {
    let apps = 0..scenario.apps.len();
    let able: Vec<_> = apps.map(|app| able_to_send(history, app, scenario.duration_ms)).collect();
    history.items.iter().map(|item| first_at_or_after(&able[item.app], item.made)).collect()
}

pub(crate) fn compare(scenario: &Scenario, history: &History) -> Elsewhere {
    let mut result = Elsewhere::default();
    let mut delays = Vec::new();
    for (item, sent) in history.items.iter().zip(sent(scenario, history)) {
        let done = matches!(item.fate, Fate::Done(_));
        match sent {
            Some(sent) if sent < item.page_closed => result.sent_by_open_page += 1,
            Some(sent) => {
                result.sent_at_later_visit += 1;
                result.saved += usize::from(done);
                delays.push(sent - item.made);
            }
            None => {
                result.never_sent += 1;
                result.saved += usize::from(done);
            }
        }
    }
    (result.later_visit_delay_ms_median, result.later_visit_delay_ms_max) = median_and_max(delays);
    result.news = news(scenario, history);
    result
}

/// When a page of the app was open, with network and server.
fn able_to_send(history: &History, app: usize, end: u64) -> Vec<(u64, u64)> {
    let mut open: Vec<_> =
        history.visits.iter().filter(|visit| visit.app == app).map(|visit| (visit.from, visit.to)).collect();
    open.sort_unstable();
    let online = history::spans(&history.connections, end, |connection| connection.is_online());
    let up = history
        .servers
        .get(app)
        .map_or_else(Vec::new, |turns| history::spans(turns, end, |server| server == Server::Up));
    intersect(&intersect(&open, &online), &up)
}

/// What is in both lists of spans. The spans of `a` may overlap each other.
fn intersect(a: &[(u64, u64)], b: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut both = Vec::new();
    for &(from, to) in a {
        let first = b.partition_point(|(_, end)| *end <= from);
        for &(other_from, other_to) in b[first..].iter().take_while(|(start, _)| *start < to) {
            both.push((from.max(other_from), to.min(other_to)));
        }
    }
    both
}

fn first_at_or_after(spans: &[(u64, u64)], moment: u64) -> Option<u64> {
    spans.iter().filter(|(_, to)| *to > moment).map(|(from, _)| (*from).max(moment)).min()
}

fn news(scenario: &Scenario, history: &History) -> Option<News> {
    let mut news = News::default();
    let (mut ages, mut ages_elsewhere) = (Vec::new(), Vec::new());
    for app in 0..scenario.apps.len() {
        let periodic = history.entries.iter().filter(|e| e.app == app && e.kind == SyncKind::PeriodicSync);
        let mut updates: Vec<u64> = Vec::new();
        let mut has_entry = false;
        for entry in periodic {
            has_entry = true;
            updates
                .extend(entry.marks.iter().filter(|(_, mark)| *mark == Mark::Succeeded).map(|(at, _)| *at));
        }
        if !has_entry {
            continue;
        }
        updates.sort_unstable();
        let mut visits: Vec<&VisitSpan> = history.visits.iter().filter(|visit| visit.app == app).collect();
        visits.sort_by_key(|visit| visit.from);
        let able = able_to_send(history, app, scenario.duration_ms);
        let mut loaded: Option<u64> = None;
        for visit in visits {
            let offline = !history::at(&history.connections, visit.from).is_some_and(|c| c.is_online());
            let updated = updates[..updates.partition_point(|at| *at <= visit.from)].last().copied();
            news.visits += 1;
            news.visits_offline += usize::from(offline);
            news.empty_offline += usize::from(offline && updated.max(loaded).is_none());
            news.empty_offline_elsewhere += usize::from(offline && loaded.is_none());
            // The first visit has nothing to show anywhere.
            ages.extend(updated.max(loaded).map(|at| visit.from - at));
            ages_elsewhere.extend(loaded.map(|at| visit.from - at));
            // The page loads what is new while it is open and can.
            let loads = able.iter().filter(|(from, to)| *from < visit.to && *to > visit.from);
            loaded = loads.map(|(_, to)| (*to).min(visit.to)).max().max(loaded);
        }
    }
    (news.age_ms_median, news.age_ms_max) = median_and_max(ages);
    (news.age_elsewhere_ms_median, news.age_elsewhere_ms_max) = median_and_max(ages_elsewhere);
    (news.visits > 0).then_some(news)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_meet_where_both_are() {
        assert_eq!(intersect(&[(0, 10), (20, 30)], &[(5, 22), (29, 40)]), [(5, 10), (20, 22), (29, 30)]);
        assert_eq!(intersect(&[(0, 5)], &[(5, 9)]), []);
        assert_eq!(first_at_or_after(&[(5, 10), (20, 30)], 7), Some(7));
        assert_eq!(first_at_or_after(&[(5, 10), (20, 30)], 10), Some(20));
        assert_eq!(first_at_or_after(&[(5, 10)], 10), None);
    }
}
