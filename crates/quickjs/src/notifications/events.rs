//! What a host does with notifications, and the push messages that it delivers.

use super::{Notification, NotificationChange, NotificationCloseReason, NotificationId};
use crate::agent::EventKind;
use crate::{Runtime, StorageError};
use bytes::Bytes;
use wakeworker_core::{AttemptOutcome, StorageKey, WorkerRegistrationId};

impl Runtime {
    /// The notifications that are shown, of one storage key if it is named, in the order in which they were shown.
    pub fn notifications(&self, storage_key: Option<&StorageKey>) -> Vec<Notification> {
        let wanted = |shown: &Notification| storage_key.is_none_or(|key| shown.storage_key == *key);
        self.shared().notifications.list(wanted)
    }

    /// One notification, if it is shown.
    pub fn notification(&self, id: NotificationId) -> Option<Notification> {
        self.shared().notifications.find(id)
    }

    /// Subscribes to what happens to notifications, in order, on the runtime's threads. Those that were shown before the
    /// program started are in [`Runtime::notifications`].
    pub fn on_notification(&self, observer: impl Fn(&NotificationChange) + Send + Sync + 'static) {
        self.shared().notifications.subscribe(observer);
    }

    /// A person clicked a notification, or its button with the name `action`: fires `notificationclick` at the active
    /// worker. The notification stays until the worker or the person closes it. `done` is called once with the end of the
    /// event: `NotDispatched` if the notification is not shown (any more).
    pub fn click_notification(
        &self,
        id: NotificationId,
        action: &str,
        done: impl FnOnce(AttemptOutcome) + Send + 'static,
    ) {
        let Some(notification) = self.notification(id) else { return done(AttemptOutcome::NotDispatched) };
        let registration = notification.registration;
        let kind =
            EventKind::NotificationClick { notification: Box::new(notification), action: action.to_owned() };
        self.shared().fire_functional_event(registration, kind, done);
    }

    /// A person dismissed a notification: it is removed, and `notificationclose` is fired at the active worker. `done` as
    /// in [`Runtime::click_notification`]; an error says that the removal could not be stored, and nothing has changed.
    pub fn close_notification(
        &self,
        id: NotificationId,
        done: impl FnOnce(AttemptOutcome) + Send + 'static,
    ) -> Result<(), StorageError> {
        match self.shared().remove_notification(id, NotificationCloseReason::User)? {
            None => done(AttemptOutcome::NotDispatched),
            Some(notification) => {
                let registration = notification.registration;
                let kind = EventKind::NotificationClose { notification: Box::new(notification) };
                self.shared().fire_functional_event(registration, kind, done);
            }
        }
        Ok(())
    }

    /// Delivers a push message: fires `push` at the active worker, which is started if it does not run. `None` is a
    /// message without data. `done` is called once with the end of the event: `NotDispatched` if there is no active worker.
    pub fn push(
        &self,
        registration: WorkerRegistrationId,
        data: Option<Vec<u8>>,
        done: impl FnOnce(AttemptOutcome) + Send + 'static,
    ) {
        let kind = EventKind::Push { data: data.map(Bytes::from) };
        self.shared().fire_functional_event(registration, kind, done);
    }
}
