//! The picture of a run: time from left to right, one lane for each thing that happens.

mod canvas;
mod lanes;
mod scale;

pub(crate) use canvas::escape;

use super::history::History;
use super::report::Report;
use super::scenario::Scenario;
use super::units;
use canvas::Canvas;
use lanes::Lanes;
use scale::Scale;

const WIDTH: f64 = 1200.0;
const EDGE: f64 = 28.0;
/// Where the plot begins, right of the names.
const PLOT_LEFT: f64 = 190.0;
const PLOT_TOP: f64 = 214.0;
const STYLE: &str = include_str!("svg/chart.css");

/// The whole picture as one SVG document that needs nothing else.
pub(crate) fn draw(scenario: &Scenario, history: &History, report: &Report) -> String {
    let scale = Scale { left: PLOT_LEFT, right: WIDTH - EDGE, duration_ms: scenario.duration_ms };
    let mut plot = Canvas::default();
    let lanes = Lanes::of(scenario, history, scale);
    let bottom = lanes.draw(&mut plot, PLOT_TOP);
    let mut canvas = Canvas::default();
    header(&mut canvas, scenario, report);
    grid(&mut canvas, scenario, history, scale, bottom);
    let height = bottom + 66.0;
    let mut legend = Canvas::default();
    lanes::legend(&mut legend, EDGE, bottom + 36.0);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" \
         aria-label=\"{}\">\n<style>\n{STYLE}</style>\n<rect class=\"ground\" width=\"{WIDTH}\" height=\"{height:.0}\"/>\n\
         {}{}{}</svg>\n",
        escape(&scenario.title),
        canvas.into_text(),
        plot.into_text(),
        legend.into_text()
    )
}

fn header(canvas: &mut Canvas, scenario: &Scenario, report: &Report) {
    canvas.text("title", EDGE, 50.0, &crate::output::shortened(&scenario.title, 80));
    let sub = format!(
        "{} to {} · simulated in virtual time by WakeWorker · seed {}",
        scale::heading(scenario.start_ms, 0),
        scale::heading(scenario.start_ms, scenario.duration_ms),
        scenario.seed
    );
    canvas.text("sub", EDGE, 74.0, &sub);
    let cards = cards(report);
    let gap = 14.0;
    let width = (WIDTH - 2.0 * EDGE - gap * (cards.len() as f64 - 1.0)) / cards.len() as f64;
    for (index, (class, big, say)) in cards.iter().enumerate() {
        let x = EDGE + index as f64 * (width + gap);
        canvas.card(x, 92.0, width, 78.0);
        canvas.text(&format!("big {class}"), x + 16.0, 128.0, big);
        canvas.text("say", x + 16.0, 152.0, say);
    }
}

/// The figures that a person wants first: a class, the figure, its meaning.
fn cards(report: &Report) -> Vec<(&'static str, String, String)> {
    let (work, elsewhere) = (&report.work, &report.elsewhere);
    let mut cards = Vec::new();
    if work.made > 0 {
        cards.push(("good-ink", format!("{} of {}", work.done, work.made), "delivered".to_owned()));
        cards.push(("", work.done_after_page_closed.to_string(), "with the page closed".to_owned()));
        let late = elsewhere.sent_at_later_visit + elsewhere.never_sent;
        cards.push(("bad-ink", late.to_string(), "late or lost elsewhere".to_owned()));
    }
    if let Some(news) = &elsewhere.news {
        let age = |age: Option<u64>| age.map_or_else(|| "–".to_owned(), units::about);
        cards.push(("good-ink", age(news.age_ms_median), "median age of content".to_owned()));
        cards.push(("bad-ink", age(news.age_elsewhere_ms_median), "median age elsewhere".to_owned()));
    }
    let wakeups = &report.wakeups;
    cards.push(("", format!("{}", wakeups.per_day), "timer wake-ups a day".to_owned()));
    cards
}

/// Lines of time, and the hours without network behind everything.
fn grid(canvas: &mut Canvas, scenario: &Scenario, history: &History, scale: Scale, bottom: f64) {
    let top = PLOT_TOP - 8.0;
    let across = |spans: Vec<(u64, u64)>| {
        spans.into_iter().map(|(from, to)| (scale.x(from), scale.x(to))).collect::<Vec<_>>()
    };
    let end = scenario.duration_ms;
    for x in across(super::history::spans(&history.connections, end, |connection| !connection.is_online())) {
        canvas.area("shade", x, (top, bottom));
    }
    for x in across(super::history::spans(&history.device, end, |on| !on)) {
        canvas.area("off", x, (top, bottom));
    }
    // The label at the end stands left of its line; where it would cover the one before, the line is enough.
    let mut last = f64::MIN;
    for tick in scale.ticks(scenario.start_ms) {
        let x = scale.x(tick.at);
        canvas.line("grid", (x, top), (x, bottom), "");
        let class = if tick.day { "day" } else { "tick" };
        if x <= scale.right - 24.0 {
            canvas.centred(class, x, top - 8.0, &tick.label);
            last = x;
        } else if last < scale.right - 120.0 {
            canvas.ending(class, scale.right, top - 8.0, &tick.label);
        }
    }
}
