//! Where databases are: a catalog of names, and one SQLite file for each database.

use crate::blobs::{Blobs, bytes_in};
use crate::schema;
use crate::{Error, Place};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

const CATALOG: &str = "
    CREATE TABLE database (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        origin TEXT NOT NULL,
        name BLOB NOT NULL,
        UNIQUE (origin, name)
    ) STRICT;
";

/// The catalog and the directory of a profile.
pub(crate) struct Files {
    dir: Option<PathBuf>,
    catalog: Mutex<Connection>,
    /// The blobs of databases that are open or whose blobs are read.
    blobs: Mutex<HashMap<i64, Weak<Blobs>>>,
}

impl Files {
    /// Opens the catalog and removes files that it does not name: those of databases that were being deleted.
    pub(crate) fn open(place: &Place) -> Result<Files, Error> {
        let (dir, catalog) = match place {
            Place::Memory => (None, Connection::open_in_memory()?),
            Place::Dir(dir) => {
                std::fs::create_dir_all(dir).map_err(|error| Error::from_io(dir, &error))?;
                (Some(dir.clone()), Connection::open(dir.join("catalog.sqlite"))?)
            }
        };
        let mut catalog = catalog;
        prepare(&mut catalog, CATALOG, "catalog.sqlite")?;
        if let Some(dir) = &dir {
            let known = catalog
                .prepare("SELECT id FROM database")?
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<HashSet<i64>>>()?;
            remove_orphans(dir, &known).map_err(|error| Error::from_io(dir, &error))?;
        }
        Ok(Files { dir, catalog: Mutex::new(catalog), blobs: Mutex::default() })
    }

    fn catalog(&self) -> MutexGuard<'_, Connection> {
        self.catalog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names and ids of an origin's databases.
    pub(crate) fn list(&self, origin: &str) -> Result<Vec<(i64, Vec<u8>)>, Error> {
        let catalog = self.catalog();
        let mut statement =
            catalog.prepare_cached("SELECT id, name FROM database WHERE origin = ?1 ORDER BY name")?;
        let rows = statement.query_map([origin], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The blobs of a database; a database in memory has them in its records.
    pub(crate) fn blobs(&self, id: i64) -> Option<Arc<Blobs>> {
        let dir = blobs_dir(self.dir.as_deref()?, id);
        let mut all = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(blobs) = all.get(&id).and_then(Weak::upgrade) {
            return Some(blobs);
        }
        all.retain(|_, blobs| blobs.strong_count() > 0);
        let blobs = Blobs::new(dir);
        all.insert(id, Arc::downgrade(&blobs));
        Some(blobs)
    }

    /// Every database with its origin and size.
    pub(crate) fn sizes(&self) -> Result<Vec<(String, i64, u64)>, Error> {
        let catalog = self.catalog();
        let mut statement = catalog.prepare("SELECT origin, id FROM database")?;
        let rows = statement.query_map([], |row| {
            let id: i64 = row.get(1)?;
            Ok((row.get(0)?, id, self.size(id)))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn size(&self, id: i64) -> u64 {
        let Some(dir) = &self.dir else { return 0 };
        let file = self.path(id).and_then(|path| std::fs::metadata(path).ok());
        file.map_or(0, |file| file.len()) + bytes_in(&blobs_dir(dir, id))
    }

    fn path(&self, id: i64) -> Option<PathBuf> {
        Some(self.dir.as_ref()?.join(format!("{id}.sqlite")))
    }

    /// The id of a database, given now if it has none.
    pub(crate) fn id_of(&self, origin: &str, name: &[u8]) -> Result<i64, Error> {
        let catalog = self.catalog();
        let found = catalog
            .prepare_cached("SELECT id FROM database WHERE origin = ?1 AND name = ?2")?
            .query_row(params![origin, name], |row| row.get(0))
            .optional()?;
        if let Some(id) = found {
            return Ok(id);
        }
        catalog
            .prepare_cached("INSERT INTO database (origin, name) VALUES (?1, ?2)")?
            .execute(params![origin, name])?;
        Ok(catalog.last_insert_rowid())
    }

    /// Whether the database has an id.
    pub(crate) fn find(&self, origin: &str, name: &[u8]) -> Result<Option<i64>, Error> {
        Ok(self
            .catalog()
            .prepare_cached("SELECT id FROM database WHERE origin = ?1 AND name = ?2")?
            .query_row(params![origin, name], |row| row.get(0))
            .optional()?)
    }

    /// Opens the file of a database. One that is damaged is moved aside, so that the next open finds an empty one.
    pub(crate) fn connect(&self, id: i64) -> Result<Connection, Error> {
        let Some(path) = self.path(id) else {
            let mut sqlite = Connection::open_in_memory()?;
            prepare(&mut sqlite, schema::TABLES, "memory")?;
            return Ok(sqlite);
        };
        let crashed = std::fs::metadata(beside(&path, "-wal")).is_ok_and(|wal| wal.len() > 0);
        let mark = path.with_extension(SUSPECT);
        let name = path.display().to_string();
        let opened = match open_file(&path, crashed || mark.exists(), &name) {
            Err(error) if error.is_damage() => Err(self.quarantine(id, &path, &error.to_string())),
            opened => opened,
        };
        // Checked, or moved aside.
        let _ = std::fs::remove_file(mark);
        opened
    }

    /// Something was found damaged while a database was in use: it is checked as a whole when it is opened again.
    pub(crate) fn suspect(&self, id: i64) {
        if let Some(path) = self.path(id) {
            // Without the mark it is found again by whoever reads the same place.
            let _ = std::fs::write(path.with_extension(SUSPECT), "");
        }
    }

    fn quarantine(&self, id: i64, path: &Path, message: &str) -> Error {
        let aside = beside(path, ".damaged");
        for (from, to) in [(path.to_owned(), aside.clone()), (beside(path, "-wal"), beside(&aside, "-wal"))] {
            if from.exists()
                && let Err(error) = std::fs::rename(&from, to)
            {
                return Error::Unknown(format!("{message}; it cannot be moved aside: {error}"));
            }
        }
        let _ = std::fs::remove_file(beside(path, "-shm"));
        // Without its rows nobody finds a blob any more, but a person may.
        let blobs = path.with_extension("blobs");
        let _ = std::fs::rename(&blobs, beside(&blobs, ".damaged"));
        match self.catalog().execute("DELETE FROM database WHERE id = ?1", [id]) {
            Ok(_) => Error::Unknown(format!(
                "{message}; it was moved to `{}`, and opening the database again gives an empty one",
                aside.display()
            )),
            Err(error) => error.into(),
        }
    }

    /// Forgets a database, then its file, which must be closed.
    pub(crate) fn remove(&self, id: i64) -> Result<(), Error> {
        self.catalog().execute("DELETE FROM database WHERE id = ?1", [id])?;
        if let Some(path) = self.path(id) {
            for file in [beside(&path, "-wal"), beside(&path, "-shm"), path.with_extension(SUSPECT), path] {
                // What cannot be removed now is an orphan for the next start.
                let _ = std::fs::remove_file(file);
            }
        }
        if let Some(blobs) = self.blobs(id) {
            blobs.remove_all();
        }
        Ok(())
    }
}

/// The extension of the mark of a database that must be checked.
const SUSPECT: &str = "suspect";

fn open_file(path: &Path, crashed: bool, name: &str) -> Result<Connection, Error> {
    let damaged = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            Error::damaged(name, &error)
        }
        _ => Error::from(error),
    };
    let mut sqlite = Connection::open(path)?;
    let found = sqlite.pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0));
    found.map_err(damaged)?;
    if crashed {
        let check: String =
            sqlite.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(damaged)?;
        if check != "ok" {
            return Err(Error::damaged(name, &check));
        }
    }
    prepare(&mut sqlite, schema::TABLES, name)?;
    Ok(sqlite)
}

/// Brings a file to the format of this program; a newer one is refused and left alone.
fn prepare(sqlite: &mut Connection, tables: &str, name: &str) -> Result<(), Error> {
    sqlite.busy_timeout(Duration::from_secs(10))?;
    let found: u32 = sqlite.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > schema::FORMAT {
        return Err(Error::Unknown(format!(
            "`{name}` has format {found}, but this program reads only up to {}; use the newer program that wrote it",
            schema::FORMAT
        )));
    }
    sqlite.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    sqlite.pragma_update(None, "synchronous", "FULL")?;
    sqlite.set_prepared_statement_cache_capacity(64);
    if found == 0 {
        let transaction = sqlite.transaction()?;
        transaction.execute_batch(tables)?;
        transaction.pragma_update(None, "user_version", schema::FORMAT)?;
        transaction.commit()?;
    }
    Ok(())
}

fn blobs_dir(dir: &Path, id: i64) -> PathBuf {
    dir.join(format!("{id}.blobs"))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove_orphans(dir: &Path, known: &HashSet<i64>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some((id, kind @ ("sqlite" | "sqlite-wal" | "sqlite-shm" | SUSPECT | "blobs"))) =
            name.to_str().and_then(|name| name.split_once('.'))
        else {
            continue;
        };
        if !id.parse::<i64>().is_ok_and(|id| !known.contains(&id)) {
            continue;
        }
        if kind == "blobs" {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
