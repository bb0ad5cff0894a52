//! The notifications that are shown, beside the registrations that they belong to.

use super::StorageFailure;
use super::workers::WorkerStore;
use crate::notifications::{Notification, NotificationId, NotificationOptions};
use rusqlite::params;
use wakeworker_core::{StorageKey, WorkerRegistrationId};

impl WorkerStore {
    /// All of them, in the order in which they were shown.
    pub(crate) fn notifications(&self) -> Result<Vec<Notification>, StorageFailure> {
        let connection = self.connection();
        let mut statement = connection.prepare(
            "SELECT notification.id, worker_registration, storage_key, scope, options FROM notification
             JOIN worker_registration ON worker_registration.id = worker_registration ORDER BY notification.id",
        )?;
        let mut rows = statement.query([])?;
        let mut notifications = Vec::new();
        while let Some(row) = rows.next()? {
            let id = row.get::<_, i64>(0)?.cast_unsigned();
            let options = row.get::<_, String>(4)?;
            let options = serde_json::from_str(&options).map_err(|error| {
                StorageFailure::data(format!("the stored notification {id} cannot be read: {error}"))
            })?;
            notifications.push(Notification {
                id: NotificationId(id),
                registration: WorkerRegistrationId(row.get::<_, i64>(1)?.cast_unsigned()),
                storage_key: StorageKey::from(row.get::<_, String>(2)?.as_str()),
                scope: row.get(3)?,
                options,
            });
        }
        Ok(notifications)
    }

    /// Inserts a notification, durably, and removes those whose place it takes.
    pub(crate) fn replace_notifications(
        &self,
        registration: WorkerRegistrationId,
        options: &NotificationOptions,
        removed: &[NotificationId],
    ) -> Result<NotificationId, StorageFailure> {
        let options = serde_json::to_string(options)
            .map_err(|error| StorageFailure::data(format!("the notification cannot be stored: {error}")))?;
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        for id in removed {
            transaction.execute("DELETE FROM notification WHERE id = ?1", [id.0.cast_signed()])?;
        }
        let id: i64 = transaction.query_row(
            "INSERT INTO notification (worker_registration, options) VALUES (?1, ?2) RETURNING id",
            params![registration.0.cast_signed(), options],
            |row| row.get(0),
        )?;
        transaction.commit()?;
        Ok(NotificationId(id.cast_unsigned()))
    }

    /// Removes one, durably.
    pub(crate) fn remove_notification(&self, id: NotificationId) -> Result<(), StorageFailure> {
        self.connection().execute("DELETE FROM notification WHERE id = ?1", [id.0.cast_signed()])?;
        Ok(())
    }
}
