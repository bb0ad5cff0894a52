//! Unmodified libraries over IndexedDB, and random programs compared with fake-indexeddb.
//!
//! `SEED=n PROGRAMS=m` in the environment pick the random programs; `TRACED=1` shows where one stops.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::time::Duration;
use support::npm;
use wakeworker_quickjs::{EvalOptions, Runtime};

const PROGRAMS: u32 = 150;

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
    let prelude = format!(
        "const FIRST_SEED = {}, PROGRAMS = {}, TRACED = {};",
        number("SEED").unwrap_or(1),
        number("PROGRAMS").unwrap_or(if number("SEED").is_some() { 1 } else { PROGRAMS }),
        std::env::var("TRACED").is_ok(),
    );
    passes("differential.js", &prelude, Duration::from_secs(120));
}
