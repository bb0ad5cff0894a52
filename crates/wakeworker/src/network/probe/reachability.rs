//! When to probe, and what the answers mean. No clock, no thread, no network: facts and time are arguments.

use wakeworker_core::{Connection, Monotonic};

/// Delays between failed probes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    pub(super) initial_ms: u64,
    pub(super) max_ms: u64,
}

/// What is known about the network beyond the hint.
#[derive(Debug)]
pub(super) struct Reachability {
    backoff: Backoff,
    hint: Connection,
    /// Counts the networks that the hint has shown, so that an answer for an old one is recognised.
    network: u64,
    state: State,
    reported: Option<Connection>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The hint says that there is no network: nothing to prove.
    Down,
    /// The present network has to be probed at this time, after so many failures in a row.
    Unproven { at: Monotonic, failures: u32 },
    /// The present network has answered. Nothing is probed any more: from here on a failing sync is the signal.
    Proven,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Probe the network with this number now.
    Probe(u64),
    /// Ask again at this time.
    WaitUntil(Monotonic),
    /// Nothing, until the hint changes.
    Rest,
}

impl Reachability {
    pub(super) fn new(backoff: Backoff) -> Reachability {
        Reachability { backoff, hint: Connection::None, network: 0, state: State::Down, reported: None }
    }

    /// Somebody new listens, who has been told nothing yet.
    pub(super) fn forget_reports(&mut self) {
        self.reported = None;
    }

    /// The hint says this now; a repeated value is another network of the same kind. Returns what to report.
    pub(super) fn hinted(&mut self, now: Monotonic, hint: Connection) -> Option<Connection> {
        self.hint = hint;
        self.network += 1;
        if !hint.is_online() {
            self.state = State::Down;
            return self.changed_to(Connection::None);
        }
        // Until the new network has failed to answer, what the old one had proven is believed: a laptop that moves
        // from cable to wireless must not look offline in between.
        self.state = State::Unproven { at: now, failures: 0 };
        match self.reported {
            Some(reported) if reported.is_online() => None,
            _ => self.changed_to(Connection::None),
        }
    }

    /// A probe of this network has ended. Returns what to report.
    pub(super) fn answered(&mut self, now: Monotonic, network: u64, reachable: bool) -> Option<Connection> {
        let State::Unproven { failures, .. } = self.state else { return None };
        if network != self.network {
            return None;
        }
        if reachable {
            self.state = State::Proven;
            return self.changed_to(self.hint);
        }
        let doublings = failures.min(32);
        let delay = self.backoff.initial_ms.saturating_mul(1 << doublings).min(self.backoff.max_ms);
        self.state = State::Unproven { at: now.plus_ms(delay), failures: failures.saturating_add(1) };
        self.changed_to(Connection::None)
    }

    /// What to do now.
    pub(super) fn next(&self, now: Monotonic) -> Next {
        match self.state {
            State::Down | State::Proven => Next::Rest,
            State::Unproven { at, .. } if at > now => Next::WaitUntil(at),
            State::Unproven { .. } => Next::Probe(self.network),
        }
    }

    fn changed_to(&mut self, connection: Connection) -> Option<Connection> {
        (self.reported.replace(connection) != Some(connection)).then_some(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { initial_ms: 1_000, max_ms: 60_000 };

    fn at(ms: u64) -> Monotonic {
        Monotonic(ms)
    }

    #[test] // R55
    fn nothing_is_probed_while_the_hint_says_down() {
        let mut reachability = Reachability::new(BACKOFF);
        assert_eq!(reachability.next(at(0)), Next::Rest);
        assert_eq!(reachability.hinted(at(0), Connection::None), Some(Connection::None));
        assert_eq!(reachability.hinted(at(5), Connection::None), None);
        assert_eq!(reachability.next(at(1_000_000)), Next::Rest);
    }

    #[test] // R49, R50
    fn a_hint_is_reported_only_once_it_is_proven_and_then_never_probed_again() {
        let mut reachability = Reachability::new(BACKOFF);
        assert_eq!(reachability.hinted(at(0), Connection::Wifi), Some(Connection::None));
        assert_eq!(reachability.next(at(0)), Next::Probe(1));
        assert_eq!(reachability.answered(at(100), 1, true), Some(Connection::Wifi));
        assert_eq!(reachability.next(at(u64::MAX)), Next::Rest);
        assert_eq!(reachability.answered(at(200), 1, false), None, "a probe is answered once");
    }

    #[test] // R58
    fn failures_are_repeated_after_1_to_60_seconds() {
        let mut reachability = Reachability::new(BACKOFF);
        reachability.hinted(at(0), Connection::Wifi);
        let (mut now, mut delays) = (at(0), Vec::new());
        for _ in 0..9 {
            assert_eq!(reachability.next(now), Next::Probe(1));
            assert_eq!(reachability.answered(now, 1, false), None);
            let Next::WaitUntil(next) = reachability.next(now) else { panic!("there is always a next time") };
            assert_eq!(reachability.next(Monotonic(next.0 - 1)), Next::WaitUntil(next));
            delays.push(next.ms_since(now) / 1_000);
            now = next;
        }
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(reachability.answered(now, 1, true), Some(Connection::Wifi));
    }

    #[test]
    fn a_new_network_is_probed_at_once_whatever_the_old_one_had_to_wait() {
        let mut reachability = Reachability::new(BACKOFF);
        reachability.hinted(at(0), Connection::Wifi);
        for _ in 0..6 {
            reachability.answered(at(0), 1, false);
        }
        assert_eq!(reachability.hinted(at(10), Connection::Wifi), None);
        assert_eq!(reachability.next(at(10)), Next::Probe(2));
        reachability.answered(at(10), 2, false);
        assert_eq!(reachability.next(at(10)), Next::WaitUntil(at(1_010)));
    }

    #[test] // R49: a captive portal after a working network
    fn a_network_that_does_not_answer_is_no_network_but_moving_to_one_that_does_is_no_gap() {
        let mut reachability = Reachability::new(BACKOFF);
        reachability.hinted(at(0), Connection::Ethernet);
        reachability.answered(at(0), 1, true);
        assert_eq!(reachability.hinted(at(50), Connection::Wifi), None);
        assert_eq!(reachability.answered(at(60), 2, true), Some(Connection::Wifi));
        assert_eq!(reachability.hinted(at(70), Connection::Wifi), None);
        assert_eq!(reachability.answered(at(80), 3, false), Some(Connection::None));
    }

    #[test] // R58
    fn the_answer_for_a_network_that_is_gone_is_ignored() {
        let mut reachability = Reachability::new(BACKOFF);
        reachability.hinted(at(0), Connection::Wifi);
        reachability.hinted(at(1), Connection::None);
        assert_eq!(reachability.answered(at(2), 1, true), None);
        reachability.hinted(at(3), Connection::Wifi);
        assert_eq!(reachability.answered(at(4), 1, true), None);
        assert_eq!(reachability.next(at(4)), Next::Probe(3));
    }

    proptest::proptest! {
        #[test] // R49, R58
        fn reports_alternate_and_an_online_report_always_has_a_proof(
            events in proptest::collection::vec((0..4_u8, 0..100_000_u64, proptest::bool::ANY), 0..60)
        ) {
            let mut reachability = Reachability::new(BACKOFF);
            let (mut now, mut last) = (at(0), None);
            for (event, wait, reachable) in events {
                now = now.plus_ms(wait);
                let probing = match reachability.next(now) {
                    Next::Probe(network) => Some(network),
                    _ => None,
                };
                let report = match event {
                    0 => reachability.hinted(now, Connection::None),
                    1 => reachability.hinted(now, Connection::Wifi),
                    _ => probing.and_then(|network| reachability.answered(now, network, reachable)),
                };
                if let Some(connection) = report {
                    proptest::prop_assert_ne!(last, Some(connection));
                    if connection.is_online() {
                        proptest::prop_assert!(event > 1 && reachable);
                    }
                    last = Some(connection);
                }
                if let Next::WaitUntil(next) = reachability.next(now) {
                    proptest::prop_assert!((1_000..=60_000).contains(&next.ms_since(now)) || probing.is_none());
                }
            }
        }
    }
}
