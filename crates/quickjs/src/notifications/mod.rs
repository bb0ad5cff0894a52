//! Notifications: what workers show, and what the host program makes of it (Notifications API Standard).
//!
//! The runtime has no screen. It keeps the list of notifications that are shown, durably, as they belong to a
//! registration and outlive its workers; the host program hears of each, shows it in its own way, and tells when a person
//! clicks or dismisses it.

mod events;
mod shown;

pub(crate) use shown::Notifications;

use serde::{Deserialize, Serialize};
use wakeworker_core::{StorageKey, WorkerRegistrationId};

/// Identity of a notification, never given twice in a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NotificationId(pub u64);

impl std::fmt::Display for NotificationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A notification that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notification {
    /// Its identity.
    pub id: NotificationId,
    /// The registration that it belongs to; its active worker gets the events.
    pub registration: WorkerRegistrationId,
    /// Whose registration.
    pub storage_key: StorageKey,
    /// The registration's scope.
    pub scope: String,
    /// What it says.
    pub options: NotificationOptions,
}

/// What a script has given to `showNotification()`, with the defaults filled in. URLs are absolute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct NotificationOptions {
    /// The title.
    pub title: String,
    /// The direction of the text: `auto`, `ltr` or `rtl`.
    pub dir: String,
    /// The language of the text as a BCP 47 tag, or empty.
    pub lang: String,
    /// The text below the title.
    pub body: String,
    /// Where a click leads, for hosts that can open it.
    pub navigate: Option<String>,
    /// A new notification of the origin with the same tag, if it is not empty, replaces this one.
    pub tag: String,
    /// The URL of a picture that is part of the content.
    pub image: Option<String>,
    /// The URL of an icon.
    pub icon: Option<String>,
    /// The URL of a monochrome icon for small places.
    pub badge: Option<String>,
    /// Milliseconds of vibration and pause, in turn.
    pub vibrate: Vec<u32>,
    /// The moment that it is about, in milliseconds since 1970.
    pub timestamp: u64,
    /// Whether a person shall notice that it replaces another one.
    pub renotify: bool,
    /// No sound and no vibration; `None` leaves it to the host.
    pub silent: Option<bool>,
    /// Whether it shall stay until a person acts on it.
    pub require_interaction: bool,
    /// Buttons, at most [`ACTIONS_MAX`](NotificationOptions::ACTIONS_MAX).
    pub actions: Vec<NotificationAction>,
    /// The script's own data, as a structured clone; nobody's business but the script's.
    pub data: String,
}

impl NotificationOptions {
    /// Actions that a notification can have; scripts see it as `Notification.maxActions`.
    pub const ACTIONS_MAX: usize = 2;
}

/// A button of a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct NotificationAction {
    /// The name by which the worker knows it; give it to
    /// [`Runtime::click_notification`](crate::Runtime::click_notification).
    pub action: String,
    /// What a person reads on it.
    pub title: String,
    /// Where it leads, for hosts that can open it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub navigate: Option<String>,
    /// The URL of an icon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
}

/// What happened to a notification. Each is told in order, after it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotificationChange {
    /// It is to be shown.
    Shown {
        /// What to show.
        notification: Notification,
        /// The one that it takes the place of, because it has the same tag.
        replaces: Option<NotificationId>,
    },
    /// It is to be taken away.
    Closed {
        /// Which.
        notification: Notification,
        /// Why.
        reason: NotificationCloseReason,
    },
}

/// Why a notification is not shown any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotificationCloseReason {
    /// A person dismissed it: [`Runtime::close_notification`](crate::Runtime::close_notification).
    User,
    /// A script called `notification.close()`.
    Script,
    /// The origin has shown as many as it may after it: `notifications_per_origin_max`.
    Crowded,
    /// Its registration is gone.
    Unregistered,
}
