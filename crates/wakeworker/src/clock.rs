//! The only place that reads the clocks of the machine.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use wakeworker_core::{Monotonic, Now, Timestamp};

/// A source of both clocks (design decision 4).
pub trait Clock: Send + Sync {
    /// Both clocks, read now.
    fn now(&self) -> Now;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[expect(clippy::disallowed_methods, reason = "this is clock.rs")]
    pub fn new() -> SystemClock {
        SystemClock { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is clock.rs")]
    fn now(&self) -> Now {
        // A wall clock before 1970 is a broken clock: the engine only sees a jump.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mono = self.start.elapsed().as_millis();
        Now {
            wall: Timestamp(i64::try_from(wall).unwrap_or(i64::MAX)),
            mono: Monotonic(u64::try_from(mono).unwrap_or(u64::MAX)),
        }
    }
}

/// A clock that stands still until it is moved: virtual time for tests and simulations (R183).
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    now: Arc<Mutex<Now>>,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: Now) -> ManualClock {
        ManualClock { now: Arc::new(Mutex::new(now)) }
    }

    /// Moves both clocks forward.
    pub fn advance_ms(&self, ms: u64) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = Now { wall: now.wall.plus_ms(ms), mono: now.mono.plus_ms(ms) };
    }

    /// Sets the wall clock, as a user or a time server does; monotonic time goes on.
    pub fn set_wall(&self, wall: Timestamp) {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).wall = wall;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
