//! What each origin may do.

use crate::{PermissionName, PermissionState, StorageKey};
use alloc::collections::BTreeMap;

/// The permissions that were stated; the rest have their defaults.
#[derive(Clone, Debug, Default)]
pub(crate) struct Permissions {
    stated: BTreeMap<(StorageKey, PermissionName), PermissionState>,
}

impl Permissions {
    /// States a permission. Returns whether that changed anything.
    pub(crate) fn set(
        &mut self,
        storage_key: StorageKey,
        name: PermissionName,
        state: PermissionState,
    ) -> bool {
        let before = self.get(&storage_key, name);
        self.stated.insert((storage_key, name), state);
        before != state
    }

    /// The state of a permission.
    pub(crate) fn get(&self, storage_key: &StorageKey, name: PermissionName) -> PermissionState {
        let stated = self.stated.get(&(storage_key.clone(), name)).copied();
        stated.unwrap_or(match name {
            PermissionName::BackgroundSync => PermissionState::Granted, // R135
            PermissionName::PeriodicBackgroundSync | PermissionName::Notifications => PermissionState::Denied, // R137
        })
    }

    /// Whether a permission is granted.
    pub(crate) fn granted(&self, storage_key: &StorageKey, name: PermissionName) -> bool {
        self.get(storage_key, name) == PermissionState::Granted
    }
}

impl PermissionName {
    /// The permission with the name that scripts use (R134).
    pub fn from_name(name: &str) -> Option<PermissionName> {
        let all = [
            PermissionName::BackgroundSync,
            PermissionName::PeriodicBackgroundSync,
            PermissionName::Notifications,
        ];
        all.into_iter().find(|permission| permission.as_str() == name)
    }
}

impl PermissionState {
    /// The name that scripts see.
    pub fn as_str(self) -> &'static str {
        match self {
            PermissionState::Granted => "granted",
            PermissionState::Denied => "denied",
            PermissionState::Prompt => "prompt",
        }
    }
}
