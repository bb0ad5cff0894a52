//! When a network that changes has come to rest (R58). No clock, no thread: time is an argument.

use wakeworker_core::Monotonic;

/// A network counts as settled when nothing has changed for this long.
const QUIET_MS: u64 = 250;
/// A network that never rests is looked at after this long all the same.
const RESTLESS_MS: u64 = 2_000;

/// Collects a burst of changes into one.
#[derive(Debug, Default)]
pub(super) struct Settling {
    burst: Option<Burst>,
}

#[derive(Clone, Copy, Debug)]
struct Burst {
    first: Monotonic,
    last: Monotonic,
}

impl Settling {
    /// Something changed.
    pub(super) fn stirred(&mut self, now: Monotonic) {
        let first = self.burst.map_or(now, |burst| burst.first);
        self.burst = Some(Burst { first, last: now });
    }

    /// When to call [`Settling::settled`] next; `None` while nothing has changed, so that no timer is needed.
    pub(super) fn deadline(&self) -> Option<Monotonic> {
        self.burst.map(|burst| burst.last.plus_ms(QUIET_MS).min(burst.first.plus_ms(RESTLESS_MS)))
    }

    /// Whether it is time to look at the network. True once for each burst.
    pub(super) fn settled(&mut self, now: Monotonic) -> bool {
        let settled = self.deadline().is_some_and(|deadline| deadline <= now);
        if settled {
            self.burst = None;
        }
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The moments at which the network is looked at if it changes at `changes`, by virtual time.
    fn looks(changes: &[u64]) -> Vec<u64> {
        let (mut settling, mut looks) = (Settling::default(), Vec::new());
        let mut changes = changes.iter().copied().peekable();
        loop {
            let change = changes.peek().copied();
            let deadline = settling.deadline().map(|deadline| deadline.0);
            match (change, deadline) {
                (None, None) => return looks,
                (Some(change), deadline) if deadline.is_none_or(|deadline| change < deadline) => {
                    settling.stirred(Monotonic(change));
                    changes.next();
                    assert!(!settling.settled(Monotonic(change)));
                }
                (_, Some(deadline)) => {
                    assert!(settling.settled(Monotonic(deadline)));
                    assert!(!settling.settled(Monotonic(deadline)), "once for each burst");
                    looks.push(deadline);
                }
                (Some(_), None) => unreachable!("the guard above is true without a deadline"),
            }
        }
    }

    #[test] // R58
    fn a_burst_is_looked_at_once_when_it_is_over() {
        assert_eq!(looks(&[]), [] as [u64; 0]);
        assert_eq!(looks(&[5]), [255]);
        assert_eq!(looks(&[0, 100, 200, 300]), [550]);
        assert_eq!(looks(&[0, 250, 600]), [250, 500, 850]);
    }

    #[test] // R58
    fn a_network_that_flaps_for_ever_costs_one_look_in_two_seconds() {
        let flapping: Vec<u64> = (0..600).map(|change| change * 100).collect();
        let looks = looks(&flapping);
        assert_eq!(looks.first(), Some(&2_000));
        assert!((29..=31).contains(&looks.len()), "{} looks in a minute", looks.len());
    }

    #[test]
    fn times_at_the_end_of_the_scale_do_not_overflow() {
        let mut settling = Settling::default();
        settling.stirred(Monotonic(u64::MAX));
        assert!(settling.settled(Monotonic(u64::MAX)));
    }
}
