//! What a perfect disk would hold.

use std::collections::BTreeMap;
use wakeworker::core::{
    Change, LastRound, Snapshot, StorageKey, SyncRegistration, SyncRegistrationId, Timestamp,
    WorkerRegistration, WorkerRegistrationId,
};

/// The durable state of a profile, without its log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Image {
    workers: BTreeMap<WorkerRegistrationId, WorkerRegistration>,
    syncs: BTreeMap<SyncRegistrationId, SyncRegistration>,
    fires: BTreeMap<StorageKey, Timestamp>,
    last_round: Option<LastRound>,
    last_id: u64,
}

impl Image {
    /// What a change does.
    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::PutWorkerRegistration(worker) => {
                self.last_id = self.last_id.max(worker.id.0);
                self.workers.insert(worker.id, worker.clone());
            }
            Change::RemoveWorkerRegistration(id) => {
                self.workers.remove(id);
                self.syncs.retain(|_, sync| sync.worker_registration != *id);
            }
            Change::PutSyncRegistration(sync) => {
                self.last_id = self.last_id.max(sync.id.0);
                self.syncs.insert(sync.id, sync.clone());
            }
            Change::RemoveSyncRegistration(id) => drop(self.syncs.remove(id)),
            Change::PutOriginFire { storage_key, last_fire } => {
                self.fires.insert(storage_key.clone(), *last_fire);
            }
            Change::RemoveOriginFire { storage_key } => drop(self.fires.remove(storage_key)),
            Change::PutLastRound(round) => self.last_round = Some(*round),
            Change::Record(_) => {}
        }
    }

    /// Whether a store that says this holds the same.
    pub(crate) fn equals(&self, found: &Snapshot) -> bool {
        self.workers.values().eq(&found.worker_registrations)
            && self.syncs.values().eq(&found.sync_registrations)
            && self.fires.iter().eq(found.origin_fires.iter().map(|(key, time)| (key, time)))
            && self.last_round == found.last_round
            && self.last_id <= found.last_id
    }

    /// Fails if a store says something else.
    pub(crate) fn assert_equals(&self, found: &Snapshot, what: &str) {
        assert!(self.equals(found), "{what} is not what was written:\nwritten {self:#?}\nfound {found:#?}");
    }

    /// The changes that make an empty store hold this.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        // Ids that were given and whose bearers are gone must stay used.
        let last = WorkerRegistration {
            id: WorkerRegistrationId(self.last_id),
            storage_key: StorageKey::first_party("https://gone.example"),
            scope: "https://gone.example/".into(),
            script_url: "https://gone.example/sw.js".into(),
            active: None,
        };
        changes.push(Change::RemoveWorkerRegistration(last.id));
        changes.insert(0, Change::PutWorkerRegistration(last));
        changes.extend(self.workers.values().cloned().map(Change::PutWorkerRegistration));
        changes.extend(self.syncs.values().cloned().map(Change::PutSyncRegistration));
        let fire = |(key, time): (&StorageKey, &Timestamp)| Change::PutOriginFire {
            storage_key: key.clone(),
            last_fire: *time,
        };
        changes.extend(self.fires.iter().map(fire));
        changes.extend(self.last_round.map(Change::PutLastRound));
        changes
    }
}
