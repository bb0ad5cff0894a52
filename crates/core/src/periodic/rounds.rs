//! The scheduling loop, "process periodic sync registrations" (section 2.5 of the requirements).
//!
//! A *round* fires every periodic entry that may fire, over all origins (R114, R115); two rounds are at least the minimum
//! across origins apart (R108). A round is due when an entry has waited as long as coalescing lets it, and any other
//! wake-up may bring one about.

use super::place;
use crate::dispatch::{allowed_by_origin_and_worker, begin};
use crate::engine::Engine;
use crate::entry::Phase;
use crate::schedule::{Eligible, LaneKey};
use crate::time::Moment;
use crate::{ActivityEvent, Change, LastRound, Now, Step, SyncRegistrationId};
use alloc::vec::Vec;
use core::cmp::Reverse;

/// Runs a round if the time has come. With `forced`, also one that would rather wait for others (R182).
pub(crate) fn run(engine: &mut Engine, now: Now, forced: bool, step: &mut Step) {
    let mut eligible = take_eligible(engine, now, forced);
    if eligible.is_empty() {
        return;
    }
    for found in &eligible {
        // Out of the schedule; each is placed anew below, unless it fires.
        if let Some(entry) = engine.entries.get_mut(&found.sync)
            && let Phase::Scheduled(since, slot) = core::mem::replace(&mut entry.phase, Phase::Held)
        {
            engine.schedule.forget_latest(since, slot, found.sync);
        }
    }
    // An origin whose events still run begins a new gap when they end; those that fire now count only for the next round.
    let (kept_back, mut firing): (Vec<Eligible>, Vec<Eligible>) =
        eligible.drain(..).partition(|found| gap_is_open(engine, found.sync));
    firing.sort_unstable_by_key(|found| (Reverse(found.class), found.since, found.sync));
    let (mut events, mut of_round) = (0, false);
    for found in &firing {
        if !allowed_by_origin_and_worker(engine, now, found.sync) {
            continue; // R138, R173; R124: what was removed is not here any more
        }
        if !found.in_use {
            of_round = true;
            engine.grid.fired(found.since, found.class, now.moment());
        }
        events += 1;
        begin(engine, now, found.sync, Vec::new(), step);
    }
    for found in kept_back.iter().chain(&firing) {
        if engine.entries.get(&found.sync).is_some_and(|entry| entry.phase == Phase::Held) {
            place(engine, now, found.sync);
        }
    }
    if of_round {
        set_last_round(engine, now, step);
    }
    if events > 0 {
        engine.record(now, None, None, ActivityEvent::Round { events }, step);
    }
}

/// Step 1 for the first time: the loop begins by waiting (R108).
pub(super) fn begin_loop(engine: &mut Engine, now: Now, step: &mut Step) {
    // It may have run before, a moment ago even: a site must not shorten the wait by taking its entries back.
    set_last_round(engine, now, step);
}

/// The grid has moved: the store must know.
pub(super) fn grid_moved(engine: &mut Engine, step: &mut Step) {
    if let Some(round) = &mut engine.last_round {
        round.drift_ms = engine.grid.drift_ms();
        step.changes.push(Change::PutLastRound(*round));
    }
}

impl Engine {
    /// When the next round may come; `None` if that is not limited.
    pub(crate) fn gap_across_origins_ends(&self) -> Option<Moment> {
        let gap_ms = self.config.min_interval_across_origins_ms;
        self.last_round.filter(|_| gap_ms > 0).map(|_| self.last_round_at.plus_ms(gap_ms))
    }

    /// The moment `at`, or the end of the gap between rounds if that is later and holds.
    pub(crate) fn not_before_gap(&self, at: Moment, in_use: bool) -> Moment {
        self.gap_across_origins_ends().filter(|_| !in_use).map_or(at, |ends| ends.max(at))
    }

    /// When the next round is due if nothing else wakes the engine, and for which entry.
    pub(crate) fn next_round(&self, _now: Now) -> Option<(Moment, SyncRegistrationId)> {
        let targets = self.schedule.targets(self.grid, |lane| self.lane_is_open(lane));
        targets.map(|(at, sync, in_use)| (self.not_before_gap(at, in_use), sync)).min()
    }
}

fn take_eligible(engine: &mut Engine, now: Now, forced: bool) -> Vec<Eligible> {
    let moment = now.moment();
    let mut schedule = core::mem::take(&mut engine.schedule);
    let open = |lane: &LaneKey| engine.lane_is_open(lane);
    // R250: what is not bound to rounds fires as soon as it may.
    let mut eligible = schedule.take_eligible(moment, |lane| open(lane) && lane.in_use);
    let rounds = |lane: &LaneKey| open(lane) && !lane.in_use;
    let allowed = engine.gap_across_origins_ends().is_none_or(|ends| ends <= moment); // R108
    if allowed && schedule.any_eligible(moment, rounds) {
        let due = || schedule.targets(engine.grid, rounds).any(|(at, ..)| at <= moment);
        // With a gap between rounds a round is scarce. One that nobody is in need of waits for those whose events ran with
        // the others' but took longer: else they would be late by a whole gap, every second time.
        let settle_ms = engine.config.periodic_event_duration_max_ms;
        let nobody_follows = || !schedule.any_between(moment, moment.plus_ms(settle_ms), rounds);
        if forced || engine.config.min_interval_across_origins_ms == 0 || due() || nobody_follows() {
            eligible.extend(schedule.take_eligible(moment, rounds));
        }
    }
    engine.schedule = schedule;
    eligible
}

fn gap_is_open(engine: &Engine, sync: SyncRegistrationId) -> bool {
    let owner = engine.entries.get(&sync).and_then(|entry| engine.workers.get(&entry.owner));
    let origin = owner.and_then(|worker| engine.origin(&worker.record.storage_key));
    origin.is_some_and(|origin| origin.gap_is_open(&engine.config))
}

fn set_last_round(engine: &mut Engine, now: Now, step: &mut Step) {
    let round = LastRound { time: now.wall, drift_ms: engine.grid.drift_ms() };
    engine.last_round = Some(round);
    engine.last_round_at = now.moment();
    step.changes.push(Change::PutLastRound(round));
}
