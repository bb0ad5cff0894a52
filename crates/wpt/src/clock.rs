//! The only place of this crate that reads clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A moment on the monotonic clock, for deadlines and durations.
#[expect(clippy::disallowed_methods, reason = "the clock of this crate")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since 1970, for reports.
#[expect(clippy::disallowed_methods, reason = "the clock of this crate")]
pub(crate) fn wall_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
