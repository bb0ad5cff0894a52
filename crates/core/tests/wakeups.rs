//! When the engine wants to be called, and why (requirements 11.14).

mod world;

use wakeworker_core::*;
use world::periodic::{HOUR, MINUTE};
use world::{ORIGIN, World};

const SYNC: SyncKind = SyncKind::BackgroundSync;
const PERIODIC: SyncKind = SyncKind::PeriodicSync;

fn soonest(world: &World, kind: SyncKind) -> Option<u64> {
    world.engine.soonest_wakeup(kind, world.now)
}

#[test] // R179
// CR: GetSoonestWakeupDeltaConsidersSyncType, SoonestWakeupDeltaDecreasesWithTime, ScheduleBothTypesOfSync
// CR: CorrectSoonestWakeupDeltaIsPicked, SoonestWakeupDeltaIsPickedForTheRightTask
fn the_soonest_wake_up_is_known_for_each_kind_and_comes_nearer() {
    let mut world = World::gapless();
    assert_eq!((soonest(&world, SYNC), soonest(&world, PERIODIC)), (None, None));
    world.register("outbox").expect("registered");
    world.fail("outbox");
    world.register_periodic("slow", 9 * HOUR).expect("registered");
    world.register_periodic("news", HOUR).expect("registered");
    assert_eq!((soonest(&world, SYNC), soonest(&world, PERIODIC)), (Some(5 * MINUTE), Some(HOUR)));
    world.pass(MINUTE);
    assert_eq!((soonest(&world, SYNC), soonest(&world, PERIODIC)), (Some(4 * MINUTE), Some(59 * MINUTE)));
}

#[test] // R179
// CR: WakeBrowserCalledForOneShotSync, WakeBrowserCalledForPeriodicSync
fn what_only_waits_for_the_network_is_due_now() {
    let mut world = World::new();
    world.register("outbox").expect("registered");
    assert_eq!((soonest(&world, SYNC), soonest(&world, PERIODIC)), (Some(0), None));
    assert_eq!(world.engine.next_wakeup(world.now), None, "but no timer would help");
}

#[test] // R180
fn while_an_event_runs_it_is_at_least_the_recovery_time() {
    let mut world = World::gapless();
    world.register("outbox").expect("registered");
    assert_eq!(soonest(&world, SYNC), Some(6 * MINUTE));
    assert_eq!(soonest(&world, PERIODIC), None, "R181: the other kind is not affected");
    world.succeed("outbox");
    assert_eq!(soonest(&world, SYNC), None);
}

#[test] // R181, R48
// CR: CancelDoesNotInvokeCallback, CancelingOneTypeDoesNotAffectAnother, SchedulingTwiceOverwritesTimer
fn cancelling_one_kind_leaves_the_other_and_a_new_schedule_replaces_the_old() {
    let mut world = World::gapless();
    world.register("outbox").expect("registered");
    world.fail("outbox");
    world.register_periodic("news", HOUR).expect("registered");
    world.register_periodic("news", 3 * HOUR).expect("registered");
    assert_eq!(soonest(&world, PERIODIC), Some(3 * HOUR));
    world.forget("news").expect("unregistered");
    assert_eq!((soonest(&world, SYNC), soonest(&world, PERIODIC)), (Some(5 * MINUTE), None));
    world.until_next_event();
    assert_eq!(world.running_tags(), ["outbox"]);
}

#[test] // R108, R179
// CR: SoonestWakeupDeltaAppliesBrowserWakeupLimit
fn the_soonest_wake_up_knows_the_gap_between_rounds_and_retries_are_exempt() {
    let mut world = World::periodic();
    world.register_periodic("news", HOUR).expect("registered");
    assert_eq!(soonest(&world, PERIODIC), Some(12 * HOUR));
    world.advance(12 * HOUR);
    world.fail("news");
    assert_eq!(soonest(&world, PERIODIC), Some(5 * MINUTE));
}

#[test] // R183, R51, R116
// CR: ScheduleInvokesCallback, ZeroDelayScheduleDoesNotInvokeCallback
fn every_wake_up_says_why_and_there_is_none_without_a_reason() {
    let mut world = World::gapless();
    assert_eq!(world.engine.next_wakeup(world.now), None);
    world.register_periodic("news", HOUR).expect("registered");
    let sync = world.id("news");
    let expected = Wakeup { after_ms: HOUR, reason: WakeupReason::PeriodicRound(sync) };
    assert_eq!(world.engine.next_wakeup(world.now), Some(expected));
    world.advance(HOUR);
    let attempt = world.running[0].attempt;
    let expected = Wakeup { after_ms: 3 * MINUTE, reason: WakeupReason::EventTimeout(attempt) };
    assert_eq!(world.engine.next_wakeup(world.now), Some(expected));
    assert!(expected.reason.to_string().contains("time limit"), "{}", expected.reason);
}

#[test] // R175, R48
// CR: MultipleStoragePartitions
fn timers_of_partitions_do_not_mix() {
    let mut world = World::gapless();
    let embedded = world.add_origin(&format!("{ORIGIN}^https://top.example"));
    world.register_periodic("news", HOUR).expect("registered");
    world.register_periodic_at(embedded, "news", 2 * HOUR).expect("registered");
    world.forget("news").expect("unregistered");
    assert_eq!(world.engine.next_wakeup(world.now).map(|wakeup| wakeup.after_ms), Some(2 * HOUR));
}

#[test] // R181, R171: no wake-up is lost or doubled over a long time, whatever the conditions
fn a_year_of_hourly_events_wakes_once_for_each() {
    let mut world = World::gapless();
    world.register_periodic("news", 24 * HOUR).expect("registered");
    for day in 1..=365 {
        assert_eq!(world.next_events(0).0, 24 * HOUR, "day {day}");
    }
    assert_eq!(world.engine.audit().count(), 1);
}
