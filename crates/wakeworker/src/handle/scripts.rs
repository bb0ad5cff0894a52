//! What scripts ask beside the two managers, for backends: permissions, and the entries that registration objects show.

use crate::error::QueryError;
use crate::message::{Message, View};
use crate::{HostHandle, Pending};
use wakeworker_core::{
    PermissionName, PermissionState, StorageKey, SyncKind, SyncRegistration, WorkerRegistrationId,
};

impl HostHandle {
    /// The state of a permission: as stated, or its default (R134, R135, R137).
    pub fn permission_state(
        &self,
        storage_key: StorageKey,
        name: PermissionName,
    ) -> Pending<Result<PermissionState, QueryError>> {
        self.query(move |engine, _, _| Ok(engine.permission_state(&storage_key, name)))
    }

    /// As [`HostHandle::permission_state`], with a callback on the engine thread, which may only enqueue.
    pub fn permission_state_then(
        &self,
        storage_key: StorageKey,
        name: PermissionName,
        done: impl FnOnce(PermissionState) + Send + 'static,
    ) {
        self.send(Message::Query(Box::new(move |View { engine, .. }| {
            done(engine.permission_state(&storage_key, name));
        })));
    }

    /// The entries of one kind of a worker registration, with a callback on the engine thread, which may only enqueue.
    pub fn sync_registrations_of_then(
        &self,
        registration: WorkerRegistrationId,
        kind: SyncKind,
        done: impl FnOnce(Vec<SyncRegistration>) + Send + 'static,
    ) {
        self.send(Message::Query(Box::new(move |View { engine, .. }| {
            done(engine.sync_registrations_of(registration, kind).collect());
        })));
    }
}
