//! What origins store, as an operator sees it.

use super::{Caches, Quota, StorageFailure};
use std::collections::BTreeSet;
use wakeworker_core::StorageKey;
use wakeworker_indexeddb::Engine;

/// What a storage key stores.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OriginStorage {
    /// Whose it is.
    pub storage_key: StorageKey,
    /// Its IndexedDB databases, by name.
    pub databases: Vec<StoredDatabase>,
    /// Its caches, in the order of their creation.
    pub caches: Vec<StoredCache>,
    /// What it counts against its quota, in bytes.
    pub bytes: u64,
    /// How much it may have, in bytes.
    pub bytes_max: u64,
}

/// An IndexedDB database.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredDatabase {
    /// Its name; lone surrogates become U+FFFD.
    pub name: String,
    /// Its version, or why its file cannot be read.
    pub version: Result<u64, String>,
    /// Bytes of its files.
    pub bytes: u64,
}

/// A cache of the Cache API.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredCache {
    /// Its name; lone surrogates become U+FFFD.
    pub name: String,
    /// How many responses it has.
    pub entries: u64,
    /// What they count against the quota, in bytes.
    pub bytes: u64,
}

/// Why stored data could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageError {
    message: String,
}

impl std::fmt::Display for StorageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StorageError {}

impl From<StorageFailure> for StorageError {
    fn from(failure: StorageFailure) -> StorageError {
        StorageError { message: failure.message }
    }
}

/// What every storage key stores, or the one that is named.
pub(crate) fn usage(
    databases: &Engine,
    caches: &Caches,
    quota: &Quota,
    only: Option<&StorageKey>,
) -> Result<Vec<OriginStorage>, StorageFailure> {
    let mut keys: BTreeSet<StorageKey> = caches.storage_keys()?.into_iter().collect();
    keys.extend(databases.origins().iter().map(|origin| StorageKey::from(origin.as_str())));
    keys.extend(quota.all().into_iter().map(|(key, _)| key));
    let wanted = keys.into_iter().filter(|key| only.is_none_or(|only| only == key));
    wanted.map(|key| usage_of(databases, caches, quota, key)).collect()
}

fn usage_of(
    databases: &Engine,
    caches: &Caches,
    quota: &Quota,
    key: StorageKey,
) -> Result<OriginStorage, StorageFailure> {
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let found = databases
        .databases(key.as_str())
        .map_err(|error| StorageFailure { name: error.dom_exception_name(), message: error.to_string() })?;
    let databases = found
        .into_iter()
        .map(|database| StoredDatabase {
            name: text(&database.name),
            version: database.version.map_err(|error| error.to_string()),
            bytes: database.bytes,
        })
        .collect();
    let caches = caches.list(&key)?;
    let caches = caches
        .into_iter()
        .map(|(name, entries, bytes)| StoredCache { name: text(&name), entries, bytes })
        .collect();
    Ok(OriginStorage {
        databases,
        caches,
        bytes: quota.account(&key).bytes(),
        bytes_max: quota.bytes_max(&key),
        storage_key: key,
    })
}
