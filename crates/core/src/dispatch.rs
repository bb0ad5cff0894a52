//! Handing an event to a worker: for an entry whose turn it is, for the host (D21–D25, R195–R206, R245), for a tool (R240).

use crate::conditions::origin_and_worker;
use crate::engine::Engine;
use crate::entry::{Entry, Phase};
use crate::{
    ActivityEvent, AttemptId, AttemptOutcome, Dispatch, Effect, InFlight, NetworkCondition, Now,
    PermissionName, Reason, RegisterError, RequestId, Resolution, Step, SyncKind, SyncOperationStatus,
    SyncRegistrationId, Tag, WorkerId, WorkerRegistrationId, one_shot, periodic,
};
use alloc::vec;
use alloc::vec::Vec;

/// Host dispatches that wait until the running event of their entry has ended (D22).
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub(crate) requests: Vec<RequestId>,
    needs_network: bool,
}

/// Fires what is `pending` and may fire: one-off entries, and periodic ones between two attempts of one event (R50, R74).
pub(crate) fn fire_ready(engine: &mut Engine, now: Now, step: &mut Step) {
    for id in engine.open_ready() {
        fire_if_possible(engine, now, id, step);
    }
}

/// Fires one entry, if it is `pending` and nothing speaks against it (R49, R51, R63).
pub(crate) fn fire_if_possible(engine: &mut Engine, now: Now, id: SyncRegistrationId, step: &mut Step) {
    let Some(entry) = engine.entries.get(&id) else { return };
    if entry.phase == Phase::Pending
        && engine.gate_is_open(engine.gate_of(entry))
        && allowed_by_origin_and_worker(engine, now, id)
        && crate::conditions::facts_allow(engine, &engine.entries[&id], now)
    {
        begin(engine, now, id, Vec::new(), step);
    }
}

/// Whether origin and worker let the entry fire now. If only the limit of the hour does not, it is looked at again when the
/// hour is over (R173).
pub(crate) fn allowed_by_origin_and_worker(engine: &mut Engine, now: Now, id: SyncRegistrationId) -> bool {
    let Some(entry) = engine.entries.get(&id) else { return false };
    let (mut free, mut allowed_in) = (true, None);
    origin_and_worker(engine, entry, now, |reason| {
        free = false;
        if let Reason::TooManyEvents { remaining_ms } = reason {
            allowed_in = Some(remaining_ms);
        }
    });
    if let Some(remaining_ms) = allowed_in
        && let Some(storage_key) = engine.storage_key_of(entry.owner)
    {
        engine.schedule.add_allowance(storage_key, now.mono.plus_ms(remaining_ms));
    }
    free
}

/// Dispatches the event of an entry, which becomes `firing`. `requests` are those of the host that asked for it.
pub(crate) fn begin(
    engine: &mut Engine,
    now: Now,
    id: SyncRegistrationId,
    requests: Vec<RequestId>,
    step: &mut Step,
) {
    let Some(entry) = engine.entries.get(&id) else { return };
    let Some(worker) = engine.workers.get(&entry.owner) else { return };
    let Some(active) = worker.record.active else { return };
    let storage_key = worker.record.storage_key.clone();
    let attempt_number = entry.attempts().saturating_add(1);
    let kind = entry.kind;
    let last_chance = kind == SyncKind::BackgroundSync && one_shot::is_last_chance(engine, now, id, entry);
    let dispatch = Dispatch {
        attempt: AttemptId(0),
        registration: entry.owner,
        worker: active.id,
        kind,
        tag: entry.tag.clone(),
        last_chance,
        timeout_ms: engine.event_duration_max_ms(kind, last_chance),
        // The host has complete control of what it asks for (D23).
        needs_network: requests.is_empty() && engine.conditions_of(entry).network > NetworkCondition::Any,
    };
    let background = engine.runs_in_background(kind, &storage_key);
    let event = ActivityEvent::Dispatched { last_chance, attempt: attempt_number, background };
    engine.record_of(now, id, event, step);
    let attempt = engine.begin_attempt(now, Some(id), requests, dispatch, step);
    engine.enter_phase(id, Phase::Firing(attempt));
    if let Some(entry) = engine.entries.get_mut(&id) {
        entry.set_interrupted_starts(entry.interrupted_starts().saturating_add(1)); // until it ends (R169)
    }
    engine.count_event(&storage_key, now);
    if kind == SyncKind::PeriodicSync {
        engine.origin_mut(&storage_key).firing += 1;
    }
    engine.put(id, step);
}

/// An event has ended, or did not reach its worker.
pub(crate) fn ended(
    engine: &mut Engine,
    now: Now,
    ended: InFlight,
    outcome: AttemptOutcome,
    step: &mut Step,
) {
    let kind = ended.dispatch.kind;
    match (ended.sync, kind) {
        (Some(id), SyncKind::BackgroundSync) => {
            one_shot::attempt_ended(engine, now, id, &ended.dispatch, outcome.clone(), step);
        }
        (Some(id), SyncKind::PeriodicSync) => {
            periodic::attempt_ended(engine, now, id, &ended, outcome.clone(), step);
        }
        (None, _) => {
            let event = outcome_event(&outcome, None);
            let sync = (kind, ended.dispatch.tag.clone());
            engine.record(now, Some(ended.dispatch.registration), Some(sync), event, step);
        }
    }
    for request in ended.requests {
        let resolution = match (ended.sync, kind) {
            (Some(_), SyncKind::PeriodicSync) => Resolution::Status(SyncOperationStatus::from(&outcome)),
            _ => Resolution::Outcome(outcome.clone()),
        };
        step.effects.push(Effect::Resolve(request, resolution));
    }
    if let Some(queued) = ended.sync.and_then(|id| engine.queued.remove(&id))
        && let Some(id) = ended.sync
    {
        start_host_dispatch(engine, now, id, queued, step); // D22
    }
}

/// What the log says of an outcome.
pub(crate) fn outcome_event(outcome: &AttemptOutcome, next_attempt_ms: Option<u64>) -> ActivityEvent {
    match outcome {
        AttemptOutcome::Succeeded { handled } => ActivityEvent::Completed { handled: *handled },
        AttemptOutcome::Failed { reason, message } => {
            ActivityEvent::Failed { reason: *reason, message: message.clone(), next_attempt_ms }
        }
        AttemptOutcome::NotDispatched => ActivityEvent::NotDispatched,
    }
}

/// `DispatchPeriodicSyncEvent(tag)` on a worker object of the host (R195).
#[expect(clippy::too_many_arguments, reason = "the fields of one input")]
pub(crate) fn dispatch_periodic(
    engine: &mut Engine,
    now: Now,
    request: RequestId,
    owner: WorkerRegistrationId,
    worker: Option<WorkerId>,
    tag: &Tag,
    needs_network: bool,
    step: &mut Step,
) {
    if let Err(error) = check_active(engine, owner, worker) {
        step.effects.push(Effect::Reject(request, error)); // R201, R206: the call failed, not the event
        return;
    }
    match engine.find_entry(owner, SyncKind::PeriodicSync, tag) {
        Some(id) => ask_for_periodic(engine, now, request, id, needs_network, step),
        None => answer(request, SyncOperationStatus::TagNotExisted, step), // R199, D24
    }
}

/// The host fires an entry (R245).
pub(crate) fn fire_sync(
    engine: &mut Engine,
    now: Now,
    request: RequestId,
    id: SyncRegistrationId,
    step: &mut Step,
) {
    let refused = match engine.entries.get(&id) {
        None => Some(RegisterError::NoSyncRegistration),
        Some(entry) => check_active(engine, entry.owner, None).err(),
    };
    if let Some(error) = refused {
        step.effects.push(Effect::Reject(request, error));
        return;
    }
    let Some(entry) = engine.entries.get(&id) else { return };
    match (entry.kind, entry.phase) {
        (SyncKind::PeriodicSync, _) => ask_for_periodic(engine, now, request, id, false, step),
        (SyncKind::BackgroundSync, Phase::Firing(attempt)) => {
            // R63: not twice at the same time; the running event is the answer.
            if let Some(running) = engine.attempts.get_mut(&attempt) {
                running.requests.push(request);
            }
        }
        (SyncKind::BackgroundSync, _) if !permitted(engine, entry) => {
            step.effects.push(Effect::Reject(request, RegisterError::PermissionDenied));
        }
        (SyncKind::BackgroundSync, _) => begin(engine, now, id, vec![request], step),
    }
}

/// A tool fires an event, with or without an entry, and touches none (R240).
#[expect(clippy::too_many_arguments, reason = "the fields of one input")]
pub(crate) fn tool_event(
    engine: &mut Engine,
    now: Now,
    request: RequestId,
    owner: WorkerRegistrationId,
    kind: SyncKind,
    tag: Tag,
    last_chance: bool,
    step: &mut Step,
) {
    let Some(worker) = engine.workers.get(&owner) else {
        step.effects.push(Effect::Reject(request, RegisterError::NoRegistration));
        return;
    };
    let Some(active) = worker.record.active else {
        step.effects.push(Effect::Reject(request, RegisterError::NoActiveWorker));
        return;
    };
    let background = engine.runs_in_background(kind, &worker.record.storage_key);
    let last_chance = last_chance && kind == SyncKind::BackgroundSync;
    let event = ActivityEvent::Dispatched { last_chance, attempt: 1, background };
    engine.record(now, Some(owner), Some((kind, tag.clone())), event, step);
    let dispatch = Dispatch {
        attempt: AttemptId(0),
        registration: owner,
        worker: active.id,
        kind,
        tag,
        last_chance,
        timeout_ms: engine.event_duration_max_ms(kind, last_chance),
        needs_network: false, // D23: a tool has complete control.
    };
    engine.begin_attempt(now, None, vec![request], dispatch, step);
}

/// Fires a periodic entry for the host, at once or when its running event has ended: one waits at most, and all who ask
/// meanwhile share its result (D22, R205).
fn ask_for_periodic(
    engine: &mut Engine,
    now: Now,
    request: RequestId,
    id: SyncRegistrationId,
    needs_network: bool,
    step: &mut Step,
) {
    let Some(entry) = engine.entries.get(&id) else { return };
    if !matches!(entry.phase, Phase::Firing(_)) {
        let queued = Queued { requests: vec![request], needs_network };
        start_host_dispatch(engine, now, id, queued, step);
    } else if let Some(queued) = engine.queued.get_mut(&id) {
        queued.requests.push(request);
        // Who does not insist on connectivity must not be refused for the sake of another.
        queued.needs_network &= needs_network;
    } else {
        engine.queued.insert(id, Queued { requests: vec![request], needs_network });
    }
}

fn start_host_dispatch(
    engine: &mut Engine,
    now: Now,
    id: SyncRegistrationId,
    queued: Queued,
    step: &mut Step,
) {
    let status = match engine.entries.get(&id) {
        None => Some(SyncOperationStatus::TagNotExisted),
        Some(entry) if !permitted(engine, entry) => Some(SyncOperationStatus::OtherError), // D24
        Some(entry) if check_active(engine, entry.owner, None).is_err() => {
            Some(SyncOperationStatus::OtherError)
        }
        Some(_) if queued.needs_network && !engine.connection.is_online() => {
            Some(SyncOperationStatus::OtherError) // D23
        }
        Some(_) => None,
    };
    match status {
        Some(status) => {
            for request in queued.requests {
                answer(request, status, step);
            }
        }
        None => begin(engine, now, id, queued.requests, step), // R202: whatever its interval
    }
}

fn permitted(engine: &Engine, entry: &Entry) -> bool {
    let (enabled, name) = match entry.kind {
        SyncKind::BackgroundSync => (engine.config.background_sync_enabled, PermissionName::BackgroundSync),
        SyncKind::PeriodicSync => {
            (engine.config.periodic_sync_enabled, PermissionName::PeriodicBackgroundSync)
        }
    };
    let worker = engine.workers.get(&entry.owner);
    enabled && worker.is_some_and(|worker| engine.permissions.granted(&worker.record.storage_key, name))
}

fn check_active(
    engine: &Engine,
    owner: WorkerRegistrationId,
    worker: Option<WorkerId>,
) -> Result<(), RegisterError> {
    let registration = engine.workers.get(&owner).ok_or(RegisterError::NoRegistration)?;
    match (registration.record.active, worker) {
        (None, None) => Err(RegisterError::NoActiveWorker),
        (None, Some(_)) => Err(RegisterError::WorkerGone),
        (Some(active), Some(worker)) if active.id != worker => Err(RegisterError::WorkerGone), // D25
        (Some(_), _) => Ok(()),
    }
}

fn answer(request: RequestId, status: SyncOperationStatus, step: &mut Step) {
    step.effects.push(Effect::Resolve(request, Resolution::Status(status)));
}
