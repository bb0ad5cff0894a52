//! How the demo tells its story: one line a moment, for people or for programs.

use crate::clock;
use anstyle::{AnsiColor, Style};
use serde_json::json;
use std::io::Write;
use std::time::Instant;

/// Who does something in the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Actor {
    /// The person or program that runs the demo.
    Demo,
    /// The server that messages are sent to.
    Inbox,
    /// The process that runs the worker.
    Host,
    /// The web page.
    Page,
    /// The service worker.
    Worker,
}

/// Prints moments as they happen and remembers whether every checked one held.
#[derive(Debug)]
pub(super) struct Timeline {
    json: bool,
    started: Instant,
    checks: usize,
    failures: usize,
}

impl Actor {
    fn name(self) -> &'static str {
        match self {
            Actor::Demo => "demo",
            Actor::Inbox => "inbox",
            Actor::Host => "host",
            Actor::Page => "page",
            Actor::Worker => "worker",
        }
    }

    fn style(self) -> Style {
        let color = match self {
            Actor::Demo => return Style::new().bold(),
            Actor::Inbox => AnsiColor::Magenta,
            Actor::Host => AnsiColor::Blue,
            Actor::Page => AnsiColor::Cyan,
            Actor::Worker => AnsiColor::Yellow,
        };
        Style::new().fg_color(Some(color.into())).bold()
    }
}

impl Timeline {
    pub(super) fn start(json: bool) -> Timeline {
        let timeline = Timeline { json, started: clock::now(), checks: 0, failures: 0 };
        if !json {
            let bold = Style::new().bold();
            timeline.print(&format!(
                "\n  {bold}WakeWorker{bold:#}  six messages, a lost network, a killed host\n"
            ));
        }
        timeline
    }

    /// Something happened.
    pub(super) fn tell(&mut self, actor: Actor, event: &str, text: &str) {
        self.line(actor, event, text, None);
    }

    /// Something that the story promises was checked. Returns whether it held.
    pub(super) fn check(&mut self, actor: Actor, event: &str, text: &str, held: bool) -> bool {
        self.checks += 1;
        self.failures += usize::from(!held);
        self.line(actor, event, text, Some(held));
        held
    }

    /// An empty line between the chapters.
    pub(super) fn pause(&self) {
        if !self.json {
            self.print("");
        }
    }

    /// Whether everything that was checked so far held.
    pub(super) fn all_held(&self) -> bool {
        self.failures == 0
    }

    /// The last line.
    pub(super) fn end(self, error: Option<&str>) {
        let elapsed_ms = self.elapsed_ms();
        let ok = error.is_none() && self.all_held();
        if self.json {
            let mut object = json!({
                "elapsed_ms": elapsed_ms, "event": "end", "ok": ok, "checks": self.checks, "failures": self.failures,
            });
            if let Some(error) = error {
                object["error"] = error.into();
            }
            self.print(&object.to_string());
            return;
        }
        let seconds = seconds(elapsed_ms);
        let (mark, style) = mark(Some(ok));
        let text = match error {
            Some(error) => format!("The story broke off after {seconds} s: {error}"),
            None if ok => format!("All {} checks hold. {seconds} s.", self.checks),
            None => format!("{} of {} checks failed. {seconds} s.", self.failures, self.checks),
        };
        self.print(&format!("\n  {style}{mark} {text}{style:#}\n"));
    }

    fn line(&self, actor: Actor, event: &str, text: &str, held: Option<bool>) {
        let elapsed_ms = self.elapsed_ms();
        if self.json {
            let mut object =
                json!({ "elapsed_ms": elapsed_ms, "actor": actor.name(), "event": event, "text": text });
            if let Some(held) = held {
                object["held"] = held.into();
            }
            self.print(&object.to_string());
            return;
        }
        let dim = Style::new().dimmed();
        let (mark, mark_style) = mark(held);
        let actor_style = actor.style();
        self.print(&format!(
            "  {dim}{:>6}{dim:#}  {actor_style}{:<6}{actor_style:#}  {mark_style}{mark}{mark_style:#} {text}",
            seconds(elapsed_ms),
            actor.name(),
        ));
    }

    fn elapsed_ms(&self) -> u64 {
        clock::now().duration_since(self.started).as_millis().try_into().unwrap_or(u64::MAX)
    }

    /// Nobody reading is no reason to leave the children behind, so a closed pipe is ignored.
    fn print(&self, text: &str) {
        let mut out = anstream::stdout().lock();
        let _ = writeln!(out, "{text}");
        let _ = out.flush();
    }
}

fn mark(held: Option<bool>) -> (&'static str, Style) {
    let color = |color: AnsiColor| Style::new().fg_color(Some(color.into())).bold();
    match held {
        Some(true) => ("✓", color(AnsiColor::Green)),
        Some(false) => ("✗", color(AnsiColor::Red)),
        None => ("·", Style::new().dimmed()),
    }
}

fn seconds(elapsed_ms: u64) -> String {
    format!("{}.{:02}", elapsed_ms / 1000, elapsed_ms % 1000 / 10)
}
