//! Storing and deleting records with their index entries.

use crate::open_file::{OpenFile, StoreFacts};
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
pub(crate) fn generate_key(file: &OpenFile, store: i64) -> Result<Key, Error> {
    file.store_facts(store)?;
    let drawn: Option<i64> = file
        .sqlite
        .prepare_cached(
            "UPDATE object_store SET next_key = next_key + 1 WHERE id = ?1 AND next_key <= ?2 RETURNING next_key - 1",
        )?
        .query_row([store, GENERATED_MAX], |row| row.get(0))
        .optional()?;
    let number = drawn.ok_or_else(|| {
        Error::Constraint("the key generator has given its last number; give a key yourself".to_owned())
    })?;
    Key::number(number as f64).ok_or_else(|| Error::Unknown("a number is no key".to_owned()))
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
    let facts = file.store_facts(store)?;
    for entry in entries {
        if facts.is_unique(entry.index)? {
            refuse_duplicates(&file.sqlite, entry, key)?;
        }
    }
    if is_row_only(file, &facts, value) {
        put_row(file, store, key, value, overwrite)?;
    } else {
        // Most records are new.
        let exists = if has_blobs(value) {
            let known = "SELECT 1 FROM record WHERE store = ?1 AND key = ?2";
            file.sqlite.prepare_cached(known)?.exists(params![store, key.as_bytes()])?
        } else {
            !insert_row(file, store, key, value)?
        };
        if exists && !overwrite {
            return Err(exists_already());
        }
        if exists || has_blobs(value) {
            replace(file, store, key, value, exists)?;
        }
        if exists {
            replace_entries(&file.sqlite, &facts, entries, key)?;
        } else {
            entries
                .iter()
                .try_for_each(|entry| insert_entries(&file.sqlite, entry.index, &entry.keys, key))?;
        }
    }
    if facts.auto_increment { note_key(&file.sqlite, store, key) } else { Ok(()) }
}

/// Stores a record of which the row is everything.
fn put_row(file: &OpenFile, store: i64, key: &Key, value: &[u8], overwrite: bool) -> Result<(), Error> {
    if overwrite {
        return replace_row(file, store, key, value);
    }
    if insert_row(file, store, key, value)? { Ok(()) } else { Err(exists_already()) }
}

/// Whether storing this value changes nothing but one row, and perhaps the key generator.
fn is_row_only(file: &OpenFile, facts: &StoreFacts, value: &[u8]) -> bool {
    facts.indexes.is_empty() && !has_blobs(value) && !file.may_have_blobs()
}

/// Whether storing this value can fail when it has changed something already, for other reasons than a lost disk: a blob
/// may have no room.
pub(crate) fn can_fail_halfway(value: &[u8]) -> bool {
    has_blobs(value)
}

/// False if there is a record with this key.
fn insert_row(file: &OpenFile, store: i64, key: &Key, value: &[u8]) -> Result<bool, Error> {
    let insert = "INSERT INTO record (store, key, value) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let inserted = file.sqlite.prepare_cached(insert)?.execute(params![store, key.as_bytes(), value])?;
    Ok(inserted > 0)
}

/// SQLite looks for the place once, because the table has no other index.
fn replace_row(file: &OpenFile, store: i64, key: &Key, value: &[u8]) -> Result<(), Error> {
    let replace = "INSERT OR REPLACE INTO record (store, key, value) VALUES (?1, ?2, ?3)";
    file.sqlite.prepare_cached(replace)?.execute(params![store, key.as_bytes(), value])?;
    Ok(())
}

fn exists_already() -> Error {
    Error::Constraint("the object store has a record with this key already; use put to replace it".to_owned())
}

/// Stores a record that exists or has blobs.
fn replace(file: &OpenFile, store: i64, key: &Key, value: &[u8], exists: bool) -> Result<(), Error> {
    if exists {
        drop_blobs(file, store, &Range::only(key.clone()))?;
    }
    let outside = store_blobs(file, store, key, value)?;
    replace_row(file, store, key, outside.as_deref().unwrap_or(value))
}

/// Gives a record that existed its entries of now. Those that it has already are left alone: most changes of a record
/// change none of its index keys.
fn replace_entries(
    sqlite: &Connection,
    facts: &StoreFacts,
    entries: &[IndexKeys],
    key: &Key,
) -> Result<(), Error> {
    for (index, _) in &facts.indexes {
        let mut wanted: Vec<&Key> =
            entries.iter().filter(|entry| entry.index == *index).flat_map(|entry| &entry.keys).collect();
        wanted.sort_unstable();
        let known = "SELECT key FROM index_entry WHERE object_index = ?1 AND primary_key = ?2 ORDER BY key";
        let known = sqlite
            .prepare_cached(known)?
            .query_map(params![index, key.as_bytes()], |row| row.get(0))?
            .collect::<rusqlite::Result<Vec<Vec<u8>>>>()?;
        for stale in known.iter().filter(|known| {
            wanted.binary_search_by(|wanted| wanted.as_bytes().cmp(known.as_slice())).is_err()
        }) {
            let delete = "DELETE FROM index_entry WHERE object_index = ?1 AND key = ?2 AND primary_key = ?3";
            sqlite.prepare_cached(delete)?.execute(params![index, stale, key.as_bytes()])?;
        }
        wanted.retain(|wanted| {
            known.binary_search_by(|known| known.as_slice().cmp(wanted.as_bytes())).is_err()
        });
        insert_entries(sqlite, *index, wanted, key)?;
    }
    Ok(())
}

/// Deletes the index entries of the records of a range: for each index in turn, because a subquery over them costs more
/// than everything else of a put.
fn delete_entries(file: &OpenFile, store: i64, range: &Range) -> Result<(), Error> {
    let facts = file.store_facts(store)?;
    if facts.indexes.is_empty() {
        return Ok(());
    }
    let (condition, bounds) = range.condition("primary_key", 2);
    let sql = format!("DELETE FROM index_entry WHERE object_index = ?1{condition}");
    let mut delete = file.sqlite.prepare_cached(&sql)?;
    for (index, _) in &facts.indexes {
        let mut parameters: Vec<&dyn rusqlite::ToSql> = vec![index];
        parameters.extend(bounds.iter().map(|bound| bound as &dyn rusqlite::ToSql));
        delete.execute(&*parameters)?;
    }
    Ok(())
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
    let Some(blobs) = file.blobs.as_ref().filter(|_| file.may_have_blobs()) else { return Ok(()) };
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
pub(crate) fn index_record(file: &OpenFile, store: i64, entry: &IndexKeys, key: &Key) -> Result<(), Error> {
    if file.store_facts(store)?.is_unique(entry.index)? {
        refuse_duplicates(&file.sqlite, entry, key)?;
    }
    insert_entries(&file.sqlite, entry.index, &entry.keys, key)
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

fn insert_entries<'a>(
    sqlite: &Connection,
    index: i64,
    keys: impl IntoIterator<Item = &'a Key>,
    primary_key: &Key,
) -> Result<(), Error> {
    let mut insert = sqlite.prepare_cached(
        "INSERT OR IGNORE INTO index_entry (object_index, key, primary_key) VALUES (?1, ?2, ?3)",
    )?;
    for key in keys {
        insert.execute(params![index, key.as_bytes(), primary_key.as_bytes()])?;
    }
    Ok(())
}

/// Deletes the records of a range.
pub(crate) fn delete(file: &OpenFile, store: i64, range: &Range) -> Result<(), Error> {
    drop_blobs(file, store, range)?;
    delete_entries(file, store, range)?;
    if let Some(key) = range.single() {
        file.sqlite
            .prepare_cached("DELETE FROM record WHERE store = ?1 AND key = ?2")?
            .execute(params![store, key.as_bytes()])?;
        return Ok(());
    }
    let (condition, bounds) = range.condition("key", 2);
    let mut parameters: Vec<&dyn rusqlite::ToSql> = vec![&store];
    parameters.extend(bounds.iter().map(|bound| bound as &dyn rusqlite::ToSql));
    file.sqlite
        .prepare_cached(&format!("DELETE FROM record WHERE store = ?1{condition}"))?
        .execute(&*parameters)?;
    Ok(())
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
