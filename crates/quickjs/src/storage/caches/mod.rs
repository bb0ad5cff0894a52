//! The Cache API's storage: an index in SQLite, bodies as files beside it.
//!
//! A body's file is complete and synced before the row that names it is committed, and is removed only after the commit
//! that drops its row. What a crash leaves in between is a file without a row, which the next open removes.

mod bodies;
#[cfg(test)]
mod fixture_tests;
#[cfg(test)]
mod kill_tests;
#[cfg(test)]
#[cfg(unix)]
mod limit_tests;
mod matching;
mod padding;
mod schema;
#[cfg(test)]
mod tests;

pub(crate) use bodies::BodyWriter;
pub(crate) use matching::Query;
use matching::RequestHead;

use super::file::{inaccessible, open, set_aside};
use super::{Quota, RuntimeStorage, StorageFailure};
use crate::json::{Wtf8, write_wtf8};
use crate::{OpenError, RuntimeConfig};
use bodies::Bodies;
use matching::{Candidate, ResponseHead, find};
use padding::Padding;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wakeworker_core::StorageKey;

/// The index.
const FILE: &str = "caches.sqlite";

/// All caches of a profile.
pub(crate) struct Caches {
    index: Mutex<Index>,
    bodies: Arc<Bodies>,
    quota: Arc<Quota>,
    padding: Padding,
}

struct Index {
    connection: Connection,
    /// How many script objects stand for each cache. A deleted cache lives on, without its name, while there are any.
    handles: HashMap<i64, usize>,
}

/// An entry that a script found; its body stays readable until it is released.
pub(crate) struct Found {
    request: String,
    response: String,
    body: Option<StoredBody>,
}

/// Where the body of an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredBody {
    pub(crate) id: u64,
    pub(crate) bytes: u64,
}

/// One entry to store.
pub(crate) struct NewEntry {
    request: RequestHead,
    response: ResponseHead,
    request_json: String,
    response_json: String,
    body: Option<BodyWriter>,
}

impl NewEntry {
    /// Reads the heads that the JavaScript layer gives: `{request, response, writer}`.
    pub(crate) fn read(
        json: &RawValue,
        take: &mut dyn FnMut(u32) -> Option<BodyWriter>,
    ) -> Result<NewEntry, StorageFailure> {
        #[derive(Deserialize)]
        struct Fields<'a> {
            #[serde(borrow)]
            request: &'a RawValue,
            #[serde(borrow)]
            response: &'a RawValue,
            writer: Option<u32>,
        }
        let unreadable = |what: &str, error: serde_json::Error| {
            StorageFailure::data(format!("the {what} to be cached cannot be read: {error}"))
        };
        let fields: Fields<'_> =
            serde_json::from_str(json.get()).map_err(|error| unreadable("entry", error))?;
        let body = match fields.writer {
            Some(writer) => Some(take(writer).ok_or_else(|| {
                StorageFailure::data(format!("the body {writer} to be cached is not being written"))
            })?),
            None => None,
        };
        Ok(NewEntry {
            request: serde_json::from_str(fields.request.get())
                .map_err(|error| unreadable("request", error))?,
            response: serde_json::from_str(fields.response.get())
                .map_err(|error| unreadable("response", error))?,
            request_json: fields.request.get().to_owned(),
            response_json: fields.response.get().to_owned(),
            body,
        })
    }
}

impl Caches {
    /// Of a damaged index the bodies are moved aside with it: without it they are nobody's.
    pub(crate) fn open(
        storage: &RuntimeStorage,
        config: &RuntimeConfig,
        quota: Arc<Quota>,
        damage: &mut Vec<String>,
    ) -> Result<Caches, OpenError> {
        let known_damage = damage.len();
        let connection = open(storage, FILE, schema::MIGRATIONS, damage)?;
        if let (RuntimeStorage::Dir(dir), Some(found)) = (storage, damage.get_mut(known_damage)) {
            let bodies = dir.join(bodies::DIR);
            if bodies.exists() {
                let aside = set_aside(&bodies)?;
                found.push_str(&format!("; the bodies of its responses were moved to `{}`", aside.display()));
            }
        }
        let fail = |error: rusqlite::Error| inaccessible(FILE.as_ref(), &error);
        // What was deleted while scripts still held it: they are gone.
        connection.execute("DELETE FROM cache WHERE name IS NULL", []).map_err(fail)?;
        let padding = Padding::open(&connection, config).map_err(fail)?;
        for (key, charge) in charges(&connection).map_err(fail)? {
            quota.change_caches(&key, charge, 0);
        }
        let mut known = connection
            .prepare("SELECT body FROM entry WHERE body IS NOT NULL")
            .and_then(|mut statement| {
                statement.query_map([], |row| row.get::<_, i64>(0))?.collect::<rusqlite::Result<Vec<_>>>()
            })
            .map_err(fail)?;
        known.sort_unstable();
        let bodies = Bodies::open(storage, &known)?;
        Ok(Caches {
            index: Mutex::new(Index { connection, handles: HashMap::new() }),
            bodies: Arc::new(bodies),
            quota,
            padding,
        })
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names of a storage key's caches in the order of their creation, as a JSON array.
    pub(crate) fn names(&self, key: &StorageKey) -> Result<String, StorageFailure> {
        let index = self.index();
        let mut statement = index.connection.prepare_cached(
            "SELECT name FROM cache WHERE storage_key = ?1 AND name IS NOT NULL ORDER BY id",
        )?;
        let mut rows = statement.query([key.as_str()])?;
        let mut out = String::from("[");
        while let Some(row) = rows.next()? {
            if out.len() > 1 {
                out.push(',');
            }
            write_wtf8(&mut out, row.get_ref(0)?.as_bytes()?);
        }
        out.push(']');
        Ok(out)
    }

    /// Whether a cache of this name exists.
    pub(crate) fn has(&self, key: &StorageKey, name: &str) -> Result<bool, StorageFailure> {
        let name = parse_name(name)?;
        Ok(find_cache(&self.index().connection, key, &name)?.is_some())
    }

    /// Opens a cache, making it if needed; the handle is given back by [`Caches::release`].
    pub(crate) fn open_cache(&self, key: &StorageKey, name: &str) -> Result<i64, StorageFailure> {
        let name = parse_name(name)?;
        let mut index = self.index();
        let id = match find_cache(&index.connection, key, &name)? {
            Some(id) => id,
            None => {
                index
                    .connection
                    .prepare_cached("INSERT INTO cache (storage_key, name) VALUES (?1, ?2)")?
                    .execute(params![key.as_str(), name.0])?;
                index.connection.last_insert_rowid()
            }
        };
        *index.handles.entry(id).or_default() += 1;
        Ok(id)
    }

    /// Deletes a cache by name. Scripts that hold it go on with what is in it; nobody else finds it any more.
    pub(crate) fn drop_cache(&self, key: &StorageKey, name: &str) -> Result<bool, StorageFailure> {
        let name = parse_name(name)?;
        let mut index = self.index();
        let Some(id) = find_cache(&index.connection, key, &name)? else { return Ok(false) };
        if index.handles.contains_key(&id) {
            index.connection.execute("UPDATE cache SET name = NULL WHERE id = ?1", [id])?;
        } else {
            self.remove_cache(&mut index, key, id)?;
        }
        Ok(true)
    }

    /// Gives a handle back.
    pub(crate) fn release(&self, key: &StorageKey, id: i64) {
        let mut index = self.index();
        let Some(count) = index.handles.get_mut(&id) else { return };
        *count -= 1;
        if *count > 0 {
            return;
        }
        index.handles.remove(&id);
        let nameless = index
            .connection
            .prepare_cached("SELECT 1 FROM cache WHERE id = ?1 AND name IS NULL")
            .and_then(|mut statement| statement.exists([id]));
        if nameless.unwrap_or(false) {
            // If this fails, the next open removes it.
            let _ = self.remove_cache(&mut index, key, id);
        }
    }

    fn remove_cache(&self, index: &mut Index, key: &StorageKey, id: i64) -> Result<(), StorageFailure> {
        let transaction = index.connection.transaction()?;
        let removed = remove_entries(&transaction, "cache = ?1", id)?;
        transaction.execute("DELETE FROM cache WHERE id = ?1", [id])?;
        transaction.commit()?;
        self.forget(key, &removed);
        Ok(())
    }

    /// Everything in a cache that a query matches, in insertion order.
    pub(crate) fn query(
        &self,
        key: &StorageKey,
        cache: i64,
        query: &Query,
    ) -> Result<Vec<Found>, StorageFailure> {
        let index = self.index();
        owned(&index.connection, key, cache)?;
        self.found(&index, cache, query)
    }

    /// The first match in any cache of the storage key, in the order of their creation, or in the one of that name.
    pub(crate) fn query_all(
        &self,
        key: &StorageKey,
        name: Option<&str>,
        query: &Query,
    ) -> Result<Vec<Found>, StorageFailure> {
        let index = self.index();
        let caches: Vec<i64> = match name {
            Some(name) => find_cache(&index.connection, key, &parse_name(name)?)?.into_iter().collect(),
            None => index
                .connection
                .prepare_cached(
                    "SELECT id FROM cache WHERE storage_key = ?1 AND name IS NOT NULL ORDER BY id",
                )?
                .query_map([key.as_str()], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?,
        };
        for cache in caches {
            let found = self.found(&index, cache, query)?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    fn found(&self, index: &Index, cache: i64, query: &Query) -> Result<Vec<Found>, StorageFailure> {
        let mut all = Vec::new();
        for candidate in find(&index.connection, cache, query)? {
            let (request, response) = index
                .connection
                .prepare_cached("SELECT request, response FROM entry WHERE id = ?1")?
                .query_row([candidate.id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            all.push(Found { request, response, body: candidate.body });
        }
        // While the index is locked, nobody can remove them.
        for found in &all {
            if let Some(body) = found.body.filter(|_| !query.keys_only) {
                self.bodies.pin(body.id);
            }
        }
        Ok(all)
    }

    /// Deletes what a query matches; true if there was anything.
    pub(crate) fn delete(&self, key: &StorageKey, cache: i64, query: &Query) -> Result<bool, StorageFailure> {
        let mut index = self.index();
        let transaction = index.connection.transaction()?;
        owned(&transaction, key, cache)?;
        let found = find(&transaction, cache, query)?;
        if found.is_empty() {
            return Ok(false);
        }
        let removed = remove(&transaction, &found)?;
        transaction.commit()?;
        self.forget(key, &removed);
        Ok(true)
    }

    /// Begins to write the body of an entry.
    pub(crate) fn write_body(&self, key: &StorageKey) -> Result<BodyWriter, StorageFailure> {
        Bodies::writer(&self.bodies, &self.quota, key)
    }

    /// Stores entries, all or none; each takes the place of what its request matches ("Batch Cache Operations").
    pub(crate) fn put(
        &self,
        key: &StorageKey,
        cache: i64,
        mut entries: Vec<NewEntry>,
    ) -> Result<(), StorageFailure> {
        for entry in &mut entries {
            if let Some(body) = &mut entry.body {
                body.sync()?;
            }
        }
        self.bodies.sync_directory()?;
        let mut index = self.index();
        let transaction = index.connection.transaction()?;
        owned(&transaction, key, cache)?;
        let mut removed = Vec::new();
        let mut added: u64 = 0;
        let newest: i64 =
            transaction.query_row("SELECT coalesce(max(id), 0) FROM entry", [], |row| row.get(0))?;
        for entry in &entries {
            let found = find(&transaction, cache, &Query::exactly(&entry.request))?;
            if found.iter().any(|found| found.id > newest) {
                return Err(StorageFailure {
                    name: "InvalidStateError",
                    message: format!(
                        "`{}` is asked for twice; give each request once to addAll",
                        entry.request.url
                    ),
                });
            }
            removed.extend(remove(&transaction, &found)?);
            let charge = self.padding.charge_of(key, entry);
            insert(&transaction, cache, entry, charge)?;
            added = added.saturating_add(charge);
        }
        let freed = removed.iter().map(|candidate| candidate.charge).sum();
        let written: u64 =
            entries.iter().filter_map(|entry| entry.body.as_ref()).map(BodyWriter::bytes).sum();
        self.quota.check(key, added, freed, written)?;
        transaction.commit()?;
        self.quota.change_caches(key, added, 0);
        for body in entries.into_iter().filter_map(|entry| entry.body) {
            body.keep();
        }
        self.forget(key, &removed);
        Ok(())
    }

    /// A part of a body from `offset` on; empty at its end.
    pub(crate) fn read_body(
        &self,
        id: u64,
        offset: u64,
        bytes_max: usize,
    ) -> Result<Vec<u8>, StorageFailure> {
        self.bodies.read(id, offset, bytes_max)
    }

    /// Ends the right to read a body that a query gave.
    pub(crate) fn release_body(&self, id: u64) {
        self.bodies.unpin(id);
    }

    /// Names of a storage key's caches in WTF-8, with the number of entries and what they count.
    pub(crate) fn list(&self, key: &StorageKey) -> Result<Vec<(Vec<u8>, u64, u64)>, StorageFailure> {
        let index = self.index();
        let mut statement = index.connection.prepare_cached(
            "SELECT cache.name, count(entry.id), coalesce(sum(entry.charge), 0)
             FROM cache LEFT JOIN entry ON entry.cache = cache.id
             WHERE cache.storage_key = ?1 AND cache.name IS NOT NULL GROUP BY cache.id ORDER BY cache.id",
        )?;
        let rows = statement.query_map([key.as_str()], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)? as u64, row.get::<_, i64>(2)? as u64))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Every storage key that has a cache.
    pub(crate) fn storage_keys(&self) -> Result<Vec<StorageKey>, StorageFailure> {
        let index = self.index();
        let mut statement = index.connection.prepare_cached(
            "SELECT DISTINCT storage_key FROM cache WHERE name IS NOT NULL ORDER BY storage_key",
        )?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        Ok(rows.map(|key| key.map(|key| StorageKey::from(key.as_str()))).collect::<rusqlite::Result<_>>()?)
    }

    /// Deletes all caches of a storage key, also those that scripts hold (R163).
    pub(crate) fn clear(&self, key: &StorageKey) -> Result<(), StorageFailure> {
        let mut index = self.index();
        let transaction = index.connection.transaction()?;
        let caches: Vec<i64> = transaction
            .prepare_cached("SELECT id FROM cache WHERE storage_key = ?1")?
            .query_map([key.as_str()], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mut removed = Vec::new();
        for cache in caches {
            removed.extend(remove_entries(&transaction, "cache = ?1", cache)?);
        }
        transaction.execute("DELETE FROM cache WHERE storage_key = ?1", [key.as_str()])?;
        transaction.commit()?;
        self.forget(key, &removed);
        Ok(())
    }

    /// Entries are gone, durably: so are their bodies and their part of the quota.
    fn forget(&self, key: &StorageKey, removed: &[Candidate]) {
        self.quota.change_caches(key, 0, removed.iter().map(|candidate| candidate.charge).sum());
        for body in removed.iter().filter_map(|candidate| candidate.body) {
            self.bodies.remove(body.id);
        }
    }
}

impl Found {
    /// The body that must be released, unless the query was for keys.
    pub(crate) fn body(&self) -> Option<StoredBody> {
        self.body
    }

    /// Appends `{request, response, body: {id, bytes} | null}`.
    pub(crate) fn write_json(&self, keys_only: bool, out: &mut String) {
        out.push_str("{\"request\":");
        out.push_str(&self.request);
        if !keys_only {
            out.push_str(",\"response\":");
            out.push_str(&self.response);
            match self.body {
                Some(body) => {
                    out.push_str(&format!(",\"body\":{{\"id\":{},\"bytes\":{}}}", body.id, body.bytes));
                }
                None => out.push_str(",\"body\":null"),
            }
        }
        out.push('}');
    }
}

/// What the entries of each storage key count.
fn charges(connection: &Connection) -> rusqlite::Result<Vec<(StorageKey, u64)>> {
    let mut statement = connection.prepare(
        "SELECT cache.storage_key, sum(entry.charge) FROM cache JOIN entry ON entry.cache = cache.id
         GROUP BY cache.storage_key",
    )?;
    let rows = statement.query_map([], |row| {
        let key: String = row.get(0)?;
        Ok((StorageKey::from(key.as_str()), row.get::<_, i64>(1)? as u64))
    })?;
    rows.collect()
}

fn parse_name(json: &str) -> Result<Wtf8, StorageFailure> {
    Wtf8::from_json(json)
        .map_err(|error| StorageFailure::data(format!("`{json}` is no name of a cache: {error}")))
}

fn find_cache(connection: &Connection, key: &StorageKey, name: &Wtf8) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM cache WHERE storage_key = ?1 AND name = ?2")?
        .query_row(params![key.as_str(), name.0], |row| row.get(0))
        .optional()
}

/// A cache that was cleared away under a script's hands is an error, never another origin's cache.
fn owned(connection: &Connection, key: &StorageKey, cache: i64) -> Result<(), StorageFailure> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM cache WHERE id = ?1 AND storage_key = ?2")?;
    if statement.exists(params![cache, key.as_str()])? {
        return Ok(());
    }
    Err(StorageFailure {
        name: "InvalidStateError",
        message: "the cache was deleted with all data of its origin; open it again".to_owned(),
    })
}

fn insert(
    transaction: &Transaction<'_>,
    cache: i64,
    entry: &NewEntry,
    charge: u64,
) -> Result<(), StorageFailure> {
    let (url, path) = matching::keys(&entry.request.url);
    let body = entry.body.as_ref();
    transaction
        .prepare_cached(
            "INSERT INTO entry (cache, url, path, vary, request, response, body, body_bytes, charge)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            cache,
            url,
            path,
            entry.response.vary(),
            entry.request_json,
            entry.response_json,
            body.map(|body| body.id() as i64),
            body.map(|body| body.bytes() as i64),
            charge as i64,
        ])?;
    Ok(())
}

fn remove(transaction: &Transaction<'_>, found: &[Candidate]) -> Result<Vec<Candidate>, StorageFailure> {
    let mut removed = Vec::new();
    for candidate in found {
        removed.extend(remove_entries(transaction, "id = ?1", candidate.id)?);
    }
    Ok(removed)
}

fn remove_entries(
    transaction: &Transaction<'_>,
    condition: &str,
    value: i64,
) -> Result<Vec<Candidate>, StorageFailure> {
    let sql = format!("DELETE FROM entry WHERE {condition} RETURNING id, body, body_bytes, charge");
    let mut statement = transaction.prepare_cached(&sql)?;
    let removed = statement.query_map([value], Candidate::from_row)?;
    Ok(removed.collect::<rusqlite::Result<_>>()?)
}
