//! Where connectivity comes from (R49–R58).
//!
//! A monitor is the host's own choice (R57):
//!
//! * [`ManualNetwork`] says what it is told: for hosts that know better, and for tests (R183).
//! * [`OfflineSwitch`] lets a person or a tool pretend that there is no network, over any other monitor (R241).

mod manual;
mod offline_switch;

pub use manual::ManualNetwork;
pub use offline_switch::{OfflineHold, OfflineSwitch};

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
    use std::sync::{Arc, Mutex};
    use wakeworker_core::Connection;

    /// Remembers what a monitor reported.
    #[derive(Default)]
    pub(crate) struct Heard {
        all: Arc<Mutex<Vec<Connection>>>,
    }

    impl Heard {
        pub(crate) fn listener(&self) -> OnChange {
            let all = Arc::clone(&self.all);
            Box::new(move |connection| all.lock().unwrap().push(connection))
        }

        pub(crate) fn all(&self) -> Vec<Connection> {
            self.all.lock().unwrap().clone()
        }
    }
}
