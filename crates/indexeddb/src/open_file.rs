//! The open file of a database: what is known of it while it is open, and its SQLite transactions.

use crate::Error;
use crate::blobs::Blobs;
use crate::read_ahead::ReadAhead;
use rusqlite::{Connection, OptionalExtension};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

/// The file of a database, open.
pub(crate) struct OpenFile {
    pub(crate) id: i64,
    pub(crate) sqlite: Connection,
    pub(crate) blobs: Option<Arc<Blobs>>,
    /// Bytes that the running transaction may leave behind.
    pub(crate) bytes_max: u64,
    page_bytes: u64,
    /// What SQLite was told last: telling costs as much as a put.
    pages_max: Cell<i64>,
    strict: Cell<Option<bool>>,
    facts: RefCell<HashMap<i64, Arc<StoreFacts>>>,
    /// Empty from a change to the next step of a cursor.
    pub(crate) read_ahead: RefCell<Option<ReadAhead>>,
}

/// What every put must know of its store.
pub(crate) struct StoreFacts {
    pub(crate) auto_increment: bool,
    /// Ids, and whether two records cannot have the same key.
    pub(crate) indexes: Vec<(i64, bool)>,
}

impl StoreFacts {
    /// Whether an index is unique.
    pub(crate) fn is_unique(&self, index: i64) -> Result<bool, Error> {
        let found = self.indexes.iter().find(|(id, _)| *id == index);
        found.map(|(_, unique)| *unique).ok_or_else(|| {
            Error::InvalidState("the index was deleted, or is of another object store".to_owned())
        })
    }
}

impl OpenFile {
    pub(crate) fn new(id: i64, sqlite: Connection, blobs: Option<Arc<Blobs>>) -> Result<OpenFile, Error> {
        let page_bytes = sqlite.pragma_query_value(None, "page_size", |row| row.get::<_, i64>(0))?;
        Ok(OpenFile {
            id,
            sqlite,
            blobs,
            bytes_max: 0,
            page_bytes: u64::try_from(page_bytes).unwrap_or(0).max(1),
            pages_max: Cell::new(0),
            strict: Cell::new(None),
            facts: RefCell::default(),
            read_ahead: RefCell::default(),
        })
    }

    /// What is known of a store; learned when it is first asked for.
    pub(crate) fn store_facts(&self, store: i64) -> Result<Arc<StoreFacts>, Error> {
        if let Some(known) = self.facts.borrow().get(&store) {
            return Ok(known.clone());
        }
        let auto_increment = self
            .sqlite
            .prepare_cached("SELECT auto_increment FROM object_store WHERE id = ?1")?
            .query_row([store], |row| row.get(0))
            .optional()?
            .ok_or_else(|| Error::InvalidState("the object store was deleted".to_owned()))?;
        let indexes = self
            .sqlite
            .prepare_cached("SELECT id, is_unique FROM object_index WHERE store = ?1")?
            .query_map([store], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let learned = Arc::new(StoreFacts { auto_increment, indexes });
        self.facts.borrow_mut().insert(store, learned.clone());
        Ok(learned)
    }

    /// The schema has changed, or its change was undone.
    pub(crate) fn forget_facts(&self) {
        self.facts.borrow_mut().clear();
    }

    /// Records change, or a transaction ends.
    pub(crate) fn forget_read_ahead(&self) {
        self.read_ahead.take();
    }

    /// Lets one SQLite transaction go through all reading, because each of its own would lock and unlock the file.
    pub(crate) fn begin_reading(&self) -> Result<(), Error> {
        if self.sqlite.is_autocommit() {
            self.sqlite.prepare_cached("BEGIN")?.execute([])?;
        }
        Ok(())
    }

    /// Nobody reads any more, or somebody is going to write.
    pub(crate) fn end_reading(&self) -> Result<(), Error> {
        if !self.sqlite.is_autocommit() {
            self.commit()?;
        }
        Ok(())
    }

    /// Begins the transaction of the one writer. Strict survives a power cut, relaxed the death of the process.
    pub(crate) fn begin_writing(&self, strict: bool) -> Result<(), Error> {
        self.end_reading()?;
        self.limit_pages()?;
        if self.strict.get() != Some(strict) {
            self.sqlite.pragma_update(None, "synchronous", if strict { "FULL" } else { "NORMAL" })?;
            self.strict.set(Some(strict));
        }
        self.sqlite.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(())
    }

    /// Commits whatever SQLite transaction there is.
    pub(crate) fn commit(&self) -> Result<(), Error> {
        self.sqlite.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    /// Bytes of the file and of its blobs.
    pub(crate) fn bytes(&self) -> Result<u64, Error> {
        let pages: i64 = self.sqlite.prepare_cached("PRAGMA page_count")?.query_row([], |row| row.get(0))?;
        Ok(u64::try_from(pages).unwrap_or(0) * self.page_bytes + self.blob_bytes())
    }

    /// Whether a record may have a blob.
    pub(crate) fn may_have_blobs(&self) -> bool {
        self.blobs.as_ref().is_some_and(|blobs| blobs.is_used())
    }

    fn blob_bytes(&self) -> u64 {
        self.blobs.as_ref().map_or(0, |blobs| blobs.bytes())
    }

    /// Lets the file become as large as the blobs allow.
    pub(crate) fn limit_pages(&self) -> Result<(), Error> {
        let room = self.bytes_max.saturating_sub(self.blob_bytes());
        let pages = (room / self.page_bytes).clamp(1, 4_294_967_294) as i64;
        if self.pages_max.get() != pages {
            self.sqlite.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
            self.pages_max.set(pages);
        }
        Ok(())
    }

    /// Refuses a blob for which there is no room.
    pub(crate) fn check_room(&self, bytes: usize) -> Result<(), Error> {
        let after = self.bytes()?.saturating_add(bytes as u64);
        if after > self.bytes_max {
            return Err(Error::QuotaExceeded(format!(
                "the database would have {after} bytes, but its origin has room for {}; delete something first",
                self.bytes_max
            )));
        }
        Ok(())
    }
}
