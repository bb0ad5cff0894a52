//! The one place of this crate that reads a clock.

use jiff::Timestamp;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Monotonic time, for rates and durations.
#[expect(clippy::disallowed_methods, reason = "the clock of this crate")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since 1970 by the wall clock, for stamps that people compare.
#[expect(clippy::disallowed_methods, reason = "the clock of this crate")]
pub(crate) fn wall_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A moment of the engine (milliseconds since 1970) as text that reads the same in every locale and time zone.
pub(crate) fn iso(ms: i64) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => format!("{ms} ms since 1970"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_with_milliseconds() {
        assert_eq!(iso(1_700_000_000_050), "2023-11-14T22:13:20.050Z");
        assert_eq!(iso(i64::MAX), "9223372036854775807 ms since 1970");
    }
}
