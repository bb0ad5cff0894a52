//! Profiles of every released schema version keep loading (R176).
//!
//! `fixtures/profile-v1.sqlite` and its successors hold what `content` says for their version. A fixture is written once,
//! when its schema version is new, and never again:
//!
//! ```sh
//! WAKEWORKER_WRITE_FIXTURE=1 cargo test -p wakeworker --test store_schema
//! ```
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use rusqlite::Connection;
use std::path::{Path, PathBuf};
use wakeworker::core::*;
use wakeworker::store::{ActivityQuery, SqliteStore, Store};

const SEED: u64 = 0xDEAD_BEEF_0BAD_CAFE;

/// The present schema version.
const NEWEST: u32 = 2;

/// The durable part of a profile.
struct Content {
    workers: Vec<WorkerRegistration>,
    syncs: Vec<SyncRegistration>,
    origin_fires: Vec<(StorageKey, Timestamp)>,
    last_round: Option<LastRound>,
    activities: Vec<Activity>,
}

/// A bit of everything that a schema version can hold.
fn content(version: u32) -> Content {
    let mut content = content_of_version_1();
    if version >= 2 {
        let [one_shot, periodic] = content.syncs.as_mut_slice() else { panic!("two entries") };
        one_shot.not_after = Some(Timestamp(1_795_100_000_000));
        one_shot.conditions.power = PowerCondition::AvoidDraining;
        periodic.conditions.network = NetworkCondition::AvoidCellular;
        periodic.network = Some("office".into());
        content.origin_fires = vec![
            ("https://chat.example".into(), Timestamp(1_795_000_000_002)),
            ("https://frame.example^https://top.example".into(), Timestamp(1_795_000_000_003)),
        ];
        content.last_round = Some(LastRound { time: Timestamp(1_795_000_000_004), drift_ms: 5 });
        let mut line = content.activities[0].clone();
        line.event = ActivityEvent::Round { events: 2 };
        content.activities.push(line);
    }
    content
}

fn content_of_version_1() -> Content {
    let key = StorageKey::first_party("https://chat.example");
    let workers = vec![
        WorkerRegistration {
            id: WorkerRegistrationId(1),
            storage_key: key.clone(),
            scope: "https://chat.example/".to_owned(),
            script_url: "https://chat.example/sw.js".to_owned(),
            active: Some(ActiveWorker { id: WorkerId(7), activated: true }),
        },
        WorkerRegistration {
            id: WorkerRegistrationId(2),
            storage_key: StorageKey::from("https://frame.example^https://top.example"),
            scope: "https://frame.example/ä/".to_owned(),
            script_url: "https://frame.example/worker.js".to_owned(),
            active: None,
        },
    ];
    let one_shot = SyncRegistration {
        id: SyncRegistrationId(3),
        worker_registration: WorkerRegistrationId(1),
        tag: Tag::from_utf16(&[0x6F, 0xD800, 0x2603]),
        options: SyncOptions::OneShot,
        registered_at: Timestamp(1_795_000_000_000),
        attempts: 2,
        interrupted_starts: 1,
        attempts_max: 3,
        not_before: Some(Timestamp(1_795_000_300_000)),
        not_after: None,
        conditions: Conditions::default(),
        network: None,
        reregistered_while_firing: true,
    };
    let periodic = SyncRegistration {
        id: SyncRegistrationId(4),
        worker_registration: WorkerRegistrationId(2),
        tag: Tag::from("news"),
        options: SyncOptions::Periodic {
            min_interval_ms: 43_200_000,
            anchor: Timestamp(1_795_000_000_001),
            last_success: Some(Timestamp(1_794_999_000_000)),
        },
        attempts: 0,
        interrupted_starts: 0,
        not_before: None,
        not_after: None,
        conditions: Conditions::default(),
        network: None,
        reregistered_while_firing: false,
        ..one_shot
    };
    let about = |time, event| Activity {
        time: Timestamp(time),
        storage_key: Some(key.clone()),
        registration: Some(WorkerRegistrationId(1)),
        sync: Some((SyncKind::BackgroundSync, Tag::from("outbox"))),
        event,
    };
    let started = Activity {
        time: Timestamp(1),
        storage_key: None,
        registration: None,
        sync: None,
        event: ActivityEvent::Started { entries: 2 },
    };
    let activities = vec![
        started,
        about(2, ActivityEvent::Dispatched { last_chance: false, attempt: 2, background: true }),
        about(
            3,
            ActivityEvent::Failed {
                reason: FailureReason::Rejected,
                message: Some("TypeError: fetch failed".into()),
                next_attempt_ms: Some(900_000),
            },
        ),
    ];
    Content {
        workers,
        syncs: vec![one_shot, periodic],
        origin_fires: Vec::new(),
        last_round: None,
        activities,
    }
}

fn fixture(version: u32) -> PathBuf {
    let name = format!("tests/fixtures/profile-v{version}.sqlite");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn write_fixture() {
    let directory = tempfile::tempdir().unwrap();
    let Content { workers, syncs, origin_fires, last_round, activities } = content(NEWEST);
    let changes: Vec<Change> = workers
        .into_iter()
        .map(Change::PutWorkerRegistration)
        .chain(syncs.into_iter().map(Change::PutSyncRegistration))
        .chain(
            origin_fires
                .into_iter()
                .map(|(storage_key, last_fire)| Change::PutOriginFire { storage_key, last_fire }),
        )
        .chain(last_round.map(Change::PutLastRound))
        .chain(activities.into_iter().map(Change::Record))
        .collect();
    let mut store = SqliteStore::new(directory.path());
    let lease = store.acquire().unwrap();
    store.commit(&lease, &changes, Durability::Strict).unwrap();
    store.release(lease).unwrap();
    let file = directory.path().join("profile.sqlite");
    let connection = Connection::open(&file).unwrap();
    connection.execute("UPDATE meta SET installation_seed = ?1", [SEED.cast_signed()]).unwrap();
    connection.close().map_err(|(_, error)| error).unwrap();
    std::fs::copy(&file, fixture(NEWEST)).unwrap();
}

fn schema(profile: &Path) -> Vec<(String, Option<String>)> {
    let connection = Connection::open(profile.join("profile.sqlite")).unwrap();
    let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test] // R176
fn profiles_of_every_schema_version_load_unchanged_and_get_the_present_schema() {
    if std::env::var_os("WAKEWORKER_WRITE_FIXTURE").is_some() {
        write_fixture();
    }
    for version in 1..=NEWEST {
        loads_unchanged(version);
    }
}

fn loads_unchanged(version: u32) {
    let directory = tempfile::tempdir().unwrap();
    let old = directory.path().join("old");
    std::fs::create_dir(&old).unwrap();
    std::fs::copy(fixture(version), old.join("profile.sqlite")).unwrap();
    let mut store = SqliteStore::new(&old);
    let lease = store.acquire().unwrap();
    let loaded = store.load(&lease).unwrap();
    let Content { workers, syncs, origin_fires, last_round, activities } = content(version);
    assert_eq!(loaded.snapshot.worker_registrations, workers);
    assert_eq!(loaded.snapshot.sync_registrations, syncs);
    assert_eq!(loaded.snapshot.origin_fires, origin_fires);
    assert_eq!(loaded.snapshot.last_round, last_round);
    assert_eq!(loaded.skipped, []);
    assert_eq!(loaded.installation_seed, SEED);
    assert_eq!((loaded.snapshot.last_id, lease.epoch), (4, 2));
    let all = ActivityQuery { after: 0, limit: usize::MAX };
    let read = store.activities(&all).unwrap();
    assert_eq!(read.into_iter().map(|recorded| recorded.activity).collect::<Vec<_>>(), activities);

    // What only the present version can hold can be written to it now.
    let newest = content(NEWEST);
    let changes: Vec<Change> = newest.syncs.iter().cloned().map(Change::PutSyncRegistration).collect();
    store.commit(&lease, &changes, Durability::Strict).unwrap();
    assert_eq!(store.load(&lease).unwrap().snapshot.sync_registrations, newest.syncs);
    store.release(lease).unwrap();

    // A released migration is never edited: otherwise old profiles and new ones would differ.
    let new = directory.path().join("new");
    let mut store = SqliteStore::new(&new);
    let lease = store.acquire().unwrap();
    store.release(lease).unwrap();
    assert_eq!(schema(&old), schema(&new), "version {version}");
}
