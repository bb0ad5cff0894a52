//! Writes down what happens: lines for people, marks for pictures, and what became of each piece of work.

use super::history::{self, EntryHistory, Fate, History, Item, Mark};
use super::scenario::{Device, Scenario, Server};
use super::units::{self, Civil};
use std::collections::HashMap;
use wakeworker::core::{
    Activity, ActivityEvent, Connection, FailureReason, Power, RegisterError, StorageKey, SyncKind, Tag,
};
use wakeworker_quickjs::ConsoleLine;

/// Fills a [`History`].
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) history: History,
    apps: HashMap<StorageKey, usize>,
    /// By tag: the items that wait, and how many of them were there when the running event was dispatched. Those are
    /// what it can do.
    waiting: HashMap<(usize, Tag), (Vec<usize>, usize)>,
    entries: HashMap<(usize, SyncKind, Tag), usize>,
    /// Requests that have not reached their servers, by app, name and body.
    requests: HashMap<(usize, String, Vec<u8>), usize>,
}

impl Recorder {
    pub(crate) fn network(&mut self, now: u64, connection: Connection, flaky: bool) {
        let text = match connection {
            Connection::None => "the network is gone".to_owned(),
            _ if flaky => format!("the network comes and goes: {}", connection_name(connection)),
            _ => format!("the network is there: {}", connection_name(connection)),
        };
        self.history.line(now, None, "network", text);
    }

    pub(crate) fn power(&mut self, now: u64, power: Power) {
        let mut text = if power.charging { "charging".to_owned() } else { "on battery".to_owned() };
        for (on, name) in [(power.battery_saver, "battery saver"), (power.data_saver, "data saver")] {
            if on {
                text.push_str(", ");
                text.push_str(name);
            }
        }
        self.history.line(now, None, "power", text);
    }

    pub(crate) fn device(&mut self, now: u64, device: Device) {
        let (on, text) = match device {
            Device::On => (true, "the device is switched on"),
            Device::Off => (false, "the device is switched off"),
            Device::Crash => (false, "the host is killed and the device is off"),
        };
        history::turn(&mut self.history.device, now, on);
        self.history.line(now, None, "device", text);
    }

    pub(crate) fn server(&mut self, now: u64, app: usize, server: Server) {
        let text = match server {
            Server::Up => "its server answers",
            Server::Down => "its server cannot be reached",
            Server::Broken => "its server answers 500",
        };
        self.history.line(now, Some(app), "server", text);
    }

    pub(crate) fn page_opened(&mut self, now: u64, app: usize) {
        self.history.line(now, Some(app), "page", "a page is opened");
    }

    /// A page's registration was refused.
    pub(crate) fn refused(&mut self, now: u64, app: usize, tag: &Tag, error: &RegisterError) {
        self.history.line(now, Some(app), "refused", format!("{}: refused: {error}", tag_text(tag)));
    }

    /// A piece of work that a page registered an event for.
    pub(crate) fn registered(&mut self, now: u64, app: usize, tag: &Tag, page_closed: u64) {
        let (waiting, _) = self.waiting.entry((app, tag.clone())).or_default();
        waiting.push(self.history.items.len());
        let name = tag_text(tag);
        self.history.items.push(Item { app, name, made: now, page_closed, fate: Fate::Waiting });
    }

    /// A request that must reach its server; equal ones must differ by their bodies.
    pub(crate) fn requested(&mut self, now: u64, app: usize, name: &str, body: &[u8], page_closed: u64) {
        self.requests.insert((app, name.to_owned(), body.to_vec()), self.history.items.len());
        let fate = Fate::Waiting;
        self.history.items.push(Item { app, name: name.to_owned(), made: now, page_closed, fate });
    }

    /// A server took a request; true if somebody waited for that.
    pub(crate) fn delivered(&mut self, now: u64, app: usize, name: &str, body: &[u8]) -> bool {
        let Some(index) = self.requests.remove(&(app, name.to_owned(), body.to_vec())) else { return false };
        self.history.items[index].fate = Fate::Done(now);
        true
    }

    /// A line of a worker's console.
    pub(crate) fn console(&mut self, now: u64, app: Option<usize>, line: &ConsoleLine) {
        let text = crate::output::shortened(&line.text, 200);
        self.history.line(now, app, "console", format!("console: {text}"));
    }

    /// The engine's own account of what happens.
    pub(crate) fn activity(&mut self, now: u64, scenario: &Scenario, activity: &Activity) {
        if self.apps.is_empty() {
            let keys = scenario.apps.iter().map(|app| StorageKey::first_party(&app.origin));
            self.apps = keys.enumerate().map(|(index, key)| (key, index)).collect();
        }
        let app = activity.storage_key.as_ref().and_then(|key| self.apps.get(key)).copied();
        let (Some(app), Some((kind, tag))) = (app, &activity.sync) else { return };
        let Some((mark, word, text)) = mark_of(&activity.event) else { return };
        let name = match kind {
            SyncKind::BackgroundSync => tag_text(tag),
            SyncKind::PeriodicSync => format!("{} (periodic)", tag_text(tag)),
        };
        self.history.line(now, Some(app), word, format!("{name}: {text}"));
        self.mark(now, app, *kind, tag, mark);
        if *kind == SyncKind::BackgroundSync {
            self.settle_items(now, app, tag, mark);
        }
    }

    /// What an event means for the work that pages registered it for.
    fn settle_items(&mut self, now: u64, app: usize, tag: &Tag, mark: Mark) {
        let fate = match mark {
            Mark::Fired { .. } => {
                if let Some((waiting, covered)) = self.waiting.get_mut(&(app, tag.clone())) {
                    *covered = waiting.len();
                }
                return;
            }
            Mark::Succeeded => Fate::Done(now),
            Mark::GaveUp | Mark::Removed => Fate::GivenUp(now),
            _ => return,
        };
        let Some((waiting, covered)) = self.waiting.get_mut(&(app, tag.clone())) else { return };
        let settled = match fate {
            Fate::Done(_) => std::mem::take(covered).min(waiting.len()),
            _ => waiting.len(),
        };
        for index in waiting.drain(..settled) {
            self.history.items[index].fate = fate;
        }
    }

    fn mark(&mut self, now: u64, app: usize, kind: SyncKind, tag: &Tag, mark: Mark) {
        let history = &mut self.history;
        let index = *self.entries.entry((app, kind, tag.clone())).or_insert_with(|| {
            history.entries.push(EntryHistory { app, kind, tag: tag.clone(), marks: Vec::new() });
            history.entries.len() - 1
        });
        history.entries[index].marks.push((now, mark));
    }
}

/// The mark of an activity, its word for programs, and its words for people.
fn mark_of(event: &ActivityEvent) -> Option<(Mark, &'static str, String)> {
    Some(match event {
        ActivityEvent::Registered { .. } => (Mark::Registered, "registered", "registered".to_owned()),
        ActivityEvent::Reregistered => (Mark::Reregistered, "reregistered", "registered again".to_owned()),
        ActivityEvent::Dispatched { last_chance, attempt, background } => {
            let mut text =
                if *attempt > 1 { format!("fired, attempt {attempt}") } else { "fired".to_owned() };
            if *last_chance {
                text.push_str(", the last chance");
            }
            if *background {
                text.push_str(", with no page open");
            }
            (Mark::Fired { background: *background }, "fired", text)
        }
        ActivityEvent::Completed { .. } => (Mark::Succeeded, "succeeded", "done".to_owned()),
        ActivityEvent::Failed { reason, message, next_attempt_ms } => {
            let why = match message {
                // The rest of an exception is its stack.
                Some(message) => crate::output::shortened(message.lines().next().unwrap_or_default(), 120),
                None => reason_text(*reason).to_owned(),
            };
            let then = match next_attempt_ms {
                Some(ms) => format!("; again in {}", units::about(*ms)),
                None => String::new(),
            };
            let mark = Mark::Failed { reason: *reason, again_after_ms: *next_attempt_ms };
            (mark, "failed", format!("failed, {why}{then}"))
        }
        ActivityEvent::NotDispatched => {
            (Mark::NotDispatched, "not-dispatched", "not fired after all, the network is gone".to_owned())
        }
        ActivityEvent::Interrupted { .. } => {
            (Mark::Interrupted, "interrupted", "was cut off by the end of the host".to_owned())
        }
        ActivityEvent::GaveUp => (Mark::GaveUp, "gave-up", "given up".to_owned()),
        ActivityEvent::Unregistered => (Mark::Removed, "unregistered", "unregistered".to_owned()),
        ActivityEvent::Cancelled => (Mark::Removed, "cancelled", "cancelled by the host".to_owned()),
        ActivityEvent::Expired => (Mark::GaveUp, "expired", "its latest time has passed".to_owned()),
        ActivityEvent::Suspended => (Mark::Suspended, "suspended", "suspended".to_owned()),
        ActivityEvent::Revived => (Mark::Revived, "revived", "no longer suspended".to_owned()),
        ActivityEvent::Removed => (Mark::Removed, "removed", "removed with its worker".to_owned()),
        _ => return None,
    })
}

/// Why an attempt failed, for people.
pub(crate) fn reason_text(reason: FailureReason) -> &'static str {
    match reason {
        FailureReason::Rejected => "rejected",
        FailureReason::TimedOut => "took too long",
        FailureReason::Terminated => "the worker was stopped",
        FailureReason::StartFailed => "the worker could not be started",
        FailureReason::ScriptError => "the script failed",
        FailureReason::Abandoned => "the event was lost",
        FailureReason::Crashed => "the host died too often while it ran",
        _ => "for another reason",
    }
}

/// The word of a connection.
pub(crate) fn connection_name(connection: Connection) -> &'static str {
    match connection {
        Connection::None => "offline",
        Connection::Ethernet => "ethernet",
        Connection::Wifi => "wifi",
        Connection::Cellular => "cellular",
        _ => "some network",
    }
}

/// A tag as people read it; the empty one can be seen.
pub(crate) fn tag_text(tag: &Tag) -> String {
    let text = tag.to_string_lossy();
    if text.is_empty() { "\"\"".to_owned() } else { crate::output::printable(&text) }
}

/// A moment of the run in the scenario's own time.
pub(crate) fn moment_text(start_ms: i64, at: u64) -> String {
    let civil = Civil::of(start_ms.saturating_add_unsigned(at));
    format!("{} {}", civil.date, civil.time)
}
