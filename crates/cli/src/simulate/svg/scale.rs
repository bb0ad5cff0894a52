//! Time along the picture: where a moment is, and which moments get a line and a label.

use crate::simulate::units::{self, Civil, DAY_MS, HOUR_MS, MINUTE_MS};

/// Moments from 0 to the end between two edges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) duration_ms: u64,
}

/// A line across the picture.
#[derive(Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) at: u64,
    pub(super) label: String,
    /// Whether a day begins here.
    pub(super) day: bool,
}

impl Scale {
    /// Where a moment is.
    pub(super) fn x(&self, at: u64) -> f64 {
        let part = at.min(self.duration_ms) as f64 / self.duration_ms.max(1) as f64;
        self.left + part * (self.right - self.left)
    }

    /// Round moments, as far apart as their labels need: 64 pixels for a time of day, 96 for a day.
    pub(super) fn ticks(&self, start_ms: i64) -> Vec<Tick> {
        let fits = |step: &u64| {
            let label = if *step >= DAY_MS { 96.0 } else { 64.0 };
            self.duration_ms / step <= ((self.right - self.left) / label).max(2.0) as u64
        };
        let step = STEPS.into_iter().find(fits).unwrap_or(366 * DAY_MS);
        let signed = step.cast_signed();
        // Weeks begin on Mondays, but 1970 began on a Thursday.
        let origin = if step.is_multiple_of(7 * DAY_MS) { 4 * DAY_MS.cast_signed() } else { 0 };
        let since = (start_ms - origin).rem_euclid(signed);
        let first = if since == 0 { start_ms } else { start_ms - since + signed };
        let end = start_ms.saturating_add_unsigned(self.duration_ms);
        let mut ticks = Vec::new();
        let mut wall = first;
        while wall <= end {
            let civil = Civil::of(wall);
            let day = wall.rem_euclid(DAY_MS.cast_signed()) == 0;
            let label = if step >= DAY_MS || day {
                day_label(&civil)
            } else {
                civil.time.get(..5).unwrap_or(&civil.time).to_owned()
            };
            ticks.push(Tick { at: wall.abs_diff(start_ms), label, day });
            wall += signed;
        }
        ticks
    }
}

const STEPS: [u64; 14] = [
    MINUTE_MS,
    5 * MINUTE_MS,
    15 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    3 * HOUR_MS,
    6 * HOUR_MS,
    12 * HOUR_MS,
    DAY_MS,
    2 * DAY_MS,
    7 * DAY_MS,
    28 * DAY_MS,
    91 * DAY_MS,
];

/// `Mon 2 Mar`.
fn day_label(civil: &Civil) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (name, date) = civil.date.split_once(' ').unwrap_or(("", &civil.date));
    let mut parts = date.rsplit('-');
    let day = parts.next().unwrap_or_default().trim_start_matches('0');
    let month = parts.next().and_then(|month| month.parse::<usize>().ok());
    let month = month.and_then(|month| MONTHS.get(month.wrapping_sub(1))).copied().unwrap_or_default();
    format!("{name} {day} {month}")
}

/// A moment as a heading says it.
pub(super) fn heading(start_ms: i64, at: u64) -> String {
    let civil = Civil::of(start_ms.saturating_add_unsigned(at));
    format!("{}, {}", day_label(&civil), civil.time.get(..5).unwrap_or(&civil.time))
}

/// A moment as a tooltip says it.
pub(super) fn spoken(start_ms: i64, at: u64) -> String {
    let civil = Civil::of(start_ms.saturating_add_unsigned(at));
    format!("{} {}", day_label(&civil), civil.time)
}

/// A span as a tooltip says it.
pub(super) fn span(start_ms: i64, from: u64, to: u64) -> String {
    format!(
        "{} to {} ({})",
        spoken(start_ms, from),
        spoken(start_ms, to),
        units::about(to.saturating_sub(from))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_moments_and_few() {
        let scale = Scale { left: 0.0, right: 1000.0, duration_ms: 18 * HOUR_MS };
        let start = units::parse_date_time("2026-03-02T06:30").unwrap();
        let ticks = scale.ticks(start);
        assert_eq!((ticks[0].at, ticks[0].label.as_str()), (90 * MINUTE_MS, "08:00"));
        assert!(ticks.iter().any(|tick| tick.day && tick.label == "Tue 3 Mar"), "{ticks:?}");
        for days in [1, 3, 30, 365, 3_650] {
            let scale = Scale { duration_ms: days * DAY_MS, ..scale };
            let count = scale.ticks(start).len();
            assert!((2..=16).contains(&count), "{days} days: {count}");
        }
        assert_eq!(scale.x(9 * HOUR_MS), 500.0);
        assert_eq!(scale.x(u64::MAX), 1000.0);
    }
}
