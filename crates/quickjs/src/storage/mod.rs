//! What the runtime keeps on disk: the workers' scripts and the caches here, IndexedDB through its own crate.

mod caches;
mod file;
mod notifications;
mod profile;
mod quota;
mod usage;
mod workers;

pub(crate) use caches::{BodyWriter, Caches, Found, NewEntry, Query};
pub(crate) use file::open;
pub(crate) use profile::Profile;
pub(crate) use quota::Quota;
pub(crate) use usage::usage;
pub use usage::{OriginStorage, StorageError, StoredCache, StoredDatabase};
pub(crate) use workers::{StoredRegistration, StoredScript, StoredWorker, WorkerStore};

use rusqlite::ErrorCode;
use std::path::PathBuf;

/// Where a runtime keeps its data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeStorage {
    /// In this directory, which is made if it does not exist.
    Dir(PathBuf),
    /// In memory: gone with the runtime.
    Memory,
}

impl RuntimeStorage {
    /// Where something of it is, for people.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        match self {
            RuntimeStorage::Dir(dir) => dir.join(name),
            RuntimeStorage::Memory => name.into(),
        }
    }
}

/// A failed storage operation, with the DOMException name that a script sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StorageFailure {
    pub(crate) name: &'static str,
    pub(crate) message: String,
}

impl StorageFailure {
    pub(crate) fn data(message: impl Into<String>) -> StorageFailure {
        StorageFailure { name: "DataError", message: message.into() }
    }
}

impl From<rusqlite::Error> for StorageFailure {
    fn from(error: rusqlite::Error) -> StorageFailure {
        let full = error.sqlite_error_code() == Some(ErrorCode::DiskFull);
        StorageFailure {
            name: if full { "QuotaExceededError" } else { "UnknownError" },
            message: if full {
                "there is no room left for this origin's data".to_owned()
            } else {
                format!("the database failed: {error}")
            },
        }
    }
}

impl From<rusqlite::types::FromSqlError> for StorageFailure {
    fn from(error: rusqlite::types::FromSqlError) -> StorageFailure {
        StorageFailure { name: "UnknownError", message: format!("a stored record cannot be read: {error}") }
    }
}

impl From<std::io::Error> for StorageFailure {
    fn from(error: std::io::Error) -> StorageFailure {
        let full = matches!(
            error.kind(),
            std::io::ErrorKind::StorageFull
                | std::io::ErrorKind::QuotaExceeded
                | std::io::ErrorKind::FileTooLarge
        );
        StorageFailure {
            name: if full { "QuotaExceededError" } else { "UnknownError" },
            message: if full {
                format!("the disk has no room left: {error}")
            } else {
                format!("a file of the profile cannot be read or written: {error}")
            },
        }
    }
}

impl std::fmt::Display for StorageFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}
