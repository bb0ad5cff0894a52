//! Why the demo, or the inbox, stopped.

use super::journal::JournalError;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::process::ExitStatus;

/// What broke the story off. Claims that were checked and did not hold are no errors: the story is told to its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum DemoError {
    /// The inbox cannot use its file.
    Journal(String),
    /// The inbox cannot listen.
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A file or folder of the demo cannot be made.
    File {
        /// Which, and what for.
        what: String,
        /// Why not.
        source: io::Error,
    },
    /// A child process cannot be started or stopped.
    Spawn {
        /// Which.
        name: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// A child process ended before it did what was expected.
    Ended {
        /// Which.
        name: &'static str,
        /// What was expected of it.
        what: &'static str,
        /// How it ended.
        status: Option<ExitStatus>,
        /// The end of its standard error.
        complaint: String,
    },
    /// A child process did not do in time what was expected.
    Silent {
        /// Which.
        name: &'static str,
        /// What was expected of it.
        what: &'static str,
        /// The end of its standard error.
        complaint: String,
    },
    /// The page could not do what a page does.
    Page {
        /// What it tried.
        what: String,
        /// What went wrong.
        why: String,
    },
    /// The person at the keyboard had enough.
    Interrupted,
}

impl From<JournalError> for DemoError {
    fn from(error: JournalError) -> DemoError {
        DemoError::Journal(error.to_string())
    }
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DemoError::Journal(why) => f.write_str(why),
            DemoError::Listen { address, source } if source.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "port {} is in use; choose another with --port, or 0 for any free one", address.port())
            }
            DemoError::Listen { address, source } => write!(f, "cannot listen on {address}: {source}"),
            DemoError::File { what, source } => write!(f, "{what}: {source}"),
            DemoError::Spawn { name, source } => write!(f, "the {name} process cannot be started or stopped: {source}"),
            DemoError::Ended { name, what, status, complaint } => {
                write!(f, "the {name} process ended where {what} was expected")?;
                if let Some(status) = status {
                    write!(f, " ({status})")?;
                }
                said(f, complaint)
            }
            DemoError::Silent { name, what, complaint } => {
                write!(f, "the {name} process owes {what} and does not answer")?;
                said(f, complaint)
            }
            DemoError::Page { what, why } => write!(f, "the page could not {what}: {why}"),
            DemoError::Interrupted => f.write_str("interrupted"),
        }
    }
}

fn said(f: &mut fmt::Formatter<'_>, complaint: &str) -> fmt::Result {
    if complaint.is_empty() { Ok(()) } else { write!(f, "; it said: {complaint}") }
}

impl std::error::Error for DemoError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            DemoError::Listen { source, .. } | DemoError::File { source, .. } | DemoError::Spawn { source, .. } => {
                Some(source)
            }
            _ => None,
        }
    }
}
