//! Who decides what an origin may do: the host program, asked through a [`PermissionProvider`].

use crate::HostHandle;
use crate::message::{Message, PermissionAnswer};
use std::fmt;
use wakeworker_core::{PermissionName, PermissionState, StorageKey, SyncKind, WorkerRegistrationId};

/// Decides about permissions, once an origin is there to have them.
///
/// Both methods are called on the engine thread and must return at once.
pub trait PermissionProvider: Send + Sync {
    /// The state of a permission of an origin that the host meets for the first time in this process, at start or when its
    /// first worker is registered. `None` leaves the default: `background-sync` is granted (R135), the others are denied
    /// (R137). Later changes are told with [`HostHandle::set_permission`].
    fn permission(&self, storage_key: &StorageKey, name: PermissionName) -> Option<PermissionState>;

    /// A script called `register` while the permission's state is [`PermissionState::Prompt`]: ask the user (R105). The
    /// promise waits for the answer, and so does everything that the same manager is asked afterwards (R47). A request
    /// that is dropped unanswered leaves the state as it was: the registration is refused.
    fn request(&self, request: PermissionRequest) {
        drop(request);
    }
}

/// A question for the user (R105).
#[must_use = "dropped unanswered, the registration is refused"]
pub struct PermissionRequest {
    host: Option<HostHandle>,
    storage_key: StorageKey,
    name: PermissionName,
    waiting: (WorkerRegistrationId, SyncKind),
}

impl PermissionRequest {
    pub(crate) fn new(
        host: HostHandle,
        storage_key: StorageKey,
        name: PermissionName,
        waiting: (WorkerRegistrationId, SyncKind),
    ) -> PermissionRequest {
        PermissionRequest { host: Some(host), storage_key, name, waiting }
    }

    /// Whose permission is asked for.
    pub fn storage_key(&self) -> &StorageKey {
        &self.storage_key
    }

    /// Which permission.
    pub fn name(&self) -> PermissionName {
        self.name
    }

    /// States the permission and lets the registration go on.
    pub fn answer(mut self, state: PermissionState) {
        self.send(Some(state));
    }

    fn send(&mut self, state: Option<PermissionState>) {
        if let Some(host) = self.host.take() {
            let (storage_key, name) = (self.storage_key.clone(), self.name);
            let answer = PermissionAnswer { waiting: self.waiting, storage_key, name, state };
            host.send(Message::PermissionAnswered(answer));
        }
    }
}

impl Drop for PermissionRequest {
    fn drop(&mut self) {
        self.send(None);
    }
}

impl fmt::Debug for PermissionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermissionRequest")
            .field("storage_key", &self.storage_key)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
