//! What must hold before an entry may be fired, time apart: the present facts about device, origin and worker.

use crate::engine::Engine;
use crate::entry::{Entry, Phase};
use crate::origin::Origin;
use crate::schedule::{Gate, LaneKey};
use crate::{
    Conditions, Connection, NetworkCondition, Now, PeriodicDispatch, PermissionName, PowerCondition, Reason,
    SyncKind, UnmetCondition, WorkerRegistrationId, periodic,
};

/// Calls `found` for each reason that keeps the entry from firing now. None found means that it may be fired.
pub(crate) fn obstacles(engine: &Engine, entry: &Entry, now: Now, mut found: impl FnMut(Reason)) {
    match entry.phase {
        Phase::Pending => {}
        Phase::Firing(attempt) => found(Reason::InFlight { attempt }), // R63
        Phase::Waiting(due) if due > now.mono => found(match entry.attempts() {
            0 if entry.kind == SyncKind::BackgroundSync => {
                Reason::NotYet { remaining_ms: due.ms_since(now.mono) }
            } // R247
            failed_attempts => {
                Reason::BackOff { remaining_ms: due.ms_since(now.mono), failed_attempts } // R77, R84
            }
        }),
        Phase::Waiting(_) => {}
        Phase::Scheduled(..) | Phase::Held => periodic::waits(engine, entry, now, &mut found),
    }
    let mut held_by_facts = false;
    facts(engine, entry, now, |reason| {
        held_by_facts = true;
        found(reason);
    });
    if entry.phase == Phase::Pending
        && !held_by_facts
        && let Some(due) = engine.schedule.recheck()
    {
        found(Reason::NotReached { remaining_ms: due.ms_since(now.mono) }); // R54
    }
}

/// Whether nothing but time speaks against firing the entry, if time does.
pub(crate) fn facts_allow(engine: &Engine, entry: &Entry, now: Now) -> bool {
    let mut free = true;
    facts(engine, entry, now, |_| free = false);
    free
}

/// The reasons that lie in the world as it is now.
fn facts(engine: &Engine, entry: &Entry, now: Now, mut found: impl FnMut(Reason)) {
    device(engine, entry, &mut found);
    origin_and_worker(engine, entry, now, found);
}

/// The reasons that lie in the origin or the worker registration of the entry.
pub(crate) fn origin_and_worker(engine: &Engine, entry: &Entry, now: Now, found: impl FnMut(Reason)) {
    let networked = engine.conditions_of(entry).network > NetworkCondition::Any;
    of_worker(engine, entry.owner, entry.kind, networked, now, found);
}

/// The same for any entry of a kind and worker registration; `networked` ones need connectivity.
pub(crate) fn of_worker(
    engine: &Engine,
    owner: WorkerRegistrationId,
    kind: SyncKind,
    networked: bool,
    now: Now,
    mut found: impl FnMut(Reason),
) {
    let (enabled, permission) = match kind {
        SyncKind::BackgroundSync => (engine.config.background_sync_enabled, PermissionName::BackgroundSync),
        SyncKind::PeriodicSync => {
            (engine.config.periodic_sync_enabled, PermissionName::PeriodicBackgroundSync)
        }
    };
    if !enabled {
        found(Reason::Disabled); // R142, R177
    }
    if kind == SyncKind::PeriodicSync && engine.config.periodic_dispatch == PeriodicDispatch::HostDriven {
        found(Reason::HostDriven); // R194
    }
    let Some(worker) = engine.workers.get(&owner) else { return };
    let storage_key = &worker.record.storage_key;
    if !engine.permissions.granted(storage_key, permission) {
        found(Reason::PermissionDenied { name: permission }); // R138, R141, D14
    }
    match worker.record.active {
        None => found(Reason::NoActiveWorker),
        Some(active) if !active.activated => found(Reason::WorkerActivating), // R61
        Some(_) => {}
    }
    let origin = engine.origin(storage_key);
    if kind == SyncKind::PeriodicSync && origin.is_some_and(Origin::is_suspended) {
        found(Reason::Suspended); // R112, R113: retries as well
    }
    if networked {
        if worker.emulated_offline > 0 {
            found(Reason::EmulatedOffline); // R241
        }
        if origin.is_some_and(|origin| origin.unreachable) {
            found(Reason::Unreachable); // R57
        }
    }
    if let Some(allowed) = origin.and_then(|origin| origin.next_event_allowed(&engine.config, now)) {
        found(Reason::TooManyEvents { remaining_ms: allowed.ms_since(now.mono) }); // R173
    }
}

/// The reasons that lie in the network and the power supply: the same for all entries with the same conditions.
fn device(engine: &Engine, entry: &Entry, mut found: impl FnMut(Reason)) {
    let conditions = engine.conditions_of(entry);
    match (conditions.network, engine.connection) {
        (NetworkCondition::Any, _) => {}                 // R229
        (_, Connection::None) => found(Reason::Offline), // R49, R51, R52, R230
        (NetworkCondition::AvoidCellular, Connection::Cellular) => {
            found(Reason::Condition(UnmetCondition::AvoidCellular)); // R228
        }
        _ => {}
    }
    if conditions.power == PowerCondition::AvoidDraining && !engine.power.charging {
        found(Reason::Condition(UnmetCondition::AvoidDraining)); // R227
    }
    if entry.kind == SyncKind::PeriodicSync {
        if engine.power.battery_saver {
            found(Reason::BatterySaver); // R117
        }
        if engine.power.data_saver {
            found(Reason::DataSaver); // R117
        }
        if engine.only_network_of(entry).is_some_and(|network| engine.network.as_ref() != Some(network)) {
            found(Reason::OtherNetwork); // R121
        }
    }
}

impl Engine {
    /// The conditions of an entry together with those of the host; the stricter wins (R237).
    pub(crate) fn conditions_of(&self, entry: &Entry) -> Conditions {
        entry.conditions.stricter(self.config.conditions)
    }

    /// The set of the schedule that an entry belongs to.
    pub(crate) fn gate_of(&self, entry: &Entry) -> Gate {
        Gate { kind: entry.kind, conditions: self.conditions_of(entry) }
    }

    /// The network that a periodic entry is bound to (R121).
    pub(crate) fn only_network_of<'a>(&self, entry: &'a Entry) -> Option<&'a crate::NetworkId> {
        entry.network().filter(|_| self.config.same_network_only)
    }

    /// Whether network and power supply allow what belongs to a gate.
    pub(crate) fn gate_is_open(&self, gate: Gate) -> bool {
        let network = match gate.conditions.network {
            NetworkCondition::Any => true,
            NetworkCondition::Online => self.connection.is_online(),
            NetworkCondition::AvoidCellular => {
                self.connection.is_online() && self.connection != Connection::Cellular
            }
        };
        let power = gate.conditions.power == PowerCondition::Auto || self.power.charging;
        let saving = self.power.battery_saver || self.power.data_saver;
        network && power && (gate.kind == SyncKind::BackgroundSync || !saving)
    }

    /// The same for a lane of the schedule.
    pub(crate) fn lane_is_open(&self, lane: &LaneKey) -> bool {
        let gate = Gate { kind: SyncKind::PeriodicSync, conditions: lane.conditions };
        self.gate_is_open(gate)
            && lane.network.as_ref().is_none_or(|only| self.network.as_ref() == Some(only))
    }
}
