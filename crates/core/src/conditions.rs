//! What must hold before a one-off entry may be fired.

use crate::engine::{Engine, Entry, Phase};
use crate::{Now, PermissionName, Reason, SyncKind};

/// Calls `found` for each reason that keeps the entry from firing now. None found means that it may be fired.
pub(crate) fn obstacles(engine: &Engine, entry: &Entry, now: Now, mut found: impl FnMut(Reason)) {
    let record = &entry.record;
    match entry.phase {
        Phase::Pending => {}
        Phase::Firing(attempt) => found(Reason::InFlight { attempt }), // R63
        Phase::Waiting(due) if due > now.mono => {
            found(Reason::BackOff { remaining_ms: due.ms_since(now.mono), failed_attempts: record.attempts }); // R77, R84
        }
        Phase::Waiting(_) => {}
    }
    let (enabled, permission) = match record.kind() {
        SyncKind::BackgroundSync => (engine.config.background_sync_enabled, PermissionName::BackgroundSync),
        SyncKind::PeriodicSync => {
            (engine.config.periodic_sync_enabled, PermissionName::PeriodicBackgroundSync)
        }
    };
    if !enabled {
        found(Reason::Disabled); // R142, R177
    }
    if !engine.connection.is_online() {
        found(Reason::Offline); // R49, R51
    }
    let Some(worker) = engine.workers.get(&record.worker_registration) else { return };
    if !engine.permissions.granted(&worker.storage_key, permission) {
        found(Reason::PermissionDenied { name: permission }); // R141, D14
    }
    match worker.active {
        None => found(Reason::NoActiveWorker),
        Some(active) if !active.activated => found(Reason::WorkerActivating), // R61
        Some(_) => {}
    }
}

/// Whether nothing speaks against firing the entry.
pub(crate) fn may_fire(engine: &Engine, entry: &Entry, now: Now) -> bool {
    let mut free = true;
    obstacles(engine, entry, now, |_| free = false);
    free
}
