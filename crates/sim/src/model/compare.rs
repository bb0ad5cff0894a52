//! What a host says of itself, held against the model.

use super::Model;
use super::script_call::tag_text;
use super::state::{Due, Entry, Key, Phase, Time};
use crate::scenario::Slot;
use wakeworker::core::{
    ExtraInterval, Reason, SyncKind, SyncOptions, SyncState, SyncStatus, WorkerRegistration,
};

/// The scope of a worker registration.
pub(crate) fn scope(slot: Slot) -> String {
    let path = if slot.0 == 1 { "app/" } else { "" };
    format!("{}/{path}", origin(slot.site().0))
}

/// An origin, as text.
pub(crate) fn origin(site: usize) -> &'static str {
    ["https://a.example", "https://b.example"][site]
}

impl Model {
    /// The host lists its worker registrations and entries. Fails if they are not what they must be.
    pub(crate) fn compare(&mut self, workers: &[WorkerRegistration], listed: &[SyncStatus]) {
        if self.down {
            return; // What it says is what it said before the store failed.
        }
        self.compare_workers(workers);
        assert_eq!(
            listed.len(),
            self.state.entries.len(),
            "the entries: the host lists {:#?}\nthere should be {:#?}",
            listed.iter().map(|status| (&status.registration, status.state)).collect::<Vec<_>>(),
            self.state.entries
        );
        let keys: Vec<Key> = self.state.entries.keys().copied().collect();
        for key in keys {
            let id = self.state.workers[&key.0].id;
            let tag = tag_text(key.2);
            let status = listed.iter().find(|status| {
                let record = &status.registration;
                Some(record.worker_registration) == id
                    && record.kind() == key.1
                    && record.tag.to_string_lossy() == tag
            });
            let Some(status) = status else { panic!("{key:?} is not listed: {listed:#?}") };
            self.learn_delay(key, status);
            self.compare_entry(key, status);
        }
        if let Some((_, last)) = self.history.back_mut() {
            // What was drawn at random is known now.
            for (key, entry) in &mut last.entries {
                if let Some(known) = self.state.entries.get(key).filter(|known| known.number == entry.number)
                    && entry.stored_due.is_some()
                    && known.stored_due.is_some()
                {
                    entry.stored_due = known.stored_due;
                }
            }
            for (slot, worker) in &mut last.workers {
                worker.id = worker.id.or_else(|| self.state.workers.get(slot)?.id);
            }
        }
    }

    /// The registrations have the ids that the host gave them.
    fn compare_workers(&mut self, workers: &[WorkerRegistration]) {
        assert_eq!(workers.len(), self.state.workers.len(), "worker registrations: {workers:?}");
        for (slot, expected) in &mut self.state.workers {
            let scope = scope(*slot);
            let Some(found) = workers.iter().find(|worker| worker.scope == scope) else {
                panic!("the registration of {scope} is missing in {workers:?}");
            };
            let id = *expected.id.get_or_insert(found.id);
            assert_eq!((id, expected.active), (found.id, found.active), "the registration of {scope}");
        }
    }

    /// A delay has a part that the host drew at random. It must lie in its span, and is known from now on.
    fn learn_delay(&mut self, key: Key, status: &SyncStatus) {
        let now = self.now();
        let Some(entry) = self.state.entries.get_mut(&key) else { return };
        let Phase::Waiting(due) = entry.phase else { return };
        if due.earliest == due.latest {
            return;
        }
        let left = status.reasons.iter().find_map(|reason| match reason {
            Reason::BackOff { remaining_ms, .. } => Some(*remaining_ms),
            _ => None,
        });
        let mono = now.mono.0.cast_signed() + left.unwrap_or(0).cast_signed();
        let wall = status.registration.not_before.map_or(now.wall.0, |at| at.0);
        assert!(
            (due.earliest.mono..=due.latest.mono).contains(&mono) && left.is_some(),
            "a delay of {left:?} ms is not lawful: {due:?} at {now:?} of {status:#?}"
        );
        let known = Due { earliest: Time { wall, mono }, latest: Time { wall, mono } };
        if entry.stored_due == Some(due) {
            entry.stored_due = Some(known);
        }
        entry.wait(known);
    }

    fn compare_entry(&self, key: Key, status: &SyncStatus) {
        let entry = &self.state.entries[&key];
        let record = &status.registration;
        let interval_ms = match record.options {
            SyncOptions::OneShot => 0,
            SyncOptions::Periodic { min_interval_ms, .. } => min_interval_ms,
        };
        let found = (
            status.state,
            record.attempts,
            record.interrupted_starts,
            record.reregistered_while_firing,
            interval_ms,
        );
        let expected = (
            self.state_of(key, entry),
            entry.attempts,
            entry.interrupted,
            entry.reregistered,
            entry.min_interval_ms,
        );
        assert_eq!(
            found, expected,
            "state, attempts, begun, re-registered, interval of {key:?}: {status:#?}\n{entry:#?}"
        );
        match record.options {
            SyncOptions::OneShot => assert_eq!(record.attempts_max, entry.attempts_max, "R83: {key:?}"),
            SyncOptions::Periodic { anchor, .. } => {
                assert_eq!(anchor.0, entry.anchor.wall, "the anchor time of {key:?}: {status:#?}");
            }
        }
        let idle = status.reasons.is_empty() && key.1 == SyncKind::BackgroundSync;
        assert!(!idle, "{key:?} does not fire, and nothing speaks against it (R243): {status:#?}");
    }

    fn state_of(&self, key: Key, entry: &Entry) -> SyncState {
        match entry.phase {
            Phase::Firing if entry.reregistered => SyncState::ReregisteredWhileFiring,
            Phase::Firing => SyncState::Firing,
            Phase::Waiting(due) if !due.has_passed(self.now()) => SyncState::Waiting,
            _ if key.1 == SyncKind::PeriodicSync && self.facts.site(key.0).extra == ExtraInterval::Never => {
                SyncState::Suspended // R113
            }
            _ => SyncState::Pending,
        }
    }

    /// When the host must act at the latest if nothing happens, in milliseconds from now (R179).
    pub(crate) fn next_due_ms(&self) -> Option<u64> {
        let now = self.now();
        let limits = self.runs.values().map(|run| run.deadline);
        let power = self.facts.power;
        let saving = power.battery_saver || power.data_saver;
        let online = self.facts.connection.is_online();
        let delays = self.state.entries.iter().filter_map(|(key, entry)| match entry.phase {
            Phase::Waiting(due) if online && (key.1 == SyncKind::BackgroundSync || !saving) => {
                u64::try_from(due.latest.mono).ok()
            }
            _ => None,
        });
        let recheck = self.state.recheck.filter(|_| online);
        limits.chain(delays).chain(recheck).min().map(|due| due.saturating_sub(now.mono.0))
    }
}
