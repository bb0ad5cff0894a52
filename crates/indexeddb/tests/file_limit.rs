//! A system that lets files grow only so far (`ulimit -f`), as full disks and quotas of users do: blobs and records that do
//! not fit are refused, and everything else goes on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

#[path = "support/session.rs"]
mod session;

use session::{all, context, engine_at};
use std::path::Path;
use std::process::Command;
use wakeworker_indexeddb::{Error, Key, Mode, Notice, Source};
use wakeworker_structured_clone::{BlobContent, Token, Writer};

const TEST: &str = "what_does_not_fit_into_a_file_is_refused_and_the_rest_goes_on";
const DIR: &str = "WAKEWORKER_TEST_LIMITED_INDEXEDDB";

#[test]
fn what_does_not_fit_into_a_file_is_refused_and_the_rest_goes_on() {
    if let Some(dir) = std::env::var_os(DIR) {
        return write_until_refused(dir.as_ref());
    }
    let dir = tempfile::tempdir().unwrap();
    // Without the trap the system would end the process; limits are for a process and its children only.
    let script = "trap '' XFSZ; ulimit -f 512; exec \"$0\" --exact \"$1\" --nocapture";
    let child = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg(TEST)
        .env(DIR, dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && text.contains("1 passed"), "{text}");
}

/// In a process whose files may have 256 KiB (512 blocks of 512 bytes), or 512 KiB where blocks are larger.
fn write_until_refused(dir: &Path) {
    let (context, notices) = context(&engine_at(dir));
    context.open_database(1, b"d", Some(1));
    let Notice::UpgradeNeeded { connection, transaction, .. } = notices.recv().unwrap() else { panic!() };
    let store = context.create_store(transaction, b"s", None, false).unwrap();
    context.commit(transaction).unwrap();
    let write = |key: f64, value: &[u8]| {
        let (write, _) = context.begin(connection, &[store], Mode::ReadWrite, true)?;
        match context.put(write, store, &Key::number(key).unwrap(), value, &[], true) {
            Ok(()) => context.commit(write),
            Err(error) => context.abort(write).and(Err(error)),
        }
    };
    let blob = |bytes: usize| {
        let mut writer = Writer::new(usize::MAX);
        let content = vec![1; bytes];
        let content = BlobContent::Inside(&content);
        writer.write(&Token::Blob { file: None, media_type: b"", content }).unwrap();
        writer.finish()
    };
    write(1.0, &blob(10_000)).unwrap();
    let refused = write(2.0, &blob(2_000_000));
    assert!(matches!(refused, Err(Error::QuotaExceeded(_))), "{refused:?}");
    let refused = write(3.0, &vec![1; 2_000_000]);
    assert!(matches!(refused, Err(Error::QuotaExceeded(_) | Error::Unknown(_))), "{refused:?}");
    write(4.0, &blob(10_000)).unwrap();
    let (read, _) = context.begin(connection, &[store], Mode::ReadOnly, false).unwrap();
    let rows = all(&context, read, Source::Store(store));
    assert_eq!(rows.iter().map(|row| row.key.as_number().unwrap()).collect::<Vec<_>>(), [1.0, 4.0]);
    assert!(rows.iter().all(|row| row.blobs[0].read().unwrap() == [1; 10_000]));
    let files = std::fs::read_dir(dir.join("1.blobs")).unwrap().count();
    assert_eq!(files, 2, "nothing is left of what was refused");
}
