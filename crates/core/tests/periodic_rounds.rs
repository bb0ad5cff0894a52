//! The scheduling loop: intervals, gaps, engagement, saving modes (section 2.5 of the requirements).

mod world;

use wakeworker_core::*;
use world::periodic::{HOUR, MINUTE};
use world::{ORIGIN, World};

const OTHER: &str = "https://news.example";

#[test] // R106, R107, R126 CR: PeriodicSyncFiresWhenExpected
fn events_are_a_minimum_interval_apart_from_the_end_of_the_last_one() {
    let mut world = World::gapless();
    world.register_periodic("news", 5 * HOUR).unwrap();
    assert_eq!(world.next_events(2 * MINUTE), (5 * HOUR, vec!["news".into()]));
    assert_eq!(world.next_events(0), (5 * HOUR, vec!["news".into()]), "counted from the end of the event");
}

// CR: DefaultParameters, MultipleEventsFired
#[test] // R108, R111, R115, R118
fn rounds_are_12_hours_apart_by_default_and_fire_all_origins_together() {
    let mut world = World::periodic();
    let other = world.add_origin(OTHER);
    world.register_periodic("a", HOUR).unwrap();
    world.register_periodic_at(other, "b", 2 * HOUR).unwrap();
    let (after, mut tags) = world.next_events(0);
    tags.sort();
    assert_eq!((after, tags), (12 * HOUR, vec!["a".into(), "b".into()]));
    assert_eq!(world.next_events(0).0, 12 * HOUR);
    let rounds =
        world.events().iter().filter(|event| matches!(event, ActivityEvent::Round { events: 2 })).count();
    assert_eq!(rounds, 2);
}

#[test] // R109, R112: the gap of one origin, longer than the one across origins
fn an_origin_waits_for_its_own_gap_while_others_fire() {
    let mut world = World::periodic();
    let other = world.add_origin(OTHER);
    world.engagement(ExtraInterval::Ms(12 * HOUR));
    world.register_periodic("a", HOUR).unwrap();
    world.register_periodic_at(other, "b", HOUR).unwrap();
    assert_eq!(world.next_events(0).1.len(), 2, "never fired before counts as never (R118)");
    assert_eq!(world.next_events(0), (12 * HOUR, vec!["b".into()]));
    assert!(matches!(world.reasons("a")[..], [Reason::OriginGap { .. }, Reason::GlobalGap { .. }]));
    assert_eq!(world.next_events(0).1.len(), 2);
    world.engagement(ExtraInterval::Ms(0)); // R112: re-evaluated
    assert_eq!(world.next_events(0).1.len(), 2);
}

#[test] // R110
fn a_gap_across_origins_that_is_smaller_than_that_of_one_is_refused() {
    let config = Config { min_interval_across_origins_ms: HOUR, ..Config::default() };
    let now = Now::default();
    let refused = Engine::restore(config, Snapshot::default(), now, &mut Step::default()).unwrap_err();
    assert!(refused.to_string().contains("min_interval_across_origins_ms"), "{refused}");
}

// CR: GetNextEventDelayWithSiteEngagementPenalty, TestBlockOrigin
#[test] // R113, R112 CR: TestSupensionAndRevival
fn infinity_suspends_and_a_finite_amount_revives() {
    let mut world = World::gapless();
    world.register_periodic("news", HOUR).unwrap();
    world.engagement(ExtraInterval::Never);
    assert_eq!(world.state("news"), Some(SyncState::Suspended));
    assert_eq!(world.reasons("news"), [Reason::Suspended]);
    assert_eq!(world.engine.next_wakeup(world.now), None, "no wake-up for what is suspended");
    world.advance(100 * HOUR);
    assert!(world.running.is_empty());
    assert_eq!(world.periodic_tags(), ["news"]);
    world.engagement(ExtraInterval::Ms(0));
    assert_eq!(world.running_tags(), ["news"], "due long since");
    assert!(world.events().contains(&&ActivityEvent::Revived));
}

#[test] // R114 CR: StaggeredPeriodicSyncRegistrations
// CR: MultipleMinIntervalsAndTags
fn due_entries_of_one_origin_fire_in_the_same_round() {
    let mut world = World::periodic();
    world.register_periodic("a", HOUR).unwrap();
    world.advance(3 * HOUR);
    world.register_periodic("b", HOUR).unwrap();
    world.register_periodic("c", 20 * HOUR).unwrap();
    assert_eq!(world.next_events(0), (9 * HOUR, vec!["a".into(), "b".into()]));
    assert_eq!(world.next_events(0).1.len(), 3);
}

#[test] // R116
fn no_timer_exists_without_a_periodic_entry() {
    let world = World::periodic();
    assert_eq!(world.engine.next_wakeup(world.now), None);
    assert_eq!(world.engine.soonest_wakeup(SyncKind::PeriodicSync, world.now), None);
}

#[test] // R117, R243
fn saving_modes_hold_periodic_events_back_and_one_off_ones_not() {
    for (power, reason) in [
        (Power { battery_saver: true, ..Power::default() }, Reason::BatterySaver),
        (Power { data_saver: true, ..Power::default() }, Reason::DataSaver),
    ] {
        let mut world = World::gapless();
        world.register_periodic("news", HOUR).unwrap();
        world.power(power);
        assert_eq!(world.engine.next_wakeup(world.now), None);
        world.pass(2 * HOUR);
        world.input(Input::TimePassed);
        assert_eq!(world.reasons("news")[1..], [reason]);
        world.register("outbox").unwrap();
        assert_eq!(world.running_tags(), ["outbox"]);
        world.power(Power::default());
        assert_eq!(world.running_tags(), ["outbox", "news"]);
    }
}

// CR: FirePeriodicSyncOnConnectivity
#[test] // R52
fn nothing_periodic_fires_while_offline_and_the_network_brings_it() {
    let mut world = World::gapless();
    world.register_periodic("news", HOUR).unwrap();
    world.network(Connection::None);
    assert_eq!(world.engine.next_wakeup(world.now), None, "waking up would be for nothing");
    world.advance(3 * HOUR);
    assert!(world.running.is_empty());
    world.network(Connection::Cellular);
    assert_eq!(world.running_tags(), ["news"]);
}

#[test] // R121
fn events_can_be_bound_to_the_network_of_their_registration() {
    let mut world = World::periodic_with(Config {
        same_network_only: true,
        min_interval_any_origin_ms: 0,
        min_interval_across_origins_ms: 0,
        ..Config::default()
    });
    let home = Input::NetworkChanged { connection: Connection::Wifi, network: Some("home".into()) };
    let cafe = Input::NetworkChanged { connection: Connection::Wifi, network: Some("cafe".into()) };
    world.input(home.clone());
    world.register_periodic("news", HOUR).unwrap();
    world.input(cafe);
    world.advance(9 * HOUR);
    assert!(world.running.is_empty());
    assert!(world.reasons("news").contains(&Reason::OtherNetwork));
    world.input(home);
    assert_eq!(world.running_tags(), ["news"]);
}

#[test] // R122: every due entry of every origin is in the first round that may come
fn an_origin_with_many_entries_delays_no_other() {
    let mut world = World::periodic();
    let other = world.add_origin(OTHER);
    for index in 0..200 {
        world.register_periodic(&format!("tag {index}"), 0).unwrap();
    }
    world.register_periodic_at(other, "modest", HOUR).unwrap();
    for _ in 0..3 {
        let (_, tags) = world.next_events(MINUTE);
        assert!(tags.contains(&"modest".into()), "{tags:?}");
    }
}

#[test] // R119 CR: PeriodicSyncFiresWhenExpected
// CR: GetNextEventDelayWithSiteEngagementPenalty
fn intervals_can_be_rounded_up_to_multiples_of_the_gap() {
    for (asked, extra, expected) in
        [(0, 0, 12), (11, 0, 12), (12, 0, 12), (13, 0, 24), (13, 12, 24), (25, 12, 48), (11, 24, 36)]
    {
        let config =
            Config { round_up_intervals: true, coalescing: CoalescePolicy::Exact, ..Config::default() };
        let mut world = World::periodic_with(config);
        world.engagement(ExtraInterval::Ms(extra * HOUR));
        world.register_periodic("news", asked * HOUR).unwrap();
        assert_eq!(world.next_events(0).0, expected * HOUR, "{asked} h with {extra} h more");
    }
}

// CR: MaxFrequencyForOrigin, CrossRegistrationLimitsForOrigin, MultipleMinIntervalsAndTags
#[test] // R120
fn events_of_one_origin_can_be_snapped_together() {
    let config = Config {
        snap_together: true,
        min_interval_across_origins_ms: 12 * HOUR,
        coalescing: CoalescePolicy::Exact,
        ..Config::default()
    };
    let mut world = World::periodic_with(config);
    world.register_periodic("a", 20 * HOUR).unwrap();
    world.register_periodic("b", 16 * HOUR).unwrap();
    assert_eq!(world.next_events(0), (20 * HOUR, vec!["a".into(), "b".into()]));
}

#[test] // R250, R106
fn in_active_use_the_gaps_are_lifted_but_never_the_interval() {
    let mut world = World::periodic();
    let storage_key = StorageKey::first_party(ORIGIN);
    world.register_periodic("news", HOUR).unwrap();
    world.input(Input::SetActiveUse { storage_key: storage_key.clone(), active: true });
    assert_eq!(world.next_events(0).0, HOUR);
    assert_eq!(world.next_events(0).0, HOUR);
    world.input(Input::SetActiveUse { storage_key, active: false });
    assert_eq!(world.next_events(0).0, 12 * HOUR);
}

// CR: BlockingContentSettingUnregistersPeriodicSync
#[test] // R138, R139, R140, R166 CR: UnregisterForOrigin
fn withdrawing_the_permission_removes_the_periodic_entries_of_the_origin_for_good() {
    let mut world = World::gapless();
    let deep = world.add_worker(ORIGIN, "/deep/");
    let other = world.add_origin(OTHER);
    world.register_periodic("a", HOUR).unwrap();
    world.register_periodic_at(deep, "b", HOUR).unwrap();
    world.register_periodic_at(other, "c", HOUR).unwrap();
    world.network(Connection::None);
    world.register("outbox").unwrap();
    world.grant_periodic(ORIGIN, PermissionState::Denied);
    assert_eq!(world.last_durability, Durability::Strict);
    assert_eq!((world.periodic_tags(), world.tags()), (vec![], vec!["outbox".into()]));
    assert_eq!(world.tags_at(deep, SyncKind::PeriodicSync), [""; 0]);
    assert_eq!(world.tags_at(other, SyncKind::PeriodicSync), ["c"]);
    world.grant_periodic(ORIGIN, PermissionState::Granted);
    world.crash();
    assert_eq!(world.periodic_tags(), [""; 0]);
}

// CR: MultipleStoragePartitions
#[test] // R175
fn partitions_of_one_origin_have_gaps_and_engagement_of_their_own() {
    let mut world = World::periodic();
    let partition = format!("{ORIGIN}^{OTHER}");
    let embedded = world.add_origin(&partition);
    world.engagement(ExtraInterval::Never);
    world.register_periodic("a", HOUR).unwrap();
    world.register_periodic_at(embedded, "b", HOUR).unwrap();
    assert_eq!(world.next_events(0), (12 * HOUR, vec!["b".into()]));
}
