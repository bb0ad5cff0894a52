//! Pretending that there is no network.

use super::{NetworkMonitor, OnChange};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wakeworker_core::Connection;

/// Makes the network appear to be gone, over whatever another monitor says (R241).
///
/// There is a switch for people, [`OfflineSwitch::force_offline`], and there are holds for tools,
/// [`OfflineSwitch::hold`], which are counted: the network is back when the switch is off and the last hold is dropped.
/// Clones are handles to the same switch.
#[derive(Clone, Default)]
pub struct OfflineSwitch {
    state: Arc<Mutex<State>>,
}

/// While it lives, the network appears to be gone. Dropping it releases the hold.
#[derive(Debug)]
#[must_use = "the network is back as soon as this is dropped"]
pub struct OfflineHold {
    switch: OfflineSwitch,
}

#[derive(Default)]
struct State {
    forced: bool,
    holds: usize,
    /// What the monitor below says.
    real: Connection,
    on_change: Option<OnChange>,
}

impl OfflineSwitch {
    /// A switch that is off.
    pub fn new() -> OfflineSwitch {
        OfflineSwitch::default()
    }

    /// A monitor that reports what `inner` does, or no connection while this switch says so.
    pub fn over(&self, inner: Box<dyn NetworkMonitor>) -> Box<dyn NetworkMonitor> {
        Box::new(SwitchedNetwork { inner, switch: self.clone() })
    }

    /// Turns the switch on or off. Off leaves the holds in force.
    pub fn force_offline(&self, forced: bool) {
        self.lock().change(|state| state.forced = forced);
    }

    /// Makes the network appear to be gone until the hold is dropped.
    pub fn hold(&self) -> OfflineHold {
        self.lock().change(|state| state.holds += 1);
        OfflineHold { switch: self.clone() }
    }

    /// Whether the network is made to appear gone.
    pub fn is_offline_forced(&self) -> bool {
        self.lock().is_forced()
    }

    /// A listener that panicked has changed nothing here, so the state is good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OfflineHold {
    fn drop(&mut self) {
        self.switch.lock().change(|state| state.holds -= 1);
    }
}

impl fmt::Debug for OfflineSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("OfflineSwitch")
            .field("forced", &state.forced)
            .field("holds", &state.holds)
            .field("real", &state.real)
            .finish_non_exhaustive()
    }
}

impl State {
    fn is_forced(&self) -> bool {
        self.forced || self.holds > 0
    }

    /// Reports only what makes a difference: while the network is held down nothing that the real one does is seen.
    fn change(&mut self, change: impl FnOnce(&mut State)) {
        let before = self.is_forced();
        change(self);
        if self.is_forced() != before && self.real.is_online() {
            self.report();
        }
    }

    fn report(&self) {
        if let Some(on_change) = &self.on_change {
            on_change(if self.is_forced() { Connection::None } else { self.real });
        }
    }
}

/// The monitor that a host gets: it owns the one below, so that dropping it ends that one too.
struct SwitchedNetwork {
    inner: Box<dyn NetworkMonitor>,
    switch: OfflineSwitch,
}

impl NetworkMonitor for SwitchedNetwork {
    fn start(&mut self, on_change: OnChange) {
        self.switch.lock().on_change = Some(on_change);
        let switch = self.switch.clone();
        let told = Mutex::new(false);
        self.inner.start(Box::new(move |connection| {
            let mut state = switch.lock();
            state.real = connection;
            // The first report is the answer to R55 and is passed on in any case.
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            if !state.is_forced() || !*told {
                state.report();
            }
            *told = true;
        }));
    }
}

impl Drop for SwitchedNetwork {
    fn drop(&mut self) {
        self.switch.lock().on_change = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::ManualNetwork;
    use crate::network::testing::Heard;

    fn switched(connection: Connection) -> (ManualNetwork, OfflineSwitch, Heard, Box<dyn NetworkMonitor>) {
        let (network, switch, heard) =
            (ManualNetwork::new(connection), OfflineSwitch::new(), Heard::default());
        let mut monitor = switch.over(Box::new(network.clone()));
        monitor.start(heard.listener());
        (network, switch, heard, monitor)
    }

    #[test] // R241
    fn nested_requests_are_counted_and_the_last_release_brings_the_network_back() {
        let (_network, switch, heard, _monitor) = switched(Connection::Wifi);
        let first = switch.hold();
        let second = switch.hold();
        switch.force_offline(true);
        switch.force_offline(true);
        drop(first);
        drop(second);
        assert!(switch.is_offline_forced());
        assert_eq!(heard.all(), [Connection::Wifi, Connection::None]);
        switch.force_offline(false);
        assert!(!switch.is_offline_forced());
        assert_eq!(heard.all(), [Connection::Wifi, Connection::None, Connection::Wifi]);
    }

    #[test] // R241, R58
    fn what_the_real_network_does_meanwhile_is_seen_only_at_the_end() {
        let (network, switch, heard, _monitor) = switched(Connection::Wifi);
        let hold = switch.hold();
        network.set(Connection::None);
        network.set(Connection::Ethernet);
        drop(hold);
        assert_eq!(heard.all(), [Connection::Wifi, Connection::None, Connection::Ethernet]);

        network.set(Connection::None);
        drop(switch.hold());
        assert_eq!(heard.all()[3..], [Connection::None]);
    }

    #[test] // R55
    fn a_switch_that_is_on_before_the_start_hides_the_network_from_the_first_moment() {
        let (network, switch, heard) =
            (ManualNetwork::new(Connection::Wifi), OfflineSwitch::new(), Heard::default());
        switch.force_offline(true);
        let mut monitor = switch.over(Box::new(network.clone()));
        monitor.start(heard.listener());
        network.set(Connection::Cellular);
        assert_eq!(heard.all(), [Connection::None]);
        drop(monitor);
        switch.force_offline(false);
        assert_eq!(heard.all(), [Connection::None]);
    }
}
