//! Child processes that print JSON lines: the program itself, started again with other arguments.

use serde_json::Value;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, io};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// How long a child may stay silent when something is expected of it. Nothing in the story takes a tenth of it; a
/// machine that is busy with other work gets the rest.
pub(crate) const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

const COMPLAINT_BYTES_MAX: usize = 4096;
const LINES_QUEUED_MAX: usize = 4096;

/// A running child. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    lines: mpsc::Receiver<Value>,
    complaint: Arc<Mutex<String>>,
}

impl Process {
    /// Starts `program ARGS…`. The name is for error messages.
    pub(crate) fn spawn<S: AsRef<OsStr>>(
        name: &'static str,
        program: &Path,
        args: impl IntoIterator<Item = S>,
    ) -> Result<Process, ChildError> {
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| ChildError::Spawn { name, source })?;
        let (sender, lines) = mpsc::channel(LINES_QUEUED_MAX);
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(async move {
                let mut stdout = BufReader::new(stdout).lines();
                while let Ok(Some(line)) = stdout.next_line().await {
                    let value = serde_json::from_str(&line).unwrap_or(Value::String(line));
                    // The pipe is read to its end even if nobody listens any more, so that the child never blocks.
                    let _ = sender.try_send(value);
                }
            });
        }
        let complaint = Arc::new(Mutex::new(String::new()));
        if let Some(mut stderr) = child.stderr.take() {
            let complaint = Arc::clone(&complaint);
            tokio::spawn(async move {
                let mut bytes = [0; 1024];
                while let Ok(count @ 1..) = stderr.read(&mut bytes).await {
                    let mut text = complaint.lock().unwrap_or_else(PoisonError::into_inner);
                    text.push_str(&String::from_utf8_lossy(&bytes[..count]));
                    let excess = text.len().saturating_sub(COMPLAINT_BYTES_MAX);
                    let start = text.ceil_char_boundary(excess);
                    text.drain(..start);
                }
            });
        }
        Ok(Process { name, child, lines, complaint })
    }

    /// The operating system's number of the process, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for the first line that `wanted` accepts. Lines before it are skipped.
    pub(crate) async fn line<T>(
        &mut self,
        what: &'static str,
        mut wanted: impl FnMut(&Value) -> Option<T>,
    ) -> Result<T, ChildError> {
        let found = async {
            while let Some(line) = self.lines.recv().await {
                if let Some(found) = wanted(&line) {
                    return Some(found);
                }
            }
            None
        };
        match tokio::time::timeout(ANSWER_TIME_MAX, found).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => {
                let ended = tokio::time::timeout(ANSWER_TIME_MAX, self.child.wait()).await;
                let status = ended.ok().and_then(Result::ok);
                Err(ChildError::Ended { name: self.name, what, status, complaint: self.complaint() })
            }
            Err(_) => Err(ChildError::Silent { name: self.name, what, complaint: self.complaint() }),
        }
    }

    /// Kills the process without warning (SIGKILL where there are signals) and waits until it is gone.
    pub(crate) async fn kill(mut self) -> Result<ExitStatus, ChildError> {
        let name = self.name;
        let failed = |source| ChildError::Spawn { name, source };
        self.child.start_kill().map_err(failed)?;
        self.child.wait().await.map_err(failed)
    }

    fn complaint(&self) -> String {
        self.complaint.lock().unwrap_or_else(PoisonError::into_inner).trim().to_owned()
    }
}

/// Runs `program ARGS…` to its end, which must be a success, and reads its JSON lines.
pub(crate) async fn ask<S: AsRef<OsStr>>(
    name: &'static str,
    program: &Path,
    args: impl IntoIterator<Item = S>,
) -> Result<Vec<Value>, ChildError> {
    let mut process = Process::spawn(name, program, args)?;
    let ended = async {
        let mut lines = Vec::new();
        while let Some(line) = process.lines.recv().await {
            lines.push(line);
        }
        let status = process.child.wait().await;
        (lines, status)
    };
    match tokio::time::timeout(ANSWER_TIME_MAX, ended).await {
        Ok((lines, Ok(status))) if status.success() => Ok(lines),
        Ok((_, status)) => Err(ChildError::Ended {
            name,
            what: "success",
            status: status.ok(),
            complaint: process.complaint(),
        }),
        Err(_) => Err(ChildError::Silent { name, what: "its end", complaint: process.complaint() }),
    }
}

/// Why a child process was of no use.
#[derive(Debug)]
pub(crate) enum ChildError {
    /// It could not be started or stopped.
    Spawn { name: &'static str, source: io::Error },
    /// It ended before it did what was expected; `complaint` is the end of its standard error.
    Ended { name: &'static str, what: &'static str, status: Option<ExitStatus>, complaint: String },
    /// It did not do in time what was expected.
    Silent { name: &'static str, what: &'static str, complaint: String },
}

impl fmt::Display for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let complaint = match self {
            ChildError::Spawn { name, source } => {
                return write!(f, "the {name} process cannot be started or stopped: {source}");
            }
            ChildError::Ended { name, what, status, complaint } => {
                write!(f, "the {name} process ended where {what} was expected")?;
                if let Some(status) = status {
                    write!(f, " ({status})")?;
                }
                complaint
            }
            ChildError::Silent { name, what, complaint } => {
                write!(f, "the {name} process owes {what} for {} s", ANSWER_TIME_MAX.as_secs())?;
                complaint
            }
        };
        if complaint.is_empty() { Ok(()) } else { write!(f, "; it said: {complaint}") }
    }
}

impl std::error::Error for ChildError {}
