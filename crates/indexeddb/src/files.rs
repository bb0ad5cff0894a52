//! Where databases are: one SQLite file for each, and its blobs.

use crate::blobs::{Blobs, bytes_in};
use crate::catalog::{Catalog, SUSPECT, move_database_aside};
use crate::{Error, Place, schema, sqlite_file};
use rusqlite::Connection;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The catalog and the directory of a profile.
pub(crate) struct Files {
    dir: Option<PathBuf>,
    pub(crate) catalog: Catalog,
    /// What was damaged at the opening, and what became of it.
    pub(crate) damage: Vec<String>,
    /// The blobs of databases that are open or whose blobs are read.
    blobs: Mutex<HashMap<i64, Weak<Blobs>>>,
}

impl Files {
    pub(crate) fn open(place: &Place) -> Result<Files, Error> {
        let (catalog, damage) = Catalog::open(place)?;
        let dir = match place {
            Place::Dir(dir) => Some(dir.clone()),
            Place::Memory => None,
        };
        Ok(Files { dir, catalog, damage, blobs: Mutex::default() })
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
        let all = self.catalog.origins()?;
        Ok(all.into_iter().map(|(origin, id)| (origin, id, self.size(id))).collect())
    }

    fn size(&self, id: i64) -> u64 {
        let Some(dir) = &self.dir else { return 0 };
        let file = self.path(id).and_then(|path| std::fs::metadata(path).ok());
        file.map_or(0, |file| file.len()) + bytes_in(&blobs_dir(dir, id))
    }

    fn path(&self, id: i64) -> Option<PathBuf> {
        Some(self.dir.as_ref()?.join(format!("{id}.sqlite")))
    }

    /// Opens the file of a database. One that is damaged is moved aside, so that the next open finds an empty one.
    pub(crate) fn connect(&self, id: i64) -> Result<Connection, Error> {
        let Some(path) = self.path(id) else { return sqlite_file::open_in_memory(schema::TABLES) };
        let mark = path.with_extension(SUSPECT);
        let check = sqlite_file::has_log(&path) || mark.exists();
        let opened = match sqlite_file::open(&path, check, schema::TABLES) {
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
        let aside = match move_database_aside(path) {
            Ok(aside) => aside,
            Err(error) => return error,
        };
        match self.catalog.forget(id) {
            Ok(()) => Error::Unknown(format!(
                "{message}; it was moved to `{}`, and opening the database again gives an empty one",
                aside.display()
            )),
            Err(error) => error,
        }
    }

    /// Forgets a database, then its file, which must be closed.
    pub(crate) fn remove(&self, id: i64) -> Result<(), Error> {
        self.catalog.forget(id)?;
        if let Some(path) = self.path(id) {
            let log = ["-wal", "-shm"].map(|suffix| sqlite_file::beside(&path, suffix));
            for file in log.into_iter().chain([path.with_extension(SUSPECT), path]) {
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

fn blobs_dir(dir: &Path, id: i64) -> PathBuf {
    dir.join(format!("{id}.blobs"))
}
