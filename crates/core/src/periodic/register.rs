//! `periodicSync.register(tag, options)` (section 2.3 of the requirements).

use super::{place, rounds};
use crate::dispatch::fire_if_possible;
use crate::engine::Engine;
use crate::entry::{Entry, Phase};
use crate::{
    ActivityEvent, Durability, Effect, Now, PeriodicDispatch, PeriodicOptions, PermissionName, RegisterError,
    RequestId, Resolution, Step, SyncKind, SyncOptions, SyncRegistration, SyncRegistrationId, Tag,
    WorkerRegistrationId, limits,
};

/// The whole algorithm. It never fires an event by itself (R99).
pub(crate) fn register(
    engine: &mut Engine,
    now: Now,
    request: RequestId,
    owner: WorkerRegistrationId,
    tag: Tag,
    mut options: PeriodicOptions,
    step: &mut Step,
) {
    options.min_interval_ms = options.min_interval_ms.min(MIN_INTERVAL_MAX_MS);
    let existing = engine.find_entry(owner, SyncKind::PeriodicSync, &tag);
    if let Err(error) = check_register(engine, owner, &tag, existing) {
        engine.record_refusal(now, owner, (SyncKind::PeriodicSync, &tag), &error, step);
        step.effects.push(Effect::Reject(request, error));
        return;
    }
    match existing {
        None => {
            let id = create(engine, now, owner, tag, options, step); // 5
            step.effects.push(Effect::Resolve(request, Resolution::Done));
            engine.announce(id, false, step); // R188
        }
        Some(id) => {
            let changed = update(engine, now, id, options, step); // 6
            step.effects.push(Effect::Resolve(request, Resolution::Done));
            if changed {
                engine.announce(id, true, step); // R204, D26
                // A retry that was due may have lost the condition that held it back; nothing else can fire here (R99).
                fire_if_possible(engine, now, id, step);
            }
        }
    }
}

/// Steps 1 to 4: R94, R95, R96 in this order (R97).
fn check_register(
    engine: &Engine,
    owner: WorkerRegistrationId,
    tag: &Tag,
    existing: Option<SyncRegistrationId>,
) -> Result<(), RegisterError> {
    let enabled = engine.config.periodic_sync_enabled;
    engine.check_may_register(owner, PermissionName::PeriodicBackgroundSync, enabled)?;
    limits::check_tag(engine, tag)?;
    match existing {
        Some(_) => Ok(()),
        None => limits::check_room(engine, owner),
    }
}

/// Step 5: a new entry, `pending`, with anchor time now (R98).
fn create(
    engine: &mut Engine,
    now: Now,
    owner: WorkerRegistrationId,
    tag: Tag,
    options: PeriodicOptions,
    step: &mut Step,
) -> SyncRegistrationId {
    if engine.periodic_entries == 0 && engine.config.periodic_dispatch == PeriodicDispatch::Automatic {
        rounds::begin_loop(engine, now, step); // R116: it was suspended while no entry existed
    }
    let id = SyncRegistrationId(engine.next_id());
    let record = SyncRegistration {
        id,
        worker_registration: owner,
        tag,
        options: SyncOptions::Periodic {
            min_interval_ms: options.min_interval_ms,
            anchor: now.wall,
            last_success: None,
        },
        registered_at: now.wall,
        attempts: 0,
        interrupted_starts: 0,
        attempts_max: engine.periodic_attempts_max(),
        not_before: None,
        not_after: None,
        conditions: options.conditions,
        network: engine.network.clone().filter(|_| engine.config.same_network_only), // R121
        reregistered_while_firing: false,
    };
    let mut entry = Entry::new(record, now);
    entry.phase = Phase::Held;
    engine.insert_entry(id, entry);
    engine.periodic_entries += 1;
    place(engine, now, id);
    engine.put(id, step);
    step.durability = Durability::Strict;
    let event = ActivityEvent::Registered { min_interval_ms: Some(options.min_interval_ms) };
    engine.record_of(now, id, event, step);
    id
}

/// Step 6: an existing tag. Returns whether anything changed.
fn update(
    engine: &mut Engine,
    now: Now,
    id: SyncRegistrationId,
    options: PeriodicOptions,
    step: &mut Step,
) -> bool {
    let Some(entry) = engine.entries.get(&id) else { return false };
    let same = entry.min_interval_ms == options.min_interval_ms && entry.conditions == options.conditions;
    // Between two attempts of one event the specification's state is `firing` as well.
    let firing = matches!(entry.phase, Phase::Firing(_) | Phase::Waiting(_) | Phase::Pending);
    match (same, firing) {
        // R101, R226: only these values are replaced; anchor time and state stay.
        (false, _) => {
            let phase = entry.phase;
            engine.leave_phase(id);
            if let Some(entry) = engine.entries.get_mut(&id) {
                entry.min_interval_ms = options.min_interval_ms;
                entry.conditions = options.conditions;
                entry.phase = Phase::Held;
            }
            match firing {
                true => engine.enter_phase(id, phase),
                false => place(engine, now, id),
            }
        }
        (true, true) if !entry.reregistered_while_firing => {
            if let Some(entry) = engine.entries.get_mut(&id) {
                entry.reregistered_while_firing = true; // R102
            }
        }
        _ => return false, // R103
    }
    if let Some(entry) = engine.entries.get_mut(&id) {
        entry.registered_at = now.wall;
    }
    engine.put(id, step);
    step.durability = Durability::Strict;
    engine.record_of(now, id, ActivityEvent::Reregistered, step);
    true
}

/// The largest interval that a script can ask for: 2^53 − 1 (R13).
const MIN_INTERVAL_MAX_MS: u64 = (1 << 53) - 1;
