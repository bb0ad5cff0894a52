//! Firing, failure, retry and last chance of one-off entries (requirements 11.5 and 11.6).

mod world;

use wakeworker_core::*;
use world::{ORIGIN, Seen, World};

/// Registers `a` online and gives the world with its event running.
fn firing() -> World {
    let mut world = World::online();
    assert_eq!(world.register("a"), Ok(()));
    world
}

/// Ends the event of `a` with a failure for this reason: one failed attempt, and then the delay.
fn check_failed_attempt(reason: FailureReason) {
    let mut world = firing();
    world.end("a", AttemptOutcome::Failed { reason, message: Some("no".into()) });
    assert_eq!(world.state("a"), Some(SyncState::Waiting), "{reason:?}");
    assert_eq!(world.tags(), ["a"]); // R77
    let failed = ActivityEvent::Failed { reason, message: Some("no".into()), next_attempt_ms: Some(300_000) };
    assert_eq!(world.events().last(), Some(&&failed)); // R238, R244
}

#[test] // R59
fn the_event_goes_to_the_active_worker_with_the_tag() {
    let mut world = World::online();
    world.activate(WorkerRegistrationId(1), 7);
    assert_eq!(world.register("a"), Ok(()));
    let dispatch = &world.running[0];
    assert_eq!((dispatch.kind, dispatch.worker), (SyncKind::BackgroundSync, WorkerId(7)));
    assert_eq!(
        (dispatch.tag.clone(), dispatch.last_chance, dispatch.timeout_ms),
        ("a".into(), false, 180_000)
    ); // R87
    assert!(dispatch.needs_network);
}

#[test] // R61
fn an_activating_worker_gets_it_only_when_activated() {
    let mut world = World::online();
    world.set_active(WorkerRegistrationId(1), Some(ActiveWorker { id: WorkerId(2), activated: false }));
    assert_eq!(world.register("a"), Ok(()));
    assert_eq!((world.running.len(), world.state("a")), (0, Some(SyncState::Pending)));
    world.activate(WorkerRegistrationId(1), 2);
    assert_eq!(world.running_tags(), ["a"]);
}

#[test] // R62, R165, R143
fn it_fires_although_every_page_is_closed() {
    let mut world = World::new();
    assert_eq!(world.register("a"), Ok(()));
    world.close(1);
    world.network(Connection::Wifi);
    assert_eq!(world.running_tags(), ["a"]);
    let dispatched = ActivityEvent::Dispatched { last_chance: false, attempt: 1, background: true };
    assert!(world.events().contains(&&dispatched));
}

#[test] // R64
fn success_removes_the_entry() {
    let mut world = firing();
    world.succeed("a");
    assert!(world.tags().is_empty() && world.stored_syncs.is_empty());
    assert_eq!(world.engine.next_wakeup(world.now), None);
}

#[test] // R71, D7
fn an_event_without_listener_completes_and_the_log_says_so() {
    let mut world = firing();
    world.end("a", AttemptOutcome::Succeeded { handled: false });
    assert!(world.tags().is_empty());
    assert_eq!(world.events().last(), Some(&&ActivityEvent::Completed { handled: false }));
}

#[test] // R66, R67, R70, R244
fn every_kind_of_failure_is_a_failed_attempt() {
    for reason in [
        FailureReason::Rejected,
        FailureReason::Terminated,
        FailureReason::StartFailed,
        FailureReason::ScriptError,
        FailureReason::Abandoned,
    ] {
        check_failed_attempt(reason);
    }
}

// CR: ReregisterMidSyncFirstAttemptFails, ReregisterMidSyncFirstAttemptSucceeds
#[test] // R68, R69
fn registered_again_while_firing_it_fires_again_at_once_with_any_result() {
    for succeeds in [true, false] {
        let mut world = firing();
        for delay_ms in [300_000, 900_000] {
            world.fail("a");
            world.advance(delay_ms);
        }
        assert!(world.last_chance("a"));
        assert_eq!(world.register("a"), Ok(()));
        match succeeds {
            true => world.succeed("a"),
            false => world.fail("a"),
        }
        assert_eq!(world.running_tags(), ["a"]);
        assert!(!world.last_chance("a"), "it starts with a fresh count");
        assert_eq!(world.state("a"), Some(SyncState::Firing));
        world.succeed("a");
        assert!(world.tags().is_empty());
    }
}

#[test] // R68, R49
fn registered_again_while_firing_it_waits_for_the_network() {
    let mut world = firing();
    assert_eq!(world.register("a"), Ok(()));
    world.network(Connection::None);
    world.succeed("a");
    assert_eq!(world.state("a"), Some(SyncState::Pending));
    world.network(Connection::Wifi);
    assert_eq!(world.running_tags(), ["a"]);
}

// CR: ThreeAttempts, WaitsFullDelayTime, FailedRegistrationShouldBeRemoved, OneShotSyncMultipleAttempts, ScheduleInvokesCallback
#[test] // R77, R79, R80, R81, R91
fn three_attempts_with_five_and_fifteen_minutes_between() {
    let mut world = firing();
    for (delay_ms, last_chance_next) in [(300_000, false), (900_000, true)] {
        assert!(!world.last_chance("a"));
        world.advance(60_000); // The delay counts from the end of the attempt.
        world.fail("a");
        world.advance(delay_ms - 1);
        assert_eq!((world.running.len(), world.state("a")), (0, Some(SyncState::Waiting)));
        world.advance(1);
        assert_eq!(world.running_tags(), ["a"]);
        assert_eq!(world.last_chance("a"), last_chance_next);
    }
    world.fail("a");
    assert!(world.tags().is_empty() && world.stored_syncs.is_empty()); // R78
    assert_eq!(world.events().last(), Some(&&ActivityEvent::GaveUp));
}

// CR: LastChance, OneAttempt, TwoAttempts
#[test] // R82, D32
fn the_last_attempt_has_the_last_chance_whatever_the_maximum() {
    for attempts_max in 1..=4 {
        let mut world = World::with(Config { attempts_max, retry_jitter_percent: 0, ..Config::default() });
        world.network(Connection::Wifi);
        assert_eq!(world.register("a"), Ok(()));
        for attempt in 1..=attempts_max {
            assert_eq!(world.last_chance("a"), attempt == attempts_max, "{attempt} of {attempts_max}");
            world.fail("a");
            if let Some(wakeup) = world.engine.next_wakeup(world.now) {
                world.advance(wakeup.after_ms);
            }
        }
        assert!(world.tags().is_empty());
    }
}

// CR: MaxSyncAttemptsWithNotificationPermission
#[test] // R83
fn origins_with_notification_permission_have_their_own_maximum() {
    let config = Config { attempts_max_with_notifications: 1, ..Config::default() };
    let mut world = World::with(config);
    world.network(Connection::Wifi);
    assert_eq!(world.register("a"), Ok(()));
    assert!(!world.last_chance("a"));
    world.permission(PermissionName::Notifications, PermissionState::Granted);
    assert_eq!(world.register("b"), Ok(()));
    assert!(world.last_chance("b"), "fixed at registration");
    assert_eq!(world.stored_syncs.values().map(|sync| sync.attempts_max).collect::<Vec<_>>(), [3, 1]);
}

#[test] // R85, R86, R89, D8
fn an_event_that_takes_too_long_fails_and_its_worker_is_told() {
    let mut world = firing();
    let attempt = world.running[0].attempt;
    assert_eq!(
        world.engine.next_wakeup(world.now),
        Some(Wakeup { after_ms: 180_000, reason: WakeupReason::EventTimeout(attempt) })
    );
    world.advance(179_999);
    assert!(world.terminated.is_empty());
    world.advance(1);
    assert_eq!(world.terminated, [attempt]);
    assert_eq!(world.state("a"), Some(SyncState::Waiting));
    world.input(Input::AttemptEnded { attempt, outcome: AttemptOutcome::Succeeded { handled: true } });
    assert_eq!(world.tags(), ["a"], "a late answer changes nothing");
}

#[test] // R88
fn the_last_chance_may_have_a_shorter_limit() {
    let config = Config { attempts_max: 1, last_chance_duration_max_ms: 60_000, ..Config::default() };
    let mut world = World::with(config);
    world.network(Connection::Wifi);
    assert_eq!(world.register("a"), Ok(()));
    assert_eq!(world.running[0].timeout_ms, 60_000);
    world.advance(60_000);
    assert!(world.tags().is_empty());
}

#[test] // R73
fn a_registration_between_two_results_is_never_lost() {
    // The end of an attempt and a registration arrive in either order: the tag always gets an event afterwards.
    for register_first in [true, false] {
        let mut world = firing();
        if register_first {
            assert_eq!(world.register("a"), Ok(()));
            world.succeed("a");
        } else {
            world.succeed("a");
            assert_eq!(world.register("a"), Ok(()));
        }
        assert_eq!(world.running_tags(), ["a"]);
    }
}

// CR: UnregisterServiceWorkerMidSync
#[test] // R76, R161, D13
fn an_entry_whose_registration_is_gone_is_dropped_and_a_late_result_ignored() {
    let mut world = firing();
    assert_eq!(world.register("b"), Ok(()));
    world.fail("b");
    assert_eq!(world.unregister(WorkerRegistrationId(1)), Ok(()));
    assert!(world.stored_syncs.is_empty());
    world.fail("a");
    world.advance(86_400_000);
    assert!(world.running.is_empty() && world.tags().is_empty());
    assert_eq!(world.unregister(WorkerRegistrationId(1)), Err(RegisterError::NoRegistration));
}

#[test] // R178
fn the_process_is_kept_awake_while_an_event_runs() {
    let mut world = World::online();
    world.trace.clear();
    for tag in ["a", "b"] {
        assert_eq!(world.register(tag), Ok(()));
    }
    world.succeed("a");
    world.succeed("b");
    let awake: Vec<_> = world.trace.iter().filter(|seen| matches!(seen, Seen::KeepAwake(_))).collect();
    assert_eq!(awake, [&Seen::KeepAwake(true), &Seen::KeepAwake(false)]);
}

#[test] // R240
fn a_tool_can_fire_an_event_without_touching_entries() {
    let mut world = World::new();
    assert_eq!(world.register("a"), Ok(()));
    let before = world.stored_syncs.clone();
    for (tag, last_chance, outcome) in [
        ("a", true, AttemptOutcome::Succeeded { handled: true }),
        ("unknown", false, AttemptOutcome::Failed { reason: FailureReason::Rejected, message: None }),
    ] {
        let request = world.request();
        world.input(Input::DispatchEvent {
            request,
            registration: WorkerRegistrationId(1),
            kind: SyncKind::BackgroundSync,
            tag: tag.into(),
            last_chance,
        });
        assert_eq!((world.running_tags(), world.last_chance(tag)), (vec![tag.to_owned()], last_chance)); // D23: offline
        world.end(tag, outcome.clone());
        assert_eq!(world.answer(request), Ok(Resolution::Outcome(outcome)));
        assert_eq!(world.stored_syncs, before);
    }
}

#[test] // R240
fn a_tool_needs_an_active_worker() {
    let mut world = World::empty(Config::default());
    for (registration, error) in [
        (WorkerRegistrationId(9), RegisterError::NoRegistration),
        (world.add_registration(ORIGIN, "/"), RegisterError::NoActiveWorker),
    ] {
        let request = world.request();
        let (kind, tag) = (SyncKind::PeriodicSync, "a".into());
        world.input(Input::DispatchEvent { request, registration, kind, tag, last_chance: false });
        assert_eq!(world.answer(request), Err(error));
    }
}
