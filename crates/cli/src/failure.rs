//! How a command fails: one message, one exit status.

use std::fmt;
use std::process::ExitCode;

/// Exit statuses of the program. The command-line parser itself ends with 2 on wrong usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ExitStatus {
    /// It worked.
    Success = 0,
    /// It did not work, for the reason that was printed.
    Failure = 1,
    /// The arguments make no sense.
    Usage = 2,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> ExitCode {
        ExitCode::from(status as u8)
    }
}

/// Why a command ends without success.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What was wrong, with which value, and what to do.
    pub(crate) message: String,
    /// How the process ends.
    pub(crate) status: ExitStatus,
}

impl Failure {
    /// Something did not work.
    pub(crate) fn new(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), status: ExitStatus::Failure }
    }

    /// The arguments make no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), status: ExitStatus::Usage }
    }

    /// The command has already shown what went wrong; only the status is left to give.
    pub(crate) fn shown() -> Failure {
        Failure::new("")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// An error and what caused it, on one line. Causes that the text above them already contains are left out.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
