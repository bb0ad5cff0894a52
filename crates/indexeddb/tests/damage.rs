//! A catalog that is damaged, or gone: the databases are found again by their labels, nothing is thrown away, and what was
//! deleted stays deleted.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/session.rs"]
mod session;

use session::{all, context, engine_at};
use std::path::Path;
use wakeworker_indexeddb::{Engine, Key, Mode, Notice, Source};

/// A name with a newline, as a label has them too.
const NAMES: [&[u8]; 3] = [b"first", b"sec\nond\n", b"third"];

/// The value in the only record of a database, which is written first if the database is new.
fn record_of(engine: &Engine, name: &[u8]) -> Vec<u8> {
    let (context, notices) = context(engine);
    context.open_database(1, name, Some(1));
    let (connection, store) = match notices.recv().unwrap() {
        Notice::UpgradeNeeded { connection, transaction, .. } => {
            let store = context.create_store(transaction, b"s", None, false).unwrap();
            let key = Key::number(1.0).unwrap();
            context.put(transaction, store, &key, name, &[], false).unwrap();
            context.commit(transaction).unwrap();
            (connection, store)
        }
        Notice::Opened { connection, schema, .. } => (connection, schema.stores[0].id),
        other => panic!("{other:?}"),
    };
    let (read, _) = context.begin(connection, &[store], Mode::ReadOnly, false).unwrap();
    all(&context, read, Source::Store(store)).pop().unwrap().value.unwrap()
}

fn names(engine: &Engine) -> Vec<Vec<u8>> {
    context(engine).0.databases().unwrap().into_iter().map(|(name, _)| name).collect()
}

/// Three databases, of which the first is deleted.
fn fill(dir: &Path) {
    let engine = engine_at(dir);
    for name in NAMES {
        assert_eq!(record_of(&engine, name), name);
    }
    let (context, notices) = context(&engine);
    context.delete_database(1, NAMES[0]);
    assert!(matches!(notices.recv().unwrap(), Notice::Deleted { .. }));
}

/// Ways to lose a catalog.
fn lose(dir: &Path, how: &str) {
    let path = dir.join("catalog.sqlite");
    let whole = std::fs::read(&path).unwrap();
    match how {
        "overwritten" => std::fs::write(&path, vec![0xA5; whole.len()]).unwrap(),
        "torn" => std::fs::write(&path, [&whole[..4096], &vec![0xA5; whole.len() - 4096]].concat()).unwrap(),
        "short" => std::fs::write(&path, &whole[..whole.len() - 4096]).unwrap(),
        _ => std::fs::remove_file(&path).unwrap(),
    }
}

#[test] // R170
fn a_catalog_that_is_damaged_or_gone_costs_no_database() {
    for how in ["overwritten", "torn", "short", "gone"] {
        let dir = tempfile::tempdir().unwrap();
        fill(dir.path());
        lose(dir.path(), how);
        let engine = engine_at(dir.path());
        let damage = engine.damage_found().join("\n");
        assert!(damage.contains("`third` of https://a.example"), "{how}: {damage}");
        assert_eq!(damage.contains("catalog.sqlite.damaged"), how != "gone", "{how}: {damage}");
        assert_eq!(dir.path().join("catalog.sqlite.damaged").exists(), how != "gone");
        assert_eq!(names(&engine), NAMES[1..], "{how}: what was deleted stays deleted");
        for name in &NAMES[1..] {
            assert_eq!(record_of(&engine, name), *name, "{how}");
        }
        assert_eq!(record_of(&engine, NAMES[0]), NAMES[0]);
        assert!(dir.path().join("4.sqlite").exists(), "{how}: numbers are not given twice");
        drop(engine);
        let again = engine_at(dir.path());
        assert_eq!((again.damage_found(), names(&again).len()), (&[][..], 3), "{how}");
    }
}

#[test] // R170
fn a_database_that_has_lost_its_name_is_moved_aside() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    // As an earlier version has left it, or with a label that was not written to its end.
    std::fs::remove_file(dir.path().join("2.label")).unwrap();
    std::fs::write(dir.path().join("3.label"), "https://a.example\n5\nthi").unwrap();
    lose(dir.path(), "overwritten");
    let engine = engine_at(dir.path());
    let damage = engine.damage_found().join("\n");
    for name in ["2.sqlite.damaged", "3.sqlite.damaged"] {
        assert!(damage.contains(name) && dir.path().join(name).exists(), "{damage}");
    }
    assert!(names(&engine).is_empty());
    assert_eq!(record_of(&engine, NAMES[1]), NAMES[1]);
    assert!(dir.path().join("4.sqlite").exists(), "numbers are not given twice");
}

#[test]
fn labels_that_an_earlier_version_did_not_write_are_written() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    std::fs::remove_file(dir.path().join("2.label")).unwrap();
    assert_eq!(engine_at(dir.path()).damage_found(), [""; 0]);
    lose(dir.path(), "gone");
    assert_eq!(names(&engine_at(dir.path())), NAMES[1..]);
}
