//! The caches that this format's first version wrote are read by every later one. `fixtures/caches-1` is committed;
//! `WRITE_FIXTURE=1 cargo test -p wakeworker-quickjs fixture` writes it when a new version of the format is made.

use super::tests::{entry, open_at, origin, put};
use super::*;
use std::path::{Path, PathBuf};

/// A name with a lone surrogate.
const NAME: &str = r#""shell\ud800""#;

fn write(dir: &Path) {
    let caches = open_at(dir);
    let shell = caches.open_cache(&origin(), NAME).unwrap();
    put(&caches, shell, &[("a?x=1", b"first"), ("b", &[7; 10_000]), ("empty", b"")]).unwrap();
    let opaque = entry(&caches, "opaque", "opaque", b"hidden").unwrap();
    caches.put(&origin(), shell, vec![opaque]).unwrap();
    let varied = r#"{"request":{"url":"https://a.example/v","method":"GET","headers":[["accept","text/html"]]},
        "response":{"type":"basic","status":204,"statusText":"none","headers":[["vary","Accept"]],"url":"","redirected":false},
        "writer":null}"#;
    let varied = NewEntry::read(serde_json::from_str(varied).unwrap(), &mut |_| None).unwrap();
    caches.put(&origin(), shell, vec![varied]).unwrap();
    let other = StorageKey::first_party("https://b.example");
    caches.open_cache(&other, "\"none\"").unwrap();
}

fn check(dir: &Path) {
    let caches = open_at(dir);
    assert_eq!(caches.names(&origin()).unwrap(), format!("[{NAME}]"));
    assert_eq!(caches.names(&StorageKey::first_party("https://b.example")).unwrap(), "[\"none\"]");
    let shell = caches.open_cache(&origin(), NAME).unwrap();
    let found = caches.query(&origin(), shell, &Query::default()).unwrap();
    let bodies: Vec<_> = found
        .iter()
        .map(|found| found.body().map(|body| caches.read_body(body.id, 0, usize::MAX).unwrap()))
        .collect();
    let wanted: [Option<&[u8]>; 5] = [Some(b"first"), Some(&[7; 10_000]), Some(b""), Some(b"hidden"), None];
    assert_eq!(bodies, wanted.map(|body| body.map(<[u8]>::to_vec)));
    let heads: Vec<_> = found.iter().map(|found| (&*found.request, &*found.response)).collect();
    assert!(heads[0].0.contains("/a?x=1") && heads[3].1.contains("opaque"), "{heads:?}");
    assert!(heads[4].1.contains("204") && heads[4].1.contains("vary"), "{heads:?}");
    assert!(caches.quota.account(&origin()).caches > 10_000);
    // Queries find by what was written beside the heads.
    let asked = |accept: &str| {
        let head =
            format!(r#"{{"url":"https://a.example/v","method":"GET","headers":[["accept","{accept}"]]}}"#);
        let query = Query::exactly(&serde_json::from_str(&head).unwrap());
        caches.query(&origin(), shell, &query).unwrap().len()
    };
    assert_eq!((asked("text/html"), asked("image/png")), (1, 0));
}

/// The index and the bodies.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.join("caches")).unwrap();
    std::fs::copy(from.join("caches.sqlite"), to.join("caches.sqlite")).unwrap();
    for body in std::fs::read_dir(from.join("caches")).unwrap() {
        let path = body.unwrap().path();
        std::fs::copy(&path, to.join("caches").join(path.file_name().unwrap())).unwrap();
    }
}

#[test] // R176
fn the_first_format_of_caches_is_read_for_ever() {
    let fixture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/caches-1");
    if std::env::var_os("WRITE_FIXTURE").is_some() {
        let _ = std::fs::remove_dir_all(&fixture);
        write(&fixture);
        std::fs::remove_file(fixture.join("caches/lock")).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    copy(&fixture, dir.path());
    check(dir.path());
    let today = tempfile::tempdir().unwrap();
    write(today.path());
    check(today.path());
}
