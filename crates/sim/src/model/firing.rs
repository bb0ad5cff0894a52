//! Events: when one may begin, and what follows when it has ended (sections 1.5, 2.5 and 2.6 of the requirements).

use super::input::{Input, Request, RunId};
use super::state::{Due, Key, Phase, Time};
use super::{Model, Run};
use crate::scenario::Slot;
use wakeworker::core::{
    ActiveWorker, AttemptOutcome, ExtraInterval, FailureReason, PeriodicDispatch, SyncKind,
    SyncOperationStatus,
};

impl Model {
    /// Ends what took too long, and the delays that are over.
    pub(super) fn pass_time(&mut self) {
        self.end_overdue();
        let now = self.now();
        if self.state.recheck.take_if(|at| *at <= now.mono.0).is_some() {
            self.look_again();
        }
        for (key, entry) in &mut self.state.entries {
            if let Phase::Waiting(due) = entry.phase
                && due.has_passed(now)
            {
                entry.phase = if key.1 == SyncKind::BackgroundSync { Phase::Pending } else { Phase::Again };
                entry.due = None;
            }
        }
        self.begin_events(|_| false);
    }

    /// Ends the events that took too long.
    pub(super) fn end_overdue(&mut self) {
        let now = self.now();
        let mut overdue: Vec<(u64, RunId)> = self
            .runs
            .iter()
            .filter(|(_, run)| run.deadline <= now.mono.0)
            .map(|(id, run)| (run.deadline, *id))
            .collect();
        overdue.sort_unstable();
        for (_, run) in overdue {
            self.end(run, &AttemptOutcome::Failed { reason: FailureReason::TimedOut, message: None }); // R86
        }
    }

    /// Begins every event that must begin, and those that may and did.
    pub(super) fn settle(&mut self, input: &Input) {
        self.begin_events(|key| input.retries(key));
    }

    /// Entries whose event did not reach the worker are as any others.
    pub(super) fn look_again(&mut self) {
        for entry in self.state.entries.values_mut().filter(|entry| entry.phase == Phase::Unreached) {
            entry.phase = Phase::Pending;
        }
    }

    /// `retries`: whether there may be a reason to try an event again that did not reach its worker.
    fn begin_events(&mut self, retries: impl Fn(Key) -> bool) {
        let keys: Vec<Key> = self.state.entries.keys().copied().collect();
        for key in keys {
            let begins = match (key.1, self.state.entries[&key].phase) {
                (SyncKind::BackgroundSync, Phase::Pending) => self.may_fire(key.0, key.1),
                (SyncKind::BackgroundSync, Phase::Unreached) => {
                    retries(key) && self.may_fire(key.0, key.1) && self.has_started(key, false)
                }
                (SyncKind::PeriodicSync, Phase::Again) => self.may_fire(key.0, key.1),
                (SyncKind::PeriodicSync, Phase::Pending) => {
                    self.has_started(key, true) && self.is_timely(key)
                }
                _ => false,
            };
            if begins {
                self.fire(key, Vec::new());
            }
        }
    }

    /// Whether nothing but time speaks against an event.
    fn may_fire(&self, slot: Slot, kind: SyncKind) -> bool {
        let facts = self.facts.site(slot);
        let worker = self.state.workers.get(&slot);
        let held = worker.and_then(|worker| self.facts.held_offline.get(&worker.id?));
        let power = self.facts.power;
        let kind_allows = match kind {
            SyncKind::BackgroundSync => true,
            SyncKind::PeriodicSync => {
                self.config.periodic_dispatch == PeriodicDispatch::Automatic // R194
                    && facts.extra != ExtraInterval::Never // R112
                    && !power.battery_saver // R117
                    && !power.data_saver
            }
        };
        self.facts.connection.is_online() // R49, R52
            && facts.allows(kind) // R138, R141
            && facts.reachable // R57
            && held.is_none_or(|holds| *holds == 0) // R241
            && self.active(slot).is_some_and(|active| active.activated) // R61
            && kind_allows
    }

    /// Whether a periodic entry that waits for its round may be in one now (PS 2.5).
    fn is_timely(&self, key: Key) -> bool {
        let now = self.now();
        let facts = self.facts.site(key.0);
        let entry = &self.state.entries[&key];
        let extra_ms = match facts.extra {
            ExtraInterval::Ms(ms) => ms,
            ExtraInterval::Never => return false,
        };
        let gap_ms = self.config.min_interval_any_origin_ms + extra_ms;
        let across_ms = self.config.min_interval_across_origins_ms;
        let last_fire = self.state.last_fire.get(&key.0.site());
        self.may_fire(key.0, key.1)
            && entry.anchor.is_ago(entry.min_interval_ms, now) // R106, R107
            && (facts.in_use || last_fire.is_none_or(|last| last.is_ago(gap_ms, now))) // R109, R250
            && (facts.in_use || self.turn.round_before.is_none_or(|last| last.is_ago(across_ms, now))) // R108
    }

    /// The event of an entry begins.
    pub(super) fn fire(&mut self, key: Key, requests: Vec<Request>) {
        let now = self.now();
        let in_use = self.facts.site(key.0).in_use;
        let Some(entry) = self.state.entries.get_mut(&key) else { return };
        let of_round =
            key.1 == SyncKind::PeriodicSync && entry.phase == Phase::Pending && requests.is_empty();
        let last_chance = key.1 == SyncKind::BackgroundSync && entry.attempts + 1 >= entry.attempts_max; // R79
        entry.phase = Phase::Firing;
        entry.interrupted += 1; // R169
        entry.put();
        let number = entry.number;
        if of_round && !in_use {
            self.state.last_round = Some(Time::at(now));
        }
        self.note_start(key, of_round);
        self.begin(Some(number), key, last_chance, requests);
    }

    pub(super) fn begin(&mut self, entry: Option<u64>, key: Key, last_chance: bool, requests: Vec<Request>) {
        let worker = self.state.workers.get(&key.0);
        let Some((registration, active)) = worker.and_then(|worker| Some((worker.id?, worker.active?)))
        else {
            return self.complain(format!("{key:?} fires without an active worker"));
        };
        let duration_ms = match key.1 {
            SyncKind::BackgroundSync if last_chance => self.config.last_chance_duration_max_ms, // R88
            SyncKind::BackgroundSync => self.config.event_duration_max_ms,
            SyncKind::PeriodicSync => self.config.periodic_event_duration_max_ms,
        };
        self.runs_ever += 1;
        let run = Run {
            attempt: None,
            registration,
            worker: active.id,
            entry,
            entry_key: key,
            last_chance,
            needs_network: requests.is_empty(),
            deadline: self.now().mono.0 + duration_ms,
            requests,
            joined: Vec::new(),
            unreached: false,
        };
        self.runs.insert(self.runs_ever, run);
        self.turn.begun.push(self.runs_ever);
    }

    /// An event has ended, or did not reach its worker.
    pub(super) fn end(&mut self, run: RunId, outcome: &AttemptOutcome) {
        let Some(run) = self.runs.remove(&run) else { return }; // a late answer
        let key = run.entry.and_then(|number| self.state.key_of(number));
        match key {
            Some(key) if key.1 == SyncKind::BackgroundSync => self.one_shot_ended(key, &run, outcome),
            Some(key) => self.periodic_ended(key, &run, outcome),
            None => {} // D13, D19
        }
        let status = format!("{:?}", SyncOperationStatus::from(outcome));
        for request in run.requests.iter().chain(&run.joined) {
            self.answer(*request, &status);
        }
        if let Some(key) = key
            && let Some(queued) = self.state.queued.remove(&key)
        {
            self.start_for_host(key, queued); // D22
        }
        self.end_due_waits();
    }

    /// BS 1.5, steps 4 and 5.
    fn one_shot_ended(&mut self, key: Key, run: &Run, outcome: &AttemptOutcome) {
        let now = self.now();
        let config = self.config.clone();
        let Some(entry) = self.state.entries.get_mut(&key) else { return };
        let reached = *outcome != AttemptOutcome::NotDispatched;
        let again = std::mem::take(&mut entry.reregistered);
        entry.interrupted = if reached { 0 } else { entry.interrupted.saturating_sub(1) };
        entry.phase = Phase::Pending;
        if again {
            entry.attempts = 0; // R68, R69
        }
        match outcome {
            AttemptOutcome::NotDispatched => {
                entry.phase = Phase::Unreached; // R54
                let again = now.mono.0 + config.redispatch_delay_ms;
                self.state.recheck = Some(self.state.recheck.map_or(again, |at| at.min(again)));
            }
            _ if again => {}
            AttemptOutcome::Succeeded { .. } => return self.remove(key), // R64
            AttemptOutcome::Failed { .. } => {
                entry.attempts += 1;
                if run.last_chance || entry.attempts >= entry.attempts_max {
                    return self.remove(key); // R78
                }
                let base_ms = delay_ms(config.retry_delay_initial_ms, entry.attempts, &config);
                entry.wait(Due::after(now, base_ms, config.retry_jitter_percent)); // R77, R91
            }
        }
        entry.put();
    }

    /// PS 2.6, steps 2.3 to 2.5.
    fn periodic_ended(&mut self, key: Key, run: &Run, outcome: &AttemptOutcome) {
        let now = self.now();
        let config = self.config.clone();
        let by_host = !run.requests.is_empty();
        if matches!(outcome, AttemptOutcome::Succeeded { .. }) {
            self.state.last_fire.insert(key.0.site(), Time::at(now)); // R125
        }
        let Some(entry) = self.state.entries.get_mut(&key) else { return };
        match outcome {
            AttemptOutcome::NotDispatched => {
                entry.interrupted = entry.interrupted.saturating_sub(1);
                // R54: as if it had not been chosen. The round is not over for it.
                let again = Due::after(now, config.redispatch_delay_ms, 0);
                entry.phase = if by_host { Phase::Pending } else { Phase::Waiting(again) };
            }
            AttemptOutcome::Failed { .. } if !by_host && !entry.reregistered => {
                match periodic_delay_ms(entry.attempts + 1, entry.min_interval_ms, &config) {
                    Some(base_ms) => {
                        entry.attempts += 1;
                        entry.interrupted = 0;
                        entry.wait(Due::after(now, base_ms, config.retry_jitter_percent)); // R129
                    }
                    None => entry.begin_interval(now), // R126, R127
                }
            }
            _ => entry.begin_interval(now), // R126, R131, D21
        }
        entry.put();
    }

    pub(super) fn active(&self, slot: Slot) -> Option<ActiveWorker> {
        self.state.workers.get(&slot).and_then(|worker| worker.active)
    }
}

/// The delay after failed attempt number `attempts`, before chance adds to it (R80, R81).
pub(super) fn delay_ms(initial_ms: u64, attempts: u32, config: &wakeworker::core::Config) -> u64 {
    (1..attempts)
        .fold(initial_ms, |delay_ms, _| delay_ms * u64::from(config.retry_delay_factor))
        .min(config.retry_delay_max_ms)
}

/// The same for a periodic event; `None` if there is no retry (R128, R130).
pub(super) fn periodic_delay_ms(
    attempts: u32,
    min_interval_ms: u64,
    config: &wakeworker::core::Config,
) -> Option<u64> {
    if attempts > config.periodic_retries_max {
        return None;
    }
    let of = |attempt| delay_ms(config.periodic_retry_delay_initial_ms, attempt, config);
    let total_ms: u64 = (1..=attempts).map(of).sum();
    let spacing_ms = config.min_interval_any_origin_ms.max(min_interval_ms);
    (total_ms <= spacing_ms / 10).then(|| of(attempts))
}
