//! Restarts, crashes, clocks and removal (requirements 11.12 and 11.13).

mod world;

use wakeworker_core::*;
use world::{ORIGIN, World};

// CR: RebootRecovery, FiresOnManagerRestart
#[test] // R167, R168
fn a_pending_entry_fires_at_start_when_online() {
    let mut world = World::new();
    assert_eq!(world.register("a"), Ok(()));
    world.crash();
    assert_eq!((world.running.len(), world.tags()), (0, vec!["a".to_owned()]));
    world.network(Connection::Wifi);
    assert_eq!(world.running_tags(), ["a"], "with no page open"); // R62
}

// CR: RebootRecoveryTwoServiceWorkers
#[test] // R32, R167
fn entries_of_two_worker_registrations_are_both_there_after_a_restart() {
    let mut world = World::new();
    let second = world.add_worker(ORIGIN, "/second/");
    assert_eq!(world.register("a"), Ok(()));
    assert_eq!(world.register_at(second, "a".into()), Ok(()));
    world.crash();
    world.network(Connection::Wifi);
    assert_eq!(world.running_tags(), ["a", "a"]);
}

// CR: RetryOnBrowserRestart
#[test] // R167, R168
fn a_back_off_goes_on_where_it_was() {
    let mut world = World::online();
    assert_eq!(world.register("a"), Ok(()));
    world.fail("a");
    world.pass(100_000);
    world.crash();
    world.network(Connection::Wifi);
    world.advance(199_999);
    assert!(world.running.is_empty());
    world.advance(1);
    assert_eq!(world.running_tags(), ["a"]);
    assert_eq!(world.stored_syncs.values().map(|sync| sync.attempts).collect::<Vec<_>>(), [1]);
}

// CR: RetryIfClosedMidSync
#[test] // R169, D12, design decision 9
fn crashes_are_not_counted_until_there_are_too_many_in_a_row() {
    let mut world = World::online();
    assert_eq!(world.register("a"), Ok(()));
    for times in 1..=4 {
        world.crash();
        assert_eq!(world.events().iter().rev().nth(1), Some(&&ActivityEvent::Interrupted { times }));
        world.network(Connection::Wifi);
        assert_eq!(world.running_tags(), ["a"], "it runs again at once");
        assert!(!world.last_chance("a"));
    }
    world.crash();
    world.network(Connection::Wifi);
    assert_eq!((world.running.len(), world.state("a")), (0, Some(SyncState::Waiting)));
    world.advance(300_000);
    assert_eq!(world.running_tags(), ["a"]);
    assert_eq!(world.stored_syncs.values().map(|sync| sync.attempts).collect::<Vec<_>>(), [1]);
}

#[test] // R85, R169
fn a_worker_that_always_kills_its_host_is_given_up() {
    let mut world = World::online();
    assert_eq!(world.register("a"), Ok(()));
    let mut starts = 0;
    while !world.stored_syncs.is_empty() {
        starts += world.running.len();
        world.crash();
        world.network(Connection::Wifi);
        if let (true, Some(wakeup)) = (world.running.is_empty(), world.engine.next_wakeup(world.now)) {
            world.advance(wakeup.after_ms);
        }
        assert!(starts < 100, "it loops for ever");
    }
    assert_eq!(starts, 15, "three attempts of five starts");
    assert!(world.events().contains(&&ActivityEvent::GaveUp));
}

#[test] // R169
fn an_event_that_ends_forgets_earlier_crashes() {
    let mut world = World::online();
    assert_eq!(world.register("a"), Ok(()));
    world.crash();
    world.network(Connection::Wifi);
    world.fail("a");
    assert_eq!(world.stored_syncs.values().map(|sync| sync.interrupted_starts).collect::<Vec<_>>(), [0]);
}

#[test] // R30, R167
fn a_registration_during_an_event_survives_a_crash_with_a_fresh_count() {
    let mut world = World::online();
    assert_eq!(world.register("a"), Ok(()));
    world.fail("a");
    world.advance(300_000);
    assert_eq!(world.register("a"), Ok(()));
    world.crash();
    world.network(Connection::Wifi);
    assert_eq!((world.running_tags(), world.last_chance("a")), (vec!["a".to_owned()], false));
    assert_eq!(world.stored_syncs.values().map(|sync| sync.attempts).collect::<Vec<_>>(), [0]);
}

#[test] // R174, D30
fn a_clock_set_back_while_stopped_delays_by_one_full_delay_at_most() {
    let mut world = World::online();
    assert_eq!(world.register("a"), Ok(()));
    world.fail("a");
    world.now.wall = Timestamp(0);
    world.crash();
    world.network(Connection::Wifi);
    world.advance(299_999);
    assert!(world.running.is_empty());
    world.advance(1);
    assert_eq!(world.running_tags(), ["a"]);
}

#[test] // R174, D30
fn a_clock_set_forward_while_stopped_fires_once() {
    let mut world = World::online();
    assert_eq!(world.register("a"), Ok(()));
    world.fail("a");
    world.now.wall = Timestamp(i64::MAX);
    world.crash();
    world.network(Connection::Wifi);
    assert_eq!(world.running_tags(), ["a"]);
}

#[test] // R174
fn a_clock_that_jumps_while_running_changes_no_delay() {
    for wall in [0, i64::MAX, i64::MIN] {
        let mut world = World::online();
        assert_eq!(world.register("a"), Ok(()));
        world.fail("a");
        world.now.wall = Timestamp(wall);
        world.advance(299_999);
        assert!(world.running.is_empty());
        world.advance(1);
        assert_eq!(world.running_tags(), ["a"]);
    }
}

#[test] // R171
fn an_engine_that_is_replaced_goes_on_with_running_events() {
    let mut world = World::online();
    assert_eq!(world.register("a"), Ok(()));
    assert_eq!(world.register("a"), Ok(()));
    let attempt = world.running[0].attempt;
    let in_flight = world.engine.in_flight(attempt).cloned().expect("running");
    let last_attempt = world.engine.last_attempt();
    let snapshot = Snapshot { in_flight: vec![in_flight], last_attempt, ..world.snapshot() };
    let mut step = Step::default();
    world.engine = Engine::restore(world.config.clone(), snapshot, world.now, &mut step).expect("valid");
    assert_eq!(world.state("a"), Some(SyncState::ReregisteredWhileFiring));
    world.network(Connection::Wifi);
    assert_eq!(world.running.len(), 1, "not dispatched twice");
    world.succeed("a");
    assert_eq!(world.running_tags(), ["a"], "the second registration gets its event");
    assert_ne!(world.running[0].attempt, attempt);
}

// CR: DisabledManagerWorksAfterBrowserRestart, DisablingFromControllerKeepsRegistrations
#[test] // R177
fn a_disabled_engine_keeps_its_entries_for_later() {
    let mut world = World::new();
    assert_eq!(world.register("a"), Ok(()));
    world.config.background_sync_enabled = false;
    world.crash();
    world.network(Connection::Wifi);
    assert_eq!((world.running.len(), world.tags()), (0, vec!["a".to_owned()]));
    assert_eq!(world.status("a").expect("kept").reasons, [Reason::Disabled]);
    world.config.background_sync_enabled = true;
    world.crash();
    world.network(Connection::Wifi);
    assert_eq!(world.running_tags(), ["a"]);
}

// CR: UnregisterServiceWorker
#[test] // R161, R166
fn unregistering_removes_all_entries_durably() {
    let mut world = World::online();
    let kept = world.add_worker(ORIGIN, "/kept/");
    for tag in ["firing", "waiting"] {
        assert_eq!(world.register(tag), Ok(()));
    }
    world.fail("waiting");
    assert_eq!(world.register_at(kept, "kept".into()), Ok(()));
    assert_eq!(world.unregister(WorkerRegistrationId(1)), Ok(()));
    assert_eq!(world.last_durability, Durability::Strict);
    assert_eq!(world.stored_syncs.values().map(|sync| sync.tag.clone()).collect::<Vec<_>>(), ["kept".into()]);
    world.crash();
    assert!(world.tags().is_empty());
    assert_eq!(world.tags_at(kept, SyncKind::BackgroundSync), ["kept"]);
}

// CR: DeleteAndStartOverServiceWorkerContext, GetOneShotSyncRegistrationsNoSyncRegistered
#[test] // R162
fn registering_again_starts_with_empty_lists_and_a_new_identity() {
    let mut world = World::new();
    assert_eq!(world.register("a"), Ok(()));
    assert_eq!(world.add_registration(ORIGIN, "/"), WorkerRegistrationId(1), "the existing one");
    assert_eq!(world.unregister(WorkerRegistrationId(1)), Ok(()));
    let again = world.add_registration(ORIGIN, "/");
    assert_ne!(again, WorkerRegistrationId(1));
    assert!(world.tags_at(again, SyncKind::BackgroundSync).is_empty());
}

// CR: SyncRegistrationDeletedWhenClearingSiteData, FiringSyncEventDeletedWhenClearingSiteData
#[test] // R163, R175
fn clearing_an_origins_data_removes_its_entries_and_no_others() {
    let mut world = World::online();
    let other = "https://other.example";
    world.open_window(other);
    let foreign = world.add_worker(other, "/");
    let second = world.add_worker(ORIGIN, "/second/");
    assert_eq!(world.register("a"), Ok(()));
    assert_eq!(world.register_at(second, "b".into()), Ok(()));
    assert_eq!(world.register_at(foreign, "c".into()), Ok(()));
    world.clear(ORIGIN);
    assert_eq!(world.last_durability, Durability::Strict);
    assert_eq!(world.stored_syncs.values().map(|sync| sync.tag.clone()).collect::<Vec<_>>(), ["c".into()]);
    assert_eq!(world.stored_workers.len(), 1);
    world.fail("a");
    assert!(world.tags().is_empty());
}

#[test] // R164
fn an_updated_worker_keeps_the_entries() {
    let mut world = World::new();
    assert_eq!(world.register("a"), Ok(()));
    world.activate(WorkerRegistrationId(1), 2);
    world.network(Connection::Wifi);
    assert_eq!((world.running_tags(), world.running[0].worker), (vec!["a".to_owned()], WorkerId(2)));
}

// CR: OverrideParameters
#[test]
fn a_configuration_out_of_range_is_refused_by_name() {
    let refused = |config: Config| {
        let mut step = Step::default();
        let error =
            Engine::restore(config, Snapshot::default(), Now::default(), &mut step).expect_err("refused");
        error.to_string()
    };
    assert_eq!(
        refused(Config { attempts_max: 0, ..Config::default() }),
        "configuration: `attempts_max` must be at least 1"
    );
    assert!(refused(Config { retry_delay_factor: 1, ..Config::default() }).contains("`retry_delay_factor`"));
}

#[test] // R170
fn records_that_contradict_themselves_are_made_whole() {
    let mut world = World::new();
    assert_eq!(world.register("a"), Ok(()));
    for sync in world.stored_syncs.values_mut() {
        (sync.attempts, sync.attempts_max) = (9, 0);
    }
    world.stored_syncs.insert(
        SyncRegistrationId(50),
        SyncRegistration {
            worker_registration: WorkerRegistrationId(49),
            ..world.stored_syncs.values().next().cloned().expect("a")
        },
    );
    let mut step = Step::default();
    let mut engine =
        Engine::restore(world.config.clone(), world.snapshot(), world.now, &mut step).expect("valid");
    engine.check_invariants();
    engine.handle_input(
        world.now,
        Input::NetworkChanged { connection: Connection::Wifi, network: None },
        &mut step,
    );
    engine.check_invariants();
    let dispatched = step.effects.iter().find_map(|effect| match effect {
        Effect::Dispatch(dispatch) => Some(dispatch.last_chance),
        _ => None,
    });
    assert_eq!(dispatched, Some(true));
}

#[test] // R170
fn of_two_registrations_of_one_scope_the_first_one_is_read() {
    let mut world = World::online();
    world.register("outbox").expect("registered");
    let mut snapshot = world.snapshot();
    let mut twin = snapshot.worker_registrations[0].clone();
    twin.id = WorkerRegistrationId(twin.id.0 + 1_000);
    snapshot.worker_registrations.push(twin.clone());
    let mut again = snapshot.worker_registrations[0].clone();
    again.scope = "https://chat.example/elsewhere/".into();
    snapshot.worker_registrations.push(again);
    let mut orphan = snapshot.sync_registrations[0].clone();
    orphan.id = SyncRegistrationId(orphan.id.0 + 2_000);
    orphan.worker_registration = twin.id;
    snapshot.sync_registrations.push(orphan);

    let engine =
        Engine::restore(Config::default(), snapshot, world.now, &mut Step::default()).expect("restored");
    engine.check_invariants();
    assert_eq!(engine.worker_registrations().count(), 1);
}
