//! Why an operation failed, with the DOMException name that the specification gives it.

use rusqlite::ErrorCode;
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

/// What every message about a damaged file says.
const DAMAGED: &str = "is damaged";

impl Error {
    /// A file that cannot be trusted any more.
    pub(crate) fn damaged(file: &str, problem: &dyn fmt::Display) -> Error {
        Error::Unknown(format!("the database file `{file}` {DAMAGED}: {problem}"))
    }

    /// Whether a file was found damaged.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Error::Unknown(text) if text.contains(DAMAGED))
    }

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
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Error::QuotaExceeded(
                "there is no room left for this origin's data; delete something first".to_owned(),
            ),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Error::Unknown(format!("the database file {DAMAGED}: {error}"))
            }
            _ => Error::Unknown(format!("the database failed: {error}")),
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
