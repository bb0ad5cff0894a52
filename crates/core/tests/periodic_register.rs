//! `periodicSync.register`, `getTags` and `unregister` (sections 2.3 and 2.4 of the requirements).

mod world;

use wakeworker_core::*;
use world::periodic::{HOUR, MINUTE};
use world::{ORIGIN, World};

fn anchor(world: &World, tag: &str) -> Timestamp {
    match world.status(tag).expect("an entry").registration.options {
        SyncOptions::Periodic { anchor, .. } => anchor,
        SyncOptions::OneShot => panic!("{tag} is a one-off entry"),
    }
}

fn interval(world: &World, tag: &str) -> i64 {
    world.status(tag).expect("an entry").registration.min_interval_ms()
}

#[test] // R94 CR: RegisterWithoutActiveSWRegistration
fn without_an_active_worker_it_is_refused() {
    let mut world = World::periodic();
    world.set_active(WorkerRegistrationId(1), None);
    assert_eq!(world.register_periodic("news", HOUR), Err(RegisterError::NoActiveWorker));
    assert_eq!(RegisterError::NoActiveWorker.dom_exception_name(), "InvalidStateError");
    assert_eq!(world.periodic_tags(), [""; 0]);
}

#[test] // R95, R137, R144, R136 CR: RegisterPermissionDenied CR: RegisterPermissionGranted
fn without_the_permission_it_is_refused_and_the_default_is_denied() {
    let mut world = World::online();
    assert_eq!(world.register_periodic("news", HOUR), Err(RegisterError::PermissionDenied));
    assert_eq!(world.register("outbox"), Ok(()), "the two permissions are independent");
    world.grant_periodic(ORIGIN, PermissionState::Prompt);
    assert_eq!(world.register_periodic("news", HOUR), Err(RegisterError::PermissionDenied));
    world.grant_periodic(ORIGIN, PermissionState::Granted);
    assert_eq!(world.register_periodic("news", HOUR), Ok(()));
}

// CR: RegisterFromIFrameWithoutTopLevelFrameForOrigin
#[test] // R96 CR: RegisterWithoutMainFrame CR: RegisterExistingWithoutMainFrame
fn without_a_window_it_is_refused_also_for_a_tag_that_exists() {
    let mut world = World::periodic();
    world.register_periodic("news", HOUR).unwrap();
    world.close(1);
    world.open_client(ORIGIN, FrameType::Nested);
    for tag in ["news", "mail"] {
        assert_eq!(world.register_periodic(tag, 2 * HOUR), Err(RegisterError::NoWindow));
    }
    assert_eq!(interval(&world, "news"), HOUR as i64);
}

#[test] // R97, D1
fn the_first_failing_check_names_the_error() {
    let mut world = World::empty(Config::default());
    let registration = world.add_registration(ORIGIN, "/");
    assert_eq!(world.register_periodic("a", 0), Err(RegisterError::NoActiveWorker));
    world.activate(registration, 1);
    assert_eq!(world.register_periodic("a", 0), Err(RegisterError::PermissionDenied));
    world.grant_periodic(ORIGIN, PermissionState::Granted);
    assert_eq!(world.register_periodic("a", 0), Err(RegisterError::NoWindow));
    world.open_window(ORIGIN);
    assert_eq!(world.register_periodic("a", 0), Ok(()));
}

// CR: RegisterPeriodicSync
#[test] // R98, R188, R22 CR: StoreAndRetrievePreservesValues CR: PeriodicSyncOptions
fn a_new_tag_makes_one_entry_with_its_interval_and_anchor_now() {
    let mut world = World::periodic();
    world.register_periodic("news", HOUR).unwrap();
    assert_eq!(world.last_durability, Durability::Strict);
    assert_eq!(anchor(&world, "news"), world.now.wall);
    assert_eq!(interval(&world, "news"), HOUR as i64);
    assert_eq!(world.state("news"), Some(SyncState::Pending));
    assert_eq!(world.announced.len(), 1);
    assert!(!world.announced[0].reregistration);
    assert_eq!(world.announced[0].registration.min_interval_ms(), HOUR as i64);
}

#[test] // R99, R100
// CR: RegisterNoMinInterval
fn registering_never_fires_by_itself_not_even_with_interval_0() {
    let mut world = World::gapless();
    world.register_periodic("news", 0).unwrap();
    world.input(Input::TimePassed);
    assert!(world.running.is_empty());
    assert_eq!(interval(&world, "news"), 0);
    assert!(world.engine.next_wakeup(world.now).unwrap().after_ms > 0);
}

// CR: SchedulingTwiceOverwritesTimer
#[test] // R101, R204 CR: ReregisterPeriodicSync
fn another_interval_replaces_only_the_interval() {
    let mut world = World::gapless();
    world.register_periodic("news", 2 * HOUR).unwrap();
    let registered = world.now.wall;
    world.advance(HOUR);
    world.register_periodic("news", 3 * HOUR).unwrap();
    assert_eq!(anchor(&world, "news"), registered);
    assert_eq!(interval(&world, "news"), 3 * HOUR as i64);
    assert!(world.announced[1].reregistration);
    assert_eq!(world.next_events(0).0, 2 * HOUR, "three hours after the registration");

    world.register_periodic("news", HOUR).unwrap();
    world.advance(HOUR);
    world.register_periodic("news", 5 * HOUR).unwrap();
    assert_eq!(world.state("news"), Some(SyncState::Firing), "the state stays (R101)");
    assert_eq!(interval(&world, "news"), 5 * HOUR as i64);
}

#[test] // R102, R131
fn the_same_interval_while_firing_ends_the_series_and_does_not_fire_at_once() {
    let mut world = World::gapless();
    world.register_periodic("news", 24 * HOUR).unwrap();
    world.advance(24 * HOUR);
    world.register_periodic("news", 24 * HOUR).unwrap();
    assert_eq!(world.state("news"), Some(SyncState::ReregisteredWhileFiring));
    world.pass(MINUTE);
    world.fail("news");
    assert_eq!(world.state("news"), Some(SyncState::Pending));
    assert_eq!(anchor(&world, "news"), world.now.wall);
    assert!(world.running.is_empty());
    assert_eq!(world.next_events(0).0, 24 * HOUR, "no retry");
}

#[test] // R103, R204 CR: Reregister
fn the_same_interval_while_pending_changes_nothing() {
    let mut world = World::periodic();
    world.register_periodic("news", HOUR).unwrap();
    let registered = world.now.wall;
    world.pass(MINUTE);
    world.register_periodic("news", HOUR).unwrap();
    assert_eq!((anchor(&world, "news"), world.last_changes, world.announced.len()), (registered, 0, 1));
}

#[test] // R104, R41, R39 CR: BothTypesOfSyncShareATag
fn one_tag_may_be_registered_for_both_kinds() {
    let mut world = World::gapless();
    world.network(Connection::None);
    world.register("news").unwrap();
    world.register_periodic("news", HOUR).unwrap();
    world.register_periodic("mail", HOUR).unwrap();
    assert_eq!(world.tags(), ["news"]);
    assert_eq!(world.periodic_tags(), ["mail", "news"]);
    world.network(Connection::Wifi);
    assert_eq!(world.running.len(), 1);
    assert_eq!(world.running[0].kind, SyncKind::BackgroundSync);
    world.succeed("news");
    assert_eq!((world.tags(), world.periodic_tags().len()), (vec![], 2));
}

// CR: GetPeriodicSyncRegistrationsNoSyncRegistered
#[test] // R40, R42, R32
fn get_tags_needs_neither_worker_nor_window_nor_permission_and_lists_own_entries_only() {
    let mut world = World::periodic();
    let other = world.add_worker(ORIGIN, "/deep/");
    world.register_periodic("news", HOUR).unwrap();
    world.register_periodic_at(other, "deep", HOUR).unwrap();
    world.set_active(WorkerRegistrationId(1), None);
    world.close(1);
    assert_eq!(world.periodic_tags(), ["news"]);
    assert_eq!(world.tags_at(other, SyncKind::PeriodicSync), ["deep"]);
}

// CR: CancelDoesNotInvokeCallback, PeriodicBackgroundSyncBrowserTest.FindATag
#[test] // R44, R48, R116, R166 CR: Unregister CR: UnregistrationStopsPeriodicTasks
fn unregister_removes_the_entry_and_leaves_no_timer() {
    let mut world = World::periodic();
    world.register_periodic("news", HOUR).unwrap();
    assert!(world.engine.next_wakeup(world.now).is_some());
    assert_eq!(world.forget("news"), Ok(()));
    assert_eq!(world.last_durability, Durability::Strict);
    assert_eq!(world.periodic_tags(), [""; 0]);
    assert_eq!(world.engine.next_wakeup(world.now), None);
    world.crash();
    assert_eq!(world.periodic_tags(), [""; 0]);
}

#[test] // R45
fn unregister_of_an_unknown_tag_or_without_a_worker_resolves() {
    let mut world = World::periodic();
    assert_eq!(world.forget("news"), Ok(()));
    world.register_periodic("news", HOUR).unwrap();
    world.set_active(WorkerRegistrationId(1), None);
    assert_eq!(world.forget("news"), Ok(()));
    world.unregister(WorkerRegistrationId(1)).unwrap();
    assert_eq!(world.forget("news"), Ok(()));
}

#[test] // R46, R133, R124, D19
fn unregister_during_an_event_lets_it_finish_and_nothing_follows() {
    for succeeds in [true, false] {
        let mut world = World::gapless();
        world.register_periodic("news", 24 * HOUR).unwrap();
        world.advance(24 * HOUR);
        world.forget("news").unwrap();
        assert_eq!(world.running_tags(), ["news"], "the event goes on");
        if succeeds {
            world.succeed("news")
        } else {
            world.fail("news")
        }
        assert_eq!(world.periodic_tags(), [""; 0]);
        assert_eq!(world.engine.next_wakeup(world.now), None);
    }
}

#[test] // R47
fn calls_take_effect_in_their_order() {
    let mut world = World::periodic();
    world.register_periodic("news", HOUR).unwrap();
    world.forget("news").unwrap();
    world.register_periodic("news", 2 * HOUR).unwrap();
    assert_eq!(world.periodic_tags(), ["news"]);
    assert_eq!(interval(&world, "news"), 2 * HOUR as i64);
}

#[test] // R33, R13, R36 CR: RegisterMaxTagLength CR: EmptyTagSupported
fn tags_and_intervals_have_their_limits() {
    let mut world = World::periodic();
    assert_eq!(world.register_periodic("", HOUR), Ok(()));
    assert_eq!(world.register_periodic(&"x".repeat(10_240), HOUR), Ok(()));
    let error = world.register_periodic(&"x".repeat(10_241), HOUR).unwrap_err();
    assert_eq!(error, RegisterError::TagTooLong { bytes: 10_241, bytes_max: 10_240 });
    world.register_periodic("long", u64::MAX).unwrap();
    assert_eq!(interval(&world, "long"), (1 << 53) - 1);
}

#[test] // R142
fn a_switched_off_api_refuses_and_fires_nothing() {
    let mut world = World::gapless();
    world.register_periodic("news", HOUR).unwrap();
    world.config.periodic_sync_enabled = false;
    world.crash();
    world.open_window(ORIGIN);
    world.network(Connection::Wifi);
    world.grant_periodic(ORIGIN, PermissionState::Granted);
    assert_eq!(world.register_periodic("mail", HOUR), Err(RegisterError::PermissionDenied));
    world.advance(48 * HOUR);
    assert!(world.running.is_empty());
    assert!(world.reasons("news").contains(&Reason::Disabled));
    world.config.periodic_sync_enabled = true; // R177: kept, and works again
    world.crash();
    world.network(Connection::Wifi);
    world.grant_periodic(ORIGIN, PermissionState::Granted);
    assert_eq!(world.running_tags(), ["news"]);
}
