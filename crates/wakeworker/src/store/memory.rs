//! A store that lives as long as the process: for profiles that are off the record (R147), and for tests.

use super::{
    ACTIVITIES_PER_PRUNING, ActivityLimits, ActivityQuery, Lease, Loaded, RecordedActivity, SkippedRecord,
    Store, StoreError, id_problem,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wakeworker_core::{
    Activity, Change, Durability, LastRound, Snapshot, StorageKey, SyncRegistration, SyncRegistrationId,
    Timestamp, WorkerRegistration, WorkerRegistrationId,
};

/// A profile in memory: nothing is ever written to a disk (R147).
///
/// Clones share the profile. So a test can drop an engine and open another one on what the first had committed.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    profile: Arc<Mutex<Profile>>,
}

#[derive(Debug, Default)]
struct Profile {
    epoch: u64,
    owned: bool,
    installation_seed: Option<u64>,
    last_id: u64,
    worker_registrations: BTreeMap<WorkerRegistrationId, WorkerRegistration>,
    sync_registrations: BTreeMap<SyncRegistrationId, SyncRegistration>,
    origin_fires: BTreeMap<StorageKey, Timestamp>,
    last_round: Option<LastRound>,
    limits: ActivityLimits,
    activities: VecDeque<RecordedActivity>,
    last_activity_id: u64,
}

impl MemoryStore {
    /// A new, empty profile.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// Fixes what is otherwise drawn at random, so that a run can be repeated (R183).
    #[must_use]
    pub fn with_installation_seed(self, seed: u64) -> MemoryStore {
        self.profile().installation_seed = Some(seed);
        self
    }

    /// Keeps another amount of the activity log.
    #[must_use]
    pub fn with_activity_limits(self, limits: ActivityLimits) -> MemoryStore {
        self.profile().limits = limits;
        self
    }

    /// A panic of another holder leaves no change half applied, because none of the code under the lock can panic
    /// between two writes that belong together; so a poisoned lock is as good as any.
    fn profile(&self) -> MutexGuard<'_, Profile> {
        self.profile.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn acquire(&mut self) -> Result<Lease, StoreError> {
        let mut profile = self.profile();
        if profile.installation_seed.is_none() {
            profile.installation_seed = Some(draw_seed()?);
        }
        profile.epoch += 1;
        profile.owned = true;
        Ok(Lease { epoch: profile.epoch })
    }

    fn load(&mut self, lease: &Lease) -> Result<Loaded, StoreError> {
        let profile = self.profile();
        profile.check(lease)?;
        let (sync_registrations, orphans): (Vec<_>, Vec<_>) = profile
            .sync_registrations
            .values()
            .cloned()
            .partition(|sync| profile.worker_registrations.contains_key(&sync.worker_registration));
        Ok(Loaded {
            snapshot: Snapshot {
                worker_registrations: profile.worker_registrations.values().cloned().collect(),
                sync_registrations,
                origin_fires: profile.origin_fires.clone().into_iter().collect(),
                last_round: profile.last_round,
                last_id: profile.last_id,
                ..Snapshot::default()
            },
            skipped: orphans
                .iter()
                .map(|sync| SkippedRecord {
                    table: "sync_registration",
                    id: sync.id.0.cast_signed(),
                    problem: orphan_problem(sync.worker_registration),
                })
                .collect(),
            installation_seed: profile.installation_seed.unwrap_or_default(),
        })
    }

    fn commit(&mut self, lease: &Lease, changes: &[Change], _: Durability) -> Result<(), StoreError> {
        let mut profile = self.profile();
        profile.check(lease)?;
        if let Some(message) = id_problem(changes) {
            return Err(StoreError::Database { operation: "commit", message });
        }
        for change in changes {
            profile.apply(change);
        }
        Ok(())
    }

    fn activities(&mut self, query: &ActivityQuery) -> Result<Vec<RecordedActivity>, StoreError> {
        let profile = self.profile();
        if !profile.owned {
            return Err(StoreError::LeaseLost);
        }
        let first = profile.activities.partition_point(|recorded| recorded.id <= query.after);
        let first = first.max(profile.activities.len().saturating_sub(query.limit));
        Ok(profile.activities.range(first..).cloned().collect())
    }

    fn clear_activities(&mut self, lease: &Lease) -> Result<(), StoreError> {
        let mut profile = self.profile();
        profile.check(lease)?;
        profile.activities.clear();
        Ok(())
    }

    fn is_persistent(&self) -> bool {
        false
    }

    fn release(&mut self, lease: Lease) -> Result<(), StoreError> {
        let mut profile = self.profile();
        profile.check(&lease)?;
        profile.owned = false;
        Ok(())
    }
}

impl Profile {
    fn check(&self, lease: &Lease) -> Result<(), StoreError> {
        if self.owned && lease.epoch == self.epoch { Ok(()) } else { Err(StoreError::LeaseLost) }
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::PutWorkerRegistration(registration) => {
                self.last_id = self.last_id.max(registration.id.0);
                self.worker_registrations.insert(registration.id, registration.clone());
            }
            Change::RemoveWorkerRegistration(id) => {
                self.worker_registrations.remove(id);
                self.sync_registrations.retain(|_, sync| sync.worker_registration != *id);
            }
            Change::PutSyncRegistration(sync) => {
                self.last_id = self.last_id.max(sync.id.0);
                self.sync_registrations.insert(sync.id, sync.clone());
            }
            Change::RemoveSyncRegistration(id) => {
                self.sync_registrations.remove(id);
            }
            Change::PutOriginFire { storage_key, last_fire } => {
                self.origin_fires.insert(storage_key.clone(), *last_fire);
            }
            Change::RemoveOriginFire { storage_key } => {
                self.origin_fires.remove(storage_key);
            }
            Change::PutLastRound(round) => self.last_round = Some(*round),
            Change::Record(activity) => self.record(activity),
        }
    }

    fn record(&mut self, activity: &Activity) {
        self.last_activity_id += 1;
        self.activities.push_back(RecordedActivity { id: self.last_activity_id, activity: activity.clone() });
        if self.last_activity_id.is_multiple_of(ACTIVITIES_PER_PRUNING) {
            let first = self.last_activity_id.saturating_sub(self.limits.activities_max);
            let limits = self.limits;
            while self.activities.front().is_some_and(|oldest| {
                oldest.id < self.last_activity_id
                    && (oldest.id <= first
                        || activity.time.ms_since(oldest.activity.time) > limits.age_max_ms)
            }) {
                self.activities.pop_front();
            }
        }
    }
}

/// What is wrong with a sync registration without its owner, in the words of every store.
pub(super) fn orphan_problem(owner: WorkerRegistrationId) -> String {
    format!("its worker registration {owner} does not exist or cannot be read")
}

/// 64 random bits from the operating system.
pub(super) fn draw_seed() -> Result<u64, StoreError> {
    getrandom::u64().map_err(|error| StoreError::Database {
        operation: "draw the installation seed",
        message: error.to_string(),
    })
}
