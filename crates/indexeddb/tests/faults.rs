//! A disk that becomes full or breaks at every single operation of a transaction in turn: the transaction ends with the
//! right error, everything that was there before can be read at once, and the database goes on when the disk does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/faults.rs"]
mod faults;
#[path = "support/session.rs"]
mod session;

use faults::Fault;
use session::{all, context, engine_at};
use std::path::Path;
use std::sync::mpsc::Receiver;
use wakeworker_indexeddb::{Context, Error, IndexKeys, Key, Mode, Notice, Source};

struct Database {
    context: Context,
    notices: Receiver<Notice>,
    connection: u64,
    store: i64,
    index: i64,
}

impl Database {
    fn open(dir: &Path) -> Database {
        let (context, notices) = context(&engine_at(dir));
        context.open_database(1, b"d", Some(1));
        let (connection, store, index) = match notices.recv().unwrap() {
            Notice::UpgradeNeeded { connection, transaction, .. } => {
                let store = context.create_store(transaction, b"s", None, false).unwrap();
                let index = context.create_index(transaction, store, b"i", b"\"\"", true, false).unwrap();
                context.commit(transaction).unwrap();
                (connection, store, index)
            }
            Notice::Opened { connection, schema, .. } => {
                (connection, schema.stores[0].id, schema.stores[0].indexes[0].id)
            }
            other => panic!("{other:?}"),
        };
        Database { context, notices, connection, store, index }
    }

    /// Replaces everything by `count` records of a batch.
    fn replace(&self, batch: u32, count: u32, bytes: usize) -> Result<(), Error> {
        let key = |number: u32| Key::number(f64::from(number)).unwrap();
        let (transaction, _) = self.context.begin(self.connection, &[self.store], Mode::ReadWrite, true)?;
        let work = || {
            self.context.clear(transaction, self.store)?;
            for record in 0..count {
                let mut value = batch.to_le_bytes().to_vec();
                value.resize(bytes, record as u8);
                let entries = [IndexKeys { index: self.index, keys: vec![key(batch * 1000 + record)] }];
                self.context.put(transaction, self.store, &key(record), &value, &entries, true)?;
            }
            Ok(())
        };
        match work() {
            Ok(()) => self.context.commit(transaction),
            // What the JavaScript layer does when a request fails and nobody prevents the default.
            Err(error) => {
                let _ = self.context.abort(transaction);
                Err(error)
            }
        }
    }

    /// The batch and number of the records, which must be whole.
    fn read(&self) -> (u32, usize) {
        let (transaction, _) =
            self.context.begin(self.connection, &[self.store], Mode::ReadOnly, false).unwrap();
        let rows = all(&self.context, transaction, Source::Store(self.store));
        let entries = all(&self.context, transaction, Source::Index { store: self.store, index: self.index });
        assert_eq!(entries.len(), rows.len(), "records and index differ");
        let batches: Vec<u32> = rows
            .iter()
            .map(|row| u32::from_le_bytes(row.value.as_deref().unwrap()[..4].try_into().unwrap()))
            .collect();
        assert!(batches.windows(2).all(|pair| pair[0] == pair[1]), "{batches:?}");
        self.context.commit(transaction).unwrap();
        assert!(self.notices.try_recv().is_err());
        (batches[0], batches.len())
    }
}

/// Lets a transaction run into a failure after so many operations; whether there was one.
fn run(dir: &Path, database: &Database, operations: i64, fault: Fault, (count, bytes): (u32, usize)) -> bool {
    database.replace(1, 5, 100).unwrap();
    faults::fail_after(operations, fault);
    let outcome = database.replace(2, count, bytes);
    let had_failed = faults::repair();
    let place = format!("{fault:?} after {operations} operations: {outcome:?}");
    match &outcome {
        Ok(()) => assert_eq!(database.read(), (2, count as usize), "{place}"),
        Err(error) => {
            assert!(had_failed, "{place}");
            match fault {
                Fault::Full => assert!(matches!(error, Error::QuotaExceeded(_)), "{place}"),
                Fault::Broken => assert!(matches!(error, Error::Unknown(_)), "{place}"),
            }
            assert_eq!(database.read(), (1, 5), "{place}");
        }
    }
    // It goes on with the same connection, and a new start finds the same.
    database.replace(3, 7, 2_000).unwrap();
    assert_eq!(database.read(), (3, 7), "{place}");
    assert_eq!(Database::open(dir).read(), (3, 7), "{place}");
    had_failed
}

#[test]
fn a_disk_that_fails_undoes_the_transaction_whole_and_the_database_stays_readable() {
    faults::install("");
    for fault in [Fault::Full, Fault::Broken] {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(dir.path());
        // Every operation of a transaction that is written at its end.
        let failures = (0..).take_while(|n| run(dir.path(), &database, *n, fault, (12, 3_000))).count();
        assert!(failures > 10, "only {failures} operations");
        // Some of one that does not fit into the page cache and is written before.
        for n in (0..3_000).step_by(331) {
            run(dir.path(), &database, n, fault, (80, 50_000));
        }
    }
}
