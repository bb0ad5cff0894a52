//! The JSON form of activity events, as it is kept on disk.
//!
//! It is written by this version and read by this one and later ones, so names and fields are never changed, only
//! added. An event that a newer version wrote and this one does not know is skipped on reading.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use wakeworker_core::{ActivityEvent, FailureReason, PermissionName, PermissionState, Power};

/// The event as JSON text.
pub(super) fn encode(event: &ActivityEvent) -> Result<String, serde_json::Error> {
    serde_json::to_string(&EventRecord::from(event))
}

/// The event that [`encode`] gave this text for, or what is wrong with the text.
pub(super) fn decode(text: &str) -> Result<ActivityEvent, String> {
    let record: EventRecord<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    record.into_event()
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum EventRecord<'a> {
    Started {
        entries: usize,
    },
    NetworkChanged {
        online: bool,
    },
    WorkerRegistered {
        scope: Cow<'a, str>,
    },
    WorkerActivated,
    WorkerUnregistered,
    Registered {
        #[serde(skip_serializing_if = "Option::is_none")]
        min_interval_ms: Option<u64>,
    },
    Reregistered,
    RegistrationRefused {
        error: Cow<'a, str>,
    },
    Unregistered,
    Dispatched {
        last_chance: bool,
        attempt: u32,
        background: bool,
    },
    Completed {
        handled: bool,
    },
    Failed {
        reason: Reason,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_attempt_ms: Option<u64>,
    },
    NotDispatched,
    GaveUp,
    Removed,
    Interrupted {
        times: u32,
    },
    PermissionChanged {
        name: Permission,
        state: State,
    },
    Cancelled,
    Expired,
    Suspended,
    Revived,
    Round {
        events: usize,
    },
    PowerChanged {
        charging: bool,
        battery_saver: bool,
        data_saver: bool,
    },
    /// An event that has no form of its own here yet; for people who look into the database.
    Other {
        text: Cow<'a, str>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reason {
    Rejected,
    TimedOut,
    Terminated,
    StartFailed,
    ScriptError,
    Abandoned,
    Crashed,
    Other,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Permission {
    BackgroundSync,
    PeriodicBackgroundSync,
    Notifications,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Granted,
    Denied,
    Prompt,
}

impl<'a> From<&'a ActivityEvent> for EventRecord<'a> {
    fn from(event: &'a ActivityEvent) -> EventRecord<'a> {
        match event {
            ActivityEvent::Started { entries } => EventRecord::Started { entries: *entries },
            ActivityEvent::NetworkChanged { online } => EventRecord::NetworkChanged { online: *online },
            ActivityEvent::WorkerRegistered { scope } => {
                EventRecord::WorkerRegistered { scope: scope.as_str().into() }
            }
            ActivityEvent::WorkerActivated => EventRecord::WorkerActivated,
            ActivityEvent::WorkerUnregistered => EventRecord::WorkerUnregistered,
            ActivityEvent::Registered { min_interval_ms } => {
                EventRecord::Registered { min_interval_ms: *min_interval_ms }
            }
            ActivityEvent::Reregistered => EventRecord::Reregistered,
            ActivityEvent::RegistrationRefused { error } => {
                EventRecord::RegistrationRefused { error: (*error).into() }
            }
            ActivityEvent::Unregistered => EventRecord::Unregistered,
            &ActivityEvent::Dispatched { last_chance, attempt, background } => {
                EventRecord::Dispatched { last_chance, attempt, background }
            }
            ActivityEvent::Completed { handled } => EventRecord::Completed { handled: *handled },
            ActivityEvent::Failed { reason, message, next_attempt_ms } => EventRecord::Failed {
                reason: Reason::from(*reason),
                message: message.as_deref().map(Cow::Borrowed),
                next_attempt_ms: *next_attempt_ms,
            },
            ActivityEvent::NotDispatched => EventRecord::NotDispatched,
            ActivityEvent::GaveUp => EventRecord::GaveUp,
            ActivityEvent::Removed => EventRecord::Removed,
            ActivityEvent::Interrupted { times } => EventRecord::Interrupted { times: *times },
            ActivityEvent::PermissionChanged { name, state } => EventRecord::PermissionChanged {
                name: match name {
                    PermissionName::BackgroundSync => Permission::BackgroundSync,
                    PermissionName::PeriodicBackgroundSync => Permission::PeriodicBackgroundSync,
                    PermissionName::Notifications => Permission::Notifications,
                },
                state: match state {
                    PermissionState::Granted => State::Granted,
                    PermissionState::Denied => State::Denied,
                    PermissionState::Prompt => State::Prompt,
                },
            },
            ActivityEvent::Cancelled => EventRecord::Cancelled,
            ActivityEvent::Expired => EventRecord::Expired,
            ActivityEvent::Suspended => EventRecord::Suspended,
            ActivityEvent::Revived => EventRecord::Revived,
            ActivityEvent::Round { events } => EventRecord::Round { events: *events },
            &ActivityEvent::PowerChanged(Power { charging, battery_saver, data_saver }) => {
                EventRecord::PowerChanged { charging, battery_saver, data_saver }
            }
            other => EventRecord::Other { text: format!("{other:?}").into() },
        }
    }
}

impl EventRecord<'_> {
    fn into_event(self) -> Result<ActivityEvent, String> {
        Ok(match self {
            EventRecord::Started { entries } => ActivityEvent::Started { entries },
            EventRecord::NetworkChanged { online } => ActivityEvent::NetworkChanged { online },
            EventRecord::WorkerRegistered { scope } => {
                ActivityEvent::WorkerRegistered { scope: scope.into_owned() }
            }
            EventRecord::WorkerActivated => ActivityEvent::WorkerActivated,
            EventRecord::WorkerUnregistered => ActivityEvent::WorkerUnregistered,
            EventRecord::Registered { min_interval_ms } => ActivityEvent::Registered { min_interval_ms },
            EventRecord::Reregistered => ActivityEvent::Reregistered,
            EventRecord::RegistrationRefused { error } => {
                match ERROR_NAMES.iter().find(|name| **name == error) {
                    Some(error) => ActivityEvent::RegistrationRefused { error },
                    None => return Err(format!("unknown error name `{error}`")),
                }
            }
            EventRecord::Unregistered => ActivityEvent::Unregistered,
            EventRecord::Dispatched { last_chance, attempt, background } => {
                ActivityEvent::Dispatched { last_chance, attempt, background }
            }
            EventRecord::Completed { handled } => ActivityEvent::Completed { handled },
            EventRecord::Failed { reason, message, next_attempt_ms } => ActivityEvent::Failed {
                reason: reason.into_reason()?,
                message: message.map(|text| text.into_owned().into()),
                next_attempt_ms,
            },
            EventRecord::NotDispatched => ActivityEvent::NotDispatched,
            EventRecord::GaveUp => ActivityEvent::GaveUp,
            EventRecord::Removed => ActivityEvent::Removed,
            EventRecord::Interrupted { times } => ActivityEvent::Interrupted { times },
            EventRecord::PermissionChanged { name, state } => ActivityEvent::PermissionChanged {
                name: match name {
                    Permission::BackgroundSync => PermissionName::BackgroundSync,
                    Permission::PeriodicBackgroundSync => PermissionName::PeriodicBackgroundSync,
                    Permission::Notifications => PermissionName::Notifications,
                },
                state: match state {
                    State::Granted => PermissionState::Granted,
                    State::Denied => PermissionState::Denied,
                    State::Prompt => PermissionState::Prompt,
                },
            },
            EventRecord::Cancelled => ActivityEvent::Cancelled,
            EventRecord::Expired => ActivityEvent::Expired,
            EventRecord::Suspended => ActivityEvent::Suspended,
            EventRecord::Revived => ActivityEvent::Revived,
            EventRecord::Round { events } => ActivityEvent::Round { events },
            EventRecord::PowerChanged { charging, battery_saver, data_saver } => {
                ActivityEvent::PowerChanged(Power { charging, battery_saver, data_saver })
            }
            EventRecord::Other { text } => return Err(format!("an event that is kept as text only: {text}")),
        })
    }
}

impl From<FailureReason> for Reason {
    fn from(reason: FailureReason) -> Reason {
        match reason {
            FailureReason::Rejected => Reason::Rejected,
            FailureReason::TimedOut => Reason::TimedOut,
            FailureReason::Terminated => Reason::Terminated,
            FailureReason::StartFailed => Reason::StartFailed,
            FailureReason::ScriptError => Reason::ScriptError,
            FailureReason::Abandoned => Reason::Abandoned,
            FailureReason::Crashed => Reason::Crashed,
            _ => Reason::Other,
        }
    }
}

impl Reason {
    fn into_reason(self) -> Result<FailureReason, String> {
        Ok(match self {
            Reason::Rejected => FailureReason::Rejected,
            Reason::TimedOut => FailureReason::TimedOut,
            Reason::Terminated => FailureReason::Terminated,
            Reason::StartFailed => FailureReason::StartFailed,
            Reason::ScriptError => FailureReason::ScriptError,
            Reason::Abandoned => FailureReason::Abandoned,
            Reason::Crashed => FailureReason::Crashed,
            Reason::Other => return Err("a failure reason that has no name here".to_owned()),
        })
    }
}

/// The names that a refused registration can carry: those of DOMExceptions, and of the ECMAScript errors that the
/// specifications use.
const ERROR_NAMES: [&str; 12] = [
    "AbortError",
    "DataError",
    "InvalidAccessError",
    "InvalidStateError",
    "NotAllowedError",
    "NotFoundError",
    "NotSupportedError",
    "QuotaExceededError",
    "RangeError",
    "SecurityError",
    "TypeError",
    "UnknownError",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // R176
    fn an_event_of_a_newer_version_is_refused_with_its_name_and_new_fields_are_ignored() {
        let problem = decode(r#"{"event":"teleported","to":"mars"}"#).unwrap_err();
        assert!(problem.contains("teleported"), "{problem}");
        assert_eq!(
            decode(r#"{"event":"completed","handled":true,"took_ms":3}"#),
            Ok(ActivityEvent::Completed { handled: true })
        );
        for broken in
            ["", "{}", "null", "[1]", r#"{"event":"completed"}"#, r#"{"event":"failed","reason":"bored"}"#]
        {
            assert!(decode(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn every_error_that_a_registration_can_be_refused_with_has_a_name_here() {
        use wakeworker_core::RegisterError;
        for error in [
            RegisterError::NoActiveWorker,
            RegisterError::PermissionDenied,
            RegisterError::NoWindow,
            RegisterError::TagTooLong { bytes: 2, bytes_max: 1 },
            RegisterError::NoRegistration,
            RegisterError::NoSyncRegistration,
            RegisterError::WorkerGone,
            RegisterError::TooManyRegistrations {
                limit: wakeworker_core::RegistrationLimit::PerOrigin,
                entries_max: 1,
            },
            RegisterError::EmptyWindow { earliest_ms: 2, latest_ms: 1 },
            RegisterError::Unsupported { feature: "`sync.unregister`" },
            RegisterError::Storage,
            RegisterError::ShuttingDown,
        ] {
            let event = ActivityEvent::RegistrationRefused { error: error.dom_exception_name() };
            let text = encode(&event).unwrap();
            assert_eq!(decode(&text), Ok(event));
        }
    }
}
