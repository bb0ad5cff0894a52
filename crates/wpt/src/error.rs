//! Why a run cannot begin.

use std::path::PathBuf;

/// Why a run of web-platform-tests cannot begin, or its expectations cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WptError {
    /// The directory is no checkout.
    NoCheckout {
        /// Which directory.
        root: PathBuf,
        /// What is missing.
        problem: String,
    },
    /// No test of the checkout begins with this path.
    NoMatch {
        /// The path.
        include: String,
    },
    /// A file or directory cannot be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        message: String,
    },
    /// An expectations file has a mistake.
    Expectations {
        /// Which file.
        path: PathBuf,
        /// Where and what.
        message: String,
    },
    /// The server for the tests cannot be started.
    Server(String),
}

impl WptError {
    pub(crate) fn file(path: impl Into<PathBuf>, error: &std::io::Error) -> WptError {
        WptError::File { path: path.into(), message: error.to_string() }
    }
}

impl std::fmt::Display for WptError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            WptError::NoCheckout { root, problem } => write!(
                f,
                "`{}` is no checkout of web-platform-tests: {problem}; clone web-platform-tests/wpt and give its root",
                root.display()
            ),
            WptError::NoMatch { include } => write!(
                f,
                "no test that can run in a worker is below `{include}`; give a directory or file as it is in the \
                 checkout, such as /fetch/api or /url/url-origin.any.js"
            ),
            WptError::File { path, message } => write!(f, "`{}` cannot be used: {message}", path.display()),
            WptError::Expectations { path, message } => {
                write!(f, "the expectations in `{}` cannot be used: {message}", path.display())
            }
            WptError::Server(message) => write!(f, "the server for the tests cannot be started: {message}"),
        }
    }
}

impl std::error::Error for WptError {}
