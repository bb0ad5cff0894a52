//! The connection as the monitor sees it now, readable without waiting for the engine (R54).

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use wakeworker_core::Connection;

/// Shared between the monitor, which writes, and the driver, which reads before each dispatch.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionCell(Arc<AtomicU8>);

const BY_NUMBER: [Connection; 5] =
    [Connection::None, Connection::Unknown, Connection::Ethernet, Connection::Wifi, Connection::Cellular];

impl ConnectionCell {
    pub(crate) fn get(&self) -> Connection {
        BY_NUMBER.get(usize::from(self.0.load(Ordering::Acquire))).copied().unwrap_or(Connection::Unknown)
    }

    pub(crate) fn set(&self, connection: Connection) {
        // A kind that this table does not know is still a connection (R53).
        let number = BY_NUMBER.iter().position(|known| *known == connection).unwrap_or(1);
        self.0.store(u8::try_from(number).unwrap_or(1), Ordering::Release);
    }
}
