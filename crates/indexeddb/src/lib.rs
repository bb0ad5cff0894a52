//! A durable IndexedDB engine: the Indexed Database API 3.0 below its JavaScript classes, on SQLite.
//!
//! [`Engine`] has all databases of a profile. Each script context (a worker, a page) has a [`Context`]: it opens and
//! deletes databases, begins transactions, and hears through its [`Listener`] what other contexts cause. Operations of a
//! running transaction are plain calls; requests, events and key paths are the business of the caller's language.
//! Values are bytes. In those that are structured clones (crate `wakeworker-structured-clone`), Blobs and Files have
//! files of their own.
//!
//! ```
//! use std::sync::mpsc::channel;
//! use std::sync::{Arc, Mutex};
//! use wakeworker_indexeddb::{Engine, Key, Limits, Listener, Mode, Notice, Place};
//!
//! struct Send(Mutex<std::sync::mpsc::Sender<Notice>>);
//! impl Listener for Send {
//!     fn notify(&self, notice: Notice) {
//!         let _ = self.0.lock().map(|sender| sender.send(notice));
//!     }
//! }
//!
//! let engine = Engine::open(&Place::Memory, Limits::default())?;
//! let (sender, notices) = channel();
//! let context = engine.context("https://a.example", Arc::new(Send(Mutex::new(sender))));
//! context.open_database(1, b"outbox", Some(1));
//! let Ok(Notice::UpgradeNeeded { connection, transaction, .. }) = notices.recv() else { panic!() };
//! let store = context.create_store(transaction, b"messages", None, true)?;
//! let key = context.generate_key(transaction, store)?;
//! context.put(transaction, store, &key, b"hello", &[], false)?;
//! context.commit(transaction)?;
//! let (read, started) = context.begin(connection, &[store], Mode::ReadOnly, false)?;
//! assert!(started);
//! # let _ = (read, Key::number(1.0));
//! # Ok::<(), wakeworker_indexeddb::Error>(())
//! ```

mod blobs;
mod catalog;
mod context;
mod database;
mod engine;
mod error;
mod files;
mod key;
#[cfg(test)]
mod kill_tests;
mod open_file;
mod operations;
mod queue;
mod read_ahead;
#[cfg(test)]
mod read_ahead_tests;
mod records;
mod scan;
mod schema;
#[cfg(test)]
#[path = "../tests/support/session.rs"]
mod session;
mod sqlite_file;
#[cfg(test)]
mod tests;

// Unit tests share a session with the tests outside of the crate, which knows it by this name.
#[cfg(test)]
extern crate self as wakeworker_indexeddb;

pub use blobs::StoredBlob;
pub use context::Context;
pub use engine::{Allowance, DatabaseInfo, Engine, Limits, Listener, Mode, Notice, Place};
pub use error::Error;
pub use key::{Key, KeyPart};
pub use records::IndexKeys;
pub use scan::{Bound, Direction, Range, Row, Scan, Source, Start};
pub use schema::{IndexSchema, Schema, StoreSchema};
pub use sqlite_file::move_aside;
