//! A connection that is whatever it is told to be.

use super::{NetworkMonitor, OnChange};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wakeworker_core::Connection;

/// A monitor that reports what [`ManualNetwork::set`] says (R57, R183).
///
/// Clones are handles to the same network: give one to the host and keep the other.
pub struct ManualNetwork {
    network: Arc<Mutex<Network>>,
    /// This clone's place among the listeners, if it was started.
    listener: Option<u64>,
}

struct Network {
    connection: Connection,
    listeners: BTreeMap<u64, OnChange>,
    listeners_ever: u64,
}

impl ManualNetwork {
    /// A network with this connection.
    pub fn new(connection: Connection) -> ManualNetwork {
        let network = Network { connection, listeners: BTreeMap::new(), listeners_ever: 0 };
        ManualNetwork { network: Arc::new(Mutex::new(network)), listener: None }
    }

    /// Changes the connection. Reports nothing if it is the same as before (R58).
    pub fn set(&self, connection: Connection) {
        let mut network = self.lock();
        if network.connection != connection {
            network.connection = connection;
            network.listeners.values().for_each(|on_change| on_change(connection));
        }
    }

    /// The connection as last set.
    pub fn connection(&self) -> Connection {
        self.lock().connection
    }

    /// A listener that panicked has changed nothing here, so the state is good.
    fn lock(&self) -> MutexGuard<'_, Network> {
        self.network.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for ManualNetwork {
    fn clone(&self) -> ManualNetwork {
        ManualNetwork { network: Arc::clone(&self.network), listener: None }
    }
}

impl NetworkMonitor for ManualNetwork {
    fn start(&mut self, on_change: OnChange) {
        let mut network = self.network.lock().unwrap_or_else(PoisonError::into_inner);
        on_change(network.connection); // R55
        let listener = *self.listener.get_or_insert_with(|| {
            network.listeners_ever += 1;
            network.listeners_ever
        });
        network.listeners.insert(listener, on_change);
    }
}

impl Drop for ManualNetwork {
    fn drop(&mut self) {
        if let Some(listener) = self.listener {
            self.lock().listeners.remove(&listener);
        }
    }
}

impl fmt::Debug for ManualNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualNetwork").field("connection", &self.connection()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::testing::Heard;

    // CR: GetNetworkOnConstruction, NetworkChangeInvokesCallback
    #[test] // R55, R56, R57
    fn the_present_connection_is_told_at_once_and_then_each_change_once() {
        let network = ManualNetwork::new(Connection::Wifi);
        let mut monitor = network.clone();
        let heard = Heard::default();
        monitor.start(heard.listener());
        network.set(Connection::None);
        network.set(Connection::None);
        network.set(Connection::Cellular);
        assert_eq!(heard.all(), [Connection::Wifi, Connection::None, Connection::Cellular]);
    }

    #[test]
    fn a_dropped_monitor_is_not_told_and_its_handle_and_others_live_on() {
        let network = ManualNetwork::new(Connection::None);
        let (mut gone, mut stays) = (network.clone(), network.clone());
        let (heard_gone, heard_stays) = (Heard::default(), Heard::default());
        gone.start(heard_gone.listener());
        stays.start(heard_stays.listener());
        drop(gone);
        network.set(Connection::Ethernet);
        assert_eq!(heard_gone.all(), [Connection::None]);
        assert_eq!(heard_stays.all(), [Connection::None, Connection::Ethernet]);
    }

    #[test]
    fn a_second_start_replaces_the_first_listener() {
        let mut network = ManualNetwork::new(Connection::None);
        let (first, second) = (Heard::default(), Heard::default());
        network.start(first.listener());
        network.start(second.listener());
        network.set(Connection::Wifi);
        assert_eq!(first.all(), [Connection::None]);
        assert_eq!(second.all(), [Connection::None, Connection::Wifi]);
    }
}
