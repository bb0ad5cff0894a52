//! What must hold of the engine's state after every step.

use crate::engine::Engine;
use crate::entry::Phase;
use crate::{StorageKey, SyncKind};
use alloc::collections::BTreeMap;

impl Engine {
    /// Asserts that the parts of the state agree with each other. For tests and the simulator.
    ///
    /// # Panics
    /// If they do not: that is a defect of the engine.
    pub fn check_invariants(&self) {
        self.clients.check_invariants();
        let [mut delays, mut expiries, mut ready, mut scheduled, mut periodic] = [0_usize; 5];
        let mut of_origin: BTreeMap<&StorageKey, (usize, u32)> = BTreeMap::new();
        for (id, entry) in &self.entries {
            let gate = self.gate_of(entry);
            let worker = self.workers.get(&entry.owner).expect("an entry has an owner");
            assert!(worker.entries().contains(id), "index of the owner");
            periodic += usize::from(entry.kind == SyncKind::PeriodicSync);
            let (entries, firing) = of_origin.entry(&worker.record.storage_key).or_default();
            *entries += 1;
            match entry.phase {
                Phase::Pending => {
                    assert!(self.is_ready(gate, *id), "pending, but not ready");
                    ready += 1;
                }
                Phase::Waiting(due) => {
                    assert!(self.schedule.holds_delay(gate, due, *id), "delay not scheduled");
                    delays += 1;
                }
                Phase::Firing(attempt) => {
                    let in_flight = self.attempts.get(&attempt).map(|running| running.sync);
                    assert_eq!(in_flight, Some(Some(*id)), "firing without an attempt");
                    *firing += u32::from(entry.kind == SyncKind::PeriodicSync);
                }
                Phase::Scheduled(since, slot) => {
                    assert!(self.schedule.holds_periodic(since, slot, *id), "round not scheduled");
                    scheduled += 1;
                }
                Phase::Held => {
                    assert_eq!(entry.kind, SyncKind::PeriodicSync, "a one-off entry is never held")
                }
            }
            if let Some(expires) = entry.expires()
                && self.schedule.holds_expiry(expires, *id)
            {
                expiries += 1;
            }
            assert!(
                entry.kind == SyncKind::PeriodicSync || entry.attempts() < entry.attempts_max,
                "an entry out of attempts is removed (R78)"
            );
        }
        assert_eq!(self.periodic_entries, periodic, "count of periodic entries");
        assert_eq!(
            self.schedule.counts(),
            [delays, expiries, self.attempts.len(), scheduled],
            "stale timers"
        );
        assert_eq!(self.ready.values().map(|ids| ids.len()).sum::<usize>(), ready, "stale ready set");
        let indexed = self.workers.values().map(|worker| worker.entry_count()).sum::<usize>();
        assert_eq!(indexed, self.entries.len(), "stale index of an owner");
        for (attempt, running) in &self.attempts {
            assert!(self.schedule.holds_timeout(running.deadline, *attempt), "no time limit (R85)");
        }
        for (storage_key, origin) in &self.origins {
            let counted = of_origin.get(storage_key).copied().unwrap_or_default();
            assert_eq!((origin.entries, origin.firing), counted, "counters of {storage_key}");
        }
        assert_eq!(self.by_scope.len(), self.workers.len(), "stale index by scope");
        for id in self.queued.keys() {
            let firing = self.entries.get(id).is_some_and(|entry| matches!(entry.phase, Phase::Firing(_)));
            assert!(firing, "a host dispatch waits for nothing (D22)");
        }
    }
}
