//! What scripts and backends ask: sections 1.3, 1.4, 2.3, 2.4 of the requirements, and removal.

use super::Model;
use super::input::Request;
use super::state::{Key, Phase, Time, Worker};
use crate::scenario::{Site, Slot};
use std::collections::btree_map::Entry::Vacant;
use wakeworker::core::{ActiveWorker, PeriodicDispatch, PermissionName, SyncKind};

impl Model {
    /// `sync.register(tag)`.
    pub(super) fn register_one_shot(&mut self, request: Request, slot: Slot, tag: u8) {
        let key = (slot, SyncKind::BackgroundSync, tag);
        if let Some(error) = self.refusal(key) {
            return self.answer(request, error);
        }
        let now = self.now();
        match self.state.entries.get_mut(&key) {
            None => {
                let trusted = self.facts.site(slot).granted(PermissionName::Notifications); // R83
                let attempts_max = match trusted {
                    true => self.config.attempts_max_with_notifications,
                    false => self.config.attempts_max,
                };
                self.state.insert(key, now, attempts_max, 0); // R22
                self.promise();
            }
            Some(entry) => match entry.phase {
                // R29, D2, D3
                Phase::Waiting(_) => {
                    entry.registered = now.wall.0;
                    entry.phase = Phase::Pending;
                    entry.attempts = 0;
                    entry.due = None;
                    entry.put();
                    self.promise();
                }
                Phase::Firing if !entry.reregistered => {
                    entry.registered = now.wall.0;
                    entry.reregistered = true; // R30
                    entry.put();
                    self.promise();
                }
                _ => {} // R26
            },
        }
        self.answer(request, "ok");
    }

    /// `periodicSync.register(tag, { minInterval })`. It never fires (R99).
    pub(super) fn register_periodic(&mut self, request: Request, slot: Slot, tag: u8, min_interval_ms: u64) {
        let key = (slot, SyncKind::PeriodicSync, tag);
        if let Some(error) = self.refusal(key) {
            return self.answer(request, error);
        }
        let now = self.now();
        match self.state.entries.get_mut(&key) {
            None => {
                let first = !self.state.entries.keys().any(|key| key.1 == SyncKind::PeriodicSync);
                if first && self.config.periodic_dispatch == PeriodicDispatch::Automatic {
                    // PS 2.5, step 1: the loop begins by waiting (R108).
                    self.state.last_round = Some(Time::at(now));
                    self.turn.round_before = self.state.last_round;
                }
                self.state.insert(key, now, 0, min_interval_ms); // R98
                self.promise();
            }
            Some(entry) if entry.min_interval_ms != min_interval_ms => {
                entry.registered = now.wall.0;
                entry.min_interval_ms = min_interval_ms; // R101
                entry.put();
                self.promise();
            }
            Some(entry) => {
                // Between two attempts of one event the state is `firing` as well.
                let firing = entry.phase != Phase::Pending;
                if firing && !entry.reregistered {
                    entry.registered = now.wall.0;
                    entry.reregistered = true; // R102
                    entry.put();
                    self.promise();
                }
            }
        }
        self.answer(request, "ok");
    }

    /// `unregister(tag)`.
    pub(super) fn unregister(&mut self, request: Request, key: Key) {
        if key.1 == SyncKind::BackgroundSync && !self.config.script_unregister_one_shot {
            return self.answer(request, "NotSupportedError"); // R223, R246
        }
        if self.state.entries.contains_key(&key) {
            self.remove(key); // R44
            self.promise();
        }
        self.answer(request, "ok"); // R45
    }

    /// `getTags()`.
    pub(super) fn get_tags(&mut self, request: Request, slot: Slot, kind: SyncKind) {
        let of_list = self.state.entries.keys().filter(|key| (key.0, key.1) == (slot, kind));
        let tags: Vec<String> = of_list.map(|key| tag_text(key.2)).collect();
        self.answer(request, &tags.join(" ")); // R39–R42
    }

    /// A worker registration is made or found.
    pub(super) fn add_worker(&mut self, request: Request, slot: Slot) {
        if let Vacant(free) = self.state.workers.entry(slot) {
            free.insert(Worker { id: None, active: None });
            self.promise();
        }
        self.answer(request, "ok");
    }

    /// `registration.unregister()`: the entries go at once (R161).
    pub(super) fn remove_worker(&mut self, request: Request, slot: Slot) {
        if !self.state.workers.contains_key(&slot) {
            return self.answer(request, "InvalidStateError");
        }
        self.drop_worker(slot);
        self.promise();
        self.answer(request, "ok");
    }

    /// R163: all of an origin, and the trace of its last event.
    pub(super) fn clear_origin(&mut self, request: Request, site: Site) {
        let slots: Vec<Slot> =
            self.state.workers.keys().copied().filter(|slot| slot.site() == site).collect();
        if !slots.is_empty() {
            self.promise();
        }
        slots.into_iter().for_each(|slot| self.drop_worker(slot));
        self.state.last_fire.remove(&site);
        self.answer(request, "ok");
    }

    /// The active worker is another one; the entries stay (R164).
    pub(super) fn worker_changed(&mut self, slot: Slot, active: Option<ActiveWorker>) {
        if let Some(worker) = self.state.workers.get_mut(&slot) {
            worker.active = active;
        }
    }

    /// The permission was withdrawn: periodic entries go, one-off entries stay (R139, R140).
    pub(super) fn withdraw_periodic(&mut self, site: Site) {
        let of_site = |key: &&Key| key.0.site() == site && key.1 == SyncKind::PeriodicSync;
        let keys: Vec<Key> = self.state.entries.keys().filter(of_site).copied().collect();
        if !keys.is_empty() {
            self.promise();
        }
        keys.into_iter().for_each(|key| self.remove(key));
    }

    /// An entry leaves its list. Its event, if one runs, goes on (D13, D19).
    pub(super) fn remove(&mut self, key: Key) {
        self.state.entries.remove(&key);
        if let Some(queued) = self.state.queued.remove(&key) {
            queued.requests.into_iter().for_each(|request| self.answer(request, "TagNotExisted"));
        }
    }

    fn drop_worker(&mut self, slot: Slot) {
        let keys: Vec<Key> = self.state.entries.keys().filter(|key| key.0 == slot).copied().collect();
        keys.into_iter().for_each(|key| self.remove(key));
        self.state.workers.remove(&slot);
    }

    /// Why a registration is refused: the first check that fails (R16–R20, R94–R97), then the limits (R173).
    fn refusal(&self, key: Key) -> Option<&'static str> {
        let slot = key.0;
        let facts = self.facts.site(slot);
        let active = self.state.workers.get(&slot).and_then(|worker| worker.active);
        if active.is_none() {
            return Some("InvalidStateError");
        }
        if !facts.allows(key.1) {
            return Some("NotAllowedError");
        }
        if facts.windows == 0 && !facts.without_window {
            return Some("InvalidAccessError"); // R249
        }
        let keys = || self.state.entries.keys();
        let of_worker = keys().filter(|key| key.0 == slot).count();
        let of_origin = keys().filter(|key| key.0.site() == slot.site()).count();
        let full = self.config.entries_per_worker_registration_max.is_some_and(|most| of_worker >= most)
            || self.config.entries_per_origin_max.is_some_and(|most| of_origin >= most);
        (full && !self.state.entries.contains_key(&key)).then_some("QuotaExceededError")
    }
}

/// The tag with a number.
pub(crate) fn tag_text(tag: u8) -> String {
    format!("t{tag}")
}
