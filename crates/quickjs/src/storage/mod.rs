//! What the runtime keeps on disk: the workers' scripts and the caches here, IndexedDB through its own crate.

mod caches;
mod notifications;
mod quota;
mod usage;
mod workers;

pub(crate) use caches::{BodyWriter, Caches, Found, NewEntry, Query};
pub(crate) use quota::Quota;
pub(crate) use usage::usage;
pub use usage::{OriginStorage, StorageError, StoredCache, StoredDatabase};
pub(crate) use workers::{StoredRegistration, StoredScript, StoredWorker, WorkerStore};

use crate::OpenError;
use rusqlite::{Connection, ErrorCode};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a runtime keeps its data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeStorage {
    /// In this directory, which is made if it does not exist.
    Dir(PathBuf),
    /// In memory: gone with the runtime.
    Memory,
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

/// Opens a database and brings its schema up to date: `migrations[n]` leads from version n to n + 1.
pub(crate) fn open(
    storage: &RuntimeStorage,
    file: &str,
    migrations: &[&str],
) -> Result<Connection, OpenError> {
    let (connection, path) = match storage {
        RuntimeStorage::Memory => (Connection::open_in_memory(), PathBuf::from(file)),
        RuntimeStorage::Dir(dir) => {
            std::fs::create_dir_all(dir).map_err(|error| inaccessible(dir, &error))?;
            let path = dir.join(file);
            (Connection::open(&path), path)
        }
    };
    let mut connection = connection.map_err(|error| inaccessible(&path, &error))?;
    let fail = |error: rusqlite::Error| inaccessible(&path, &error);
    connection.busy_timeout(Duration::from_secs(10)).map_err(fail)?;
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(fail)?;
    let supported = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    if found > supported {
        return Err(OpenError::TooNew { path, found, supported });
    }
    // In WAL mode a commit needs one fsync (FULL) or none (NORMAL), and readers do not wait for writers.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).map_err(fail)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(fail)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(fail)?;
    for version in found..supported {
        let transaction = connection.transaction().map_err(fail)?;
        transaction.execute_batch(migrations[version as usize]).map_err(fail)?;
        transaction.pragma_update(None, "user_version", version + 1).map_err(fail)?;
        transaction.commit().map_err(fail)?;
    }
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn inaccessible(path: &Path, error: &dyn std::fmt::Display) -> OpenError {
    OpenError::Inaccessible { path: path.to_owned(), message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // R176
    fn a_newer_schema_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let storage = RuntimeStorage::Dir(dir.path().to_owned());
        drop(open(&storage, "a.sqlite", &["CREATE TABLE a (b)"]).unwrap());
        drop(open(&storage, "a.sqlite", &["CREATE TABLE a (b)", "CREATE TABLE c (d)"]).unwrap());
        let refused = open(&storage, "a.sqlite", &["CREATE TABLE a (b)"]);
        assert!(matches!(refused, Err(OpenError::TooNew { found: 2, supported: 1, .. })), "{refused:?}");
        drop(open(&storage, "a.sqlite", &["CREATE TABLE a (b)", "CREATE TABLE c (d)"]).unwrap());
    }

    #[test]
    fn what_is_no_directory_or_no_database_is_refused_with_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let error = open(&RuntimeStorage::Dir(file.clone()), "a.sqlite", &[]).unwrap_err();
        assert!(error.to_string().contains(&file.display().to_string()), "{error}");
        std::fs::write(dir.path().join("b.sqlite"), "this is no database, but it is long enough").unwrap();
        let error = open(&RuntimeStorage::Dir(dir.path().to_owned()), "b.sqlite", &["CREATE TABLE a (b)"])
            .unwrap_err();
        assert!(error.to_string().contains("b.sqlite"), "{error}");
    }
}
