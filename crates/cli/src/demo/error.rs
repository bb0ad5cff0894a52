//! Why the demo, or the inbox, stopped.

use super::child::ChildError;
use super::journal::JournalError;
use super::page::PageError;
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// What broke the story off. Claims that were checked and did not hold are no errors: the story is told to its end.
#[derive(Debug)]
pub(crate) enum DemoError {
    /// The inbox cannot listen.
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A file or folder cannot be used; the text says which, why, and what to do.
    File(String),
    /// A child process or the page could not do its part.
    Part(String),
    /// The person at the keyboard had enough.
    Interrupted,
}

impl From<JournalError> for DemoError {
    fn from(error: JournalError) -> DemoError {
        DemoError::File(error.to_string())
    }
}

impl From<ChildError> for DemoError {
    fn from(error: ChildError) -> DemoError {
        DemoError::Part(error.to_string())
    }
}

impl From<PageError> for DemoError {
    fn from(error: PageError) -> DemoError {
        DemoError::Part(error.to_string())
    }
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DemoError::Listen { address, source } if source.kind() == io::ErrorKind::AddrInUse => {
                write!(
                    f,
                    "port {} is in use; choose another with --port, or 0 for any free one",
                    address.port()
                )
            }
            DemoError::Listen { address, source } => write!(f, "cannot listen on {address}: {source}"),
            DemoError::File(text) | DemoError::Part(text) => f.write_str(text),
            DemoError::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for DemoError {}
