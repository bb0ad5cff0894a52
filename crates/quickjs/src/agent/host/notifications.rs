//! Notifications, as scripts show, list and close them.

use super::super::realm::Realm;
use super::super::task::HostError;
use super::{Answer, HostObject, Reply};
use crate::notifications::{Notification, NotificationCloseReason, NotificationId, NotificationOptions};
use crate::script::Text;
use rquickjs::Result;
use std::rc::Rc;

pub(super) fn install(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    let state = realm.clone();
    host.function("notificationPermission", move || {
        state.shared.notifications.permission(&state.worker.storage_key).as_str()
    })?;
    let state = realm.clone();
    host.function("notificationShow", move |record: Text| Reply(show(&state, &record.into_string())))?;
    let state = realm.clone();
    host.function("notificationList", move || {
        // "getNotifications": those of this registration.
        let registration = state.worker.registration;
        let shown = state.shared.notifications.list(|found| found.registration == registration);
        serde_json::Value::Array(shown.iter().map(notification_json).collect()).to_string()
    })?;
    let state = realm.clone();
    host.function("notificationClose", move |id: u64| Reply(close(&state, NotificationId(id))))
}

/// A notification as the JavaScript layer knows it.
pub(crate) fn notification_json(notification: &Notification) -> serde_json::Value {
    serde_json::json!({ "id": notification.id.0, "options": notification.options })
}

fn show(realm: &Realm, record: &str) -> std::result::Result<Answer, HostError> {
    let options: NotificationOptions = serde_json::from_str(record)
        .map_err(|error| HostError::new("TypeError", format!("the notification cannot be read: {error}")))?;
    realm.shared.show_notification(&realm.worker, options, record.len())?;
    Ok(Answer::Undefined)
}

fn close(realm: &Realm, id: NotificationId) -> std::result::Result<Answer, HostError> {
    let own = realm.shared.notifications.find(id);
    // Notifications of other origins do not exist for a script (R175).
    if own.is_some_and(|own| own.storage_key == realm.worker.storage_key) {
        realm
            .shared
            .remove_notification(id, NotificationCloseReason::Script)
            .map_err(|failure| HostError::new(failure.name, failure.message))?;
    }
    Ok(Answer::Undefined)
}
