//! Unmodified libraries over IndexedDB, and random programs compared with fake-indexeddb.
//!
//! `SEED=n PROGRAMS=m` in the environment pick the random programs; `TRACED=1` shows where one stops. Long runs:
//! `scripts/differential`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::time::Duration;
use support::npm;
use wakeworker_quickjs::{EvalOptions, Runtime};

/// Of every test run.
const PROGRAMS: u32 = 150;
/// With one runtime.
const BATCH: u32 = 500;

/// Evaluates a bundle of `tests/indexeddb_libraries` after `assert.js`; it must end with `done:`.
fn passes(entry: &str, prelude: &str, timeout: Duration) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let assert = std::fs::read_to_string(root.join("js/assert.js")).unwrap();
    let bundle = npm::bundle(&root.join("indexeddb_libraries"), entry);
    let scripts = vec![
        ("assert.js".to_owned(), assert),
        ("prelude.js".to_owned(), prelude.to_owned()),
        (entry.to_owned(), bundle),
    ];
    let options = EvalOptions { timeout, ..EvalOptions::default() };
    let mut lines = Vec::new();
    let outcome = Runtime::evaluate(options, scripts, |line| lines.push(line.text)).unwrap();
    assert!(
        !outcome.timed_out && outcome.errors.is_empty() && lines.iter().any(|line| line.starts_with("done:")),
        "{entry}: {outcome:?}\n{}",
        lines.join("\n")
    );
}

#[test]
fn libraries_do_their_basic_work() {
    passes("libraries.js", "", Duration::from_secs(60));
}

#[test]
fn random_programs_see_what_they_see_on_fake_indexeddb() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u32>().unwrap());
    let first = number("SEED").unwrap_or(1);
    let programs = number("PROGRAMS").unwrap_or(if number("SEED").is_some() { 1 } else { PROGRAMS });
    let traced = std::env::var("TRACED").is_ok();
    // A runtime for each batch, so that the time a batch may take does not depend on how many there are.
    for start in (0..programs).step_by(BATCH as usize) {
        let prelude = format!(
            "const FIRST_SEED = {}, PROGRAMS = {}, TRACED = {traced};",
            first + start,
            BATCH.min(programs - start),
        );
        passes("differential.js", &prelude, Duration::from_secs(300));
    }
}
