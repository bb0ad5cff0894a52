//! The shape of every interface that the web's IDL exposes to a service worker, compared inside the runtime.
//!
//! `tests/idl/differences.txt` names the differences that are meant, each with its reason: one that comes or goes fails
//! the test. `SHAPES=print` in the environment prints the differences as they are.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and prints what was asked for"
)]

#[path = "support/npm.rs"]
mod npm;

use std::collections::BTreeMap;
use std::path::Path;
use wakeworker_quickjs::{EvalOptions, Runtime, RuntimeConfig};

// R5, R6, R7, R10, R11
#[test]
fn interfaces_have_the_shape_that_their_specifications_give() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/idl");
    let scripts = vec![
        ("interfaces.js".to_owned(), npm::bundle(&dir, "")),
        ("shape.js".to_owned(), std::fs::read_to_string(dir.join("shape.js")).unwrap()),
    ];
    let mut config = RuntimeConfig::default();
    config.console_lines_per_second_max = 100_000;
    let mut lines = Vec::new();
    let options = EvalOptions { config, ..EvalOptions::default() };
    let outcome = Runtime::evaluate(options, scripts, |line| lines.push(line.text)).unwrap();
    assert_eq!((outcome.errors, outcome.timed_out), (Vec::<String>::new(), false));
    assert!(lines.last().unwrap().starts_with("compared 1"), "not finished: {lines:?}");
    let actual: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("difference ")).collect();
    if std::env::var("SHAPES").is_ok_and(|wish| wish == "print") {
        println!("{}", actual.join("\n"));
    }
    let text = std::fs::read_to_string(dir.join("differences.txt")).unwrap();
    let mut meant = read_differences(&text);
    let mut problems = Vec::new();
    for difference in actual {
        if meant.remove(difference).is_none() {
            problems.push(format!("not expected: {difference}"));
        }
    }
    problems.extend(meant.keys().map(|gone| format!("expected, and no longer there: {gone}")));
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

/// Lines of differences under a reason, which begins with `#`; a difference without a reason is refused.
fn read_differences(text: &str) -> BTreeMap<&str, &str> {
    let mut differences = BTreeMap::new();
    let mut reason = "";
    for line in text.lines().map(str::trim) {
        match line.strip_prefix('#') {
            Some(comment) => reason = comment.trim(),
            None if line.is_empty() => reason = "",
            None => {
                assert!(!reason.is_empty(), "`{line}` is listed without a reason; put `# why` above it");
                assert!(differences.insert(line, reason).is_none(), "`{line}` is listed twice");
            }
        }
    }
    differences
}
