//! Periodic sync as a host has it: scripts register, the host lists, hears and dispatches (sections 4.2 to 4.5).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stage;

use stage::{ORIGIN, Stage, failed};
use std::sync::{Arc, Mutex};
use wakeworker::core::*;
use wakeworker::store::MemoryStore;
use wakeworker::{DispatchError, ServiceWorker, ServiceWorkerRegistration};

const SUCCEEDED: AttemptOutcome = AttemptOutcome::Succeeded { handled: true };
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

fn every(min_interval_ms: u64) -> PeriodicOptions {
    PeriodicOptions { min_interval_ms, ..PeriodicOptions::default() }
}

/// A host-driven profile with one worker that may use periodic sync.
fn host_driven() -> (Stage, ServiceWorkerRegistration) {
    over(MemoryStore::new(), PeriodicDispatch::HostDriven)
}

fn over(store: MemoryStore, periodic_dispatch: PeriodicDispatch) -> (Stage, ServiceWorkerRegistration) {
    let stage = Stage::built(store, |builder| {
        builder.config(Config { periodic_dispatch, retry_jitter_percent: 0, ..Config::default() })
    });
    stage.host.set_permission(
        ORIGIN.into(),
        PermissionName::PeriodicBackgroundSync,
        PermissionState::Granted,
    );
    let (mut stage, _) = stage.with_worker();
    let pending = stage.host.service_worker_manager().registration(&format!("{ORIGIN}/"));
    let registration = stage.ask(pending).unwrap().unwrap();
    (stage, registration)
}

fn register(stage: &mut Stage, registration: &ServiceWorkerRegistration, tag: &str, interval_ms: u64) {
    let pending = registration.periodic_sync().register(tag.into(), every(interval_ms));
    assert_eq!(stage.ask(pending), Ok(()));
}

fn active(registration: &ServiceWorkerRegistration) -> ServiceWorker {
    registration.active_service_worker().unwrap()
}

/// Dispatches and ends the event as told.
fn dispatch(
    stage: &mut Stage,
    registration: &ServiceWorkerRegistration,
    tag: &str,
    outcome: AttemptOutcome,
) -> Result<SyncOperationStatus, DispatchError> {
    let pending = active(registration).dispatch_periodic_sync_event(tag);
    stage.turn();
    stage.end(outcome);
    pending.wait()
}

#[test] // R188, R189, R192, R204
fn a_periodic_registration_is_announced_with_its_tag_and_interval() {
    let (mut stage, registration) = host_driven();
    let manager = registration.sync_registration_manager();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (periodic, one_off) = (heard.clone(), heard.clone());
    let _periodic = manager.on_periodic_sync_registered(move |args| {
        let info = args.registration_info();
        let interval_ms = info.min_interval_in_milliseconds();
        periodic.lock().unwrap().push((info.tag().to_string(), interval_ms, args.is_reregistration()));
    });
    let _one_off = manager.on_background_sync_registered(move |args| {
        one_off.lock().unwrap().push((args.registration_info().tag().to_string(), -2, false));
    });
    register(&mut stage, &registration, "news", 7_000);
    register(&mut stage, &registration, "news", 7_000);
    register(&mut stage, &registration, "news", 9_000);
    let expected = [("news".to_owned(), 7_000, false), ("news".to_owned(), 9_000, true)];
    assert_eq!(*heard.lock().unwrap(), expected, "the second call was a no-op");
}

#[test] // R191, R192, R203, R104, D31
fn both_kinds_are_listed_apart_with_their_intervals() {
    let (mut stage, registration) = host_driven();
    register(&mut stage, &registration, "same", 0);
    register(&mut stage, &registration, "far", (1 << 53) - 1);
    assert_eq!(stage.register(registration.id(), "same"), Ok(()));
    let manager = registration.sync_registration_manager();
    let mut list = |kind| -> Vec<(String, i64)> {
        let listed = stage.ask(manager.sync_registrations(kind)).unwrap();
        listed.iter().map(|info| (info.tag().to_string(), info.min_interval_in_milliseconds())).collect()
    };
    assert_eq!(list(SyncKind::PeriodicSync), [("far".to_owned(), (1 << 53) - 1), ("same".to_owned(), 0)]);
    assert_eq!(list(SyncKind::BackgroundSync), [("same".to_owned(), -1)]);
}

// CR: SequentialOperations, ScheduleTwoExclusive
#[test] // R44, R45, R47
fn calls_of_one_manager_take_effect_in_their_order() {
    let (mut stage, registration) = host_driven();
    let manager = registration.periodic_sync();
    let added = manager.register("a".into(), every(0));
    let with = manager.get_tags();
    let removed = manager.unregister("a".into());
    let without = manager.get_tags();
    let unknown = manager.unregister("never there".into());
    stage.turn();
    assert_eq!((added.wait(), with.wait()), (Ok(()), Ok(vec!["a".into()])));
    assert_eq!((removed.wait(), without.wait(), unknown.wait()), (Ok(()), Ok(Vec::new()), Ok(())));
}

#[test] // R95, R137
fn without_the_hosts_grant_a_periodic_registration_is_refused() {
    let (mut stage, registration) = Stage::new().with_worker();
    let pending = stage.host.periodic_sync_manager(registration).register("a".into(), every(0));
    assert_eq!(stage.ask(pending), Err(RegisterError::PermissionDenied));
}

#[test] // R194, R116
fn in_host_driven_mode_nothing_fires_however_much_time_passes() {
    let (mut stage, registration) = host_driven();
    stage.online();
    register(&mut stage, &registration, "news", 0);
    assert_eq!(stage.turn(), None, "and no timer waits for it");
    stage.advance(400 * DAY_MS);
    stage.online();
    assert!(stage.workers.running().is_empty());
    let statuses = stage.host.sync_registrations();
    assert_eq!(stage.ask(statuses).unwrap()[0].reasons, [Reason::HostDriven]); // R243
}

#[test] // R195, R196, R197, R198, R200, R201, R202
fn a_dispatch_tells_how_the_event_ended() {
    let (mut stage, registration) = host_driven();
    register(&mut stage, &registration, "news", DAY_MS);
    for (outcome, status) in [
        (SUCCEEDED, SyncOperationStatus::Succeeded),
        (failed(FailureReason::Rejected), SyncOperationStatus::Rejected),
        (failed(FailureReason::StartFailed), SyncOperationStatus::OtherError),
        (failed(FailureReason::ScriptError), SyncOperationStatus::OtherError),
        (failed(FailureReason::Terminated), SyncOperationStatus::OtherError),
        (SUCCEEDED, SyncOperationStatus::Succeeded),
    ] {
        assert_eq!(dispatch(&mut stage, &registration, "news", outcome), Ok(status));
    }
    let pending = active(&registration).dispatch_periodic_sync_event("news");
    stage.turn();
    let (event, _unanswered) = stage.workers.next();
    assert_eq!((event.kind, event.tag, event.worker), (SyncKind::PeriodicSync, "news".into(), WorkerId(1)));
    stage.advance(event.timeout_ms);
    assert_eq!(pending.wait(), Ok(SyncOperationStatus::Timeout));
    assert!(stage.workers.running().is_empty(), "no retry follows (D21)");
}

#[test] // R199, D24
fn a_tag_without_a_periodic_entry_does_not_exist_also_if_a_one_off_entry_has_it() {
    let (mut stage, registration) = host_driven();
    assert_eq!(stage.register(registration.id(), "outbox"), Ok(()));
    for tag in ["outbox", "", "never"] {
        let pending = active(&registration).dispatch_periodic_sync_event(tag);
        assert_eq!(stage.ask(pending), Ok(SyncOperationStatus::TagNotExisted), "{tag}");
    }
    assert!(stage.workers.running().is_empty());
}

#[test] // R205, D22
fn dispatches_of_one_tag_do_not_overlap_and_the_waiting_ones_share_a_result() {
    let (mut stage, registration) = host_driven();
    register(&mut stage, &registration, "news", 0);
    register(&mut stage, &registration, "mail", 0);
    let worker = active(&registration);
    let first = worker.dispatch_periodic_sync_event("news");
    let second = worker.dispatch_periodic_sync_event("news");
    let third = worker.dispatch_periodic_sync_event("news");
    let other = worker.dispatch_periodic_sync_event("mail");
    stage.turn();
    assert_eq!(stage.workers.running(), ["news", "mail"], "another tag does not wait");
    stage.end(failed(FailureReason::Rejected));
    assert_eq!(first.wait(), Ok(SyncOperationStatus::Rejected));
    assert_eq!(stage.workers.running(), ["mail", "news"]);
    stage.end(SUCCEEDED);
    stage.end(SUCCEEDED);
    assert_eq!((other.wait(), second.wait()), (Ok(SyncOperationStatus::Succeeded), third.wait()));
    assert!(stage.workers.running().is_empty());
}

#[test] // R206, D25
fn a_dispatch_on_a_worker_that_is_gone_fails_cleanly() {
    let (mut stage, registration) = host_driven();
    register(&mut stage, &registration, "news", 0);
    let old = active(&registration);
    stage.activate(registration.id(), 2);
    let pending = old.dispatch_periodic_sync_event("news");
    let error = stage.ask(pending).unwrap_err();
    assert_eq!(error, DispatchError::WorkerGone);
    assert!(error.to_string().contains("fetch"), "{error}");
    let new = active(&registration);
    assert_eq!(new.id(), WorkerId(2));
    let pending = stage.host.remove_worker_registration(registration.id());
    stage.ask(pending).unwrap();
    let pending = new.dispatch_periodic_sync_event("news");
    assert_eq!(stage.ask(pending), Err(DispatchError::WorkerGone));
}

#[test] // D23, D24
fn offline_is_no_obstacle_unless_a_connection_is_demanded_and_a_denied_permission_is() {
    let (mut stage, registration) = host_driven();
    register(&mut stage, &registration, "news", 0);
    assert_eq!(dispatch(&mut stage, &registration, "news", SUCCEEDED), Ok(SyncOperationStatus::Succeeded));
    let pending = active(&registration).dispatch_periodic_sync_event_if_online("news");
    assert_eq!(stage.ask(pending), Ok(SyncOperationStatus::OtherError));
    stage.online();
    let pending = active(&registration).dispatch_periodic_sync_event_if_online("news");
    stage.turn();
    stage.end(SUCCEEDED);
    assert_eq!(pending.wait(), Ok(SyncOperationStatus::Succeeded));
}

#[test] // R38, R201
fn a_dispatch_settles_when_the_store_fails_or_the_host_goes_away() {
    let (mut stage, registration) = host_driven();
    register(&mut stage, &registration, "news", 0);
    stage.disk.fail_next_commit();
    let pending = active(&registration).dispatch_periodic_sync_event("news");
    assert_eq!(stage.ask(pending), Err(DispatchError::Storage));
    assert!(stage.workers.running().is_empty(), "what could not be written was not fired");
    let pending = active(&registration).dispatch_periodic_sync_event("news");
    stage.turn();
    stage.driver.shut_down().unwrap();
    assert_eq!(pending.wait(), Err(DispatchError::ShuttingDown));
}

#[test] // R106, R107, R109, R125, R167
fn intervals_and_gaps_survive_a_restart() {
    let store = MemoryStore::new().with_installation_seed(1);
    let (mut stage, registration) = over(store.clone(), PeriodicDispatch::Automatic);
    stage.online();
    register(&mut stage, &registration, "news", 13 * HOUR_MS);
    let mut waited_ms = 0;
    while stage.workers.running().is_empty() {
        stage.advance(HOUR_MS);
        waited_ms += HOUR_MS;
        assert!(waited_ms < 3 * DAY_MS, "it is fired at last");
    }
    assert!(waited_ms >= 13 * HOUR_MS, "{waited_ms}");
    stage.end(SUCCEEDED);
    let wall = stage.now();
    stage.driver.shut_down().unwrap();

    let (mut stage, _registration) = over(store, PeriodicDispatch::Automatic);
    stage.clock.set_wall(wall.plus_ms(HOUR_MS));
    stage.online();
    stage.advance(11 * HOUR_MS);
    assert!(stage.workers.running().is_empty(), "an interval is not cut short by a restart");
    stage.advance(3 * DAY_MS);
    assert!(stage.workers.running().contains(&"news".to_owned()), "and it comes");
}

#[test] // R139, R166
fn a_withdrawn_permission_removes_the_entries_for_good_also_while_the_disk_fails() {
    let store = MemoryStore::new();
    let (mut stage, registration) = over(store.clone(), PeriodicDispatch::Automatic);
    register(&mut stage, &registration, "news", 0);
    assert_eq!(stage.register(registration.id(), "outbox"), Ok(()));
    stage.disk.fail_next_commit();
    let name = PermissionName::PeriodicBackgroundSync;
    stage.host.set_permission(ORIGIN.into(), name, PermissionState::Denied);
    stage.turn();
    stage.host.set_permission(ORIGIN.into(), name, PermissionState::Granted);
    let pending = registration.periodic_sync().get_tags();
    assert_eq!(stage.ask(pending), Ok(Vec::new()));
    stage.driver.shut_down().unwrap();
    let (mut stage, registration) = over(store, PeriodicDispatch::Automatic);
    let pending = registration.periodic_sync().get_tags();
    assert_eq!(stage.ask(pending), Ok(Vec::new()));
    assert_eq!(stage.tags(registration.id()), ["outbox"]); // R140
}

#[test] // R209
fn one_off_events_are_fired_without_help_also_in_host_driven_mode() {
    let (mut stage, registration) = host_driven();
    register(&mut stage, &registration, "news", 0);
    assert_eq!(stage.register(registration.id(), "outbox"), Ok(()));
    stage.online();
    assert_eq!(stage.workers.running(), ["outbox"]);
    stage.end(failed(FailureReason::Rejected));
    stage.advance(300_000);
    assert_eq!(stage.workers.running(), ["outbox"], "its retry too");
}
