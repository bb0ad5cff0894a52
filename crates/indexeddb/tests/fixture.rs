//! The profile that this format's first version wrote is read by every later one (R176). `fixtures/format-1` is committed;
//! `WRITE_FIXTURE=1 cargo test -p wakeworker-indexeddb --test fixture` writes it when a new version of the format is made.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/session.rs"]
mod session;

use serde::Deserialize;
use session::{all, context, engine_at};
use std::path::{Path, PathBuf};
use wakeworker_indexeddb::{Error, IndexKeys, Key, KeyPart, Mode, Notice, Row, Source};
use wakeworker_structured_clone::{CloneError, blobs_inside, has_blobs};

/// A name with a lone surrogate.
const NAME: &[u8] = b"out\xED\xA0\x80box";

/// Every kind of value, as the bytes that `structured-clone` has committed.
fn values() -> Vec<Vec<u8>> {
    #[derive(Deserialize)]
    struct Vector {
        hex: String,
    }
    let all: Vec<Vector> =
        serde_json::from_str(include_str!("../../structured-clone/fixtures/vectors.json")).unwrap();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    all.iter().map(|vector| vector.hex.as_bytes().chunks(2).map(byte).collect()).collect()
}

/// Keys of every type, in their order.
fn keys() -> Vec<Key> {
    let string = |text: &str| KeyPart::String(text.encode_utf16().collect());
    [
        vec![KeyPart::Number(f64::NEG_INFINITY)],
        vec![KeyPart::Number(-1.5)],
        vec![KeyPart::Number(0.0)],
        vec![KeyPart::Number(2f64.powi(60))],
        vec![KeyPart::Date(1e12)],
        vec![string("")],
        vec![string("é😀")],
        vec![KeyPart::String(vec![0xD800])],
        vec![KeyPart::Binary(vec![])],
        vec![KeyPart::Binary(vec![0, 255])],
        vec![KeyPart::ArrayBegin, KeyPart::ArrayEnd],
        vec![
            KeyPart::ArrayBegin,
            KeyPart::Number(1.0),
            KeyPart::ArrayBegin,
            string("x"),
            KeyPart::ArrayEnd,
            KeyPart::ArrayEnd,
        ],
    ]
    .map(|parts| Key::from_parts(parts).unwrap())
    .into()
}

fn write(dir: &Path) {
    let engine = engine_at(dir);
    let (context, notices) = context(&engine);
    context.open_database(1, NAME, Some(3));
    let Notice::UpgradeNeeded { transaction, .. } = notices.recv().unwrap() else { panic!() };
    let by_key = context.create_store(transaction, b"keys", None, false).unwrap();
    let index = context.create_index(transaction, by_key, b"order", b"\"at\"", true, true).unwrap();
    let by_number = context.create_store(transaction, b"values", Some(b"\"id\""), true).unwrap();
    for (position, key) in keys().iter().enumerate() {
        let entries = [IndexKeys { index, keys: vec![Key::number(-(position as f64)).unwrap()] }];
        context.put(transaction, by_key, key, b"W\x01\x00\x01", &entries, false).unwrap();
    }
    for value in values() {
        let key = context.generate_key(transaction, by_number).unwrap();
        context.put(transaction, by_number, &key, &value, &[], false).unwrap();
    }
    context.commit(transaction).unwrap();
}

fn check(dir: &Path) {
    let engine = engine_at(dir);
    let (context, notices) = context(&engine);
    assert_eq!(context.databases().unwrap(), [(NAME.to_vec(), 3)]);
    context.open_database(1, NAME, None);
    let Notice::Opened { connection, schema, .. } = notices.recv().unwrap() else { panic!() };
    let [by_key, by_number] = schema.stores.as_slice() else { panic!("{schema:?}") };
    assert_eq!((&*by_key.name, &by_key.key_path, by_key.auto_increment), (&b"keys"[..], &None, false));
    assert_eq!((&*by_number.name, by_number.auto_increment), (&b"values"[..], true));
    assert_eq!(by_number.key_path.as_deref(), Some(&b"\"id\""[..]));
    let index = &by_key.indexes[0];
    assert_eq!((&*index.name, &*index.key_path), (&b"order"[..], &b"\"at\""[..]));
    assert!(index.unique && index.multi_entry);

    let stores = [by_key.id, by_number.id];
    let (transaction, _) = context.begin(connection, &stores, Mode::ReadWrite, true).unwrap();
    let found: Vec<Key> =
        all(&context, transaction, Source::Store(by_key.id)).into_iter().map(|row| row.key).collect();
    assert_eq!(found, keys());
    let through_index = all(&context, transaction, Source::Index { store: by_key.id, index: index.id });
    let backwards: Vec<Key> = through_index.into_iter().rev().map(|row| row.primary_key).collect();
    assert_eq!(backwards, keys());
    let rows = all(&context, transaction, Source::Store(by_number.id));
    let whole = |row: &Row| {
        let value = row.value.clone().unwrap();
        let load = |number| {
            let blob = row.blobs.iter().find(|blob| blob.number() == number);
            blob.ok_or(Error::from(CloneError::BlobMissing { number }))?.read()
        };
        if has_blobs(&value) { blobs_inside(&value, usize::MAX, load).unwrap() } else { value }
    };
    assert_eq!(rows.iter().map(whole).collect::<Vec<_>>(), values());
    let next = Key::number(values().len() as f64 + 1.0).unwrap();
    assert_eq!(context.generate_key(transaction, by_number.id).unwrap(), next, "the generator goes on");
    context.commit(transaction).unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, target).unwrap();
        }
    }
}

#[test] // R176
fn the_first_format_is_read_for_ever() {
    let fixture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/format-1");
    if std::env::var_os("WRITE_FIXTURE").is_some() {
        let _ = std::fs::remove_dir_all(&fixture);
        write(&fixture);
    }
    let dir = tempfile::tempdir().unwrap();
    copy(&fixture, dir.path());
    check(dir.path());
    // What is written today is read in the same way.
    let today = tempfile::tempdir().unwrap();
    write(today.path());
    check(today.path());
}
