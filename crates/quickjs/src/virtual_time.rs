//! Time that a program drives by hand, for simulations and tests (R183).

use crate::clock::{self, Moment};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wakeworker::Clock;
use wakeworker_core::Timestamp;

/// The time of a runtime that sees another clock than the machine's: timers, `Date`, `performance`, idle times and time
/// limits of events follow it, and random numbers are drawn from a seed. Only processor time is always real.
///
/// Whoever moves the clock first waits until nothing is going on any more at the present moment
/// ([`VirtualTime::settle`]), moves the clock to [`Runtime::next_due_ms`](crate::Runtime::next_due_ms) at most, and
/// calls [`Runtime::run_due`](crate::Runtime::run_due). Then equal inputs give equal results on every run.
#[derive(Clone)]
pub struct VirtualTime {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Arc<dyn Clock>,
    /// A real moment that stands for the clock's monotonic zero.
    zero: Moment,
    seed: u64,
    going_on: Mutex<GoingOn>,
    changed: Condvar,
}

#[derive(Default)]
struct GoingOn {
    works: usize,
    /// Counts everything that was ever begun.
    begun: u64,
}

/// Something is going on until this is dropped.
pub(crate) struct Work {
    time: VirtualTime,
}

impl VirtualTime {
    /// A time that follows `clock`; random numbers come from `seed`.
    pub fn new(clock: Arc<dyn Clock>, seed: u64) -> VirtualTime {
        let inner = Inner {
            clock,
            zero: clock::now(),
            seed,
            going_on: Mutex::new(GoingOn::default()),
            changed: Condvar::new(),
        };
        VirtualTime { inner: Arc::new(inner) }
    }

    /// Waits until every worker waits for time to pass or for something from outside, at most for `patience` of real
    /// time. `None` if something is still going on then; else a number that grows whenever something is begun.
    ///
    /// Something that waits for the host is going on: the caller must turn its driver meanwhile.
    pub fn settle(&self, patience: Duration) -> Option<u64> {
        let (state, _) = self
            .inner
            .changed
            .wait_timeout_while(self.going_on(), patience, |state| state.works > 0)
            .unwrap_or_else(PoisonError::into_inner);
        (state.works == 0).then_some(state.begun)
    }

    pub(crate) fn moment(&self) -> Moment {
        let mono = self.inner.clock.now().mono;
        // A clock at the end of time stands still there.
        self.inner.zero.checked_add(Duration::from_millis(mono.0)).unwrap_or(self.inner.zero)
    }

    pub(crate) fn wall(&self) -> Timestamp {
        self.inner.clock.now().wall
    }

    /// Milliseconds from now to a moment, rounded up; 0 if it has passed.
    pub(crate) fn ms_until(&self, moment: Moment) -> u64 {
        let left = moment.saturating_duration_since(self.moment());
        u64::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    /// Random bytes: equal for equal names.
    pub(crate) fn random_bytes(&self, name: [u64; 3], length: usize) -> Vec<u8> {
        let mut state = name.iter().fold(mix(self.inner.seed), |state, part| mix(state ^ mix(*part)));
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            state = mix(state);
            bytes.extend(state.to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    pub(crate) fn work(&self) -> Work {
        self.begin();
        Work { time: self.clone() }
    }

    /// Something begins that [`VirtualTime::end`] will end.
    pub(crate) fn begin(&self) {
        let mut state = self.going_on();
        state.works += 1;
        state.begun += 1;
    }

    /// Something that was begun has ended.
    pub(crate) fn end(&self) {
        let mut state = self.going_on();
        state.works = state.works.saturating_sub(1);
        if state.works == 0 {
            self.inner.changed.notify_all();
        }
    }

    fn going_on(&self) -> MutexGuard<'_, GoingOn> {
        self.inner.going_on.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.time.end();
    }
}

impl PartialEq for VirtualTime {
    fn eq(&self, other: &VirtualTime) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for VirtualTime {}

impl fmt::Debug for VirtualTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualTime").field("now", &self.inner.clock.now()).finish_non_exhaustive()
    }
}

/// SplitMix64's step: every bit of the number changes half of the result's.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
