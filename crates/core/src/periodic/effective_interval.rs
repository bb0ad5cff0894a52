//! From when on a periodic entry may fire: its minimum interval, the effective minimum of its origin, and Chromium's two
//! optional rules (sections 2.1 and 5.5 of the requirements).

use crate::conditions::origin_and_worker;
use crate::engine::Engine;
use crate::entry::{Entry, Phase};
use crate::origin::Origin;
use crate::schedule::LaneKey;
use crate::time::Moment;
use crate::{Now, Reason, StorageKey, SyncKind, SyncRegistrationId, WorkerRegistrationId, coalesce};

/// Puts a periodic entry that waits for its next event where it belongs: into the schedule, or, while something about its
/// origin or worker registration forbids events, aside.
pub(crate) fn place(engine: &mut Engine, now: Now, id: SyncRegistrationId) {
    engine.leave_phase(id);
    let Some(entry) = engine.entries.get_mut(&id) else { return };
    entry.phase = Phase::Held;
    let Some(plan) = engine.entries.get(&id).and_then(|entry| plan(engine, now, id, entry)) else { return };
    let Some(lane) = engine.schedule.lane(&plan.lane) else { return };
    let mut slot = coalesce::slot(engine.config.coalescing, plan.spacing_ms);
    slot.lane = lane;
    if let Some(entry) = engine.entries.get_mut(&id) {
        entry.slot = slot;
    }
    engine.enter_phase(id, Phase::Scheduled(plan.earliest));
}

/// Places all waiting entries of an origin anew, after something about it has changed (R112: re-evaluated every time).
pub(crate) fn replan_origin(engine: &mut Engine, now: Now, storage_key: &StorageKey) {
    for id in engine.entries_of_origin(storage_key) {
        replan(engine, now, id);
    }
}

/// The same for the entries of one worker registration.
pub(crate) fn replan_worker(engine: &mut Engine, now: Now, owner: WorkerRegistrationId) {
    let Some(worker) = engine.workers.get(&owner) else { return };
    for id in worker.entries().to_vec() {
        replan(engine, now, id);
    }
}

/// A periodic event of the origin has ended or is no longer followed: with the last one, a new gap begins (R109).
pub(crate) fn event_left(engine: &mut Engine, now: Now, storage_key: &StorageKey) {
    let Some(origin) = engine.origins.get_mut(storage_key) else { return };
    origin.firing = origin.firing.saturating_sub(1);
    let gap = origin.effective_minimum_ms(&engine.config);
    if origin.firing == 0 && gap.is_none_or(|gap| gap > 0) {
        replan_origin(engine, now, storage_key);
    }
}

/// Calls `found` for each reason that lies in the intervals and gaps.
pub(crate) fn waits(engine: &Engine, entry: &Entry, now: Now, mut found: impl FnMut(Reason)) {
    let Some(worker) = engine.workers.get(&entry.owner) else { return };
    let (unknown, moment) = (Origin::default(), now.moment());
    let origin = engine.origin(&worker.record.storage_key).unwrap_or(&unknown);
    let Some(gap_ms) = origin.effective_minimum_ms(&engine.config) else {
        found(Reason::Suspended); // R113
        return;
    };
    let mut timely = true;
    let mut wait_until = |ends: Moment, reason: fn(u64) -> Reason| {
        if ends > moment {
            timely = false;
            found(reason(ends.ms_since(moment)));
        }
    };
    let interval_ends = entry.counts_from.plus_ms(interval_ms(engine, entry, gap_ms));
    wait_until(interval_ends, |remaining_ms| Reason::Interval { remaining_ms });
    let gap_ends = match origin.gap_is_open(&engine.config) {
        true => Some(moment.plus_ms(gap_ms)),
        false => origin.gap_ends(&engine.config),
    };
    if let Some(ends) = gap_ends {
        wait_until(ends, |remaining_ms| Reason::OriginGap { remaining_ms });
    }
    if let Some(ends) = engine.gap_across_origins_ends().filter(|_| !origin.in_use) {
        wait_until(ends, |remaining_ms| Reason::GlobalGap { remaining_ms });
    }
    if timely && let Phase::Scheduled(since) = entry.phase {
        let target = match entry.slot.class {
            coalesce::UNALIGNED => since.plus_ms(entry.slot.slack_ms.into()),
            class => engine.grid.target(since, class),
        };
        found(Reason::Coalescing { remaining_ms: target.ms_since(moment) }); // R115
    }
}

struct Plan {
    earliest: Moment,
    /// How far apart its events are, all rules taken together.
    spacing_ms: u64,
    lane: LaneKey,
}

fn replan(engine: &mut Engine, now: Now, id: SyncRegistrationId) {
    let waiting = engine.entries.get(&id).is_some_and(|entry| {
        entry.kind == SyncKind::PeriodicSync && matches!(entry.phase, Phase::Scheduled(_) | Phase::Held)
    });
    if waiting {
        place(engine, now, id);
    }
}

/// Where an entry belongs in the schedule; `None` while nothing but a change of facts can let it fire.
fn plan(engine: &Engine, now: Now, id: SyncRegistrationId, entry: &Entry) -> Option<Plan> {
    let mut held = false;
    origin_and_worker(engine, entry, now, |_| held = true);
    let storage_key = &engine.workers.get(&entry.owner)?.record.storage_key;
    let unknown = Origin::default();
    let origin = engine.origin(storage_key).unwrap_or(&unknown);
    let gap_ms = origin.effective_minimum_ms(&engine.config)?; // Infinity: suspended (R113)
    if held || origin.gap_is_open(&engine.config) {
        return None;
    }
    let interval_ms = interval_ms(engine, entry, gap_ms);
    let own = entry.counts_from.plus_ms(interval_ms); // R106, R107
    let mut earliest = origin.gap_ends(&engine.config).map_or(own, |ends| own.max(ends)); // R109
    if engine.config.snap_together && gap_ms > 0 {
        earliest = snap(engine, storage_key, id, earliest, now.moment(), gap_ms);
    }
    let across_ms = if origin.in_use { 0 } else { engine.config.min_interval_across_origins_ms };
    Some(Plan {
        earliest,
        spacing_ms: interval_ms.max(gap_ms).max(across_ms),
        lane: LaneKey {
            conditions: engine.conditions_of(entry),
            in_use: origin.in_use,
            network: engine.only_network_of(entry).cloned(),
        },
    })
}

/// The interval that the entry is held to. 0 means "as often as the user agent likes" (R100).
fn interval_ms(engine: &Engine, entry: &Entry, gap_ms: u64) -> u64 {
    let asked_ms = entry.min_interval_ms;
    if engine.config.round_up_intervals && gap_ms > 0 {
        // R119: up to a multiple of the origin's gap, which is the factor times 12 h.
        return asked_ms.max(1).div_ceil(gap_ms).saturating_mul(gap_ms);
    }
    if asked_ms == 0 { INTERVAL_OF_ZERO_MS } else { asked_ms }
}

/// R120: with the soonest other event of the origin, or at least the gap away from it. Never earlier than `earliest`.
fn snap(
    engine: &Engine,
    storage_key: &StorageKey,
    id: SyncRegistrationId,
    earliest: Moment,
    now: Moment,
    gap_ms: u64,
) -> Moment {
    let others = engine.entries_of_origin(storage_key).into_iter().filter(|other| *other != id);
    let soonest = others
        .filter_map(|other| match engine.entries.get(&other)?.phase {
            Phase::Scheduled(since) => Some(since.max(now)),
            _ => None,
        })
        .min();
    match soonest {
        Some(soonest) if earliest.plus_ms(gap_ms) <= soonest => earliest,
        Some(soonest) if earliest <= soonest => soonest,
        Some(soonest) if earliest <= soonest.plus_ms(gap_ms) => soonest.plus_ms(gap_ms),
        _ => earliest,
    }
}

/// Where the host has lifted all gaps, an interval of 0 must not keep a worker busy without end.
const INTERVAL_OF_ZERO_MS: u64 = 60_000;
