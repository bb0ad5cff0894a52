//! Systems whose notices nothing here understands.

use super::Woken;
use std::convert::Infallible;
use std::io;
use std::time::Duration;

/// There is none.
pub(super) struct Watch(Infallible);

/// There is none.
pub(super) struct Ender(Infallible);

impl Watch {
    /// Says that there is none.
    pub(super) fn new() -> io::Result<Watch> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the network of this system cannot be watched; set it by hand or prove it by a probe",
        ))
    }

    pub(super) fn ender(&self) -> Ender {
        match self.0 {}
    }

    pub(super) fn wait(&mut self, _: Option<Duration>) -> io::Result<Woken> {
        match self.0 {}
    }
}

impl Ender {
    pub(super) fn end(&self) {
        match self.0 {}
    }
}
