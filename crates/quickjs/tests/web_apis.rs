//! Runs every `tests/js/*.test.js` in a fresh worker, after `assert.js`, as `tests/js/README.md` describes.
//!
//! `JS=name` in the environment picks the files whose name contains it, and prints their console.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and prints what was asked for"
)]

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use wakeworker_core::PermissionName;
use wakeworker_quickjs::{
    AbortHandle, EvalOptions, FetchRequest, Fetcher, ResponseHead, ResponseSink, Runtime, RuntimeConfig,
};

#[test]
fn every_javascript_test_passes() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/js");
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let filter = std::env::var("JS").unwrap_or_default();
    let mut files: Vec<_> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".test.js"))
        .filter(|path| path.file_name().unwrap().to_string_lossy().contains(&filter))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no file of {} has `{filter}` in its name", dir.display());
    let mut failures = String::new();
    for path in &files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let scripts =
            vec![("assert.js".to_owned(), read(&dir.join("assert.js"))), (name.clone(), read(path))];
        let mut config = RuntimeConfig::default();
        if name.starts_with("extension-") {
            config.script_extensions.explainer_options = true;
            config.script_extensions.sync_unregister = true;
            config.script_extensions.sync_delays = true;
        }
        let options = EvalOptions {
            config,
            granted: vec![PermissionName::PeriodicBackgroundSync],
            timeout: Duration::from_secs(120),
            script_url: Url::parse("https://js.test/app/sw.js").unwrap(),
            fetcher: Some(Arc::new(Echo)),
        };
        let mut lines = Vec::new();
        let outcome = Runtime::evaluate(options, scripts, |line| {
            lines.push(format!("{}: {}", line.level.name(), line.text));
        })
        .unwrap();
        let done = lines.iter().filter(|line| line.starts_with("log: done:")).count();
        if outcome.timed_out || !outcome.errors.is_empty() || done != 1 {
            let end = if outcome.timed_out { "not finished within 30 s" } else { "finished" };
            writeln!(failures, "== {name}: {end}\n{}\n{}", outcome.errors.join("\n"), lines.join("\n"))
                .unwrap();
        } else if !filter.is_empty() {
            println!("{name}: passed\n{}", lines.join("\n"));
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

/// Answers `https://js.test/echo` with what it got, and nothing else.
struct Echo;

impl Fetcher for Echo {
    fn fetch(&self, request: FetchRequest, mut sink: ResponseSink) -> AbortHandle {
        if request.url.host_str() != Some("js.test") || request.url.path() != "/echo" {
            sink.error("there is no such server".to_owned());
            return AbortHandle::ended();
        }
        let mut headers = vec![("x-method".to_owned(), request.method.clone())];
        headers.extend(
            request.headers.into_iter().map(|(name, value)| (format!("x-{}", name.to_lowercase()), value)),
        );
        sink.head(ResponseHead { status: 200, status_text: "OK".to_owned(), headers });
        request.body.collect_then(usize::MAX, move |body| match body {
            Ok(bytes) => {
                sink.chunk(bytes);
                sink.end();
            }
            Err(problem) => sink.error(problem),
        });
        AbortHandle::ended()
    }
}
