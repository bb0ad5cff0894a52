//! What holds for every sequence of inputs: invariants, exactly one answer, determinism, and restarts that lose nothing.

mod world;

use proptest::prelude::*;
use wakeworker_core::*;
use world::{ORIGIN, World};

#[derive(Clone, Debug)]
enum Action {
    Register { scope: u8, tag: u8 },
    End { index: u8, outcome: u8 },
    LateEnd { attempt: u8 },
    Network(bool),
    Advance(u32),
    Crash,
    Wall(i64),
    Window(bool),
    Unregister { scope: u8 },
    Worker { scope: u8, state: u8 },
    Permission(bool),
    Clear,
    Tool { scope: u8 },
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (0..2u8, 0..4u8).prop_map(|(scope, tag)| Action::Register { scope, tag }),
        6 => (any::<u8>(), 0..4u8).prop_map(|(index, outcome)| Action::End { index, outcome }),
        1 => any::<u8>().prop_map(|attempt| Action::LateEnd { attempt }),
        3 => any::<bool>().prop_map(Action::Network),
        3 => (0..1_200_000u32).prop_map(Action::Advance),
        1 => Just(Action::Crash),
        1 => any::<i64>().prop_map(Action::Wall),
        1 => any::<bool>().prop_map(Action::Window),
        1 => (0..2u8).prop_map(|scope| Action::Unregister { scope }),
        2 => (0..2u8, 0..3u8).prop_map(|(scope, state)| Action::Worker { scope, state }),
        1 => any::<bool>().prop_map(Action::Permission),
        1 => Just(Action::Clear),
        1 => (0..2u8).prop_map(|scope| Action::Tool { scope }),
    ]
}

const SCOPES: [&str; 2] = ["/", "/deep/"];

fn registration(world: &World, scope: u8) -> WorkerRegistrationId {
    let scope = format!("{ORIGIN}{}", SCOPES[usize::from(scope)]);
    let found = world.engine.worker_registrations().find(|worker| worker.scope == scope);
    found.map_or(WorkerRegistrationId(u64::MAX), |worker| worker.id)
}

fn perform(world: &mut World, action: &Action) {
    match *action {
        Action::Register { scope, tag } => {
            let registration = registration(world, scope);
            let before = world.stored_syncs.clone();
            if world.register_at(registration, format!("tag {tag}").as_str().into()).is_err() {
                assert_eq!(world.stored_syncs, before, "R36: no half-made entry");
            }
        }
        Action::End { index, outcome } if !world.running.is_empty() => {
            let dispatch = world.running.remove(usize::from(index) % world.running.len());
            let outcome = match outcome {
                0 => AttemptOutcome::Succeeded { handled: true },
                1 => AttemptOutcome::NotDispatched,
                _ => AttemptOutcome::Failed { reason: FailureReason::Rejected, message: None },
            };
            let lost_network = outcome == AttemptOutcome::NotDispatched;
            world.input(Input::AttemptEnded { attempt: dispatch.attempt, outcome });
            if lost_network {
                world.network(Connection::None); // The news that the dispatch was ahead of (R54).
            }
        }
        Action::End { .. } => {}
        Action::LateEnd { attempt } => {
            let attempt = AttemptId(u64::from(attempt));
            if world.running.iter().all(|dispatch| dispatch.attempt != attempt) {
                let before = world.stored_syncs.clone();
                world.input(Input::AttemptEnded {
                    attempt,
                    outcome: AttemptOutcome::Succeeded { handled: true },
                });
                assert_eq!(world.stored_syncs, before, "a late answer changes nothing");
            }
        }
        Action::Network(online) => world.network(if online { Connection::Wifi } else { Connection::None }),
        Action::Advance(ms) => world.advance(u64::from(ms)),
        Action::Crash => world.crash(),
        Action::Wall(ms) => world.now.wall = Timestamp(ms),
        Action::Window(true) => drop(world.open_window(ORIGIN)),
        Action::Window(false) => world.close(1),
        Action::Unregister { scope } => drop(world.unregister(registration(world, scope))),
        Action::Worker { scope, state } => {
            let registration = world.add_registration(ORIGIN, SCOPES[usize::from(scope)]);
            let active = ActiveWorker { id: WorkerId(u64::from(state)), activated: state > 1 };
            world.set_active(registration, (state > 0).then_some(active));
        }
        Action::Permission(granted) => {
            let state = if granted { PermissionState::Granted } else { PermissionState::Denied };
            world.permission(PermissionName::BackgroundSync, state);
        }
        Action::Clear => world.clear(ORIGIN),
        Action::Tool { scope } => {
            let (request, registration) = (world.request(), registration(world, scope));
            let (kind, tag) = (SyncKind::BackgroundSync, "tool".into());
            world.input(Input::DispatchEvent { request, registration, kind, tag, last_chance: false });
        }
    }
    check(world);
}

/// What must hold after every step, beyond the engine's own invariants.
fn check(world: &World) {
    for status in world.engine.sync_statuses(world.now) {
        let record = &status.registration;
        let events = world.running.iter().filter(|dispatch| {
            dispatch.registration == record.worker_registration && dispatch.tag == record.tag
        });
        assert!(events.count() <= 1 || record.tag == "tool".into(), "R63: fired twice at the same time");
        assert!(!status.reasons.is_empty(), "{record:?} may fire and was not fired");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test] // R63, R73, R172, R183
    fn any_sequence_of_inputs_keeps_the_rules(actions in proptest::collection::vec(action(), 0..80)) {
        let mut first = World::new();
        let mut second = World::new();
        for action in &actions {
            perform(&mut first, action);
            perform(&mut second, action);
        }
        prop_assert_eq!(&first.log, &second.log, "the same inputs give the same steps");
        prop_assert_eq!(&first.stored_syncs, &second.stored_syncs);
    }

    // CR: AllTestsEventuallyFire
    #[test] // R167: liveness after any history
    fn every_entry_is_fired_or_lawfully_dropped_in_the_end(actions in proptest::collection::vec(action(), 0..60)) {
        let mut world = World::new();
        for action in &actions {
            perform(&mut world, action);
        }
        for scope in SCOPES {
            world.add_worker(ORIGIN, scope);
        }
        world.permission(PermissionName::BackgroundSync, PermissionState::Granted);
        world.network(Connection::Wifi);
        let mut rounds = 0;
        while !world.running.is_empty() || world.engine.sync_statuses(world.now).next().is_some() {
            while let Some(dispatch) = world.running.pop() {
                world.input(Input::AttemptEnded {
                    attempt: dispatch.attempt,
                    outcome: AttemptOutcome::Succeeded { handled: true },
                });
            }
            world.advance(3 * 86_400_000);
            rounds += 1;
            prop_assert!(rounds < 10, "an entry is stuck: {:?}", world.engine.sync_statuses(world.now).next());
        }
    }
}
