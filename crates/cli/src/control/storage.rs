//! What sites store, as the control API and `storage --json` say it.

use serde::{Deserialize, Serialize};
use wakeworker_core::StorageKey;
use wakeworker_quickjs::{OriginStorage, Runtime, StorageError};

/// The answer of `storage`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StorageList {
    /// Every site that stores something.
    pub(crate) origins: Vec<OriginLine>,
}

/// What a site stores.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OriginLine {
    /// Its storage key: an origin, or one in a frame of another.
    pub(crate) origin: String,
    /// What it counts against its quota.
    pub(crate) bytes: u64,
    /// Its quota.
    pub(crate) bytes_max: u64,
    /// Its IndexedDB databases.
    pub(crate) databases: Vec<DatabaseLine>,
    /// Its caches.
    pub(crate) caches: Vec<CacheLine>,
}

/// A database.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DatabaseLine {
    pub(crate) name: String,
    /// Null if its file cannot be read.
    pub(crate) version: Option<u64>,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) problem: Option<String>,
    pub(crate) bytes: u64,
}

/// A cache.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CacheLine {
    pub(crate) name: String,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

/// The answer of `storage clear`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ClearedStorage {
    /// Whose data was deleted.
    pub(crate) origin: String,
    /// What it had counted.
    pub(crate) bytes: u64,
}

impl StorageList {
    /// What is stored now.
    pub(crate) fn of(runtime: &Runtime, key: Option<&StorageKey>) -> Result<StorageList, StorageError> {
        let stored = runtime.stored(key)?;
        Ok(StorageList { origins: stored.into_iter().map(OriginLine::from).collect() })
    }
}

impl ClearedStorage {
    /// Deletes everything of a site: workers, databases, caches, sync registrations (R163).
    pub(crate) async fn clear(runtime: &Runtime, key: &StorageKey) -> Result<ClearedStorage, String> {
        let stored = runtime.stored(Some(key)).map_err(|error| error.to_string())?;
        let (tell, told) = tokio::sync::oneshot::channel();
        runtime.clear_storage(key, move |result| {
            // Nobody listens any more if the one who asked has gone; the data is deleted all the same.
            let _ = tell.send(result);
        });
        match told.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err("the program stopped before everything was deleted; try again".to_owned()),
        }
        let bytes = stored.iter().map(|origin| origin.bytes).sum();
        Ok(ClearedStorage { origin: key.as_str().to_owned(), bytes })
    }
}

impl From<OriginStorage> for OriginLine {
    fn from(stored: OriginStorage) -> OriginLine {
        let databases = stored.databases.into_iter().map(|database| {
            let (version, problem) = match database.version {
                Ok(version) => (Some(version), None),
                Err(problem) => (None, Some(problem)),
            };
            DatabaseLine { name: database.name, version, problem, bytes: database.bytes }
        });
        let caches = stored.caches.into_iter().map(|cache| CacheLine {
            name: cache.name,
            entries: cache.entries,
            bytes: cache.bytes,
        });
        OriginLine {
            origin: stored.storage_key.as_str().to_owned(),
            bytes: stored.bytes,
            bytes_max: stored.bytes_max,
            databases: databases.collect(),
            caches: caches.collect(),
        }
    }
}
