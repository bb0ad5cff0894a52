//! The one-off algorithms, step by step: <https://wicg.github.io/background-sync/spec/>.
//!
//! Numbers in the bodies are the steps of sections 1.3 to 1.5 of the requirements, which restate that document.

use crate::dispatch::{fire_if_possible, outcome_event};
use crate::engine::Engine;
use crate::entry::{Entry, Phase};
use crate::removal::remove;
use crate::{
    ActivityEvent, AttemptId, AttemptOutcome, Change, Dispatch, Durability, Effect, FailureReason, Now,
    OneShotOptions, PermissionName, RegisterError, RequestId, Resolution, Step, SyncKind, SyncOptions,
    SyncRegistration, SyncRegistrationId, Tag, WorkerRegistrationId, limits, retry,
};

/// `sync.register(tag)`.
pub(crate) fn register(
    engine: &mut Engine,
    now: Now,
    request: RequestId,
    registration: WorkerRegistrationId,
    tag: Tag,
    options: OneShotOptions,
    step: &mut Step,
) {
    let existing = engine.find_entry(registration, SyncKind::BackgroundSync, &tag);
    if let Err(error) = check_register(engine, registration, &tag, &options, existing) {
        let event = ActivityEvent::RegistrationRefused { error: error.dom_exception_name() };
        engine.record(now, Some(registration), Some((SyncKind::BackgroundSync, tag)), event, step);
        step.effects.push(Effect::Reject(request, error));
        return;
    }
    let id = match existing {
        // 4. An entry with this tag exists.
        Some(id) => {
            let changed = reregister(engine, now, id, &options, step);
            step.effects.push(Effect::Resolve(request, Resolution::Done)); // 4.3
            if changed {
                engine.announce(id, true, step); // R204, D26: not for a no-op
            }
            id
        }
        // 5. Otherwise: create, put it in the list, resolve, and then fire (R22, R24).
        None => {
            let id = create(engine, now, registration, tag, &options, step);
            step.effects.push(Effect::Resolve(request, Resolution::Done));
            engine.announce(id, false, step);
            id
        }
    };
    fire_if_possible(engine, now, id, step); // 4.4, 5: R23, R29
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
    let fires_again = entry.reregistered_while_firing;
    let mut next_attempt_ms = None;
    match outcome {
        AttemptOutcome::NotDispatched => {
            // R54, D11: not counted, as if it had not been chosen.
            entry.set_interrupted_starts(entry.interrupted_starts().saturating_sub(1));
        }
        _ => entry.set_interrupted_starts(0),
    }
    if fires_again {
        // 4, 5: `reregisteredWhileFiring` → `pending` with any result, counting anew (R68, R69, D3).
        entry.reregistered_while_firing = false;
        entry.set_attempts(0);
    } else if matches!(outcome, AttemptOutcome::Failed { .. }) {
        entry.set_attempts(entry.attempts() + 1);
        let out_of_attempts = entry.attempts() >= entry.attempts_max;
        if !dispatch.last_chance && !out_of_attempts {
            let delay_ms = retry::delay_ms(&engine.config, id, entry.attempts());
            // R247: an event that took long must not push its retry beyond the latest time.
            let left_ms = entry.expires().map_or(u64::MAX, |expires| expires.ms_since(now.mono));
            next_attempt_ms = Some(delay_ms.min(left_ms)).filter(|&ms| ms > 0);
        }
    }

    let gone = !fires_again
        && match &outcome {
            AttemptOutcome::NotDispatched => false,
            AttemptOutcome::Succeeded { .. } => true, // 4: R64
            AttemptOutcome::Failed { .. } => next_attempt_ms.is_none(), // 5: R78
        };
    engine.record_of(now, id, outcome_event(&outcome, next_attempt_ms), step);
    if gone {
        if matches!(outcome, AttemptOutcome::Failed { .. }) {
            engine.record_of(now, id, ActivityEvent::GaveUp, step);
        }
        engine.audit_completion(now, id);
        remove(engine, now, id, step);
        step.changes.push(Change::RemoveSyncRegistration(id));
        return;
    }
    match next_attempt_ms {
        // 5: → `waiting`, the delay counting from the end of the failed attempt (R77, R91).
        Some(delay_ms) => wait(engine, now, id, delay_ms),
        None => engine.enter_phase(id, Phase::Pending),
    }
    engine.put(id, step);
    if matches!(outcome, AttemptOutcome::NotDispatched) {
        // News of the network will fire it. Should none come, it must not wait for ever.
        engine.schedule.recheck_at(now.mono.plus_ms(engine.config.redispatch_delay_ms));
    } else {
        fire_if_possible(engine, now, id, step); // R68: at once, if online
    }
}

/// The latest time of an entry has passed: it is dropped, unless its event runs, which then is its last (R247).
pub(crate) fn expired(engine: &mut Engine, now: Now, id: SyncRegistrationId, step: &mut Step) {
    let Some(entry) = engine.entries.get(&id) else { return };
    if matches!(entry.phase, Phase::Firing(_)) {
        return;
    }
    engine.record_of(now, id, ActivityEvent::Expired, step);
    remove(engine, now, id, step);
    step.changes.push(Change::RemoveSyncRegistration(id));
}

/// Whether no attempt would follow the next one if it failed (R79, R82).
pub(crate) fn is_last_chance(engine: &Engine, now: Now, id: SyncRegistrationId, entry: &Entry) -> bool {
    let attempt_number = entry.attempts().saturating_add(1);
    let too_late = entry.expires().is_some_and(|expires| {
        now.mono.plus_ms(retry::delay_ms(&engine.config, id, attempt_number)) > expires
    });
    attempt_number >= entry.attempts_max || too_late
}

/// Puts an entry back that was read from the store, or that ran on while the engine was lost.
pub(crate) fn restore(
    engine: &mut Engine,
    now: Now,
    id: SyncRegistrationId,
    running: Option<AttemptId>,
    step: &mut Step,
) {
    let Some(mut entry) = engine.entries.remove(&id) else { return };
    let before = entry.record(id);
    // A record that claims to be out of attempts has at least its last one left: it was never removed.
    entry.attempts_max = entry.attempts_max.max(1);
    entry.set_attempts(entry.attempts().min(entry.attempts_max - 1));
    let expires = entry.expires();
    if let Some(attempt) = running {
        entry.phase = Phase::Firing(attempt);
        engine.entries.insert(id, entry);
        engine.set_expiry(id, expires);
        return;
    }
    if entry.reregistered_while_firing {
        // The event that was running is gone; the wish that came during it is fresh (R30, D3).
        entry.reregistered_while_firing = false;
        entry.set_attempts(0);
    }
    let times = entry.interrupted_starts();
    let mut crashed = None;
    if times >= engine.config.interrupted_starts_max {
        // R169, design decision 9: a worker that takes the process down with it must not do so for ever.
        entry.set_interrupted_starts(0);
        entry.set_attempts(entry.attempts() + 1);
        let delay_ms = retry::delay_ms(&engine.config, id, entry.attempts());
        let next_attempt_ms = (entry.attempts() < entry.attempts_max).then_some(delay_ms);
        entry.set_not_before(next_attempt_ms.map(|ms| now.wall.plus_ms(ms)));
        crashed = Some(next_attempt_ms);
    }
    // R168: `pending` fires at start, a back-off goes on. D30: a clock that was set back delays by one full delay at most.
    let remaining_ms = entry.not_before().map_or(0, |not_before| {
        let longest_ms = match entry.attempts() {
            0 => not_before.ms_since(entry.registered_at), // R247
            attempts => retry::longest_delay_ms(&engine.config, attempts),
        };
        not_before.ms_since(now.wall).min(longest_ms)
    });
    let phase = match remaining_ms {
        0 => Phase::Pending,
        ms => Phase::Waiting(now.mono.plus_ms(ms)),
    };
    if remaining_ms == 0 {
        entry.set_not_before(None);
    }
    let changed = entry.record(id) != before;
    engine.entries.insert(id, entry);
    engine.enter_phase(id, phase);
    if expires.is_some() {
        engine.set_expiry(id, expires);
    }
    if times > 0 {
        engine.record_of(now, id, ActivityEvent::Interrupted { times }, step);
    }
    if let Some(next_attempt_ms) = crashed {
        let event = ActivityEvent::Failed { reason: FailureReason::Crashed, message: None, next_attempt_ms };
        engine.record_of(now, id, event, step);
        if next_attempt_ms.is_none() {
            engine.record_of(now, id, ActivityEvent::GaveUp, step);
            remove(engine, now, id, step);
            step.changes.push(Change::RemoveSyncRegistration(id));
            return;
        }
    }
    if changed {
        engine.put(id, step);
    }
}

/// Steps 1 to 3: the checks in the order that the specification gives (R20, R31).
fn check_register(
    engine: &Engine,
    registration: WorkerRegistrationId,
    tag: &Tag,
    options: &OneShotOptions,
    existing: Option<SyncRegistrationId>,
) -> Result<(), RegisterError> {
    let enabled = engine.config.background_sync_enabled;
    engine.check_may_register(registration, PermissionName::BackgroundSync, enabled)?; // 1–3: R16, R17, R18
    limits::check_tag(engine, tag)?; // R33
    if let Some(latest_ms) = options.latest_ms
        && latest_ms <= options.earliest_ms
    {
        return Err(RegisterError::EmptyWindow { earliest_ms: options.earliest_ms, latest_ms });
    }
    match existing {
        Some(_) => Ok(()),
        None => limits::check_room(engine, registration),
    }
}

/// Step 4: what a second registration does to an entry. Returns whether it changed anything.
fn reregister(
    engine: &mut Engine,
    now: Now,
    id: SyncRegistrationId,
    options: &OneShotOptions,
    step: &mut Step,
) -> bool {
    let Some(entry) = engine.entries.get(&id) else { return false };
    let asks = options.earliest_ms > 0 || options.latest_ms.is_some();
    let changes_options = entry.conditions != options.conditions || asks || entry.not_after().is_some();
    match entry.phase {
        // 4.2: R30
        Phase::Firing(_) if !entry.reregistered_while_firing || changes_options => {
            if let Some(entry) = engine.entries.get_mut(&id) {
                entry.reregistered_while_firing = true;
                entry.conditions = options.conditions;
            }
            set_latest(engine, now, id, options);
        }
        // 4.1: cuts the back-off short (R29, D2) and counts anew (D3).
        Phase::Waiting(_) => renew(engine, now, id, options),
        Phase::Pending if changes_options => renew(engine, now, id, options),
        _ => return false, // R26, R27
    }
    if let Some(entry) = engine.entries.get_mut(&id) {
        entry.registered_at = now.wall;
    }
    engine.put(id, step);
    step.durability = Durability::Strict;
    engine.record_of(now, id, ActivityEvent::Reregistered, step);
    true
}

/// Step 5: a new entry in state `pending`.
fn create(
    engine: &mut Engine,
    now: Now,
    owner: WorkerRegistrationId,
    tag: Tag,
    options: &OneShotOptions,
    step: &mut Step,
) -> SyncRegistrationId {
    let id = SyncRegistrationId(engine.next_id());
    let record = SyncRegistration {
        id,
        worker_registration: owner,
        tag,
        options: SyncOptions::OneShot,
        registered_at: now.wall,
        attempts: 0,
        interrupted_starts: 0,
        attempts_max: engine.attempts_max(owner), // R83
        not_before: None,
        not_after: None,
        conditions: options.conditions,
        network: None,
        reregistered_while_firing: false,
    };
    engine.insert_entry(id, Entry::new(record, now));
    renew(engine, now, id, options);
    engine.put(id, step);
    step.durability = Durability::Strict;
    engine.record_of(now, id, ActivityEvent::Registered { min_interval_ms: None }, step);
    id
}

/// The entry starts afresh with these options: `pending`, or waiting for its earliest time (R247).
fn renew(engine: &mut Engine, now: Now, id: SyncRegistrationId, options: &OneShotOptions) {
    engine.leave_phase(id);
    let Some(entry) = engine.entries.get_mut(&id) else { return };
    entry.phase = Phase::Held; // It is in no set until it enters its new state.
    entry.set_attempts(0);
    entry.conditions = options.conditions;
    match options.earliest_ms {
        0 => {
            entry.set_not_before(None);
            engine.enter_phase(id, Phase::Pending);
        }
        earliest_ms => wait(engine, now, id, earliest_ms),
    }
    set_latest(engine, now, id, options);
}

fn set_latest(engine: &mut Engine, now: Now, id: SyncRegistrationId, options: &OneShotOptions) {
    if let Some(entry) = engine.entries.get_mut(&id) {
        entry.set_not_after(options.latest_ms.map(|ms| now.wall.plus_ms(ms)));
    }
    engine.set_expiry(id, options.latest_ms.map(|ms| now.mono.plus_ms(ms)));
}

/// The entry waits for a delay to pass; the store knows its end by the wall clock (R167).
fn wait(engine: &mut Engine, now: Now, id: SyncRegistrationId, delay_ms: u64) {
    if let Some(entry) = engine.entries.get_mut(&id) {
        entry.set_not_before(Some(now.wall.plus_ms(delay_ms)));
    }
    engine.enter_phase(id, Phase::Waiting(now.mono.plus_ms(delay_ms)));
}
