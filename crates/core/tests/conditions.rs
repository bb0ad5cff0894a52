//! Conditions of entries and of the host, emulation, engagement of origins, limits (R227–R237, R241, R247, R249, R173).

mod world;

use wakeworker_core::*;
use world::periodic::{HOUR, MINUTE};
use world::{ORIGIN, World};

const CELLULAR: Conditions =
    Conditions { network: NetworkCondition::AvoidCellular, power: PowerCondition::Auto };
const ANY: Conditions = Conditions { network: NetworkCondition::Any, power: PowerCondition::Auto };
const CHARGING: Conditions =
    Conditions { network: NetworkCondition::Online, power: PowerCondition::AvoidDraining };

fn on_battery() -> Power {
    Power { charging: false, ..Power::default() }
}

/// One entry of each kind with these conditions, due now, in this world.
fn both(world: &mut World, conditions: Conditions) {
    let options = PeriodicOptions { min_interval_ms: HOUR, conditions };
    world.register_conditional(WorkerRegistrationId(1), "news", options).expect("registered");
    world.pass(HOUR);
    world
        .register_with("once", OneShotOptions { conditions, ..OneShotOptions::default() })
        .expect("registered");
    world.input(Input::TimePassed);
}

#[test] // R228, R236
fn avoid_cellular_waits_for_another_network() {
    let mut world = World::gapless();
    world.network(Connection::Cellular);
    both(&mut world, CELLULAR);
    assert!(world.running.is_empty());
    assert_eq!(world.engine.next_wakeup(world.now), None);
    assert!(world.reasons("once").contains(&Reason::Condition(UnmetCondition::AvoidCellular)));
    world.network(Connection::None);
    assert!(world.reasons("news").contains(&Reason::Offline));
    world.network(Connection::Unknown); // R53
    assert_eq!(world.running_tags(), ["once", "news"]);
}

#[test] // R227, R236
fn avoid_draining_waits_until_the_device_charges_and_none_without_a_battery() {
    let mut world = World::gapless();
    world.power(on_battery());
    both(&mut world, CHARGING);
    assert!(world.running.is_empty());
    assert!(world.reasons("news").contains(&Reason::Condition(UnmetCondition::AvoidDraining)));
    world.power(Power::default());
    assert_eq!(world.running_tags(), ["once", "news"]);

    let mut desktop = World::gapless();
    both(&mut desktop, CHARGING);
    assert_eq!(desktop.running_tags(), ["once", "news"], "what was never stated counts as charging");
}

#[test] // R229, R52, R230, R236
fn any_runs_offline_and_online_does_not() {
    let mut world = World::gapless();
    world.network(Connection::None);
    both(&mut world, ANY);
    assert_eq!(world.running_tags(), ["once", "news"]);
    assert!(world.running.iter().all(|dispatch| !dispatch.needs_network));

    let mut online = World::gapless();
    online.network(Connection::None);
    both(&mut online, Conditions::default());
    assert!(online.running.is_empty());
}

#[test] // R51, R229: a retry waits for what its entry waits for, and for nothing else
fn a_retry_of_an_entry_that_runs_offline_wakes_the_machine_offline() {
    let mut world = World::new();
    world.register_with("once", OneShotOptions { conditions: ANY, ..OneShotOptions::default() }).unwrap();
    world.fail("once");
    world.advance(5 * MINUTE);
    assert_eq!(world.running_tags(), ["once"]);
}

#[test] // R237
fn conditions_of_the_host_hold_for_all_and_the_stricter_wins() {
    let conditions =
        Conditions { network: NetworkCondition::AvoidCellular, power: PowerCondition::AvoidDraining };
    let mut world = World::periodic_with(Config {
        conditions,
        min_interval_any_origin_ms: 0,
        min_interval_across_origins_ms: 0,
        ..Config::default()
    });
    world.power(on_battery());
    world.network(Connection::Cellular);
    both(&mut world, ANY);
    world.network(Connection::Wifi);
    assert!(world.running.is_empty());
    world.power(Power::default());
    assert_eq!(world.running_tags()[0], "once");
}

#[test] // R226, R101
fn a_second_registration_updates_the_conditions_of_the_entry() {
    let mut world = World::gapless();
    world.network(Connection::None);
    let at = WorkerRegistrationId(1);
    let (min_interval_ms, anchor) = (HOUR, world.now.wall);
    world
        .register_conditional(at, "news", PeriodicOptions { min_interval_ms, conditions: CELLULAR })
        .unwrap();
    world.advance(HOUR / 2);
    world.register_conditional(at, "news", PeriodicOptions { min_interval_ms, conditions: ANY }).unwrap();
    assert_eq!(world.periodic_tags(), ["news"]);
    let record = world.status("news").unwrap().registration;
    assert_eq!(
        (record.conditions, record.options),
        (ANY, SyncOptions::Periodic { min_interval_ms, anchor, last_success: None })
    );
    assert_eq!(world.next_events(0).0, HOUR / 2);
}

#[test] // R167
fn conditions_survive_a_restart() {
    let mut world = World::gapless();
    world.network(Connection::Cellular);
    both(&mut world, CELLULAR);
    world.crash();
    world.network(Connection::Cellular);
    world.grant_periodic(ORIGIN, PermissionState::Granted);
    assert!(world.running.is_empty());
    world.network(Connection::Ethernet);
    assert_eq!(world.running_tags(), ["once", "news"]);
}

#[test] // R241 CR: EmulateOfflineSingleClient CR: EmulateOfflineMultipleClients
fn a_worker_registration_appears_offline_until_the_last_tool_releases_it() {
    let mut world = World::gapless();
    let other = world.add_worker(ORIGIN, "/deep/");
    let emulate = |world: &mut World, offline| {
        world.input(Input::EmulateOffline { registration: WorkerRegistrationId(1), offline });
    };
    emulate(&mut world, true);
    emulate(&mut world, true);
    both(&mut world, Conditions::default());
    world.register_at(other, "elsewhere".into()).unwrap();
    assert_eq!(world.running_tags(), ["elsewhere"]);
    assert!(world.reasons("once").contains(&Reason::EmulatedOffline));
    assert!(world.reasons("news").contains(&Reason::EmulatedOffline));
    emulate(&mut world, false);
    assert_eq!(world.running_tags(), ["elsewhere"]);
    emulate(&mut world, false);
    assert_eq!(world.running_tags(), ["elsewhere", "once", "news"]);
    emulate(&mut world, false); // One release too many is no debt.
    emulate(&mut world, true);
    world.succeed("once");
    world.register("once").unwrap();
    assert_eq!(world.running_tags(), ["elsewhere", "news"]);
}

#[test] // R57
fn the_host_can_say_that_an_origin_cannot_be_reached() {
    let mut world = World::gapless();
    let storage_key = StorageKey::first_party(ORIGIN);
    world.input(Input::ReachabilityChanged { storage_key: storage_key.clone(), reachable: false });
    both(&mut world, Conditions::default());
    assert!(world.running.is_empty());
    assert!(world.reasons("once").contains(&Reason::Unreachable));
    world.input(Input::ReachabilityChanged { storage_key, reachable: true });
    assert_eq!(world.running_tags(), ["once", "news"]);
}

#[test] // R249
fn the_host_can_allow_registration_without_a_window() {
    let mut world = World::gapless();
    world.close(1);
    assert_eq!(world.register("a"), Err(RegisterError::NoWindow));
    let storage_key = StorageKey::first_party(ORIGIN);
    world.input(Input::AllowWithoutWindow { storage_key: storage_key.clone(), allowed: true });
    assert_eq!(world.register("a"), Ok(()));
    assert_eq!(world.register_periodic("b", HOUR), Ok(()));
    world.input(Input::AllowWithoutWindow { storage_key, allowed: false });
    assert_eq!(world.register("c"), Err(RegisterError::NoWindow));
}

#[test] // R247
fn an_earliest_time_is_waited_for() {
    let mut world = World::online();
    world.register_with("later", OneShotOptions { earliest_ms: HOUR, ..OneShotOptions::default() }).unwrap();
    assert_eq!(world.reasons("later"), [Reason::NotYet { remaining_ms: HOUR }]);
    let wakeup = world.engine.next_wakeup(world.now).unwrap();
    assert!(matches!(wakeup.reason, WakeupReason::EarliestReached(_)));
    world.advance(HOUR / 2);
    world.crash();
    world.network(Connection::Wifi);
    world.advance(HOUR / 2 - 1);
    assert!(world.running.is_empty());
    world.advance(1);
    assert_eq!(world.running_tags(), ["later"]);
}

#[test] // R247, R79
fn no_event_starts_after_the_latest_time_and_the_entry_is_dropped() {
    let mut world = World::new();
    let options = OneShotOptions { latest_ms: Some(HOUR), ..OneShotOptions::default() };
    world.register_with("soon", options).unwrap();
    world.advance(HOUR);
    assert_eq!(world.tags(), ["soon"]);
    world.advance(1);
    assert_eq!(world.tags(), [""; 0]);
    assert!(world.events().contains(&&ActivityEvent::Expired));

    world.register_with("soon", options).unwrap();
    world.advance(HOUR - 4 * MINUTE);
    world.network(Connection::Wifi);
    assert!(world.last_chance("soon"), "a retry after 5 min would be too late");
    world.advance(MINUTE);
    world.fail("soon");
    assert_eq!(world.tags(), [""; 0]);
}

#[test] // R247, R79
fn a_retry_that_would_be_too_late_comes_at_the_latest_time() {
    let mut world = World::online();
    let options = OneShotOptions { latest_ms: Some(6 * MINUTE), ..OneShotOptions::default() };
    world.register_with("soon", options).unwrap();
    assert!(!world.last_chance("soon"));
    world.pass(2 * MINUTE);
    world.fail("soon");
    world.advance(4 * MINUTE);
    assert!(world.last_chance("soon"));
    world.pass(MINUTE);
    world.input(Input::TimePassed);
    assert_eq!(world.running_tags(), ["soon"], "an event that runs goes on");
    world.fail("soon");
    assert_eq!(world.tags(), [""; 0]);
}

#[test] // R247
fn an_empty_window_is_refused() {
    let mut world = World::online();
    let options = OneShotOptions { earliest_ms: 5, latest_ms: Some(5), ..OneShotOptions::default() };
    let refused = Err(RegisterError::EmptyWindow { earliest_ms: 5, latest_ms: 5 });
    assert_eq!(world.register_with("never", options), refused);
    assert_eq!(world.tags(), [""; 0]);
}

#[test] // R247, R26, R29
fn a_second_registration_replaces_the_times() {
    let mut world = World::online();
    let early = OneShotOptions { earliest_ms: HOUR, latest_ms: Some(2 * HOUR), ..OneShotOptions::default() };
    world.register_with("a", early).unwrap();
    world.register("a").unwrap();
    assert_eq!(world.running_tags(), ["a"], "a plain registration waits for nothing");
    assert_eq!(world.status("a").unwrap().registration.not_after, None);
}

#[test] // R173
fn the_number_of_entries_is_limited_with_an_error_of_its_own() {
    let mut world = World::periodic_with(Config {
        entries_per_worker_registration_max: Some(2),
        entries_per_origin_max: Some(3),
        ..Config::default()
    });
    world.network(Connection::None);
    let other = world.add_worker(ORIGIN, "/deep/");
    world.register("a").unwrap();
    world.register_periodic("b", HOUR).unwrap();
    let per_worker = RegistrationLimit::PerWorkerRegistration;
    let refused = RegisterError::TooManyRegistrations { limit: per_worker, entries_max: 2 };
    assert_eq!(world.register("c"), Err(refused.clone()));
    assert_eq!(refused.dom_exception_name(), "QuotaExceededError");
    assert_eq!(world.register("a"), Ok(()), "a tag that exists needs no room");
    world.register_at(other, "c".into()).unwrap();
    let refused = RegisterError::TooManyRegistrations { limit: RegistrationLimit::PerOrigin, entries_max: 3 };
    assert_eq!(world.register_at(other, "d".into()), Err(refused));
    world.forget("b").unwrap();
    assert_eq!(world.register_at(other, "d".into()), Ok(()));
}

#[test] // R173, R58
fn the_events_of_an_origin_within_an_hour_are_limited() {
    let config = Config { events_per_origin_and_hour_max: Some(3), ..Config::default() };
    let mut world = World::with(config);
    world.network(Connection::Wifi);
    for index in 0..5 {
        world.register(&format!("tag {index}")).unwrap();
    }
    assert_eq!(world.running.len(), 3);
    assert!(matches!(world.reasons("tag 4")[..], [Reason::TooManyEvents { remaining_ms: 3_600_000 }]));
    assert_eq!(world.engine.next_wakeup(world.now).unwrap().reason, WakeupReason::EventTimeout(AttemptId(1)));
    for index in 0..3 {
        world.succeed(&format!("tag {index}"));
    }
    assert_eq!(world.engine.next_wakeup(world.now).unwrap().reason, WakeupReason::EventAllowed);
    world.advance(HOUR);
    assert_eq!(world.running.len(), 2);
}
