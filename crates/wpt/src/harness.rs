//! What `testharness.js` in a service worker tells the page that listens to it.
//!
//! The worker's side of the harness waits for a message of the type `connect`, and from then on posts what happens to
//! whoever sent it: `start`, `test_state`, `result`, and `complete` at the end.

use crate::report::{FileStatus, Subtest, SubtestStatus};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use wakeworker_structured_clone::{CloneError, Reader, Token, Writer};

/// Collects what a worker tells.
#[derive(Debug, Default)]
pub(crate) struct Harness {
    /// By their index in the harness.
    tests: BTreeMap<u64, Seen>,
    complete: Option<(FileStatus, Option<String>)>,
}

/// What is known of one test.
#[derive(Debug)]
struct Seen {
    name: String,
    message: Option<String>,
    /// The harness's code, once there is a result.
    status: Option<u64>,
    has_begun: bool,
}

/// The code of a phase from which on a test has begun.
const STARTED: u64 = 1;

impl Harness {
    /// The data of the message that makes the worker talk.
    pub(crate) fn connect() -> Result<String, CloneError> {
        let mut writer = Writer::new(1024);
        for token in [Token::Object, Token::Key(b"type"), Token::String(b"connect"), Token::End] {
            writer.write(&token)?;
        }
        Ok(STANDARD.encode(writer.finish()))
    }

    /// Takes a message of the worker; others than the harness's are left alone. True when the harness is done.
    pub(crate) fn hear(&mut self, data: &str) -> bool {
        let value = STANDARD.decode(data).ok().and_then(|bytes| value_of(&bytes).ok());
        let Some(message) = value else { return false };
        match message.get("type").and_then(Value::as_str) {
            Some("test_state") => self.test(&message["test"], false),
            Some("result") => self.test(&message["test"], true),
            Some("complete") => {
                for test in message["tests"].as_array().into_iter().flatten() {
                    self.test(test, true);
                }
                let status = &message["status"];
                let code = match status["status"].as_u64() {
                    Some(0) => FileStatus::Ok,
                    Some(2) => FileStatus::Timeout,
                    Some(3) => FileStatus::PreconditionFailed,
                    _ => FileStatus::Error,
                };
                self.complete = Some((code, text(&status["message"])));
            }
            _ => {}
        }
        self.complete.is_some()
    }

    fn test(&mut self, test: &Value, is_result: bool) {
        let Some(index) = test["index"].as_u64() else { return };
        let has_begun = test["phase"].as_u64().is_some_and(|phase| phase >= STARTED);
        let seen = self.tests.entry(index).or_insert_with(|| Seen {
            name: text(&test["name"]).unwrap_or_default(),
            message: None,
            status: None,
            has_begun,
        });
        seen.has_begun |= has_begun;
        if is_result {
            seen.status = test["status"].as_u64();
            seen.message = text(&test["message"]);
        }
    }

    /// How the file ended, if the harness said it.
    pub(crate) fn end(&self) -> Option<(FileStatus, Option<String>)> {
        self.complete.clone()
    }

    /// The tests in their order. Those without a result had no time left.
    pub(crate) fn subtests(self) -> Vec<Subtest> {
        let status = |seen: &Seen| match seen.status {
            Some(0) => SubtestStatus::Pass,
            Some(2) => SubtestStatus::Timeout,
            Some(3) => SubtestStatus::Notrun,
            Some(4) => SubtestStatus::PreconditionFailed,
            Some(_) => SubtestStatus::Fail,
            None if seen.has_begun => SubtestStatus::Timeout,
            None => SubtestStatus::Notrun,
        };
        let subtests = self.tests.into_values().map(|seen| Subtest {
            status: status(&seen),
            name: seen.name,
            message: seen.message,
            expected: None,
        });
        subtests.collect()
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A clone as JSON. The harness sends plain objects, lists, strings and numbers; in place of anything else, of values
/// that were there before too, is null.
fn value_of(bytes: &[u8]) -> Result<Value, CloneError> {
    let mut reader = Reader::new(bytes)?;
    let mut stack = Vec::new();
    while let Some(token) = reader.next()? {
        let done = match token {
            Token::Object | Token::SparseArray { .. } => {
                stack.push(Open::Object(Map::new(), None));
                continue;
            }
            Token::Array { .. } => {
                stack.push(Open::Array(Vec::new()));
                continue;
            }
            Token::Key(name) => {
                let name = String::from_utf8_lossy(name).into_owned();
                match stack.last_mut() {
                    Some(Open::Object(_, key)) => *key = Some(name),
                    // A list's own properties are no part of it.
                    Some(Open::Array(_)) => stack.push(Open::Ignored),
                    _ => {}
                }
                continue;
            }
            Token::Map | Token::Set | Token::Platform { .. } => {
                stack.push(Open::Opaque);
                continue;
            }
            Token::View { .. } => continue,
            Token::End => match stack.pop() {
                Some(Open::Object(map, _)) => Value::Object(map),
                Some(Open::Array(list)) => Value::Array(list),
                _ => Value::Null,
            },
            Token::Boolean(value) => value.into(),
            Token::Int(value) => value.into(),
            Token::Double(value) => value.into(),
            Token::String(text) => String::from_utf8_lossy(text).into_owned().into(),
            _ => Value::Null,
        };
        match stack.last_mut() {
            None => return Ok(done),
            Some(Open::Object(map, key)) => {
                if let Some(key) = key.take() {
                    map.insert(key, done);
                }
            }
            Some(Open::Array(list)) => list.push(done),
            Some(Open::Ignored) => {
                stack.pop();
            }
            Some(Open::Opaque) => {}
        }
    }
    Ok(Value::Null)
}

/// A value that has not ended.
enum Open {
    Object(Map<String, Value>, Option<String>),
    Array(Vec<Value>),
    /// A Map or its like, whose parts are of no interest.
    Opaque,
    /// The value of a property of a list.
    Ignored,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message from JSON, as a worker would clone it.
    fn message(value: &Value) -> String {
        fn write(writer: &mut Writer, value: &Value) {
            match value {
                Value::Object(map) => {
                    writer.write(&Token::Object).unwrap();
                    for (key, value) in map {
                        writer.write(&Token::Key(key.as_bytes())).unwrap();
                        write(writer, value);
                    }
                    writer.write(&Token::End).unwrap();
                }
                Value::Array(list) => {
                    let length = u32::try_from(list.len()).unwrap();
                    writer.write(&Token::Array { length }).unwrap();
                    list.iter().for_each(|value| write(writer, value));
                    writer.write(&Token::End).unwrap();
                }
                Value::String(text) => writer.write(&Token::String(text.as_bytes())).unwrap(),
                Value::Number(number) => {
                    let number = i32::try_from(number.as_i64().unwrap()).unwrap();
                    writer.write(&Token::Int(number)).unwrap();
                }
                Value::Bool(value) => writer.write(&Token::Boolean(*value)).unwrap(),
                Value::Null => writer.write(&Token::Null).unwrap(),
            }
        }
        let mut writer = Writer::new(1 << 20);
        write(&mut writer, value);
        STANDARD.encode(writer.finish())
    }

    fn test(index: u64, phase: u64, status: u64, text: Option<&str>) -> Value {
        serde_json::json!({
            "name": format!("test {index}"), "index": index, "phase": phase, "status": status, "message": text,
            "properties": {}, "phases": { "STARTED": 1 },
        })
    }

    #[test]
    fn the_end_has_all_tests_and_the_status_of_the_file() {
        let mut harness = Harness::default();
        let start = serde_json::json!({ "type": "start", "properties": {} });
        assert!(!harness.hear(&message(&start)));
        assert!(
            !harness.hear(&message(&serde_json::json!({ "type": "result", "test": test(0, 4, 0, None) })))
        );
        let complete = serde_json::json!({
            "type": "complete",
            "tests": [test(0, 4, 0, None), test(1, 4, 1, Some("expected 1 but got 2"))],
            "status": { "status": 1, "message": "Uncaught" },
            "asserts": [],
        });
        assert!(harness.hear(&message(&complete)));
        assert_eq!(harness.end(), Some((FileStatus::Error, Some("Uncaught".to_owned()))));
        let found: Vec<_> =
            harness.subtests().into_iter().map(|test| (test.name, test.status, test.message)).collect();
        assert_eq!(
            found,
            [
                ("test 0".to_owned(), SubtestStatus::Pass, None),
                ("test 1".to_owned(), SubtestStatus::Fail, Some("expected 1 but got 2".to_owned())),
            ]
        );
    }

    #[test]
    fn what_has_no_result_had_no_time_left() {
        let mut harness = Harness::default();
        for (index, phase) in [(0, 0), (1, 1)] {
            let state = serde_json::json!({ "type": "test_state", "test": test(index, phase, 1, None) });
            harness.hear(&message(&state));
        }
        assert_eq!(harness.end(), None);
        let found: Vec<_> = harness.subtests().into_iter().map(|test| test.status).collect();
        assert_eq!(found, [SubtestStatus::Notrun, SubtestStatus::Timeout]);
    }

    #[test]
    fn messages_that_are_not_the_harness_s_are_left_alone() {
        let mut harness = Harness::default();
        for data in
            ["", "no base64!", "AAAA", &message(&Value::from("text")), &message(&Value::Array(vec![]))]
        {
            assert!(!harness.hear(data));
        }
        assert_eq!(harness.subtests(), []);
    }

    #[test]
    fn the_first_message_is_what_the_harness_waits_for() {
        let data = STANDARD.decode(Harness::connect().unwrap()).unwrap();
        assert_eq!(value_of(&data).unwrap(), serde_json::json!({ "type": "connect" }));
    }
}
