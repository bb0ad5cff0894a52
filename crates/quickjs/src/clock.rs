//! The only place of this crate that reads clocks.

use crate::virtual_time::{VirtualTime, Work};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use wakeworker_core::Timestamp;

/// A moment on the monotonic clock.
pub(crate) type Moment = Instant;

/// The time of one runtime: the machine's, or one that a program drives by hand (R183).
#[derive(Clone, Debug, Default)]
pub(crate) struct Time(Option<VirtualTime>);

impl Time {
    /// The machine's time, or the given one.
    pub(crate) fn new(virtual_time: Option<VirtualTime>) -> Time {
        Time(virtual_time)
    }

    /// Now, for measuring.
    pub(crate) fn now(&self) -> Moment {
        self.0.as_ref().map_or_else(now, VirtualTime::moment)
    }

    /// Now, for what is written to disk.
    pub(crate) fn wall(&self) -> Timestamp {
        self.0.as_ref().map_or_else(wall, VirtualTime::wall)
    }

    /// The time that is driven by hand, if it is.
    pub(crate) fn driven(&self) -> Option<&VirtualTime> {
        self.0.as_ref()
    }

    /// Says that something is going on until the value is dropped; time that is driven by hand waits for it.
    pub(crate) fn work(&self) -> Option<Work> {
        self.0.as_ref().map(VirtualTime::work)
    }
}

/// The machine's time, for measuring.
#[expect(clippy::disallowed_methods, reason = "the one reading of the monotonic clock")]
pub(crate) fn now() -> Moment {
    Instant::now()
}

/// The machine's time, for what is written to disk.
#[expect(clippy::disallowed_methods, reason = "the one reading of the wall clock")]
fn wall() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// The processor time that the calling thread has used. Where the system cannot tell, the monotonic clock stands in:
/// then a task is also charged for the time in which it waited.
#[cfg(unix)]
pub(crate) fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(not(unix))]
pub(crate) fn thread_cpu() -> Duration {
    use std::sync::LazyLock;
    static START: LazyLock<Moment> = LazyLock::new(now);
    now().saturating_duration_since(*START)
}
