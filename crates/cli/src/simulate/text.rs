//! The report for a person at a terminal.

use super::reader::Count;
use super::report::{Report, TimelineEntry};
use super::scenario::Scenario;
use super::units::{self, duration_text};
use crate::failure::Failure;
use crate::output;
use anstyle::{AnsiColor, Style};

const TITLE: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const WAIT: Style = AnsiColor::Yellow.on_default();

/// Prints the report; of the timeline at most `lines_max` lines.
pub(crate) fn print(scenario: &Scenario, report: &Report, lines_max: usize) -> Result<(), Failure> {
    let mut text = String::new();
    push(&mut text, format!("{TITLE}{}{TITLE:#}", output::printable(&report.title)));
    let (start, end) = (spoken(scenario, 0), spoken(scenario, report.duration_ms));
    let length = duration_text(report.duration_ms);
    push(&mut text, format!("{start} to {end} ({length}), seed {}", report.seed));
    timeline(&mut text, report, lines_max);
    entries(&mut text, report);
    work(&mut text, report);
    wakeups(&mut text, report);
    elsewhere(&mut text, report);
    output::line(text.trim_end())
}

fn timeline(text: &mut String, report: &Report, lines_max: usize) {
    if lines_max == 0 {
        return;
    }
    let width =
        report.timeline.iter().filter_map(|line| line.app.as_ref()).map(String::len).max().unwrap_or(0);
    let mut day = "";
    for line in report.timeline.iter().take(lines_max) {
        let (date, time) = line.time.split_once('T').unwrap_or((&line.time, ""));
        if day != date {
            day = date;
            push(text, format!("\n{DIM}{date}{DIM:#}"));
        }
        let style = style_of(line);
        let app = line.app.as_deref().unwrap_or("");
        let words = output::printable(&line.text);
        push(text, format!("  {time}  {app:width$}  {style}{words}{style:#}"));
    }
    if let Some(hidden) = report.timeline.len().checked_sub(lines_max).filter(|hidden| *hidden > 0) {
        let lines = Count(hidden, "more line");
        push(
            text,
            format!(
                "\n{DIM}  … {lines}; --lines 0 leaves the timeline out, --lines all shows it whole{DIM:#}"
            ),
        );
    }
}

fn style_of(line: &TimelineEntry) -> Style {
    match line.kind {
        "succeeded" | "delivered" => GOOD,
        "failed" | "gave-up" | "refused" | "interrupted" | "request-failed" => BAD,
        "registered" | "reregistered" | "fired" => Style::new(),
        "network" | "power" | "device" | "server" => WAIT,
        _ => DIM,
    }
}

fn entries(text: &mut String, report: &Report) {
    if report.entries.is_empty() {
        push(text, "\nNothing was registered.".to_owned());
        return;
    }
    heading(text, "Entries");
    let shown = report.entries.len().min(ENTRIES_SHOWN);
    let name = |app: &str, tag: &str| {
        if report.entries.iter().any(|e| e.app != app) { format!("{app} {tag}") } else { tag.to_owned() }
    };
    let names: Vec<_> = report.entries.iter().map(|entry| name(&entry.app, &entry.tag)).collect();
    let width = names.iter().take(shown).map(|name| name.chars().count()).max().unwrap_or(0);
    for (entry, name) in report.entries.iter().zip(&names).take(shown) {
        let counts = &entry.counts;
        let pad = " ".repeat(width.saturating_sub(name.chars().count()));
        let mut line = format!(
            "  {name}{pad}  {:8}  registered {}, fired {} ({} with no page open), done {}",
            entry.kind, counts.registered, counts.fired, counts.fired_in_background, counts.succeeded
        );
        for (number, word) in
            [(counts.failed, "failed"), (counts.interrupted, "cut off"), (counts.given_up, "given up")]
        {
            if number > 0 {
                line.push_str(&format!(", {word} {number}"));
            }
        }
        push(text, line);
    }
    if report.entries.len() > shown {
        let totals = &report.totals;
        push(
            text,
            format!(
                "  … {} entries in all: fired {}, done {}, failed {}, given up {}",
                report.entries.len(),
                totals.fired,
                totals.succeeded,
                totals.failed,
                totals.given_up
            ),
        );
    }
}

/// Entries that a person reads one by one; `--json` has them all.
const ENTRIES_SHOWN: usize = 30;

fn work(text: &mut String, report: &Report) {
    let work = &report.work;
    if work.made == 0 {
        return;
    }
    heading(text, "Work");
    let delays = match (work.delay_ms_median, work.delay_ms_max) {
        (Some(median), Some(max)) => {
            format!("; half of it within {}, the rest within {}", units::about(median), units::about(max))
        }
        _ => String::new(),
    };
    push(
        text,
        format!(
            "  {GOOD}{} of {} done{GOOD:#}, {} after the page was closed{delays}",
            work.done, work.made, work.done_after_page_closed
        ),
    );
    if work.given_up > 0 {
        push(text, format!("  {BAD}{} given up{BAD:#} after the last attempt", work.given_up));
    }
    if work.waiting_at_end > 0 {
        push(text, format!("  {WAIT}{} still waiting{WAIT:#} at the end", work.waiting_at_end));
    }
}

fn wakeups(text: &mut String, report: &Report) {
    let wakeups = &report.wakeups;
    heading(text, "Wake-ups by the engine's own timer");
    let reasons: Vec<_> =
        wakeups.by_reason.iter().map(|(reason, number)| format!("{number} {reason}")).collect();
    let reasons = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join(", ")) };
    push(text, format!("  {} ({} a day){reasons}", wakeups.total, wakeups.per_day));
}

fn elsewhere(text: &mut String, report: &Report) {
    let elsewhere = &report.elsewhere;
    if report.work.made == 0 && elsewhere.news.is_none() {
        return;
    }
    heading(text, "Elsewhere: a good page in a browser without Background Sync");
    if report.work.made > 0 {
        push(
            text,
            format!(
                "  {} of {} sent while the page was open, {} at a later visit{}, {} not at all",
                elsewhere.sent_by_open_page,
                report.work.made,
                elsewhere.sent_at_later_visit,
                match (elsewhere.later_visit_delay_ms_median, elsewhere.later_visit_delay_ms_max) {
                    (Some(median), Some(max)) => format!(
                        " (half of those after {}, the last after {})",
                        units::about(median),
                        units::about(max)
                    ),
                    _ => String::new(),
                },
                elsewhere.never_sent
            ),
        );
        let lost = elsewhere.sent_at_later_visit + elsewhere.never_sent;
        push(
            text,
            format!(
                "  {BAD}{lost} lost{BAD:#} if the page does not keep what it could not send; WakeWorker delivered {GOOD}{}{GOOD:#} of them",
                elsewhere.saved
            ),
        );
    }
    if let Some(news) = &elsewhere.news {
        let age = |age: Option<u64>| age.map_or_else(|| "unknown".to_owned(), units::about);
        push(
            text,
            format!(
                "  content when a page was opened ({}, {} of them offline): {GOOD}{} old{GOOD:#} in the median, elsewhere {BAD}{} old{BAD:#}",
                Count(news.visits, "visit"),
                news.visits_offline,
                age(news.age_ms_median),
                age(news.age_elsewhere_ms_median)
            ),
        );
        push(
            text,
            format!("  at worst {} old, elsewhere {}", age(news.age_ms_max), age(news.age_elsewhere_ms_max)),
        );
    }
}

fn heading(text: &mut String, words: &str) {
    push(text, format!("\n{TITLE}{words}{TITLE:#}"));
}

fn push(text: &mut String, line: String) {
    text.push_str(&line);
    text.push('\n');
}

fn spoken(scenario: &Scenario, at: u64) -> String {
    super::recorder::moment_text(scenario.start_ms, at)
}
