//! What one script context has open.

use crate::Error;
use crate::database::Database;
use crate::engine::{Listener, Mode, Owner};
use crate::queue::{Kind, Request};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A worker or page that uses databases of its origin. Dropped, it leaves nothing open.
pub struct Context {
    shared: Arc<Owner>,
    origin: String,
    id: u64,
    listener: Arc<dyn Listener>,
    known: Mutex<Known>,
}

/// Where connections and transactions are.
#[derive(Default)]
struct Known {
    databases: Vec<Arc<Database>>,
    connections: HashMap<u64, Arc<Database>>,
    transactions: HashMap<u64, Arc<Database>>,
}

impl Context {
    pub(crate) fn new(shared: Arc<Owner>, origin: String, listener: Arc<dyn Listener>) -> Context {
        let id = shared.draw_id();
        Context { shared, origin, id, listener, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a database; the listener hears of the request's progress. `version` is at least 1.
    pub fn open_database(&self, request: u64, name: &[u8], version: Option<u64>) {
        let connection = self.shared.draw_id();
        let database = self.remember(name);
        self.known().connections.insert(connection, database.clone());
        self.ask(&database, request, Kind::Open { version, connection });
    }

    /// Deletes a database; the listener hears of the request's progress.
    pub fn delete_database(&self, request: u64, name: &[u8]) {
        let database = self.remember(name);
        self.ask(&database, request, Kind::Delete);
    }

    fn remember(&self, name: &[u8]) -> Arc<Database> {
        let database = self.shared.database(&self.origin, name);
        let mut known = self.known();
        if !known.databases.iter().any(|other| Arc::ptr_eq(other, &database)) {
            known.databases.push(database.clone());
        }
        database
    }

    fn ask(&self, database: &Database, id: u64, kind: Kind) {
        database.request(Request { id, context: self.id, listener: self.listener.clone(), kind });
    }

    /// Names and versions of the origin's databases, by name.
    pub fn databases(&self) -> Result<Vec<(Vec<u8>, u64)>, Error> {
        let mut all = Vec::new();
        for (_, name) in self.shared.files.catalog.list(&self.origin)? {
            let version = self.shared.database(&self.origin, &name).version()?;
            if version > 0 {
                all.push((name, version));
            }
        }
        Ok(all)
    }

    /// The `versionchange` event was fired at a connection.
    pub fn version_change_fired(&self, connection: u64) {
        let database = self.known().connections.get(&connection).cloned();
        if let Some(database) = database {
            database.version_change_fired(connection);
        }
    }

    /// Closes a connection when its transactions are done.
    pub fn close(&self, connection: u64) {
        let database = self.known().connections.remove(&connection);
        if let Some(database) = database {
            database.close(connection);
        }
    }

    /// Begins a transaction over these stores; true if it runs at once, otherwise the listener hears when. `strict` means
    /// that its commit survives a power cut.
    pub fn begin(
        &self,
        connection: u64,
        stores: &[i64],
        mode: Mode,
        strict: bool,
    ) -> Result<(u64, bool), Error> {
        let database = self.known().connections.get(&connection).cloned();
        let Some(database) = database.filter(|_| mode != Mode::VersionChange) else {
            return Err(Error::InvalidState("the connection to the database is closed".to_owned()));
        };
        let begun = database.begin(connection, stores, mode, strict)?;
        self.known().transactions.insert(begun.0, database);
        Ok(begun)
    }

    /// Commits a transaction: durable when it returns; an error means that everything was undone.
    pub fn commit(&self, transaction: u64) -> Result<(), Error> {
        self.end(transaction, true)
    }

    /// Aborts a transaction: everything that it did is undone.
    pub fn abort(&self, transaction: u64) -> Result<(), Error> {
        self.end(transaction, false)
    }

    fn end(&self, transaction: u64, commit: bool) -> Result<(), Error> {
        let database = self.database_of(transaction)?;
        self.known().transactions.remove(&transaction);
        database.end(transaction, commit)
    }

    pub(crate) fn database_of(&self, transaction: u64) -> Result<Arc<Database>, Error> {
        let known = self.known();
        if let Some(database) = known.transactions.get(&transaction) {
            return Ok(database.clone());
        }
        // The engine begins upgrades itself.
        let upgraded = known.databases.iter().find(|database| database.has_upgrade(transaction, self.id));
        upgraded.cloned().ok_or_else(|| Error::InvalidState("the transaction has ended".to_owned()))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let databases = std::mem::take(&mut self.known().databases);
        for database in databases {
            database.forget_context(self.id);
        }
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("id", &self.id).field("origin", &self.origin).finish_non_exhaustive()
    }
}
