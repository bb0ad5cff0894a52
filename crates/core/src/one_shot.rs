//! The one-off algorithms, step by step: <https://wicg.github.io/background-sync/spec/>.
//!
//! Numbers in the bodies are the steps of sections 1.3 to 1.5 of the requirements, which restate that document.

use crate::conditions::may_fire;
use crate::engine::{Engine, Entry, Phase};
use crate::{
    ActivityEvent, AttemptId, AttemptOutcome, Change, Dispatch, Durability, Effect, FailureReason, Now,
    PermissionName, RegisterError, RequestId, Resolution, Step, SyncKind, SyncOptions, SyncRegistered,
    SyncRegistration, SyncRegistrationId, Tag, WorkerRegistrationId, retry,
};

/// `sync.register(tag)`.
pub(crate) fn register(
    engine: &mut Engine,
    now: Now,
    request: RequestId,
    registration: WorkerRegistrationId,
    tag: Tag,
    step: &mut Step,
) {
    if let Err(error) = check_register(engine, registration, &tag) {
        let event = ActivityEvent::RegistrationRefused { error: error.dom_exception_name() };
        engine.record(now, Some(registration), Some((SyncKind::BackgroundSync, tag)), event, step);
        step.effects.push(Effect::Reject(request, error));
        return;
    }
    let key = (registration, SyncKind::BackgroundSync, tag);
    let id = match engine.by_tag.get(&key) {
        // 4. An entry with this tag exists.
        Some(&id) => {
            let changed = reregister(engine, now, id, step);
            step.effects.push(Effect::Resolve(request, Resolution::Done)); // 4.3
            if changed {
                announce(engine, id, true, step); // R204, D26: not for a no-op
            }
            id
        }
        // 5. Otherwise: create, put it in the list, resolve, and then fire (R22, R24).
        None => {
            let id = create(engine, now, key, step);
            step.effects.push(Effect::Resolve(request, Resolution::Done));
            announce(engine, id, false, step);
            id
        }
    };
    fire_if_possible(engine, now, id, step); // 4.4, 5: R23, R29
}

/// When the user agent becomes online, or anything else that entries wait for has changed: fire every `pending`
/// entry, over all origins (R50, R74).
pub(crate) fn fire_ready(engine: &mut Engine, now: Now, step: &mut Step) {
    if !engine.connection.is_online() {
        return; // R49: spares the walk through the list.
    }
    let ready: alloc::vec::Vec<SyncRegistrationId> = engine.ready.iter().copied().collect();
    for id in ready {
        fire_if_possible(engine, now, id, step);
    }
}

/// The back-off delay of an entry is over: if it is still `waiting`, it becomes `pending` and fires if online
/// (firing, step 5; R77, R84).
pub(crate) fn delay_ended(engine: &mut Engine, now: Now, id: SyncRegistrationId, step: &mut Step) {
    if let Some(entry) = engine.entries.get_mut(&id) {
        entry.phase = Phase::Pending;
        entry.record.not_before = None;
        engine.ready.insert(id);
        fire_if_possible(engine, now, id, step);
    }
}

/// An attempt of an entry has ended: one atomic step with respect to `register` (firing, steps 4 and 5; R73).
pub(crate) fn attempt_ended(
    engine: &mut Engine,
    now: Now,
    id: SyncRegistrationId,
    dispatch: &Dispatch,
    outcome: AttemptOutcome,
    step: &mut Step,
) {
    // The entry may have gone with its worker registration: then a late result changes nothing (R161, D13).
    let Some(entry) = engine.entries.get_mut(&id) else { return };
    let record = &mut entry.record;
    let fires_again = record.reregistered_while_firing;
    let next_attempt_ms = match outcome {
        AttemptOutcome::NotDispatched => {
            // R54, D11: not counted, as if it had not been chosen.
            record.interrupted_starts = record.interrupted_starts.saturating_sub(1);
            None
        }
        _ if fires_again => None,
        AttemptOutcome::Succeeded { .. } => None,
        AttemptOutcome::Failed { .. } => {
            record.attempts += 1;
            (!dispatch.last_chance).then(|| retry::delay_ms(&engine.config, id, record.attempts))
        }
    };
    if !matches!(outcome, AttemptOutcome::NotDispatched) {
        record.interrupted_starts = 0;
    }
    if fires_again {
        // 4, 5: `reregisteredWhileFiring` → `pending` with any result, counting anew (R68, R69, D3).
        record.reregistered_while_firing = false;
        record.attempts = 0;
    }

    let gone = match &outcome {
        AttemptOutcome::NotDispatched => false,
        _ if fires_again => false,
        AttemptOutcome::Succeeded { .. } => true, // 4: R64
        AttemptOutcome::Failed { .. } => next_attempt_ms.is_none(), // 5: R78
    };
    let gave_up = gone && matches!(outcome, AttemptOutcome::Failed { .. });
    match (gone, next_attempt_ms) {
        (false, Some(delay_ms)) => {
            // 5: → `waiting`, the delay counting from the end of the failed attempt (R77, R91).
            let due = now.mono.plus_ms(delay_ms);
            record.not_before = Some(now.wall.plus_ms(delay_ms));
            entry.phase = Phase::Waiting(due);
            engine.schedule.add_retry(due, id);
        }
        (false, None) => {
            entry.phase = Phase::Pending;
            engine.ready.insert(id);
        }
        (true, _) => {}
    }

    let event = match outcome {
        AttemptOutcome::Succeeded { handled } => ActivityEvent::Completed { handled },
        AttemptOutcome::Failed { reason, message } => {
            ActivityEvent::Failed { reason, message, next_attempt_ms }
        }
        AttemptOutcome::NotDispatched => ActivityEvent::NotDispatched,
    };
    let not_dispatched = matches!(event, ActivityEvent::NotDispatched);
    record_of(engine, now, id, event, step);
    if gone {
        if gave_up {
            record_of(engine, now, id, ActivityEvent::GaveUp, step);
        }
        remove(engine, id);
        step.changes.push(Change::RemoveSyncRegistration(id));
        return;
    }
    put(engine, id, step);
    if not_dispatched {
        // News of the network will fire it. Should none come, it must not wait for ever.
        engine.schedule.recheck_at(now.mono.plus_ms(engine.config.redispatch_delay_ms));
    } else {
        fire_if_possible(engine, now, id, step); // R68: at once, if online
    }
}

/// Puts an entry back that was read from the store, or that ran on while the engine was lost.
pub(crate) fn restore_entry(
    engine: &mut Engine,
    now: Now,
    record: SyncRegistration,
    running: Option<AttemptId>,
    step: &mut Step,
) {
    let id = record.id;
    let key = (record.worker_registration, record.kind(), record.tag.clone());
    engine.by_tag.insert(key, id);
    let mut entry = Entry::new(record);
    // A record that claims to be out of attempts has at least its last one left: it was never removed.
    entry.record.attempts_max = entry.record.attempts_max.max(1);
    entry.record.attempts = entry.record.attempts.min(entry.record.attempts_max - 1);
    if let Some(attempt) = running {
        entry.phase = Phase::Firing(attempt);
        engine.entries.insert(id, entry);
        return;
    }
    let before = entry.record.clone();
    let record = &mut entry.record;
    if record.reregistered_while_firing {
        // The event that was running is gone; the wish that came during it is fresh (R30, D3).
        record.reregistered_while_firing = false;
        record.attempts = 0;
    }
    let times = record.interrupted_starts;
    let mut crashed = None;
    if times >= engine.config.interrupted_starts_max {
        // R169, design decision 9: a worker that takes the process down with it must not do so for ever.
        record.interrupted_starts = 0;
        record.attempts += 1;
        if record.attempts < record.attempts_max {
            let delay_ms = retry::delay_ms(&engine.config, id, record.attempts);
            record.not_before = Some(now.wall.plus_ms(delay_ms));
            crashed = Some(Some(delay_ms));
        } else {
            crashed = Some(None);
        }
    }
    // R168: `pending` fires at start, a back-off goes on. D30: a clock that was set back delays by one full delay at most.
    match record.not_before.map(|not_before| not_before.ms_since(now.wall)) {
        Some(remaining_ms) if remaining_ms > 0 => {
            let remaining_ms =
                remaining_ms.min(retry::longest_delay_ms(&engine.config, record.attempts.max(1)));
            let due = now.mono.plus_ms(remaining_ms);
            entry.phase = Phase::Waiting(due);
            engine.schedule.add_retry(due, id);
        }
        _ => {
            record.not_before = None;
            engine.ready.insert(id);
        }
    }
    let changed = entry.record != before;
    engine.entries.insert(id, entry);
    if times > 0 {
        record_of(engine, now, id, ActivityEvent::Interrupted { times }, step);
    }
    match crashed {
        Some(next_attempt_ms) => {
            let event =
                ActivityEvent::Failed { reason: FailureReason::Crashed, message: None, next_attempt_ms };
            record_of(engine, now, id, event, step);
            if next_attempt_ms.is_none() {
                record_of(engine, now, id, ActivityEvent::GaveUp, step);
                remove(engine, id);
                step.changes.push(Change::RemoveSyncRegistration(id));
                return;
            }
            put(engine, id, step);
        }
        None if changed => put(engine, id, step),
        None => {}
    }
}

/// Takes an entry out of all indexes. Its running event, if any, goes on and is forgotten (D13).
pub(crate) fn remove(engine: &mut Engine, id: SyncRegistrationId) {
    let Some(entry) = engine.entries.remove(&id) else { return };
    if let Phase::Waiting(due) = entry.phase {
        engine.schedule.remove_retry(due, id);
    }
    engine.ready.remove(&id);
    let kind = entry.record.kind();
    engine.by_tag.remove(&(entry.record.worker_registration, kind, entry.record.tag));
}

/// Steps 1 to 3: the checks in the order that the specification gives (R20, R31).
fn check_register(
    engine: &Engine,
    registration: WorkerRegistrationId,
    tag: &Tag,
) -> Result<(), RegisterError> {
    let worker = engine.workers.get(&registration).ok_or(RegisterError::NoRegistration)?; // R37
    if worker.active.is_none() {
        return Err(RegisterError::NoActiveWorker); // 1: R16
    }
    let granted = engine.permissions.granted(&worker.storage_key, PermissionName::BackgroundSync);
    if !granted || !engine.config.background_sync_enabled {
        return Err(RegisterError::PermissionDenied); // 2: R17
    }
    if !engine.clients.has_window(&worker.storage_key) {
        return Err(RegisterError::NoWindow); // 3: R18
    }
    match engine.config.tag_bytes_max {
        Some(bytes_max) if tag.len_bytes() > bytes_max => {
            Err(RegisterError::TagTooLong { bytes: tag.len_bytes(), bytes_max }) // R33, D4
        }
        _ => Ok(()),
    }
}

/// Step 4: what a second registration does to an entry. Returns whether it changed anything.
fn reregister(engine: &mut Engine, now: Now, id: SyncRegistrationId, step: &mut Step) -> bool {
    let Some(entry) = engine.entries.get_mut(&id) else { return false };
    match entry.phase {
        // 4.1: cuts the back-off short (R29, D2) and counts anew (D3).
        Phase::Waiting(due) => {
            engine.schedule.remove_retry(due, id);
            engine.ready.insert(id);
            entry.phase = Phase::Pending;
            entry.record.not_before = None;
            entry.record.attempts = 0;
        }
        // 4.2
        Phase::Firing(_) if !entry.record.reregistered_while_firing => {
            entry.record.reregistered_while_firing = true; // R30
        }
        Phase::Firing(_) | Phase::Pending => return false, // R26, R27
    }
    entry.record.registered_at = now.wall;
    put(engine, id, step);
    step.durability = Durability::Strict;
    record_of(engine, now, id, ActivityEvent::Reregistered, step);
    true
}

/// Step 5: a new entry in state `pending`.
fn create(
    engine: &mut Engine,
    now: Now,
    key: (WorkerRegistrationId, SyncKind, Tag),
    step: &mut Step,
) -> SyncRegistrationId {
    let id = SyncRegistrationId(engine.next_id());
    let (worker_registration, _, tag) = key.clone();
    let notifications = engine
        .workers
        .get(&worker_registration)
        .is_some_and(|worker| engine.permissions.granted(&worker.storage_key, PermissionName::Notifications));
    let attempts_max = match notifications {
        true => engine.config.attempts_max_with_notifications, // R83
        false => engine.config.attempts_max,                   // R81
    };
    let record = SyncRegistration {
        id,
        worker_registration,
        tag,
        options: SyncOptions::OneShot,
        registered_at: now.wall,
        attempts: 0,
        interrupted_starts: 0,
        attempts_max,
        not_before: None,
        not_after: None,
        conditions: crate::Conditions::default(),
        network: None,
        reregistered_while_firing: false,
    };
    engine.entries.insert(id, Entry::new(record));
    engine.by_tag.insert(key, id);
    engine.ready.insert(id);
    put(engine, id, step);
    step.durability = Durability::Strict;
    record_of(engine, now, id, ActivityEvent::Registered { min_interval_ms: None }, step);
    id
}

/// Section 1.5: fires one entry, if it is `pending` and nothing speaks against it.
fn fire_if_possible(engine: &mut Engine, now: Now, id: SyncRegistrationId, step: &mut Step) {
    let Some(entry) = engine.entries.get(&id) else { return };
    if !entry.is_one_shot() || !may_fire(engine, entry, now) {
        return; // R49, R63
    }
    let record = &entry.record;
    let Some(worker) = engine.workers.get(&record.worker_registration) else { return };
    let Some(active) = worker.active else { return };
    let background = !engine.clients.has_window(&worker.storage_key); // R143
    let attempt_number = record.attempts + 1;
    let last_chance = attempt_number >= record.attempts_max; // R79, R82
    let dispatch = Dispatch {
        attempt: AttemptId(0),
        registration: record.worker_registration,
        worker: active.id,
        kind: SyncKind::BackgroundSync,
        tag: record.tag.clone(),
        last_chance,
        timeout_ms: engine.event_duration_max_ms(SyncKind::BackgroundSync, last_chance),
        needs_network: true,
    };
    let event = ActivityEvent::Dispatched { last_chance, attempt: attempt_number, background };
    record_of(engine, now, id, event, step);
    let attempt = engine.begin_attempt(now, Some(id), alloc::vec::Vec::new(), dispatch, step); // 2
    if let Some(entry) = engine.entries.get_mut(&id) {
        entry.phase = Phase::Firing(attempt); // 1
        entry.record.interrupted_starts += 1; // until it ends (R169)
        engine.ready.remove(&id);
        put(engine, id, step);
    }
}

fn announce(engine: &Engine, id: SyncRegistrationId, reregistration: bool, step: &mut Step) {
    if let Some(entry) = engine.entries.get(&id) {
        let registration = entry.record.clone();
        step.effects.push(Effect::Announce(SyncRegistered { registration, reregistration }));
    }
}

/// Writes the entry as it is now. Several writes of one entry in a row become one.
fn put(engine: &Engine, id: SyncRegistrationId, step: &mut Step) {
    let Some(entry) = engine.entries.get(&id) else { return };
    let change = Change::PutSyncRegistration(entry.record.clone());
    let recent = step.changes.iter_mut().rev().take(3);
    for earlier in recent {
        match earlier {
            Change::PutSyncRegistration(record) if record.id == id => {
                *earlier = change;
                return;
            }
            Change::Record(_) => {}
            _ => break,
        }
    }
    step.changes.push(change);
}

fn record_of(engine: &Engine, now: Now, id: SyncRegistrationId, event: ActivityEvent, step: &mut Step) {
    if let Some(entry) = engine.entries.get(&id) {
        let sync = (entry.record.kind(), entry.record.tag.clone());
        engine.record(now, Some(entry.record.worker_registration), Some(sync), event, step);
    }
}
