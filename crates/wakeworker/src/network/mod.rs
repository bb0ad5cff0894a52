//! Where the engine learns whether there is a network.

use wakeworker_core::Connection;

/// Called with the new connection, on any thread, whenever it changes.
pub type OnConnectionChange = Box<dyn Fn(Connection) + Send + Sync>;

/// A source of connectivity (R57). Dropping it ends the watching.
pub trait NetworkMonitor: Send {
    /// Starts watching and returns the connection as it is now (R55). Called once.
    fn start(&mut self, on_change: OnConnectionChange) -> Connection;
}
