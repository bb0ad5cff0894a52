//! Sharing wake-ups: the gate of the benchmark on loads small enough for every run, and the traps of a grid.

mod coalescing_load;
mod world;

use coalescing_load::{DAY, Load, Wish, bound_per_day, greedy, ours, run_engine};
use wakeworker_core::*;
use world::World;
use world::periodic::{HOUR, MINUTE};

const ALIGN: CoalescePolicy = CoalescePolicy::Align { slack_percent: 25 };

#[test] // R115, R106, R116
fn round_intervals_wake_as_rarely_as_is_possible_and_never_early() {
    for (load, n) in [(Load::Web, 10), (Load::Web, 100), (Load::Mixed, 10), (Load::Mixed, 60)] {
        let wishes = load.wishes(n);
        for event_ms in [0, 20_000] {
            let outcome = ours(&wishes, 30, ALIGN, event_ms);
            let limit = bound_per_day(&wishes) * 1.05;
            assert!(
                outcome.wakeups_per_day <= limit,
                "{load:?} {n} {event_ms}: {outcome:?}, allowed {limit}"
            );
            assert!(outcome.mean_lateness < 5.0, "{load:?} {n} {event_ms}: {outcome:?}");
            assert_eq!(outcome.early, 0);
        }
    }
}

#[test] // R115, R106
fn other_intervals_are_never_worse_than_greedy_stabbing() {
    for n in [10, 100] {
        let wishes = Load::LogUniform.wishes(n);
        let (best, outcome) = (greedy(&wishes, 30, 25), ours(&wishes, 30, ALIGN, 0));
        assert!(outcome.wakeups_per_day <= best.wakeups_per_day, "{n}: {outcome:?}, greedy {best:?}");
        assert!(outcome.max_lateness <= 25.5, "late by more than the slack: {outcome:?}");
        assert_eq!(outcome.early, 0);
    }
}

#[test] // R106, R126: the trap of a grid, see `coalesce.rs`
fn an_entry_of_12_hours_does_not_slip_to_every_second_grid_point() {
    let wishes: Vec<Wish> =
        (0..8).map(|index| Wish { interval_ms: 12 * HOUR, registered_ms: index * HOUR }).collect();
    let gapless = ours(&wishes, 30, ALIGN, 3 * MINUTE);
    assert!(gapless.fires_per_day > 1.9 * 8.0, "{gapless:?}");
    // The default gaps of 12 h are as strict as the interval: every event that ends late would miss the next round.
    let gaps = run_engine(&wishes, 30, Config::default(), 3 * MINUTE);
    assert!(gaps.fires_per_day > 1.85 * 8.0, "{gaps:?}");
    assert!(gaps.wakeups_per_day < 2.1, "{gaps:?}");
}

#[test] // R108: short intervals under the default gap must not push the long ones out of the rounds
fn entries_that_would_fire_more_often_than_the_gap_allows_share_the_rounds_of_the_others() {
    let intervals = [0, 15 * MINUTE, HOUR, 12 * HOUR, 24 * HOUR];
    let wishes: Vec<Wish> = intervals
        .iter()
        .map(|&interval_ms| Wish { interval_ms: interval_ms.max(1), registered_ms: interval_ms / 3 })
        .collect();
    let outcome = run_engine(&wishes, 60, Config::default(), 2 * MINUTE);
    assert!(outcome.wakeups_per_day < 2.1, "{outcome:?}");
    assert!(outcome.fires_per_day > 0.95 * (2.0 * 4.0 + 1.0), "{outcome:?}");
}

#[test] // R115: whatever the reason of a wake-up, everything that may fire is fired
fn another_wake_up_takes_along_what_may_fire() {
    let mut world = World::gapless_with(ALIGN);
    world.register_periodic("news", 12 * HOUR).unwrap();
    let target = world.engine.next_wakeup(world.now).unwrap().after_ms;
    assert!(target > 12 * HOUR && target <= 24 * HOUR, "the next grid point: {target}");
    world.pass(12 * HOUR);
    assert!(matches!(world.reasons("news")[..], [Reason::Coalescing { .. }]));
    world.network(Connection::Ethernet);
    assert_eq!(world.running_tags(), ["news"]);
}

#[test] // R167: the grid is the same after a restart
fn the_grid_survives_a_restart_with_what_it_has_drifted() {
    let mut world = World::gapless_with(ALIGN);
    world.register_periodic("news", 12 * HOUR).unwrap();
    world.next_events(MINUTE);
    world.next_events(2 * MINUTE);
    let before = world.engine.next_wakeup(world.now).unwrap().after_ms;
    world.crash();
    world.network(Connection::Wifi);
    world.grant_periodic(world::ORIGIN, PermissionState::Granted);
    assert_eq!(world.engine.next_wakeup(world.now).unwrap().after_ms, before);
}

#[test] // R183, R92
fn installations_with_other_seeds_wake_at_other_times() {
    let target = |coalescing_seed| {
        let mut world = World::periodic_with(Config { coalescing_seed, ..Config::default() });
        world.register_periodic("news", 12 * HOUR).unwrap();
        world.engine.next_wakeup(world.now).unwrap().after_ms
    };
    let targets: std::collections::BTreeSet<u64> = (0..20).map(target).collect();
    assert!(targets.len() > 15, "{targets:?}");
    assert_eq!(target(3), target(3));
}

#[test] // R115: a device that was asleep at the grid point
fn a_late_round_moves_the_grid_instead_of_doubling_the_interval() {
    let mut world = World::gapless_with(ALIGN);
    world.register_periodic("news", 12 * HOUR).unwrap();
    world.next_events(0);
    world.pass(12 * HOUR + 3 * HOUR);
    world.input(Input::TimePassed);
    world.succeed("news");
    assert_eq!(world.next_events(0).0, 12 * HOUR);
}

// CR: SoonestWakeupDeltaAppliesBrowserWakeupLimit
#[test] // R119, R108: Chromium's rules in the real engine
fn chromiums_rules_wake_at_most_every_12_hours() {
    let wishes = Load::Mixed.wishes(30);
    let outcome = coalescing_load::chromium(&wishes, 30);
    assert!(outcome.wakeups_per_day <= 2.0, "{outcome:?}");
    assert_eq!(outcome.early, 0);
    assert_eq!(DAY, 24 * HOUR);
}
