//! A store that fails as it is told.

use std::sync::{Arc, Mutex};
use wakeworker::core::{Change, Durability};
use wakeworker::store::{ActivityQuery, Lease, Loaded, MemoryStore, RecordedActivity, Store, StoreError};

/// What the next operations of the store come to.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<Pending>>);

#[derive(Default)]
struct Pending {
    commits: u32,
    answers: u32,
    loads: u32,
}

/// The profile behind the faults.
pub(crate) struct FaultyStore {
    pub(crate) store: MemoryStore,
    pub(crate) faults: Faults,
}

impl Faults {
    /// So many commits are not done.
    pub(crate) fn fail_commits(&self, times: u32) {
        self.0.lock().unwrap().commits = times;
    }

    /// So many commits are done, and yet reported as failed.
    pub(crate) fn lose_answers(&self, times: u32) {
        self.0.lock().unwrap().answers = times;
    }

    /// So many attempts to read the store again fail.
    pub(crate) fn fail_loads(&self, times: u32) {
        self.0.lock().unwrap().loads = times;
    }

    /// No more faults.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap() = Pending::default();
    }

    fn take(&self, pick: impl Fn(&mut Pending) -> &mut u32) -> bool {
        let mut pending = self.0.lock().unwrap();
        let left = pick(&mut pending);
        let fails = *left > 0;
        *left = left.saturating_sub(1);
        fails
    }
}

fn fault(operation: &'static str) -> StoreError {
    StoreError::Database { operation, message: "a fault of the simulation".into() }
}

impl Store for FaultyStore {
    fn acquire(&mut self) -> Result<Lease, StoreError> {
        self.store.acquire()
    }

    fn load(&mut self, lease: &Lease) -> Result<Loaded, StoreError> {
        if self.faults.take(|pending| &mut pending.loads) {
            return Err(fault("load"));
        }
        self.store.load(lease)
    }

    fn commit(
        &mut self,
        lease: &Lease,
        changes: &[Change],
        durability: Durability,
    ) -> Result<(), StoreError> {
        if self.faults.take(|pending| &mut pending.commits) {
            return Err(fault("commit"));
        }
        self.store.commit(lease, changes, durability)?;
        if self.faults.take(|pending| &mut pending.answers) { Err(fault("commit")) } else { Ok(()) }
    }

    fn activities(&mut self, query: &ActivityQuery) -> Result<Vec<RecordedActivity>, StoreError> {
        self.store.activities(query)
    }

    fn clear_activities(&mut self, lease: &Lease) -> Result<(), StoreError> {
        self.store.clear_activities(lease)
    }

    fn release(&mut self, lease: Lease) -> Result<(), StoreError> {
        self.store.release(lease)
    }
}
