//! The JSON of the control API and of `--json`. Stable: fields are added, never renamed or removed.

use crate::clock::iso;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use wakeworker::store::RecordedActivity;
use wakeworker_core::{
    ActivityEvent, AttemptOutcome, FailureReason, Reason, SyncKind, SyncState, SyncStatus, UnmetCondition,
};

/// The answer to `list` and `explain`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RegistrationList {
    /// Every sync registration, in the order in which they were made.
    pub(crate) registrations: Vec<SyncRegistrationLine>,
}

/// One sync registration.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SyncRegistrationLine {
    /// Its number in the profile.
    pub(crate) id: u64,
    /// Its tag; a lone surrogate is shown as U+FFFD.
    pub(crate) tag: String,
    /// `sync` or `periodicsync`: the event that it fires.
    pub(crate) kind: String,
    /// `pending`, `firing`, `reregistered-while-firing`, `waiting` or `suspended`.
    pub(crate) state: String,
    /// The origin, with its partition if it has one.
    pub(crate) storage_key: String,
    /// The scope of its worker.
    pub(crate) scope: String,
    /// When it was registered.
    pub(crate) registered_at: String,
    /// Failed attempts so far.
    pub(crate) attempts: u32,
    /// Attempts allowed in total.
    pub(crate) attempts_max: u32,
    /// When the delay after a failure ends.
    pub(crate) not_before: Option<String>,
    /// Smallest time between two periodic events.
    pub(crate) min_interval_ms: Option<u64>,
    /// When it may fire at the earliest, in milliseconds from now; absent if no clock holds it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next_in_ms: Option<u64>,
    /// Why it is not firing now; empty if nothing speaks against it.
    pub(crate) reasons: Vec<ReasonLine>,
}

/// One reason why an entry is not firing.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReasonLine {
    /// A word for it, such as `offline`, `back-off`, `interval`, `permission-denied`.
    pub(crate) reason: String,
    /// For people.
    pub(crate) text: String,
    /// Milliseconds until it ends, if it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remaining_ms: Option<u64>,
}

/// The answer to `log`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ActivityList {
    /// The activities, oldest first.
    pub(crate) activities: Vec<ActivityLine>,
}

/// One line of the activity log.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ActivityLine {
    /// Its number, which only grows.
    pub(crate) id: u64,
    /// When.
    pub(crate) time: String,
    /// The origin, with its partition; absent if the activity concerns the whole profile.
    pub(crate) storage_key: Option<String>,
    /// The number of the worker registration.
    pub(crate) worker_registration: Option<u64>,
    /// `sync` or `periodicsync`.
    pub(crate) kind: Option<String>,
    /// The tag.
    pub(crate) tag: Option<String>,
    /// What happened, such as `dispatched`.
    pub(crate) event: String,
    /// What belongs to the event.
    #[serde(flatten)]
    pub(crate) details: Map<String, Value>,
}

/// The question and the answer of `offline`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OfflineState {
    /// Whether the network is made to appear gone.
    pub(crate) offline: bool,
}

/// The question of `dispatch`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DispatchOrder {
    /// The tag.
    pub(crate) tag: String,
    /// `sync` or `periodicsync`.
    pub(crate) kind: String,
    /// `lastChance` of a `sync` event.
    pub(crate) last_chance: bool,
    /// The scope of the worker; may be left out if there is only one.
    pub(crate) scope: Option<String>,
}

/// The answer to `dispatch`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DispatchResult {
    /// `succeeded`, `failed` or `not-dispatched`.
    pub(crate) outcome: String,
    /// Whether the worker listens to the event, if it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) handled: Option<bool>,
    /// Why it failed: `rejected`, `timed-out`, `terminated`, `start-failed`, `script-error`, `abandoned`, `crashed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// What the script said when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// The scope of the worker that got the event.
    pub(crate) scope: String,
}

/// Why the control API refuses.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ApiError {
    /// What is wrong and what to do.
    pub(crate) error: String,
}

impl From<&SyncStatus> for SyncRegistrationLine {
    fn from(status: &SyncStatus) -> SyncRegistrationLine {
        let record = &status.registration;
        let reasons: Vec<ReasonLine> = status.reasons.iter().map(ReasonLine::from).collect();
        SyncRegistrationLine {
            id: record.id.0,
            tag: record.tag.to_string_lossy(),
            kind: event_type(record.kind()).into(),
            state: state_name(status.state).into(),
            storage_key: status.storage_key.as_str().into(),
            scope: status.scope.clone(),
            registered_at: iso(record.registered_at.0),
            attempts: record.attempts,
            attempts_max: record.attempts_max,
            not_before: record.not_before.map(|time| iso(time.0)),
            min_interval_ms: u64::try_from(record.min_interval_ms()).ok(),
            // Whatever else must come true: not before the last of these times.
            next_in_ms: reasons.iter().filter_map(|reason| reason.remaining_ms).max(),
            reasons,
        }
    }
}

impl From<&Reason> for ReasonLine {
    fn from(reason: &Reason) -> ReasonLine {
        let (name, remaining_ms) = match reason {
            Reason::Offline => ("offline", None),
            Reason::BackOff { remaining_ms, .. } => ("back-off", Some(*remaining_ms)),
            Reason::InFlight { .. } => ("in-flight", None),
            Reason::Disabled => ("disabled", None),
            Reason::PermissionDenied { .. } => ("permission-denied", None),
            Reason::NoActiveWorker => ("no-active-worker", None),
            Reason::WorkerActivating => ("worker-activating", None),
            Reason::Interval { remaining_ms } => ("interval", Some(*remaining_ms)),
            Reason::OriginGap { remaining_ms } => ("origin-gap", Some(*remaining_ms)),
            Reason::GlobalGap { remaining_ms } => ("global-gap", Some(*remaining_ms)),
            Reason::Coalescing { remaining_ms } => ("coalescing", Some(*remaining_ms)),
            Reason::Suspended => ("suspended", None),
            Reason::Condition(UnmetCondition::AvoidCellular) => ("avoid-cellular", None),
            Reason::Condition(UnmetCondition::AvoidDraining) => ("avoid-draining", None),
            Reason::BatterySaver => ("battery-saver", None),
            Reason::DataSaver => ("data-saver", None),
            Reason::HostDriven => ("host-driven", None),
            Reason::EmulatedOffline => ("emulated-offline", None),
            Reason::Unreachable => ("unreachable", None),
            Reason::OtherNetwork => ("other-network", None),
            Reason::NotYet { remaining_ms } => ("not-yet", Some(*remaining_ms)),
            Reason::TooManyEvents { remaining_ms } => ("too-many-events", Some(*remaining_ms)),
            _ => ("other", None),
        };
        ReasonLine { reason: name.into(), text: reason.to_string(), remaining_ms }
    }
}

impl From<&RecordedActivity> for ActivityLine {
    fn from(recorded: &RecordedActivity) -> ActivityLine {
        let activity = &recorded.activity;
        let (event, details) = event(&activity.event);
        ActivityLine {
            id: recorded.id,
            time: iso(activity.time.0),
            storage_key: activity.storage_key.as_ref().map(|key| key.as_str().to_owned()),
            worker_registration: activity.registration.map(|id| id.0),
            kind: activity.sync.as_ref().map(|(kind, _)| event_type(*kind).to_owned()),
            tag: activity.sync.as_ref().map(|(_, tag)| tag.to_string_lossy()),
            event: event.into(),
            details,
        }
    }
}

impl DispatchResult {
    /// The result of an event that was dispatched at the registration with this scope.
    pub(crate) fn new(outcome: AttemptOutcome, scope: &str) -> DispatchResult {
        let mut result = DispatchResult {
            outcome: "not-dispatched".into(),
            handled: None,
            reason: None,
            message: None,
            scope: scope.to_owned(),
        };
        match outcome {
            AttemptOutcome::Succeeded { handled } => {
                result.outcome = "succeeded".into();
                result.handled = Some(handled);
            }
            AttemptOutcome::Failed { reason, message } => {
                result.outcome = "failed".into();
                result.reason = Some(failure_reason(reason).into());
                result.message = message.map(String::from);
            }
            AttemptOutcome::NotDispatched => {}
        }
        result
    }
}

/// The name of a state.
pub(crate) fn state_name(state: SyncState) -> &'static str {
    match state {
        SyncState::Pending => "pending",
        SyncState::Firing => "firing",
        SyncState::ReregisteredWhileFiring => "reregistered-while-firing",
        SyncState::Waiting => "waiting",
        SyncState::Suspended => "suspended",
        _ => "unknown",
    }
}

/// The type of the event that a kind of registration fires.
pub(crate) fn event_type(kind: SyncKind) -> &'static str {
    match kind {
        SyncKind::BackgroundSync => "sync",
        SyncKind::PeriodicSync => "periodicsync",
    }
}

/// The name of a reason for a failure.
pub(crate) fn failure_reason(reason: FailureReason) -> &'static str {
    match reason {
        FailureReason::Rejected => "rejected",
        FailureReason::TimedOut => "timed-out",
        FailureReason::Terminated => "terminated",
        FailureReason::StartFailed => "start-failed",
        FailureReason::ScriptError => "script-error",
        FailureReason::Abandoned => "abandoned",
        FailureReason::Crashed => "crashed",
        _ => "other",
    }
}

/// The name of an activity, and the fields that belong to it.
fn event(event: &ActivityEvent) -> (&'static str, Map<String, Value>) {
    let (name, details) = match event {
        ActivityEvent::Started { entries } => ("started", json!({ "entries": entries })),
        ActivityEvent::NetworkChanged { online } => ("network-changed", json!({ "online": online })),
        ActivityEvent::WorkerRegistered { scope } => ("worker-registered", json!({ "scope": scope })),
        ActivityEvent::WorkerActivated => ("worker-activated", json!({})),
        ActivityEvent::WorkerUnregistered => ("worker-unregistered", json!({})),
        ActivityEvent::Registered { min_interval_ms } => {
            ("registered", json!({ "min_interval_ms": min_interval_ms }))
        }
        ActivityEvent::Reregistered => ("reregistered", json!({})),
        ActivityEvent::RegistrationRefused { error } => ("registration-refused", json!({ "error": error })),
        ActivityEvent::Unregistered => ("unregistered", json!({})),
        ActivityEvent::Dispatched { last_chance, attempt, background } => (
            "dispatched",
            json!({ "last_chance": last_chance, "attempt": attempt, "background": background }),
        ),
        ActivityEvent::Completed { handled } => ("completed", json!({ "handled": handled })),
        ActivityEvent::Failed { reason, message, next_attempt_ms } => (
            "failed",
            json!({ "reason": failure_reason(*reason), "message": message, "next_attempt_ms": next_attempt_ms }),
        ),
        ActivityEvent::NotDispatched => ("not-dispatched", json!({})),
        ActivityEvent::GaveUp => ("gave-up", json!({})),
        ActivityEvent::Removed => ("removed", json!({})),
        ActivityEvent::Interrupted { times } => ("interrupted", json!({ "times": times })),
        ActivityEvent::PermissionChanged { name, state } => {
            ("permission-changed", json!({ "permission": name.as_str(), "state": state.as_str() }))
        }
        ActivityEvent::Cancelled => ("cancelled", json!({})),
        ActivityEvent::Expired => ("expired", json!({})),
        ActivityEvent::Suspended => ("suspended", json!({})),
        ActivityEvent::Revived => ("revived", json!({})),
        ActivityEvent::Round { events } => ("round", json!({ "events": events })),
        ActivityEvent::PowerChanged(power) => (
            "power-changed",
            json!({
                "charging": power.charging,
                "battery_saver": power.battery_saver,
                "data_saver": power.data_saver,
            }),
        ),
        _ => ("other", json!({ "text": format!("{event:?}") })),
    };
    match details {
        Value::Object(details) => (name, details),
        _ => (name, Map::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wakeworker_core::{Activity, StorageKey, Tag, Timestamp, WorkerRegistrationId};

    #[test]
    fn the_shape_of_a_log_line_is_fixed() {
        let recorded = RecordedActivity {
            id: 7,
            activity: Activity {
                time: Timestamp(0),
                storage_key: Some(StorageKey::first_party("http://localhost:1")),
                registration: Some(WorkerRegistrationId(3)),
                sync: Some((SyncKind::BackgroundSync, Tag::from_utf16(&[0x61, 0xD800]))),
                event: ActivityEvent::Failed {
                    reason: FailureReason::TimedOut,
                    message: None,
                    next_attempt_ms: Some(300_000),
                },
            },
        };
        let line = serde_json::to_value(ActivityLine::from(&recorded)).unwrap();
        let expected = json!({
            "id": 7, "time": "1970-01-01T00:00:00.000Z", "storage_key": "http://localhost:1",
            "worker_registration": 3, "kind": "sync", "tag": "a\u{FFFD}", "event": "failed",
            "reason": "timed-out", "message": null, "next_attempt_ms": 300_000,
        });
        assert_eq!(line, expected);
        let back: ActivityLine = serde_json::from_value(line).unwrap();
        assert_eq!(back.details["reason"], "timed-out");
    }
}
