//! What a run found, in the shape of `wptreport.json`.

use serde::Serialize;
use std::collections::BTreeMap;

/// How a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FileStatus {
    /// The harness came to its end.
    Ok,
    /// The file could not be run, or threw outside of its tests.
    Error,
    /// It was not done in time.
    Timeout,
    /// Its worker was stopped, most likely because it went beyond a limit.
    Crash,
    /// It needs something that is not here, and said so.
    PreconditionFailed,
    /// It was not run.
    Skip,
}

/// How one test of a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SubtestStatus {
    /// It passed.
    Pass,
    /// It failed.
    Fail,
    /// It was not done in time.
    Timeout,
    /// The file ended before it began.
    Notrun,
    /// It needs something that is not here, and said so.
    PreconditionFailed,
}

/// One test of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subtest {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub status: SubtestStatus,
    /// Why, if it did not pass.
    pub message: Option<String>,
    /// What was expected, if it was something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<&'static str>,
}

/// One file in one kind of scope with one variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TestResult {
    /// The test's id.
    pub test: String,
    /// How it ended.
    pub status: FileStatus,
    /// Why, if it is not [`FileStatus::Ok`].
    pub message: Option<String>,
    /// How long it took, in milliseconds.
    pub duration: u64,
    /// Its tests, in their order.
    pub subtests: Vec<Subtest>,
    /// What was expected, if it was something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<&'static str>,
}

impl TestResult {
    pub(crate) fn skipped(test: &str, reason: &str) -> TestResult {
        TestResult {
            test: test.to_owned(),
            status: FileStatus::Skip,
            message: Some(reason.to_owned()),
            duration: 0,
            subtests: Vec::new(),
            expected: None,
        }
    }

    /// How many of its tests passed.
    pub fn passed(&self) -> usize {
        self.subtests.iter().filter(|subtest| subtest.status == SubtestStatus::Pass).count()
    }

    /// Whether anything was not expected.
    pub fn is_unexpected(&self) -> bool {
        self.expected.is_some() || self.subtests.iter().any(|subtest| subtest.expected.is_some())
    }
}

/// What ran where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunInfo {
    /// Always `wakeworker`.
    pub product: &'static str,
    /// The version of this program.
    pub version: &'static str,
    /// The operating system.
    pub os: &'static str,
    /// Whether this is a debug build.
    pub debug: bool,
}

/// A whole run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What ran where.
    pub run_info: RunInfo,
    /// When it began, in milliseconds since 1970.
    pub time_start: u64,
    /// When it ended, in milliseconds since 1970.
    pub time_end: u64,
    /// The results, by id; skipped files are among them.
    pub results: Vec<TestResult>,
    /// Handlers of the server that tests asked for and that have no stand-in here.
    pub unknown_handlers: Vec<String>,
}

impl Report {
    pub(crate) fn new(
        (time_start, time_end): (u64, u64),
        mut results: Vec<TestResult>,
        unknown_handlers: Vec<String>,
    ) -> Report {
        results.sort_by(|a, b| a.test.cmp(&b.test));
        let run_info = RunInfo {
            product: "wakeworker",
            version: env!("CARGO_PKG_VERSION"),
            os: std::env::consts::OS,
            debug: cfg!(debug_assertions),
        };
        Report { run_info, time_start, time_end, results, unknown_handlers }
    }

    /// Counts by the first `depth` directories of the tests.
    pub fn by_directory(&self, depth: usize) -> BTreeMap<String, Counts> {
        let mut directories = BTreeMap::<String, Counts>::new();
        for result in &self.results {
            let path = result.test.split(['?', '#']).next().unwrap_or_default();
            let directories_of: Vec<&str> = path.split('/').skip(1).collect();
            let used = directories_of.len().saturating_sub(1).min(depth);
            directories.entry(format!("/{}", directories_of[..used].join("/"))).or_default().add(result);
        }
        directories
    }

    /// Counts of everything.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for result in &self.results {
            counts.add(result);
        }
        counts
    }
}

/// How many files and tests there were, and how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files that ran, each variant for itself.
    pub files: usize,
    /// Those whose harness came to its end with all tests passed.
    pub files_passed: usize,
    /// Files that were not run.
    pub files_skipped: usize,
    /// Tests in them.
    pub subtests: usize,
    /// Those that passed.
    pub subtests_passed: usize,
    /// Files with something unexpected in them.
    pub unexpected: usize,
}

impl Counts {
    fn add(&mut self, result: &TestResult) {
        if result.status == FileStatus::Skip {
            self.files_skipped += 1;
            return;
        }
        let passed = result.passed();
        self.files += 1;
        self.files_passed += usize::from(result.status == FileStatus::Ok && passed == result.subtests.len());
        self.subtests += result.subtests.len();
        self.subtests_passed += passed;
        self.unexpected += usize::from(result.is_unexpected());
    }
}

impl FileStatus {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            FileStatus::Ok => "OK",
            FileStatus::Error => "ERROR",
            FileStatus::Timeout => "TIMEOUT",
            FileStatus::Crash => "CRASH",
            FileStatus::PreconditionFailed => "PRECONDITION_FAILED",
            FileStatus::Skip => "SKIP",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<FileStatus> {
        use FileStatus::{Crash, Error, Ok, PreconditionFailed, Skip, Timeout};
        [Ok, Error, Timeout, Crash, PreconditionFailed, Skip].into_iter().find(|status| status.name() == name)
    }
}

impl SubtestStatus {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            SubtestStatus::Pass => "PASS",
            SubtestStatus::Fail => "FAIL",
            SubtestStatus::Timeout => "TIMEOUT",
            SubtestStatus::Notrun => "NOTRUN",
            SubtestStatus::PreconditionFailed => "PRECONDITION_FAILED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(test: &str, status: FileStatus, subtests: &[SubtestStatus]) -> TestResult {
        let subtests = subtests.iter().enumerate().map(|(index, status)| Subtest {
            name: format!("test {index}"),
            status: *status,
            message: None,
            expected: None,
        });
        TestResult { status, subtests: subtests.collect(), ..TestResult::skipped(test, "") }
    }

    fn report() -> Report {
        let (pass, fail) = (SubtestStatus::Pass, SubtestStatus::Fail);
        let results = vec![
            result("/url/sub/b.any.worker.html?a/b", FileStatus::Ok, &[pass, fail]),
            result("/dom/a.any.worker.html", FileStatus::Ok, &[pass, pass]),
            result("/url/c.any.worker.html", FileStatus::Timeout, &[pass]),
            TestResult::skipped("/url/w.window.js", "it is for windows"),
        ];
        Report::new((1, 2), results, Vec::new())
    }

    #[test]
    fn a_file_has_passed_when_its_harness_and_all_its_tests_have() {
        let report = report();
        let directories = report.by_directory(1);
        assert_eq!(directories.keys().collect::<Vec<_>>(), ["/dom", "/url"]);
        let url = directories["/url"];
        assert_eq!((url.files, url.files_passed, url.files_skipped), (2, 0, 1));
        assert_eq!((url.subtests, url.subtests_passed), (3, 2));
        assert_eq!(report.by_directory(2).keys().collect::<Vec<_>>(), ["/dom", "/url", "/url/sub"]);
        assert_eq!(report.counts().files_passed, 1);
    }

    #[test]
    fn the_report_has_the_shape_of_wptreport() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(json["run_info"]["product"], "wakeworker");
        assert_eq!(json["results"][0]["test"], "/dom/a.any.worker.html");
        let second = &json["results"][1];
        assert_eq!((&second["status"], &second["message"]), (&"TIMEOUT".into(), &"".into()));
        assert_eq!(json["results"][2]["subtests"][1]["status"], "FAIL");
        assert_eq!(json["results"][3]["status"], "SKIP");
        assert!(second.get("expected").is_none());
    }
}
