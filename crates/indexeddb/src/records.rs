//! Storing and deleting records with their index entries.

use crate::database::OpenFile;
use crate::scan::{Range, Source};
use crate::{Error, Key};
use rusqlite::{Connection, OptionalExtension, params};
use wakeworker_structured_clone::{blobs_outside, has_blobs};

/// The largest number that a key generator gives.
const GENERATED_MAX: i64 = 1 << 53;

/// The keys that a record has in one index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexKeys {
    /// Which index.
    pub index: i64,
    /// Its keys there; more than one only with `multiEntry`.
    pub keys: Vec<Key>,
}

/// Draws the next number of a store's key generator.
pub(crate) fn generate_key(sqlite: &Connection, store: i64) -> Result<Key, Error> {
    let next: i64 = sqlite
        .prepare_cached("SELECT next_key FROM object_store WHERE id = ?1")?
        .query_row([store], |row| row.get(0))?;
    if next > GENERATED_MAX {
        return Err(Error::Constraint(
            "the key generator has given its last number; give a key yourself".to_owned(),
        ));
    }
    sqlite
        .prepare_cached("UPDATE object_store SET next_key = ?2 WHERE id = ?1")?
        .execute(params![store, next + 1])?;
    Key::number(next as f64).ok_or_else(|| Error::Unknown("a number is no key".to_owned()))
}

/// Lets the key generator go on after a key that a script gave.
fn note_key(sqlite: &Connection, store: i64, key: &Key) -> Result<(), Error> {
    let Some(number) = key.as_number().filter(|number| *number >= 1.0) else { return Ok(()) };
    let number = if number >= GENERATED_MAX as f64 { GENERATED_MAX } else { number as i64 };
    sqlite
        .prepare_cached(
            "UPDATE object_store SET next_key = ?2 + 1 WHERE id = ?1 AND auto_increment AND next_key <= ?2",
        )?
        .execute(params![store, number])?;
    Ok(())
}

/// "Store a record into an object store": nothing is changed if a constraint is violated.
pub(crate) fn put(
    file: &OpenFile,
    store: i64,
    key: &Key,
    value: &[u8],
    entries: &[IndexKeys],
    overwrite: bool,
) -> Result<(), Error> {
    let sqlite = &file.sqlite;
    let exists = sqlite
        .prepare_cached("SELECT 1 FROM record WHERE store = ?1 AND key = ?2")?
        .exists(params![store, key.as_bytes()])?;
    if exists && !overwrite {
        return Err(Error::Constraint(
            "the object store has a record with this key already; use put to replace it".to_owned(),
        ));
    }
    for entry in entries {
        if is_unique(sqlite, entry.index)? {
            refuse_duplicates(sqlite, entry, key)?;
        }
    }
    if exists {
        let mut delete = sqlite.prepare_cached(
            "DELETE FROM index_entry WHERE primary_key = ?2
             AND object_index IN (SELECT id FROM object_index WHERE store = ?1)",
        )?;
        delete.execute(params![store, key.as_bytes()])?;
        drop_blobs(file, store, &Range::only(key.clone()))?;
    }
    let outside = store_blobs(file, store, key, value)?;
    let value = outside.as_deref().unwrap_or(value);
    sqlite
        .prepare_cached("INSERT OR REPLACE INTO record (store, key, value) VALUES (?1, ?2, ?3)")?
        .execute(params![store, key.as_bytes(), value])?;
    for entry in entries {
        insert_entries(sqlite, entry, key)?;
    }
    note_key(sqlite, store, key)
}

/// Puts the blobs of a value into files; gives the value that names them.
fn store_blobs(file: &OpenFile, store: i64, key: &Key, value: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let Some(blobs) = file.blobs.as_ref().filter(|_| has_blobs(value)) else { return Ok(None) };
    let outside = blobs_outside(value, |content| {
        file.check_room(content.len())?;
        let number = blobs.write(content)?;
        file.sqlite
            .prepare_cached("INSERT INTO blob (id, store, key, bytes) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![number as i64, store, key.as_bytes(), content.len() as i64])?;
        file.limit_pages()?;
        Ok::<_, Error>(number)
    })?;
    Ok(Some(outside))
}

/// Drops the blobs of the records of a range.
fn drop_blobs(file: &OpenFile, store: i64, range: &Range) -> Result<(), Error> {
    let Some(blobs) = file.blobs.as_ref().filter(|blobs| blobs.is_used()) else { return Ok(()) };
    let (condition, bounds) = range.condition("key", 2);
    let mut parameters: Vec<&dyn rusqlite::ToSql> = vec![&store];
    parameters.extend(bounds.iter().map(|bound| bound as &dyn rusqlite::ToSql));
    let mut delete =
        file.sqlite.prepare_cached(&format!("DELETE FROM blob WHERE store = ?1{condition} RETURNING id"))?;
    let mut rows = delete.query(&*parameters)?;
    while let Some(row) = rows.next()? {
        blobs.drop_row(row.get::<_, i64>(0)? as u64);
    }
    Ok(())
}

/// Gives a record that exists its keys in a new index.
pub(crate) fn index_record(sqlite: &Connection, entry: &IndexKeys, key: &Key) -> Result<(), Error> {
    if is_unique(sqlite, entry.index)? {
        refuse_duplicates(sqlite, entry, key)?;
    }
    insert_entries(sqlite, entry, key)
}

fn is_unique(sqlite: &Connection, index: i64) -> Result<bool, Error> {
    let unique = sqlite
        .prepare_cached("SELECT is_unique FROM object_index WHERE id = ?1")?
        .query_row([index], |row| row.get(0))
        .optional()?;
    unique.ok_or_else(|| Error::InvalidState("the index was deleted".to_owned()))
}

fn refuse_duplicates(sqlite: &Connection, entry: &IndexKeys, key: &Key) -> Result<(), Error> {
    let mut other = sqlite.prepare_cached(
        "SELECT 1 FROM index_entry WHERE object_index = ?1 AND key = ?2 AND primary_key <> ?3",
    )?;
    for found in &entry.keys {
        if other.exists(params![entry.index, found.as_bytes(), key.as_bytes()])? {
            return Err(Error::Constraint(
                "another record has this key in an index that must be unique".to_owned(),
            ));
        }
    }
    Ok(())
}

fn insert_entries(sqlite: &Connection, entry: &IndexKeys, key: &Key) -> Result<(), Error> {
    let mut insert = sqlite.prepare_cached(
        "INSERT OR IGNORE INTO index_entry (object_index, key, primary_key) VALUES (?1, ?2, ?3)",
    )?;
    for found in &entry.keys {
        insert.execute(params![entry.index, found.as_bytes(), key.as_bytes()])?;
    }
    Ok(())
}

/// Deletes the records of a range.
pub(crate) fn delete(file: &OpenFile, store: i64, range: &Range) -> Result<(), Error> {
    drop_blobs(file, store, range)?;
    let sqlite = &file.sqlite;
    let (condition, bounds) = range.condition("key", 2);
    let mut parameters: Vec<&dyn rusqlite::ToSql> = vec![&store];
    parameters.extend(bounds.iter().map(|bound| bound as &dyn rusqlite::ToSql));
    let (entries, _) = range.condition("primary_key", 2);
    sqlite
        .prepare_cached(&format!(
            "DELETE FROM index_entry
             WHERE object_index IN (SELECT id FROM object_index WHERE store = ?1){entries}"
        ))?
        .execute(&*parameters)?;
    sqlite
        .prepare_cached(&format!("DELETE FROM record WHERE store = ?1{condition}"))?
        .execute(&*parameters)?;
    Ok(())
}

/// Deletes all records of a store.
pub(crate) fn clear(file: &OpenFile, store: i64) -> Result<(), Error> {
    delete(file, store, &Range::default())
}

/// How many records of a range there are.
pub(crate) fn count(sqlite: &Connection, source: Source, range: &Range) -> Result<u64, Error> {
    let (condition, bounds) = range.condition("key", 2);
    let (table, id) = source.table();
    let mut parameters: Vec<&dyn rusqlite::ToSql> = vec![&id];
    parameters.extend(bounds.iter().map(|bound| bound as &dyn rusqlite::ToSql));
    let count: i64 = sqlite
        .prepare_cached(&format!("SELECT count(*) FROM {table} = ?1{condition}"))?
        .query_row(&*parameters, |row| row.get(0))?;
    Ok(count as u64)
}
