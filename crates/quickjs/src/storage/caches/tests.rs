//! The store behind the Cache API: what is on disk after each operation.

use super::*;
use crate::storage::RuntimeStorage;
use std::path::Path;
use wakeworker_indexeddb::Allowance;

pub(super) fn open_at(dir: &Path) -> Caches {
    let config = RuntimeConfig { opaque_padding_bytes_max: 0, ..RuntimeConfig::default() };
    open(&RuntimeStorage::Dir(dir.to_owned()), &config)
}

fn open(storage: &RuntimeStorage, config: &RuntimeConfig) -> Caches {
    Caches::open(storage, config, Arc::new(Quota::new(config)), &mut Vec::new()).unwrap()
}

pub(super) fn origin() -> StorageKey {
    StorageKey::first_party("https://a.example")
}

fn response_of(kind: &str) -> String {
    format!(r#"{{"type":"{kind}","status":200,"statusText":"","headers":[],"url":"","redirected":false}}"#)
}

/// An entry for `https://a.example/PATH` with this body.
pub(super) fn entry(
    caches: &Caches,
    path: &str,
    kind: &str,
    body: &[u8],
) -> Result<NewEntry, StorageFailure> {
    let mut writer = caches.write_body(&origin())?;
    for part in body.chunks(50_000) {
        writer.write(part)?;
    }
    let request = format!(r#"{{"url":"https://a.example/{path}","method":"GET","headers":[]}}"#);
    let json = format!(r#"{{"request":{request},"response":{},"writer":1}}"#, response_of(kind));
    let mut writer = Some(writer);
    NewEntry::read(serde_json::from_str(&json).unwrap(), &mut |_| writer.take())
}

pub(super) fn put(caches: &Caches, cache: i64, entries: &[(&str, &[u8])]) -> Result<(), StorageFailure> {
    let entries = entries
        .iter()
        .map(|(path, body)| entry(caches, path, "basic", body))
        .collect::<Result<Vec<_>, _>>()?;
    caches.put(&origin(), cache, entries)
}

fn all_bodies(caches: &Caches, cache: i64) -> Vec<Vec<u8>> {
    let found = caches.query(&origin(), cache, &Query::default()).unwrap();
    let bodies = found.iter().filter_map(Found::body);
    bodies
        .map(|body| {
            let bytes = caches.read_body(body.id, 0, usize::MAX).unwrap();
            caches.release_body(body.id);
            bytes
        })
        .collect()
}

#[test]
fn entries_survive_reopening_and_orphans_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let caches = open_at(dir.path());
    let cache = caches.open_cache(&origin(), "\"c\"").unwrap();
    put(&caches, cache, &[("a", b"one"), ("b", b"two")]).unwrap();
    put(&caches, cache, &[("a", b"three")]).unwrap();
    assert_eq!(caches.bodies.count(), 2);
    let usage = caches.quota.account(&origin()).caches;
    drop(caches);
    // What a crash between a body's end and its commit leaves, and what is not ours.
    std::fs::write(dir.path().join("caches/00000000000000ff"), "orphan").unwrap();
    std::fs::write(dir.path().join("caches/notes.txt"), "mine").unwrap();

    let caches = open_at(dir.path());
    assert!(!dir.path().join("caches/00000000000000ff").exists());
    assert!(dir.path().join("caches/notes.txt").exists());
    assert_eq!(caches.quota.account(&origin()).caches, usage);
    assert_eq!(caches.names(&origin()).unwrap(), r#"["c"]"#);
    let cache = caches.open_cache(&origin(), "\"c\"").unwrap();
    assert_eq!(all_bodies(&caches, cache), [b"two".to_vec(), b"three".to_vec()]);
    // A new body takes no file that is in use.
    put(&caches, cache, &[("c", b"four")]).unwrap();
    assert_eq!(all_bodies(&caches, cache).len(), 3);
}

#[test]
fn a_second_opener_takes_no_file_for_an_orphan() {
    let dir = tempfile::tempdir().unwrap();
    let first = open_at(dir.path());
    let cache = first.open_cache(&origin(), "\"c\"").unwrap();
    let mut writer = first.write_body(&origin()).unwrap();
    writer.write(b"half").unwrap();
    let second = open_at(dir.path());
    assert_eq!(first.bodies.count(), 1);
    let other = second.write_body(&origin()).unwrap();
    assert_ne!(other.id(), writer.id());
    drop((writer, other));
    put(&first, cache, &[("a", b"one")]).unwrap();
    assert_eq!(all_bodies(&second, cache), [b"one".to_vec()]);
}

#[test]
fn a_body_stays_while_somebody_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let caches = open_at(dir.path());
    let cache = caches.open_cache(&origin(), "\"c\"").unwrap();
    put(&caches, cache, &[("a", b"old")]).unwrap();
    let body = caches.query(&origin(), cache, &Query::default()).unwrap()[0].body().unwrap();
    put(&caches, cache, &[("a", b"new")]).unwrap();
    assert_eq!(caches.read_body(body.id, 1, 1).unwrap(), b"l");
    assert_eq!(caches.read_body(body.id, 3, 10).unwrap(), b"");
    assert_eq!(caches.bodies.count(), 2);
    caches.release_body(body.id);
    assert_eq!(caches.bodies.count(), 1);
    assert_eq!(caches.read_body(body.id, 0, 1).unwrap_err().name, "UnknownError");
}

#[test]
fn a_deleted_cache_goes_with_its_last_holder() {
    let dir = tempfile::tempdir().unwrap();
    let caches = open_at(dir.path());
    let cache = caches.open_cache(&origin(), "\"c\"").unwrap();
    assert_eq!(caches.open_cache(&origin(), "\"c\"").unwrap(), cache);
    put(&caches, cache, &[("a", b"one")]).unwrap();
    assert!(caches.drop_cache(&origin(), "\"c\"").unwrap());
    assert!(!caches.has(&origin(), "\"c\"").unwrap());
    caches.release(&origin(), cache);
    assert_eq!(all_bodies(&caches, cache), [b"one".to_vec()]);
    caches.release(&origin(), cache);
    assert_eq!((caches.bodies.count(), caches.quota.account(&origin()).caches), (0, 0));
    let gone = caches.query(&origin(), cache, &Query::default());
    assert_eq!(gone.err().unwrap().name, "InvalidStateError");

    // Held until a crash, it goes with the next open.
    let cache = caches.open_cache(&origin(), "\"d\"").unwrap();
    put(&caches, cache, &[("a", b"one")]).unwrap();
    assert!(caches.drop_cache(&origin(), "\"d\"").unwrap());
    drop(caches);
    let caches = open_at(dir.path());
    assert_eq!((caches.bodies.count(), caches.quota.account(&origin()).caches), (0, 0));
}

#[test] // R163
fn clearing_an_origin_leaves_nothing_of_it_and_all_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let caches = open_at(dir.path());
    let cache = caches.open_cache(&origin(), "\"c\"").unwrap();
    put(&caches, cache, &[("a", b"one")]).unwrap();
    let other = StorageKey::first_party("https://b.example");
    let kept = caches.open_cache(&other, "\"c\"").unwrap();
    assert_eq!(caches.query(&other, cache, &Query::default()).err().unwrap().name, "InvalidStateError");
    caches.clear(&origin()).unwrap();
    assert_eq!(caches.names(&origin()).unwrap(), "[]");
    assert_eq!((caches.bodies.count(), caches.quota.account(&origin()).caches), (0, 0));
    assert_eq!(put(&caches, cache, &[("a", b"one")]).unwrap_err().name, "InvalidStateError");
    assert_eq!(caches.bodies.count(), 0);
    assert!(caches.query(&other, kept, &Query::default()).unwrap().is_empty());
}

#[test]
fn the_quota_counts_what_is_written_replaced_and_used_elsewhere() {
    let config =
        RuntimeConfig { origin_bytes_max: 10_000, opaque_padding_bytes_max: 0, ..RuntimeConfig::default() };
    let caches = open(&RuntimeStorage::Memory, &config);
    let cache = caches.open_cache(&origin(), "\"c\"").unwrap();
    put(&caches, cache, &[("a", &[1; 6_000])]).unwrap();
    let used = caches.quota.account(&origin()).caches;
    assert!(used > 6_000 && used < 6_500, "{used}");
    // While it is written there are two of it, so this does not fit; nothing of it remains.
    assert_eq!(put(&caches, cache, &[("a", &[2; 6_000])]).unwrap_err().name, "QuotaExceededError");
    assert_eq!((caches.quota.account(&origin()).caches, caches.bodies.count()), (used, 1));
    assert_eq!(all_bodies(&caches, cache), [vec![1; 6_000]]);
    put(&caches, cache, &[("a", &[3; 3_000])]).unwrap();
    assert_eq!(caches.quota.account(&origin()).caches, used - 3_000);
    caches.quota.databases_changed(origin().as_str(), 9_000);
    let full = caches.write_body(&origin()).unwrap().write(&[0; 3_000]);
    assert_eq!(full.unwrap_err().name, "QuotaExceededError");
    caches.quota.databases_changed(origin().as_str(), 0);
    let parts: Vec<_> = (0..3).map(|_| caches.write_body(&origin()).unwrap()).collect();
    let written = parts.into_iter().map(|mut part| part.write(&[0; 3_000]).map(|()| part));
    let written: Vec<_> = written.collect();
    assert_eq!(written.iter().filter(|part| part.is_ok()).count(), 2);
    drop(written);
    caches.write_body(&origin()).unwrap().write(&[0; 6_000]).unwrap();
}

#[test]
fn an_opaque_response_counts_more_than_it_has() {
    let config = RuntimeConfig { opaque_padding_bytes_max: 1_000_000, ..RuntimeConfig::default() };
    let caches = open(&RuntimeStorage::Memory, &config);
    let cache = caches.open_cache(&origin(), "\"c\"").unwrap();
    let charges: Vec<u64> = ["a", "b", "c", "a"]
        .iter()
        .map(|path| {
            let new = entry(&caches, path, "opaque", b"secret").unwrap();
            let charge = caches.padding.charge_of(&origin(), &new);
            caches.put(&origin(), cache, vec![new]).unwrap();
            charge
        })
        .collect();
    assert!(charges.iter().sum::<u64>() > 20_000, "{charges:?}");
    assert_ne!(charges[0], charges[1]);
    assert_eq!(charges[0], charges[3], "asking again tells nothing new");
    assert_eq!(caches.quota.account(&origin()).caches, charges[..3].iter().sum::<u64>());
}

#[test]
fn a_batch_is_stored_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let caches = open_at(dir.path());
    let cache = caches.open_cache(&origin(), "\"c\"").unwrap();
    let twice = put(&caches, cache, &[("a", b"1"), ("b", b"2"), ("a#x", b"3")]);
    assert_eq!(twice.unwrap_err().name, "InvalidStateError");
    assert_eq!((caches.bodies.count(), caches.quota.account(&origin()).caches), (0, 0));
    for bad in
        ["{}", r#"{"request":1,"response":{},"writer":null}"#, r#"{"request":{},"response":{},"writer":7}"#]
    {
        let read = NewEntry::read(serde_json::from_str(bad).unwrap(), &mut |_| None);
        assert_eq!(read.err().unwrap().name, "DataError", "{bad}");
    }
    // The directory goes away under our hands: an error, and the index stays as it was.
    std::fs::remove_dir_all(dir.path().join("caches")).unwrap();
    assert_eq!(put(&caches, cache, &[("a", b"1")]).unwrap_err().name, "UnknownError");
    assert!(caches.query(&origin(), cache, &Query::default()).unwrap().is_empty());
}
