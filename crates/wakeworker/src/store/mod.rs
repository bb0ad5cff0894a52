//! Where the durable state of a profile lives.

use std::path::PathBuf;
use wakeworker_core::{Activity, Change, Durability, Snapshot};

/// A durable store for one profile. Blocking; called on the engine thread only (design decision 5).
pub trait Store: Send {
    /// Takes the profile for this process, so that no other engine works on it at the same time.
    fn acquire(&mut self) -> Result<Lease, StoreError>;

    /// Reads everything. A record that cannot be read is skipped and reported, never deleted (R170).
    fn load(&mut self, lease: &Lease) -> Result<Loaded, StoreError>;

    /// Writes all of `changes` in their order, or nothing.
    fn commit(&mut self, lease: &Lease, changes: &[Change], durability: Durability) -> Result<(), StoreError>;

    /// Reads the activity log, oldest first.
    fn activities(&mut self, query: &ActivityQuery) -> Result<Vec<RecordedActivity>, StoreError>;

    /// Gives the profile back. Called once, at an orderly end.
    fn release(&mut self, lease: Lease) -> Result<(), StoreError>;
}

/// The right to write a profile. A store refuses a lease that is no longer the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Counts the owners that this profile has had.
    pub epoch: u64,
}

/// What [`Store::load`] found.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The registrations.
    pub snapshot: Snapshot,
    /// Records that could not be read.
    pub skipped: Vec<SkippedRecord>,
    /// Drawn once when the profile was made; seeds jitter and phase.
    pub installation_seed: u64,
}

/// A record that could not be read and was left as it is (R170).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedRecord {
    /// Its table.
    pub table: &'static str,
    /// Its primary key.
    pub id: i64,
    /// What is wrong with it.
    pub problem: String,
}

/// Which part of the activity log to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivityQuery {
    /// Only activities with a larger number.
    pub after: u64,
    /// At most this many: the newest ones that match.
    pub limit: usize,
}

/// One line of the activity log and its number, which only grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedActivity {
    /// Its number.
    pub id: u64,
    /// What happened.
    pub activity: Activity,
}

/// Why a store refused.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process works on this profile.
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
