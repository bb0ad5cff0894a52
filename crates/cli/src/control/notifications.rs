//! Notifications and push messages, as the control API and `--json` say them, and what the API does with them.

use super::server::{Refused, choose};
use super::shapes::DispatchResult;
use crate::clock::iso;
use crate::gateway::Gateway;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::oneshot;
use wakeworker_core::AttemptOutcome;
use wakeworker_quickjs::{Notification, NotificationId};

/// The answer of `notifications`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NotificationList {
    /// What is shown, in the order in which it was shown.
    pub(crate) notifications: Vec<NotificationLine>,
}

/// One notification. The script's own data is nobody else's.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NotificationLine {
    /// Its number in the profile.
    pub(crate) id: u64,
    /// The origin, with its partition if it has one.
    pub(crate) storage_key: String,
    /// The scope of its worker.
    pub(crate) scope: String,
    /// What it says.
    pub(crate) title: String,
    /// The text below the title.
    pub(crate) body: String,
    /// Notifications of a site with the same tag replace each other.
    pub(crate) tag: String,
    /// The language of the text, or empty.
    pub(crate) lang: String,
    /// `auto`, `ltr` or `rtl`.
    pub(crate) dir: String,
    /// The moment that it is about.
    pub(crate) time: String,
    pub(crate) icon: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) badge: Option<String>,
    pub(crate) navigate: Option<String>,
    pub(crate) silent: Option<bool>,
    pub(crate) require_interaction: bool,
    /// Its buttons.
    pub(crate) actions: Vec<ActionLine>,
}

/// A button.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ActionLine {
    /// What `click --action` names.
    pub(crate) action: String,
    /// What a person reads on it.
    pub(crate) title: String,
}

/// The question of `notifications click`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ClickOrder {
    /// The name of the button; empty for the notification itself.
    pub(crate) action: String,
}

/// The question of `push`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PushOrder {
    /// The message as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<String>,
    /// The message as Base64, for bytes that are no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) data_base64: Option<String>,
    /// The scope of the worker; may be left out if there is only one.
    pub(crate) scope: Option<String>,
}

impl From<&Notification> for NotificationLine {
    fn from(notification: &Notification) -> NotificationLine {
        let options = notification.options.clone();
        let actions = options.actions.into_iter();
        NotificationLine {
            id: notification.id.0,
            storage_key: notification.storage_key.as_str().to_owned(),
            scope: notification.scope.clone(),
            title: options.title,
            body: options.body,
            tag: options.tag,
            lang: options.lang,
            dir: options.dir,
            time: iso(i64::try_from(options.timestamp).unwrap_or(i64::MAX)),
            icon: options.icon,
            image: options.image,
            badge: options.badge,
            navigate: options.navigate,
            silent: options.silent,
            require_interaction: options.require_interaction,
            actions: actions.map(|found| ActionLine { action: found.action, title: found.title }).collect(),
        }
    }
}

/// `GET notifications`
pub(super) async fn list(State(gateway): State<Arc<Gateway>>) -> Json<NotificationList> {
    let shown = gateway.runtime.notifications(None);
    Json(NotificationList { notifications: shown.iter().map(NotificationLine::from).collect() })
}

/// `POST notifications/ID/click`
pub(super) async fn click(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<u64>,
    Json(order): Json<ClickOrder>,
) -> Result<Json<DispatchResult>, Refused> {
    let notification = find(&gateway, id)?;
    let actions = &notification.options.actions;
    if !order.action.is_empty() && !actions.iter().any(|found| found.action == order.action) {
        let names: Vec<&str> = actions.iter().map(|found| found.action.as_str()).collect();
        let text = match names.as_slice() {
            [] => format!("notification {id} has no actions, so none with the name `{}`", order.action),
            names => {
                format!("notification {id} has no action `{}`; it has: {}", order.action, names.join(", "))
            }
        };
        return Err(Refused(StatusCode::NOT_FOUND, text));
    }
    let (tell, told) = oneshot::channel();
    gateway.runtime.click_notification(notification.id, &order.action, move |outcome| {
        // The event takes place whether or not somebody waits for its end.
        let _ = tell.send(outcome);
    });
    ended(told, &notification.scope).await
}

/// `DELETE notifications/ID`
pub(super) async fn close(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<u64>,
) -> Result<Json<DispatchResult>, Refused> {
    let notification = find(&gateway, id)?;
    let (tell, told) = oneshot::channel();
    let closed = gateway.runtime.close_notification(notification.id, move |outcome| {
        let _ = tell.send(outcome);
    });
    closed.map_err(|error| Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    ended(told, &notification.scope).await
}

/// `POST push`
pub(super) async fn push(
    State(gateway): State<Arc<Gateway>>,
    Json(order): Json<PushOrder>,
) -> Result<Json<DispatchResult>, Refused> {
    let refuse = |text: String| Err(Refused(StatusCode::BAD_REQUEST, text));
    let data = match (order.data, order.data_base64) {
        (Some(_), Some(_)) => return refuse("give `data` or `data_base64`, not both".to_owned()),
        (Some(text), None) => Some(text.into_bytes()),
        (None, Some(text)) => match STANDARD.decode(&text) {
            Ok(bytes) => Some(bytes),
            Err(error) => return refuse(format!("`data_base64` is not Base64: {error}")),
        },
        (None, None) => None,
    };
    let all = gateway.host.worker_registrations().await?;
    let registration = choose(&all, order.scope.as_deref(), &gateway.hosts)?;
    let (tell, told) = oneshot::channel();
    gateway.runtime.push(registration.id, data, move |outcome| {
        let _ = tell.send(outcome);
    });
    ended(told, &registration.scope).await
}

fn find(gateway: &Gateway, id: u64) -> Result<Notification, Refused> {
    gateway.runtime.notification(NotificationId(id)).ok_or_else(|| {
        let text = format!("notification {id} is not shown; `wakeworker notifications` lists those that are");
        Refused(StatusCode::NOT_FOUND, text)
    })
}

async fn ended(
    told: oneshot::Receiver<AttemptOutcome>,
    scope: &str,
) -> Result<Json<DispatchResult>, Refused> {
    match told.await {
        Ok(outcome) => Ok(Json(DispatchResult::new(outcome, scope))),
        Err(_) => {
            let text = "the program is being stopped; the event may not have taken place";
            Err(Refused(StatusCode::SERVICE_UNAVAILABLE, text.to_owned()))
        }
    }
}
