//! When something happens: once, every day, on some days of the week, or at a rhythm.

use crate::simulate::draw::Draw;
use crate::simulate::reader::Reader;
use crate::simulate::units::{self, DAY_MS, DAYS, SECOND_MS};
use std::ops::Range;

/// The moments of something that happens once or again and again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct When {
    at: Vec<At>,
    every_ms: Option<u64>,
    /// Bit n: day n of the week, from Monday.
    days: u8,
    spread_ms: u64,
    chance: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Every day at this time.
    TimeOfDay(u64),
    /// Once, at this moment of the scenario's clock.
    Moment(i64),
    /// Once, so long after the start.
    After(u64),
}

const EVERY_DAY: u8 = 0b111_1111;
const ALLOWED: &str = "write a time of day such as \"07:10\" (every day), a moment such as 2026-03-02T07:10 (once), a \
                       time since the start such as \"+90m\" (once), or a list of them";

impl When {
    /// Reads the keys `at`, `every`, `days`, `spread` and `chance` of a table.
    pub(crate) fn read(table: &Reader<'_>) -> When {
        let (at, has_at) = read_at(table);
        let every_ms = table.duration("every", SECOND_MS..=400 * DAY_MS);
        if !has_at && !table.has("every") {
            table.missing("at", "at = \"07:10\"");
        }
        if every_ms.is_some() && at.iter().any(|at| matches!(at, At::TimeOfDay(_))) {
            table.problem(
                "every",
                "and a time of day in `at` contradict each other; begin with \"+0s\" or a moment, or leave one out",
            );
        }
        let days = table
            .choices("days", &DAYS)
            .map_or(EVERY_DAY, |days| days.iter().fold(0, |set, day| set | 1 << day));
        if days == 0 {
            table.problem("days", "is empty, so nothing would ever happen; name days or leave it out");
        }
        let spread_ms = table.duration("spread", 0..=30 * DAY_MS).unwrap_or(0);
        let chance = table.probability("chance").unwrap_or(1.0);
        When { at, every_ms, days, spread_ms, chance }
    }

    /// Milliseconds since the start at which it happens within `range`, in order. `draw` names the thing that happens.
    /// More than `most` moments are not looked for: then there is one too many.
    pub(crate) fn moments(&self, start_ms: i64, range: &Range<i64>, draw: Draw, most: usize) -> Vec<i64> {
        let mut moments = Vec::new();
        let mut add = |nominal: i64| -> bool {
            let day = units::weekday(start_ms.saturating_add(nominal));
            let draw = draw.with(nominal.cast_unsigned());
            if self.days & 1 << day == 0 || !draw.named("chance").chance(self.chance) {
                return true;
            }
            let moment = nominal.saturating_add_unsigned(draw.named("spread").below(self.spread_ms + 1));
            if range.contains(&moment) {
                moments.push(moment);
            }
            moments.len() <= most
        };
        let first_of_every = [At::After(0)];
        let at = if self.at.is_empty() { &first_of_every[..] } else { &self.at };
        for at in at {
            match (*at, self.every_ms) {
                (At::TimeOfDay(of_day), _) => {
                    let midnight = start_ms.div_euclid(DAY) * DAY;
                    // A spread may carry yesterday's moment into the range.
                    let first = (start_ms + range.start - self.spread_ms.cast_signed()).div_euclid(DAY) * DAY;
                    let mut day = first - midnight;
                    while day + midnight - start_ms < range.end
                        && add(day + midnight - start_ms + of_day.cast_signed())
                    {
                        day += DAY;
                    }
                }
                (at, None) => {
                    add(at.offset(start_ms));
                }
                (at, Some(every_ms)) => {
                    let mut moment = at.offset(start_ms);
                    while moment < range.end && add(moment) {
                        moment = moment.saturating_add_unsigned(every_ms);
                    }
                }
            }
        }
        moments.sort_unstable();
        moments
    }
}

const DAY: i64 = DAY_MS.cast_signed();

impl At {
    fn parse(text: &str) -> Option<At> {
        if let Some(after) = text.strip_prefix('+') {
            return units::parse_duration(after).map(At::After);
        }
        units::parse_time_of_day(text)
            .map(At::TimeOfDay)
            .or_else(|| units::parse_date_time(text).map(At::Moment))
    }

    fn offset(self, start_ms: i64) -> i64 {
        match self {
            At::TimeOfDay(ms) | At::After(ms) => ms.cast_signed(),
            At::Moment(moment) => moment.saturating_sub(start_ms),
        }
    }
}

fn read_at(table: &Reader<'_>) -> (Vec<At>, bool) {
    let Some(texts) = table.text_or_texts("at", ALLOWED) else { return (Vec::new(), table.has("at")) };
    let mut at = Vec::new();
    for text in texts {
        match At::parse(text) {
            Some(moment) => at.push(moment),
            None => table.problem("at", format!("has {text:?}, which is not allowed; {ALLOWED}")),
        }
    }
    (at, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::document::{Language, parse};
    use crate::simulate::reader::Problems;
    use crate::simulate::units::{HOUR_MS, MINUTE_MS};

    const HOUR: i64 = HOUR_MS.cast_signed();

    fn when(text: &str) -> Result<When, String> {
        let tree = parse(text, Language::Toml).unwrap();
        let problems = Problems::default();
        let top = Reader::top(&tree, &problems);
        let when = When::read(&top);
        top.finish();
        match problems.into_sorted().first() {
            None => Ok(when),
            Some(problem) => Err(problem.describe("s", text)),
        }
    }

    /// Moments in hours since a Monday, 06:00.
    fn hours(text: &str, range: Range<i64>) -> Vec<i64> {
        let monday_six = units::parse_date_time("2026-03-02T06:00").unwrap();
        let range = range.start * HOUR..range.end * HOUR;
        let moments = when(text).unwrap().moments(monday_six, &range, Draw::new(1), 1_000);
        moments.iter().map(|ms| ms / HOUR).collect()
    }

    #[test]
    fn daily_weekly_single_and_rhythmic_moments_come_in_order() {
        assert_eq!(hours("at = \"07:00\"", 0..72), [1, 25, 49]);
        assert_eq!(hours("at = \"05:00\"", -24..48), [-1, 23, 47]);
        assert_eq!(hours("at = [\"07:00\", \"09:00\"]\ndays = [\"tue\"]", 0..72), [25, 27]);
        assert_eq!(hours("at = 2026-03-02T08:00", 0..72), [2]);
        assert_eq!(hours("at = \"+90m\"", 0..72), [1]);
        assert_eq!(hours("every = \"20h\"", 0..72), [0, 20, 40, 60]);
        assert_eq!(hours("at = \"+5h\"\nevery = \"1d\"", 0..72), [5, 29, 53]);
        assert_eq!(hours("at = \"07:00\"\nchance = 0", 0..72), [0; 0]);
    }

    #[test]
    fn a_spread_delays_each_moment_differently_but_always_the_same_way() {
        let spread = when("at = \"07:00\"\nspread = \"30m\"").unwrap();
        let range = 0..30 * DAY;
        let moments = spread.moments(0, &range, Draw::new(1), 1_000);
        assert_eq!(moments.len(), 30);
        let late: Vec<_> = moments.iter().map(|ms| ms.rem_euclid(DAY) - 7 * HOUR).collect();
        assert!(late.iter().all(|ms| (0..=30 * MINUTE_MS.cast_signed()).contains(ms)), "{late:?}");
        assert!(late.iter().collect::<std::collections::BTreeSet<_>>().len() > 25);
        assert_eq!(moments, spread.moments(0, &range, Draw::new(1), 1_000));
        assert_ne!(moments, spread.moments(0, &range, Draw::new(2), 1_000));
    }

    #[test]
    fn contradictions_and_nonsense_are_refused() {
        for (text, said) in [
            ("", "`at` is missing"),
            ("at = \"7 o'clock\"", "has \"7 o'clock\""),
            ("at = 7", "is 7, which is not allowed"),
            ("at = \"07:00\"\nevery = \"1h\"", "contradict"),
            ("at = \"07:00\"\ndays = []", "is empty"),
            ("at = \"07:00\"\ndays = [\"monday\"]", "write a list of: mon, tue"),
            ("every = \"1ms\"", "from 1s to"),
        ] {
            let problem = when(text).unwrap_err();
            assert!(problem.contains(said), "{text}: {problem}");
        }
    }
}
