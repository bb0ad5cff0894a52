//! Runs [web-platform-tests](https://web-platform-tests.org/) from a checkout in the service workers of WakeWorker.
//!
//! A [`Manifest`] says which tests of a checkout can run in a service worker; [`run`] starts a server for them on this
//! machine, runs each in a worker of a profile of its own, and gives a [`Report`]. `docs/wpt.md` tells the whole story.

#![forbid(unsafe_code)]

mod clock;
mod error;
mod expectations;
mod harness;
mod manifest;
mod meta;
mod report;
mod server;
mod worker;

pub use error::WptError;
pub use expectations::Expectations;
pub use manifest::{Manifest, Skipped, Test};
pub use report::{Counts, FileStatus, Report, RunInfo, Subtest, SubtestStatus, TestResult};

use server::Server;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wakeworker_quickjs::HttpFetcher;
use worker::Surroundings;

/// How tests are run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The root of the checkout.
    pub root: PathBuf,
    /// How many files run at one time. Default: 2.
    pub jobs: usize,
    /// Multiplies the time that files have. Default: 1.
    pub timeout_multiplier: f64,
    /// What is known to fail. Default: nothing.
    pub expectations: Expectations,
}

impl Options {
    /// The defaults for a checkout.
    pub fn new(root: impl Into<PathBuf>) -> Options {
        Options { root: root.into(), jobs: 2, timeout_multiplier: 1.0, expectations: Expectations::default() }
    }
}

/// The time that a file has.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The time that a file with `timeout=long` has.
const LONG_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs tests; `progress` is called after each, in the order in which they end, with how many remain.
pub fn run(
    options: &Options,
    manifest: Manifest,
    mut progress: impl FnMut(&TestResult, usize),
) -> Result<Report, WptError> {
    let start = clock::wall_ms();
    let server = Server::start(options.root.clone())?;
    let time = |base: Duration| {
        let scaled = base.as_secs_f64() * options.timeout_multiplier;
        Duration::try_from_secs_f64(scaled).unwrap_or(base)
    };
    let config = worker::config(server.certificate(), time(LONG_TIMEOUT));
    let fetcher = HttpFetcher::new(&config).map_err(|error| WptError::Server(error.to_string()))?;
    let surroundings = Surroundings {
        fetcher: Arc::new(fetcher),
        config,
        timeout: time(TIMEOUT),
        long_timeout: time(LONG_TIMEOUT),
    };
    let mut results: Vec<_> =
        manifest.skipped.iter().map(|file| TestResult::skipped(&file.id, &file.reason)).collect();
    let mut remaining = manifest.tests.len();
    let queue = Mutex::new(VecDeque::from(manifest.tests));
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.clamp(1, remaining.max(1)) {
            let sender = sender.clone();
            scope.spawn(|| work(&queue, &server, &surroundings, sender));
        }
        drop(sender);
        for result in receiver {
            let mut result = result?;
            options.expectations.judge(&mut result);
            remaining = remaining.saturating_sub(1);
            progress(&result, remaining);
            results.push(result);
        }
        Ok(())
    })?;
    Ok(Report::new((start, clock::wall_ms()), results, server.unknown_handlers()))
}

/// Runs tests until none is left, or nobody wants the results.
fn work(
    queue: &Mutex<VecDeque<Test>>,
    server: &Server,
    surroundings: &Surroundings,
    results: Sender<Result<TestResult, WptError>>,
) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(test) = next else { return };
        let origin = server.hosts().origin(test.is_secure, test.subdomain);
        let mut result = worker::run(&test, &origin, surroundings);
        let unknown = server.unknown_handlers_of(&format!("{origin}{}", test.script));
        if let (Ok(result), false) = (&mut result, unknown.is_empty()) {
            let note = format!("this server has no stand-in for {}", unknown.join(", "));
            result.message =
                Some(result.message.take().map_or(note.clone(), |message| format!("{message}; {note}")));
        }
        if results.send(result).is_err() {
            return;
        }
    }
}
