//! `wpt`, with the real harness and own tests in a checkout that is made here.

#![cfg(feature = "wpt")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../quickjs/tests/support/npm.rs"]
#[allow(dead_code, reason = "only the installation is needed here")]
mod npm;
mod support;

use std::fs;
use std::path::Path;
use std::process::Output;
use support::run;

/// A checkout with one test that passes and one that does not.
fn checkout() -> tempfile::TempDir {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wpt/tests/harness");
    npm::install(&project);
    let root = tempfile::tempdir().unwrap();
    for directory in ["resources", "own"] {
        fs::create_dir(root.path().join(directory)).unwrap();
    }
    let harness = project.join("node_modules/wpt-runner/testharness/testharness.js");
    fs::copy(harness, root.path().join("resources/testharness.js")).unwrap();
    let source = "test(() => {}, 'good');\ntest(() => assert_true(false, 'always'), 'bad');";
    fs::write(root.path().join("own/x.any.js"), source).unwrap();
    fs::write(root.path().join("own/y.window.js"), source).unwrap();
    root
}

fn wpt(root: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut all = vec!["wpt", "--root", root.to_str().unwrap()];
    all.extend(arguments);
    let Output { status, stdout, stderr } = run(all);
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn failures_are_shown_counted_and_written() {
    let root = checkout();
    let json = root.path().join("report.json");
    let (status, out, errors) = wpt(root.path(), &["--json", json.to_str().unwrap()]);
    assert_eq!(status, Some(1), "{errors}");
    assert!(errors.contains("FAIL bad") && errors.contains("assert_true: always"), "{errors}");
    assert!(!errors.contains("good"), "{errors}");
    let row: Vec<_> = out.lines().find(|line| line.starts_with("/own")).unwrap().split_whitespace().collect();
    assert_eq!(row, ["/own", "0/1", "1/2", "1", "1"]);
    let report: serde_json::Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!(report["results"][0]["test"], "/own/x.any.worker.html");
    assert_eq!(report["results"][0]["subtests"][1]["status"], "FAIL");
    assert_eq!(report["results"][0]["subtests"][1]["expected"], "PASS");
    assert_eq!(report["results"][1]["status"], "SKIP");
}

#[test]
fn what_was_written_as_expected_is_expected() {
    let root = checkout();
    let known = root.path().join("known.toml");
    let known = known.to_str().unwrap();
    assert_eq!(wpt(root.path(), &["--write-expectations", known]).0, Some(1));
    assert!(fs::read_to_string(known).unwrap().contains("not examined yet"));
    let (status, _, errors) = wpt(root.path(), &["--expectations", known]);
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    let (_, _, errors) = wpt(root.path(), &["--expectations", known, "--verbose"]);
    assert!(errors.contains("FAIL (known) bad"), "{errors}");
    fs::write(root.path().join("own/x.any.js"), "test(() => {}, 'bad');").unwrap();
    let (status, _, errors) = wpt(root.path(), &["--expectations", known]);
    assert_eq!(status, Some(0));
    assert!(errors.contains("outdated") && errors.contains("/own/x.any.worker.html"), "{errors}");
}

#[test]
fn tests_can_be_listed_and_mistakes_are_explained() {
    let root = checkout();
    let (status, out, _) = wpt(root.path(), &["--list"]);
    assert_eq!(status, Some(0));
    assert_eq!(out, "/own/x.any.worker.html\n/own/y.window.js  skipped: it is for windows\n");
    let (status, _, errors) = wpt(root.path(), &["--include", "nowhere"]);
    assert_eq!(status, Some(2));
    assert!(errors.contains("`nowhere`") && errors.contains("/fetch/api"), "{errors}");
    let (status, _, errors) = wpt(&root.path().join("own"), &[]);
    assert_eq!(status, Some(2));
    assert!(errors.contains("resources/testharness.js") && errors.contains("clone"), "{errors}");
    let (status, _, errors) = wpt(root.path(), &["--jobs", "0"]);
    assert_eq!(status, Some(2));
    assert!(errors.contains("from 1 to 64"), "{errors}");
}
