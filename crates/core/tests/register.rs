//! `sync.register` and `sync.getTags` (requirements 11.2 and 11.3).

mod world;

use wakeworker_core::*;
use world::{ORIGIN, Seen, World};

/// Registers in a world that `prepare` has changed and gives the error.
fn check_refused(prepare: impl FnOnce(&mut World), tag: &str, expected: RegisterError, name: &str) {
    let mut world = World::online();
    prepare(&mut world);
    let stored = world.stored_syncs.clone();
    assert_eq!(world.register(tag), Err(expected.clone()));
    assert_eq!(expected.dom_exception_name(), name);
    assert_eq!(world.stored_syncs, stored, "a refused registration leaves nothing behind");
    assert!(world.running.is_empty() && world.announced.is_empty()); // R189
}

// CR: oneshot-register-failure-worker-not-activated
#[test] // R16
fn without_an_active_worker_it_is_an_invalid_state() {
    let installing = |world: &mut World| world.set_active(WorkerRegistrationId(1), None);
    check_refused(installing, "a", RegisterError::NoActiveWorker, "InvalidStateError");
}

// CR: DenyWhenFeatureDisabled, TestBlockOrigin
#[test] // R17, R142
fn denied_or_disabled_it_is_not_allowed() {
    for state in [PermissionState::Denied, PermissionState::Prompt] {
        let deny = |world: &mut World| world.permission(PermissionName::BackgroundSync, state);
        check_refused(deny, "a", RegisterError::PermissionDenied, "NotAllowedError");
    }
    let mut world = World::with(Config { background_sync_enabled: false, ..Config::default() });
    assert_eq!(world.register("a"), Err(RegisterError::PermissionDenied));
}

// CR: RegisterFromServiceWorkerWithoutMainFrameHost, RegisterFromIFrameWithoutMainFrameHost
#[test] // R18, D27
fn without_a_window_of_the_origin_it_is_an_invalid_access() {
    let close = |world: &mut World| world.close(1);
    check_refused(close, "a", RegisterError::NoWindow, "InvalidAccessError");
    let only_others = |world: &mut World| {
        world.close(1);
        world.open_window("https://other.example");
        world.open_client(ORIGIN, FrameType::Nested);
        world.open_client(ORIGIN, FrameType::None);
    };
    check_refused(only_others, "a", RegisterError::NoWindow, "InvalidAccessError");
}

// CR: BackgroundSyncBrowserTest.RegisterFromUncontrolledDocument, oneshot
#[test] // R19, D27
fn any_top_level_or_auxiliary_window_of_the_origin_will_do() {
    for frame_type in [FrameType::TopLevel, FrameType::Auxiliary] {
        let mut world = World::online();
        world.close(1);
        world.open_client(ORIGIN, frame_type);
        assert_eq!(world.register("a"), Ok(()));
    }
}

// CR: RegisterFromIFrameWithMainFrameHost, RegisterFromIFrameWithTopLevelFrameForOrigin
#[test] // R34
fn a_frame_in_a_foreign_page_needs_a_window_of_its_own_origin_beside_it() {
    let mut world = World::online();
    world.close(1);
    world.open_window("https://other.example");
    world.open_client(ORIGIN, FrameType::Nested);
    assert_eq!(world.register("a"), Err(RegisterError::NoWindow));
    world.open_window(ORIGIN);
    assert_eq!(world.register("a"), Ok(()));
}

#[test] // R20, D1
fn the_first_failing_check_names_the_error() {
    let mut world = World::new();
    world.close(1);
    world.permission(PermissionName::BackgroundSync, PermissionState::Denied);
    world.set_active(WorkerRegistrationId(1), None);
    assert_eq!(world.register("a"), Err(RegisterError::NoActiveWorker));
    world.activate(WorkerRegistrationId(1), 1);
    assert_eq!(world.register("a"), Err(RegisterError::PermissionDenied));
    world.permission(PermissionName::BackgroundSync, PermissionState::Granted);
    assert_eq!(world.register("a"), Err(RegisterError::NoWindow));
    world.open_window(ORIGIN);
    assert_eq!(world.register("a"), Ok(()));
}

// CR: Register, RegistrationIntact
#[test] // R22
fn a_new_tag_makes_one_pending_entry() {
    let mut world = World::new();
    assert_eq!(world.register("a"), Ok(()));
    assert_eq!(world.state("a"), Some(SyncState::Pending));
    assert_eq!(world.stored_syncs.len(), 1);
    assert_eq!(world.last_durability, Durability::Strict);
}

// CR: FiresOnRegistration, RegisterAndWaitToFireUntilResolved
#[test] // R23, R24, R187
fn online_it_is_resolved_announced_and_then_fired() {
    let mut world = World::online();
    world.trace.clear();
    assert_eq!(world.register("a"), Ok(()));
    let request = *world.answers.keys().last().expect("an answer");
    let expected = [
        Seen::Resolved(request),
        Seen::Announced("a".into()),
        Seen::KeepAwake(true),
        Seen::Dispatched("a".into()),
    ];
    assert_eq!(world.trace, expected);
    assert_eq!(world.announced[0].registration.min_interval_ms(), -1); // R192
    assert!(!world.announced[0].reregistration);
}

// CR: ReregisterSecond, OverwritePendingRegistration, RegistrationEqualsTag
#[test] // R26, R204
fn a_pending_tag_is_left_alone() {
    let mut world = World::new();
    assert_eq!(world.register("a"), Ok(()));
    let before = world.stored_syncs.clone();
    world.pass(1_000);
    assert_eq!(world.register("a"), Ok(()));
    assert_eq!(world.stored_syncs, before);
    assert_eq!(world.last_changes, 0, "nothing to write");
    assert_eq!(world.announced.len(), 1, "a no-op is not announced");
}

#[test] // R27
fn five_registrations_while_offline_give_one_event() {
    let mut world = World::new();
    for _ in 0..5 {
        assert_eq!(world.register("a"), Ok(()));
    }
    world.network(Connection::Wifi);
    assert_eq!(world.running_tags(), ["a"]);
    world.succeed("a");
    assert!(world.running.is_empty() && world.tags().is_empty());
}

// CR: TwoRegistrations
#[test] // R28, R74, R75
fn different_tags_give_separate_events_at_the_same_time() {
    let mut world = World::new();
    for tag in ["a", "b", ""] {
        assert_eq!(world.register(tag), Ok(()));
    }
    world.network(Connection::Wifi);
    assert_eq!(world.running_tags(), ["a", "b", ""]);
    world.fail("b");
    world.succeed("a");
    world.succeed("");
    assert_eq!(world.tags(), ["b"]);
}

// CR: FailedRegistrationReregisteredAndFires
#[test] // R29, D2, D3
fn registering_a_waiting_tag_fires_at_once_and_counts_anew() {
    let mut world = World::online();
    assert_eq!(world.register("a"), Ok(()));
    world.fail("a");
    assert_eq!(world.state("a"), Some(SyncState::Waiting));
    assert_eq!(world.register("a"), Ok(()));
    assert_eq!(world.running_tags(), ["a"]);
    assert_eq!(world.stored_syncs.values().map(|sync| sync.attempts).collect::<Vec<_>>(), [0]);
    assert_eq!(world.announced.last().map(|announced| announced.reregistration), Some(true)); // R204
    for delay_ms in [300_000, 900_000] {
        assert!(!world.last_chance("a")); // D29
        world.fail("a");
        world.advance(delay_ms);
    }
    assert!(world.last_chance("a"));
}

#[test] // R29, R49
fn registering_a_waiting_tag_while_offline_makes_it_pending() {
    let mut world = World::online();
    assert_eq!(world.register("a"), Ok(()));
    world.fail("a");
    world.network(Connection::None);
    assert_eq!(world.register("a"), Ok(()));
    assert_eq!(world.state("a"), Some(SyncState::Pending));
    world.network(Connection::Cellular);
    assert_eq!(world.running_tags(), ["a"]);
}

#[test] // R30, R63
fn registering_a_firing_tag_is_remembered_and_resolves() {
    let mut world = World::online();
    assert_eq!(world.register("a"), Ok(()));
    for _ in 0..3 {
        assert_eq!(world.register("a"), Ok(()));
    }
    assert_eq!(world.state("a"), Some(SyncState::ReregisteredWhileFiring));
    assert_eq!(world.running_tags(), ["a"], "never twice at the same time");
}

#[test] // R31
fn a_second_registration_passes_the_same_checks() {
    let close = |world: &mut World| {
        assert_eq!(world.register("a"), Ok(()));
        world.succeed("a");
        world.announced.clear();
        world.close(1);
    };
    check_refused(close, "a", RegisterError::NoWindow, "InvalidAccessError");
    let mut world = World::new();
    assert_eq!(world.register("a"), Ok(()));
    world.close(1);
    assert_eq!(world.register("a"), Err(RegisterError::NoWindow));
    assert_eq!(world.tags(), ["a"]);
}

#[test] // R32, R41
fn equal_tags_of_two_registrations_are_independent() {
    let mut world = World::new();
    let other = world.add_worker(ORIGIN, "/other/");
    assert_eq!(world.register("a"), Ok(()));
    assert_eq!(world.register_at(other, "a".into()), Ok(()));
    assert_eq!(world.stored_syncs.len(), 2);
    world.network(Connection::Wifi);
    assert_eq!(world.running_tags(), ["a", "a"]);
    world.succeed("a");
    assert_eq!((world.tags().len(), world.tags_at(other, SyncKind::BackgroundSync).len()), (0, 1));
}

#[test] // R33, D4
fn a_tag_of_the_longest_length_is_accepted_and_one_more_byte_is_not() {
    let mut world = World::new();
    assert_eq!(world.register(&"x".repeat(10_240)), Ok(()));
    let error = RegisterError::TagTooLong { bytes: 10_241, bytes_max: 10_240 };
    check_refused(|_| {}, &"x".repeat(10_241), error, "InvalidAccessError");
    let lone = Tag::from_utf16(&[0xD800; 3_414]); // 10,242 bytes
    assert!(matches!(
        world.register_at(WorkerRegistrationId(1), lone),
        Err(RegisterError::TagTooLong { .. })
    ));
    let mut unlimited = World::with(Config { tag_bytes_max: None, ..Config::default() });
    assert_eq!(unlimited.register(&"x".repeat(100_000)), Ok(()));
}

#[test] // R12
fn tags_keep_their_units() {
    let mut world = World::online();
    let tag = Tag::from_utf16(&[0xDC00, 0x61, 0xD800]);
    assert_eq!(world.register_at(WorkerRegistrationId(1), tag.clone()), Ok(()));
    assert_eq!(world.running[0].tag.to_utf16(), tag.to_utf16());
}

// CR: RegisterWithoutLiveSWRegistration, UnregisterServiceWorkerDuringSyncRegistration
#[test] // R37
fn a_registration_that_is_gone_is_an_invalid_state() {
    let unregister = |world: &mut World| assert_eq!(world.unregister(WorkerRegistrationId(1)), Ok(()));
    check_refused(unregister, "a", RegisterError::NoRegistration, "InvalidStateError");
}

// CR: GetRegistrationExisting, GetRegistrationsTwo, GetRegistrationNonExisting, GetRegistrationsZero
#[test] // R39, R42
fn get_tags_lists_every_state_and_needs_nothing() {
    let mut world = World::online();
    for tag in ["firing", "waiting", "again"] {
        assert_eq!(world.register(tag), Ok(()));
    }
    world.fail("waiting");
    assert_eq!(world.register("again"), Ok(()));
    world.network(Connection::None);
    assert_eq!(world.register("pending"), Ok(()));
    world.close(1);
    world.permission(PermissionName::BackgroundSync, PermissionState::Denied);
    world.set_active(WorkerRegistrationId(1), None);
    assert_eq!(world.tags(), ["again", "firing", "pending", "waiting"]);
    assert!(world.tags_at(WorkerRegistrationId(1), SyncKind::PeriodicSync).is_empty()); // R41
    assert!(world.tags_at(WorkerRegistrationId(99), SyncKind::BackgroundSync).is_empty());
}
