//! What a host knows after it has read the disk: after a failure of the store, or in a new process (R167–R174, D12, D30).

use super::Model;
use super::firing::{delay_ms, periodic_delay_ms};
use super::state::{Due, Entry, Key, Phase};
use crate::scenario::Site;
use wakeworker::core::{Config, Now, PeriodicDispatch, SyncKind};

impl Model {
    /// A new process reads the disk, which holds so many commits.
    pub(crate) fn restart(&mut self, now: Now, written: u64) {
        assert!(
            self.acknowledged <= written,
            "the disk holds {written} commits, but somebody was told of number {}",
            self.acknowledged
        );
        while self.history.len() > 1 && self.last_written() > written {
            self.history.pop_back();
        }
        assert_eq!(self.last_written(), written, "commits that nobody expected");
        self.facts.forget();
        self.open.clear();
        self.kept.clear();
        self.late_answers.clear();
        self.down = false;
        self.turn = super::turn::Turn::default();
        self.turn.now = now;
        self.reload(false);
    }

    /// The new process has written what follows from reading.
    pub(crate) fn opened(&mut self, written: u64) {
        if written > self.last_written() {
            self.history.push_back((written, self.state.clone()));
        }
    }

    pub(super) fn last_written(&self) -> u64 {
        self.history.back().map_or(0, |(number, _)| *number)
    }

    /// The disk is read. If the process lives, its events run on.
    pub(super) fn reload(&mut self, process_lives: bool) {
        let now = self.now();
        let mut state = self.history.back().map(|(_, state)| state.clone()).unwrap_or_default();
        state.keep_numbers(&self.state);
        state.queued.clear();
        state.due_waits.clear();
        state.recheck = None;
        self.runs.retain(|_, run| process_lives && (run.attempt.is_some() || run.unreached));
        self.runs.values_mut().for_each(|run| run.joined.clear());
        state.last_round = state.last_round.map(|last| last.passed_again(now));
        state.last_fire.values_mut().for_each(|last| *last = last.passed_again(now));
        let mut gone = Vec::new();
        for (key, entry) in &mut state.entries {
            entry.due = entry.stored_due;
            entry.anchor = entry.anchor.passed_again(now);
            if self.runs.values().any(|run| run.entry == Some(entry.number)) {
                entry.phase = Phase::Firing;
                continue;
            }
            let kept = match key.1 {
                SyncKind::BackgroundSync => one_shot(entry, now, &self.config),
                SyncKind::PeriodicSync => {
                    periodic(entry, now, &self.config);
                    true
                }
            };
            if entry.phase != Phase::Again {
                entry.put(); // What repeats at once is written when it begins.
            }
            gone.extend((!kept).then_some(*key));
        }
        self.state = state;
        gone.into_iter().for_each(|key: Key| self.remove(key));
        let denied = |site: &Site| {
            self.facts.sites.get(site).is_some_and(|facts| !facts.allows(SyncKind::PeriodicSync))
        };
        let denied: Vec<Site> = [Site(0), Site(1)].into_iter().filter(denied).collect();
        denied.into_iter().for_each(|site| self.withdraw_periodic(site)); // R139
    }
}

/// Returns whether the entry stays.
fn one_shot(entry: &mut Entry, now: Now, config: &Config) -> bool {
    if std::mem::take(&mut entry.reregistered) {
        entry.attempts = 0; // R30, D3: the wish is fresh.
    }
    entry.phase = Phase::Pending; // R168
    if entry.interrupted >= config.interrupted_starts_max {
        // R169, D12
        entry.interrupted = 0;
        entry.attempts += 1;
        let base_ms = delay_ms(config.retry_delay_initial_ms, entry.attempts, config);
        entry.wait(Due::after(now, base_ms, config.retry_jitter_percent));
        return entry.attempts < entry.attempts_max;
    }
    if let Some(due) = entry.stored_due {
        let base_ms = delay_ms(config.retry_delay_initial_ms, entry.attempts, config);
        wait_again(entry, due, base_ms, now, config);
    }
    true
}

fn periodic(entry: &mut Entry, now: Now, config: &Config) {
    if config.periodic_dispatch == PeriodicDispatch::HostDriven {
        entry.forget_attempts();
        entry.phase = Phase::Pending;
    } else if entry.interrupted >= config.interrupted_starts_max {
        match periodic_delay_ms(entry.attempts + 1, entry.min_interval_ms, config) {
            Some(base_ms) => {
                entry.interrupted = 0;
                entry.attempts += 1;
                entry.wait(Due::after(now, base_ms, config.retry_jitter_percent));
            }
            None => entry.begin_interval(now), // R126
        }
    } else if entry.interrupted > 0 {
        entry.phase = Phase::Again; // R169
    } else if entry.attempts > 0 {
        let base_ms = delay_ms(config.periodic_retry_delay_initial_ms, entry.attempts, config);
        match entry.stored_due {
            Some(due) => wait_again(entry, due, base_ms, now, config),
            None => entry.phase = Phase::Again,
        }
    } else {
        entry.phase = Phase::Pending;
    }
    if entry.phase == Phase::Pending && entry.interrupted == 0 && entry.attempts == 0 {
        entry.due = None;
    }
}

/// The rest of a delay; a clock that was set back makes it one full delay at most (D30).
fn wait_again(entry: &mut Entry, due: Due, base_ms: u64, now: Now, config: &Config) {
    let most_ms = base_ms + base_ms * u64::from(config.retry_jitter_percent) / 100;
    let due = due.reloaded(now, most_ms);
    if due.has_passed(now) {
        entry.due = None;
        entry.phase = if entry.attempts_max > 0 { Phase::Pending } else { Phase::Again };
    } else {
        entry.wait(due);
    }
}
