//! The run as a page of its own: the picture, what it comes to, and the timeline. It needs no other file.

use super::history::History;
use super::reader::Count;
use super::report::{Report, TimelineEntry};
use super::scenario::Scenario;
use super::svg::{self, escape};
use super::units::{about, duration_text};
use std::fmt::Write;

const STYLE: &str = include_str!("html/page.css");

/// Lines of the timeline in the page; `--json` has all.
const LINES_MAX: usize = 5_000;

/// The page.
pub(crate) fn page(scenario: &Scenario, history: &History, report: &Report) -> String {
    let mut page = String::new();
    let title = escape(&report.title);
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <figure>\n{}</figure>\n",
        svg::draw(scenario, history, report)
    );
    here_and_elsewhere(&mut page, report);
    entries(&mut page, report);
    wakeups(&mut page, report);
    timeline(&mut page, report);
    let _ = write!(
        page,
        "<footer>{} simulated with seed {} by <code>wakeworker simulate</code>: the real engine in virtual time. Equal \
         seeds give equal results.</footer>\n</body>\n</html>\n",
        duration_text(report.duration_ms),
        report.seed
    );
    page
}

fn here_and_elsewhere(page: &mut String, report: &Report) {
    let (work, elsewhere) = (&report.work, &report.elsewhere);
    if work.made == 0 && elsewhere.news.is_none() {
        return;
    }
    let mut rows = Vec::new();
    let length = |ms: Option<u64>| ms.map_or_else(|| "–".to_owned(), about);
    if work.made > 0 {
        let sent = elsewhere.sent_by_open_page + elsewhere.sent_at_later_visit;
        rows.push((
            "delivered by the end",
            format!("{} of {}", work.done, work.made),
            format!("{sent} of {}", work.made),
        ));
        let late = elsewhere.sent_at_later_visit + elsewhere.never_sent;
        rows.push((
            "unsent when the page was closed",
            format!("{} of {late} delivered without it", elsewhere.saved),
            format!("{late}, which wait for the next visit or are lost"),
        ));
        rows.push(("longest wait", length(work.delay_ms_max), length(elsewhere.later_visit_delay_ms_max)));
    }
    if let Some(news) = &elsewhere.news {
        rows.push((
            "age of the content when a page is opened, median",
            length(news.age_ms_median),
            length(news.age_elsewhere_ms_median),
        ));
        rows.push(("the same at worst", length(news.age_ms_max), length(news.age_elsewhere_ms_max)));
    }
    page.push_str(
        "<section>\n<h2>Here and elsewhere</h2>\n<div class=\"scroll\"><table>\n<tr><th></th><th>with WakeWorker</th>\
         <th>without Background Sync</th></tr>\n",
    );
    for (what, here, there) in rows {
        let _ = writeln!(
            page,
            "<tr><td>{what}</td><td class=\"good\">{here}</td><td class=\"bad\">{there}</td></tr>"
        );
    }
    page.push_str(
        "</table></div>\n<p>Elsewhere means a good page in a browser without Background Sync: it keeps what it could not \
         send, and sends it as soon as it is open while network and server are there, with no bad luck at all.</p>\n</section>\n",
    );
}

fn entries(page: &mut String, report: &Report) {
    if report.entries.is_empty() {
        return;
    }
    page.push_str("<section>\n<h2>Entries</h2>\n<div class=\"scroll\"><table>\n<tr><th>app</th><th>tag</th><th>kind</th>");
    for heading in ["registered", "fired", "with no page open", "done", "failed", "cut off", "given up"] {
        let _ = write!(page, "<th class=\"number\">{heading}</th>");
    }
    page.push_str("</tr>\n");
    for entry in &report.entries {
        let counts = &entry.counts;
        let _ = write!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td>",
            escape(&entry.app),
            escape(&entry.tag),
            entry.kind
        );
        for number in [
            counts.registered,
            counts.fired,
            counts.fired_in_background,
            counts.succeeded,
            counts.failed,
            counts.interrupted,
            counts.given_up,
        ] {
            let _ = write!(page, "<td class=\"number\">{number}</td>");
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table></div>\n</section>\n");
}

fn wakeups(page: &mut String, report: &Report) {
    let wakeups = &report.wakeups;
    let reasons: Vec<_> =
        wakeups.by_reason.iter().map(|(reason, number)| format!("{number} {reason}")).collect();
    let reasons = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join(", ")) };
    let _ = write!(
        page,
        "<section>\n<h2>Wake-ups by the engine’s own timer</h2>\n<p>{} in all, {} a day{reasons}. Whatever else wakes the \
         machine, such as the network coming back, is used as well and not counted here.</p>\n</section>\n",
        wakeups.total, wakeups.per_day
    );
}

fn timeline(page: &mut String, report: &Report) {
    let lines = Count(report.timeline.len(), "line");
    let _ = write!(
        page,
        "<section>\n<details>\n<summary>Timeline, {lines}</summary>\n<div class=\"scroll\"><table>\n"
    );
    for line in report.timeline.iter().take(LINES_MAX) {
        let _ = writeln!(
            page,
            "<tr><td class=\"dim\">{}</td><td>{}</td><td class=\"{}\">{}</td></tr>",
            escape(&line.time.replace('T', " ")),
            escape(line.app.as_deref().unwrap_or_default()),
            class_of(line),
            escape(&line.text)
        );
    }
    page.push_str("</table></div>\n");
    if report.timeline.len() > LINES_MAX {
        let _ = writeln!(page, "<p>The first {LINES_MAX} lines; <code>--json</code> has all.</p>");
    }
    page.push_str("</details>\n</section>\n");
}

fn class_of(line: &TimelineEntry) -> &'static str {
    match line.kind {
        "succeeded" | "delivered" => "good",
        "failed" | "gave-up" | "refused" | "interrupted" | "request-failed" => "bad",
        "network" | "power" | "device" | "server" => "wait",
        _ => "",
    }
}
