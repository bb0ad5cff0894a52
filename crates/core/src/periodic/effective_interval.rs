//! From when on a periodic entry may fire: its minimum interval, the effective minimum of its origin, and Chromium's two
//! optional rules (sections 2.1 and 5.5 of the requirements).

use crate::conditions::of_worker;
use crate::engine::Engine;
use crate::entry::{Entry, Phase, Slot};
use crate::origin::Origin;
use crate::schedule::LaneKey;
use crate::time::Moment;
use crate::{
    NetworkCondition, Now, Reason, StorageKey, SyncKind, SyncRegistrationId, WorkerRegistrationId, coalesce,
};
use alloc::vec::Vec;

/// Puts a periodic entry that waits for its next event where it belongs: into the schedule, or, while something about its
/// origin or worker registration forbids events, aside.
pub(crate) fn place(engine: &mut Engine, now: Now, id: SyncRegistrationId) {
    let Some(owner) = engine.entries.get(&id).map(|entry| entry.owner) else { return };
    let terms = terms(engine, now, owner);
    place_by(engine, now, id, terms.as_ref());
}

/// Places all waiting entries of an origin anew, after something about it has changed (R112: re-evaluated every time).
pub(crate) fn replan_origin(engine: &mut Engine, now: Now, storage_key: &StorageKey) {
    if engine.periodic_entries == 0 {
        return;
    }
    let workers: Vec<WorkerRegistrationId> = engine.workers_of(storage_key).collect();
    for owner in workers {
        replan_worker(engine, now, owner);
    }
}

/// The same for the entries of one worker registration.
pub(crate) fn replan_worker(engine: &mut Engine, now: Now, owner: WorkerRegistrationId) {
    let Some(worker) = engine.workers.get(&owner) else { return };
    let ids = worker.entries().to_vec();
    let terms = terms(engine, now, owner);
    for id in ids {
        let waiting = engine.entries.get(&id).is_some_and(|entry| {
            entry.kind == SyncKind::PeriodicSync && matches!(entry.phase, Phase::Scheduled(..) | Phase::Held)
        });
        if waiting {
            place_by(engine, now, id, terms.as_ref());
        }
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
    let Some(gap_ms) = origin.effective_minimum_ms(&engine.config) else { return }; // no end of it is known (R113)
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
    if timely && let Phase::Scheduled(since, slot) = entry.phase {
        let target = match slot.class() {
            coalesce::UNALIGNED => since.plus_ms(slot.slack_ms().into()),
            class => engine.grid.target(since, class),
        };
        found(Reason::Coalescing { remaining_ms: target.ms_since(moment) }); // R115
    }
}

/// What holds alike for all entries of a worker registration.
struct Terms {
    /// Whether entries that need connectivity are kept back.
    networked_held: bool,
    gap_ms: u64,
    gap_ends: Option<Moment>,
    in_use: bool,
    storage_key: StorageKey,
}

/// `None` while nothing but a change of facts can let any of the entries fire.
fn terms(engine: &Engine, now: Now, owner: WorkerRegistrationId) -> Option<Terms> {
    let (mut held, mut networked_held) = (false, false);
    of_worker(engine, owner, SyncKind::PeriodicSync, false, now, |_| held = true);
    of_worker(engine, owner, SyncKind::PeriodicSync, true, now, |_| networked_held = true);
    let storage_key = engine.storage_key_of(owner)?;
    let unknown = Origin::default();
    let origin = engine.origin(&storage_key).unwrap_or(&unknown);
    let gap_ms = origin.effective_minimum_ms(&engine.config)?; // Infinity: suspended (R113)
    let (in_use, gap_ends) = (origin.in_use, origin.gap_ends(&engine.config));
    if held || origin.gap_is_open(&engine.config) {
        return None;
    }
    Some(Terms { networked_held, gap_ms, gap_ends, in_use, storage_key })
}

fn place_by(engine: &mut Engine, now: Now, id: SyncRegistrationId, terms: Option<&Terms>) {
    let Some(entry) = engine.entries.get_mut(&id) else { return };
    let before = core::mem::replace(&mut entry.phase, Phase::Held);
    if let Phase::Scheduled(since, slot) = before {
        engine.schedule.remove_periodic(since, slot, id);
    }
    let (Some(entry), Some(terms)) = (engine.entries.get(&id), terms) else { return };
    let conditions = engine.conditions_of(entry);
    if terms.networked_held && conditions.network > NetworkCondition::Any {
        return;
    }
    let interval_ms = interval_ms(engine, entry, terms.gap_ms);
    let own = entry.counts_from.plus_ms(interval_ms); // R106, R107
    let mut earliest = terms.gap_ends.map_or(own, |ends| own.max(ends)); // R109
    if engine.config.snap_together && terms.gap_ms > 0 {
        earliest = snap(engine, &terms.storage_key, id, earliest, now.moment(), terms.gap_ms); // R120
    }
    let (class, slack_ms) = class_and_slack(engine, interval_ms, terms.gap_ms, terms.in_use);
    let network = engine.only_network_of(entry).cloned();
    let Some(lane) = engine.schedule.lane(&LaneKey { conditions, in_use: terms.in_use, network }) else {
        return;
    };
    let slot = Slot::new(class, slack_ms, lane);
    engine.schedule.add_periodic(earliest, slot, id);
    if let Some(entry) = engine.entries.get_mut(&id) {
        entry.phase = Phase::Scheduled(earliest, slot);
    }
}

/// The class that the intervals of an entry belong to by the present terms.
pub(super) fn class_of(engine: &Engine, entry: &Entry) -> u8 {
    let Some(storage_key) = engine.storage_key_of(entry.owner) else { return coalesce::UNALIGNED };
    let unknown = Origin::default();
    let origin = engine.origin(&storage_key).unwrap_or(&unknown);
    let gap_ms = origin.effective_minimum_ms(&engine.config).unwrap_or(0);
    class_and_slack(engine, interval_ms(engine, entry, gap_ms), gap_ms, origin.in_use).0
}

fn class_and_slack(engine: &Engine, interval_ms: u64, gap_ms: u64, in_use: bool) -> (u8, u32) {
    let across_ms = if in_use { 0 } else { engine.config.min_interval_across_origins_ms };
    coalesce::class_and_slack(engine.config.coalescing, interval_ms.max(gap_ms).max(across_ms))
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
            Phase::Scheduled(since, _) => Some(since.max(now)),
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
