//! The inbox's file: one JSON object a line, in the order of arrival, written and synced before a sender is told.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What a sender writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Message {
    /// Made by the sender; a message with a known id is a repetition.
    pub(super) id: String,
    /// Counts one sender's messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seq: Option<u64>,
    /// Names the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    pub(super) text: String,
    /// Milliseconds since the epoch, by the sender's clock.
    pub(super) sent_at: u64,
}

/// A message that arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Counts arrivals from 1.
    pub(super) arrival: u64,
    #[serde(flatten)]
    pub(super) message: Message,
    /// Milliseconds since the epoch, by the inbox's clock.
    pub(super) received_at: u64,
    /// The arrival that brought the same message first. Repetitions are kept, so that nobody can overlook them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) duplicate_of: Option<u64>,
}

/// What arrived, in memory and in a file that one process owns.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    records: Vec<Record>,
    first_arrivals: HashMap<String, usize>,
    /// Length of the part of the file that is known to be good; `None` after a write that could not be undone.
    good_bytes: Option<u64>,
}

const ID_BYTES_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 8 * 1024;
const RECORDS_MAX: usize = 100_000;

impl Message {
    /// Reads a request's body; the error is for the sender.
    pub(super) fn parse(body: &[u8]) -> Result<Message, String> {
        let message: Message = serde_json::from_slice(body)
            .map_err(|e| format!("the body is not a message {{id, text, sent_at}}: {e}"))?;
        if message.id.is_empty() || message.id.len() > ID_BYTES_MAX {
            return Err(format!("`id` has {} bytes; 1 to {ID_BYTES_MAX} are allowed", message.id.len()));
        }
        if message.text.is_empty() || message.text.len() > TEXT_BYTES_MAX {
            return Err(format!(
                "`text` has {} bytes; 1 to {TEXT_BYTES_MAX} are allowed",
                message.text.len()
            ));
        }
        if message.from.as_ref().is_some_and(|from| from.len() > ID_BYTES_MAX) {
            return Err(format!("`from` is too long; at most {ID_BYTES_MAX} bytes are allowed"));
        }
        Ok(message)
    }
}

impl Journal {
    /// Opens or makes the file and reads what it holds. A last line without its end is cut off: its sender was never
    /// told that it arrived.
    pub(super) fn open(path: &Path) -> Result<Journal, JournalError> {
        let failed = |source| JournalError::File { path: path.to_owned(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => JournalError::InUse { path: path.to_owned() },
            TryLockError::Error(source) => failed(source),
        })?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let good = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mut journal = Journal {
            path: path.to_owned(),
            file,
            records: Vec::new(),
            first_arrivals: HashMap::new(),
            good_bytes: Some(good as u64),
        };
        for (index, line) in bytes[..good].split_inclusive(|byte| *byte == b'\n').enumerate() {
            let record = serde_json::from_slice(line).map_err(|source| JournalError::Line {
                path: path.to_owned(),
                line: index + 1,
                source,
            })?;
            journal.remember(record);
        }
        journal.file.set_len(good as u64).map_err(failed)?;
        Ok(journal)
    }

    /// What arrived, oldest first.
    pub(super) fn records(&self) -> &[Record] {
        &self.records
    }

    /// Keeps a message; when this returns, it is on the disk.
    pub(super) fn append(&mut self, message: Message, received_at: u64) -> Result<Record, JournalError> {
        let first = self.first_arrivals.get(&message.id).map(|index| &self.records[*index]);
        if first.is_some_and(|first| first.message.text != message.text) {
            return Err(JournalError::Conflict { id: message.id });
        }
        if self.records.len() >= RECORDS_MAX {
            return Err(JournalError::Full);
        }
        let record = Record {
            arrival: self.records.len() as u64 + 1,
            received_at,
            duplicate_of: first.map(|first| first.arrival),
            message,
        };
        let Some(good) = self.good_bytes else {
            return Err(JournalError::Damaged { path: self.path.clone() });
        };
        match self.write(good, &record) {
            Ok(end) => self.good_bytes = Some(end),
            Err(source) => {
                // Half a line must not stay in front of the next one.
                let undone = self.file.set_len(good).and_then(|()| self.file.sync_data());
                self.good_bytes = undone.is_ok().then_some(good);
                return Err(JournalError::File { path: self.path.clone(), source });
            }
        }
        self.remember(record.clone());
        Ok(record)
    }

    fn write(&mut self, start: u64, record: &Record) -> io::Result<u64> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.file.seek(SeekFrom::Start(start))?;
        self.file.write_all(&line)?;
        self.file.sync_data()?;
        Ok(start + line.len() as u64)
    }

    fn remember(&mut self, record: Record) {
        self.first_arrivals.entry(record.message.id.clone()).or_insert(self.records.len());
        self.records.push(record);
    }
}

/// One line for people.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>5}  {}", self.arrival, self.message.text.escape_debug())?;
        if let Some(first) = self.duplicate_of {
            write!(f, "  (again: arrived as {first})")?;
        }
        Ok(())
    }
}

/// Why the inbox cannot keep a message.
#[derive(Debug)]
pub(super) enum JournalError {
    File { path: PathBuf, source: io::Error },
    InUse { path: PathBuf },
    Line { path: PathBuf, line: usize, source: serde_json::Error },
    Damaged { path: PathBuf },
    Conflict { id: String },
    Full,
}

impl JournalError {
    /// The answer to a sender: 5xx asks to try again later, 4xx does not.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            JournalError::Conflict { .. } => StatusCode::CONFLICT,
            JournalError::Full => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JournalError::File { path, source } => {
                write!(f, "{}: {source}; choose a writable file with --file", path.display())
            }
            JournalError::InUse { path } => {
                write!(
                    f,
                    "{} is used by another inbox; stop that one or choose another file with --file",
                    path.display()
                )
            }
            JournalError::Line { path, line, source } => write!(
                f,
                "{} line {line} is not a message ({source}); choose another file with --file, or mend the line",
                path.display()
            ),
            JournalError::Damaged { path } => write!(
                f,
                "an earlier write to {} failed and could not be undone; restart the inbox when the disk is well",
                path.display()
            ),
            JournalError::Conflict { id } => {
                write!(f, "another message has the id `{id}`; give each message its own")
            }
            JournalError::Full => write!(f, "the inbox holds {RECORDS_MAX} messages, which is all it takes"),
        }
    }
}

impl std::error::Error for JournalError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, text: &str) -> Message {
        Message { id: id.into(), seq: Some(1), from: None, text: text.into(), sent_at: 7 }
    }

    #[test]
    fn keeps_arrivals_in_order_and_marks_repetitions_across_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inbox.jsonl");
        let mut journal = Journal::open(&path).unwrap();
        journal.append(message("a", "one"), 1).unwrap();
        journal.append(message("b", "two"), 2).unwrap();
        drop(journal);

        let mut journal = Journal::open(&path).unwrap();
        let again = journal.append(message("a", "one"), 3).unwrap();
        assert_eq!((again.arrival, again.duplicate_of), (3, Some(1)));
        let texts: Vec<&str> = journal.records().iter().map(|record| record.message.text.as_str()).collect();
        assert_eq!(texts, ["one", "two", "one"]);
    }

    #[test]
    fn cuts_off_a_line_whose_end_was_never_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inbox.jsonl");
        Journal::open(&path).unwrap().append(message("a", "one"), 1).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"arrival\":2,\"id\"").unwrap();

        let mut journal = Journal::open(&path).unwrap();
        assert_eq!(journal.records().len(), 1);
        journal.append(message("b", "two"), 2).unwrap();
        drop(journal);
        assert_eq!(Journal::open(&path).unwrap().records().len(), 2);
    }

    #[test]
    fn refuses_a_file_that_another_inbox_uses_and_one_that_is_no_journal() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inbox.jsonl");
        let _first = Journal::open(&path).unwrap();
        assert!(matches!(Journal::open(&path), Err(JournalError::InUse { .. })));

        let other = dir.path().join("other");
        std::fs::write(&other, "hello\n").unwrap();
        let error = Journal::open(&other).unwrap_err().to_string();
        assert!(error.contains("line 1 is not a message"), "{error}");
        assert_eq!(std::fs::read(&other).unwrap(), b"hello\n", "a foreign file stays as it was");
    }

    #[test]
    fn refuses_two_different_messages_with_one_id() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(&dir.path().join("inbox.jsonl")).unwrap();
        journal.append(message("a", "one"), 1).unwrap();
        assert_eq!(journal.append(message("a", "two"), 2).unwrap_err().status(), StatusCode::CONFLICT);
        assert_eq!(journal.records().len(), 1);
    }

    #[test]
    fn tells_a_sender_what_is_wrong_with_a_message() {
        for (body, part) in [
            (r#"{"id":"","text":"x","sent_at":1}"#, "`id` has 0 bytes"),
            (r#"{"id":"a","text":"","sent_at":1}"#, "`text` has 0 bytes"),
            (r#"{"id":"a","sent_at":1}"#, "missing field `text`"),
            ("[", "is not a message"),
        ] {
            let error = Message::parse(body.as_bytes()).unwrap_err();
            assert!(error.contains(part), "{body}: {error}");
        }
    }
}
