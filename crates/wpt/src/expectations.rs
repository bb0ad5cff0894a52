//! Known failures, each with its reason.

use crate::WptError;
use crate::report::{FileStatus, Report, SubtestStatus, TestResult};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// What is known to fail.
///
/// ```
/// let text = r#"
///     [[known]]
///     test = "/url/*"
///     failing = ["Parsing: *"]
///     reason = "another standard"
/// "#;
/// assert_eq!(wakeworker_wpt::Expectations::parse(text).map(|known| known.len()), Ok(1));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectations {
    #[serde(default)]
    known: Vec<Known>,
}

/// Tests that do not all pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    /// The id of a test; `*` stands for any text.
    test: String,
    /// Why this is so.
    reason: String,
    /// How the file ends, if not with `OK`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// The names of tests in it that do not pass; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    failing: Vec<String>,
}

/// What is written as the reason of a failure that nobody has looked at.
const NOT_EXAMINED: &str = "not examined yet";

impl Expectations {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Expectations, WptError> {
        let text = fs::read_to_string(path).map_err(|error| WptError::file(path, &error))?;
        Expectations::parse(&text)
            .map_err(|message| WptError::Expectations { path: path.to_owned(), message })
    }

    /// Reads text; an error says where and what is wrong.
    pub fn parse(text: &str) -> Result<Expectations, String> {
        let expectations: Expectations = toml::from_str(text).map_err(|error| error.to_string())?;
        for known in &expectations.known {
            let of = |problem: &str| Err(format!("the entry for `{}` {problem}", known.test));
            if known.reason.trim().is_empty() {
                return of("has no reason; say why it fails");
            }
            if let Some(status) = &known.status
                && FileStatus::from_name(status).is_none()
            {
                return of(&format!(
                    "has the status `{status}`; use ERROR, TIMEOUT, CRASH or PRECONDITION_FAILED"
                ));
            }
            if known.status.is_none() && known.failing.is_empty() {
                return of("says neither `status` nor `failing`");
            }
        }
        Ok(expectations)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Notes in a result what was expected otherwise.
    pub(crate) fn judge(&self, result: &mut TestResult) {
        if result.status == FileStatus::Skip {
            return;
        }
        let known: Vec<&Known> =
            self.known.iter().filter(|known| matches(&known.test, &result.test)).collect();
        let statuses: Vec<FileStatus> = known
            .iter()
            .filter_map(|known| known.status.as_deref())
            .filter_map(FileStatus::from_name)
            .collect();
        result.expected = match statuses.first() {
            // A file that ends well after all is good news.
            _ if result.status == FileStatus::Ok || statuses.contains(&result.status) => None,
            Some(expected) => Some(expected.name()),
            None => Some(FileStatus::Ok.name()),
        };
        for subtest in &mut result.subtests {
            let is_known =
                known.iter().flat_map(|known| &known.failing).any(|pattern| matches(pattern, &subtest.name));
            let failed = subtest.status != SubtestStatus::Pass;
            subtest.expected = (failed && !is_known).then_some(SubtestStatus::Pass.name());
        }
    }

    /// The entries of tests that ran in this report and have nothing left that fails.
    pub fn outdated(&self, report: &Report) -> Vec<String> {
        let outdated = self.known.iter().filter(|known| {
            let mut ran = report
                .results
                .iter()
                .filter(|result| result.status != FileStatus::Skip && matches(&known.test, &result.test))
                .peekable();
            let fails = |result: &TestResult| {
                known.status.as_deref() == Some(result.status.name())
                    || result.subtests.iter().any(|subtest| {
                        subtest.status != SubtestStatus::Pass
                            && known.failing.iter().any(|pattern| matches(pattern, &subtest.name))
                    })
            };
            ran.peek().is_some() && !ran.any(fails)
        });
        outdated.map(|known| known.test.clone()).collect()
    }

    /// These entries and new ones for everything unexpected in a report.
    pub fn with_failures_of(&self, report: &Report) -> Expectations {
        let mut known = self.known.clone();
        for result in report.results.iter().filter(|result| result.is_unexpected()) {
            let failing = result.subtests.iter().filter(|subtest| subtest.expected.is_some());
            known.push(Known {
                test: literal(&result.test),
                reason: NOT_EXAMINED.to_owned(),
                status: result.expected.map(|_| result.status.name().to_owned()),
                failing: failing.map(|subtest| literal(&subtest.name)).collect(),
            });
        }
        Expectations { known }
    }

    /// The text of a file with these entries.
    pub fn to_text(&self) -> Result<String, String> {
        toml::to_string_pretty(self).map_err(|error| error.to_string())
    }
}

/// A name as a pattern for itself: `\` takes the meaning from `*` and from itself.
fn literal(name: &str) -> String {
    name.replace('\\', "\\\\").replace('*', "\\*")
}

/// Whether a text is what a pattern describes.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = vec![String::new()];
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' => parts.push(String::new()),
            other => {
                let other = if other == '\\' { characters.next().unwrap_or('\\') } else { other };
                if let Some(part) = parts.last_mut() {
                    part.push(other);
                }
            }
        }
    }
    let Some((first, rest)) = parts.split_first() else { return false };
    let Some(mut text) = text.strip_prefix(first.as_str()) else { return false };
    let Some((last, middle)) = rest.split_last() else { return text.is_empty() };
    for part in middle {
        match text.find(part.as_str()) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Subtest;

    fn result(status: FileStatus, subtests: &[(&str, SubtestStatus)]) -> TestResult {
        let subtests = subtests.iter().map(|(name, status)| Subtest {
            name: (*name).to_owned(),
            status: *status,
            message: None,
            expected: None,
        });
        TestResult {
            status,
            subtests: subtests.collect(),
            ..TestResult::skipped("/url/a.any.worker.html?x", "")
        }
    }

    fn judged(known: &str, mut result: TestResult) -> (Option<&'static str>, Vec<String>) {
        Expectations::parse(known).unwrap().judge(&mut result);
        let unexpected = result.subtests.iter().filter(|subtest| subtest.expected.is_some());
        (result.expected, unexpected.map(|subtest| subtest.name.clone()).collect())
    }

    #[test]
    fn patterns_have_stars() {
        for (pattern, text, expected) in [
            ("/url/*", "/url/a", true),
            ("/url/*", "/dom/a", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxcyyb", false),
            ("*", "", true),
            ("abc", "abcd", false),
            ("a*a", "a", false),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        let odd = r"x \ * y";
        assert!(matches(&literal(odd), odd));
    }

    #[test]
    fn only_what_is_not_known_is_unexpected() {
        let known = "[[known]]\ntest = '/url/*'\nfailing = ['b*']\nreason = 'r'";
        let (pass, fail) = (SubtestStatus::Pass, SubtestStatus::Fail);
        let ran = result(FileStatus::Ok, &[("a", pass), ("b1", fail), ("b2", pass), ("c", fail)]);
        assert_eq!(judged(known, ran), (None, vec!["c".to_owned()]));
    }

    #[test]
    fn a_file_that_ends_otherwise_than_expected_is_unexpected() {
        let known = "[[known]]\ntest = '*'\nstatus = 'TIMEOUT'\nreason = 'r'";
        assert_eq!(judged(known, result(FileStatus::Timeout, &[])).0, None);
        assert_eq!(judged(known, result(FileStatus::Ok, &[])).0, None);
        assert_eq!(judged(known, result(FileStatus::Crash, &[])).0, Some("TIMEOUT"));
        assert_eq!(judged("", result(FileStatus::Error, &[])).0, Some("OK"));
    }

    #[test]
    fn failures_become_entries_and_entries_without_failures_are_outdated() {
        let known = "[[known]]\ntest = '/url/*'\nfailing = ['gone']\nreason = 'r'";
        let expectations = Expectations::parse(known).unwrap();
        let mut ran =
            result(FileStatus::Error, &[("a*", SubtestStatus::Fail), ("gone", SubtestStatus::Pass)]);
        expectations.judge(&mut ran);
        let report = Report::new((0, 0), vec![ran.clone()], Vec::new());
        assert_eq!(expectations.outdated(&report), ["/url/*"]);
        let written = expectations.with_failures_of(&report).to_text().unwrap();
        let again = Expectations::parse(&written).unwrap();
        assert_eq!(again.len(), 2);
        again.judge(&mut ran);
        assert!(!ran.is_unexpected(), "{written}");
    }

    #[test]
    fn mistakes_are_explained() {
        for (text, word) in [
            ("[[known]]\ntest = 'a'\nfailing = ['x']\nreason = ' '", "no reason"),
            ("[[known]]\ntest = 'a'\nreason = 'r'", "neither"),
            ("[[known]]\ntest = 'a'\nstatus = 'SLOW'\nreason = 'r'", "`SLOW`"),
            ("[[known]]\ntest = 'a'\nsubtests = []\nreason = 'r'", "subtests"),
        ] {
            let message = Expectations::parse(text).unwrap_err();
            assert!(message.contains(word), "{message}");
        }
    }
}
