//! Why an operation failed, with the DOMException name that the specification gives it.

use std::fmt;
use std::io;
use std::path::Path;
use wakeworker_structured_clone::CloneError;

/// Why an operation of the engine failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A key, or a key of a unique index, exists already, or a key generator has given its last number.
    Constraint(String),
    /// What was given has no meaning, such as bytes that are no key.
    Data(String),
    /// The database has a higher version than the one asked for.
    Version(String),
    /// The transaction or connection does not exist, has ended, or does not allow the operation.
    InvalidState(String),
    /// There is no room left: on the disk, or in what the origin may use.
    QuotaExceeded(String),
    /// The database was deleted or the transaction aborted meanwhile.
    Abort(String),
    /// The database file failed.
    Unknown(String),
}

impl Error {
    /// The name of the DOMException for it.
    pub fn dom_exception_name(&self) -> &'static str {
        match self {
            Error::Constraint(_) => "ConstraintError",
            Error::Data(_) => "DataError",
            Error::Version(_) => "VersionError",
            Error::InvalidState(_) => "InvalidStateError",
            Error::QuotaExceeded(_) => "QuotaExceededError",
            Error::Abort(_) => "AbortError",
            Error::Unknown(_) => "UnknownError",
        }
    }
}

impl Error {
    /// The failure of a file.
    pub(crate) fn from_io(path: &Path, error: &io::Error) -> Error {
        let shown = path.display();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Error::QuotaExceeded(format!("the disk has no room left for `{shown}`: {error}"))
            }
            _ => Error::Unknown(format!("`{shown}` cannot be used: {error}")),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Constraint(text)
            | Error::Data(text)
            | Error::Version(text)
            | Error::InvalidState(text)
            | Error::QuotaExceeded(text)
            | Error::Abort(text)
            | Error::Unknown(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
            Error::QuotaExceeded(
                "there is no room left for this origin's data; delete something first".to_owned(),
            )
        } else {
            Error::Unknown(format!("the database failed: {error}"))
        }
    }
}

impl From<rusqlite::types::FromSqlError> for Error {
    fn from(error: rusqlite::types::FromSqlError) -> Error {
        Error::Unknown(format!("a stored record cannot be read: {error}"))
    }
}

impl From<CloneError> for Error {
    fn from(error: CloneError) -> Error {
        Error::Data(format!("the value cannot be stored: {error}"))
    }
}
