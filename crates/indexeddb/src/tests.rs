//! The engine as a context sees it.

use crate::*;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

pub(crate) struct Notes(Mutex<Sender<Notice>>);

impl Listener for Notes {
    fn notify(&self, notice: Notice) {
        let _ = self.0.lock().unwrap().send(notice);
    }
}

pub(crate) fn context(engine: &Engine) -> (Context, Receiver<Notice>) {
    let (sender, receiver) = channel();
    (engine.context("https://a.example", Arc::new(Notes(Mutex::new(sender)))), receiver)
}

pub(crate) fn engine_at(dir: &Path) -> Engine {
    Engine::open(&Place::Dir(dir.to_owned()), Limits::default()).unwrap()
}

pub(crate) fn number(value: u32) -> Key {
    Key::number(f64::from(value)).unwrap()
}

/// Opens `d` at version 1, with a store `s` and a unique index on it.
pub(crate) fn open(context: &Context, notices: &Receiver<Notice>) -> (u64, i64, i64) {
    context.open_database(1, b"d", Some(1));
    match notices.recv().unwrap() {
        Notice::UpgradeNeeded { connection, transaction, .. } => {
            let store = context.create_store(transaction, b"s", None, true).unwrap();
            let index = context.create_index(transaction, store, b"i", b"\"\"", true, false).unwrap();
            context.commit(transaction).unwrap();
            (connection, store, index)
        }
        Notice::Opened { connection, schema, .. } => {
            (connection, schema.stores[0].id, schema.stores[0].indexes[0].id)
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn all(context: &Context, transaction: u64, source: Source) -> Vec<Row> {
    let scan = Scan {
        source,
        range: Range::default(),
        direction: Direction::Next,
        start: None,
        skip: 0,
        limit: None,
        values: true,
    };
    context.scan(transaction, &scan).unwrap()
}

#[test]
fn overlapping_writers_run_one_after_the_other_and_readers_beside_each_other() {
    let engine = Engine::open(&Place::Memory, Limits::default()).unwrap();
    let (first, notes) = context(&engine);
    let (connection, store, _) = open(&first, &notes);
    let (second, other_notes) = context(&engine);
    let (other, ..) = open(&second, &other_notes);
    let (read, runs) = first.begin(connection, &[store], Mode::ReadOnly, false).unwrap();
    let (also, runs_too) = second.begin(other, &[store], Mode::ReadOnly, false).unwrap();
    assert!(runs && runs_too);
    let (write, runs) = first.begin(connection, &[store], Mode::ReadWrite, false).unwrap();
    assert!(!runs);
    let (late, runs) = second.begin(other, &[store], Mode::ReadOnly, false).unwrap();
    assert!(!runs, "a reader after a waiting writer sees what that writes");
    assert!(matches!(first.put(write, store, &number(1), b"v", &[], true), Err(Error::InvalidState(_))));
    first.commit(read).unwrap();
    assert!(notes.try_recv().is_err());
    second.commit(also).unwrap();
    assert_eq!(notes.recv().unwrap(), Notice::Started { transaction: write });
    first.put(write, store, &number(1), b"v", &[], true).unwrap();
    first.commit(write).unwrap();
    assert_eq!(other_notes.recv().unwrap(), Notice::Started { transaction: late });
    assert_eq!(all(&second, late, Source::Store(store)).len(), 1);
    assert!(second.put(late, store, &number(2), b"v", &[], true).is_err(), "it only reads");
    assert!(second.clear(write, store).is_err(), "it belongs to another context and has ended");
}

#[test]
fn a_context_that_goes_undoes_its_transaction_and_lets_others_go_on() {
    let engine = Engine::open(&Place::Memory, Limits::default()).unwrap();
    let (first, notes) = context(&engine);
    let (connection, store, _) = open(&first, &notes);
    let (second, other_notes) = context(&engine);
    let (other, ..) = open(&second, &other_notes);
    let (write, _) = first.begin(connection, &[store], Mode::ReadWrite, false).unwrap();
    first.put(write, store, &number(1), b"v", &[], true).unwrap();
    let (read, runs) = second.begin(other, &[store], Mode::ReadOnly, false).unwrap();
    assert!(!runs);
    second.open_database(2, b"d", Some(2));
    assert!(matches!(other_notes.recv().unwrap(), Notice::VersionChange { old: 1, new: Some(2), .. }));
    drop(first);
    assert_eq!(other_notes.recv().unwrap(), Notice::Started { transaction: read });
    assert!(all(&second, read, Source::Store(store)).is_empty());
    second.version_change_fired(other);
    assert!(matches!(other_notes.recv().unwrap(), Notice::Blocked { request: 2, old: 1, new: Some(2) }));
    second.close(other);
    assert!(other_notes.try_recv().is_err(), "the reader is not done");
    second.commit(read).unwrap();
    assert!(matches!(other_notes.recv().unwrap(), Notice::UpgradeNeeded { request: 2, old: 1, .. }));
}

#[test]
fn a_violated_constraint_leaves_nothing() {
    let engine = Engine::open(&Place::Memory, Limits::default()).unwrap();
    let (context, notes) = context(&engine);
    let (connection, store, index) = open(&context, &notes);
    let (write, _) = context.begin(connection, &[store], Mode::ReadWrite, false).unwrap();
    let entry = |key: u32| [IndexKeys { index, keys: vec![number(key)] }];
    context.put(write, store, &number(1), b"one", &entry(10), false).unwrap();
    context.put(write, store, &number(2), b"two", &entry(20), false).unwrap();
    let taken = context.put(write, store, &number(2), b"new", &entry(10), true);
    assert!(matches!(taken, Err(Error::Constraint(_))));
    assert!(matches!(context.put(write, store, &number(2), b"new", &[], false), Err(Error::Constraint(_))));
    let rows = all(&context, write, Source::Index { store, index });
    let values: Vec<_> = rows.iter().map(|row| row.value.as_deref().unwrap()).collect();
    assert_eq!(values, [&b"one"[..], b"two"]);
    // The generator goes on after the highest key, and not after a number that it cannot reach.
    assert_eq!(context.generate_key(write, store).unwrap(), number(3));
    context.put(write, store, &Key::number(1e300).unwrap(), b"", &[], true).unwrap();
    assert!(matches!(context.generate_key(write, store), Err(Error::Constraint(_))));
    context.abort(write).unwrap();
    let (read, _) = context.begin(connection, &[store], Mode::ReadOnly, false).unwrap();
    assert!(all(&context, read, Source::Store(store)).is_empty());
}

#[test]
fn what_was_not_committed_and_what_was_deleted_is_gone_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine_at(dir.path());
    let (first, notes) = context(&engine);
    let (connection, store, _) = open(&first, &notes);
    let (write, _) = first.begin(connection, &[store], Mode::ReadWrite, true).unwrap();
    first.put(write, store, &number(1), b"kept", &[], true).unwrap();
    first.commit(write).unwrap();
    let (write, _) = first.begin(connection, &[store], Mode::ReadWrite, true).unwrap();
    first.put(write, store, &number(2), b"lost", &[], true).unwrap();
    first.open_database(7, b"other", None);
    let Notice::UpgradeNeeded { transaction, .. } = notes.recv().unwrap() else { panic!() };
    first.create_store(transaction, b"never", None, false).unwrap();
    assert!(engine.usage_bytes("https://a.example") > 0);
    drop((first, engine));

    let engine = engine_at(dir.path());
    let (again, notes) = context(&engine);
    assert_eq!(again.databases().unwrap(), [(b"d".to_vec(), 1)]);
    let (connection, store, _) = open(&again, &notes);
    let (read, _) = again.begin(connection, &[store], Mode::ReadOnly, false).unwrap();
    let rows = all(&again, read, Source::Store(store));
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].value.as_deref(), Some(&b"kept"[..]));
    // Clearing the origin takes it away from whoever has it open.
    engine.clear("https://a.example").unwrap();
    assert_eq!(notes.recv().unwrap(), Notice::Closed { connection });
    assert!(again.commit(read).is_err());
    assert_eq!(again.databases().unwrap(), []);
    assert_eq!(engine.usage_bytes("https://a.example"), 0);
    let files = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name());
    assert!(files.into_iter().all(|name| name.to_string_lossy().starts_with("catalog")));
}

#[test]
fn a_full_quota_undoes_the_transaction_and_the_database_stays_readable() {
    let limits = Limits { origin_bytes_max: 300_000 };
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(&Place::Dir(dir.path().to_owned()), limits).unwrap();
    let (context, notes) = context(&engine);
    let (connection, store, _) = open(&context, &notes);
    let (write, _) = context.begin(connection, &[store], Mode::ReadWrite, true).unwrap();
    context.put(write, store, &number(1), &[1; 100_000], &[], true).unwrap();
    context.commit(write).unwrap();
    let (write, _) = context.begin(connection, &[store], Mode::ReadWrite, true).unwrap();
    context.put(write, store, &number(2), b"small", &[], true).unwrap();
    let full = context.put(write, store, &number(3), &[1; 400_000], &[], true);
    assert!(matches!(full, Err(Error::QuotaExceeded(_))), "{full:?}");
    // Whether the small record can still be committed or not, it is never half there.
    let committed = context.commit(write).is_ok();
    let (read, _) = context.begin(connection, &[store], Mode::ReadOnly, false).unwrap();
    assert_eq!(all(&context, read, Source::Store(store)).len(), 1 + usize::from(committed));
}

#[test]
fn a_damaged_file_is_moved_aside_and_others_work() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine_at(dir.path());
    let (first, notes) = context(&engine);
    open(&first, &notes);
    first.open_database(2, b"e", Some(1));
    let Notice::UpgradeNeeded { transaction, .. } = notes.recv().unwrap() else { panic!() };
    first.commit(transaction).unwrap();
    drop((first, engine));
    std::fs::write(dir.path().join("1.sqlite"), vec![7; 40_000]).unwrap();

    let engine = engine_at(dir.path());
    let (again, notes) = context(&engine);
    again.open_database(1, b"d", Some(1));
    let Notice::Failed { error: Error::Unknown(message), .. } = notes.recv().unwrap() else { panic!() };
    assert!(message.contains("1.sqlite") && message.contains("moved"), "{message}");
    again.open_database(2, b"e", Some(1));
    assert!(matches!(notes.recv().unwrap(), Notice::Opened { .. }));
    open(&again, &notes);
}

#[test] // R176
fn a_newer_format_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine_at(dir.path());
    let (first, notes) = context(&engine);
    open(&first, &notes);
    drop((first, engine));
    let sqlite = rusqlite::Connection::open(dir.path().join("1.sqlite")).unwrap();
    sqlite.pragma_update(None, "user_version", schema::FORMAT + 1).unwrap();
    drop(sqlite);
    let before = std::fs::read(dir.path().join("1.sqlite")).unwrap();
    let engine = engine_at(dir.path());
    let (again, notes) = context(&engine);
    again.open_database(1, b"d", Some(1));
    assert!(matches!(notes.recv().unwrap(), Notice::Failed { error: Error::Unknown(_), .. }));
    drop((again, engine));
    assert_eq!(std::fs::read(dir.path().join("1.sqlite")).unwrap(), before);
}
