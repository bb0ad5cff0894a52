//! The list of notifications that are shown.

use super::{Notification, NotificationChange, NotificationCloseReason, NotificationId, NotificationOptions};
use crate::agent::{HostError, Worker, lock};
use crate::emitter::Emitter;
use crate::shared::Shared;
use crate::storage::{StorageFailure, WorkerStore};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use wakeworker::HostHandle;
use wakeworker_core::{PermissionName, PermissionState, StorageKey, WorkerRegistrationId};

/// Everything that is shown, and who may show something.
pub(crate) struct Notifications {
    shown: Mutex<BTreeMap<NotificationId, Notification>>,
    changes: Emitter<NotificationChange>,
    /// What the engine has said of the permission; scripts ask for it without waiting.
    permissions: Mutex<HashMap<StorageKey, PermissionState>>,
}

impl Notifications {
    /// Those that were shown when the runtime ended.
    pub(crate) fn restore(store: &WorkerStore) -> Result<Notifications, StorageFailure> {
        let shown = store.notifications()?.into_iter().map(|found| (found.id, found)).collect();
        Ok(Notifications {
            shown: Mutex::new(shown),
            changes: Emitter::default(),
            permissions: Mutex::default(),
        })
    }

    pub(crate) fn subscribe(&self, observer: impl Fn(&NotificationChange) + Send + Sync + 'static) {
        self.changes.subscribe(observer);
    }

    /// One that is shown.
    pub(crate) fn find(&self, id: NotificationId) -> Option<Notification> {
        lock(&self.shown).get(&id).cloned()
    }

    /// Those for which `wanted` is true, in the order in which they were shown.
    pub(crate) fn list(&self, wanted: impl Fn(&Notification) -> bool) -> Vec<Notification> {
        lock(&self.shown).values().filter(|shown| wanted(shown)).cloned().collect()
    }

    /// The permission as it was last heard of.
    pub(crate) fn permission(&self, key: &StorageKey) -> PermissionState {
        // R137
        lock(&self.permissions).get(key).copied().unwrap_or(PermissionState::Denied)
    }

    pub(crate) fn set_permission(&self, key: StorageKey, state: PermissionState) {
        lock(&self.permissions).insert(key, state);
    }
}

impl Shared {
    /// Asks the engine for the permission of an origin, so that its workers need not wait for it.
    pub(crate) fn learn_notification_permission(self: &Arc<Shared>, host: &HostHandle, key: StorageKey) {
        let shared = Arc::downgrade(self);
        let about = key.clone();
        host.permission_state_then(key, PermissionName::Notifications, move |state| {
            if let Some(shared) = shared.upgrade() {
                shared.notifications.set_permission(about, state);
            }
        });
    }

    /// "Show steps": durable when it returns.
    pub(crate) fn show_notification(
        &self,
        worker: &Worker,
        mut options: NotificationOptions,
        json_bytes: usize,
    ) -> Result<(), HostError> {
        let key = &worker.storage_key;
        let refuse =
            |name, message: String| Err(HostError::new(name, format!("showNotification: {message}")));
        if self.notifications.permission(key) != PermissionState::Granted {
            return refuse("TypeError", "the origin has no permission to show notifications".to_owned());
        }
        if self.active_worker(worker.registration).is_none() {
            return refuse("TypeError", "the registration has no active worker".to_owned());
        }
        let bytes_max = self.config.notification_bytes_max;
        if json_bytes > bytes_max {
            let message = format!("the notification has {json_bytes} bytes; at most {bytes_max} are allowed");
            return refuse("QuotaExceededError", message);
        }
        options.actions.truncate(NotificationOptions::ACTIONS_MAX);
        let mut shown = lock(&self.notifications.shown);
        let own = |found: &&Notification| found.storage_key == *key;
        let replaces = match options.tag.as_str() {
            "" => None,
            tag => shown.values().filter(own).find(|found| found.options.tag == tag).map(|found| found.id),
        };
        let staying = shown.values().filter(own).map(|found| found.id).filter(|id| Some(*id) != replaces);
        let staying: Vec<_> = staying.collect();
        let most = self.config.notifications_per_origin_max.max(1);
        // The oldest make room: a worker that nobody attends to must not fail because it has told too much.
        let crowded = &staying[..(staying.len() + 1).saturating_sub(most)];
        let removed: Vec<_> = crowded.iter().copied().chain(replaces).collect();
        let id = self
            .store
            .replace_notifications(worker.registration, &options, &removed)
            .map_err(|failure| HostError::new(failure.name, failure.message))?;
        for id in crowded {
            if let Some(notification) = shown.remove(id) {
                let reason = NotificationCloseReason::Crowded;
                self.notifications.changes.note(NotificationChange::Closed { notification, reason });
            }
        }
        if let Some(replaced) = replaces {
            shown.remove(&replaced);
        }
        let notification = Notification {
            id,
            registration: worker.registration,
            storage_key: key.clone(),
            scope: worker.scope.clone(),
            options,
        };
        shown.insert(id, notification.clone());
        self.notifications.changes.note(NotificationChange::Shown { notification, replaces });
        drop(shown);
        self.notifications.changes.deliver();
        Ok(())
    }

    /// Takes a notification away, durably; gives it, if it was shown.
    pub(crate) fn remove_notification(
        &self,
        id: NotificationId,
        reason: NotificationCloseReason,
    ) -> Result<Option<Notification>, StorageFailure> {
        let mut shown = lock(&self.notifications.shown);
        if !shown.contains_key(&id) {
            return Ok(None);
        }
        self.store.remove_notification(id)?;
        let removed = shown.remove(&id);
        if let Some(notification) = removed.clone() {
            self.notifications.changes.note(NotificationChange::Closed { notification, reason });
        }
        drop(shown);
        self.notifications.changes.deliver();
        Ok(removed)
    }

    /// A registration was removed from the store, and with it what it has shown.
    pub(crate) fn forget_notifications(&self, registration: WorkerRegistrationId) {
        let mut shown = lock(&self.notifications.shown);
        for (_, notification) in shown.extract_if(.., |_, found| found.registration == registration) {
            let reason = NotificationCloseReason::Unregistered;
            self.notifications.changes.note(NotificationChange::Closed { notification, reason });
        }
        drop(shown);
        self.notifications.changes.deliver();
    }
}
