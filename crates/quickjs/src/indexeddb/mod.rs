//! IndexedDB for scripts: the engine's operations with names, keys, ranges and rows as the JavaScript classes write them
//! (`js/src/host.d.ts`). Workers call them from their own thread, pages through [`PageDatabases`].

mod convert;
mod page;

pub use page::PageDatabases;

use convert::{notice_json, read_entries, read_key, read_keys, read_name, read_range, read_scan, write_keys};
use std::sync::Arc;
use wakeworker_core::StorageKey;
use wakeworker_indexeddb::{Context, Engine, Error, IndexKeys, Listener, Mode, Notice, Row};

/// What one script context has open. Dropped, it leaves nothing open.
pub(crate) struct Databases {
    context: Context,
}

/// Gives notices to a script context, also as the text that its classes read.
struct Told<F>(F);

impl<F: Fn(&Notice, String) + Send + Sync> Listener for Told<F> {
    fn notify(&self, notice: Notice) {
        (self.0)(&notice, notice_json(&notice));
    }
}

impl Databases {
    /// Of a context with this storage key, which hears through `tell` what happens. `tell` must not wait.
    pub(crate) fn new(
        engine: &Engine,
        storage_key: &StorageKey,
        tell: impl Fn(&Notice, String) + Send + Sync + 'static,
    ) -> Databases {
        Databases { context: engine.context(storage_key.as_str(), Arc::new(Told(tell))) }
    }

    pub(crate) fn databases(&self) -> Result<String, Error> {
        self.context.databases().map(|all| convert::databases_json(&all))
    }

    pub(crate) fn open(&self, request: u32, name: &str, version: Option<f64>) -> Result<(), Error> {
        let version = version.map(|version| version as u64);
        self.context.open_database(u64::from(request), &read_name(name)?, version);
        Ok(())
    }

    pub(crate) fn delete_database(&self, request: u32, name: &str) -> Result<(), Error> {
        self.context.delete_database(u64::from(request), &read_name(name)?);
        Ok(())
    }

    pub(crate) fn version_change_fired(&self, connection: u64) {
        self.context.version_change_fired(connection);
    }

    pub(crate) fn close(&self, connection: u64) {
        self.context.close(connection);
    }

    /// The id of the new transaction; negative if it must wait for its notice.
    pub(crate) fn begin(
        &self,
        connection: u64,
        stores: &str,
        mode: &str,
        strict: bool,
    ) -> Result<f64, Error> {
        let mode = if mode == "readwrite" { Mode::ReadWrite } else { Mode::ReadOnly };
        let stores: Vec<i64> = serde_json::from_str(stores)
            .map_err(|error| Error::Data(format!("the scope cannot be read: {error}")))?;
        let (id, runs) = self.context.begin(connection, &stores, mode, strict)?;
        Ok(if runs { id as f64 } else { -(id as f64) })
    }

    pub(crate) fn commit(&self, transaction: u64) -> Result<(), Error> {
        self.context.commit(transaction)
    }

    pub(crate) fn abort(&self, transaction: u64) -> Result<(), Error> {
        self.context.abort(transaction)
    }

    /// The rows that a scan finds, and their keys as JSON.
    pub(crate) fn scan(&self, transaction: u64, scan: &str) -> Result<(String, Vec<Row>), Error> {
        let rows = self.context.scan(transaction, &read_scan(scan)?)?;
        Ok((write_keys(&rows)?, rows))
    }

    pub(crate) fn count(&self, transaction: u64, source: &str) -> Result<f64, Error> {
        let scan = read_scan(source)?;
        Ok(self.context.count(transaction, scan.source, &scan.range)? as f64)
    }

    pub(crate) fn generate_key(&self, transaction: u64, store: i64) -> Result<f64, Error> {
        let key = self.context.generate_key(transaction, store)?;
        Ok(key.as_number().unwrap_or(f64::NAN))
    }

    pub(crate) fn put(
        &self,
        transaction: u64,
        store: i64,
        key: &str,
        value: &[u8],
        entries: Option<&str>,
        overwrite: bool,
    ) -> Result<(), Error> {
        let key = read_key(key)?;
        let entries = entries.map(read_entries).transpose()?.unwrap_or_default();
        self.context.put(transaction, store, &key, value, &entries, overwrite)
    }

    pub(crate) fn delete(&self, transaction: u64, store: i64, range: &str) -> Result<(), Error> {
        self.context.delete(transaction, store, &read_range(range)?)
    }

    pub(crate) fn create_store(
        &self,
        transaction: u64,
        name: &str,
        key_path: Option<&[u8]>,
        auto_increment: bool,
    ) -> Result<f64, Error> {
        let id = self.context.create_store(transaction, &read_name(name)?, key_path, auto_increment)?;
        Ok(id as f64)
    }

    pub(crate) fn delete_store(&self, transaction: u64, store: i64) -> Result<(), Error> {
        self.context.delete_store(transaction, store)
    }

    pub(crate) fn rename_store(&self, transaction: u64, store: i64, name: &str) -> Result<(), Error> {
        self.context.rename_store(transaction, store, &read_name(name)?)
    }

    pub(crate) fn create_index(
        &self,
        transaction: u64,
        store: i64,
        name: &str,
        key_path: &[u8],
        unique: bool,
        multi_entry: bool,
    ) -> Result<f64, Error> {
        let name = read_name(name)?;
        Ok(self.context.create_index(transaction, store, &name, key_path, unique, multi_entry)? as f64)
    }

    pub(crate) fn delete_index(&self, transaction: u64, index: i64) -> Result<(), Error> {
        self.context.delete_index(transaction, index)
    }

    pub(crate) fn rename_index(&self, transaction: u64, index: i64, name: &str) -> Result<(), Error> {
        self.context.rename_index(transaction, index, &read_name(name)?)
    }

    pub(crate) fn index_record(
        &self,
        transaction: u64,
        store: i64,
        key: &str,
        index: i64,
        keys: &str,
    ) -> Result<(), Error> {
        let entry = IndexKeys { index, keys: read_keys(keys)? };
        self.context.index_record(transaction, store, &read_key(key)?, &entry)
    }
}
