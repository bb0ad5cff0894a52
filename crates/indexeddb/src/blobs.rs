//! The content of Blobs and Files in records: a file each, beside the database file.
//!
//! A file is complete and synced before the row that names it is committed, and is removed only after a commit that
//! drops the row, when nobody reads it any more. What a crash leaves in between is a file without a row, which the next
//! opening of the database removes.

use crate::Error;
use rusqlite::Connection;
use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The blobs of one database.
pub(crate) struct Blobs {
    dir: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The number of the next blob. No number is used twice while a database is open, so that a blob of a transaction
    /// that was aborted is never taken for another.
    next: u64,
    /// Bytes of all blobs that have a row, and of those that the running transaction has written.
    bytes: u64,
    /// What the running transaction has written or dropped.
    touched: Vec<u64>,
    readers: HashMap<u64, usize>,
    /// Blobs without a row that are still read.
    leaving: HashSet<u64>,
}

/// A blob of a record. Its content can be read as long as this value or a clone of it lives, whatever happens to the
/// record and its database meanwhile.
#[derive(Clone)]
pub struct StoredBlob {
    pin: Arc<Pin>,
}

struct Pin {
    blobs: Arc<Blobs>,
    number: u64,
}

impl StoredBlob {
    /// By which the record's value names it.
    pub fn number(&self) -> u64 {
        self.pin.number
    }

    /// The content.
    pub fn read(&self) -> Result<Vec<u8>, Error> {
        let path = self.pin.blobs.path(self.pin.number);
        std::fs::read(&path)
            .map_err(|error| Error::Unknown(format!("the blob `{}` cannot be read: {error}", path.display())))
    }
}

impl std::fmt::Debug for StoredBlob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredBlob").field("number", &self.pin.number).finish_non_exhaustive()
    }
}

impl PartialEq for StoredBlob {
    fn eq(&self, other: &StoredBlob) -> bool {
        self.pin.number == other.pin.number && Arc::ptr_eq(&self.pin.blobs, &other.pin.blobs)
    }
}

impl Eq for StoredBlob {}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut state = self.blobs.state();
        let Some(readers) = state.readers.get_mut(&self.number) else { return };
        *readers -= 1;
        if *readers == 0 {
            state.readers.remove(&self.number);
            if state.leaving.remove(&self.number) {
                self.blobs.delete(self.number);
            }
        }
    }
}

impl Blobs {
    pub(crate) fn new(dir: PathBuf) -> Arc<Blobs> {
        Arc::new(Blobs { dir, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{number:016x}"))
    }

    /// Learns what the database has, and removes files that no row names and nobody reads.
    pub(crate) fn recover(&self, sqlite: &Connection) -> Result<(), Error> {
        let rows = sqlite
            .prepare("SELECT id, bytes FROM blob")?
            .query_map([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)))?
            .collect::<rusqlite::Result<HashMap<_, _>>>()?;
        let mut state = self.state();
        state.bytes = rows.values().sum();
        state.touched.clear();
        state.next = state.next.max(rows.keys().max().map_or(1, |last| last + 1));
        for number in files(&self.dir).map_err(|error| self.unusable(&error))? {
            if !rows.contains_key(&number) && !state.readers.contains_key(&number) {
                self.delete(number);
            }
        }
        Ok(())
    }

    /// Bytes of all blobs.
    pub(crate) fn bytes(&self) -> u64 {
        self.state().bytes
    }

    /// Whether a record may have a blob.
    pub(crate) fn is_used(&self) -> bool {
        let state = self.state();
        state.bytes > 0 || !state.touched.is_empty() || state.next > 1
    }

    /// Writes a blob for a row that the running transaction inserts.
    pub(crate) fn write(&self, content: &[u8]) -> Result<u64, Error> {
        let number = {
            let mut state = self.state();
            let number = state.next;
            state.next += 1;
            state.bytes = state.bytes.saturating_add(content.len() as u64);
            state.touched.push(number);
            number
        };
        self.write_file(number, content).map_err(|error| self.unusable(&error))?;
        Ok(number)
    }

    fn write_file(&self, number: u64, content: &[u8]) -> io::Result<()> {
        std::fs::create_dir_all(&self.dir)?;
        let mut file = OpenOptions::new().create_new(true).write(true).open(self.path(number))?;
        file.write_all(content)?;
        file.sync_all()
    }

    /// The running transaction deletes the row of a blob.
    pub(crate) fn drop_row(&self, number: u64) {
        self.state().touched.push(number);
    }

    /// Makes the names of new files durable, before the commit.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        #[cfg(unix)]
        if !self.state().touched.is_empty() && self.dir.exists() {
            File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(|error| self.unusable(&error))?;
        }
        Ok(())
    }

    /// The running transaction has ended: what it touched stays if there is a row.
    pub(crate) fn settle(&self, sqlite: &Connection) -> Result<(), Error> {
        let touched = std::mem::take(&mut self.state().touched);
        if touched.is_empty() {
            return Ok(());
        }
        let mut row = sqlite.prepare_cached("SELECT 1 FROM blob WHERE id = ?1")?;
        let mut gone = Vec::new();
        for number in touched {
            if !row.exists([number as i64])? {
                gone.push(number);
            }
        }
        let bytes: i64 =
            sqlite.query_row("SELECT coalesce(sum(bytes), 0) FROM blob", [], |row| row.get(0))?;
        self.state().bytes = bytes as u64;
        gone.into_iter().for_each(|number| self.remove(number));
        Ok(())
    }

    /// The database is deleted.
    pub(crate) fn remove_all(&self) {
        self.state().bytes = 0;
        // What cannot be listed or removed now is an orphan for the next start.
        for number in files(&self.dir).unwrap_or_default() {
            self.remove(number);
        }
        let _ = std::fs::remove_dir(&self.dir);
    }

    /// Keeps a blob readable.
    pub(crate) fn pin(self: &Arc<Blobs>, number: u64) -> StoredBlob {
        *self.state().readers.entry(number).or_default() += 1;
        StoredBlob { pin: Arc::new(Pin { blobs: self.clone(), number }) }
    }

    fn remove(&self, number: u64) {
        let mut state = self.state();
        if state.readers.contains_key(&number) {
            state.leaving.insert(number);
        } else {
            self.delete(number);
        }
    }

    fn delete(&self, number: u64) {
        // What cannot be removed now is an orphan for the next opening.
        let _ = std::fs::remove_file(self.path(number));
    }

    fn unusable(&self, error: &io::Error) -> Error {
        Error::from_io(&self.dir, error)
    }
}

/// Bytes of the blobs in a directory, if there is one.
pub(crate) fn bytes_in(dir: &Path) -> u64 {
    let numbers = files(dir).unwrap_or_default();
    let size = |number| std::fs::metadata(dir.join(format!("{number:016x}"))).map_or(0, |file| file.len());
    numbers.into_iter().map(size).sum()
}

/// The numbers of the files in a directory. What has no name of ours is not ours.
fn files(dir: &Path) -> io::Result<Vec<u64>> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let number = name.to_str().filter(|name| name.len() == 16);
        numbers.extend(number.and_then(|name| u64::from_str_radix(name, 16).ok()));
    }
    Ok(numbers)
}
