//! The driver: durable before visible, one commit for many, and one way back after a failure (design decisions 2, 3).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stage;

use stage::{ORIGIN, Stage};
use wakeworker::core::*;
use wakeworker::network::ManualNetwork;
use wakeworker::store::MemoryStore;
use wakeworker::{Host, OpenError};

const SUCCEEDED: AttemptOutcome = AttemptOutcome::Succeeded { handled: true };

#[test] // R183
fn a_caller_with_its_own_clock_knows_when_nothing_is_left_to_do() {
    let (mut stage, registration) = Stage::new().with_worker();
    assert!(!stage.driver.has_messages());
    let pending = stage.host.sync_manager(registration).register("t".into());
    assert!(stage.driver.has_messages() && stage.driver.has_messages(), "looking takes nothing away");
    stage.turn();
    assert_eq!(pending.wait(), Ok(()));
    assert!(!stage.driver.has_messages());
}

#[test] // R22, R24, R64
fn an_entry_is_registered_fired_and_gone() {
    let (mut stage, registration) = Stage::new().with_worker();
    stage.online();
    assert_eq!(stage.register(registration, "a"), Ok(()));
    assert_eq!(stage.tags(registration), ["a"]);
    assert_eq!(stage.workers.running(), ["a"]);
    stage.end(SUCCEEDED);
    assert!(stage.tags(registration).is_empty());
    let log = stage.log();
    let expected = [
        ActivityEvent::Registered { min_interval_ms: None },
        ActivityEvent::Dispatched { last_chance: false, attempt: 1, background: false },
        ActivityEvent::Completed { handled: true },
    ];
    assert_eq!(log[log.len() - 3..], expected);
}

#[test] // R24, D5
fn a_promise_is_resolved_before_its_event_is_dispatched() {
    let (mut stage, registration) = Stage::new().with_worker();
    stage.online();
    let workers = stage.workers.clone();
    stage.host.sync_manager(registration).register_then("a".into(), move |result| {
        workers.trace.lock().unwrap().push(format!("resolved {}", result.is_ok()));
    });
    stage.turn();
    assert_eq!(*stage.workers.trace.lock().unwrap(), ["resolved true", "dispatch a"]);
}

#[test] // R25, D5
fn a_caller_that_is_gone_before_its_answer_keeps_no_event_from_firing() {
    let (mut stage, registration) = Stage::new().with_worker();
    stage.online();
    drop(stage.host.sync_manager(registration).register("a".into()));
    stage.turn();
    assert_eq!(stage.workers.running(), ["a"]);
}

#[test] // design decision 2
fn registrations_are_strict_and_ends_of_events_lazy() {
    let (mut stage, registration) = Stage::new().with_worker();
    stage.online();
    stage.disk.take_commits();
    assert_eq!(stage.register(registration, "a"), Ok(()));
    assert_eq!(
        stage.disk.take_commits().iter().map(|commit| commit.0).collect::<Vec<_>>(),
        [Durability::Strict]
    );
    stage.end(SUCCEEDED);
    assert_eq!(
        stage.disk.take_commits().iter().map(|commit| commit.0).collect::<Vec<_>>(),
        [Durability::Lazy]
    );
}

// CR: ScheduleOne, ScheduledOperations
#[test] // design decision 2
fn registrations_that_arrive_together_share_one_commit() {
    let (mut stage, registration) = Stage::new().with_worker();
    stage.disk.take_commits();
    let manager = stage.host.sync_manager(registration);
    let pending: Vec<_> = (0..64).map(|n| manager.register(format!("tag {n}").as_str().into())).collect();
    stage.turn();
    assert!(pending.into_iter().all(|pending| pending.wait().is_ok()));
    assert_eq!(stage.disk.take_commits().len(), 1);
    assert_eq!(stage.tags(registration).len(), 64);
}

// CR: RegisterBadBackend
#[test] // R36, D15
fn a_failed_write_refuses_its_batch_and_nothing_else() {
    let (mut stage, registration) = Stage::new().with_worker();
    assert_eq!(stage.register(registration, "before"), Ok(()));
    stage.disk.fail_next_commit();
    assert_eq!(stage.register(registration, "during"), Err(RegisterError::Storage));
    assert_eq!(RegisterError::Storage.dom_exception_name(), "UnknownError");
    assert_eq!(stage.tags(registration), ["before"], "no half-made entry");
    assert_eq!(stage.register(registration, "after"), Ok(()), "clients and permissions are still known");
    stage.online();
    assert_eq!(stage.workers.running(), ["before", "after"]);
}

// CR: BadBackendMidSync, DisableWhileFiring
#[test] // R171
fn a_failed_write_at_the_end_of_an_event_does_not_repeat_it() {
    let (mut stage, registration) = Stage::new().with_worker();
    stage.online();
    assert_eq!(stage.register(registration, "a"), Ok(()));
    assert_eq!(stage.register(registration, "b"), Ok(()));
    stage.disk.fail_next_commit();
    stage.end(SUCCEEDED);
    assert_eq!(stage.workers.running(), ["b"], "the other event runs on and is not dispatched again");
    assert_eq!(stage.tags(registration), ["b"]);
    stage.end(SUCCEEDED);
    assert!(stage.tags(registration).is_empty());
}

// CR: DisableWhilePending
#[test] // R171, R36
fn while_the_disk_is_full_nothing_is_lost_and_nothing_is_repeated() {
    let (mut stage, registration) = Stage::new().with_worker();
    stage.online();
    assert_eq!(stage.register(registration, "a"), Ok(()));
    stage.disk.set_full(true);
    stage.end(SUCCEEDED);
    assert_eq!(stage.register(registration, "refused"), Err(RegisterError::Storage));
    stage.advance(10_000);
    assert!(stage.workers.running().is_empty(), "a finished event is not fired again");
    stage.disk.set_full(false);
    stage.advance(1_000);
    assert!(stage.tags(registration).is_empty());
    assert_eq!(stage.register(registration, "again"), Ok(()));
    assert_eq!(stage.workers.running(), ["again"]);
}

#[test] // R171, R91
fn an_event_that_ended_in_time_is_not_late_because_the_disk_was_full() {
    let (mut stage, registration) = Stage::new().with_worker();
    stage.online();
    assert_eq!(stage.register(registration, "done"), Ok(()));
    stage.disk.set_full(true);
    stage.end(SUCCEEDED);
    stage.advance(10 * 60_000);
    stage.disk.set_full(false);
    stage.advance(1_000);
    assert!(stage.tags(registration).is_empty());
    assert!(stage.workers.running().is_empty());
}

#[test] // D15
fn a_store_that_cannot_be_read_again_is_tried_until_it_can() {
    let (mut stage, registration) = Stage::new().with_worker();
    assert_eq!(stage.register(registration, "kept"), Ok(()));
    stage.disk.fail_next_commit();
    stage.disk.fail_loads(3);
    assert_eq!(stage.register(registration, "refused"), Err(RegisterError::Storage));
    stage.advance(5_000);
    assert_eq!(stage.tags(registration), ["kept"]);
    stage.online();
    assert_eq!(stage.workers.running(), ["kept"]);
}

#[test] // R164: the backend states the active worker once
fn a_worker_that_became_active_while_the_store_failed_is_known_afterwards() {
    let (mut stage, registration) = Stage::new().with_worker();
    stage.disk.fail_next_commit();
    stage.host.set_active_worker(registration, Some(ActiveWorker { id: WorkerId(2), activated: true }), None);
    stage.turn();
    stage.online();
    assert_eq!(stage.register(registration, "a"), Ok(()));
    assert_eq!(stage.workers.next().0.worker, WorkerId(2));
}

#[test] // R54, D11
fn a_connection_lost_just_before_dispatch_is_noticed() {
    let (mut stage, registration) = Stage::new().with_worker();
    assert_eq!(stage.register(registration, "a"), Ok(()));
    // The change to online is handled after the connection was lost again.
    stage.network.set(Connection::Wifi);
    stage.network.set(Connection::None);
    stage.network.set(Connection::Wifi);
    stage.network.set(Connection::None);
    stage.turn();
    stage.turn();
    assert!(stage.workers.running().is_empty());
    assert!(stage.log().contains(&ActivityEvent::NotDispatched));
    stage.online();
    assert_eq!(stage.workers.next().0.tag, "a".into());
}

#[test] // R86, D8
fn the_engine_keeps_the_time_limit() {
    let (mut stage, registration) = Stage::new().with_worker();
    stage.online();
    assert_eq!(stage.register(registration, "a"), Ok(()));
    let (dispatch, done) = stage.workers.next();
    stage.advance(180_000);
    assert_eq!(stage.workers.terminated(), [dispatch.attempt]);
    done.finish(SUCCEEDED);
    assert_eq!(stage.tags(registration), ["a"], "a late answer changes nothing");
    stage.advance(300_000);
    assert_eq!(stage.workers.running(), ["a"]);
}

#[test] // R67: the backend lost it
fn an_event_that_is_never_answered_is_abandoned() {
    let (mut stage, registration) = Stage::new().with_worker();
    stage.online();
    assert_eq!(stage.register(registration, "a"), Ok(()));
    drop(stage.workers.next());
    stage.turn();
    let failed = ActivityEvent::Failed {
        reason: FailureReason::Abandoned,
        message: None,
        next_attempt_ms: Some(300_000),
    };
    assert!(stage.log().contains(&failed));
}

#[test] // R240
fn a_tools_event_answers_when_it_has_ended() {
    let (mut stage, registration) = Stage::new().with_worker();
    stage.disk.take_commits();
    let pending = stage.host.dispatch_event(registration, SyncKind::BackgroundSync, "tool".into(), true);
    stage.turn();
    let (dispatch, done) = stage.workers.next();
    assert!(dispatch.last_chance);
    let rejected = AttemptOutcome::Failed { reason: FailureReason::Rejected, message: Some("no".into()) };
    done.finish(rejected.clone());
    stage.turn();
    assert_eq!(pending.wait(), Ok(rejected));
}

#[test] // R38
fn every_promise_settles_when_the_host_goes_away() {
    let (stage, registration) = Stage::new().with_worker();
    let before = stage.host.sync_manager(registration).register("a".into());
    let running = stage.host.dispatch_event(registration, SyncKind::BackgroundSync, "tool".into(), false);
    let Stage { mut driver, host, .. } = stage;
    driver.turn();
    let unseen = host.sync_manager(registration).register("b".into());
    driver.shut_down().expect("released");
    assert_eq!(before.wait(), Ok(()));
    assert_eq!(running.wait(), Err(RegisterError::ShuttingDown));
    assert_eq!(unseen.wait(), Err(RegisterError::ShuttingDown));
    assert_eq!(host.sync_manager(registration).register("c".into()).wait(), Err(RegisterError::ShuttingDown));
}

// CR: ZeroDelayScheduleDoesNotInvokeCallback
#[test] // R179: nothing ticks
fn nothing_is_waited_for_when_nothing_is_due() {
    let (mut stage, registration) = Stage::new().with_worker();
    stage.online();
    assert_eq!(stage.turn(), None);
    assert_eq!(stage.register(registration, "a"), Ok(()));
    assert_eq!(stage.turn(), Some(180_000));
    stage.end(SUCCEEDED);
    assert_eq!(stage.turn(), None);
}

#[test] // R183, R57
fn a_threaded_host_does_the_same() {
    let network = ManualNetwork::new(Connection::None);
    let host =
        Host::builder(Box::new(MemoryStore::new())).network(Box::new(network.clone())).open().expect("opens");
    let key = StorageKey::first_party(ORIGIN);
    let _window = host.open_client(key.clone(), FrameType::TopLevel);
    let scope = format!("{ORIGIN}/");
    let registration =
        host.add_worker_registration(key, scope.clone(), format!("{ORIGIN}/sw.js")).wait().expect("id");
    host.set_active_worker(registration, Some(ActiveWorker { id: WorkerId(1), activated: true }), None);
    let manager = host.sync_manager(registration);
    assert_eq!(manager.register("a".into()).wait(), Ok(()));
    let statuses = host.sync_registrations().wait().expect("statuses");
    assert_eq!(statuses[0].reasons, [Reason::Offline]); // R243
    let registrations = host.service_worker_manager().registrations_for_scope(&scope).wait().expect("list"); // R212
    assert_eq!(
        registrations[0].active_service_worker().expect("active").script_uri(),
        format!("{ORIGIN}/sw.js")
    );
    let (seen, heard) = std::sync::mpsc::channel();
    let _subscription = host.on_activity(move |activity| drop(seen.send(activity.event.clone())));
    network.set(Connection::Ethernet);
    let abandoned = heard.iter().find(|event| matches!(event, ActivityEvent::Failed { .. }));
    assert!(matches!(abandoned, Some(ActivityEvent::Failed { reason: FailureReason::Abandoned, .. })));
}

#[test]
fn a_bad_configuration_is_refused_at_open() {
    let builder = Host::builder(Box::new(MemoryStore::new()));
    let error = builder.config(Config { attempts_max: 0, ..Config::default() }).open().expect_err("refused");
    assert!(matches!(&error, OpenError::Config(_)), "{error}");
}

#[test] // R36, R81, R171
fn a_failed_attempt_whose_commit_is_in_doubt_is_counted_once() {
    let (mut stage, registration) = Stage::new().with_worker();
    assert_eq!(stage.register(registration, "t"), Ok(()));
    stage.online();
    stage.disk.lose_next_answer();
    stage.end(stage::failed(FailureReason::Rejected));
    let pending = stage.host.sync_registrations();
    stage.turn();
    assert_eq!(pending.wait().unwrap()[0].registration.attempts, 1);
}

#[test] // R30, R36, R64
fn a_registration_during_an_event_survives_an_end_whose_commit_is_in_doubt() {
    let (mut stage, registration) = Stage::new().with_worker();
    assert_eq!(stage.register(registration, "t"), Ok(()));
    stage.online();
    assert_eq!(stage.register(registration, "t"), Ok(()), "remembered while its event runs");
    stage.disk.lose_next_answer();
    stage.end(AttemptOutcome::Succeeded { handled: true });
    assert_eq!(stage.tags(registration), ["t"]);
    assert_eq!(stage.workers.running(), ["t"], "the second event runs");
}

#[test] // R86, R171
fn an_event_that_timed_out_is_stopped_also_if_its_commit_is_in_doubt() {
    let (mut stage, registration) = Stage::new().with_worker();
    assert_eq!(stage.register(registration, "t"), Ok(()));
    stage.online();
    stage.disk.lose_next_answer();
    stage.advance(180_000);
    assert_eq!(stage.workers.terminated().len(), 1);
    let pending = stage.host.sync_registrations();
    stage.turn();
    assert_eq!(pending.wait().unwrap()[0].registration.attempts, 1);
}
