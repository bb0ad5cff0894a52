//! The databases of a profile, and who hears of what.

use crate::context::Context;
use crate::database::Database;
use crate::files::Files;
use crate::{Error, Schema};
use std::collections::HashMap;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where an engine keeps its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this directory, which is made if it does not exist.
    Dir(PathBuf),
    /// In memory: gone with the engine.
    Memory,
}

/// What an origin may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an origin's database files together. Default: 4,294,967,296 (4 GiB).
    pub origin_bytes_max: u64,
}

/// Says how much the databases of an origin may hold, and hears how much they do.
pub trait Allowance: Send + Sync {
    /// How many bytes all databases of an origin may have together now.
    fn databases_bytes_max(&self, origin: &str) -> u64;

    /// All databases of an origin have so many bytes together now.
    fn databases_changed(&self, origin: &str, bytes: u64);
}

impl Allowance for Limits {
    fn databases_bytes_max(&self, _: &str) -> u64 {
        self.origin_bytes_max
    }

    fn databases_changed(&self, _: &str, _: u64) {}
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { origin_bytes_max: 4 << 30 }
    }
}

/// What a transaction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Read.
    ReadOnly,
    /// Read and write records.
    ReadWrite,
    /// Everything, stores and indexes included; begun by the engine only.
    VersionChange,
}

/// What a context hears. The engine holds locks while it tells, so a listener only takes notes.
pub trait Listener: Send + Sync {
    /// Something happened; called in order, from any thread.
    fn notify(&self, notice: Notice);
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Another context wants to change or delete the database. When the event was fired, the context calls
    /// [`Context::version_change_fired`].
    VersionChange {
        /// Of which connection.
        connection: u64,
        /// The version now.
        old: u64,
        /// The version wanted; `None` for deletion.
        new: Option<u64>,
    },
    /// Connections of other contexts, or of this one, stay open, and the request waits for them.
    Blocked {
        /// The waiting request.
        request: u64,
        /// The version now.
        old: u64,
        /// The version wanted; `None` for deletion.
        new: Option<u64>,
    },
    /// A database must be upgraded: the request has a connection and a running transaction for it.
    UpgradeNeeded {
        /// The request.
        request: u64,
        /// The new connection.
        connection: u64,
        /// The transaction, which the context ends.
        transaction: u64,
        /// The version before.
        old: u64,
        /// Stores and indexes, and the new version.
        schema: Schema,
    },
    /// A database is open.
    Opened {
        /// The request.
        request: u64,
        /// The new connection.
        connection: u64,
        /// Stores and indexes.
        schema: Schema,
    },
    /// A database is deleted.
    Deleted {
        /// The request.
        request: u64,
        /// The version that it had; 0 if there was none.
        old: u64,
    },
    /// A request failed.
    Failed {
        /// The request.
        request: u64,
        /// Why.
        error: Error,
    },
    /// A transaction that waited for others may run now.
    Started {
        /// The transaction.
        transaction: u64,
    },
    /// A connection was closed because the origin's data was cleared; its transactions are aborted.
    Closed {
        /// The connection.
        connection: u64,
    },
}

/// What an operator sees of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseInfo {
    /// Its name, in WTF-8.
    pub name: Vec<u8>,
    /// Its version; an error if its file cannot be read.
    pub version: Result<u64, Error>,
    /// Bytes of its files.
    pub bytes: u64,
}

/// All databases of a profile. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Owner>,
}

/// What engines and contexts hold. The last of them to go closes all files: databases know the shared state that knows
/// them, so they would keep each other.
pub(crate) struct Owner(Arc<Shared>);

impl Deref for Owner {
    type Target = Arc<Shared>;

    fn deref(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let databases = std::mem::take(&mut *self.databases.lock().unwrap_or_else(PoisonError::into_inner));
        drop(databases);
    }
}

pub(crate) struct Shared {
    pub(crate) files: Files,
    allowance: Arc<dyn Allowance>,
    next_id: AtomicU64,
    databases: Mutex<Databases>,
    /// Bytes of the files, by origin and id.
    usage: Mutex<HashMap<String, HashMap<i64, u64>>>,
}

/// By origin and name.
type Databases = HashMap<(String, Vec<u8>), Arc<Database>>;

/// With more databases in memory, those that nobody uses are forgotten.
const DATABASES_KEPT: usize = 256;

impl Engine {
    /// Opens the databases of a place.
    pub fn open(place: &Place, limits: Limits) -> Result<Engine, Error> {
        Engine::open_with(place, Arc::new(limits))
    }

    /// The same with limits that change, or that other data shares.
    pub fn open_with(place: &Place, allowance: Arc<dyn Allowance>) -> Result<Engine, Error> {
        let files = Files::open(place)?;
        let mut usage: HashMap<String, HashMap<i64, u64>> = HashMap::new();
        for (origin, id, bytes) in files.sizes()? {
            usage.entry(origin).or_default().insert(id, bytes);
        }
        for (origin, files) in &usage {
            allowance.databases_changed(origin, files.values().sum());
        }
        Ok(Engine {
            shared: Arc::new(Owner(Arc::new(Shared {
                files,
                allowance,
                next_id: AtomicU64::new(1),
                databases: Mutex::default(),
                usage: Mutex::new(usage),
            }))),
        })
    }

    /// A context of an origin. Its end closes its connections and aborts its transactions.
    pub fn context(&self, origin: &str, listener: Arc<dyn Listener>) -> Context {
        Context::new(self.shared.clone(), origin.to_owned(), listener)
    }

    /// What was found damaged when the place was opened, and what became of it, for people.
    pub fn damage_found(&self) -> &[String] {
        &self.shared.files.damage
    }

    /// Every origin that has a database.
    pub fn origins(&self) -> Vec<String> {
        let usage = self.shared.usage();
        let mut origins: Vec<String> =
            usage.iter().filter(|(_, files)| !files.is_empty()).map(|(origin, _)| origin.clone()).collect();
        origins.sort_unstable();
        origins
    }

    /// Names and versions of an origin's databases, by name, with the bytes of each.
    pub fn databases(&self, origin: &str) -> Result<Vec<DatabaseInfo>, Error> {
        let mut all = Vec::new();
        for (id, name) in self.shared.files.catalog.list(origin)? {
            let version = self.shared.database(origin, &name).version();
            let bytes = self.shared.usage().get(origin).and_then(|files| files.get(&id).copied());
            all.push(DatabaseInfo { name, version, bytes: bytes.unwrap_or(0) });
        }
        Ok(all)
    }

    /// Bytes of an origin's database files.
    pub fn usage_bytes(&self, origin: &str) -> u64 {
        self.shared.usage_bytes(origin)
    }

    /// Deletes all databases of an origin, whoever uses them.
    pub fn clear(&self, origin: &str) -> Result<(), Error> {
        let mut failure = None;
        for (_, name) in self.shared.files.catalog.list(origin)? {
            let database = self.shared.database(origin, &name);
            failure = database.clear().err().or(failure);
        }
        failure.map_or(Ok(()), Err)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn draw_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn database(self: &Arc<Shared>, origin: &str, name: &[u8]) -> Arc<Database> {
        let mut databases = self.databases.lock().unwrap_or_else(PoisonError::into_inner);
        if databases.len() > DATABASES_KEPT {
            databases.retain(|_, database| Arc::strong_count(database) > 1 || !database.is_idle());
        }
        databases
            .entry((origin.to_owned(), name.to_owned()))
            .or_insert_with(|| Arc::new(Database::new(self.clone(), origin, name)))
            .clone()
    }

    fn usage(&self) -> MutexGuard<'_, HashMap<String, HashMap<i64, u64>>> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usage_bytes(&self, origin: &str) -> u64 {
        self.usage().get(origin).map_or(0, |files| files.values().sum())
    }

    pub(crate) fn set_usage(&self, origin: &str, id: i64, bytes: Option<u64>) {
        let mut usage = self.usage();
        let files = usage.entry(origin.to_owned()).or_default();
        match bytes {
            Some(bytes) => files.insert(id, bytes),
            None => files.remove(&id),
        };
        let all = files.values().sum();
        drop(usage);
        self.allowance.databases_changed(origin, all);
    }

    /// How large the file of a database may become.
    pub(crate) fn room_for(&self, origin: &str, id: i64) -> u64 {
        let others: u64 = self.usage().get(origin).map_or(0, |files| {
            files.iter().filter(|(other, _)| **other != id).map(|(_, bytes)| *bytes).sum()
        });
        self.allowance.databases_bytes_max(origin).saturating_sub(others)
    }
}
