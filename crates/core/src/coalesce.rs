//! Sharing wake-ups (design decision 11): intervals that are a multiple of a round period fire on one common grid, the
//! others are late by a part of their interval at most. Nothing is ever early.
//!
//! A naive grid slips: an interval counts from the *end* of an event (R126), so an entry of 12 h that fires on a grid
//! point is due a little after the next one, and would fire on every second. Therefore the grid moves forward by as much
//! as the events that fired on it took, or as the machine was late: what fired together is due together again, on a point.

use crate::time::Moment;
use crate::{CoalescePolicy, Config, LastRound, Now};

/// Number of the classes of intervals: the round periods, and the rest.
pub(crate) const CLASSES: usize = ROUND_PERIODS_MS.len() + 1;

/// The class of the intervals that no round period fits.
pub(crate) const UNALIGNED: u8 = ROUND_PERIODS_MS.len() as u8;

/// The round periods. Each divides the last one, so one grid serves all.
const ROUND_PERIODS_MS: [u64; 10] = [
    MINUTE_MS,
    5 * MINUTE_MS,
    15 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    3 * HOUR_MS,
    6 * HOUR_MS,
    12 * HOUR_MS,
    24 * HOUR_MS,
    WEEK_MS,
];

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const WEEK_MS: u64 = 7 * 24 * HOUR_MS;
/// No event is late by more than this for the sake of sharing.
const SLACK_MAX_MS: u64 = 12 * HOUR_MS;

/// The common grid of one installation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Grid {
    /// Some point of the coarsest period, and so of all.
    zero: Moment,
    /// How far it has moved since the installation began, in milliseconds below a week: to be stored.
    drift_ms: u64,
    /// When the last round on a point was, and how far the grid has moved since: that point is used up, although the grid
    /// moves on with each of its events that end.
    used: (Moment, Moment),
}

impl Grid {
    /// The grid lies at the same wall-clock times after every restart, apart from what it has drifted.
    pub(crate) fn new(config: &Config, last_round: Option<LastRound>, now: Now) -> Grid {
        let drift_ms = last_round.map_or(0, |round| round.drift_ms) % WEEK_MS;
        let offset = crate::retry::scale(WEEK_MS, crate::retry::mix(config.coalescing_seed));
        let since = i128::from(now.wall.0) - i128::from(offset) - i128::from(drift_ms);
        let since = i64::try_from(since.rem_euclid(i128::from(WEEK_MS))).unwrap_or(0);
        let zero = Moment(now.moment().0.saturating_sub(since));
        Grid { zero, drift_ms, used: (zero, zero) }
    }

    /// How far it has moved, for the store.
    pub(crate) fn drift_ms(&self) -> u64 {
        self.drift_ms
    }

    /// When an entry of a class that may fire from `earliest` on wants to be woken for.
    pub(crate) fn target(&self, earliest: Moment, class: u8) -> Moment {
        let Some(period) = period(class) else { return earliest };
        let mut point = self.point_from(earliest, period);
        if self.used.0 < point && point <= self.used.1 {
            point = point.plus_ms(period);
        }
        // The grid moves while entries wait for it; for all that, none waits longer than this.
        point.min(earliest.plus_ms(period.saturating_mul(2)))
    }

    /// An event that could have fired on a grid point was fired at `now`: the grid moves there, so that the next event
    /// finds a point. Returns whether it moved.
    pub(crate) fn fired(&mut self, earliest: Moment, class: u8, now: Moment) -> bool {
        let Some(period) = period(class) else { return false };
        let point = self.point_until(now, period);
        if earliest > point {
            return false; // Fired along with others, before its point.
        }
        self.used = (now, now);
        self.advance(now.ms_since(point))
    }

    /// An event that was running on a grid point has ended at `now`, from when its next interval counts (R126).
    pub(crate) fn ended(&mut self, started: Moment, class: u8, now: Moment) -> bool {
        let Some(period) = period(class) else { return false };
        let point = self.point_until(now, period);
        if started > point {
            return false;
        }
        self.used.1 = self.used.1.max(now);
        self.advance(now.ms_since(point))
    }

    fn advance(&mut self, ms: u64) -> bool {
        self.zero = self.zero.plus_ms(ms);
        self.drift_ms = (self.drift_ms + ms) % WEEK_MS;
        ms > 0
    }

    /// The first point of a period at or after a moment.
    fn point_from(&self, moment: Moment, period: u64) -> Moment {
        let past = self.past(moment, period);
        if past == 0 { moment } else { moment.plus_ms(period - past) }
    }

    /// The last point of a period at or before a moment.
    fn point_until(&self, moment: Moment, period: u64) -> Moment {
        Moment(moment.0.saturating_sub_unsigned(self.past(moment, period)))
    }

    fn past(&self, moment: Moment, period: u64) -> u64 {
        let past = (i128::from(moment.0) - i128::from(self.zero.0)).rem_euclid(i128::from(period));
        u64::try_from(past).unwrap_or(0)
    }
}

/// Which class an entry belongs to whose events are `spacing_ms` apart, and its slack in milliseconds.
pub(crate) fn class_and_slack(policy: CoalescePolicy, spacing_ms: u64) -> (u8, u32) {
    let (aligns, percent) = match policy {
        CoalescePolicy::Exact => (false, 0),
        CoalescePolicy::Slack { percent } => (false, percent),
        CoalescePolicy::Align { slack_percent } => (true, slack_percent),
    };
    let round = |&&period: &&u64| spacing_ms.is_multiple_of(period) && period.saturating_mul(4) >= spacing_ms;
    let class = ROUND_PERIODS_MS.iter().rev().find(round).filter(|_| aligns && spacing_ms > 0);
    let class = class.and_then(|period| ROUND_PERIODS_MS.iter().position(|other| other == period));
    let slack = crate::retry::scale_percent(spacing_ms, percent).min(SLACK_MAX_MS);
    match class {
        Some(index) => (index as u8, 0),
        None => (UNALIGNED, u32::try_from(slack).unwrap_or(u32::MAX)),
    }
}

fn period(class: u8) -> Option<u64> {
    ROUND_PERIODS_MS.get(usize::from(class)).copied()
}
