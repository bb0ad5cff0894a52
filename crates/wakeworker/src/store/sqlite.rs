//! The embedded store: a profile is a directory with an SQLite database.
//!
//! SQLite was chosen because it keeps 34,000 durable registrations a second at one million rows, its file format is
//! promised for decades, and a user can look into a profile with the `sqlite3` tool, even while it is in use.
//!
//! | file             | what it is                                                               |
//! |------------------|--------------------------------------------------------------------------|
//! | `lock`           | locked by the process that owns the profile; the lock ends with the process |
//! | `profile.sqlite` | the database; beside it SQLite keeps `-wal` and `-shm`                   |

mod directory;
mod log;
mod log_space;
mod parallel;
mod records;
mod schema;

use super::{
    ActivityLimits, ActivityQuery, Lease, Loaded, RecordedActivity, Store, StoreError, id_problem,
    memory::draw_seed,
};
use directory::{ProfileLock, database_path};
use log_space::LogSpace;
use rusqlite::{Connection, TransactionBehavior};
use std::path::{Path, PathBuf};
use wakeworker_core::{Change, Durability, Snapshot};

/// A profile in a directory.
///
/// Nothing is touched before [`Store::acquire`], which makes the directory (for this user only) and the database if
/// needed. One process owns a profile at a time; the death of the owner, however sudden, frees it.
#[derive(Debug)]
pub struct SqliteStore {
    profile: PathBuf,
    limits: ActivityLimits,
    lock: Option<ProfileLock>,
    database: Option<Database>,
    /// Taken by [`SqliteStore::acquire_ahead`], and not yet asked for.
    ahead: Option<Lease>,
}

/// An open database and what is remembered of its content.
#[derive(Debug)]
struct Database {
    connection: Connection,
    epoch: u64,
    /// What `PRAGMA synchronous` says now: FULL for strict, NORMAL for lazy commits.
    durability: Durability,
    ids: IdMarks,
    log_space: LogSpace,
    /// A commit failed: what the connection remembers is not trusted before it has been opened anew.
    suspect: bool,
}

/// How ids are kept from being used twice without a write of their own on each insertion (R162): as long as nothing
/// is removed, the highest id in the tables is enough; a removal above the stored mark raises the mark to the highest
/// id known, so that a run of removals writes it once.
#[derive(Clone, Copy, Debug)]
struct IdMarks {
    /// The highest id known.
    highest: u64,
    /// `meta.last_id`.
    stored: u64,
    /// While the log is empty, the number that its next activity gets; after that SQLite counts.
    first_activity: Option<u64>,
}

impl SqliteStore {
    /// The profile in this directory, which need not exist yet.
    pub fn new(profile: impl Into<PathBuf>) -> SqliteStore {
        SqliteStore {
            profile: profile.into(),
            limits: ActivityLimits::default(),
            lock: None,
            database: None,
            ahead: None,
        }
    }

    /// Takes the profile now. The next [`Store::acquire`] only hands over what this has taken: so a program that starts
    /// can open its profile on one thread and everything else that it needs on another.
    ///
    /// # Errors
    /// Those of [`Store::acquire`].
    pub fn acquire_ahead(mut self) -> Result<SqliteStore, StoreError> {
        self.ahead = Some(self.acquire()?);
        Ok(self)
    }

    /// Keeps another amount of the activity log.
    #[must_use]
    pub fn with_activity_limits(mut self, limits: ActivityLimits) -> SqliteStore {
        self.limits = limits;
        self
    }

    /// The directory.
    pub fn profile(&self) -> &Path {
        &self.profile
    }

    /// Opens the database anew for the same owner, so that only what is in its files counts (design decision 3).
    fn reopen(&mut self) -> Result<(), StoreError> {
        if let Some(database) = &mut self.database {
            // The old connection is closed only afterwards, so that the owner is not lost if this fails.
            let connection = schema::open(&self.profile)?;
            *database = Database::new(connection, database.epoch, &self.profile)?;
        }
        Ok(())
    }

    fn database(&mut self, lease: &Lease) -> Result<&mut Database, StoreError> {
        self.database.as_mut().filter(|database| database.epoch == lease.epoch).ok_or(StoreError::LeaseLost)
    }
}

impl Store for SqliteStore {
    fn acquire(&mut self) -> Result<Lease, StoreError> {
        if let Some(lease) = self.ahead.take() {
            return Ok(lease);
        }
        self.database = None;
        let lock = match self.lock.take() {
            Some(lock) => lock,
            None => ProfileLock::take(&self.profile)?,
        };
        let mut connection = schema::open(&self.profile)?;
        let epoch = begin_epoch(&mut connection).map_err(failed("take the profile"))?;
        self.database = Some(Database::new(connection, epoch, &self.profile)?);
        self.lock = Some(lock);
        Ok(Lease { epoch })
    }

    fn load(&mut self, lease: &Lease) -> Result<Loaded, StoreError> {
        if self.database(lease)?.suspect {
            self.reopen()?;
        }
        let profile = self.profile.clone();
        self.database(lease)?.load(&profile).map_err(failed("read the profile"))
    }

    fn commit(
        &mut self,
        lease: &Lease,
        changes: &[Change],
        durability: Durability,
    ) -> Result<(), StoreError> {
        let limits = self.limits;
        let database = self.database(lease)?;
        if changes.is_empty() {
            return Ok(());
        }
        if let Some(message) = id_problem(changes) {
            return Err(StoreError::Database { operation: "commit", message });
        }
        let committed = database.commit(changes, durability, limits);
        database.suspect |= committed.is_err();
        committed.map_err(failed("commit"))
    }

    fn activities(&mut self, query: &ActivityQuery) -> Result<Vec<RecordedActivity>, StoreError> {
        let database = self.database.as_ref().ok_or(StoreError::LeaseLost)?;
        log::read(&database.connection, query).map_err(failed("read the activity log"))
    }

    fn clear_activities(&mut self, lease: &Lease) -> Result<(), StoreError> {
        let database = self.database(lease)?;
        let first = log::clear(&mut database.connection).map_err(failed("clear the activity log"))?;
        database.ids.first_activity = Some(first);
        Ok(())
    }

    fn release(&mut self, lease: Lease) -> Result<(), StoreError> {
        self.database(&lease)?;
        let closed = match self.database.take() {
            Some(database) => database.connection.close().map_err(|(_, error)| error),
            None => Ok(()),
        };
        // Only now, when the database is closed, may the next owner come.
        self.lock = None;
        closed.map_err(failed("close"))
    }
}

impl Database {
    fn new(connection: Connection, epoch: u64, profile: &Path) -> Result<Database, StoreError> {
        let ids = records::id_marks(&connection).map_err(failed("read the profile"))?;
        let log_space = LogSpace::new(profile);
        Ok(Database { connection, epoch, durability: Durability::Strict, ids, log_space, suspect: false })
    }

    fn load(&mut self, profile: &Path) -> rusqlite::Result<Loaded> {
        let mut skipped = Vec::new();
        let worker_registrations = records::worker_registrations(&self.connection, &mut skipped)?;
        let sync_registrations = parallel::sync_registrations(
            &self.connection,
            &database_path(profile),
            &worker_registrations,
            &mut skipped,
        )?;
        Ok(Loaded {
            snapshot: Snapshot {
                worker_registrations,
                sync_registrations,
                origin_fires: records::origin_fires(&self.connection, &mut skipped)?,
                last_round: records::last_round(&self.connection, &mut skipped)?,
                last_id: self.ids.highest,
                ..Snapshot::default()
            },
            skipped,
            installation_seed: records::installation_seed(&self.connection)?,
        })
    }

    fn commit(
        &mut self,
        changes: &[Change],
        durability: Durability,
        limits: ActivityLimits,
    ) -> rusqlite::Result<()> {
        if durability != self.durability {
            // Not possible inside a transaction, and it costs a parse, so only where the class changes.
            self.connection.execute_batch(schema::synchronous(durability))?;
            self.durability = durability;
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut ids = self.ids;
        for change in changes {
            records::write(&transaction, change, &mut ids, limits)?;
        }
        if ids.stored != self.ids.stored {
            records::store_last_id(&transaction, ids.stored)?;
        }
        transaction.commit()?;
        self.ids = ids;
        if durability == Durability::Strict {
            self.log_space.keep_ahead();
        }
        Ok(())
    }
}

/// Counts a new owner. This alone is not synced, because a start should not wait for the disk: the log is durable up to
/// each strict commit, so the number of an owner that has written anything durable is durable with it. If the power
/// fails before, the next owner gets the same number, and nothing is left of the first.
fn begin_epoch(connection: &mut Connection) -> rusqlite::Result<u64> {
    connection.execute_batch(schema::synchronous(Durability::Lazy))?;
    let epoch =
        connection.query_row("UPDATE meta SET epoch = epoch + 1 RETURNING epoch", [], |row| row.get(0))?;
    connection.execute_batch(schema::synchronous(Durability::Strict))?;
    Ok(epoch)
}

fn failed(operation: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |error| StoreError::Database { operation, message: error.to_string() }
}
