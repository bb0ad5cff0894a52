//! Putting entries back that were read from the store, quickly also if there are a million.

use crate::engine::Engine;
use crate::entry::{Entry, Phase};
use crate::schedule::Gate;
use crate::{
    AttemptId, Now, Step, StorageKey, SyncKind, SyncRegistration, SyncRegistrationId, one_shot, periodic,
};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

impl Engine {
    /// Most entries just wait: those go straight into place. The others, which a delay, a crash or a running event has left
    /// its mark on, are looked at one by one (R167–R169).
    pub(crate) fn restore_entries(
        &mut self,
        now: Now,
        records: Vec<SyncRegistration>,
        running: &BTreeMap<SyncRegistrationId, AttemptId>,
        step: &mut Step,
    ) {
        let mut pending: BTreeMap<Gate, Vec<SyncRegistrationId>> = BTreeMap::new();
        let mut marked = Vec::new();
        // An entry is smaller than its record, so that the list of records becomes the list of entries in place.
        let place = |record: SyncRegistration| {
            let id = record.id;
            self.know_id(id.0);
            if !self.index_restored(record.worker_registration, id) {
                return None; // Its owner could not be read.
            }
            let plain = is_plain(&record) && !running.contains_key(&id);
            let mut entry = Entry::new(record, now);
            entry.phase = Phase::Held;
            match entry.kind {
                SyncKind::BackgroundSync if plain => {
                    entry.phase = Phase::Pending;
                    pending.entry(self.gate_of(&entry)).or_default().push(id);
                }
                // Without a permission, which is stated later, a periodic entry is nowhere in the schedule.
                SyncKind::PeriodicSync if plain && !self.config.interval_from_last_success => {}
                _ => marked.push(id),
            }
            self.periodic_entries += usize::from(entry.kind == SyncKind::PeriodicSync);
            Some((id, entry))
        };
        let entries: Vec<(SyncRegistrationId, Entry)> = records.into_iter().filter_map(place).collect();
        // Building the trees at once leaves no gaps in their nodes.
        self.entries = entries.into_iter().collect();
        self.ready = pending.into_iter().map(|(gate, ids)| (gate, ids.into_iter().collect())).collect();
        let counts: Vec<(StorageKey, usize)> = self
            .workers
            .values()
            .map(|worker| (worker.record.storage_key.clone(), worker.entry_count()))
            .collect();
        for (storage_key, count) in counts {
            self.origin_mut(&storage_key).entries += count;
        }
        for id in marked {
            let attempt = running.get(&id).copied();
            match self.entries.get(&id).map(|entry| entry.kind) {
                Some(SyncKind::BackgroundSync) => one_shot::restore(self, now, id, attempt, step),
                Some(SyncKind::PeriodicSync) => periodic::restore(self, now, id, attempt, step),
                None => {}
            }
        }
    }
}

/// Whether nothing of the entry's past matters any more.
fn is_plain(record: &SyncRegistration) -> bool {
    record.attempts == 0
        && record.interrupted_starts == 0
        && record.attempts_max > 0
        && record.not_before.is_none()
        && record.not_after.is_none()
        && !record.reregistered_while_firing
}
