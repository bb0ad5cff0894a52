//! A profile as text, for support cases (R252): readable by people, and by another store.

mod record;

use super::{ActivityQuery, Lease, Loaded, Store, StoreError};
use record::{ExportRecord, FORMAT, VERSION};
use std::fmt;
use wakeworker_core::{Change, Durability};

/// Writes everything that a store holds as JSON text: registrations, times of periodic events, the activity log.
pub(crate) fn export(store: &mut dyn Store, lease: &Lease) -> Result<String, StoreError> {
    let Loaded { snapshot, .. } = store.load(lease)?;
    let activities = store.activities(&ActivityQuery { after: 0, limit: usize::MAX })?;
    let record = ExportRecord::new(&snapshot, &activities);
    let text = record.and_then(|record| serde_json::to_string_pretty(&record));
    text.map_err(|error| StoreError::Database { operation: "export the profile", message: error.to_string() })
}

/// What [`import`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// Worker registrations.
    pub worker_registrations: usize,
    /// Sync registrations.
    pub sync_registrations: usize,
    /// Lines of the activity log.
    pub activities: usize,
}

/// Why a text could not be imported. Nothing was written.
#[derive(Debug)]
#[non_exhaustive]
pub enum ImportError {
    /// The text is no export, or is damaged.
    Text {
        /// What is wrong with it, and where.
        problem: String,
    },
    /// The text was written by a newer version.
    TooNew {
        /// The version of the text.
        found: u32,
        /// The newest version that can be read.
        supported: u32,
    },
    /// The profile has registrations already: an import never mixes two profiles.
    NotEmpty {
        /// How many worker registrations it has.
        worker_registrations: usize,
    },
    /// The store could not be taken, read or written.
    Store(StoreError),
}

/// Reads the text of [`crate::HostHandle::export`] into a profile that has no registrations yet, as one commit.
///
/// The profile is taken for this and given back. So a support engineer opens a user's profile in memory:
///
/// ```
/// use wakeworker::store::{MemoryStore, import};
/// use wakeworker::Host;
///
/// let host = Host::builder(Box::new(MemoryStore::new())).open()?;
/// let text = host.export().wait()?;
///
/// let mut copy = MemoryStore::new();
/// let imported = import(&mut copy, &text)?;
/// assert_eq!(imported.sync_registrations, 0);
/// let copy = Host::builder(Box::new(copy)).open()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn import(store: &mut dyn Store, text: &str) -> Result<Imported, ImportError> {
    let (changes, imported) = parse(text)?;
    let lease = store.acquire()?;
    let loaded = store.load(&lease)?;
    let worker_registrations = loaded.snapshot.worker_registrations.len();
    if worker_registrations > 0 {
        store.release(lease)?;
        return Err(ImportError::NotEmpty { worker_registrations });
    }
    store.commit(&lease, &changes, Durability::Strict)?;
    store.release(lease)?;
    Ok(imported)
}

fn parse(text: &str) -> Result<(Vec<Change>, Imported), ImportError> {
    let problem = |problem: String| ImportError::Text { problem };
    let header: record::Header = serde_json::from_str(text).map_err(|error| problem(error.to_string()))?;
    if header.format != FORMAT {
        return Err(problem(format!("its format is `{}`, not `{FORMAT}`", header.format)));
    }
    if header.version > VERSION {
        return Err(ImportError::TooNew { found: header.version, supported: VERSION });
    }
    let record: ExportRecord = serde_json::from_str(text).map_err(|error| problem(error.to_string()))?;
    let imported = record.counts();
    Ok((record.into_changes().map_err(problem)?, imported))
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImportError::Text { problem } => write!(f, "the text is no export of a profile: {problem}"),
            ImportError::TooNew { found, supported } => write!(
                f,
                "the export has version {found}; this program reads versions up to {supported}: use a newer one"
            ),
            ImportError::NotEmpty { worker_registrations } => write!(
                f,
                "the profile has {worker_registrations} worker registrations already; import into a new profile"
            ),
            ImportError::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ImportError {}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> ImportError {
        ImportError::Store(error)
    }
}

#[cfg(test)]
mod tests;
