//! Why host operations fail: one enum per operation.

use crate::store::StoreError;
use std::fmt;
use wakeworker_core::RestoreError;

/// Why a host could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The profile could not be taken or read.
    Store(StoreError),
    /// The configuration has a value out of its range.
    Config(RestoreError),
    /// The engine thread could not be started.
    Thread(std::io::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Store(error) => error.fmt(f),
            OpenError::Config(error) => error.fmt(f),
            OpenError::Thread(error) => write!(f, "the engine thread could not be started: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> OpenError {
        OpenError::Store(error)
    }
}

impl From<RestoreError> for OpenError {
    fn from(error: RestoreError) -> OpenError {
        OpenError::Config(error)
    }
}

/// Why a question about the state of a host has no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum QueryError {
    /// The host is shutting down.
    ShuttingDown,
    /// The store could not read.
    Store(StoreError),
    /// An argument has a value that it cannot have.
    #[doc(alias = "E_INVALIDARG")]
    InvalidArgument {
        /// Its name.
        argument: &'static str,
        /// The value.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueryError::ShuttingDown => f.write_str("the host is shutting down"),
            QueryError::Store(error) => error.fmt(f),
            QueryError::InvalidArgument { argument, value, problem } => {
                write!(f, "`{argument}` cannot be `{value}`: {problem}")
            }
        }
    }
}

impl std::error::Error for QueryError {}
