//! Why the runtime refuses something: one enum per operation.

use std::fmt;
use std::path::PathBuf;

/// Why [`Runtime::open`](crate::Runtime::open) failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory or a file in it cannot be made, read or written.
    Inaccessible {
        /// Which file or directory.
        path: PathBuf,
        /// What the system or the database said.
        message: String,
    },
    /// The file was written by a newer version of the product.
    TooNew {
        /// Which file.
        path: PathBuf,
        /// The schema version found.
        found: u32,
        /// The newest schema version that this program reads.
        supported: u32,
    },
    /// The HTTP client could not be made.
    HttpClient(String),
    /// The system gave no thread; what it said.
    Thread(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Inaccessible { path, message } => write!(
                f,
                "cannot open `{}`: {message}; check that the directory exists and may be written",
                path.display()
            ),
            OpenError::TooNew { path, found, supported } => write!(
                f,
                "`{}` has schema version {found}, but this program reads only up to {supported}; \
                 use the newer program that wrote it, or another profile directory",
                path.display()
            ),
            OpenError::HttpClient(message) => write!(f, "cannot make the HTTP client: {message}"),
            OpenError::Thread(message) => write!(f, "a thread could not be started: {message}"),
        }
    }
}

impl std::error::Error for OpenError {}

/// Why a registration or an update was refused (R158). The message is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterWorkerError {
    /// Another origin, a scope outside the allowed path, a redirected script, a wrong MIME type.
    Security(String),
    /// A malformed URL, a script that cannot be fetched or evaluated, an install event that failed.
    Type(String),
    /// The origin has as many registrations or waiting jobs as it may have.
    QuotaExceeded(String),
    /// The registration does not exist any more, or is in the wrong state.
    InvalidState(String),
    /// The store failed; nothing was changed.
    Storage(String),
}

impl RegisterWorkerError {
    /// The name of the exception that a script sees: a DOMException's, or `TypeError`.
    pub fn name(&self) -> &'static str {
        match self {
            RegisterWorkerError::Security(_) => "SecurityError",
            RegisterWorkerError::Type(_) => "TypeError",
            RegisterWorkerError::QuotaExceeded(_) => "QuotaExceededError",
            RegisterWorkerError::InvalidState(_) => "InvalidStateError",
            RegisterWorkerError::Storage(_) => "UnknownError",
        }
    }

    /// The text that a script sees.
    pub fn message(&self) -> &str {
        match self {
            RegisterWorkerError::Security(message)
            | RegisterWorkerError::Type(message)
            | RegisterWorkerError::QuotaExceeded(message)
            | RegisterWorkerError::InvalidState(message)
            | RegisterWorkerError::Storage(message) => message,
        }
    }
}

impl fmt::Display for RegisterWorkerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.message())
    }
}

impl std::error::Error for RegisterWorkerError {}
