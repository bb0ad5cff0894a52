//! Lengths of time and moments of a scenario. A scenario has one clock without time zones: its engine takes it for UTC.

use super::draw::Draw;
use jiff::civil::DateTime;
use jiff::{SpanRelativeTo, Unit};

pub(crate) const SECOND_MS: u64 = 1_000;
pub(crate) const MINUTE_MS: u64 = 60 * SECOND_MS;
pub(crate) const HOUR_MS: u64 = 60 * MINUTE_MS;
pub(crate) const DAY_MS: u64 = 24 * HOUR_MS;

/// A length of time such as `90s`, `1h 30m` or `7d`, in milliseconds; a day has 24 hours. Not negative.
pub(crate) fn parse_duration(text: &str) -> Option<u64> {
    let span: jiff::Span = text.trim().parse().ok()?;
    let total = span.total((Unit::Millisecond, SpanRelativeTo::days_are_24_hours())).ok()?;
    (total.is_finite() && (0.0..=1e15).contains(&total)).then_some(total.round() as u64)
}

/// A length of time as short as it can be said exactly: `90s` is `1m 30s`.
pub(crate) fn duration_text(ms: u64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let units = [(DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "m"), (SECOND_MS, "s"), (1, "ms")];
    let mut rest = ms;
    let mut parts = Vec::new();
    for (unit, name) in units {
        if rest >= unit {
            parts.push(format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    parts.join(" ")
}

/// A length of time for people who want to know how much, not how much exactly: two units at most.
pub(crate) fn about(ms: u64) -> String {
    let unit = match ms {
        DAY_MS.. => HOUR_MS,
        HOUR_MS.. => MINUTE_MS,
        10_000.. => SECOND_MS,
        1_000.. => 100,
        _ => 1,
    };
    let rounded = (ms + unit / 2) / unit * unit;
    if (SECOND_MS..10 * SECOND_MS).contains(&rounded) && !rounded.is_multiple_of(SECOND_MS) {
        return format!("{}.{}s", rounded / SECOND_MS, rounded % SECOND_MS / 100);
    }
    duration_text(rounded)
}

/// A length of time that is drawn anew each time it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spread {
    pub(crate) least_ms: u64,
    pub(crate) most_ms: u64,
}

impl Spread {
    /// Always the same.
    pub(crate) const fn exactly(ms: u64) -> Spread {
        Spread { least_ms: ms, most_ms: ms }
    }

    /// `2s`, or `200ms..5s`.
    pub(crate) fn parse(text: &str) -> Option<Spread> {
        match text.split_once("..") {
            Some((least, most)) => {
                let spread = Spread { least_ms: parse_duration(least)?, most_ms: parse_duration(most)? };
                (spread.least_ms <= spread.most_ms).then_some(spread)
            }
            None => parse_duration(text).map(Spread::exactly),
        }
    }

    /// One length, from `draw`.
    pub(crate) fn draw(self, draw: Draw) -> u64 {
        self.least_ms + draw.below(self.most_ms - self.least_ms + 1)
    }
}

/// Days of the week by their short names.
pub(crate) const DAYS: [(&str, u8); 7] =
    [("mon", 0), ("tue", 1), ("wed", 2), ("thu", 3), ("fri", 4), ("sat", 5), ("sun", 6)];

/// `2026-03-02T07:10` or `2026-03-02`, in milliseconds since 1970.
pub(crate) fn parse_date_time(text: &str) -> Option<i64> {
    let time: DateTime = text.trim().parse().ok()?;
    // A zone would be read over silently.
    if text.contains(['Z', 'z', '[']) || text.rfind(['+']).is_some() {
        return None;
    }
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// `07:10` or `07:10:30`, in milliseconds since midnight.
pub(crate) fn parse_time_of_day(text: &str) -> Option<u64> {
    let mut parts = text.trim().split(':').map(|part| {
        let digits = !part.is_empty() && part.len() <= 2 && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse::<u64>().ok()).flatten()
    });
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    (parts.next().is_none() && hour < 24 && minute < 60 && second < 60)
        .then_some(hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS)
}

/// The day of the week of a moment: 0 is Monday.
pub(crate) fn weekday(wall_ms: i64) -> u8 {
    // 1970 began on a Thursday.
    (wall_ms.div_euclid(DAY_MS.cast_signed()) + 3).rem_euclid(7) as u8
}

/// A moment as civil time: `Mon 2026-03-02 07:10:00`, and its parts.
pub(crate) struct Civil {
    /// `Mon 2026-03-02`.
    pub(crate) date: String,
    /// `07:10:00`.
    pub(crate) time: String,
}

impl Civil {
    pub(crate) fn of(wall_ms: i64) -> Civil {
        let day_name = DAYS[usize::from(weekday(wall_ms)) % 7].0;
        let mut name = day_name.to_owned();
        name[..1].make_ascii_uppercase();
        match jiff::Timestamp::from_millisecond(wall_ms) {
            Ok(moment) => {
                let civil = moment.to_zoned(jiff::tz::TimeZone::UTC).datetime();
                Civil {
                    date: format!("{name} {}", civil.date()),
                    time: format!("{:02}:{:02}:{:02}", civil.hour(), civil.minute(), civil.second()),
                }
            }
            Err(_) => Civil { date: name, time: format!("{wall_ms} ms since 1970") },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_and_written() {
        for (text, ms) in [
            ("90s", 90_000),
            ("1h 30m", 5_400_000),
            ("30d", 2_592_000_000),
            ("1w", 604_800_000),
            ("250ms", 250),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Some(ms), "{text}");
        }
        for wrong in ["", "soon", "10", "-5m", "1 month", "9999999d", "1mo"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
        assert_eq!(duration_text(90_061_001), "1d 1h 1m 1s 1ms");
        assert_eq!(about(90_061_001), "1d 1h");
        assert_eq!(about(1_449), "1.4s");
        assert_eq!(about(59_700), "1m");
        assert_eq!(about(2_000), "2s");
        assert_eq!(about(0), "0s");
    }

    #[test]
    fn spreads_stay_within_their_ends() {
        let spread = Spread::parse("200ms..5s").unwrap();
        for n in 0..200 {
            let drawn = spread.draw(Draw::new(1).with(n));
            assert!((200..=5_000).contains(&drawn));
        }
        assert_eq!(Spread::parse("2s"), Some(Spread::exactly(2_000)));
        assert_eq!(Spread::parse("5s..2s"), None);
    }

    #[test]
    fn moments_are_read_without_zones() {
        assert_eq!(parse_date_time("1970-01-02T00:00"), Some(86_400_000));
        assert_eq!(parse_date_time("1970-01-02"), Some(86_400_000));
        for wrong in ["1970-01-02T00:00Z", "1970-01-02T00:00+02:00", "02.01.1970", "1970-02-30"] {
            assert_eq!(parse_date_time(wrong), None, "{wrong}");
        }
        assert_eq!(parse_time_of_day("07:10"), Some(7 * HOUR_MS + 10 * MINUTE_MS));
        assert_eq!(parse_time_of_day("07:10:05"), Some(7 * HOUR_MS + 10 * MINUTE_MS + 5_000));
        for wrong in ["24:00", "7", "07:60", "07:10:60", "07:10:00:00", "-1:00", "a:b"] {
            assert_eq!(parse_time_of_day(wrong), None, "{wrong}");
        }
        assert_eq!(weekday(0), 3);
        assert_eq!(weekday(-1), 2);
        let civil = Civil::of(1_772_436_600_000);
        assert_eq!((civil.date.as_str(), civil.time.as_str()), ("Mon 2026-03-02", "07:30:00"));
    }
}
