//! The tables of a database file, and what they say about stores and indexes.

use crate::Error;
use rusqlite::{Connection, OptionalExtension, params};

/// Stores and indexes of a database. Names are bytes in WTF-8, so that lone surrogates survive; key paths are text of
/// the caller's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// The database's version; 0 while it is being made.
    pub version: u64,
    /// Its object stores, by name.
    pub stores: Vec<StoreSchema>,
}

/// An object store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSchema {
    /// Never used again after the store is deleted.
    pub id: i64,
    /// Its name.
    pub name: Vec<u8>,
    /// Its key path.
    pub key_path: Option<Vec<u8>>,
    /// Whether it has a key generator.
    pub auto_increment: bool,
    /// Its indexes, by name.
    pub indexes: Vec<IndexSchema>,
}

/// An index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexSchema {
    /// Never used again after the index is deleted.
    pub id: i64,
    /// Its name.
    pub name: Vec<u8>,
    /// Its key path.
    pub key_path: Vec<u8>,
    /// Whether two records cannot have the same key.
    pub unique: bool,
    /// Whether an array is many keys.
    pub multi_entry: bool,
}

/// The version of the tables, in `user_version`.
pub(crate) const FORMAT: u32 = 1;

/// One row in `database` names the file's content. Records and index entries are kept in the order of their keys.
pub(crate) const TABLES: &str = "
    CREATE TABLE database (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        version INTEGER NOT NULL
    ) STRICT;
    INSERT INTO database (id, version) VALUES (1, 0);
    CREATE TABLE object_store (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name BLOB NOT NULL UNIQUE,
        key_path BLOB,
        auto_increment INTEGER NOT NULL,
        next_key INTEGER NOT NULL DEFAULT 1
    ) STRICT;
    CREATE TABLE object_index (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        store INTEGER NOT NULL REFERENCES object_store (id),
        name BLOB NOT NULL,
        key_path BLOB NOT NULL,
        is_unique INTEGER NOT NULL,
        multi_entry INTEGER NOT NULL,
        UNIQUE (store, name)
    ) STRICT;
    CREATE TABLE record (
        store INTEGER NOT NULL,
        key BLOB NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (store, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE index_entry (
        object_index INTEGER NOT NULL,
        key BLOB NOT NULL,
        primary_key BLOB NOT NULL,
        PRIMARY KEY (object_index, key, primary_key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX index_entry_of_record ON index_entry (object_index, primary_key);
    CREATE TABLE blob (
        id INTEGER PRIMARY KEY,
        store INTEGER NOT NULL,
        key BLOB NOT NULL,
        bytes INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX blob_of_record ON blob (store, key);
";

pub(crate) fn version(sqlite: &Connection) -> Result<u64, Error> {
    let version: i64 = sqlite.query_row("SELECT version FROM database", [], |row| row.get(0))?;
    Ok(version as u64)
}

pub(crate) fn load(sqlite: &Connection) -> Result<Schema, Error> {
    let mut stores = sqlite
        .prepare_cached("SELECT id, name, key_path, auto_increment FROM object_store ORDER BY name")?
        .query_map([], |row| {
            Ok(StoreSchema {
                id: row.get(0)?,
                name: row.get(1)?,
                key_path: row.get(2)?,
                auto_increment: row.get(3)?,
                indexes: Vec::new(),
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut statement = sqlite.prepare_cached(
        "SELECT id, name, key_path, is_unique, multi_entry FROM object_index WHERE store = ?1 ORDER BY name",
    )?;
    for store in &mut stores {
        store.indexes = statement
            .query_map([store.id], |row| {
                Ok(IndexSchema {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    key_path: row.get(2)?,
                    unique: row.get(3)?,
                    multi_entry: row.get(4)?,
                })
            })?
            .collect::<rusqlite::Result<_>>()?;
    }
    Ok(Schema { version: version(sqlite)?, stores })
}

pub(crate) fn set_version(sqlite: &Connection, version: u64) -> Result<(), Error> {
    sqlite.execute("UPDATE database SET version = ?1", [version as i64])?;
    Ok(())
}

pub(crate) fn create_store(
    sqlite: &Connection,
    name: &[u8],
    key_path: Option<&[u8]>,
    auto_increment: bool,
) -> Result<i64, Error> {
    let taken: Option<i64> = sqlite
        .query_row("SELECT id FROM object_store WHERE name = ?1", [name], |row| row.get(0))
        .optional()?;
    if taken.is_some() {
        return Err(Error::Constraint(format!(
            "the database has an object store `{}` already",
            String::from_utf8_lossy(name)
        )));
    }
    sqlite.execute(
        "INSERT INTO object_store (name, key_path, auto_increment) VALUES (?1, ?2, ?3)",
        params![name, key_path, auto_increment],
    )?;
    Ok(sqlite.last_insert_rowid())
}

/// Deletes a store that has no records any more.
pub(crate) fn delete_store(sqlite: &Connection, store: i64) -> Result<(), Error> {
    sqlite.execute("DELETE FROM object_index WHERE store = ?1", [store])?;
    sqlite.execute("DELETE FROM object_store WHERE id = ?1", [store])?;
    Ok(())
}

pub(crate) fn rename_store(sqlite: &Connection, store: i64, name: &[u8]) -> Result<(), Error> {
    sqlite.execute("UPDATE object_store SET name = ?2 WHERE id = ?1", params![store, name])?;
    Ok(())
}

pub(crate) fn create_index(
    sqlite: &Connection,
    store: i64,
    name: &[u8],
    key_path: &[u8],
    unique: bool,
    multi_entry: bool,
) -> Result<i64, Error> {
    sqlite.execute(
        "INSERT INTO object_index (store, name, key_path, is_unique, multi_entry) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![store, name, key_path, unique, multi_entry],
    )?;
    Ok(sqlite.last_insert_rowid())
}

pub(crate) fn delete_index(sqlite: &Connection, index: i64) -> Result<(), Error> {
    sqlite.execute("DELETE FROM index_entry WHERE object_index = ?1", [index])?;
    sqlite.execute("DELETE FROM object_index WHERE id = ?1", [index])?;
    Ok(())
}

pub(crate) fn rename_index(sqlite: &Connection, index: i64, name: &[u8]) -> Result<(), Error> {
    sqlite.execute("UPDATE object_index SET name = ?2 WHERE id = ?1", params![index, name])?;
    Ok(())
}
