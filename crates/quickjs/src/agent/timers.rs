//! The timers of one worker: due ones come out in the order of their times, equal ones in the order they were set.

use crate::clock::Moment;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::time::Duration;

/// Timers that wait, and the ids that are set.
#[derive(Default)]
pub(crate) struct Timers {
    waiting: BinaryHeap<Reverse<(Moment, u64, u32)>>,
    set: HashSet<u32>,
    serial: u64,
}

impl Timers {
    /// How many are set.
    pub(crate) fn len(&self) -> usize {
        self.set.len()
    }

    /// Notes a timer that goes straight to the task queue.
    pub(crate) fn set_immediate(&mut self, id: u32) {
        self.set.insert(id);
    }

    /// Sets a timer.
    pub(crate) fn set(&mut self, id: u32, now: Moment, delay_ms: f64) {
        let delay = Duration::try_from_secs_f64(delay_ms / 1000.0).unwrap_or(LONGEST).min(LONGEST);
        self.serial += 1;
        self.waiting.push(Reverse((now + delay, self.serial, id)));
        self.set.insert(id);
    }

    /// Forgets a timer.
    pub(crate) fn clear(&mut self, id: u32) {
        self.set.remove(&id);
        if self.set.is_empty() {
            self.waiting.clear();
        }
    }

    /// Whether a timer that came up is still set; it is no longer afterwards.
    pub(crate) fn fire(&mut self, id: u32) -> bool {
        self.set.remove(&id)
    }

    /// The next timer that is due.
    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<u32> {
        while let Some(Reverse((due, _, id))) = self.waiting.peek().copied() {
            if self.set.contains(&id) && due > now {
                return None;
            }
            self.waiting.pop();
            if self.set.contains(&id) {
                return Some(id);
            }
        }
        None
    }

    /// When the next one is due; no wake-up for timers that were cleared.
    pub(crate) fn next_due(&mut self) -> Option<Moment> {
        while let Some(Reverse((due, _, id))) = self.waiting.peek().copied() {
            if self.set.contains(&id) {
                return Some(due);
            }
            self.waiting.pop();
        }
        None
    }
}

/// HTML's timers hold 32 bits of milliseconds.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn timers_come_out_by_time_then_by_order_and_cleared_ones_never() {
        let now = clock::now();
        let mut timers = Timers::default();
        timers.set(1, now, 20.0);
        timers.set(2, now, 10.0);
        timers.set(3, now, 10.0);
        timers.set(4, now, 5.0);
        timers.set(5, now, f64::NAN);
        timers.clear(4);
        assert_eq!(timers.next_due(), Some(now + Duration::from_millis(10)));
        assert_eq!(timers.pop_due(now), None);
        let later = now + Duration::from_millis(20);
        assert_eq!(
            [timers.pop_due(later), timers.pop_due(later), timers.pop_due(later)],
            [Some(2), Some(3), Some(1)]
        );
        assert_eq!(timers.pop_due(later), None);
        assert!(timers.fire(2) && !timers.fire(2) && !timers.fire(4));
        assert_eq!(timers.next_due(), Some(now + LONGEST));
    }
}
