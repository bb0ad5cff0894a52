//! Firing a periodic entry (section 2.6 of the requirements): what follows an attempt.

use super::effective_interval::class_of;
use super::{event_left, place, rounds};
use crate::dispatch::{fire_if_possible, outcome_event};
use crate::engine::Engine;
use crate::entry::Phase;
use crate::{
    AttemptOutcome, InFlight, Monotonic, Now, PeriodicDispatch, Step, SyncRegistrationId, coalesce, retry,
};

/// An attempt has ended: steps 2.3 to 2.5.
pub(crate) fn attempt_ended(
    engine: &mut Engine,
    now: Now,
    id: SyncRegistrationId,
    ended: &InFlight,
    outcome: AttemptOutcome,
    step: &mut Step,
) {
    // 1, R124: membership; the event of an entry that was unregistered meanwhile has no consequence (R133, D19).
    let Some(entry) = engine.entries.get(&id) else { return };
    let Some(storage_key) = engine.storage_key_of(entry.owner) else { return };
    let by_host = !ended.requests.is_empty();
    let (failed_before, reregistered) = (entry.attempts(), entry.reregistered_while_firing);
    let succeeded = matches!(outcome, AttemptOutcome::Succeeded { .. });
    if succeeded {
        engine.set_last_fire(&storage_key, now, step); // 2.3, R125
    }
    let next = match outcome {
        AttemptOutcome::NotDispatched => Next::AsBefore, // R54: not counted
        AttemptOutcome::Succeeded { .. } => Next::SeriesEnds,
        AttemptOutcome::Failed { .. } if by_host || reregistered => Next::SeriesEnds, // D21, R131
        AttemptOutcome::Failed { .. } => match retry_delay_ms(engine, id, failed_before + 1) {
            Some(delay_ms) => Next::Retry { delay_ms },
            None => Next::SeriesEnds,
        },
    };
    let next_attempt_ms = match next {
        Next::Retry { delay_ms } => Some(delay_ms),
        _ => None,
    };
    engine.record_of(now, id, outcome_event(&outcome, next_attempt_ms), step);
    // The entry is no longer firing before the origin's gap is looked at.
    engine.enter_phase(id, Phase::Held);
    event_left(engine, now, &storage_key);
    match next {
        Next::AsBefore => not_dispatched(engine, now, id, by_host),
        Next::Retry { delay_ms } => retry_later(engine, now, id, delay_ms),
        Next::SeriesEnds => series_ended(engine, now, id, ended, succeeded, step),
    }
    engine.put(id, step);
    fire_if_possible(engine, now, id, step);
}

enum Next {
    AsBefore,
    Retry { delay_ms: u64 },
    SeriesEnds,
}

/// 2.4: state `pending`, anchor time now, after success and after final failure alike (R126, R127).
fn series_ended(
    engine: &mut Engine,
    now: Now,
    id: SyncRegistrationId,
    ended: &InFlight,
    succeeded: bool,
    step: &mut Step,
) {
    let failed_from_success = engine.config.interval_from_last_success && !succeeded;
    let pause_ms = retry::periodic_base_delay_ms(&engine.config, 1);
    let Some(entry) = engine.entries.get_mut(&id) else { return };
    let failures = entry.attempts();
    entry.anchor = now.wall;
    entry.set_attempts(0);
    entry.set_interrupted_starts(0);
    entry.reregistered_while_firing = false; // R131: a new interval begins, nothing fires at once
    entry.counts_from = now.moment();
    entry.set_not_before(None);
    if succeeded {
        entry.set_last_success(now.wall);
    }
    if failed_from_success {
        // R234: the interval separates successes, so a failure may be repeated earlier; with a growing pause, though.
        let pause_ms = pause_ms.saturating_mul(u64::from(failures) + 1).min(entry.min_interval_ms);
        let shift = entry.min_interval_ms - pause_ms;
        entry.counts_from = crate::time::Moment(entry.counts_from.0.saturating_sub_unsigned(shift));
        entry.set_not_before(Some(now.wall.plus_ms(pause_ms)));
    }
    let class = engine.entries.get(&id).map_or(coalesce::UNALIGNED, |entry| class_of(engine, entry));
    let started = Monotonic(ended.deadline.0.saturating_sub(ended.dispatch.timeout_ms));
    let started = Now { wall: now.wall, mono: started }.moment();
    if ended.requests.is_empty() && engine.grid.ended(started, class, now.moment()) {
        rounds::grid_moved(engine, step);
    }
    place(engine, now, id);
}

/// 2.5: a small back-off that grows, and the same event again (R129).
fn retry_later(engine: &mut Engine, now: Now, id: SyncRegistrationId, delay_ms: u64) {
    if let Some(entry) = engine.entries.get_mut(&id) {
        entry.set_attempts(entry.attempts() + 1);
        entry.set_interrupted_starts(0);
        entry.set_not_before(Some(now.wall.plus_ms(delay_ms)));
    }
    engine.enter_phase(id, Phase::Waiting(now.mono.plus_ms(delay_ms)));
}

/// The event did not reach its worker (R54, D11). One of a round is repeated as soon as there is a network: its round is not
/// over. One of the host is not: the host has its answer.
fn not_dispatched(engine: &mut Engine, now: Now, id: SyncRegistrationId, by_host: bool) {
    if let Some(entry) = engine.entries.get_mut(&id) {
        entry.set_interrupted_starts(entry.interrupted_starts().saturating_sub(1));
    }
    if by_host {
        place(engine, now, id);
    } else {
        engine.enter_phase(id, Phase::Waiting(now.mono.plus_ms(engine.config.redispatch_delay_ms)));
    }
}

/// The delay before the retry that follows failed attempt number `attempts`; `None` if none follows (R128, R130).
pub(super) fn retry_delay_ms(engine: &Engine, id: SyncRegistrationId, attempts: u32) -> Option<u64> {
    let entry = engine.entries.get(&id)?;
    if attempts >= engine.periodic_attempts_max() {
        return None;
    }
    let spacing_ms = engine.config.min_interval_any_origin_ms.max(entry.min_interval_ms);
    let total = (1..=attempts).map(|attempt| retry::periodic_delay_ms(&engine.config, id, attempt));
    let total_ms = total.fold(0, u64::saturating_add);
    (total_ms <= spacing_ms / 10).then(|| retry::periodic_delay_ms(&engine.config, id, attempts))
}

impl Engine {
    /// Attempts of one periodic event, the first included: host-driven, there is no retry (D17, D21).
    pub(crate) fn periodic_attempts_max(&self) -> u32 {
        match self.config.periodic_dispatch {
            PeriodicDispatch::Automatic => self.config.periodic_retries_max.saturating_add(1),
            PeriodicDispatch::HostDriven => 1,
        }
    }
}
