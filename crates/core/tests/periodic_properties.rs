//! What holds for every sequence of inputs to the periodic half: intervals and gaps are kept, the same inputs give the same
//! steps, a restart changes nothing, and every entry fires in the end.

mod world;

use proptest::prelude::*;
use std::collections::BTreeMap;
use wakeworker_core::*;
use world::periodic::{HOUR, MINUTE};
use world::{ORIGIN, World};

const OTHER: &str = "https://news.example";
const INTERVALS: [u64; 6] = [0, 15 * MINUTE, 5 * HOUR, 12 * HOUR, 13 * HOUR, 24 * HOUR];

#[derive(Clone, Debug)]
enum Action {
    Register { origin: bool, tag: u8, interval: u8, conditions: u8 },
    Unregister { tag: u8 },
    End { index: u8, outcome: u8 },
    Advance(u32),
    Network(u8),
    Power(u8),
    Engagement(u8),
    Host { tag: u8 },
    FireDue,
    Emulate(bool),
    OneOff { tag: u8 },
    Permission(bool),
    ActiveUse(bool),
    Restart,
    Wall(i64),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        5 => (any::<bool>(), 0..4u8, 0..6u8, 0..3u8)
            .prop_map(|(origin, tag, interval, conditions)| Action::Register { origin, tag, interval, conditions }),
        1 => (0..4u8).prop_map(|tag| Action::Unregister { tag }),
        6 => (any::<u8>(), 0..5u8).prop_map(|(index, outcome)| Action::End { index, outcome }),
        6 => (0..50_000_000u32).prop_map(Action::Advance),
        2 => (0..3u8).prop_map(Action::Network),
        1 => (0..4u8).prop_map(Action::Power),
        1 => (0..3u8).prop_map(Action::Engagement),
        1 => (0..4u8).prop_map(|tag| Action::Host { tag }),
        1 => Just(Action::FireDue),
        1 => any::<bool>().prop_map(Action::Emulate),
        1 => (0..3u8).prop_map(|tag| Action::OneOff { tag }),
        1 => any::<bool>().prop_map(Action::Permission),
        1 => any::<bool>().prop_map(Action::ActiveUse),
        1 => Just(Action::Restart),
        1 => any::<i64>().prop_map(Action::Wall),
    ]
}

/// A world with two origins, and what the rules say about the events that it sees.
struct Watched {
    world: World,
    other: WorkerRegistrationId,
    /// The wall clock has jumped since the engine was started.
    jumped: bool,
    /// End of the last event of each entry, on the clock that does not jump.
    ended: BTreeMap<(WorkerRegistrationId, Tag), u64>,
    seen: usize,
}

impl Watched {
    fn new(config: Config) -> Watched {
        let mut world = World::periodic_with(config);
        let other = world.add_origin(OTHER);
        Watched { world, other, jumped: false, ended: BTreeMap::new(), seen: 0 }
    }

    fn perform(&mut self, action: &Action, restarts: bool) {
        let world = &mut self.world;
        match *action {
            Action::Register { origin, tag, interval, conditions } => {
                let registration = if origin { self.other } else { WorkerRegistrationId(1) };
                let min_interval_ms = INTERVALS[usize::from(interval)];
                let network =
                    [NetworkCondition::Online, NetworkCondition::Any, NetworkCondition::AvoidCellular];
                let conditions =
                    Conditions { network: network[usize::from(conditions)], power: PowerCondition::Auto };
                let options = PeriodicOptions { min_interval_ms, conditions };
                drop(world.register_conditional(registration, &format!("tag {tag}"), options));
                // An interval that changes moves no anchor; the rule is checked against the present interval.
            }
            Action::Unregister { tag } => {
                drop(world.forget(&format!("tag {tag}")));
                self.ended.remove(&(WorkerRegistrationId(1), format!("tag {tag}").as_str().into()));
            }
            Action::End { index, outcome } if !world.running.is_empty() => {
                let dispatch = world.running.remove(usize::from(index) % world.running.len());
                let outcome = match outcome {
                    0 => AttemptOutcome::Failed { reason: FailureReason::Rejected, message: None },
                    1 => AttemptOutcome::NotDispatched,
                    _ => AttemptOutcome::Succeeded { handled: true },
                };
                if matches!(outcome, AttemptOutcome::Succeeded { .. })
                    && dispatch.kind == SyncKind::PeriodicSync
                {
                    self.ended.insert((dispatch.registration, dispatch.tag.clone()), world.now.mono.0);
                }
                world.input(Input::AttemptEnded { attempt: dispatch.attempt, outcome });
            }
            Action::End { .. } => {}
            Action::Advance(ms) => world.advance(ms.into()),
            Action::Network(kind) => {
                let kinds = [Connection::None, Connection::Wifi, Connection::Cellular];
                world.network(kinds[usize::from(kind)]);
            }
            Action::Power(bits) => {
                world.power(Power { battery_saver: bits & 1 > 0, data_saver: bits & 2 > 0, charging: true });
            }
            Action::Engagement(kind) => {
                let extra = [ExtraInterval::Ms(0), ExtraInterval::Ms(12 * HOUR), ExtraInterval::Never];
                world.engagement(extra[usize::from(kind)]);
            }
            Action::Host { tag } => {
                // Fired by the host, whatever the interval: the rule is not checked until the next end.
                let tag = format!("tag {tag}");
                self.ended.remove(&(WorkerRegistrationId(1), tag.as_str().into()));
                world.dispatch(&tag);
            }
            Action::FireDue => {
                let request = world.request();
                world.input(Input::FireDue { request });
            }
            Action::Emulate(offline) => {
                world.input(Input::EmulateOffline { registration: WorkerRegistrationId(1), offline });
            }
            Action::OneOff { tag } => drop(world.register(&format!("one-off {tag}"))),
            Action::Permission(granted) => {
                if !granted {
                    self.ended.retain(|(registration, _), _| *registration != WorkerRegistrationId(1));
                }
                let state = if granted { PermissionState::Granted } else { PermissionState::Denied };
                world.grant_periodic(ORIGIN, state);
            }
            Action::ActiveUse(active) => {
                let storage_key = StorageKey::first_party(ORIGIN);
                world.input(Input::SetActiveUse { storage_key, active });
            }
            Action::Restart if restarts => {
                if std::mem::take(&mut self.jumped) {
                    // D30: what was measured before the jump is unknown to the new engine; each entry may fire once.
                    self.ended.clear();
                }
                world.replace_engine();
            }
            Action::Restart => world.restate(),
            Action::Wall(ms) => {
                self.jumped = true;
                world.now.wall = Timestamp(ms / 2);
            }
        }
        self.check();
    }

    /// What is stored. That a delay has ended is not written until something else is.
    fn stored(&self) -> Vec<SyncRegistration> {
        let mut stored: Vec<SyncRegistration> = self.world.stored_syncs.values().cloned().collect();
        for record in &mut stored {
            record.not_before = record.not_before.filter(|end| *end > self.world.now.wall);
        }
        stored
    }

    fn check(&mut self) {
        let world = &self.world;
        // R106: whatever was dispatched since the last look came no earlier than its minimum interval after the last end.
        for dispatch in &world.running {
            if dispatch.attempt.0 <= self.seen as u64 || dispatch.kind != SyncKind::PeriodicSync {
                continue;
            }
            let key = (dispatch.registration, dispatch.tag.clone());
            let entry = world.engine.sync_statuses(world.now).find(|status| {
                let record = &status.registration;
                (record.worker_registration, &record.tag, record.kind()) == (key.0, &key.1, dispatch.kind)
            });
            let interval = entry.map_or(0, |status| status.registration.min_interval_ms());
            let Some(&ended) = self.ended.get(&key) else { continue };
            let apart = world.now.mono.0 - ended;
            assert!(apart >= interval as u64 || apart < 4 * MINUTE, "{key:?}: {apart} ms after the last end");
        }
        self.seen = usize::try_from(world.engine.last_attempt().0).expect("small");
        for status in world.engine.sync_statuses(world.now) {
            let record = &status.registration;
            let events = world.running.iter().filter(|dispatch| {
                (dispatch.registration, &dispatch.tag, dispatch.kind)
                    == (record.worker_registration, &record.tag, record.kind())
            });
            assert!(events.count() <= 1, "R63, R205: fired twice at the same time");
            assert!(!status.reasons.is_empty(), "R243: {record:?} may fire and was not fired");
        }
    }
}

/// Rounds of all origins that are not in active use, by the clock that does not jump, are the gap apart.
fn check_rounds(rounds: &[(u64, usize)], gap_ms: u64) {
    for pair in rounds.windows(2) {
        assert!(pair[1].0 - pair[0].0 >= gap_ms, "R108: {rounds:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test] // R63, R106, R113, R117, R172, R183, R243
    fn any_sequence_of_inputs_keeps_the_rules(actions in proptest::collection::vec(action(), 0..70), gaps: bool) {
        let gap_ms = if gaps { 12 * HOUR } else { 0 };
        let config = Config {
            min_interval_any_origin_ms: gap_ms,
            min_interval_across_origins_ms: gap_ms,
            ..Config::default()
        };
        let mut first = Watched::new(config.clone());
        let mut second = Watched::new(config);
        for action in &actions {
            first.perform(action, true);
            second.perform(action, true);
        }
        prop_assert_eq!(&first.world.log, &second.world.log, "the same inputs give the same steps");
        prop_assert_eq!(&first.world.stored_syncs, &second.world.stored_syncs);
    }

    #[test] // R167, R171: an engine that is replaced goes on as if nothing had happened
    fn a_restart_changes_nothing(actions in proptest::collection::vec(action(), 0..50)) {
        let quiet: Vec<&Action> = actions
            .iter()
            // These leave something in the engine that a store does not keep, or that a wall clock cannot give back.
            .filter(|action| !matches!(action, Action::Wall(_) | Action::Host { .. } | Action::FireDue))
            .filter(|action| !matches!(action, Action::Emulate(_) | Action::End { outcome: 1, .. }))
            .collect();
        let mut steady = Watched::new(Config::default());
        let mut restarted = Watched::new(Config::default());
        for action in quiet {
            steady.perform(action, false);
            restarted.perform(action, true);
        }
        prop_assert_eq!(steady.world.running_tags(), restarted.world.running_tags());
        prop_assert_eq!(steady.stored(), restarted.stored());
    }

    #[test] // R108, R109: rounds are never closer than the gap, whatever wakes the engine
    fn rounds_keep_their_distance(moments in proptest::collection::vec(0..30_000_000u64, 1..60)) {
        let mut watched = Watched::new(Config::default());
        for (index, interval) in INTERVALS.iter().enumerate() {
            let registration = if index % 2 == 0 { WorkerRegistrationId(1) } else { watched.other };
            watched.world.register_periodic_at(registration, &format!("tag {index}"), *interval).expect("registered");
        }
        let mut rounds: Vec<(u64, usize)> = Vec::new();
        for ms in moments {
            watched.world.pass(ms);
            watched.world.network(Connection::Ethernet);
            if !watched.world.running.is_empty() {
                rounds.push((watched.world.now.mono.0, watched.world.running.len()));
            }
            while let Some(dispatch) = watched.world.running.pop() {
                let outcome = AttemptOutcome::Succeeded { handled: true };
                watched.world.input(Input::AttemptEnded { attempt: dispatch.attempt, outcome });
            }
        }
        check_rounds(&rounds, 12 * HOUR);
    }

    #[test] // R122, R167: liveness after any history
    fn every_entry_fires_in_the_end(actions in proptest::collection::vec(action(), 0..60)) {
        let mut watched = Watched::new(Config::default());
        for action in &actions {
            watched.perform(action, true);
        }
        let world = &mut watched.world;
        world.grant_periodic(ORIGIN, PermissionState::Granted);
        world.engagement(ExtraInterval::Ms(0));
        world.input(Input::SetActiveUse { storage_key: StorageKey::first_party(ORIGIN), active: false });
        world.power(Power::default());
        for _ in 0..100 {
            world.input(Input::EmulateOffline { registration: WorkerRegistrationId(1), offline: false });
        }
        world.network(Connection::Wifi);
        let mut waiting: Vec<(WorkerRegistrationId, Tag)> = world
            .engine
            .sync_statuses(world.now)
            .filter(|status| status.registration.kind() == SyncKind::PeriodicSync)
            .map(|status| (status.registration.worker_registration, status.registration.tag))
            .collect();
        for _ in 0..100 {
            while let Some(dispatch) = world.running.pop() {
                waiting.retain(|entry| *entry != (dispatch.registration, dispatch.tag.clone()));
                let outcome = AttemptOutcome::Succeeded { handled: true };
                world.input(Input::AttemptEnded { attempt: dispatch.attempt, outcome });
            }
            if waiting.is_empty() {
                break;
            }
            world.until_next_event();
        }
        prop_assert!(waiting.is_empty(), "never fired: {waiting:?}");
    }
}
