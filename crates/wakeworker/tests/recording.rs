//! The activity log: recorded or not, replayed to those who come later, cleared, exported (R238, R239, R252).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stage;

use stage::{ORIGIN, Stage};
use std::sync::{Arc, Mutex};
use wakeworker::core::*;
use wakeworker::store::{MemoryStore, import};

type Heard = Arc<Mutex<Vec<ActivityEvent>>>;

fn noting(heard: &Heard) -> impl Fn(&Activity) + Send + Sync + use<> {
    let heard = heard.clone();
    move |activity| heard.lock().unwrap().push(activity.event.clone())
}

const REGISTERED: ActivityEvent = ActivityEvent::Registered { min_interval_ms: None };

// CR: EventsLoggedForRegistration, EventsLoggedForPeriodicSyncRegistration
#[test] // R238
fn each_step_of_an_entry_is_told_with_time_origin_registration_and_tag() {
    let (mut stage, registration) = Stage::new().with_worker();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let notes = heard.clone();
    let _subscription = stage.host.on_activity(move |activity| notes.lock().unwrap().push(activity.clone()));
    stage.online();
    assert_eq!(stage.register(registration, "outbox"), Ok(()));
    let reason = FailureReason::Rejected;
    stage.end(AttemptOutcome::Failed { reason, message: Some("offline again".into()) });
    let heard = heard.lock().unwrap();
    let of_entry: Vec<&Activity> = heard.iter().filter(|activity| activity.sync.is_some()).collect();
    for activity in &of_entry {
        assert_eq!(activity.time, Timestamp(1_800_000_000_000));
        assert_eq!(activity.storage_key.as_ref().map(StorageKey::as_str), Some(ORIGIN));
        assert_eq!(activity.registration, Some(registration));
        assert_eq!(activity.sync, Some((SyncKind::BackgroundSync, "outbox".into())));
    }
    let events: Vec<&ActivityEvent> = of_entry.iter().map(|activity| &activity.event).collect();
    let failed = ActivityEvent::Failed {
        reason,
        message: Some("offline again".into()),
        next_attempt_ms: Some(300_000),
    };
    let dispatched = ActivityEvent::Dispatched { last_chance: false, attempt: 1, background: false };
    assert_eq!(events, [&REGISTERED, &dispatched, &failed]);
}

#[test] // R239
fn a_new_observer_is_given_what_was_recorded_and_then_what_happens_without_gap_or_repetition() {
    let (mut stage, registration) = Stage::new().with_worker();
    assert_eq!(stage.register(registration, "a"), Ok(()));
    let heard = Heard::default();
    let pending = stage.host.replay_activities(0, noting(&heard));
    // Happens in the same turn, before the query is answered.
    drop(stage.host.sync_manager(registration).register("b".into()));
    let subscription = stage.ask(pending).unwrap();
    assert_eq!(stage.register(registration, "c"), Ok(()));
    let recorded = stage.log();
    assert_eq!(*heard.lock().unwrap(), recorded);
    assert_eq!(recorded.iter().filter(|event| **event == REGISTERED).count(), 3);
    drop(subscription);
    assert_eq!(stage.register(registration, "d"), Ok(()));
    assert_eq!(heard.lock().unwrap().len(), recorded.len());
}

#[test] // R239
fn while_recording_is_off_observers_hear_and_the_log_stays_as_it_was() {
    let (mut stage, registration) = Stage::new().with_worker();
    let before = stage.log();
    let heard = Heard::default();
    let _subscription = stage.host.on_activity(noting(&heard));
    assert!(stage.host.is_recording());
    stage.host.set_recording(false);
    assert_eq!(stage.register(registration, "a"), Ok(()));
    stage.online();
    assert_eq!(stage.log(), before);
    assert!(heard.lock().unwrap().contains(&REGISTERED));
    assert_eq!(stage.tags(registration), ["a"], "the entry itself is kept");
    stage.host.set_recording(true);
    stage.end(AttemptOutcome::Succeeded { handled: true });
    assert_eq!(stage.log().last(), Some(&ActivityEvent::Completed { handled: true }));
}

#[test] // R239
fn a_cleared_log_is_empty_and_goes_on() {
    let (mut stage, registration) = Stage::new().with_worker();
    assert!(!stage.log().is_empty());
    let pending = stage.host.clear_activities();
    stage.ask(pending).unwrap();
    assert!(stage.log().is_empty());
    assert_eq!(stage.register(registration, "a"), Ok(()));
    assert_eq!(stage.log(), [REGISTERED]);
}

#[test] // R252
fn an_exported_profile_tells_the_same_story_elsewhere() {
    let (mut stage, registration) = Stage::new().with_worker();
    stage.online();
    assert_eq!(stage.register(registration, "outbox"), Ok(()));
    stage.end(AttemptOutcome::Failed { reason: FailureReason::Rejected, message: None });
    let pending = stage.host.export();
    let text = stage.ask(pending).unwrap();
    let pending = stage.host.sync_registrations();
    let expected = stage.ask(pending).unwrap();
    let mut copy = MemoryStore::new();
    import(&mut copy, &text).unwrap();
    let mut copy = Stage::over(copy);
    let pending = copy.host.sync_registrations();
    let found = copy.ask(pending).unwrap();
    assert_eq!(found[0].registration, expected[0].registration);
    assert_eq!(found[0].state, SyncState::Waiting);
    let log = copy.log();
    assert!(log.contains(&REGISTERED), "{log:?}");
}

#[test] // R244
fn the_reasons_of_failures_are_told_apart() {
    let (mut stage, registration) = Stage::new().with_worker();
    stage.online();
    let reasons = [
        FailureReason::Rejected,
        FailureReason::Terminated,
        FailureReason::StartFailed,
        FailureReason::ScriptError,
        FailureReason::Abandoned,
    ];
    for (number, reason) in reasons.into_iter().enumerate() {
        assert_eq!(stage.register(registration, &format!("{number}")), Ok(()));
        stage.end(AttemptOutcome::Failed { reason, message: None });
    }
    assert_eq!(stage.register(registration, "slow"), Ok(()));
    stage.advance(180_000);
    let found: Vec<FailureReason> = stage
        .log()
        .into_iter()
        .filter_map(|event| match event {
            ActivityEvent::Failed { reason, .. } => Some(reason),
            _ => None,
        })
        .collect();
    assert_eq!(found[..5], reasons);
    assert!(found[5..].contains(&FailureReason::TimedOut), "{found:?}");
}

// CR: VerifyShutdownBehavior
#[test] // R178
fn the_host_is_asked_to_stay_awake_while_an_event_runs_although_the_last_window_closes() {
    let mut stage = Stage::new();
    let registration = stage.add_registration(ORIGIN, "https://chat.example/");
    stage.activate(registration, 1);
    let awake = Arc::new(Mutex::new(Vec::new()));
    let notes = awake.clone();
    let _subscription = stage.host.on_keep_awake(move |on| notes.lock().unwrap().push(*on));
    let window = stage.host.open_client(ORIGIN.into(), FrameType::TopLevel);
    stage.online();
    assert_eq!(stage.register(registration, "outbox"), Ok(()));
    drop(window);
    stage.turn();
    assert_eq!(*awake.lock().unwrap(), [true]);
    stage.end(AttemptOutcome::Succeeded { handled: true });
    assert_eq!(*awake.lock().unwrap(), [true, false]);
}
