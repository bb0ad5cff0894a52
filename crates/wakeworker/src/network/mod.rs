//! Where connectivity comes from (R49–R58).
//!
//! A monitor is the host's own choice (R57):
//!
//! * [`ManualNetwork`] says what it is told: for hosts that know better, and for tests (R183).
//! * [`OfflineSwitch`] lets a person or a tool pretend that there is no network, over any other monitor (R241).

#![cfg_attr(feature = "system-network", doc = "* [`SystemNetwork`] asks the operating system: a hint.")]
#![cfg_attr(feature = "network-probe", doc = "* [`ProbedNetwork`] adds the proof: a URL that must answer.")]

mod manual;
mod offline_switch;
#[cfg(feature = "network-probe")]
mod probe;
#[cfg(feature = "system-network")]
pub(crate) mod system;

pub use manual::ManualNetwork;
pub use offline_switch::{OfflineHold, OfflineSwitch};
#[cfg(feature = "network-probe")]
pub use probe::{Expected, Probe, ProbeError, ProbedNetwork};
#[cfg(feature = "system-network")]
pub use system::SystemNetwork;

use wakeworker_core::Connection;

/// Is told the connection. It is called under the monitor's lock, so that reports keep their order; it may only enqueue.
pub type OnChange = Box<dyn Fn(Connection) + Send + Sync>;

/// Watches the connection of the device.
///
/// A monitor has no thread and no timer unless it needs one, and dropping it ends both: once `drop` has returned,
/// `on_change` is not called any more.
pub trait NetworkMonitor: Send {
    /// Starts watching.
    ///
    /// `on_change` is called with the present connection before this returns (R55), and then whenever the connection
    /// changes, from any thread, in order (R56). A monitor may repeat the value that it gave last: then the network
    /// is another one of the same kind.
    fn start(&mut self, on_change: OnChange);
}

#[cfg(test)]
mod testing {
    use super::OnChange;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;
    use wakeworker_core::Connection;

    /// Remembers what a monitor reported.
    pub(crate) struct Heard {
        all: Arc<Mutex<Vec<Connection>>>,
        sender: Sender<Connection>,
        receiver: Receiver<Connection>,
    }

    impl Default for Heard {
        fn default() -> Heard {
            let (sender, receiver) = channel();
            Heard { all: Arc::default(), sender, receiver }
        }
    }

    impl Heard {
        pub(crate) fn listener(&self) -> OnChange {
            let (all, sender) = (Arc::clone(&self.all), self.sender.clone());
            Box::new(move |connection| {
                all.lock().unwrap().push(connection);
                let _ = sender.send(connection);
            })
        }

        pub(crate) fn all(&self) -> Vec<Connection> {
            self.all.lock().unwrap().clone()
        }

        /// Waits until this has been reported. The limit only ends a test that has failed anyway.
        pub(crate) fn wait_for(&self, wanted: Connection) {
            while self.receiver.recv_timeout(Duration::from_secs(20)).unwrap() != wanted {}
        }
    }
}
