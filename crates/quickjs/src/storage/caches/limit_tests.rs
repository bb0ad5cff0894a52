//! A system that lets files grow only so far (`ulimit -f`), as full disks and quotas of users do: a response that does not
//! fit is refused, nothing of it stays, and everything else goes on.

use super::tests::{open_at, origin, put};
use super::{Found, Query};
use std::path::Path;
use std::process::Command;

const TEST: &str = "storage::caches::limit_tests::a_body_that_does_not_fit_is_refused_and_the_rest_goes_on";
const DIR: &str = "WAKEWORKER_TEST_LIMITED_CACHES";

#[test]
fn a_body_that_does_not_fit_is_refused_and_the_rest_goes_on() {
    if let Some(dir) = std::env::var_os(DIR) {
        return put_until_refused(dir.as_ref());
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
fn put_until_refused(dir: &Path) {
    let caches = open_at(dir);
    let cache = caches.open_cache(&origin(), "\"c\"").unwrap();
    put(&caches, cache, &[("a", &[1; 10_000])]).unwrap();
    let used = caches.quota.account(&origin());
    let large = vec![2; 2_000_000];
    let refused = put(&caches, cache, &[("b", &[2; 100]), ("c", &large)]).unwrap_err();
    assert_eq!(refused.name, "QuotaExceededError", "{refused}");
    assert_eq!((caches.bodies.count(), caches.quota.account(&origin())), (1, used));
    put(&caches, cache, &[("d", &[3; 10_000])]).unwrap();
    let found = caches.query(&origin(), cache, &Query::default()).unwrap();
    let bodies: Vec<Vec<u8>> = found
        .iter()
        .filter_map(Found::body)
        .map(|body| caches.read_body(body.id, 0, usize::MAX).unwrap())
        .collect();
    assert_eq!(bodies, [[1; 10_000], [3; 10_000]]);
}
