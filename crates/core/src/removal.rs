//! The ways out: an entry leaves the lists at once, whatever its state (R44–R46, R139, R161, R163, R245, R246).

use crate::engine::Engine;
use crate::entry::Phase;
use crate::{
    ActivityEvent, Change, Durability, Effect, Now, PermissionName, RegisterError, RequestId, Resolution,
    Step, StorageKey, SyncKind, SyncOperationStatus, SyncRegistrationId, Tag, WorkerRegistrationId, periodic,
};

/// `periodicSync.unregister(tag)`, and `sync.unregister(tag)` if the host allows it.
pub(crate) fn unregister(
    engine: &mut Engine,
    now: Now,
    request: RequestId,
    owner: WorkerRegistrationId,
    kind: SyncKind,
    tag: &Tag,
    step: &mut Step,
) {
    if kind == SyncKind::BackgroundSync && !engine.config.script_unregister_one_shot {
        let error = RegisterError::Unsupported { feature: "`sync.unregister`" }; // R223, R246
        step.effects.push(Effect::Reject(request, error));
        return;
    }
    // No check of worker, window or permission: an unknown tag is fine as well (R45).
    if let Some(id) = engine.find_entry(owner, kind, tag) {
        remove_durably(engine, now, id, ActivityEvent::Unregistered, step); // R44
    }
    step.effects.push(Effect::Resolve(request, Resolution::Done));
}

/// The host cancels an entry (R245).
pub(crate) fn cancel(
    engine: &mut Engine,
    now: Now,
    request: RequestId,
    id: SyncRegistrationId,
    step: &mut Step,
) {
    if engine.entries.contains_key(&id) {
        remove_durably(engine, now, id, ActivityEvent::Cancelled, step);
        step.effects.push(Effect::Resolve(request, Resolution::Done));
    } else {
        step.effects.push(Effect::Reject(request, RegisterError::NoSyncRegistration));
    }
}

/// The permission for periodic events was withdrawn: the entries of the origin are gone in every worker registration, and
/// do not come back when it is granted again (R139). One-off entries stay (R140).
pub(crate) fn permission_withdrawn(engine: &mut Engine, now: Now, storage_key: &StorageKey, step: &mut Step) {
    debug_assert!(!engine.permissions.granted(storage_key, PermissionName::PeriodicBackgroundSync));
    for id in engine.entries_of_origin(storage_key) {
        if engine.entries.get(&id).is_some_and(|entry| entry.kind == SyncKind::PeriodicSync) {
            remove_durably(engine, now, id, ActivityEvent::Removed, step);
        }
    }
}

/// Removes an entry, durably before anybody is told (R166).
pub(crate) fn remove_durably(
    engine: &mut Engine,
    now: Now,
    id: SyncRegistrationId,
    event: ActivityEvent,
    step: &mut Step,
) {
    engine.record_of(now, id, event, step);
    remove(engine, now, id, step);
    step.changes.push(Change::RemoveSyncRegistration(id));
    step.durability = Durability::Strict;
}

/// Takes an entry out of all indexes, so that no timer is left for it (R48). Its running event, if any, goes on and its
/// result is dropped (D13, D19).
pub(crate) fn remove(engine: &mut Engine, now: Now, id: SyncRegistrationId, step: &mut Step) {
    engine.leave_phase(id);
    engine.forget_expiry(id);
    let Some(entry) = engine.take_entry(id) else { return };
    if let Some(storage_key) = engine.storage_key_of(entry.owner) {
        let origin = engine.origin_mut(&storage_key);
        origin.entries = origin.entries.saturating_sub(1);
        if entry.kind == SyncKind::PeriodicSync {
            engine.periodic_entries = engine.periodic_entries.saturating_sub(1);
            if matches!(entry.phase, Phase::Firing(_)) {
                periodic::event_left(engine, now, &storage_key);
            }
        }
    }
    if let Some(queued) = engine.queued.remove(&id) {
        for request in queued.requests {
            let gone = Resolution::Status(SyncOperationStatus::TagNotExisted);
            step.effects.push(Effect::Resolve(request, gone));
        }
    }
}
