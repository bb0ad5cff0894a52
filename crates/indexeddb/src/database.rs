//! One database: its connections, its transactions in the order of their creation, and its file.

use crate::engine::{Listener, Mode, Notice, Shared};
use crate::open_file::OpenFile;
use crate::queue::{Queue, Request};
use crate::{Error, Schema, schema};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A database, shared by all contexts of its origin.
pub(crate) struct Database {
    pub(crate) origin: String,
    pub(crate) name: Vec<u8>,
    shared: Arc<Shared>,
    inner: Mutex<Inner>,
}

/// The state behind the lock.
pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) origin: String,
    pub(crate) name: Vec<u8>,
    /// The open file and its id.
    pub(crate) file: Option<OpenFile>,
    /// Held apart while a memory database has no connection, because its file is its content.
    pub(crate) connections: Vec<Link>,
    pub(crate) live: Vec<Transaction>,
    pub(crate) queue: Queue,
}

/// A connection of a context.
pub(crate) struct Link {
    pub(crate) id: u64,
    pub(crate) context: u64,
    pub(crate) listener: Arc<dyn Listener>,
    pub(crate) is_closing: bool,
    /// A `versionchange` event is on its way.
    pub(crate) is_told: bool,
}

/// A transaction that has not finished.
pub(crate) struct Transaction {
    pub(crate) id: u64,
    pub(crate) connection: u64,
    pub(crate) stores: Vec<i64>,
    pub(crate) mode: Mode,
    strict: bool,
    pub(crate) is_running: bool,
    /// The file undid everything already; only an abort is possible.
    pub(crate) broken: Option<Error>,
}

impl Database {
    pub(crate) fn new(shared: Arc<Shared>, origin: &str, name: &[u8]) -> Database {
        Database {
            origin: origin.to_owned(),
            name: name.to_owned(),
            inner: Mutex::new(Inner {
                shared: shared.clone(),
                origin: origin.to_owned(),
                name: name.to_owned(),
                file: None,
                connections: Vec::new(),
                live: Vec::new(),
                queue: Queue::default(),
            }),
            shared,
        }
    }

    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody has anything to do with it, and nothing is lost when it is forgotten.
    pub(crate) fn is_idle(&self) -> bool {
        let inner = self.inner();
        inner.connections.is_empty() && inner.queue.is_empty() && inner.file.is_none()
    }

    /// The version as committed; 0 if there is no such database.
    pub(crate) fn version(&self) -> Result<u64, Error> {
        let mut inner = self.inner();
        if inner.file.is_none() && self.shared.files.catalog.find(&self.origin, &self.name)?.is_none() {
            return Ok(0);
        }
        if inner.live.iter().any(|transaction| transaction.mode == Mode::VersionChange) {
            return Ok(inner.queue.old_version());
        }
        let version = schema::version(&inner.open_file()?.sqlite)?;
        inner.close_file_if_unused();
        Ok(version)
    }

    pub(crate) fn request(&self, request: Request) {
        let mut inner = self.inner();
        inner.queue.push(request);
        inner.advance();
    }

    /// Begins a transaction; true if it runs at once.
    pub(crate) fn begin(
        &self,
        connection: u64,
        stores: &[i64],
        mode: Mode,
        strict: bool,
    ) -> Result<(u64, bool), Error> {
        let mut inner = self.inner();
        if !inner.connections.iter().any(|link| link.id == connection && !link.is_closing) {
            return Err(Error::InvalidState("the connection to the database is closed".to_owned()));
        }
        let id = self.shared.draw_id();
        inner.live.push(Transaction {
            id,
            connection,
            stores: stores.to_vec(),
            mode,
            strict,
            is_running: false,
            broken: None,
        });
        inner.start_transactions(Some(id));
        let is_running = inner.live.iter().any(|transaction| transaction.id == id && transaction.is_running);
        Ok((id, is_running))
    }

    /// Ends a transaction; an error means that it was undone.
    pub(crate) fn end(&self, transaction: u64, commit: bool) -> Result<(), Error> {
        let mut inner = self.inner();
        let ended = inner.end(transaction, commit);
        inner.start_transactions(None);
        inner.advance();
        ended
    }

    /// The connection takes no new transactions and goes when those that it has are done.
    pub(crate) fn close(&self, connection: u64) {
        let mut inner = self.inner();
        if let Some(link) = inner.connections.iter_mut().find(|link| link.id == connection) {
            link.is_closing = true;
        }
        inner.advance();
    }

    pub(crate) fn version_change_fired(&self, connection: u64) {
        let mut inner = self.inner();
        if let Some(link) = inner.connections.iter_mut().find(|link| link.id == connection) {
            link.is_told = false;
        }
        inner.advance();
    }

    /// A context is gone, with everything that it had.
    pub(crate) fn forget_context(&self, context: u64) {
        let mut inner = self.inner();
        inner.queue.forget_context(context);
        let gone: Vec<u64> =
            inner.connections.iter().filter(|link| link.context == context).map(|link| link.id).collect();
        inner.drop_connections(&gone);
        inner.start_transactions(None);
        inner.advance();
    }

    /// Deletes the database under everybody's hands.
    pub(crate) fn clear(&self) -> Result<(), Error> {
        let mut inner = self.inner();
        let all: Vec<u64> = inner.connections.iter().map(|link| link.id).collect();
        for link in &inner.connections {
            link.listener.notify(Notice::Closed { connection: link.id });
        }
        inner.drop_connections(&all);
        inner.queue.interrupt();
        let removed = inner.remove();
        inner.advance();
        removed
    }
}

impl Inner {
    /// The open file; opened, and named in the catalog, if it is not.
    pub(crate) fn open_file(&mut self) -> Result<&OpenFile, Error> {
        if self.file.is_none() {
            let id = self.shared.files.catalog.id_of(&self.origin, &self.name)?;
            let sqlite = self.shared.files.connect(id)?;
            let blobs = self.shared.files.blobs(id);
            if let Some(blobs) = &blobs {
                blobs.recover(&sqlite)?;
            }
            self.file = Some(OpenFile::new(id, sqlite, blobs)?);
        }
        match &self.file {
            Some(file) => Ok(file),
            None => Err(Error::Unknown("the database has no file".to_owned())),
        }
    }

    /// Has the file checked at the next opening if an operation found it damaged.
    pub(crate) fn note_damage(&self, error: &Error) {
        if let Some(file) = self.file.as_ref().filter(|_| error.is_damage()) {
            self.shared.files.suspect(file.id);
        }
    }

    /// Gives the file back when nobody needs it; a database that never got a version is removed.
    pub(crate) fn close_file_if_unused(&mut self) {
        if !self.connections.is_empty() || !self.live.is_empty() {
            return;
        }
        let Some(OpenFile { sqlite, .. }) = &self.file else { return };
        if schema::version(sqlite).is_ok_and(|version| version == 0) {
            // If this fails, the empty database is found and removed another time.
            let _ = self.remove();
        } else if sqlite.path().is_some_and(|path| !path.is_empty()) {
            self.file = None;
        }
    }

    /// Deletes the file and its name.
    pub(crate) fn remove(&mut self) -> Result<(), Error> {
        let id = match self.file.take() {
            // Closed before it is deleted.
            Some(file) => Some(file.id),
            None => self.shared.files.catalog.find(&self.origin, &self.name)?,
        };
        if let Some(id) = id {
            self.shared.files.remove(id)?;
            self.shared.set_usage(&self.origin, id, None);
        }
        Ok(())
    }

    /// Starts every transaction that need not wait; tells of all but `quiet` ("Transaction lifecycle", step 2 of the lifetime).
    pub(crate) fn start_transactions(&mut self, quiet: Option<u64>) {
        for position in 0..self.live.len() {
            if self.live[position].is_running || !self.may_start(position) {
                continue;
            }
            let writes = self.live[position].mode != Mode::ReadOnly;
            let broken = if writes { self.begin_writing(position).err() } else { None };
            let transaction = &mut self.live[position];
            transaction.is_running = true;
            // The context learns of it with its first operation, or when it commits.
            transaction.broken = broken;
            let (id, connection) = (transaction.id, transaction.connection);
            if quiet != Some(id)
                && let Some(link) = self.connections.iter().find(|link| link.id == connection)
            {
                link.listener.notify(Notice::Started { transaction: id });
            }
        }
    }

    fn may_start(&self, position: usize) -> bool {
        let transaction = &self.live[position];
        let writes = transaction.mode != Mode::ReadOnly;
        let waits_for_earlier = self.live[..position].iter().any(|earlier| {
            (writes || earlier.mode != Mode::ReadOnly)
                && earlier.stores.iter().any(|store| transaction.stores.contains(store))
        });
        // The file has one writer at a time, whatever its scope.
        let waits_for_writer =
            writes && self.live.iter().any(|other| other.mode != Mode::ReadOnly && other.is_running);
        !waits_for_earlier && !waits_for_writer
    }

    fn begin_writing(&mut self, position: usize) -> Result<(), Error> {
        let strict = self.live[position].strict;
        let id = self.open_file()?.id;
        let room = self.shared.room_for(&self.origin, id);
        if let Some(file) = &mut self.file {
            file.bytes_max = room;
        }
        self.open_file()?.begin_writing(strict)
    }

    /// Begins the transaction of an upgrade; the database has no other connection.
    pub(crate) fn begin_upgrade(&mut self, connection: u64, version: u64) -> Result<(u64, Schema), Error> {
        let id = self.shared.draw_id();
        self.live.push(Transaction {
            id,
            connection,
            stores: Vec::new(),
            mode: Mode::VersionChange,
            strict: true,
            is_running: true,
            broken: None,
        });
        let begun = self.begin_writing(self.live.len() - 1).and_then(|()| {
            let sqlite = &self.open_file()?.sqlite;
            schema::set_version(sqlite, version)?;
            schema::load(sqlite)
        });
        match begun {
            Ok(schema) => Ok((id, schema)),
            Err(error) => {
                let _ = self.end(id, false);
                Err(error)
            }
        }
    }

    fn end(&mut self, transaction: u64, commit: bool) -> Result<(), Error> {
        let Some(position) = self.live.iter().position(|other| other.id == transaction) else {
            return Err(Error::InvalidState("the transaction has ended".to_owned()));
        };
        let ended = self.live.remove(position);
        let mut result = match ended.broken {
            Some(error) if commit => Err(error),
            _ => Ok(()),
        };
        if ended.mode != Mode::ReadOnly
            && ended.is_running
            && let Some(file) = &self.file
        {
            let sqlite = &file.sqlite;
            if commit && result.is_ok() {
                result = file.blobs.as_ref().map_or(Ok(()), |blobs| blobs.sync());
            }
            if commit && result.is_ok() {
                result = file.commit();
            }
            if !sqlite.is_autocommit() {
                // An abort, or a commit that failed.
                if let Err(error) = sqlite.execute_batch("ROLLBACK") {
                    result = result.and(Err(error.into()));
                }
            }
            if let Some(blobs) = &file.blobs {
                // What cannot be settled now is settled when the database is opened again.
                let _ = blobs.settle(sqlite);
            }
            self.shared.set_usage(&self.origin, file.id, Some(file.bytes().unwrap_or(0)));
        }
        if let Some(file) = &self.file {
            file.forget_read_ahead();
            if ended.mode == Mode::VersionChange {
                file.forget_facts();
            }
            if !self.live.iter().any(|other| other.is_running) {
                // Nothing is lost if this fails: the next transaction tries again.
                let _ = file.end_reading();
            }
        }
        if ended.mode == Mode::VersionChange && (!commit || result.is_err()) {
            // An upgrade that did not happen leaves nobody connected.
            if let Some(link) = self.connections.iter_mut().find(|link| link.id == ended.connection) {
                link.is_closing = true;
            }
        }
        result
    }

    fn drop_connections(&mut self, gone: &[u64]) {
        let ids: Vec<u64> = self
            .live
            .iter()
            .filter(|transaction| gone.contains(&transaction.connection))
            .map(|transaction| transaction.id)
            .collect();
        for id in ids {
            let _ = self.end(id, false);
        }
        self.connections.retain(|link| !gone.contains(&link.id));
    }

    /// Connections that are closing and have no transaction left are closed.
    pub(crate) fn drop_closed_connections(&mut self) {
        let live = &self.live;
        self.connections.retain(|link| {
            !link.is_closing || live.iter().any(|transaction| transaction.connection == link.id)
        });
    }
}
