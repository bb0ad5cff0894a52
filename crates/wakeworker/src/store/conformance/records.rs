//! Records to test with.

use wakeworker_core::{
    ActiveWorker, Activity, ActivityEvent, Conditions, FailureReason, PermissionName, PermissionState, Power,
    StorageKey, SyncKind, SyncOptions, SyncRegistration, SyncRegistrationId, Tag, Timestamp, WorkerId,
    WorkerRegistration, WorkerRegistrationId,
};

/// A worker registration with an active worker.
pub fn worker_registration(id: u64) -> WorkerRegistration {
    WorkerRegistration {
        id: WorkerRegistrationId(id),
        storage_key: StorageKey::first_party("https://chat.example"),
        scope: format!("https://chat.example/{id}/"),
        script_url: "https://chat.example/sw.js".to_owned(),
        active: Some(ActiveWorker { id: WorkerId(id + 100), activated: true }),
    }
}

/// A fresh one-off entry.
pub fn sync_registration(id: u64, owner: u64, tag: &str) -> SyncRegistration {
    SyncRegistration {
        id: SyncRegistrationId(id),
        worker_registration: WorkerRegistrationId(owner),
        tag: Tag::from(tag),
        options: SyncOptions::OneShot,
        registered_at: Timestamp(1_700_000_000_000),
        attempts: 0,
        interrupted_starts: 0,
        attempts_max: 3,
        not_before: None,
        not_after: None,
        conditions: Conditions::default(),
        network: None,
        reregistered_while_firing: false,
    }
}

/// An activity that concerns one entry.
pub fn activity(time: i64, event: ActivityEvent) -> Activity {
    Activity {
        time: Timestamp(time),
        storage_key: Some(StorageKey::first_party("https://chat.example")),
        registration: Some(WorkerRegistrationId(1)),
        sync: Some((SyncKind::BackgroundSync, Tag::from("outbox"))),
        event,
    }
}

/// One event of each kind, and some with more than one form.
pub fn activity_events() -> Vec<ActivityEvent> {
    let mut events = vec![
        ActivityEvent::Started { entries: 7 },
        ActivityEvent::NetworkChanged { online: false },
        ActivityEvent::WorkerRegistered { scope: "https://chat.example/\"ü\0\n/".to_owned() },
        ActivityEvent::WorkerActivated,
        ActivityEvent::WorkerUnregistered,
        ActivityEvent::Registered { min_interval_ms: None },
        ActivityEvent::Registered { min_interval_ms: Some(u64::MAX) },
        ActivityEvent::Reregistered,
        ActivityEvent::RegistrationRefused { error: "InvalidAccessError" },
        ActivityEvent::Unregistered,
        ActivityEvent::Dispatched { last_chance: true, attempt: u32::MAX, background: true },
        ActivityEvent::Completed { handled: false },
        ActivityEvent::Failed {
            reason: FailureReason::Rejected,
            message: Some("TypeError: \u{1F4A5} \"no\"".into()),
            next_attempt_ms: Some(300_000),
        },
        ActivityEvent::NotDispatched,
        ActivityEvent::GaveUp,
        ActivityEvent::Removed,
        ActivityEvent::Interrupted { times: 2 },
        ActivityEvent::Cancelled,
        ActivityEvent::Expired,
        ActivityEvent::Suspended,
        ActivityEvent::Revived,
        ActivityEvent::Round { events: 12 },
        ActivityEvent::PowerChanged(Power { charging: false, battery_saver: true, data_saver: false }),
    ];
    for reason in [
        FailureReason::TimedOut,
        FailureReason::Terminated,
        FailureReason::StartFailed,
        FailureReason::ScriptError,
        FailureReason::Abandoned,
        FailureReason::Crashed,
    ] {
        events.push(ActivityEvent::Failed { reason, message: None, next_attempt_ms: None });
    }
    for (name, state) in [
        (PermissionName::BackgroundSync, PermissionState::Denied),
        (PermissionName::PeriodicBackgroundSync, PermissionState::Granted),
        (PermissionName::Notifications, PermissionState::Prompt),
    ] {
        events.push(ActivityEvent::PermissionChanged { name, state });
    }
    events
}
