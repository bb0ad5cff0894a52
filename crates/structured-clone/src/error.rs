//! Why bytes are refused.

use std::fmt;

/// Why a value could not be written, or bytes could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloneError {
    /// The bytes are no structured clone, or a damaged one.
    Malformed {
        /// Position of the byte that is wrong.
        at: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A newer program wrote the bytes.
    TooNew {
        /// The version of the format that they have.
        found: u8,
    },
    /// Objects are nested more than [`DEPTH_MAX`](crate::DEPTH_MAX) levels deep.
    TooDeep,
    /// The value needs more bytes than it may have.
    TooLarge {
        /// How many it may have.
        bytes_max: usize,
    },
    /// A blob that is stored outside could not be had.
    BlobMissing {
        /// The number by which the bytes name it.
        number: u64,
    },
}

impl fmt::Display for CloneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloneError::Malformed { at, problem } => {
                write!(f, "the cloned value is damaged: at byte {at}, {problem}")
            }
            CloneError::TooNew { found } => write!(
                f,
                "the cloned value has format {found}, but this program reads only up to {}; use the newer \
                 program that wrote it",
                crate::VERSION
            ),
            CloneError::TooDeep => {
                write!(f, "the value has objects nested more than {} levels deep", crate::DEPTH_MAX)
            }
            CloneError::TooLarge { bytes_max } => {
                write!(f, "the value needs more than the {bytes_max} bytes that a cloned value may have")
            }
            CloneError::BlobMissing { number } => {
                write!(f, "the content of blob {number} of the cloned value is missing")
            }
        }
    }
}

impl std::error::Error for CloneError {}
