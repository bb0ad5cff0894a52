//! Moving an entry from one state to another: each state has its set, and an entry is in exactly one.

use crate::engine::Engine;
use crate::entry::Phase;
use crate::schedule::Gate;
use crate::{Monotonic, SyncRegistrationId};
use alloc::vec::Vec;

impl Engine {
    /// Puts an entry into a state, and so into the set that belongs to it.
    pub(crate) fn enter_phase(&mut self, id: SyncRegistrationId, phase: Phase) {
        self.leave_phase(id);
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.phase = phase;
        let Some(gate) = self.entries.get(&id).map(|entry| self.gate_of(entry)) else { return };
        match phase {
            Phase::Pending => drop(self.ready.entry(gate).or_default().insert(id)),
            Phase::Waiting(due) => self.schedule.add_delay(gate, due, id),
            Phase::Scheduled(since, slot) => self.schedule.add_periodic(since, slot, id),
            Phase::Firing(_) | Phase::Held => {}
        }
    }

    /// Takes an entry out of the set of its state; it must be put into another or removed.
    pub(crate) fn leave_phase(&mut self, id: SyncRegistrationId) {
        let Some(entry) = self.entries.get(&id) else { return };
        let (phase, gate) = (entry.phase, self.gate_of(entry));
        match phase {
            Phase::Pending => {
                if let Some(ready) = self.ready.get_mut(&gate) {
                    ready.remove(&id);
                }
            }
            Phase::Waiting(due) => self.schedule.remove_delay(gate, due, id),
            Phase::Scheduled(since, slot) => self.schedule.remove_periodic(since, slot, id),
            Phase::Firing(_) | Phase::Held => {}
        }
    }

    /// Sets the latest time of a one-off entry, or none (R247).
    pub(crate) fn set_expiry(&mut self, id: SyncRegistrationId, expires: Option<Monotonic>) {
        self.forget_expiry(id);
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.set_expires(expires);
        if let Some(expires) = expires {
            self.schedule.add_expiry(expires, id);
        }
    }

    /// Takes the timer of a latest time away; the entry keeps the time itself.
    pub(crate) fn forget_expiry(&mut self, id: SyncRegistrationId) {
        if let Some(expires) = self.entries.get(&id).and_then(|entry| entry.expires()) {
            self.schedule.remove_expiry(expires, id);
        }
    }

    /// The pending entries that network and power supply allow to fire, in the order in which they were made.
    pub(crate) fn open_ready(&self) -> Vec<SyncRegistrationId> {
        let open = self.ready.iter().filter(|(gate, _)| self.gate_is_open(**gate));
        let mut ready: Vec<SyncRegistrationId> = open.flat_map(|(_, ids)| ids.iter().copied()).collect();
        ready.sort_unstable();
        ready
    }

    /// Whether a pending entry is in the set of its gate. For the invariants.
    pub(crate) fn is_ready(&self, gate: Gate, id: SyncRegistrationId) -> bool {
        self.ready.get(&gate).is_some_and(|ids| ids.contains(&id))
    }
}
