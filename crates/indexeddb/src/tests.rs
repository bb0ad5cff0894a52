//! The engine as a context sees it.

use crate::session::{all, context, engine_at};
use crate::*;
use std::path::Path;
use std::sync::mpsc::Receiver;
use wakeworker_structured_clone::{BlobContent, Reader, Token, Writer, blobs_inside};

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
    // Whoever goes last closes the files in good order, which takes their logs away.
    drop((again, engine, notes));
    let files: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["catalog.sqlite"]);
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

#[test]
fn damage_that_is_found_late_moves_the_file_aside_at_the_next_opening() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine_at(dir.path());
    let (first, notes) = context(&engine);
    let (connection, store, _) = open(&first, &notes);
    let (write, _) = first.begin(connection, &[store], Mode::ReadWrite, true).unwrap();
    for key in 0..200 {
        first.put(write, store, &number(key), &[key as u8; 3_000], &[], true).unwrap();
    }
    first.commit(write).unwrap();
    drop((first, engine));
    // It was closed in good order; then the disk lost a piece in the middle.
    let path = dir.path().join("1.sqlite");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 8192 * 4096;
    bytes[middle..middle + 40_960].fill(0xA5);
    std::fs::write(&path, bytes).unwrap();

    let engine = engine_at(dir.path());
    let (again, notes) = context(&engine);
    let (connection, store, _) = open(&again, &notes);
    let (read, _) = again.begin(connection, &[store], Mode::ReadOnly, false).unwrap();
    let scan = Scan {
        source: Source::Store(store),
        range: Range::default(),
        direction: Direction::Next,
        start: None,
        skip: 0,
        limit: None,
        values: true,
    };
    assert!(matches!(again.scan(read, &scan), Err(Error::Unknown(text)) if text.contains("damaged")));
    drop((again, engine));
    let engine = engine_at(dir.path());
    let (last, notes) = context(&engine);
    last.open_database(1, b"d", Some(1));
    let Notice::Failed { error: Error::Unknown(message), .. } = notes.recv().unwrap() else { panic!() };
    assert!(message.contains("1.sqlite.damaged"), "{message}");
    open(&last, &notes);
    assert!(!dir.path().join("1.suspect").exists());
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

/// A record with one blob, as a structured clone.
pub(crate) fn with_blob(content: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new(usize::MAX);
    let blob = Token::Blob { file: None, media_type: b"a/b", content: BlobContent::Inside(content) };
    for token in [Token::Object, Token::Key(b"blob"), blob, Token::End] {
        writer.write(&token).unwrap();
    }
    writer.finish()
}

/// The content of the blob of a row.
pub(crate) fn blob_of(row: &Row) -> Vec<u8> {
    let load = |number| {
        let blob = row.blobs.iter().find(|blob| blob.number() == number);
        blob.ok_or(Error::Unknown("no such blob".to_owned()))?.read()
    };
    let whole = blobs_inside(row.value.as_deref().unwrap(), usize::MAX, load).unwrap();
    let mut reader = Reader::new(&whole).unwrap();
    while let Some(token) = reader.next().unwrap() {
        if let Token::Blob { content: BlobContent::Inside(content), .. } = token {
            return content.to_vec();
        }
    }
    panic!("there is no blob")
}

fn files_of(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("1.blobs")).map_or(0, Iterator::count)
}

#[test]
fn blobs_are_files_that_live_as_long_as_a_record_or_a_reader() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine_at(dir.path());
    let (context, notes) = context(&engine);
    let (connection, store, _) = open(&context, &notes);
    let begin = || context.begin(connection, &[store], Mode::ReadWrite, true).unwrap().0;
    let read = || {
        let (read, _) = context.begin(connection, &[store], Mode::ReadOnly, false).unwrap();
        let rows = all(&context, read, Source::Store(store));
        context.commit(read).unwrap();
        rows
    };
    let write = begin();
    for key in 1..=3 {
        context.put(write, store, &number(key), &with_blob(&[key as u8; 50_000]), &[], true).unwrap();
    }
    context.commit(write).unwrap();
    assert_eq!(files_of(dir.path()), 3);
    assert!(engine.usage_bytes("https://a.example") > 150_000);
    let rows = read();
    assert!(rows.iter().all(|row| row.value.as_ref().unwrap().len() < 100), "the content is outside");
    assert_eq!(blob_of(&rows[1]), [2; 50_000]);

    // An abort leaves the old file and takes the new one, which somebody may still read.
    let write = begin();
    context.put(write, store, &number(1), &with_blob(b"never"), &[], true).unwrap();
    let unborn = all(&context, write, Source::Store(store)).remove(0);
    context.abort(write).unwrap();
    assert_eq!(blob_of(&unborn), b"never");
    drop(unborn);
    assert_eq!((files_of(dir.path()), blob_of(&read()[0])), (3, vec![1; 50_000]));

    // What is replaced or deleted can be read by those who have it.
    let write = begin();
    context.put(write, store, &number(1), &with_blob(b"new"), &[], true).unwrap();
    context.delete(write, store, &Range::only(number(2))).unwrap();
    context.commit(write).unwrap();
    assert_eq!((blob_of(&rows[0]), blob_of(&rows[1])), (vec![1; 50_000], vec![2; 50_000]));
    assert_eq!(files_of(dir.path()), 4);
    drop(rows);
    assert_eq!(files_of(dir.path()), 2);

    // Whoever holds one keeps it even when the whole database goes.
    let last = read().remove(0);
    engine.clear("https://a.example").unwrap();
    assert_eq!(blob_of(&last), b"new");
    assert_eq!(engine.usage_bytes("https://a.example"), 0);
    drop(last);
    assert_eq!(files_of(dir.path()), 0);
}

#[test]
fn files_that_no_record_names_are_removed_when_the_database_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine_at(dir.path());
    let (first, notes) = context(&engine);
    let (connection, store, _) = open(&first, &notes);
    let (write, _) = first.begin(connection, &[store], Mode::ReadWrite, true).unwrap();
    first.put(write, store, &number(1), &with_blob(b"kept"), &[], true).unwrap();
    first.commit(write).unwrap();
    drop((first, engine));
    let blobs = dir.path().join("1.blobs");
    std::fs::write(blobs.join("00000000000000ff"), "orphan").unwrap();
    std::fs::write(blobs.join("mine.txt"), "not ours").unwrap();
    std::fs::create_dir(dir.path().join("77.blobs")).unwrap();
    std::fs::write(dir.path().join("77.blobs/0000000000000001"), "of no database").unwrap();

    let engine = engine_at(dir.path());
    assert!(!dir.path().join("77.blobs").exists());
    let (again, notes) = context(&engine);
    let (connection, store, _) = open(&again, &notes);
    assert!(!blobs.join("00000000000000ff").exists() && blobs.join("mine.txt").exists());
    let (read, _) = again.begin(connection, &[store], Mode::ReadOnly, false).unwrap();
    let rows = all(&again, read, Source::Store(store));
    assert_eq!(blob_of(&rows[0]), b"kept");
    // A file that somebody took away is an error of that blob only.
    std::fs::remove_file(blobs.join(format!("{:016x}", rows[0].blobs[0].number()))).unwrap();
    assert!(matches!(rows[0].blobs[0].read(), Err(Error::Unknown(_))));
}

#[test]
fn blobs_count_against_the_quota() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::Dir(dir.path().to_owned());
    let engine = Engine::open(&place, Limits { origin_bytes_max: 300_000 }).unwrap();
    let (context, notes) = context(&engine);
    let (connection, store, _) = open(&context, &notes);
    let (write, _) = context.begin(connection, &[store], Mode::ReadWrite, true).unwrap();
    context.put(write, store, &number(1), &with_blob(&[1; 200_000]), &[], true).unwrap();
    let full = context.put(write, store, &number(2), &with_blob(&[1; 90_000]), &[], true);
    assert!(matches!(&full, Err(Error::QuotaExceeded(text)) if text.contains("300000")), "{full:?}");
    let full = context.put(write, store, &number(2), &[1; 90_000], &[], true);
    assert!(matches!(full, Err(Error::QuotaExceeded(_))), "{full:?}");
    let _ = context.abort(write);
    assert_eq!(files_of(dir.path()), 0);
    let (write, _) = context.begin(connection, &[store], Mode::ReadWrite, true).unwrap();
    context.put(write, store, &number(2), &with_blob(&[1; 150_000]), &[], true).unwrap();
    context.commit(write).unwrap();
    assert_eq!(files_of(dir.path()), 1);
}

#[test]
fn a_record_that_is_replaced_has_its_new_index_entries_and_no_other() {
    let engine = Engine::open(&Place::Memory, Limits::default()).unwrap();
    let (context, notices) = context(&engine);
    context.open_database(1, b"d", Some(1));
    let Notice::UpgradeNeeded { transaction, .. } = notices.recv().unwrap() else { panic!() };
    let store = context.create_store(transaction, b"s", None, false).unwrap();
    let [first, second] = [b"i", b"j"]
        .map(|name| context.create_index(transaction, store, name, b"\"\"", false, true).unwrap());
    let keys = |values: &[u32]| values.iter().map(|value| number(*value)).collect::<Vec<_>>();
    let put = |key: u32, of_first: &[u32], of_second: &[u32]| {
        let entries = [
            IndexKeys { index: first, keys: keys(of_first) },
            IndexKeys { index: second, keys: keys(of_second) },
            // What a script gives twice, or out of order, is there once.
            IndexKeys { index: second, keys: keys(of_second) },
        ];
        context.put(transaction, store, &number(key), b"v", &entries, true).unwrap();
    };
    let entries = |index| {
        let rows = all(&context, transaction, Source::Index { store, index });
        rows.into_iter().map(|row| (row.key, row.primary_key)).collect::<Vec<_>>()
    };
    let pairs = |pairs: &[(u32, u32)]| {
        pairs.iter().map(|(key, primary_key)| (number(*key), number(*primary_key))).collect::<Vec<_>>()
    };
    put(1, &[5, 3], &[9]);
    put(2, &[3], &[]);
    put(1, &[3, 7, 4], &[9, 9, 8]);
    assert_eq!(entries(first), pairs(&[(3, 1), (3, 2), (4, 1), (7, 1)]));
    assert_eq!(entries(second), pairs(&[(8, 1), (9, 1)]));
    put(1, &[], &[9]);
    put(2, &[3], &[9]);
    assert_eq!(entries(first), pairs(&[(3, 2)]));
    assert_eq!(entries(second), pairs(&[(9, 1), (9, 2)]));
    // Without any key for an index the record leaves it.
    context.put(transaction, store, &number(2), b"v", &[], true).unwrap();
    assert_eq!(entries(first), pairs(&[]));
    assert_eq!(entries(second), pairs(&[(9, 1)]));
    context.commit(transaction).unwrap();
}
