//! Two clocks, always arguments (design decision 4): wall time survives a restart, monotonic time measures.

use core::fmt;

/// Wall-clock time in milliseconds since the Unix epoch. May jump in either direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// Monotonic time in milliseconds since an arbitrary start. Never goes backwards within one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(pub u64);

/// Both clocks, read at the same moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For everything that is written to the store or shown to a person.
    pub wall: Timestamp,
    /// For delays and time limits while the process lives.
    pub mono: Monotonic,
}

impl Timestamp {
    /// This moment plus `ms` milliseconds, saturating.
    pub fn plus_ms(self, ms: u64) -> Timestamp {
        Timestamp(self.0.saturating_add_unsigned(ms))
    }

    /// Milliseconds from `earlier` to this moment; 0 if `earlier` is later.
    pub fn ms_since(self, earlier: Timestamp) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

impl Monotonic {
    /// This moment plus `ms` milliseconds, saturating.
    pub fn plus_ms(self, ms: u64) -> Monotonic {
        Monotonic(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment; 0 if `earlier` is later.
    pub fn ms_since(self, earlier: Monotonic) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A moment on the monotonic axis that may lie before the start of the process: what a wall-clock time of the store
/// becomes when it is read (D30).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Moment(pub(crate) i64);

impl Now {
    /// The present on the monotonic axis.
    pub(crate) fn moment(self) -> Moment {
        Moment(i64::try_from(self.mono.0).unwrap_or(i64::MAX))
    }

    /// Where a stored wall-clock time lies. A time in the future means that the clock was set back: it counts as now, so
    /// that a jump delays by one full delay at most (D30, R174).
    pub(crate) fn moment_of(self, time: Timestamp) -> Moment {
        let age = i64::try_from(self.wall.ms_since(time)).unwrap_or(i64::MAX);
        Moment(self.moment().0.saturating_sub(age))
    }
}

impl Moment {
    pub(crate) fn plus_ms(self, ms: u64) -> Moment {
        Moment(self.0.saturating_add_unsigned(ms))
    }

    /// Milliseconds from `earlier` to this moment; 0 if `earlier` is later.
    pub(crate) fn ms_since(self, earlier: Moment) -> u64 {
        if self <= earlier { 0 } else { self.0.abs_diff(earlier.0) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}
