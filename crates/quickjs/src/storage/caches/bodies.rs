//! Bodies of cached responses: one file each, written once, read in parts, removed when nobody needs it.

use super::{OpenError, Quota, RuntimeStorage, StorageFailure, inaccessible};
use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wakeworker_core::StorageKey;

/// Their directory.
pub(super) const DIR: &str = "caches";

/// The bodies of a profile's caches.
pub(super) struct Bodies {
    place: Place,
    next_id: AtomicU64,
    pins: Mutex<HashMap<u64, Pin>>,
}

enum Place {
    Dir {
        dir: PathBuf,
        /// Held while the profile is open: another process that opens it must not take new files for orphans.
        _lock: File,
    },
    Memory(Mutex<HashMap<u64, Vec<u8>>>),
}

/// A body that scripts may still read.
#[derive(Default)]
struct Pin {
    readers: usize,
    is_removed: bool,
}

impl Bodies {
    /// Opens the directory and removes the files that no entry names. `known` is sorted.
    pub(super) fn open(storage: &RuntimeStorage, known: &[i64]) -> Result<Bodies, OpenError> {
        let place = match storage {
            RuntimeStorage::Memory => Place::Memory(Mutex::default()),
            RuntimeStorage::Dir(dir) => {
                let dir = dir.join(DIR);
                let fail = |error: io::Error| inaccessible(&dir, &error);
                std::fs::create_dir_all(&dir).map_err(fail)?;
                let lock = OpenOptions::new()
                    .create(true)
                    .truncate(false)
                    .write(true)
                    .open(dir.join("lock"))
                    .map_err(fail)?;
                if lock.try_lock().is_ok() {
                    let known: HashSet<u64> = known.iter().map(|id| *id as u64).collect();
                    remove_orphans(&dir, &known).map_err(fail)?;
                }
                Place::Dir { dir, _lock: lock }
            }
        };
        let next = known.last().map_or(1, |id| *id as u64 + 1);
        Ok(Bodies { place, next_id: AtomicU64::new(next), pins: Mutex::default() })
    }

    /// Begins a body.
    pub(super) fn writer(
        bodies: &Arc<Bodies>,
        quota: &Arc<Quota>,
        key: &StorageKey,
    ) -> Result<BodyWriter, StorageFailure> {
        let (id, file) = loop {
            let id = bodies.next_id.fetch_add(1, Ordering::Relaxed);
            match &bodies.place {
                Place::Memory(memory) => {
                    locked(memory).insert(id, Vec::new());
                    break (id, None);
                }
                Place::Dir { dir, .. } => {
                    match OpenOptions::new().write(true).create_new(true).open(path_of(dir, id)) {
                        Ok(file) => break (id, Some(file)),
                        // Another process has the profile open too.
                        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        };
        Ok(BodyWriter {
            bodies: bodies.clone(),
            quota: quota.clone(),
            key: key.clone(),
            id,
            bytes: 0,
            file,
            is_kept: false,
        })
    }

    /// Makes the names of new files durable.
    pub(super) fn sync_directory(&self) -> Result<(), StorageFailure> {
        match &self.place {
            #[cfg(unix)]
            Place::Dir { dir, .. } => Ok(File::open(dir)?.sync_all()?),
            // Elsewhere a directory cannot be synced; the system journals names itself.
            _ => Ok(()),
        }
    }

    /// A part of a body; empty at its end.
    pub(super) fn read(&self, id: u64, offset: u64, bytes_max: usize) -> Result<Vec<u8>, StorageFailure> {
        match &self.place {
            Place::Memory(memory) => {
                let memory = locked(memory);
                let body = memory.get(&id).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
                let rest = usize::try_from(offset).ok().and_then(|start| body.get(start..)).unwrap_or(&[]);
                Ok(rest[..rest.len().min(bytes_max)].to_vec())
            }
            Place::Dir { dir, .. } => {
                let mut file = File::open(path_of(dir, id))?;
                file.seek(SeekFrom::Start(offset))?;
                let mut bytes = Vec::new();
                file.take(bytes_max as u64).read_to_end(&mut bytes)?;
                Ok(bytes)
            }
        }
    }

    fn pins(&self) -> MutexGuard<'_, HashMap<u64, Pin>> {
        self.pins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a body readable, whatever happens to its entry.
    pub(super) fn pin(&self, id: u64) {
        self.pins().entry(id).or_default().readers += 1;
    }

    /// Ends what [`Bodies::pin`] began.
    pub(super) fn unpin(&self, id: u64) {
        let mut pins = self.pins();
        let Some(pin) = pins.get_mut(&id) else { return };
        pin.readers -= 1;
        if pin.readers == 0 {
            let is_removed = pin.is_removed;
            pins.remove(&id);
            if is_removed {
                self.delete(id);
            }
        }
    }

    /// Removes a body that no entry names any more, as soon as nobody reads it.
    pub(super) fn remove(&self, id: u64) {
        match self.pins().get_mut(&id) {
            Some(pin) => pin.is_removed = true,
            None => self.delete(id),
        }
    }

    fn delete(&self, id: u64) {
        match &self.place {
            Place::Memory(memory) => drop(locked(memory).remove(&id)),
            // What cannot be removed now is an orphan for the next open.
            Place::Dir { dir, .. } => drop(std::fs::remove_file(path_of(dir, id))),
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        match &self.place {
            Place::Memory(memory) => locked(memory).len(),
            Place::Dir { dir, .. } => std::fs::read_dir(dir).map_or(0, |files| files.count() - 1),
        }
    }
}

fn locked(memory: &Mutex<HashMap<u64, Vec<u8>>>) -> MutexGuard<'_, HashMap<u64, Vec<u8>>> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

fn path_of(dir: &Path, id: u64) -> PathBuf {
    dir.join(format!("{id:016x}"))
}

/// Files that a crash left behind. What has no name of ours is not ours and stays.
fn remove_orphans(dir: &Path, known: &HashSet<u64>) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(id) = name.to_str().filter(|name| name.len() == 16) else { continue };
        if let Ok(id) = u64::from_str_radix(id, 16)
            && !known.contains(&id)
        {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A body that is being written. Dropped before it is kept, it leaves nothing.
pub(crate) struct BodyWriter {
    bodies: Arc<Bodies>,
    quota: Arc<Quota>,
    key: StorageKey,
    id: u64,
    bytes: u64,
    file: Option<File>,
    is_kept: bool,
}

impl BodyWriter {
    /// Appends a part, if the quota allows it.
    pub(crate) fn write(&mut self, part: &[u8]) -> Result<(), StorageFailure> {
        self.quota.reserve(&self.key, part.len() as u64)?;
        self.bytes += part.len() as u64;
        match (&mut self.file, &self.bodies.place) {
            (Some(file), _) => file.write_all(part)?,
            (None, Place::Memory(memory)) => {
                if let Some(body) = locked(memory).get_mut(&self.id) {
                    body.extend_from_slice(part);
                }
            }
            (None, Place::Dir { .. }) => {}
        }
        Ok(())
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes the bytes durable.
    pub(super) fn sync(&mut self) -> Result<(), StorageFailure> {
        if let Some(file) = &self.file {
            file.sync_all()?;
        }
        Ok(())
    }

    /// An entry names the body now.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        self.quota.unreserve(&self.key, self.bytes);
        self.file = None;
        if !self.is_kept {
            self.bodies.delete(self.id);
        }
    }
}
