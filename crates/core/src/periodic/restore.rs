//! Periodic entries after a restart (R167, R169, R174, D30).

use super::firing::retry_delay_ms;
use super::place;
use crate::engine::Engine;
use crate::entry::{Entry, Phase};
use crate::time::Moment;
use crate::{
    ActivityEvent, AttemptId, FailureReason, Now, PeriodicDispatch, Step, SyncRegistrationId, retry,
};

/// Puts an entry back that was read from the store, or that ran on while the engine was lost.
pub(crate) fn restore(
    engine: &mut Engine,
    now: Now,
    id: SyncRegistrationId,
    running: Option<AttemptId>,
    step: &mut Step,
) {
    let Some(mut entry) = engine.entries.remove(&id) else { return };
    let owner = entry.owner;
    count_from(engine, now, &mut entry);
    entry.phase = running.map_or(Phase::Held, Phase::Firing);
    let (times, attempts) = (entry.interrupted_starts(), entry.attempts());
    let back_off_ms = entry.not_before().filter(|_| attempts > 0).map(|end| {
        // D30: a clock that was set back delays by one full delay at most.
        end.ms_since(now.wall).min(retry::periodic_longest_delay_ms(&engine.config, attempts))
    });
    engine.entries.insert(id, entry);
    if running.is_some() {
        if let Some(storage_key) = engine.storage_key_of(owner) {
            engine.origin_mut(&storage_key).firing += 1;
        }
        return;
    }
    if engine.config.periodic_dispatch == PeriodicDispatch::HostDriven {
        end_series(engine, id, step); // D21: the host fires again if it likes.
        place(engine, now, id);
    } else if times > 0 {
        interrupted(engine, now, id, times, step);
    } else if attempts > 0 {
        let remaining_ms = back_off_ms.unwrap_or(0);
        engine.enter_phase(id, Phase::Waiting(now.mono.plus_ms(remaining_ms)));
    } else {
        place(engine, now, id);
    }
}

/// From when the interval counts: the anchor, or the last success (R234).
fn count_from(engine: &Engine, now: Now, entry: &mut Entry) {
    if engine.config.interval_from_last_success {
        let since = entry.last_success().unwrap_or(entry.registered_at);
        entry.counts_from = now.moment_of(since);
        if let Some(pause_ends) = entry.not_before().filter(|_| entry.attempts() == 0) {
            let pause_ms = pause_ends.ms_since(now.wall).min(entry.min_interval_ms);
            let shift = entry.min_interval_ms - pause_ms;
            let paused = Moment(now.moment().0.saturating_sub_unsigned(shift));
            entry.counts_from = entry.counts_from.max(paused);
        }
    }
}

/// The process died while the event ran: it runs again at once, uncounted, outside of rounds (R169, D12). Too often in a
/// row, it counts as a failed attempt.
fn interrupted(engine: &mut Engine, now: Now, id: SyncRegistrationId, times: u32, step: &mut Step) {
    engine.record_of(now, id, ActivityEvent::Interrupted { times }, step);
    if times < engine.config.interrupted_starts_max {
        engine.enter_phase(id, Phase::Pending);
        return;
    }
    let attempts = engine.entries.get(&id).map_or(1, |entry| entry.attempts() + 1);
    let next_attempt_ms = retry_delay_ms(engine, id, attempts);
    let event = ActivityEvent::Failed { reason: FailureReason::Crashed, message: None, next_attempt_ms };
    engine.record_of(now, id, event, step);
    if let Some(entry) = engine.entries.get_mut(&id) {
        entry.set_interrupted_starts(0);
        entry.set_attempts(attempts);
        entry.set_not_before(next_attempt_ms.map(|ms| now.wall.plus_ms(ms)));
    }
    match next_attempt_ms {
        Some(ms) => {
            engine.enter_phase(id, Phase::Waiting(now.mono.plus_ms(ms)));
            engine.put(id, step);
        }
        None => {
            if let Some(entry) = engine.entries.get_mut(&id) {
                entry.anchor = now.wall; // R126: after final failure as well
                entry.counts_from = now.moment();
            }
            end_series(engine, id, step);
            place(engine, now, id);
        }
    }
}

/// Nothing is left of a series of attempts.
fn end_series(engine: &mut Engine, id: SyncRegistrationId, step: &mut Step) {
    let Some(entry) = engine.entries.get_mut(&id) else { return };
    let before = entry.record(id);
    entry.set_attempts(0);
    entry.set_interrupted_starts(0);
    entry.reregistered_while_firing = false;
    entry.set_not_before(None);
    if entry.record(id) != before {
        engine.put(id, step);
    }
}
