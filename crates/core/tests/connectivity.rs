//! When the network decides (requirements 11.4).

mod world;

use wakeworker_core::*;
use world::World;

#[test] // R49, R55
fn nothing_fires_before_the_network_is_known() {
    let mut world = World::new();
    assert_eq!(world.register("a"), Ok(()));
    world.advance(86_400_000);
    assert!(world.running.is_empty());
    assert_eq!(
        world.engine.next_wakeup(world.now),
        None,
        "an entry that waits for the network is in no timer"
    );
}

// CR: FiresOnNetworkChange, MultipleRegistrationsFireOnNetworkChange, RegistrationDelaysForNetwork
#[test] // R50
fn coming_online_fires_every_pending_entry_over_all_origins() {
    let mut world = World::new();
    let other = "https://other.example";
    world.open_window(other);
    let second = world.add_worker(other, "/");
    assert_eq!(world.register("a"), Ok(()));
    assert_eq!(world.register_at(second, "b".into()), Ok(()));
    world.network(Connection::Ethernet);
    assert_eq!(world.running_tags(), ["a", "b"]);
}

// CR: ConditionsMetOnline
#[test] // R53
fn an_unknown_kind_of_network_is_online() {
    for (connection, fires) in [
        (Connection::None, false),
        (Connection::Unknown, true),
        (Connection::Ethernet, true),
        (Connection::Wifi, true),
        (Connection::Cellular, true),
    ] {
        let mut world = World::new();
        assert_eq!(world.register("a"), Ok(()));
        world.network(connection);
        assert_eq!(!world.running.is_empty(), fires, "{connection:?}");
    }
}

#[test] // R51, R84
fn a_retry_whose_delay_has_ended_waits_for_the_network() {
    let mut world = World::online();
    assert_eq!(world.register("a"), Ok(()));
    world.fail("a");
    world.network(Connection::None);
    assert_eq!(world.engine.next_wakeup(world.now), None, "no wake-up for what cannot fire");
    world.advance(299_999);
    world.network(Connection::Wifi);
    assert!(world.running.is_empty(), "the full delay passes, whatever the network does");
    world.network(Connection::None);
    world.advance(10_000_000);
    assert_eq!(world.state("a"), Some(SyncState::Pending));
    world.network(Connection::Wifi);
    assert_eq!(world.running_tags(), ["a"]);
}

#[test] // R54, D11
fn an_event_that_did_not_reach_its_worker_is_not_counted() {
    let mut world = World::online();
    assert_eq!(world.register("a"), Ok(()));
    world.end("a", AttemptOutcome::NotDispatched);
    assert_eq!(world.state("a"), Some(SyncState::Pending));
    let stored = world.stored_syncs.values().next().expect("the entry");
    assert_eq!((stored.attempts, stored.interrupted_starts), (0, 0));
    assert!(world.running.is_empty(), "it waits for news of the network");
    world.network(Connection::Wifi);
    assert_eq!(world.running_tags(), ["a"]);
}

#[test] // R54: found by killing the host between two reports of the network
fn an_event_that_did_not_reach_its_worker_is_tried_again_without_news() {
    let mut world = World::online();
    assert_eq!(world.register("a"), Ok(()));
    for _ in 0..5 {
        world.end("a", AttemptOutcome::NotDispatched);
        let wakeup = world.engine.next_wakeup(world.now).expect("a recheck");
        assert_eq!((wakeup.after_ms, wakeup.reason), (1_000, WakeupReason::Recheck));
        world.advance(1_000);
        assert_eq!((world.running_tags(), world.last_chance("a")), (vec!["a".to_owned()], false));
    }
    world.succeed("a");
    assert_eq!(world.engine.next_wakeup(world.now), None);
}

#[test] // R56
fn every_change_of_connection_looks_at_pending_entries_again() {
    let mut world = World::online();
    assert_eq!(world.register("a"), Ok(()));
    world.end("a", AttemptOutcome::NotDispatched);
    world.network(Connection::Cellular);
    assert_eq!(world.running_tags(), ["a"]);
}

#[test] // R58
fn a_flapping_network_causes_one_dispatch() {
    let mut world = World::new();
    assert_eq!(world.register("a"), Ok(()));
    for _ in 0..100 {
        world.network(Connection::Wifi);
        world.network(Connection::None);
    }
    assert_eq!(world.running_tags(), ["a"]);
    let dispatched =
        world.events().iter().filter(|event| matches!(event, ActivityEvent::Dispatched { .. })).count();
    assert_eq!(dispatched, 1);
}

// CR: DelayMidSync
#[test] // D10
fn losing_the_network_during_an_event_changes_nothing() {
    let mut world = World::online();
    assert_eq!(world.register("a"), Ok(()));
    world.network(Connection::None);
    assert_eq!(world.state("a"), Some(SyncState::Firing));
    world.succeed("a");
    assert!(world.tags().is_empty());
}

#[test] // R141, D14, R140
fn while_denied_stored_entries_wait_and_fire_when_granted_again() {
    let mut world = World::new();
    assert_eq!(world.register("a"), Ok(()));
    world.permission(PermissionName::BackgroundSync, PermissionState::Denied);
    world.network(Connection::Wifi);
    assert!(world.running.is_empty());
    world.permission(PermissionName::PeriodicBackgroundSync, PermissionState::Denied);
    assert_eq!(world.tags(), ["a"]);
    world.permission(PermissionName::BackgroundSync, PermissionState::Granted);
    assert_eq!(world.running_tags(), ["a"]);
}

#[test] // R243
fn explain_names_every_obstacle() {
    let mut world = World::new();
    assert_eq!(world.register("a"), Ok(()));
    let reasons = |world: &World| world.status("a").expect("an entry").reasons;
    assert_eq!(reasons(&world), [Reason::Offline]);
    world.permission(PermissionName::BackgroundSync, PermissionState::Denied);
    world.set_active(WorkerRegistrationId(1), Some(ActiveWorker { id: WorkerId(2), activated: false }));
    let denied = Reason::PermissionDenied { name: PermissionName::BackgroundSync };
    assert_eq!(reasons(&world), [Reason::Offline, denied, Reason::WorkerActivating]);
    world.set_active(WorkerRegistrationId(1), None);
    assert_eq!(reasons(&world), [Reason::Offline, denied, Reason::NoActiveWorker]);
    world.permission(PermissionName::BackgroundSync, PermissionState::Granted);
    world.activate(WorkerRegistrationId(1), 2);
    world.network(Connection::Wifi);
    assert!(matches!(reasons(&world)[..], [Reason::InFlight { .. }]));
    world.fail("a");
    world.pass(60_000);
    assert_eq!(reasons(&world), [Reason::BackOff { remaining_ms: 240_000, failed_attempts: 1 }]);
    assert_eq!(reasons(&world)[0].to_string(), "back-off: 1 failed, next attempt in 240 s");
    let wakeup = world.engine.next_wakeup(world.now).expect("a retry");
    assert_eq!((wakeup.after_ms, wakeup.reason), (240_000, WakeupReason::RetryDue(SyncRegistrationId(2))));
    assert_eq!(world.engine.explain(SyncRegistrationId(99), world.now), None);
}
