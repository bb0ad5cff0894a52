//! `wpt`: web-platform-tests from a checkout that the user has.

use crate::failure::Failure;
use crate::output;
use clap::{Args, ValueHint};
use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use wakeworker_wpt::{
    Expectations, FileStatus, Manifest, Options, Report, SubtestStatus, TestResult, WptError,
};

/// Arguments of `wpt`.
#[derive(Debug, Args)]
#[command(after_help = "\
A checkout is a clone of https://github.com/web-platform-tests/wpt, or any directory with parts of it and its
`resources/testharness.js`. Run are `.any.js` files that are for workers, `.worker.js` and `.serviceworker.js` files,
each in a service worker of its own; a service worker also stands in for dedicated and shared workers. The tests get
their server on free ports of this machine.

Examples:
  wakeworker wpt --root ~/wpt --include url --include fetch/api
  wakeworker wpt --root ~/wpt --include /url/url-origin.any.worker.html --verbose
  wakeworker wpt --root ~/wpt --expectations docs/wpt-expectations.toml --json report.json

The exit status is 0 if everything that failed is in the expectations, 1 otherwise.")]
pub(crate) struct WptArgs {
    /// The root of a checkout of web-platform-tests
    #[arg(long, value_name = "CHECKOUT", value_hint = ValueHint::DirPath)]
    root: PathBuf,
    /// Only this directory, file or test id, as it is in the checkout (may be repeated)
    #[arg(long, value_name = "PATH")]
    include: Vec<String>,
    /// Write the results to this file, in the shape of wptreport.json
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    json: Option<PathBuf>,
    /// Known failures with their reasons: only others count
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    expectations: Option<PathBuf>,
    /// Write the known failures and those of this run to this file, for somebody to find their reasons
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    write_expectations: Option<PathBuf>,
    /// How many files run at one time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = parse_jobs)]
    jobs: usize,
    /// Multiplies the 10 s, or 60 s, that a file has
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = parse_multiplier)]
    timeout_multiplier: f64,
    /// Show every file and every test that does not pass, expected or not
    #[arg(long, short)]
    verbose: bool,
    /// List the tests and, with reasons, what is skipped; run nothing
    #[arg(long)]
    list: bool,
}

/// Runs the tests and shows what came out.
pub(crate) fn run(args: &WptArgs) -> Result<(), Failure> {
    let manifest = Manifest::read(&args.root, &args.include).map_err(failure)?;
    if args.list {
        return list(&manifest);
    }
    let mut options = Options::new(&args.root);
    options.jobs = args.jobs;
    options.timeout_multiplier = args.timeout_multiplier;
    if let Some(path) = &args.expectations {
        options.expectations = Expectations::read(path).map_err(failure)?;
    }
    let mut progress = Progress::new(manifest.tests.len(), args.verbose);
    let report = wakeworker_wpt::run(&options, manifest, |result, left| progress.show(result, left))
        .map_err(failure)?;
    progress.end();
    if let Some(path) = &args.json {
        write_json(path, &report)?;
    }
    if let Some(path) = &args.write_expectations {
        write_expectations(path, &options.expectations, &report)?;
    }
    summary(&report, &options.expectations)?;
    if report.counts().unexpected == 0 { Ok(()) } else { Err(Failure::shown()) }
}

fn failure(error: WptError) -> Failure {
    match error {
        WptError::NoCheckout { .. } | WptError::NoMatch { .. } => Failure::usage(error.to_string()),
        other => Failure::new(other.to_string()),
    }
}

fn list(manifest: &Manifest) -> Result<(), Failure> {
    for test in &manifest.tests {
        output::line(output::printable(&test.id))?;
    }
    for skipped in &manifest.skipped {
        output::line(format!(
            "{}  skipped: {}",
            output::printable(&skipped.id),
            output::printable(&skipped.reason)
        ))?;
    }
    Ok(())
}

/// Shows what ends, and on a terminal what is left.
struct Progress {
    total: usize,
    verbose: bool,
    has_terminal: bool,
}

impl Progress {
    fn new(total: usize, verbose: bool) -> Progress {
        Progress { total, verbose, has_terminal: std::io::stderr().is_terminal() }
    }

    fn show(&mut self, result: &TestResult, left: usize) {
        self.wipe();
        if self.verbose || result.is_unexpected() {
            self.details(result);
        }
        if self.has_terminal {
            let text = format!("{}/{} {}", self.total - left, self.total, output::printable(&result.test));
            // A terminal that has gone shows nothing, and the run goes on.
            let _ = write!(anstream::stderr().lock(), "{}", output::shortened(&text, 100));
        }
    }

    fn details(&self, result: &TestResult) {
        let test = output::printable(&result.test);
        let counts = format!("{}/{}", result.passed(), result.subtests.len());
        output::remark(format!("{} {counts} {test} ({} ms)", result.status.name(), result.duration));
        if result.status != FileStatus::Ok || self.verbose {
            self.message("  ", result.message.as_deref());
        }
        for subtest in &result.subtests {
            let wanted =
                subtest.expected.is_some() || (self.verbose && subtest.status != SubtestStatus::Pass);
            if wanted {
                let known = if subtest.expected.is_none() { " (known)" } else { "" };
                output::remark(format!(
                    "  {}{known} {}",
                    subtest.status.name(),
                    output::printable(&subtest.name)
                ));
                self.message("    ", subtest.message.as_deref());
            }
        }
    }

    fn message(&self, indent: &str, message: Option<&str>) {
        for line in message.unwrap_or_default().lines() {
            output::remark(format!("{indent}{}", output::printable(&output::shortened(line, 300))));
        }
    }

    fn end(&self) {
        self.wipe();
    }

    /// Takes the line of what is left away.
    fn wipe(&self) {
        if self.has_terminal {
            let _ = write!(anstream::stderr().lock(), "\r\x1b[K");
        }
    }
}

fn summary(report: &Report, expectations: &Expectations) -> Result<(), Failure> {
    let total = [("all".to_owned(), report.counts())];
    let directories = report.by_directory(2);
    let rows: Vec<[String; 5]> = directories
        .into_iter()
        .chain(total)
        .map(|(directory, counts)| {
            [
                output::printable(&directory),
                format!("{}/{}", counts.files_passed, counts.files),
                format!("{}/{}", counts.subtests_passed, counts.subtests),
                counts.files_skipped.to_string(),
                counts.unexpected.to_string(),
            ]
        })
        .collect();
    output::table(["directory", "files passed", "tests passed", "skipped", "unexpected"], &rows)?;
    for handler in &report.unknown_handlers {
        output::remark(format!("no stand-in: tests asked for the handler {}", output::printable(handler)));
    }
    for test in expectations.outdated(report) {
        output::remark(format!("outdated: nothing known of {} fails any more", output::printable(&test)));
    }
    Ok(())
}

fn write_json(path: &Path, report: &Report) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(report)
        .map_err(|error| Failure::new(format!("the report cannot be written as JSON: {error}")))?;
    write(path, &text)
}

fn write_expectations(path: &Path, known: &Expectations, report: &Report) -> Result<(), Failure> {
    let text = known
        .with_failures_of(report)
        .to_text()
        .map_err(|error| Failure::new(format!("the expectations cannot be written as TOML: {error}")))?;
    write(path, &text)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text)
        .map_err(|error| Failure::new(format!("`{}` cannot be written: {error}", path.display())))
}

fn parse_jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(jobs @ 1..=64) => Ok(jobs),
        _ => Err(format!("`{text}` is no number of files from 1 to 64")),
    }
}

fn parse_multiplier(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(multiplier) if (0.01..=1000.0).contains(&multiplier) => Ok(multiplier),
        _ => Err(format!("`{text}` is no number from 0.01 to 1000")),
    }
}
