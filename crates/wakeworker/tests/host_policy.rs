//! What a host decides, knows and asks beyond the web's rules, through the real driver.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stage;

use stage::{ORIGIN, Stage, failed};
use std::sync::{Arc, Mutex};
use wakeworker::HostBuilder;
use wakeworker::core::*;
use wakeworker::power::ManualPower;
use wakeworker::store::MemoryStore;

const SUCCEEDED: AttemptOutcome = AttemptOutcome::Succeeded { handled: true };
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// An online stage with one worker that may use periodic sync.
fn online_with(build: impl FnOnce(HostBuilder) -> HostBuilder) -> (Stage, WorkerRegistrationId) {
    let stage = Stage::built(MemoryStore::new().with_installation_seed(7), build);
    let name = PermissionName::PeriodicBackgroundSync;
    stage.host.set_permission(ORIGIN.into(), name, PermissionState::Granted);
    let (mut stage, registration) = stage.with_worker();
    stage.online();
    (stage, registration)
}

fn online() -> (Stage, WorkerRegistrationId) {
    online_with(|builder| builder)
}

fn periodic(stage: &mut Stage, registration: WorkerRegistrationId, tag: &str, min_interval_ms: u64) {
    let options = PeriodicOptions { min_interval_ms, ..PeriodicOptions::default() };
    let pending = stage.host.periodic_sync_manager(registration).register(tag.into(), options);
    assert_eq!(stage.ask(pending), Ok(()));
}

fn reasons(stage: &mut Stage) -> Vec<Reason> {
    let pending = stage.host.sync_registrations();
    stage.ask(pending).unwrap()[0].reasons.clone()
}

fn only_sync(stage: &mut Stage) -> SyncRegistrationId {
    let pending = stage.host.sync_registrations();
    stage.ask(pending).unwrap()[0].registration.id
}

#[test] // R112, R113, R243
fn engagement_suspends_and_revives_also_after_the_engine_was_lost() {
    let (mut stage, registration) = online();
    periodic(&mut stage, registration, "news", 0);
    stage.host.set_engagement(ORIGIN.into(), ExtraInterval::Never);
    stage.advance(30 * DAY_MS);
    assert!(stage.workers.running().is_empty());
    assert!(reasons(&mut stage).contains(&Reason::Suspended));
    stage.disk.fail_next_commit();
    assert_eq!(stage.register(registration, "refused"), Err(RegisterError::Storage));
    stage.advance(30 * DAY_MS);
    assert!(stage.workers.running().is_empty(), "the new engine was told again");
    stage.host.set_engagement(ORIGIN.into(), ExtraInterval::Ms(0));
    stage.advance(2 * DAY_MS);
    assert_eq!(stage.workers.next().0.tag, "news".into());
}

#[test] // R117, R227
fn power_is_heard_of_from_the_monitor_and_from_the_host() {
    let power = ManualPower::default();
    let monitor = power.clone();
    let (mut stage, registration) = online_with(move |builder| builder.power(Box::new(monitor)));
    periodic(&mut stage, registration, "news", 0);
    stage.host.set_saving(true, false);
    stage.advance(10 * DAY_MS);
    assert!(stage.workers.running().is_empty());
    assert!(reasons(&mut stage).contains(&Reason::BatterySaver));
    power.set(Power { charging: false, battery_saver: false, data_saver: true });
    let held = reasons(&mut stage);
    assert!(held.contains(&Reason::BatterySaver) && held.contains(&Reason::DataSaver), "{held:?}");
    stage.host.set_saving(false, false);
    stage.advance(2 * DAY_MS);
    assert!(stage.workers.running().is_empty(), "the monitor still says data saver");
    power.set(Power { charging: false, ..Power::default() });
    stage.advance(2 * DAY_MS);
    assert!(!stage.workers.running().is_empty());
}

#[test] // R227, R236, R237
fn an_entry_that_avoids_draining_waits_for_the_charger() {
    let power = ManualPower::new(Power { charging: false, ..Power::default() });
    let monitor = power.clone();
    let (mut stage, registration) = online_with(move |builder| builder.power(Box::new(monitor)));
    let conditions = Conditions { power: PowerCondition::AvoidDraining, ..Conditions::default() };
    let options = OneShotOptions { conditions, ..OneShotOptions::default() };
    let pending = stage.host.sync_manager(registration).register_with("upload".into(), options);
    assert_eq!(stage.ask(pending), Ok(()));
    assert!(stage.workers.running().is_empty());
    power.set(Power::default());
    stage.turn();
    assert_eq!(stage.workers.running(), ["upload"]);
}

#[test] // R121
fn events_may_be_kept_on_the_network_of_their_registration() {
    let place = Arc::new(Mutex::new("home"));
    let here = place.clone();
    let (mut stage, registration) = online_with(move |builder| {
        builder
            .network_identity(move |connection| {
                connection.is_online().then(|| NetworkId::from(*here.lock().unwrap()))
            })
            .config(Config { same_network_only: true, ..Config::default() })
    });
    periodic(&mut stage, registration, "news", 0);
    *place.lock().unwrap() = "airport";
    stage.network.set(Connection::None);
    stage.online();
    stage.advance(3 * DAY_MS);
    assert!(stage.workers.running().is_empty());
    assert!(reasons(&mut stage).contains(&Reason::OtherNetwork));
    stage.disk.fail_next_commit();
    assert_eq!(stage.register(registration, "refused"), Err(RegisterError::Storage));
    stage.advance(3 * DAY_MS);
    assert!(stage.workers.running().is_empty(), "a new engine knows the network too");
    *place.lock().unwrap() = "home";
    stage.network.set(Connection::None);
    stage.online();
    stage.advance(2 * DAY_MS);
    assert!(!stage.workers.running().is_empty());
}

#[test] // R57
fn an_origin_that_the_host_cannot_reach_waits() {
    let (mut stage, registration) = online();
    stage.host.set_reachable(ORIGIN.into(), false);
    assert_eq!(stage.register(registration, "outbox"), Ok(()));
    assert_eq!(reasons(&mut stage), [Reason::Unreachable]);
    stage.host.set_reachable(ORIGIN.into(), true);
    stage.turn();
    assert_eq!(stage.workers.running(), ["outbox"]);
}

#[test] // R241
fn one_worker_appears_offline_while_anybody_holds_it() {
    let (mut stage, registration) = online();
    let other = stage.add_registration(ORIGIN, "https://chat.example/other/");
    stage.activate(other, 5);
    let first = stage.host.emulate_offline(registration);
    let second = stage.host.emulate_offline(registration);
    assert_eq!(stage.register(registration, "held"), Ok(()));
    assert_eq!(stage.register(other, "free"), Ok(()));
    assert_eq!(stage.workers.running(), ["free"]);
    assert_eq!(reasons(&mut stage), [Reason::EmulatedOffline]);
    drop(first);
    stage.turn();
    assert_eq!(stage.workers.running(), ["free"], "holds are counted");
    stage.disk.fail_next_commit();
    assert_eq!(stage.register(other, "refused"), Err(RegisterError::Storage));
    assert_eq!(stage.workers.running(), ["free"], "and known to a new engine");
    drop(second);
    stage.turn();
    assert_eq!(stage.workers.running(), ["free", "held"]);
}

#[test] // R249, R251
fn the_host_lets_an_origin_register_without_a_window() {
    let mut stage = Stage::new();
    let registration = stage.add_registration(ORIGIN, "https://chat.example/");
    stage.activate(registration, 1);
    assert_eq!(stage.register(registration, "a"), Err(RegisterError::NoWindow));
    stage.host.allow_without_window(ORIGIN.into(), true);
    assert_eq!(stage.register(registration, "a"), Ok(()));
    stage.host.allow_without_window(ORIGIN.into(), false);
    assert_eq!(stage.register(registration, "b"), Err(RegisterError::NoWindow));
    // Or the host states which clients exist: there is no page anywhere in this process.
    let window = stage.host.open_client(ORIGIN.into(), FrameType::Auxiliary);
    assert_eq!(stage.register(registration, "b"), Ok(()));
    drop(window);
    assert_eq!(stage.register(registration, "c"), Err(RegisterError::NoWindow));
}

#[test] // R250, R106
fn active_use_lifts_the_gaps_but_not_the_interval() {
    let (mut stage, registration) = online();
    periodic(&mut stage, registration, "news", HOUR_MS);
    stage.host.set_active_use(ORIGIN.into(), true);
    let mut starts = Vec::new();
    for minute in 0..12 * 60 {
        stage.advance(60_000);
        if !stage.workers.running().is_empty() {
            starts.push(minute);
            stage.end(SUCCEEDED);
        }
    }
    assert!(starts.len() >= 3, "gaps of 12 h would allow one at most: {starts:?}");
    assert!(starts.is_sorted_by(|a, b| b - a >= 60), "{starts:?}");
}

#[test] // R245
fn the_host_fires_an_entry_that_waits_and_cancels_another() {
    let (mut stage, registration) = online();
    assert_eq!(stage.register(registration, "outbox"), Ok(()));
    stage.end(failed(FailureReason::Rejected));
    assert!(stage.workers.running().is_empty(), "it is in back-off");
    let sync = only_sync(&mut stage);
    let pending = stage.host.fire_sync_registration(sync);
    stage.turn();
    stage.end(failed(FailureReason::Rejected));
    assert_eq!(pending.wait(), Ok(SyncOperationStatus::Rejected));
    let pending = stage.host.cancel_sync_registration(sync);
    assert_eq!(stage.ask(pending), Ok(()));
    assert!(stage.tags(registration).is_empty());
    assert!(stage.log().contains(&ActivityEvent::Cancelled));
    let gone = stage.host.cancel_sync_registration(sync);
    assert_eq!(stage.ask(gone), Err(RegisterError::NoSyncRegistration));
    let gone = stage.host.fire_sync_registration(sync);
    assert_eq!(stage.ask(gone), Err(RegisterError::NoSyncRegistration));
    stage.advance(DAY_MS);
    assert!(stage.workers.running().is_empty());
}

#[test] // R245: a periodic entry too
fn the_host_fires_and_cancels_periodic_entries() {
    let (mut stage, registration) = online();
    periodic(&mut stage, registration, "news", DAY_MS);
    let sync = only_sync(&mut stage);
    let pending = stage.host.fire_sync_registration(sync);
    stage.turn();
    stage.end(SUCCEEDED);
    assert_eq!(pending.wait(), Ok(SyncOperationStatus::Succeeded));
    let pending = stage.host.cancel_sync_registration(sync);
    assert_eq!(stage.ask(pending), Ok(()));
    assert_eq!(stage.turn(), None, "R48: no timer is left");
}

#[test] // R246, R247
fn one_off_options_reach_the_engine() {
    let (mut stage, registration) = online_with(|builder| {
        builder.config(Config { script_unregister_one_shot: true, ..Config::default() })
    });
    let manager = stage.host.sync_manager(registration);
    let window = |earliest_ms, latest_ms| OneShotOptions {
        earliest_ms,
        latest_ms: Some(latest_ms),
        ..OneShotOptions::default()
    };
    let pending = manager.register_with("later".into(), window(HOUR_MS, DAY_MS));
    assert_eq!(stage.ask(pending), Ok(()));
    let pending = manager.register_with("never".into(), window(5, 5));
    let error = stage.ask(pending).unwrap_err();
    assert_eq!(error, RegisterError::EmptyWindow { earliest_ms: 5, latest_ms: 5 });
    stage.advance(HOUR_MS - 1);
    assert!(stage.workers.running().is_empty());
    let pending = manager.unregister("later".into());
    assert_eq!(stage.ask(pending), Ok(()));
    stage.advance(DAY_MS);
    assert!(stage.workers.running().is_empty());
    let plain = Stage::new().with_worker();
    let (mut stage, registration) = plain;
    let pending = stage.host.sync_manager(registration).unregister("later".into());
    assert!(matches!(stage.ask(pending), Err(RegisterError::Unsupported { .. })), "off by default");
}

// CR: EventsFiredFromWakeupTask
#[test] // R182
fn firing_what_is_due_is_answered_when_the_last_event_has_ended() {
    let mut stage = Stage::new();
    let registration = stage.add_registration(ORIGIN, "https://chat.example/");
    stage.activate(registration, 1);
    let _window = stage.host.open_client(ORIGIN.into(), FrameType::TopLevel);
    let pending = stage.host.fire_due();
    assert_eq!(stage.ask(pending), Ok(0), "nothing is due");
    for tag in ["a", "b"] {
        assert_eq!(stage.register(registration, tag), Ok(()));
    }
    stage.network.set(Connection::Wifi);
    let pending = stage.host.fire_due();
    stage.turn();
    let answered = Arc::new(Mutex::new(None));
    let seen = answered.clone();
    let waiter = std::thread::spawn(move || *seen.lock().unwrap() = Some(pending.wait()));
    stage.end(SUCCEEDED);
    assert_eq!(*answered.lock().unwrap(), None, "one event still runs");
    stage.end(failed(FailureReason::Rejected));
    waiter.join().unwrap();
    assert_eq!(*answered.lock().unwrap(), Some(Ok(2)));
}

// CR: GetSoonestWakeupDeltaConsidersSyncType, SoonestWakeupDeltaDecreasesWithTime, CorrectSoonestWakeupDeltaIsPicked, SoonestWakeupDeltaIsPickedForTheRightTask, ScheduleBothTypesOfSync, CancelingOneTypeDoesNotAffectAnother, WakeBrowserCalledForOneShotSync, WakeBrowserCalledForPeriodicSync
#[test] // R179, R180, R181
fn the_soonest_wake_up_is_told_for_each_kind_and_comes_nearer() {
    let (mut stage, registration) = online();
    let soonest = |stage: &mut Stage, kind| {
        let pending = stage.host.soonest_wakeup(kind);
        stage.ask(pending).unwrap()
    };
    let (one_off, both) = (SyncKind::BackgroundSync, [SyncKind::BackgroundSync, SyncKind::PeriodicSync]);
    assert_eq!(both.map(|kind| soonest(&mut stage, kind)), [None, None]);
    assert_eq!(stage.register(registration, "outbox"), Ok(()));
    assert!(soonest(&mut stage, one_off).unwrap() >= 360_000, "while an event runs");
    stage.end(failed(FailureReason::Rejected));
    assert_eq!(soonest(&mut stage, one_off), Some(300_000));
    stage.advance(100_000);
    assert_eq!(soonest(&mut stage, one_off), Some(200_000));
    assert_eq!(soonest(&mut stage, SyncKind::PeriodicSync), None);
    periodic(&mut stage, registration, "news", 0);
    let round = soonest(&mut stage, SyncKind::PeriodicSync).unwrap();
    assert!(round <= 2 * DAY_MS, "{round}");
    let pending = stage.host.periodic_sync_manager(registration).unregister("news".into());
    assert_eq!(stage.ask(pending), Ok(()));
    assert_eq!(soonest(&mut stage, SyncKind::PeriodicSync), None);
    assert_eq!(soonest(&mut stage, one_off), Some(200_000));
}

// CR: RecordEventStarted, RecordEventResult, RecordRegistrationComplete, CountRegisterSuccess
#[test] // R145, R242
fn each_origin_has_its_counts_also_after_a_restart() {
    let store = MemoryStore::new();
    let (mut stage, registration) = Stage::over(store.clone()).with_worker();
    stage.online();
    assert_eq!(stage.register(registration, "outbox"), Ok(()));
    stage.advance(250);
    stage.end(failed(FailureReason::Rejected));
    stage.advance(300_000);
    stage.end(SUCCEEDED);
    let pending = stage.host.audit();
    let before = stage.ask(pending).unwrap();
    assert_eq!(before.len(), 1);
    let (key, audit) = &before[0];
    assert_eq!(key.as_str(), ORIGIN);
    let counts = &audit.background_sync;
    assert_eq!((counts.registrations, counts.events_in_foreground, counts.events()), (1, 2, 2));
    assert_eq!((counts.succeeded_in_foreground, counts.failed_in_foreground), (1, 1));
    assert_eq!(counts.duration_max_ms, 250);
    stage.driver.shut_down().unwrap();
    let mut stage = Stage::over(store);
    let pending = stage.host.audit();
    let after = stage.ask(pending).unwrap();
    let counted = |audit: &OriginAudit| {
        let counts = &audit.background_sync;
        (counts.registrations, counts.events(), counts.duration_total_ms, counts.last_event)
    };
    assert_eq!(counted(&after[0].1), counted(audit));
}

#[test] // R145, R169
fn what_a_start_itself_writes_into_the_log_counts_once() {
    let store = MemoryStore::new();
    let short = |builder: HostBuilder| {
        builder.config(Config { attempts_max: 1, interrupted_starts_max: 1, ..Config::default() })
    };
    let (mut stage, registration) = Stage::built(store.clone(), short).with_worker();
    stage.online();
    assert_eq!(stage.register(registration, "outbox"), Ok(()));
    assert_eq!(stage.workers.running(), ["outbox"]);
    drop(stage); // It dies in the middle of its only attempt.
    let mut stage = Stage::built(store, short);
    let pending = stage.host.audit();
    let (_, audit) = &stage.ask(pending).unwrap()[0];
    let counts = &audit.background_sync;
    assert_eq!((counts.registrations, counts.events(), counts.given_up), (1, 1, 1));
}

#[test] // R243
fn the_host_asks_why_one_entry_does_not_fire() {
    let (mut stage, registration) = Stage::new().with_worker();
    assert_eq!(stage.register(registration, "outbox"), Ok(()));
    let sync = only_sync(&mut stage);
    let pending = stage.host.explain(sync);
    assert_eq!(stage.ask(pending).unwrap(), Some(vec![Reason::Offline]));
    let pending = stage.host.explain(SyncRegistrationId(999));
    assert_eq!(stage.ask(pending).unwrap(), None);
}

// CR: Incognito
#[test] // R147
fn nobody_is_woken_for_a_profile_that_is_off_the_record() {
    let host = wakeworker::Host::builder(Box::new(MemoryStore::new())).open().unwrap();
    let _window = host.open_client(ORIGIN.into(), FrameType::TopLevel);
    let scope = format!("{ORIGIN}/");
    let registration =
        host.add_worker_registration(ORIGIN.into(), scope.clone(), format!("{scope}sw.js")).wait().unwrap();
    host.set_active_worker(registration, Some(ActiveWorker { id: WorkerId(1), activated: true }), None);
    let (sender, failed) = std::sync::mpsc::channel();
    let _subscription = host.on_activity(move |activity| {
        if matches!(activity.event, ActivityEvent::Failed { .. }) {
            let _ = sender.send(());
        }
    });
    host.sync_manager(registration).register("outbox".into()).wait().unwrap();
    failed.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
    assert!(host.next_wakeup().wait().unwrap().is_some(), "the entry is in back-off");
    assert_eq!(host.soonest_wakeup(SyncKind::BackgroundSync).wait().unwrap(), None);
}
