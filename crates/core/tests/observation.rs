//! Activity events, reasons and the audit view (R145, R238, R242, R243).

mod world;

use wakeworker_core::*;
use world::periodic::{HOUR, MINUTE};
use world::{ORIGIN, World};

#[test] // R238
// CR: EventsLoggedForRegistration, RecordRegistrationComplete
fn the_log_tells_the_story_of_a_one_off_entry() {
    let mut world = World::online();
    world.log.clear();
    world.register("outbox").expect("registered");
    world.register("outbox").expect("registered again");
    world.fail("outbox");
    world.fail("outbox");
    world.advance(5 * MINUTE);
    world.succeed("outbox");
    let dispatched = |attempt| ActivityEvent::Dispatched { last_chance: false, attempt, background: false };
    let failed = |next_attempt_ms| ActivityEvent::Failed {
        reason: FailureReason::Rejected,
        message: None,
        next_attempt_ms,
    };
    let story = [
        ActivityEvent::Registered { min_interval_ms: None },
        dispatched(1),
        ActivityEvent::Reregistered,
        failed(None),
        dispatched(1),
        failed(Some(5 * MINUTE)),
        dispatched(2),
        ActivityEvent::Completed { handled: true },
    ];
    assert_eq!(world.events(), story.iter().collect::<Vec<_>>());
    assert!(world.log.iter().all(|line| line.storage_key == Some(StorageKey::first_party(ORIGIN))));
    assert!(world.log.iter().all(|line| line.sync == Some((SyncKind::BackgroundSync, "outbox".into()))));
}

#[test] // R238
// CR: EventsLoggedForPeriodicSyncRegistration
fn the_log_tells_the_story_of_a_periodic_entry() {
    let mut world = World::gapless();
    world.log.clear();
    world.register_periodic("news", 24 * HOUR).expect("registered");
    world.advance(24 * HOUR);
    world.fail("news");
    world.advance(5 * MINUTE);
    world.succeed("news");
    world.forget("news").expect("unregistered");
    let story: Vec<String> = world.events().iter().map(|event| format!("{event:?}")).collect();
    let names: Vec<&str> = story.iter().map(|line| line.split([' ', '{']).next().unwrap_or("")).collect();
    let expected = ["Registered", "Dispatched", "Round", "Failed", "Dispatched", "Completed", "Unregistered"];
    assert_eq!(names, expected);
    assert!(story[0].contains("min_interval_ms: Some(86400000)") && story[3].contains("Some(300000)"));
}

#[test] // R145, R242, R143
// CR: RecordEventStarted, RecordEventResult, CountRegisterSuccess, CountUnregisterPeriodicSync
fn the_audit_counts_events_results_times_and_durations_of_each_origin() {
    let mut world = World::gapless();
    let other = world.add_origin("https://other.example");
    world.register_periodic_at(other, "b", HOUR).expect("registered");
    world.register("outbox").expect("registered");
    let registered = world.now.wall;
    world.pass(2_000);
    world.fail("outbox");
    world.close(1);
    world.advance(5 * MINUTE);
    world.pass(3_000);
    world.end("outbox", AttemptOutcome::Succeeded { handled: false });
    let ended = world.now.wall;
    world.advance(HOUR);
    world.register("late").expect_err("no window");

    let audit: Vec<_> =
        world.engine.audit().map(|(key, audit)| (key.as_str().to_owned(), audit.clone())).collect();
    assert_eq!(audit.len(), 2);
    let (key, chat) = &audit[0];
    assert_eq!(key, ORIGIN);
    let counts = chat.of(SyncKind::BackgroundSync);
    assert_eq!((counts.registrations, counts.refusals, counts.events()), (1, 1, 2));
    assert_eq!((counts.events_in_foreground, counts.events_in_background), (1, 1));
    assert_eq!((counts.failed_in_foreground, counts.succeeded_in_background, counts.unhandled), (1, 1, 1));
    assert_eq!((counts.duration_total_ms, counts.duration_max_ms), (5_000, 3_000));
    assert_eq!(counts.first_event, Some(registered));
    assert_eq!((counts.completions, counts.time_to_completion_total_ms), (1, ended.ms_since(registered)));
    assert_eq!(audit[1].1.of(SyncKind::PeriodicSync).events(), 1);
    assert_eq!(audit[1].1.of(SyncKind::BackgroundSync), &EventCounts::default());
}

#[test] // R33, R173: a script that is refused cannot fill the log
fn of_a_refused_tag_only_the_beginning_is_logged() {
    let mut world = World::online();
    let tag = "é".repeat(1_000_000);
    world.register(&tag).expect_err("the tag is too long");
    world.register_periodic(&tag, HOUR).expect_err("the tag is too long");
    let refused = world.log.iter().filter(|it| matches!(it.event, ActivityEvent::RegistrationRefused { .. }));
    let tags: Vec<Tag> = refused.filter_map(|it| it.sync.clone()).map(|(_, tag)| tag).collect();
    assert_eq!(tags, [Tag::from("é".repeat(128).as_str()), Tag::from("é".repeat(128).as_str())]);
}

#[test] // R145: what a new process can know of the past
fn the_audit_is_rebuilt_from_the_log() {
    let mut world = World::gapless();
    world.register_periodic("news", HOUR).expect("registered");
    for _ in 0..3 {
        world.next_events(1_000);
    }
    let before: Vec<_> = world.engine.audit().map(|(_, audit)| audit.clone()).collect();
    let log = world.log.clone();
    world.crash();
    assert_eq!(world.engine.audit().count(), 0);
    world.engine.audit_log(&log);
    let after: Vec<_> = world.engine.audit().map(|(_, audit)| audit.clone()).collect();
    assert_eq!(after, before);
    assert_eq!(after[0].of(SyncKind::PeriodicSync).duration_total_ms, 3_000);
}

#[test] // R243: every reason names itself and its remaining time
fn reasons_are_text_for_people() {
    let mut world = World::periodic();
    world.register_periodic("news", 24 * HOUR).expect("registered");
    let texts: Vec<String> = world.reasons("news").iter().map(Reason::to_string).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].contains("minimum interval ends in 86400 s"), "{texts:?}");
    assert!(texts[1].contains("next round") && texts[1].contains("43200 s"), "{texts:?}");
    for reason in [
        Reason::OriginGap { remaining_ms: 1 },
        Reason::Coalescing { remaining_ms: 1 },
        Reason::NotYet { remaining_ms: 1 },
        Reason::TooManyEvents { remaining_ms: 1 },
    ] {
        assert!(reason.to_string().contains("1 s"), "{reason}");
    }
    let named = [
        (Reason::Suspended, "suspended"),
        (Reason::HostDriven, "host"),
        (Reason::BatterySaver, "battery"),
        (Reason::DataSaver, "data"),
        (Reason::EmulatedOffline, "offline"),
        (Reason::Unreachable, "reached"),
        (Reason::OtherNetwork, "network"),
        (Reason::Condition(UnmetCondition::AvoidCellular), "mobile"),
        (Reason::Condition(UnmetCondition::AvoidDraining), "battery"),
    ];
    for (reason, word) in named {
        assert!(reason.to_string().contains(word), "{reason}");
    }
}

#[test] // R81, R87, R111, R128, R137
// CR: DefaultParameters
fn the_defaults_are_chromiums_where_it_has_them() {
    let config = Config::default();
    assert_eq!((config.attempts_max, config.attempts_max_with_notifications), (3, 3));
    assert_eq!((config.retry_delay_initial_ms, config.retry_delay_factor), (5 * MINUTE, 3));
    assert_eq!(config.event_duration_max_ms, 3 * MINUTE);
    assert_eq!(config.recovery_time_ms, 6 * MINUTE);
    assert_eq!(config.min_interval_any_origin_ms, 12 * HOUR);
    assert_eq!(config.min_interval_across_origins_ms, 12 * HOUR);
    assert_eq!(config.tag_bytes_max, Some(10_240));
    assert_eq!(config.periodic_dispatch, PeriodicDispatch::Automatic);
    assert!(!config.explainer_options_enabled && !config.script_unregister_one_shot);
}

#[test] // R42, R39
// CR: GetRegistrationsZero, GetRegistrationNonExisting
fn an_empty_list_is_an_empty_list() {
    let mut world = World::online();
    assert_eq!((world.tags(), world.periodic_tags()), (vec![], vec![]));
    assert_eq!(world.tags_at(WorkerRegistrationId(99), SyncKind::BackgroundSync), [""; 0]);
}

#[test] // R167, R32
// CR: RebootRecoveryTwoServiceWorkers
fn entries_of_two_workers_survive_a_restart() {
    let mut world = World::periodic();
    let other = world.add_worker(ORIGIN, "/deep/");
    world.network(Connection::None);
    world.register("a").expect("registered");
    world.register_at(other, "b".into()).expect("registered");
    world.crash();
    assert_eq!(world.tags(), ["a"]);
    assert_eq!(world.tags_at(other, SyncKind::BackgroundSync), ["b"]);
}
