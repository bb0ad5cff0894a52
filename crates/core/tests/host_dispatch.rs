//! What the host fires and cancels itself (R194–R206, R240, R245; D20–D25).

mod world;

use SyncOperationStatus::{OtherError, Rejected, Succeeded, TagNotExisted, Timeout};
use wakeworker_core::*;
use world::periodic::{HOUR, MINUTE};
use world::{ORIGIN, World};

fn host_driven() -> World {
    let config = Config { periodic_dispatch: PeriodicDispatch::HostDriven, ..Config::default() };
    let mut world = World::periodic_with(config);
    world.register_periodic("news", HOUR).expect("registered");
    world
}

#[test] // R194, D20
fn host_driven_nothing_is_ever_fired_by_itself() {
    let mut world = host_driven();
    assert_eq!(world.engine.next_wakeup(world.now), None);
    world.pass(365 * 24 * HOUR);
    world.input(Input::TimePassed);
    world.network(Connection::None);
    world.network(Connection::Wifi);
    assert!(world.running.is_empty());
    assert!(world.reasons("news").contains(&Reason::HostDriven));
    world.register("outbox").unwrap();
    assert_eq!(world.running_tags(), ["outbox"], "R209: one-off events need no host");
}

#[test] // R195, R196, R197, R198, R200, R201 CR: DispatchPeriodicSyncEvent
fn every_result_has_its_status_and_is_an_answer() {
    let failed = |reason| AttemptOutcome::Failed { reason, message: None };
    for (outcome, status) in [
        (AttemptOutcome::Succeeded { handled: true }, Succeeded),
        (failed(FailureReason::Rejected), Rejected),
        (failed(FailureReason::StartFailed), OtherError),
        (failed(FailureReason::ScriptError), OtherError),
        (AttemptOutcome::NotDispatched, OtherError),
    ] {
        let mut world = host_driven();
        let request = world.dispatch("news");
        assert_eq!(world.running_tags(), ["news"]);
        assert!(!world.answered(request), "answered when the event has ended");
        world.end("news", outcome);
        assert_eq!(world.operation_status(request), status);
    }
    let mut world = host_driven();
    let request = world.dispatch("news");
    world.advance(3 * MINUTE);
    assert_eq!(world.operation_status(request), Timeout);
}

#[test] // R199, D24
fn a_tag_without_a_periodic_entry_does_not_exist_even_if_a_one_off_entry_has_it() {
    let mut world = host_driven();
    world.network(Connection::None);
    world.register("outbox").unwrap();
    let request = world.dispatch("outbox");
    assert_eq!(world.operation_status(request), TagNotExisted);
}

#[test] // R202, D21, R125, R126
fn it_may_be_fired_as_often_as_the_host_likes_and_moves_anchor_and_last_fire() {
    let mut world = host_driven();
    for _ in 0..5 {
        world.pass(1_000);
        let request = world.dispatch("news");
        world.succeed("news");
        assert_eq!(world.operation_status(request), Succeeded);
    }
    let SyncOptions::Periodic { anchor, last_success, .. } =
        world.status("news").unwrap().registration.options
    else {
        panic!("periodic")
    };
    assert_eq!((anchor, last_success), (world.now.wall, Some(world.now.wall)));
    assert_eq!(world.stored_origin_fires.len(), 1);
}

#[test] // R128, D17, D21
fn a_host_dispatch_is_never_retried_in_either_mode() {
    let mut automatic = World::periodic();
    automatic.register_periodic("news", 24 * HOUR).unwrap();
    for mut world in [host_driven(), automatic] {
        world.dispatch("news");
        world.fail("news");
        assert_eq!(world.state("news"), Some(SyncState::Pending));
        assert_eq!(world.status("news").unwrap().registration.attempts, 0);
    }
}

#[test] // R205, D22
fn dispatches_of_one_tag_do_not_overlap_and_all_who_wait_share_one_event() {
    let mut world = host_driven();
    let [first, second, third] = [(); 3].map(|()| world.dispatch("news"));
    assert_eq!(world.running.len(), 1);
    world.succeed("news");
    assert_eq!(world.operation_status(first), Succeeded);
    assert_eq!(world.running.len(), 1, "one waited");
    assert!(!world.answered(second));
    world.fail("news");
    assert_eq!((world.operation_status(second), world.operation_status(third)), (Rejected, Rejected));
    assert!(world.running.is_empty());
}

#[test] // R46, R199
fn a_waiting_dispatch_is_answered_when_its_entry_goes() {
    let mut world = host_driven();
    let first = world.dispatch("news");
    let second = world.dispatch("news");
    world.forget("news").unwrap();
    assert_eq!(world.operation_status(second), TagNotExisted);
    world.succeed("news");
    assert_eq!(world.operation_status(first), Succeeded);
}

#[test] // D23
fn offline_it_is_dispatched_unless_it_demands_connectivity() {
    let mut world = host_driven();
    world.network(Connection::None);
    let demanding = world.dispatch_with("news", None, true);
    assert_eq!(world.operation_status(demanding), OtherError);
    world.dispatch("news");
    assert_eq!(world.running_tags(), ["news"]);
    assert!(!world.running[0].needs_network);
}

#[test] // D24, R138
fn without_permission_it_is_another_error() {
    let mut world = host_driven();
    world.crash(); // The entry is kept; the permission is not stated again.
    let request = world.dispatch("news");
    assert_eq!(world.operation_status(request), OtherError);
}

#[test] // R206, D25, R201
fn a_worker_object_that_is_gone_is_a_failed_call() {
    let mut world = host_driven();
    let known = world.dispatch_with("news", Some(WorkerId(1)), false);
    world.succeed("news");
    assert_eq!(world.operation_status(known), Succeeded);
    world.activate(WorkerRegistrationId(1), 2);
    let gone = world.dispatch_with("news", Some(WorkerId(1)), false);
    assert_eq!(world.answer(gone), Err(RegisterError::WorkerGone));
    assert_eq!(RegisterError::WorkerGone.dom_exception_name(), "InvalidStateError");
    world.set_active(WorkerRegistrationId(1), None);
    let none = world.dispatch("news");
    assert_eq!(world.answer(none), Err(RegisterError::NoActiveWorker));
    world.unregister(WorkerRegistrationId(1)).unwrap();
    let unknown = world.dispatch("news");
    assert_eq!(world.answer(unknown), Err(RegisterError::NoRegistration));
}

#[test] // D21: in automatic mode the host may fire as well
fn a_host_dispatch_during_a_back_off_ends_the_series() {
    let mut world = World::gapless();
    world.register_periodic("news", 24 * HOUR).unwrap();
    world.advance(24 * HOUR);
    world.fail("news");
    world.dispatch("news");
    world.fail("news");
    assert_eq!(world.state("news"), Some(SyncState::Pending));
    assert_eq!(world.next_events(0).0, 24 * HOUR);
}

#[test] // R245
fn the_host_fires_one_off_entries_whatever_holds_them_back() {
    let mut world = World::new();
    world.register("outbox").unwrap();
    let (request, sync) = (world.request(), world.id("outbox"));
    world.input(Input::FireSync { request, sync });
    assert_eq!(world.running_tags(), ["outbox"], "offline or not");
    let shared = world.request();
    world.input(Input::FireSync { request: shared, sync });
    assert_eq!(world.running.len(), 1, "R63");
    world.fail("outbox");
    let outcome = AttemptOutcome::Failed { reason: FailureReason::Rejected, message: None };
    assert_eq!(world.answer(request), Ok(Resolution::Outcome(outcome.clone())));
    assert_eq!(world.answer(shared), Ok(Resolution::Outcome(outcome)));
    assert_eq!(world.state("outbox"), Some(SyncState::Waiting), "its attempt counts");

    let again = world.request();
    world.input(Input::FireSync { request: again, sync });
    world.succeed("outbox");
    assert_eq!(world.tags(), [""; 0]);
    let gone = world.request();
    world.input(Input::FireSync { request: gone, sync });
    assert_eq!(world.answer(gone), Err(RegisterError::NoSyncRegistration));
}

#[test] // R245
fn the_host_fires_periodic_entries_by_their_identity() {
    let mut world = host_driven();
    let (request, sync) = (world.request(), world.id("news"));
    world.input(Input::FireSync { request, sync });
    world.succeed("news");
    assert_eq!(world.operation_status(request), Succeeded);
}

#[test] // R245, R166
fn the_host_cancels_entries_of_both_kinds() {
    let mut world = World::gapless();
    world.register("outbox").unwrap();
    world.register_periodic("news", HOUR).unwrap();
    for tag in ["outbox", "news"] {
        let (request, sync) = (world.request(), world.id(tag));
        world.input(Input::CancelSync { request, sync });
        assert_eq!(world.answer(request), Ok(Resolution::Done));
        assert_eq!(world.last_durability, Durability::Strict);
        let request = world.request();
        world.input(Input::CancelSync { request, sync });
        assert_eq!(world.answer(request), Err(RegisterError::NoSyncRegistration));
    }
    world.fail("outbox"); // Its event went on; nothing follows.
    assert_eq!(world.engine.next_wakeup(world.now), None);
    assert_eq!(world.events().iter().filter(|event| ***event == ActivityEvent::Cancelled).count(), 2);
}

#[test] // R246, R223
fn scripts_cancel_one_off_entries_only_if_the_host_allows_it() {
    for allowed in [false, true] {
        let mut world = World::with(Config { script_unregister_one_shot: allowed, ..Config::default() });
        world.register("outbox").unwrap();
        let (request, registration) = (world.request(), WorkerRegistrationId(1));
        let kind = SyncKind::BackgroundSync;
        world.input(Input::Unregister { request, registration, kind, tag: "outbox".into() });
        assert_eq!(world.answer(request).is_ok(), allowed);
        assert_eq!(world.tags().is_empty(), allowed);
    }
}

#[test] // R182 CR: FireBackgroundSyncEvents CR: RunCallbackAfterEventsComplete
fn the_host_has_everything_fired_and_is_told_when_it_has_ended() {
    let mut world = World::gapless_with(CoalescePolicy::Align { slack_percent: 25 });
    world.register_periodic("news", 12 * HOUR).unwrap();
    world.network(Connection::None);
    world.register("a").unwrap();
    world.register("b").unwrap();
    world.pass(12 * HOUR);
    world.network(Connection::Wifi);
    assert_eq!(world.running.len(), 3);
    let running = world.request();
    world.input(Input::FireDue { request: running });
    assert!(!world.answered(running), "what runs already is waited for as well");
    for tag in ["a", "b", "news"] {
        world.succeed(tag);
    }
    assert_eq!(world.answer(running), Ok(Resolution::Fired { events: 3 }));
    let nothing = world.request();
    world.input(Input::FireDue { request: nothing });
    assert_eq!(world.answer(nothing), Ok(Resolution::Fired { events: 0 }));
    world.pass(12 * HOUR);
    let due = world.request();
    world.input(Input::FireDue { request: due });
    assert_eq!(world.running_tags(), ["news"]);
    assert!(!world.answered(due));
    world.succeed("news");
    assert_eq!(world.answer(due), Ok(Resolution::Fired { events: 1 }));
}

#[test] // R240 CR: EmulateDispatchSyncEvent
fn a_tool_fires_a_periodic_event_without_an_entry() {
    let mut world = World::gapless();
    let (request, registration) = (world.request(), WorkerRegistrationId(1));
    let kind = SyncKind::PeriodicSync;
    world.input(Input::DispatchEvent { request, registration, kind, tag: "x".into(), last_chance: true });
    assert!(!world.running[0].last_chance);
    world.succeed("x");
    assert_eq!(world.answer(request), Ok(Resolution::Outcome(AttemptOutcome::Succeeded { handled: true })));
    assert!(world.stored_origin_fires.is_empty());
    assert_eq!(ORIGIN, "https://chat.example");
}
