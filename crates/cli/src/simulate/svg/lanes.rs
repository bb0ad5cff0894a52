//! The lanes: the world first, then each app with its pages, its entries and its work, and the wake-ups.

use super::canvas::Canvas;
use super::scale::{Scale, span, spoken};
use crate::simulate::elsewhere;
use crate::simulate::history::{self, EntryHistory, Fate, History, Mark};
use crate::simulate::recorder::{connection_name, reason_text, tag_text};
use crate::simulate::report::kind_name;
use crate::simulate::scenario::{Scenario, Server};
use crate::simulate::units;
use wakeworker::core::{Connection, Power};

const LANE: f64 = 26.0;
const BAR: f64 = 12.0;
const LEFT: f64 = 28.0;

/// Entries that get a lane of their own; the report has all.
const ENTRIES_MAX: usize = 40;

/// Everything that is needed to draw lanes.
pub(super) struct Lanes<'a> {
    scenario: &'a Scenario,
    history: &'a History,
    scale: Scale,
}

impl<'a> Lanes<'a> {
    pub(super) fn of(scenario: &'a Scenario, history: &'a History, scale: Scale) -> Lanes<'a> {
        Lanes { scenario, history, scale }
    }

    /// Draws all lanes from `top` on; gives where they end.
    pub(super) fn draw(&self, canvas: &mut Canvas, top: f64) -> f64 {
        let mut y = top;
        self.network(canvas, &mut y);
        self.power(canvas, &mut y);
        self.device(canvas, &mut y);
        let sent = elsewhere::sent(self.scenario, self.history);
        let mut left = ENTRIES_MAX;
        let mut hidden = 0;
        for app in 0..self.scenario.apps.len() {
            let entries: Vec<_> = self.history.entries.iter().filter(|entry| entry.app == app).collect();
            let visits = self.history.visits.iter().any(|visit| visit.app == app);
            let shown = entries.len().min(left);
            hidden += entries.len() - shown;
            left -= shown;
            if !visits || shown == 0 && !entries.is_empty() {
                continue;
            }
            y += 8.0;
            canvas.text("app", LEFT, y + 16.0, &self.scenario.apps[app].name);
            self.pages(canvas, y, app);
            y += LANE;
            self.server(canvas, &mut y, app);
            for entry in entries.into_iter().take(shown) {
                self.entry(canvas, y, entry);
                y += LANE;
            }
            self.work(canvas, &mut y, app, &sent);
        }
        if hidden > 0 {
            canvas.text("label", LEFT, y + 16.0, &format!("and {hidden} more entries"));
            y += LANE;
        }
        self.wakeups(canvas, &mut y);
        y
    }

    fn name(&self, canvas: &mut Canvas, y: f64, name: &str) {
        canvas.text("label", LEFT, y + 16.0, &crate::output::shortened(name, 24));
    }

    fn x(&self, from: u64, to: u64) -> (f64, f64) {
        (self.scale.x(from), self.scale.x(to))
    }

    fn when(&self, from: u64, to: u64) -> String {
        span(self.scenario.start_ms, from, to)
    }

    /// Calls for each stretch of time in which a value stays the same.
    fn stretches<T: Copy>(&self, turns: &[(u64, T)], mut draw: impl FnMut(u64, u64, T)) {
        for (index, (from, value)) in turns.iter().enumerate() {
            let to = turns.get(index + 1).map_or(self.scenario.duration_ms, |(next, _)| *next);
            draw(*from, to, *value);
        }
    }

    fn network(&self, canvas: &mut Canvas, y: &mut f64) {
        self.name(canvas, *y, "network");
        self.stretches(&self.history.connections, |from, to, connection| {
            let class = match connection {
                Connection::None => "none",
                Connection::Cellular => "cell",
                Connection::Ethernet => "wire",
                _ => "wifi",
            };
            let tip = format!("{}: {}", connection_name(connection), self.when(from, to));
            canvas.bar(class, self.x(from, to), *y + 5.0, 14.0, &tip);
        });
        *y += LANE;
    }

    fn power(&self, canvas: &mut Canvas, y: &mut f64) {
        if self.history.powers.len() < 2 {
            return;
        }
        self.name(canvas, *y, "power");
        self.stretches(&self.history.powers, |from, to, power: Power| {
            let (class, word) = match power {
                Power { battery_saver: true, .. } => ("saver", "battery saver"),
                Power { data_saver: true, .. } => ("saver", "data saver"),
                Power { charging: true, .. } => ("charge", "charging"),
                Power { .. } => ("battery", "on battery"),
            };
            canvas.bar(class, self.x(from, to), *y + 8.0, 8.0, &format!("{word}: {}", self.when(from, to)));
        });
        *y += LANE;
    }

    fn device(&self, canvas: &mut Canvas, y: &mut f64) {
        let off = history::spans(&self.history.device, self.scenario.duration_ms, |on| !on);
        if off.is_empty() {
            return;
        }
        self.name(canvas, *y, "device");
        for (from, to) in off {
            canvas.bar("none", self.x(from, to), *y + 8.0, 8.0, &format!("off: {}", self.when(from, to)));
        }
        *y += LANE;
    }

    fn pages(&self, canvas: &mut Canvas, y: f64, app: usize) {
        self.rail(canvas, y);
        for visit in self.history.visits.iter().filter(|visit| visit.app == app) {
            let tip = format!("page open: {}", self.when(visit.from, visit.to));
            canvas.bar("page", self.x(visit.from, visit.to), y + 6.0, BAR, &tip);
        }
    }

    fn server(&self, canvas: &mut Canvas, y: &mut f64, app: usize) {
        let turns = match self.history.servers.get(app) {
            Some(turns) if turns.len() > 1 => turns,
            _ => return,
        };
        self.name(canvas, *y, "its server");
        self.stretches(turns, |from, to, server| {
            let (class, word) = match server {
                Server::Up => ("up", "answers"),
                Server::Down => ("down", "cannot be reached"),
                Server::Broken => ("down", "answers 500"),
            };
            canvas.bar(class, self.x(from, to), *y + 8.0, 8.0, &format!("{word}: {}", self.when(from, to)));
        });
        *y += LANE;
    }

    fn rail(&self, canvas: &mut Canvas, y: f64) {
        canvas.line("rail", (self.scale.left, y + 12.0), (self.scale.right, y + 12.0), "");
    }

    /// An entry: a bar while it waits, another one while it backs off, and a mark for each thing that happens to it.
    fn entry(&self, canvas: &mut Canvas, y: f64, entry: &EntryHistory) {
        let name = tag_text(&entry.tag);
        let name = name.strip_prefix("workbox-background-sync:").unwrap_or(&name);
        self.name(canvas, y, &format!("{name} ({})", kind_name(entry.kind)));
        self.rail(canvas, y);
        for (from, to, class) in waits(entry, self.scenario.duration_ms) {
            let word = if class == "pending" { "waits" } else { "backs off" };
            canvas.bar(class, self.x(from, to), y + 6.0, BAR, &format!("{word}: {}", self.when(from, to)));
        }
        let middle = y + 12.0;
        for (at, mark) in &entry.marks {
            let (x, when) = (self.scale.x(*at), spoken(self.scenario.start_ms, *at));
            match mark {
                Mark::Registered => canvas.diamond("born", x, middle, &format!("registered: {when}")),
                Mark::Succeeded => canvas.disc("good", x, middle, 4.0, &format!("done: {when}")),
                Mark::Failed { reason, again_after_ms } => {
                    let again =
                        again_after_ms.map_or(String::new(), |ms| format!(", again in {}", units::about(ms)));
                    canvas.cross(x, middle, &format!("failed ({}){again}: {when}", reason_text(*reason)));
                }
                Mark::GaveUp => canvas.diamond("gone", x, middle, &format!("given up: {when}")),
                Mark::Interrupted => {
                    canvas.cross(x, middle, &format!("cut off by the end of the host: {when}"))
                }
                _ => {}
            }
        }
    }

    /// The work of an app, here and elsewhere: a bar from the wish to its fulfilment.
    fn work(&self, canvas: &mut Canvas, y: &mut f64, app: usize, sent_elsewhere: &[Option<u64>]) {
        let items = self.history.items.iter().zip(sent_elsewhere).filter(|(item, _)| item.app == app);
        let items: Vec<_> = items.collect();
        if items.is_empty() {
            return;
        }
        let end = self.scenario.duration_ms;
        self.name(canvas, *y, "delivered here");
        self.rail(canvas, *y);
        for (item, _) in &items {
            let (to, word) = match item.fate {
                Fate::Done(at) => (at, "delivered"),
                Fate::GivenUp(at) => (at, "given up"),
                Fate::Waiting => (end, "still waiting"),
            };
            let tip = format!("{} {word}: {}", item.name, self.when(item.made, to));
            canvas.bar("pending", self.x(item.made, to), *y + 8.0, 8.0, &tip);
            match item.fate {
                Fate::Done(_) => canvas.disc("good", self.scale.x(to), *y + 12.0, 4.0, &tip),
                Fate::GivenUp(_) => canvas.diamond("gone", self.scale.x(to), *y + 12.0, &tip),
                Fate::Waiting => {}
            }
        }
        *y += LANE;
        self.name(canvas, *y, "delivered elsewhere");
        self.rail(canvas, *y);
        for (item, sent) in &items {
            let to = sent.unwrap_or(end);
            let late = sent.is_none_or(|sent| sent >= item.page_closed);
            let word = if sent.is_some() { "sent elsewhere" } else { "never sent elsewhere" };
            let tip = format!("{} {word}: {}", item.name, self.when(item.made, to));
            let class = if late { "lost" } else { "pending" };
            canvas.bar(class, self.x(item.made, to), *y + 8.0, 8.0, &tip);
            if let Some(sent) = sent {
                canvas.disc("good", self.scale.x(*sent), *y + 12.0, 4.0, &tip);
            }
        }
        *y += LANE;
    }

    fn wakeups(&self, canvas: &mut Canvas, y: &mut f64) {
        if self.history.wakeups.is_empty() {
            return;
        }
        *y += 8.0;
        self.name(canvas, *y, "timer wake-ups");
        self.rail(canvas, *y);
        for wake in &self.history.wakeups {
            let x = self.scale.x(wake.at);
            let tip = format!("{}: {}", wake.reason, spoken(self.scenario.start_ms, wake.at));
            canvas.line("wake", (x, *y + 6.0), (x, *y + 18.0), &tip);
        }
        *y += LANE;
    }
}

/// When an entry waited for a chance, and when for the end of a back-off.
fn waits(entry: &EntryHistory, end: u64) -> Vec<(u64, u64, &'static str)> {
    let mut waits = Vec::new();
    let mut since: Option<(u64, &'static str)> = None;
    let periodic = entry.kind == wakeworker::core::SyncKind::PeriodicSync;
    for (at, mark) in &entry.marks {
        let next = match mark {
            Mark::Registered if periodic => None,
            Mark::Registered => Some((*at, "pending")),
            // A second wish changes nothing for one that waits already.
            Mark::Reregistered => since.or(Some((*at, "pending")).filter(|_| !periodic)),
            Mark::Failed { again_after_ms: Some(_), .. } => Some((*at, "backoff")),
            Mark::NotDispatched | Mark::Interrupted => Some((*at, "pending")),
            Mark::Suspended | Mark::Revived => continue,
            _ => None,
        };
        if let Some((from, class)) = since.filter(|_| next != since) {
            waits.push((from, *at, class));
        }
        since = next;
    }
    waits.extend(since.map(|(from, class)| (from, end, class)));
    waits
}

/// What the marks mean.
pub(super) fn legend(canvas: &mut Canvas, x: f64, y: f64) {
    let mut at = x;
    let mut say = |canvas: &mut Canvas, words: &str, draw: &mut dyn FnMut(&mut Canvas, f64)| {
        draw(canvas, at + 6.0);
        canvas.text("label", at + 20.0, y + 4.0, words);
        at += 20.0 + 6.6 * words.chars().count() as f64 + 16.0;
    };
    let bar = |class: &'static str| {
        move |canvas: &mut Canvas, x: f64| canvas.bar(class, (x - 8.0, x + 8.0), y - 5.0, 10.0, "")
    };
    say(canvas, "wifi", &mut bar("wifi"));
    say(canvas, "cellular", &mut bar("cell"));
    say(canvas, "offline", &mut bar("none"));
    say(canvas, "page open", &mut bar("page"));
    say(canvas, "registered", &mut |canvas, x| canvas.diamond("born", x, y, ""));
    say(canvas, "waits", &mut bar("pending"));
    say(canvas, "backs off", &mut bar("backoff"));
    say(canvas, "late elsewhere", &mut bar("lost"));
    say(canvas, "done", &mut |canvas, x| canvas.disc("good", x, y, 4.0, ""));
    say(canvas, "failed", &mut |canvas, x| canvas.cross(x, y, ""));
    say(canvas, "given up", &mut |canvas, x| canvas.diamond("gone", x, y, ""));
    say(canvas, "wake-up", &mut |canvas, x| canvas.line("wake", (x, y - 6.0), (x, y + 6.0), ""));
}
