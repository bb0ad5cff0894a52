//! Why a store refused, in words that say what to do.

use std::fmt;
use std::path::PathBuf;

/// Why a store refused.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process, or another store in this one, works on this profile.
    InUse {
        /// The profile.
        profile: PathBuf,
    },
    /// The profile was written by a newer version of the product (R176).
    TooNew {
        /// The profile.
        profile: PathBuf,
        /// The schema version found.
        found: u32,
        /// The newest schema version that this program reads.
        supported: u32,
    },
    /// The profile's directory cannot be made, read or written.
    Inaccessible {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The database refused.
    Database {
        /// What was being done, such as `commit`.
        operation: &'static str,
        /// What the database said.
        message: String,
    },
    /// The lease is no longer the newest.
    LeaseLost,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::InUse { profile } => write!(
                f,
                "the profile `{}` is in use by another process; end that process or choose another profile",
                profile.display()
            ),
            StoreError::TooNew { profile, found, supported } => write!(
                f,
                "the profile `{}` has schema version {found}, but this program reads only versions up to {supported}; \
                 nothing was changed: use a newer program or another profile",
                profile.display()
            ),
            StoreError::Inaccessible { path, source } => write!(
                f,
                "cannot use `{}`: {source}; choose a profile directory that this user may read and write",
                path.display()
            ),
            StoreError::Database { operation, message } => write!(
                f,
                "the profile's database could not {operation}: {message}; check the free space and health of its disk"
            ),
            StoreError::LeaseLost => {
                f.write_str("the profile was given back or has a newer owner; open it again to go on")
            }
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StoreError::Inaccessible { source, .. } => Some(source),
            _ => None,
        }
    }
}
