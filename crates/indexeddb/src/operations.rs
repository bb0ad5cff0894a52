//! What a running transaction can do. Each call happens whole or not at all.

use crate::context::Context;
use crate::database::{Database, Inner};
use crate::engine::Mode;
use crate::open_file::OpenFile;
use crate::records::{self, IndexKeys};
use crate::scan::{self, Range, Row, Scan, Source};
use crate::{Error, Key, schema};

impl Database {
    /// Whether this is the running upgrade of a context.
    pub(crate) fn has_upgrade(&self, transaction: u64, context: u64) -> bool {
        let inner = self.inner();
        inner.live.iter().any(|live| {
            live.id == transaction
                && live.mode == Mode::VersionChange
                && inner.connections.iter().any(|link| link.id == live.connection && link.context == context)
        })
    }
}

impl Context {
    /// A record of a store or index source, in one scan. See [`Scan`].
    pub fn scan(&self, transaction: u64, scan: &Scan) -> Result<Vec<Row>, Error> {
        self.read(transaction, scan.source, |file| scan::scan(file, scan))
    }

    /// How many records of a range there are.
    pub fn count(&self, transaction: u64, source: Source, range: &Range) -> Result<u64, Error> {
        self.read(transaction, source, |file| records::count(&file.sqlite, source, range))
    }

    /// Draws the next number of a store's key generator.
    pub fn generate_key(&self, transaction: u64, store: i64) -> Result<Key, Error> {
        self.write(transaction, store, false, |file| records::generate_key(file, store))
    }

    /// Stores a record with its keys in the store's indexes. Without `overwrite` the key must be new.
    pub fn put(
        &self,
        transaction: u64,
        store: i64,
        key: &Key,
        value: &[u8],
        entries: &[IndexKeys],
        overwrite: bool,
    ) -> Result<(), Error> {
        let put = |file: &OpenFile| records::put(file, store, key, value, entries, overwrite);
        self.write(transaction, store, records::can_fail_halfway(value), put)
    }

    /// Deletes the records of a range.
    pub fn delete(&self, transaction: u64, store: i64, range: &Range) -> Result<(), Error> {
        self.write(transaction, store, false, |file| records::delete(file, store, range))
    }

    /// Deletes all records of a store.
    pub fn clear(&self, transaction: u64, store: i64) -> Result<(), Error> {
        self.delete(transaction, store, &Range::default())
    }

    /// Gives an existing record its keys in a new index.
    pub fn index_record(
        &self,
        transaction: u64,
        store: i64,
        key: &Key,
        entry: &IndexKeys,
    ) -> Result<(), Error> {
        self.write(transaction, store, false, |file| records::index_record(file, store, entry, key))
    }

    /// Makes a store; gives its id.
    pub fn create_store(
        &self,
        transaction: u64,
        name: &[u8],
        key_path: Option<&[u8]>,
        auto_increment: bool,
    ) -> Result<i64, Error> {
        self.upgrade(transaction, |file| schema::create_store(&file.sqlite, name, key_path, auto_increment))
    }

    /// Deletes a store with its records and indexes.
    pub fn delete_store(&self, transaction: u64, store: i64) -> Result<(), Error> {
        self.upgrade(transaction, |file| {
            records::delete(file, store, &Range::default())?;
            schema::delete_store(&file.sqlite, store)
        })
    }

    /// Renames a store.
    pub fn rename_store(&self, transaction: u64, store: i64, name: &[u8]) -> Result<(), Error> {
        self.upgrade(transaction, |file| schema::rename_store(&file.sqlite, store, name))
    }

    /// Makes an index without entries; gives its id.
    pub fn create_index(
        &self,
        transaction: u64,
        store: i64,
        name: &[u8],
        key_path: &[u8],
        unique: bool,
        multi_entry: bool,
    ) -> Result<i64, Error> {
        self.upgrade(transaction, |file| {
            schema::create_index(&file.sqlite, store, name, key_path, unique, multi_entry)
        })
    }

    /// Deletes an index.
    pub fn delete_index(&self, transaction: u64, index: i64) -> Result<(), Error> {
        self.upgrade(transaction, |file| schema::delete_index(&file.sqlite, index))
    }

    /// Renames an index.
    pub fn rename_index(&self, transaction: u64, index: i64, name: &[u8]) -> Result<(), Error> {
        self.upgrade(transaction, |file| schema::rename_index(&file.sqlite, index, name))
    }

    fn read<T>(
        &self,
        transaction: u64,
        source: Source,
        read: impl FnOnce(&OpenFile) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let store = match source {
            Source::Store(store) | Source::Index { store, .. } => store,
        };
        let database = self.database_of(transaction)?;
        let mut inner = database.inner();
        inner.allow(transaction, Some(store), Mode::ReadOnly)?;
        let file = inner.open_file()?;
        let outcome = file.begin_reading().and_then(|()| read(file));
        if let Err(error) = &outcome {
            inner.note_damage(error);
        }
        outcome
    }

    /// Changes records. A change that checks everything before it begins can only be broken off by the disk or the quota:
    /// then the transaction is lost, and no savepoint is needed, which would take as long as the change.
    fn write<T>(
        &self,
        transaction: u64,
        store: i64,
        can_fail_halfway: bool,
        write: impl FnOnce(&OpenFile) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let database = self.database_of(transaction)?;
        let mut inner = database.inner();
        inner.allow(transaction, Some(store), Mode::ReadWrite)?;
        if can_fail_halfway { inner.whole(transaction, write) } else { inner.straight(transaction, write) }
    }

    fn upgrade<T>(
        &self,
        transaction: u64,
        change: impl FnOnce(&OpenFile) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let database = self.database_of(transaction)?;
        let mut inner = database.inner();
        inner.allow(transaction, None, Mode::VersionChange)?;
        let changed = inner.whole(transaction, change);
        inner.open_file()?.forget_facts();
        changed
    }
}

impl Inner {
    /// Refuses what the transaction may not do.
    fn allow(&self, transaction: u64, store: Option<i64>, needed: Mode) -> Result<(), Error> {
        let refuse = |text: &str| Err(Error::InvalidState(text.to_owned()));
        let Some(live) = self.live.iter().find(|live| live.id == transaction) else {
            return refuse("the transaction has ended");
        };
        if let Some(error) = &live.broken {
            return Err(error.clone());
        }
        if !live.is_running {
            return refuse("the transaction has not started");
        }
        let allowed = match needed {
            Mode::ReadOnly => true,
            Mode::ReadWrite => live.mode != Mode::ReadOnly,
            Mode::VersionChange => live.mode == Mode::VersionChange,
        };
        if !allowed {
            return refuse("the mode of the transaction does not allow this");
        }
        let outside = |store: i64| live.mode != Mode::VersionChange && !live.stores.contains(&store);
        if store.is_some_and(outside) {
            return refuse("the object store is not in the transaction's scope");
        }
        Ok(())
    }

    /// Runs a change so that its failure leaves nothing of it. If the file has undone the whole transaction, only its
    /// abort is left.
    fn whole<T>(
        &mut self,
        transaction: u64,
        change: impl FnOnce(&OpenFile) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let file = self.open_file()?;
        file.forget_read_ahead();
        let sqlite = &file.sqlite;
        let changed = sqlite
            .prepare_cached("SAVEPOINT operation")?
            .execute([])
            .map_err(Error::from)
            .and_then(|_| change(file))
            .and_then(|value| {
                sqlite.prepare_cached("RELEASE operation")?.execute([])?;
                Ok(value)
            });
        let Err(error) = changed else { return changed };
        self.note_damage(&error);
        let sqlite = &self.open_file()?.sqlite;
        let undone = !sqlite.is_autocommit()
            && sqlite.execute_batch("ROLLBACK TO operation; RELEASE operation").is_ok();
        if !undone {
            self.break_off(transaction, &error);
        }
        Err(error)
    }

    /// Runs a change that has checked everything before its first step. If it fails later, only an abort of the
    /// transaction is left.
    fn straight<T>(
        &mut self,
        transaction: u64,
        change: impl FnOnce(&OpenFile) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let file = self.open_file()?;
        file.forget_read_ahead();
        let changed = change(file);
        if let Err(error @ (Error::Unknown(_) | Error::QuotaExceeded(_))) = &changed {
            self.note_damage(error);
            self.break_off(transaction, error);
        }
        changed
    }

    /// The transaction cannot go on: only its abort is left.
    fn break_off(&mut self, transaction: u64, error: &Error) {
        if let Some(live) = self.live.iter_mut().find(|live| live.id == transaction) {
            live.broken = Some(error.clone());
        }
    }
}
