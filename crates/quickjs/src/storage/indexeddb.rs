//! The journal behind IndexedDB: whole databases by origin, written transaction by transaction.
//!
//! Names, keys and values are strings of the JavaScript layer and are kept as WTF-8, so lone surrogates survive.

use super::{RuntimeStorage, StorageFailure, open};
use crate::OpenError;
use crate::json::{Wtf8, write_wtf8};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use wakeworker_core::StorageKey;

/// All IndexedDB databases of a profile. One writer at a time; each call is one transaction.
pub(crate) struct IndexedDb {
    connection: Mutex<Connection>,
    /// How often each database was changed since the profile was opened: a worker holds records in memory, and sees by
    /// this that another worker of the origin has changed them. Locked only while `connection` is.
    generations: Mutex<HashMap<(StorageKey, Vec<u8>), u64>>,
    /// What origins hold, as counted last; a change takes its origin out. Locked only while `connection` is.
    usage: Mutex<HashMap<StorageKey, u64>>,
}

impl IndexedDb {
    pub(crate) fn open(storage: &RuntimeStorage, bytes_max: u64) -> Result<IndexedDb, OpenError> {
        let connection = open(storage, "indexeddb.sqlite", MIGRATIONS)?;
        let limit = || -> rusqlite::Result<()> {
            let page: u64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
            let pages = i64::try_from(bytes_max / page.max(1)).unwrap_or(i64::MAX).min(4_294_967_294);
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
        };
        limit().map_err(|error| super::inaccessible("indexeddb.sqlite".as_ref(), &error))?;
        Ok(IndexedDb {
            connection: Mutex::new(connection),
            generations: Mutex::default(),
            usage: Mutex::default(),
        })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn generations(&self) -> MutexGuard<'_, HashMap<(StorageKey, Vec<u8>), u64>> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often a database was changed since the profile was opened.
    pub(crate) fn generation(&self, key: &StorageKey, name: &str) -> Result<u64, StorageFailure> {
        let name = parse_name(name)?;
        let _connection = self.connection();
        Ok(self.generations().get(&(key.clone(), name.0)).copied().unwrap_or(0))
    }

    /// Names and versions of an origin's databases, as a JSON array.
    pub(crate) fn databases(&self, key: &StorageKey) -> Result<String, StorageFailure> {
        let connection = self.connection();
        let mut statement = connection
            .prepare_cached("SELECT name, version FROM database WHERE storage_key = ?1 ORDER BY name")?;
        let mut rows = statement.query([key.as_str()])?;
        let mut out = String::from("[");
        while let Some(row) = rows.next()? {
            if out.len() > 1 {
                out.push(',');
            }
            out.push_str("{\"name\":");
            write_wtf8(&mut out, row.get_ref(0)?.as_bytes()?);
            out.push_str(&format!(",\"version\":{}}}", row.get::<_, i64>(1)?));
        }
        out.push(']');
        Ok(out)
    }

    /// The schema of a database as it was committed; `None` if there is no such database.
    pub(crate) fn load_schema(&self, key: &StorageKey, name: &str) -> Result<Option<String>, StorageFailure> {
        let name = parse_name(name)?;
        let connection = self.connection();
        let mut statement =
            connection.prepare_cached("SELECT schema FROM database WHERE storage_key = ?1 AND name = ?2")?;
        Ok(statement.query_row(params![key.as_str(), name.0], |row| row.get(0)).optional()?)
    }

    /// The records of a store, as a JSON array of `[key, value]`, ordered by the bytes of their keys' texts.
    pub(crate) fn load_records(
        &self,
        key: &StorageKey,
        name: &str,
        store: &str,
    ) -> Result<String, StorageFailure> {
        let (name, store) = (parse_name(name)?, parse_name(store)?);
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT record.key, record.value FROM record JOIN store ON store.id = record.store
             JOIN database ON database.id = store.database
             WHERE database.storage_key = ?1 AND database.name = ?2 AND store.name = ?3 ORDER BY record.key",
        )?;
        let mut rows = statement.query(params![key.as_str(), name.0, store.0])?;
        let mut out = String::from("[");
        while let Some(row) = rows.next()? {
            out.push_str(if out.len() > 1 { ",[" } else { "[" });
            write_wtf8(&mut out, row.get_ref(0)?.as_bytes()?);
            out.push(',');
            write_wtf8(&mut out, row.get_ref(1)?.as_bytes()?);
            out.push(']');
        }
        out.push(']');
        Ok(out)
    }

    /// What the databases of an origin hold, in bytes of names, schemas, keys and values.
    pub(crate) fn usage_bytes(&self, key: &StorageKey) -> Result<u64, StorageFailure> {
        let connection = self.connection();
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = usage.get(key) {
            return Ok(*bytes);
        }
        let bytes: i64 = connection
            .prepare_cached(
                "SELECT coalesce((SELECT sum(length(name) + length(schema)) FROM database WHERE storage_key = ?1), 0)
                 + coalesce((SELECT sum(length(record.key) + length(record.value)) FROM record
                   JOIN store ON store.id = record.store JOIN database ON database.id = store.database
                   WHERE database.storage_key = ?1), 0)",
            )?
            .query_row([key.as_str()], |row| row.get(0))?;
        let bytes = u64::try_from(bytes).unwrap_or(0);
        usage.insert(key.clone(), bytes);
        Ok(bytes)
    }

    fn usage_changed(&self, key: &StorageKey) {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Applies the operations of one transaction, all or none. Durable when it returns: `strict` also against a power
    /// cut, otherwise against the death of the process (design decision 2). Gives the new generation. If another worker
    /// has changed the database since generation `expected`, nothing is written.
    pub(crate) fn commit(
        &self,
        key: &StorageKey,
        name: &str,
        ops: &str,
        strict: bool,
        expected: u64,
    ) -> Result<u64, StorageFailure> {
        let name = parse_name(name)?;
        let ops: Vec<Operation<'_>> = serde_json::from_str(ops)
            .map_err(|error| StorageFailure::data(format!("the operations cannot be read: {error}")))?;
        let mut connection = self.connection();
        let mut generations = self.generations();
        let generation = generations.entry((key.clone(), name.0.clone())).or_insert(0);
        if *generation != expected {
            return Err(StorageFailure {
                name: "AbortError",
                message: "another worker of this origin changed the database at the same time; try again"
                    .to_owned(),
            });
        }
        connection.pragma_update(None, "synchronous", if strict { "FULL" } else { "NORMAL" })?;
        let transaction = connection.transaction()?;
        let mut database: Option<i64> = transaction
            .prepare_cached("SELECT id FROM database WHERE storage_key = ?1 AND name = ?2")?
            .query_row(params![key.as_str(), name.0], |row| row.get(0))
            .optional()?;
        // The schema comes first wherever it stands: the records of a new database need it.
        for operation in &ops {
            if let Operation::Schema { schema } = operation {
                database = Some(put_schema(&transaction, key, &name, schema)?);
            }
        }
        let mut last_store: Option<(Wtf8, i64)> = None;
        for operation in ops {
            let Some(database) = database else {
                return Err(StorageFailure::data("the database has no schema yet"));
            };
            match operation {
                Operation::Schema { .. } => {}
                Operation::Put { store, key, value } => {
                    let store = store_id(&transaction, database, store, &mut last_store)?;
                    transaction
                        .prepare_cached(
                            "INSERT OR REPLACE INTO record (store, key, value) VALUES (?1, ?2, ?3)",
                        )?
                        .execute(params![store, key.0, value.0])?;
                }
                Operation::Delete { store, key } => {
                    let store = store_id(&transaction, database, store, &mut last_store)?;
                    transaction
                        .prepare_cached("DELETE FROM record WHERE store = ?1 AND key = ?2")?
                        .execute(params![store, key.0])?;
                }
                Operation::Clear { store } => {
                    let store = store_id(&transaction, database, store, &mut last_store)?;
                    transaction.prepare_cached("DELETE FROM record WHERE store = ?1")?.execute([store])?;
                }
                Operation::DropStore { store } => {
                    last_store = None;
                    transaction
                        .prepare_cached("DELETE FROM store WHERE database = ?1 AND name = ?2")?
                        .execute(params![database, store.0])?;
                }
                Operation::RenameStore { store, to } => {
                    last_store = None;
                    transaction
                        .prepare_cached("UPDATE store SET name = ?3 WHERE database = ?1 AND name = ?2")?
                        .execute(params![database, store.0, to.0])?;
                }
            }
        }
        transaction.commit()?;
        self.usage_changed(key);
        *generation += 1;
        Ok(*generation)
    }

    /// Deletes a database; one that does not exist is deleted already.
    pub(crate) fn delete(&self, key: &StorageKey, name: &str) -> Result<(), StorageFailure> {
        let name = parse_name(name)?;
        let connection = self.connection();
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute(
            "DELETE FROM database WHERE storage_key = ?1 AND name = ?2",
            params![key.as_str(), name.0],
        )?;
        self.usage_changed(key);
        *self.generations().entry((key.clone(), name.0)).or_insert(0) += 1;
        Ok(())
    }

    /// Deletes all databases of a storage key.
    pub(crate) fn clear(&self, key: &StorageKey) -> Result<(), StorageFailure> {
        let connection = self.connection();
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute("DELETE FROM database WHERE storage_key = ?1", [key.as_str()])?;
        self.usage_changed(key);
        for ((owner, _), generation) in self.generations().iter_mut() {
            *generation += u64::from(owner == key);
        }
        Ok(())
    }
}

/// One operation of a commit.
enum Operation<'a> {
    Schema { schema: &'a RawValue },
    Put { store: Wtf8, key: Wtf8, value: Wtf8 },
    Delete { store: Wtf8, key: Wtf8 },
    Clear { store: Wtf8 },
    DropStore { store: Wtf8 },
    RenameStore { store: Wtf8, to: Wtf8 },
}

impl<'de: 'a, 'a> Deserialize<'de> for Operation<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Operation<'a>, D::Error> {
        // serde's tagged enums buffer their content, which loses raw values and lone surrogates.
        #[derive(Deserialize)]
        struct Fields<'a> {
            op: String,
            #[serde(borrow)]
            schema: Option<&'a RawValue>,
            store: Option<Wtf8>,
            key: Option<Wtf8>,
            value: Option<Wtf8>,
            to: Option<Wtf8>,
        }
        let fields = Fields::deserialize(deserializer)?;
        let missing = |name: &'static str| serde::de::Error::missing_field(name);
        let store = |store: Option<Wtf8>| store.ok_or_else(|| missing("store"));
        Ok(match fields.op.as_str() {
            "schema" => Operation::Schema { schema: fields.schema.ok_or_else(|| missing("schema"))? },
            "put" => Operation::Put {
                store: store(fields.store)?,
                key: fields.key.ok_or_else(|| missing("key"))?,
                value: fields.value.ok_or_else(|| missing("value"))?,
            },
            "delete" => Operation::Delete {
                store: store(fields.store)?,
                key: fields.key.ok_or_else(|| missing("key"))?,
            },
            "clear" => Operation::Clear { store: store(fields.store)? },
            "dropStore" => Operation::DropStore { store: store(fields.store)? },
            "renameStore" => Operation::RenameStore {
                store: store(fields.store)?,
                to: fields.to.ok_or_else(|| missing("to"))?,
            },
            other => return Err(serde::de::Error::custom(format!("the operation `{other}` is not known"))),
        })
    }
}

fn parse_name(json: &str) -> Result<Wtf8, StorageFailure> {
    Wtf8::from_json(json).map_err(|error| StorageFailure::data(format!("`{json}` is no name: {error}")))
}

fn put_schema(
    transaction: &rusqlite::Transaction<'_>,
    key: &StorageKey,
    name: &Wtf8,
    schema: &RawValue,
) -> Result<i64, StorageFailure> {
    #[derive(Deserialize)]
    struct Head {
        version: f64,
    }
    let head: Head = serde_json::from_str(schema.get())
        .map_err(|error| StorageFailure::data(format!("the schema has no version: {error}")))?;
    let id = transaction
        .prepare_cached(
            "INSERT INTO database (storage_key, name, version, schema) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (storage_key, name) DO UPDATE SET version = excluded.version, schema = excluded.schema
             RETURNING id",
        )?
        .query_row(params![key.as_str(), name.0, head.version as i64, schema.get()], |row| row.get(0))?;
    Ok(id)
}

/// The id of a store, made if it is not there: the schema says which stores exist, this table only numbers them.
fn store_id(
    transaction: &rusqlite::Transaction<'_>,
    database: i64,
    store: Wtf8,
    last: &mut Option<(Wtf8, i64)>,
) -> Result<i64, StorageFailure> {
    if let Some((name, id)) = last
        && *name == store
    {
        return Ok(*id);
    }
    let found: Option<i64> = transaction
        .prepare_cached("SELECT id FROM store WHERE database = ?1 AND name = ?2")?
        .query_row(params![database, store.0], |row| row.get(0))
        .optional()?;
    let id = match found {
        Some(id) => id,
        None => {
            transaction
                .prepare_cached("INSERT INTO store (database, name) VALUES (?1, ?2)")?
                .execute(params![database, store.0])?;
            transaction.last_insert_rowid()
        }
    };
    *last = Some((store, id));
    Ok(id)
}

const MIGRATIONS: &[&str] = &["
    CREATE TABLE database (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        storage_key TEXT NOT NULL,
        name BLOB NOT NULL,
        version INTEGER NOT NULL,
        schema TEXT NOT NULL,
        UNIQUE (storage_key, name)
    ) STRICT;
    CREATE TABLE store (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        database INTEGER NOT NULL REFERENCES database (id) ON DELETE CASCADE,
        name BLOB NOT NULL,
        UNIQUE (database, name)
    ) STRICT;
    CREATE TABLE record (
        store INTEGER NOT NULL REFERENCES store (id) ON DELETE CASCADE,
        key BLOB NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (store, key)
    ) STRICT, WITHOUT ROWID;
"];

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(version: u32) -> String {
        format!(r#"{{"op":"schema","schema":{{"version":{version},"stores":[]}}}}"#)
    }

    #[test]
    fn records_survive_reopening_and_origins_are_separate() {
        let dir = tempfile::tempdir().unwrap();
        let storage = RuntimeStorage::Dir(dir.path().to_owned());
        let key = StorageKey::first_party("https://a.example");
        let db = IndexedDb::open(&storage, 1 << 30).unwrap();
        let ops = format!(
            r#"[{},{{"op":"put","store":"s\ud800","key":"k1","value":"\ud83d"}},{{"op":"put","store":"s\ud800","key":"k2","value":"2"}},{{"op":"delete","store":"s\ud800","key":"k2"}}]"#,
            schema(3)
        );
        db.commit(&key, "\"d\\udc00\"", &ops, true, 0).unwrap();
        drop(db);
        let db = IndexedDb::open(&storage, 1 << 30).unwrap();
        assert_eq!(db.databases(&key).unwrap(), r#"[{"name":"d\udc00","version":3}]"#);
        assert_eq!(db.load_records(&key, "\"d\\udc00\"", "\"s\\ud800\"").unwrap(), r#"[["k1","\ud83d"]]"#);
        assert_eq!(db.load_schema(&key, "\"d\\udc00\"").unwrap().unwrap(), r#"{"version":3,"stores":[]}"#);
        let other = StorageKey::first_party("https://b.example");
        assert_eq!(db.databases(&other).unwrap(), "[]");
        assert_eq!(db.load_schema(&other, "\"d\\udc00\"").unwrap(), None);
        db.commit(&key, "\"d\\udc00\"", r#"[{"op":"renameStore","store":"s\ud800","to":"t"}]"#, false, 0)
            .unwrap();
        assert_eq!(db.load_records(&key, "\"d\\udc00\"", "\"t\"").unwrap(), r#"[["k1","\ud83d"]]"#);
        db.commit(&key, "\"d\\udc00\"", r#"[{"op":"clear","store":"t"}]"#, false, 1).unwrap();
        assert_eq!(db.load_records(&key, "\"d\\udc00\"", "\"t\"").unwrap(), "[]");
        db.delete(&key, "\"d\\udc00\"").unwrap();
        assert_eq!(db.databases(&key).unwrap(), "[]");
        let left: i64 =
            db.connection().query_row("SELECT count(*) FROM store", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0);
    }

    #[test]
    fn a_transaction_that_fails_writes_nothing() {
        let db = IndexedDb::open(&RuntimeStorage::Memory, 1 << 30).unwrap();
        let key = StorageKey::first_party("https://a.example");
        for bad in [
            "[".to_owned(),
            r#"[{"op":"put","store":"s","key":"k","value":"v"}]"#.to_owned(),
            format!(r#"[{},{{"op":"explode","store":"s"}}]"#, schema(1)),
            format!(r#"[{},{{"op":"put","store":"s","key":1,"value":"v"}}]"#, schema(1)),
            r#"[{"op":"schema","schema":{}}]"#.to_owned(),
        ] {
            assert_eq!(db.commit(&key, "\"d\"", &bad, false, 0).unwrap_err().name, "DataError", "{bad}");
            assert_eq!(db.databases(&key).unwrap(), "[]");
        }
    }

    #[test]
    fn a_commit_on_top_of_anothers_is_refused() {
        let db = IndexedDb::open(&RuntimeStorage::Memory, 1 << 30).unwrap();
        let key = StorageKey::first_party("https://a.example");
        let ops = format!("[{}]", schema(1));
        assert_eq!(db.generation(&key, "\"d\""), Ok(0));
        assert_eq!(db.commit(&key, "\"d\"", &ops, false, 0), Ok(1));
        assert_eq!(db.commit(&key, "\"d\"", &ops, false, 0).unwrap_err().name, "AbortError");
        assert_eq!(db.commit(&key, "\"d\"", &ops, false, 1), Ok(2));
        db.delete(&key, "\"d\"").unwrap();
        assert_eq!(db.commit(&key, "\"d\"", &ops, false, 2).unwrap_err().name, "AbortError");
        db.clear(&key).unwrap();
        assert_eq!(db.generation(&key, "\"d\""), Ok(4));
        assert_eq!(db.generation(&key, "\"other\""), Ok(0));
    }

    #[test]
    fn a_full_file_is_a_quota_error() {
        let db = IndexedDb::open(&RuntimeStorage::Memory, 256 * 1024).unwrap();
        let key = StorageKey::first_party("https://a.example");
        let big = "x".repeat(300 * 1024);
        let ops = format!(r#"[{},{{"op":"put","store":"s","key":"k","value":"{big}"}}]"#, schema(1));
        assert_eq!(db.commit(&key, "\"d\"", &ops, false, 0).unwrap_err().name, "QuotaExceededError");
        assert_eq!(db.databases(&key).unwrap(), "[]");
    }
}
