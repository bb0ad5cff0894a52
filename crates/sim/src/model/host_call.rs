//! What the host program asks for (section 4 of the requirements, R240, R245, R182).

use super::Model;
use super::input::{Input, Request};
use super::state::{DueWait, Key, Phase, Queued};
use wakeworker::core::SyncKind;

impl Model {
    /// WebView2's `DispatchPeriodicSyncEvent`.
    pub(super) fn dispatch_periodic(&mut self, input: &Input) {
        let Input::DispatchPeriodic { request, registration, worker, slot, tag, needs_network } = input
        else {
            return;
        };
        let found = self.state.workers.get(slot).filter(|found| found.id == Some(*registration));
        let active = found.and_then(|found| found.active).map(|active| active.id);
        if active != Some(*worker) {
            return self.answer(*request, "WorkerGone"); // R206, D25
        }
        let key = (*slot, SyncKind::PeriodicSync, *tag);
        match self.state.entries.contains_key(&key) {
            true => self.ask_for_periodic(*request, key, *needs_network),
            false => self.answer(*request, "TagNotExisted"), // R199
        }
    }

    /// The host fires an entry, whatever holds it back.
    pub(super) fn fire_for_host(&mut self, request: Request, key: Key) {
        let Some(entry) = self.state.entries.get(&key) else {
            return self.answer(request, "NotFoundError");
        };
        let firing = entry.phase == Phase::Firing;
        if self.active(key.0).is_none() {
            return self.answer(request, "InvalidStateError");
        }
        if key.1 == SyncKind::PeriodicSync {
            self.ask_for_periodic(request, key, false);
        } else if firing {
            let number = entry.number;
            if let Some(run) = self.runs.values_mut().find(|run| run.entry == Some(number)) {
                // R63: who joins before the worker has the event is like who began it, if the store fails.
                if run.attempt.is_some() {
                    run.joined.push(request)
                } else {
                    run.requests.push(request)
                };
            }
        } else if !self.facts.site(key.0).allows(key.1) {
            self.answer(request, "NotAllowedError");
        } else {
            self.fire(key, vec![request]);
        }
    }

    /// The host takes an entry away.
    pub(super) fn cancel(&mut self, request: Request, key: Key) {
        if !self.state.entries.contains_key(&key) {
            return self.answer(request, "NotFoundError");
        }
        self.remove(key);
        self.promise();
        self.answer(request, "ok");
    }

    /// A tool's event: no entry is touched.
    pub(super) fn tool(&mut self, request: Request, key: Key, last_chance: bool) {
        if !self.state.workers.contains_key(&key.0) {
            return self.answer(request, "InvalidStateError");
        }
        if self.active(key.0).is_none() {
            return self.answer(request, "InvalidStateError");
        }
        self.begin(None, key, last_chance && key.1 == SyncKind::BackgroundSync, vec![request]);
    }

    /// Everything that is due, now: answered when nothing runs any more that runs now.
    pub(super) fn fire_due(&mut self, request: Request) {
        self.settle(&Input::FireDue { request });
        let runs: Vec<u64> = self.runs.keys().copied().collect();
        self.state.due_waits.push(DueWait { request, events: runs.len(), runs });
        self.end_due_waits();
    }

    /// Answers those who waited for events that have all ended.
    pub(super) fn end_due_waits(&mut self) {
        let mut waits = std::mem::take(&mut self.state.due_waits);
        for wait in &mut waits {
            wait.runs.retain(|run| self.runs.contains_key(run));
        }
        let (over, open) = waits.into_iter().partition(|wait| wait.runs.is_empty());
        self.state.due_waits = open;
        for wait in over {
            let wait: DueWait = wait;
            self.answer(wait.request, &format!("fired {}", wait.events));
        }
    }

    /// D22: behind a running event one dispatch waits, and all who ask meanwhile share it.
    fn ask_for_periodic(&mut self, request: Request, key: Key, needs_network: bool) {
        let firing = self.state.entries.get(&key).is_some_and(|entry| entry.phase == Phase::Firing);
        if !firing {
            return self.start_for_host(key, Queued { requests: vec![request], needs_network });
        }
        let new = Queued { requests: Vec::new(), needs_network };
        let queued = self.state.queued.entry(key).or_insert(new);
        queued.requests.push(request);
        queued.needs_network &= needs_network;
    }

    pub(super) fn start_for_host(&mut self, key: Key, queued: Queued) {
        let known = self.state.entries.contains_key(&key);
        let permitted = self.facts.site(key.0).allows(key.1); // D24
        let reachable = !queued.needs_network || self.facts.connection.is_online(); // D23
        let status = match known {
            false => Some("TagNotExisted"),
            true if permitted && reachable && self.active(key.0).is_some() => None,
            true => Some("OtherError"),
        };
        match status {
            Some(status) => queued.requests.into_iter().for_each(|request| self.answer(request, status)),
            None => self.fire(key, queued.requests), // R202
        }
    }
}
