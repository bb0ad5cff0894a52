//! Where the durable state of a profile lives.
//!
//! [`SqliteStore`] keeps a profile in a directory, [`MemoryStore`] keeps one for as long as the process lives. Both
//! pass the same suite (`conformance`, with the feature `test-support`); a store of your own should pass it too.

mod activity_record;
#[cfg(any(test, feature = "test-support"))]
pub mod conformance;
mod error;
mod export;
mod memory;
mod sqlite;

pub use error::StoreError;
pub(crate) use export::export;
pub use export::{ImportError, Imported, import};
pub use memory::MemoryStore;
pub use sqlite::SqliteStore;

use wakeworker_core::{Activity, Change, Durability, Snapshot};

/// A durable store for one profile. Blocking; called on the engine thread only (design decision 5).
pub trait Store: Send {
    /// Takes the profile for this process, so that no other engine works on it at the same time.
    ///
    /// A lease given before is no longer valid.
    fn acquire(&mut self) -> Result<Lease, StoreError>;

    /// Reads everything. A record that cannot be read is skipped and reported, never deleted (R170).
    ///
    /// After a failed commit the store first starts afresh, so that only what is durable counts (design decision 3).
    fn load(&mut self, lease: &Lease) -> Result<Loaded, StoreError>;

    /// Writes all of `changes` in their order, or nothing.
    ///
    /// A strict commit makes every earlier lazy one as durable as itself. A commit of no changes does nothing. Ids
    /// above `i64::MAX` are refused.
    fn commit(&mut self, lease: &Lease, changes: &[Change], durability: Durability)
    -> Result<(), StoreError>;

    /// Reads the activity log, oldest first.
    fn activities(&mut self, query: &ActivityQuery) -> Result<Vec<RecordedActivity>, StoreError>;

    /// Removes the whole activity log. The numbers of later activities go on where they were (R239).
    fn clear_activities(&mut self, lease: &Lease) -> Result<(), StoreError>;

    /// Whether the profile outlives the process. If not, nobody is to be woken for it (R147).
    fn is_persistent(&self) -> bool {
        true
    }

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
    /// The registrations, each list in the order of its ids.
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

/// How much of the activity log is kept. The newest activity is always kept.
///
/// Old activities are removed in bulk, so a log may be longer than this by up to 512 activities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActivityLimits {
    /// At most this many activities. Default: 10,000.
    pub activities_max: u64,
    /// None that are older than the newest one by more than this. Default: 2,592,000,000 (30 days).
    pub age_max_ms: u64,
}

impl ActivityLimits {
    /// Keeps at most `activities_max` activities, none older than the newest one by more than `age_max_ms`.
    pub fn new(activities_max: u64, age_max_ms: u64) -> ActivityLimits {
        ActivityLimits { activities_max, age_max_ms }
    }
}

impl Default for ActivityLimits {
    fn default() -> ActivityLimits {
        ActivityLimits { activities_max: 10_000, age_max_ms: 30 * 24 * 60 * 60 * 1000 }
    }
}

/// After this many new activities the oldest ones are removed, so that the work is not done on every commit.
const ACTIVITIES_PER_PRUNING: u64 = 512;

/// Why an id cannot be stored, if it cannot: databases count rows with signed 64-bit integers.
fn id_problem(changes: &[Change]) -> Option<String> {
    changes.iter().find_map(|change| {
        let ids = match change {
            Change::PutWorkerRegistration(registration) => [registration.id.0, 0],
            Change::RemoveWorkerRegistration(id) => [id.0, 0],
            Change::PutSyncRegistration(sync) => [sync.id.0, sync.worker_registration.0],
            Change::RemoveSyncRegistration(id) => [id.0, 0],
            Change::PutOriginFire { .. } | Change::RemoveOriginFire { .. } | Change::PutLastRound(_) => {
                [0, 0]
            }
            Change::Record(activity) => [activity.registration.map_or(0, |id| id.0), 0],
        };
        let id = ids.into_iter().find(|&id| i64::try_from(id).is_err())?;
        Some(format!("the id {id} is larger than {}", i64::MAX))
    })
}
