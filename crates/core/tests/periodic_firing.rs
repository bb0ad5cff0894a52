//! Firing periodic entries: what follows an attempt (section 2.6 of the requirements).

mod world;

use wakeworker_core::*;
use world::periodic::{HOUR, MINUTE};
use world::{ORIGIN, World};

fn options(world: &World, tag: &str) -> SyncOptions {
    world.status(tag).expect("an entry").registration.options
}

/// "news" every 24 h without gaps, its first event running.
fn firing() -> World {
    let mut world = World::gapless();
    world.register_periodic("news", 24 * HOUR).expect("registered");
    world.advance(24 * HOUR);
    assert_eq!(world.running_tags(), ["news"]);
    world
}

#[test] // R123, R143
fn the_event_carries_kind_and_tag_and_no_last_chance() {
    let world = firing();
    let dispatch = &world.running[0];
    assert_eq!((dispatch.kind, dispatch.last_chance), (SyncKind::PeriodicSync, false));
    assert!(dispatch.needs_network);
    assert_eq!(world.state("news"), Some(SyncState::Firing));
}

#[test] // R143: a frame inside a foreign page is enough for the wider definition
fn background_means_that_not_even_a_nested_frame_is_open() {
    for (frame, in_background) in
        [(None, true), (Some(FrameType::Nested), false), (Some(FrameType::None), true)]
    {
        let mut world = World::gapless();
        world.register_periodic("news", HOUR).unwrap();
        world.close(1);
        if let Some(frame) = frame {
            world.open_client(ORIGIN, frame);
        }
        world.advance(HOUR);
        let seen = world.events().iter().any(
            |event| matches!(event, ActivityEvent::Dispatched { background, .. } if *background == in_background),
        );
        assert!(seen, "{frame:?}");
    }
}

#[test] // R125, R109
fn success_sets_the_time_of_last_fire_and_failure_does_not() {
    let mut world = firing();
    world.fail("news");
    assert!(world.stored_origin_fires.is_empty());
    world.advance(5 * MINUTE);
    world.pass(MINUTE);
    world.succeed("news");
    let key = StorageKey::first_party(ORIGIN);
    assert_eq!(world.stored_origin_fires.get(&key), Some(&world.now.wall));
}

#[test] // R126, R234
fn a_success_ends_the_series_with_anchor_now() {
    let mut world = firing();
    world.pass(MINUTE);
    world.succeed("news");
    let (anchor, min_interval_ms) = (world.now.wall, 24 * HOUR);
    let expected = SyncOptions::Periodic { min_interval_ms, anchor, last_success: Some(anchor) };
    assert_eq!((options(&world, "news"), world.state("news")), (expected, Some(SyncState::Pending)));
}

// CR: PeriodicSyncMultipleAttempts
#[test] // R126, R127, R129 CR: TwoFailedAttemptsForPeriodicSync
fn failures_are_retried_after_5_and_15_minutes_and_never_remove_the_entry() {
    let mut world = firing();
    world.fail("news");
    assert!(matches!(
        world.reasons("news")[..],
        [Reason::BackOff { remaining_ms: 300_000, failed_attempts: 1 }]
    ));
    world.advance(5 * MINUTE - 1);
    assert!(world.running.is_empty());
    world.advance(1);
    world.fail("news");
    world.advance(15 * MINUTE);
    world.fail("news");
    assert_eq!(world.state("news"), Some(SyncState::Pending));
    let (anchor, min_interval_ms) = (world.now.wall, 24 * HOUR);
    assert_eq!(
        options(&world, "news"),
        SyncOptions::Periodic { min_interval_ms, anchor, last_success: None }
    );
    assert_eq!(world.next_events(0).0, 24 * HOUR, "then the normal interval applies");
    assert_eq!(world.periodic_tags(), ["news"]);
}

#[test] // R112, R113
fn a_retry_is_suspended_like_any_other_event() {
    let mut world = firing();
    world.fail("news");
    world.engagement(ExtraInterval::Never);
    world.advance(5 * MINUTE);
    assert!(world.running.is_empty());
    assert_eq!(world.state("news"), Some(SyncState::Suspended));
    assert_eq!(world.reasons("news"), [Reason::Suspended]);
    assert_eq!(world.engine.next_wakeup(world.now), None, "no wake-up for what is suspended");
    world.engagement(ExtraInterval::Ms(0));
    assert_eq!(world.running_tags(), ["news"], "its delay is over");
}

#[test] // R128, D17
fn without_retries_there_is_none() {
    let config = Config { periodic_retries_max: 0, coalescing: CoalescePolicy::Exact, ..Config::default() };
    let mut world = World::periodic_with(config);
    world.register_periodic("news", 24 * HOUR).unwrap();
    world.advance(24 * HOUR);
    world.fail("news");
    assert_eq!(world.state("news"), Some(SyncState::Pending));
}

#[test] // R130
fn all_retries_together_take_a_tenth_of_the_gap_at_most() {
    for (interval, retries) in [(HOUR / 2, 0), (HOUR, 1), (3 * HOUR, 1), (4 * HOUR, 2)] {
        let mut world = World::gapless();
        world.register_periodic("news", interval).unwrap();
        world.advance(interval);
        let mut failed = 0;
        loop {
            world.fail("news");
            if world.state("news") == Some(SyncState::Pending) {
                break;
            }
            failed += 1;
            world.until_next_event();
        }
        assert_eq!(failed, retries, "{interval} ms");
    }
}

#[test] // R132, R86, R85
fn an_event_that_takes_too_long_is_terminated_and_fails() {
    let mut world = firing();
    let attempt = world.running[0].attempt;
    assert_eq!(world.running[0].timeout_ms, 3 * MINUTE);
    world.advance(3 * MINUTE);
    assert_eq!(world.terminated, [attempt]);
    assert_eq!(world.state("news"), Some(SyncState::Waiting));
}

#[test] // R54, D11
fn an_event_that_did_not_reach_its_worker_is_not_counted_and_repeated_outside_of_rounds() {
    let mut world = World::periodic();
    world.register_periodic("news", HOUR).unwrap();
    world.advance(12 * HOUR);
    world.end("news", AttemptOutcome::NotDispatched);
    world.network(Connection::None);
    world.advance(HOUR);
    assert_eq!(world.status("news").unwrap().registration.attempts, 0);
    world.network(Connection::Wifi);
    assert_eq!(world.running_tags(), ["news"]);
}

#[test] // R234
fn the_interval_can_count_from_the_last_success() {
    let mut world = World::periodic_with(Config {
        coalescing: CoalescePolicy::Exact,
        interval_from_last_success: true,
        min_interval_any_origin_ms: 0,
        min_interval_across_origins_ms: 0,
        ..Config::default()
    });
    world.register_periodic("news", 24 * HOUR).unwrap();
    world.next_events(0);
    world.advance(24 * HOUR);
    for delay in [5, 15, 15] {
        world.fail("news");
        world.advance(delay * MINUTE);
    }
    assert_eq!(world.running_tags(), ["news"], "after a failure it may come earlier");
    world.succeed("news");
    assert_eq!(world.next_events(0).0, 24 * HOUR, "after a success it may not");
}

#[test] // R169, D12 CR: RebootRecoveryPeriodicSync CR: KillManagerMidSync
fn an_event_cut_off_by_a_crash_runs_again_at_once_and_is_not_counted() {
    let mut world = World::periodic();
    world.register_periodic("news", HOUR).unwrap();
    world.advance(12 * HOUR);
    world.crash();
    world.network(Connection::Wifi);
    world.grant_periodic(ORIGIN, PermissionState::Granted);
    assert_eq!(world.running_tags(), ["news"]);
    assert_eq!(world.status("news").unwrap().registration.attempts, 0);
    world.succeed("news");
    assert_eq!(world.state("news"), Some(SyncState::Pending));
}

#[test] // R169: a worker that takes the process with it must not do so for ever
fn five_interrupted_starts_are_a_failed_attempt_and_three_of_these_end_the_series() {
    let mut world = World::periodic();
    world.register_periodic("news", HOUR).unwrap();
    world.advance(12 * HOUR);
    let mut crashes = 0;
    while crashes < 100 {
        crashes += 1;
        world.crash();
        world.network(Connection::Wifi);
        world.grant_periodic(ORIGIN, PermissionState::Granted);
        if world.running.is_empty() {
            match world.state("news") {
                Some(SyncState::Waiting) => world.until_next_event(),
                _ => break,
            }
        }
    }
    assert_eq!(crashes, 15);
    assert_eq!(world.state("news"), Some(SyncState::Pending), "never removed (R127)");
}

#[test] // R167, R168 CR: RescheduleOnBrowserRestart
fn intervals_gaps_and_back_offs_go_on_after_a_restart() {
    let mut world = World::periodic();
    world.register_periodic("news", HOUR).unwrap();
    world.next_events(0);
    world.advance(5 * HOUR);
    world.crash();
    world.network(Connection::Wifi);
    world.grant_periodic(ORIGIN, PermissionState::Granted);
    assert_eq!(world.engine.next_wakeup(world.now).unwrap().after_ms, 7 * HOUR);
    world.advance(7 * HOUR);
    world.fail("news");
    world.pass(2 * MINUTE);
    world.crash();
    world.network(Connection::Wifi);
    world.grant_periodic(ORIGIN, PermissionState::Granted);
    assert_eq!(world.engine.next_wakeup(world.now).unwrap().after_ms, 3 * MINUTE);
}

#[test] // R174, D30
fn a_jump_of_the_wall_clock_changes_nothing_while_the_process_lives() {
    for jump in [-400 * 24 * HOUR as i64, 400 * 24 * HOUR as i64] {
        let mut world = World::periodic();
        world.register_periodic("news", HOUR).unwrap();
        world.advance(HOUR);
        world.now.wall.0 += jump;
        world.input(Input::TimePassed);
        assert!(world.running.is_empty());
        assert_eq!(world.next_events(0).0, 11 * HOUR, "{jump}");
        assert_eq!(world.next_events(0).0, 12 * HOUR, "{jump}");
    }
}

#[test] // R174, D30
fn a_clock_set_back_while_stopped_delays_by_one_full_delay_and_one_set_forward_fires_once() {
    for (jump, expected) in [(-400 * 24 * HOUR as i64, 24 * HOUR), (400 * 24 * HOUR as i64, 0)] {
        let mut world = World::gapless();
        world.register_periodic("news", 24 * HOUR).unwrap();
        world.advance(HOUR);
        world.now.wall.0 += jump;
        world.crash();
        world.network(Connection::Wifi);
        world.grant_periodic(ORIGIN, PermissionState::Granted);
        assert_eq!(world.next_events(0), (expected, vec!["news".into()]), "{jump}");
        assert_eq!(world.next_events(0).0, 24 * HOUR, "no burst: {jump}");
    }
}

#[test] // R164, R61, R161, R163
fn entries_survive_an_update_and_go_with_the_registration_or_the_data() {
    let mut world = World::gapless();
    let registration = WorkerRegistrationId(1);
    world.register_periodic("news", HOUR).unwrap();
    world.set_active(registration, Some(ActiveWorker { id: WorkerId(2), activated: false }));
    world.advance(2 * HOUR);
    assert!(world.running.is_empty(), "not while it is activating");
    world.set_active(registration, Some(ActiveWorker { id: WorkerId(2), activated: true }));
    assert_eq!(world.running[0].worker, WorkerId(2));
    world.clear(ORIGIN);
    assert_eq!(world.periodic_tags(), [""; 0]);
    world.succeed("news");
    assert!(world.stored_origin_fires.is_empty(), "a late result leaves no trace");
    assert_eq!(world.engine.next_wakeup(world.now), None);
}

#[test] // R163, R109
fn clearing_an_origins_data_takes_the_time_of_its_last_event_away() {
    let mut world = World::gapless();
    world.register_periodic("news", HOUR).unwrap();
    world.advance(HOUR);
    world.succeed("news");
    assert_eq!(world.stored_origin_fires.len(), 1);
    world.clear(ORIGIN);
    assert!(world.stored_origin_fires.is_empty(), "nothing tells any more that it was here");
}
