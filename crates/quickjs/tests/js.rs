//! Runs every file of `tests/js/` in a fresh worker: a file passes if nothing was thrown, rejected or left running.
//!
//! `JS=name` in the environment picks the files whose name contains it, and prints their console.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;
use wakeworker_quickjs::{Runtime, RuntimeConfig};

#[test]
fn every_javascript_test_passes() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/js");
    let filter = std::env::var("JS").unwrap_or_default();
    let mut files: Vec<_> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "js"))
        .filter(|path| path.to_string_lossy().contains(&filter))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no file of {} has `{filter}` in its name", dir.display());
    let mut failures = String::new();
    for path in &files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let source = std::fs::read_to_string(path).unwrap();
        let mut lines = Vec::new();
        let scripts = vec![(name.clone(), source)];
        let outcome = Runtime::evaluate(RuntimeConfig::default(), scripts, Duration::from_secs(30), |line| {
            lines.push(format!("{}: {}", line.level.name(), line.text));
        })
        .unwrap();
        if outcome.timed_out {
            writeln!(failures, "{name}: not finished within 30 s\n{}", lines.join("\n")).unwrap();
        } else if !outcome.errors.is_empty() {
            writeln!(failures, "{name}:\n{}\n{}", outcome.errors.join("\n"), lines.join("\n")).unwrap();
        } else if !filter.is_empty() {
            println!("{name}: passed\n{}", lines.join("\n"));
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}
