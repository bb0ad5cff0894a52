//! Looking at single parts of the state, for hosts.

use crate::entry::Worker;
use crate::{
    Engine, PermissionName, PermissionState, StorageKey, SyncKind, SyncRegistration, WorkerRegistration,
    WorkerRegistrationId,
};
use alloc::vec::Vec;

impl Engine {
    /// One worker registration.
    pub fn worker_registration(&self, id: WorkerRegistrationId) -> Option<&WorkerRegistration> {
        self.workers.get(&id).map(|worker| &worker.record)
    }

    /// All entries of one kind of a worker registration, whatever their state, in the order of their tags.
    pub fn sync_registrations_of(
        &self,
        registration: WorkerRegistrationId,
        kind: SyncKind,
    ) -> impl Iterator<Item = SyncRegistration> {
        let ids = self.workers.get(&registration).map_or(&[][..], Worker::entries);
        let mut found: Vec<SyncRegistration> = ids
            .iter()
            .filter_map(|&id| Some(self.entries.get(&id)?.record(id)))
            .filter(|entry| entry.kind() == kind)
            .collect();
        found.sort_unstable_by(|a, b| a.tag.cmp(&b.tag));
        found.into_iter()
    }

    /// The state of a permission: as stated, or its default.
    pub fn permission_state(&self, storage_key: &StorageKey, name: PermissionName) -> PermissionState {
        self.permissions.get(storage_key, name)
    }
}

impl TryFrom<u32> for SyncKind {
    type Error = u32;

    /// The kind with WebView2's number; another number is handed back (R184, R193).
    fn try_from(number: u32) -> Result<SyncKind, u32> {
        match number {
            0 => Ok(SyncKind::BackgroundSync),
            1 => Ok(SyncKind::PeriodicSync),
            other => Err(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // R184, R193
    fn kinds_have_the_numbers_of_webview2_and_no_others() {
        assert_eq!(SyncKind::try_from(0), Ok(SyncKind::BackgroundSync));
        assert_eq!(SyncKind::try_from(1), Ok(SyncKind::PeriodicSync));
        assert_eq!((SyncKind::BackgroundSync as u32, SyncKind::PeriodicSync as u32), (0, 1));
        for unknown in [2, u32::MAX] {
            assert_eq!(SyncKind::try_from(unknown), Err(unknown));
        }
    }
}
