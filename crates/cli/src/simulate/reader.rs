//! Reading a scenario's tree: every key is asked for once, and everything that is wrong is collected, with its place, its
//! value and what would be allowed.

use super::document::{Entry, Node, Value, position};
use super::units::{self, Spread};
use std::cell::RefCell;
use std::fmt::{self, Display};
use std::ops::RangeInclusive;

/// Something wrong in a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) at: usize,
    /// The key, such as `visit[2].actions[1].tag`; empty for the file as a whole.
    pub(crate) path: String,
    pub(crate) message: String,
}

impl Problem {
    /// One line: file, line, column, key, what is wrong.
    pub(crate) fn describe(&self, file: &str, text: &str) -> String {
        let (line, column) = position(text, self.at);
        if self.path.is_empty() {
            format!("{file}:{line}:{column}: {}", self.message)
        } else {
            format!("{file}:{line}:{column}: `{}` {}", self.path, self.message)
        }
    }
}

/// All problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    pub(crate) fn add(&self, at: usize, path: impl Into<String>, message: impl Into<String>) {
        self.0.borrow_mut().push(Problem { at, path: path.into(), message: message.into() });
    }

    /// In the order of the file.
    pub(crate) fn into_sorted(self) -> Vec<Problem> {
        let mut problems = self.0.into_inner();
        problems.sort_by_key(|problem| problem.at);
        problems
    }
}

/// One table being read.
pub(crate) struct Reader<'a> {
    path: String,
    at: usize,
    entries: &'a [Entry],
    asked: RefCell<Vec<&'static str>>,
    problems: &'a Problems,
}

impl<'a> Reader<'a> {
    /// The table at the top of a file.
    pub(crate) fn top(node: &'a Node, problems: &'a Problems) -> Reader<'a> {
        Reader::new(String::new(), node, problems)
    }

    fn new(path: String, node: &'a Node, problems: &'a Problems) -> Reader<'a> {
        let entries = match &node.value {
            Value::Table(entries) => entries.as_slice(),
            other => {
                problems.add(node.at, path.clone(), format!("is {}; a table is needed", describe(other)));
                &[]
            }
        };
        Reader { path, at: node.at, entries, asked: RefCell::default(), problems }
    }

    /// The path of a key of this table.
    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Where a key's value stands, or the table if the key is not there.
    pub(crate) fn place_of(&self, key: &str) -> usize {
        self.entries.iter().find(|entry| entry.key == key).map_or(self.at, |entry| entry.node.at)
    }

    /// Reports a problem with a key of this table.
    pub(crate) fn problem(&self, key: &str, message: impl Into<String>) {
        self.problems.add(self.place_of(key), self.path_of(key), message);
    }

    /// Whether the key is there. Counts as asking for it.
    pub(crate) fn has(&self, key: &'static str) -> bool {
        self.node(key).is_some()
    }

    fn node(&self, key: &'static str) -> Option<&'a Node> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// Reports that a key is missing.
    pub(crate) fn missing(&self, key: &str, example: &str) {
        self.problems.add(self.at, self.path_of(key), format!("is missing; write for example {example}"));
    }

    /// A value that `read` accepts; `allowed` says which those are.
    fn value<T>(
        &self,
        key: &'static str,
        allowed: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let node = self.node(key)?;
        let read = read(&node.value);
        if read.is_none() {
            self.problem(key, format!("is {}, which is not allowed; {allowed}", describe(&node.value)));
        }
        read
    }

    pub(crate) fn text(&self, key: &'static str) -> Option<&'a str> {
        self.value(key, "write a text in quotes", |value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Whether the value is this word; any other value is for another question.
    pub(crate) fn word(&self, key: &'static str, word: &str) -> bool {
        matches!(self.node(key), Some(Node { value: Value::Text(text), .. }) if text == word)
    }

    /// A text, or a list of them.
    pub(crate) fn text_or_texts(&self, key: &'static str, allowed: &str) -> Option<Vec<&'a str>> {
        self.value(key, allowed, |value| match value {
            Value::Text(text) => Some(vec![text.as_str()]),
            Value::List(items) => items
                .iter()
                .map(|item| match &item.value {
                    Value::Text(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect(),
            _ => None,
        })
    }

    pub(crate) fn boolean(&self, key: &'static str) -> Option<bool> {
        self.value(key, "write true or false", |value| match value {
            Value::Boolean(value) => Some(*value),
            _ => None,
        })
    }

    pub(crate) fn integer(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let allowed = format!("write a whole number from {} to {}", range.start(), range.end());
        self.value(key, &allowed, |value| match value {
            Value::Integer(number) => u64::try_from(*number).ok().filter(|number| range.contains(number)),
            _ => None,
        })
    }

    /// A number from 0 to 1.
    pub(crate) fn probability(&self, key: &'static str) -> Option<f64> {
        self.value(key, "write a probability from 0 to 1, such as 0.2", |value| {
            let number = match value {
                Value::Integer(0) => 0.0,
                Value::Integer(1) => 1.0,
                Value::Number(number) => *number,
                _ => return None,
            };
            (0.0..=1.0).contains(&number).then_some(number)
        })
    }

    /// A length of time in milliseconds.
    pub(crate) fn duration(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let allowed = format!(
            "write a length of time from {} to {}, such as \"90s\", \"15m\", \"12h\" or \"7d\"",
            units::duration_text(*range.start()),
            units::duration_text(*range.end())
        );
        self.value(key, &allowed, |value| match value {
            Value::Text(text) => units::parse_duration(text).filter(|ms| range.contains(ms)),
            _ => None,
        })
    }

    /// A length of time, or two with `..` between them: drawn anew each time.
    pub(crate) fn spread(&self, key: &'static str) -> Option<Spread> {
        let allowed = "write a length of time such as \"2s\", or two such as \"200ms..5s\"";
        self.value(key, allowed, |value| match value {
            Value::Text(text) => Spread::parse(text),
            _ => None,
        })
    }

    /// One of some words.
    pub(crate) fn choice<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        self.value(key, &format!("write one of: {}", names.join(", ")), |value| match value {
            Value::Text(text) => words.iter().find(|(word, _)| word == text).map(|(_, meant)| *meant),
            _ => None,
        })
    }

    /// Several of some words.
    pub(crate) fn choices<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<Vec<T>> {
        let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        self.value(key, &format!("write a list of: {}", names.join(", ")), |value| match value {
            Value::List(items) => items
                .iter()
                .map(|item| match &item.value {
                    Value::Text(text) => words.iter().find(|(word, _)| word == text).map(|(_, meant)| *meant),
                    _ => None,
                })
                .collect(),
            _ => None,
        })
    }

    /// The names and values of a table of texts.
    pub(crate) fn texts(&self, key: &'static str) -> Vec<(&'a str, &'a str)> {
        self.value(key, "write a table of texts", |value| match value {
            Value::Table(entries) => entries
                .iter()
                .map(|entry| match &entry.node.value {
                    Value::Text(text) => Some((entry.key.as_str(), text.as_str())),
                    _ => None,
                })
                .collect(),
            _ => None,
        })
        .unwrap_or_default()
    }

    /// A table inside this one.
    pub(crate) fn table(&self, key: &'static str) -> Option<Reader<'a>> {
        self.node(key).map(|node| Reader::new(self.path_of(key), node, self.problems))
    }

    /// The tables of a list; `[[key]]` in TOML.
    pub(crate) fn tables(&self, key: &'static str) -> Vec<Reader<'a>> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let path = self.path_of(key);
        match &node.value {
            Value::List(items) => items
                .iter()
                .enumerate()
                .map(|(i, item)| Reader::new(format!("{path}[{}]", i + 1), item, self.problems))
                .collect(),
            other => {
                self.problem(key, format!("is {}; a list of tables is needed", describe(other)));
                Vec::new()
            }
        }
    }

    /// Reports keys that nobody asked for.
    pub(crate) fn finish(self) {
        let asked = self.asked.borrow();
        for entry in self.entries.iter().filter(|entry| !asked.contains(&entry.key.as_str())) {
            let near = asked.iter().min_by_key(|known| distance(known, &entry.key));
            let hint = match near {
                Some(known) if distance(known, &entry.key) <= 2 => format!("did you mean `{known}`?"),
                _ => format!("the keys here are: {}", asked.join(", ")),
            };
            self.problems.add(
                entry.at,
                self.path_of(&entry.key),
                format!("is not a key of a scenario; {hint}"),
            );
        }
    }
}

/// A value for an error message.
fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Text(text) => format!("{:?}", crate::output::shortened(text, 60)),
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::List(items) => format!("a list of {}", Count(items.len(), "value")),
        Value::Table(_) => "a table".to_owned(),
    }
}

/// A number with its noun, which gets an s unless there is one of it.
pub(crate) struct Count(pub(crate) usize, pub(crate) &'static str);

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.0, self.1, if self.0 == 1 { "" } else { "s" })
    }
}

/// How many letters must be changed, added or left out to make one word the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(40).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().take(40).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let changed = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::super::document::{Language, parse};
    use super::*;

    fn problems(text: &str, read: impl FnOnce(Reader<'_>)) -> Vec<String> {
        let tree = parse(text, Language::Toml).unwrap();
        let problems = Problems::default();
        read(Reader::top(&tree, &problems));
        problems.into_sorted().iter().map(|problem| problem.describe("s.toml", text)).collect()
    }

    #[test]
    fn every_problem_names_its_place_its_key_its_value_and_what_is_allowed() {
        let text = "seed = -1\n[app]\nfail = 1.5\nfor = \"soon\"\nnetwork = \"4g\"\nfial = 1\nzzzzzz = 2\n";
        let found = problems(text, |top| {
            top.integer("seed", 0..=9);
            let app = top.table("app").unwrap();
            app.probability("fail");
            app.duration("for", 1..=60_000);
            app.choice("network", &[("wifi", 1), ("offline", 2)]);
            app.finish();
            top.missing("duration", "duration = \"1d\"");
            top.finish();
        });
        assert_eq!(
            found,
            [
                "s.toml:1:1: `duration` is missing; write for example duration = \"1d\"",
                "s.toml:1:8: `seed` is -1, which is not allowed; write a whole number from 0 to 9",
                "s.toml:3:8: `app.fail` is 1.5, which is not allowed; write a probability from 0 to 1, such as 0.2",
                "s.toml:4:7: `app.for` is \"soon\", which is not allowed; write a length of time from 1ms to 1m, such \
                 as \"90s\", \"15m\", \"12h\" or \"7d\"",
                "s.toml:5:11: `app.network` is \"4g\", which is not allowed; write one of: wifi, offline",
                "s.toml:6:1: `app.fial` is not a key of a scenario; did you mean `fail`?",
                "s.toml:7:1: `app.zzzzzz` is not a key of a scenario; the keys here are: fail, for, network",
            ]
        );
    }

    #[test]
    fn lists_are_counted_from_one_and_wrong_kinds_are_said() {
        let text = "app = 3\n[[visit]]\n[[visit]]\nat = 7\n";
        let found = problems(text, |top| {
            assert!(top.tables("app").is_empty());
            for visit in top.tables("visit") {
                visit.text("at");
                visit.finish();
            }
            top.finish();
        });
        assert_eq!(
            found,
            [
                "s.toml:1:7: `app` is 3; a list of tables is needed",
                "s.toml:4:6: `visit[2].at` is 7, which is not allowed; write a text in quotes",
            ]
        );
    }

    #[test]
    fn the_distance_of_words_counts_letters() {
        assert_eq!(distance("fail", "fial"), 2);
        assert_eq!(distance("at", "at"), 0);
        assert_eq!(distance("", "abc"), 3);
    }
}
