//! What the SQLite store makes of profiles that are newer, damaged, foreign, locked or out of reach.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use wakeworker::core::*;
use wakeworker::store::{ActivityQuery, Lease, SqliteStore, Store, StoreError};

fn worker(id: u64) -> WorkerRegistration {
    WorkerRegistration {
        id: WorkerRegistrationId(id),
        storage_key: StorageKey::first_party("https://chat.example"),
        scope: format!("https://chat.example/{id}/"),
        script_url: "https://chat.example/sw.js".to_owned(),
        active: None,
    }
}

fn sync(id: u64, owner: u64) -> SyncRegistration {
    SyncRegistration {
        id: SyncRegistrationId(id),
        worker_registration: WorkerRegistrationId(owner),
        tag: Tag::from("outbox"),
        options: SyncOptions::OneShot,
        registered_at: Timestamp(1),
        attempts: 0,
        interrupted_starts: 0,
        attempts_max: 3,
        not_before: None,
        not_after: None,
        conditions: Conditions::default(),
        network: None,
        reregistered_while_firing: false,
    }
}

/// A profile with two worker registrations and an entry each, closed.
fn profile() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("profile");
    let (mut store, lease) = open(&path);
    let changes = [
        Change::PutWorkerRegistration(worker(1)),
        Change::PutWorkerRegistration(worker(2)),
        Change::PutSyncRegistration(sync(3, 1)),
        Change::PutSyncRegistration(sync(4, 2)),
    ];
    store.commit(&lease, &changes, Durability::Strict).unwrap();
    store.release(lease).unwrap();
    (directory, path)
}

fn open(path: &Path) -> (SqliteStore, Lease) {
    let mut store = SqliteStore::new(path);
    let lease = store.acquire().unwrap();
    (store, lease)
}

fn sql(profile: &Path) -> Connection {
    Connection::open(profile.join("profile.sqlite")).unwrap()
}

/// Every file of a profile with its content; SQLite's shared memory is only a cache.
fn content(profile: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(profile).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| !path.to_string_lossy().ends_with("-shm"))
        .map(|path| (path.clone(), fs::read(&path).unwrap()))
        .collect()
}

fn assert_too_new(profile: &Path) {
    let before = content(profile);
    let error = SqliteStore::new(profile).acquire().unwrap_err();
    assert!(matches!(error, StoreError::TooNew { found: 99, supported: 2, .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("version 99") && message.contains("up to 2"), "{message}");
    assert!(message.contains(&profile.display().to_string()), "{message}");
    assert!(content(profile) == before, "nothing of a newer profile is touched");
}

#[test] // R176
fn a_profile_of_a_newer_version_is_refused_and_left_as_it_is() {
    let (_directory, path) = profile();
    sql(&path).execute_batch("PRAGMA user_version = 99; CREATE TABLE future (x)").unwrap();
    assert_too_new(&path);
}

#[test] // R176: the newer program was killed before its version came out of the write-ahead log
fn a_newer_version_that_is_still_in_the_log_is_refused_too() {
    let (_directory, path) = profile();
    let newer = sql(&path);
    newer.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    newer.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(newer);
    assert!(path.join("profile.sqlite-wal").exists());
    assert_too_new(&path);
}

#[test] // R168, R170: ids far apart, as in a profile so large that several threads read it
fn a_large_profile_comes_back_whole_and_in_order_but_for_what_cannot_be_read() {
    let (_directory, path) = profile();
    let (mut store, lease) = open(&path);
    let ids: Vec<u64> = (1..=40).map(|number| number * 5_000).collect();
    let changes: Vec<Change> = ids.iter().map(|id| Change::PutSyncRegistration(sync(*id, 1))).collect();
    store.commit(&lease, &changes, Durability::Strict).unwrap();
    sql(&path)
        .execute_batch(
            "UPDATE sync_registration SET kind = 9 WHERE id = 5000; \
             UPDATE sync_registration SET worker_registration = 77 WHERE id = 200000",
        )
        .unwrap();
    let loaded = store.load(&lease).unwrap();
    let found: Vec<u64> = loaded.snapshot.sync_registrations.iter().map(|sync| sync.id.0).collect();
    let readable = ids.iter().copied().filter(|id| ![5_000, 200_000].contains(id));
    assert_eq!(found, [3, 4].into_iter().chain(readable).collect::<Vec<_>>());
    let skipped: Vec<i64> = loaded.skipped.iter().map(|record| record.id).collect();
    assert_eq!(skipped, [5_000, 200_000]);
}

#[test]
fn a_profile_in_use_is_refused_and_free_again_with_the_end_of_its_owner() {
    let (_directory, path) = profile();
    let (owner, lease) = open(&path);
    for _ in 0..2 {
        let error = SqliteStore::new(&path).acquire().unwrap_err();
        assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
    drop(owner);
    assert!(open(&path).1.epoch > lease.epoch);
}

#[test]
fn a_profile_taken_ahead_is_handed_over_once() {
    let (_directory, path) = profile();
    let mut store = SqliteStore::new(&path).acquire_ahead().unwrap();
    assert!(matches!(SqliteStore::new(&path).acquire_ahead(), Err(StoreError::InUse { .. })));
    let lease = store.acquire().unwrap();
    store.commit(&lease, &[Change::PutWorkerRegistration(worker(9))], Durability::Strict).unwrap();
    assert!(store.load(&lease).unwrap().snapshot.worker_registrations.contains(&worker(9)));
    assert_eq!(store.acquire().unwrap().epoch, lease.epoch + 1, "asked again, it is another owner");
}

// CR: InitWithBadBackend
#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let locked = directory.path().join("locked");
    fs::create_dir_all(locked.join("lock")).unwrap();
    let database = directory.path().join("database");
    fs::create_dir_all(database.join("profile.sqlite")).unwrap();
    let mut unusable = vec![
        (file.clone(), file.clone()),
        (file.join("profile"), file.join("profile")),
        (locked.clone(), locked.join("lock")),
        (database.clone(), database.join("profile.sqlite")),
    ];
    if cfg!(target_os = "linux") {
        unusable.push(("/proc/wakeworker/profile".into(), "/proc/wakeworker/profile".into()));
    }
    for (profile, named) in unusable {
        let error = SqliteStore::new(&profile).acquire().unwrap_err();
        let StoreError::Inaccessible { path, .. } = &error else {
            panic!("{}: {error:?}", profile.display())
        };
        assert_eq!(path, &named);
        assert!(error.to_string().contains(&named.display().to_string()), "{error}");
    }
}

#[test]
#[cfg(unix)]
fn a_new_profile_is_for_its_user_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made/on/the/way");
    open(&path);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_file_that_is_no_profile_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let noise: Vec<u8> = (0..20_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let foreign = directory.path().join("foreign.sqlite");
    Connection::open(&foreign)
        .unwrap()
        .execute_batch("CREATE TABLE theirs (x); PRAGMA user_version = 1")
        .unwrap();
    for (name, bytes) in [("noise", noise), ("foreign", fs::read(&foreign).unwrap())] {
        let profile = directory.path().join(name);
        fs::create_dir(&profile).unwrap();
        let file = profile.join("profile.sqlite");
        fs::write(&file, &bytes).unwrap();
        let error = SqliteStore::new(&profile).acquire().unwrap_err();
        assert!(matches!(&error, StoreError::Database { .. }), "{name}: {error:?}");
        assert!(error.to_string().contains(&profile.display().to_string()), "{error}");
        assert!(fs::read(&file).unwrap() == bytes, "{name} was changed");
    }
}

#[test] // R170
fn a_damaged_record_costs_that_record_only_and_stays_where_it_is() {
    for (damage, table, id, says) in [
        ("UPDATE sync_registration SET kind = 7 WHERE id = 3", "sync_registration", 3, "kind 7"),
        ("UPDATE sync_registration SET tag = X'EDA0BDEDB880' WHERE id = 3", "sync_registration", 3, "WTF-8"),
        ("UPDATE sync_registration SET attempts = -1 WHERE id = 3", "sync_registration", 3, "attempts"),
        (
            "UPDATE sync_registration SET attempts_max = 1 << 40 WHERE id = 3",
            "sync_registration",
            3,
            "attempts_max",
        ),
        (
            "UPDATE sync_registration SET reregistered = 2 WHERE id = 3",
            "sync_registration",
            3,
            "reregistered",
        ),
        ("UPDATE sync_registration SET kind = 1 WHERE id = 3", "sync_registration", 3, "min_interval_ms"),
        ("UPDATE sync_registration SET id = -3 WHERE id = 3", "sync_registration", -3, "-3"),
        ("DELETE FROM worker_registration WHERE id = 1", "sync_registration", 3, "worker registration 1"),
        (
            "UPDATE worker_registration SET scope = CAST(X'FF' AS TEXT) WHERE id = 1",
            "worker_registration",
            1,
            "scope",
        ),
    ] {
        let (_directory, path) = profile();
        assert_eq!(sql(&path).execute(damage, []).unwrap(), 1);
        for _ in 0..2 {
            let (mut store, lease) = open(&path);
            let loaded = store.load(&lease).unwrap();
            assert_eq!(loaded.snapshot.sync_registrations, [sync(4, 2)], "{damage}");
            assert!(loaded.snapshot.worker_registrations.contains(&worker(2)), "{damage}");
            assert!(loaded.snapshot.last_id >= 4, "{damage}");
            let skipped = &loaded.skipped[0];
            assert_eq!((skipped.table, skipped.id), (table, id), "{damage}");
            assert!(skipped.problem.contains(says), "{damage}: {}", skipped.problem);
            store.release(lease).unwrap();
        }
        let kept: u32 =
            sql(&path).query_row("SELECT count(*) FROM sync_registration", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 2, "{damage}");
    }
}

#[test] // R176
fn an_activity_that_only_a_newer_version_knows_is_skipped_and_stays() {
    let (_directory, path) = profile();
    let (mut store, lease) = open(&path);
    let known = Activity {
        time: Timestamp(1),
        storage_key: None,
        registration: None,
        sync: None,
        event: ActivityEvent::Started { entries: 2 },
    };
    let record = [Change::Record(known.clone())];
    store.commit(&lease, &record, Durability::Lazy).unwrap();
    sql(&path)
        .execute_batch(
            "INSERT INTO activity (time_ms, event) VALUES (2, '{\"event\":\"teleported\"}'), (3, 'torn{')",
        )
        .unwrap();
    store.commit(&lease, &record, Durability::Lazy).unwrap();
    let read = store.activities(&ActivityQuery { after: 0, limit: 2 }).unwrap();
    let read: Vec<_> = read.into_iter().map(|recorded| (recorded.id, recorded.activity)).collect();
    assert_eq!(read, [(1, known.clone()), (4, known)]);
}

#[test] // R36, R171
fn a_commit_that_fails_in_the_middle_changes_nothing_and_the_store_goes_on() {
    let (_directory, path) = profile();
    let (mut store, lease) = open(&path);
    let before = store.load(&lease).unwrap().snapshot;
    let sabotage = sql(&path);
    sabotage
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON sync_registration WHEN NEW.id = 66 \
             BEGIN SELECT RAISE(FAIL, 'no space left'); END",
        )
        .unwrap();
    let changes = [
        Change::RemoveWorkerRegistration(WorkerRegistrationId(1)),
        Change::PutWorkerRegistration(worker(65)),
        Change::PutSyncRegistration(sync(66, 65)),
    ];
    for durability in [Durability::Lazy, Durability::Strict] {
        let error = store.commit(&lease, &changes, durability).unwrap_err();
        assert!(error.to_string().contains("no space left"), "{error}");
        assert_eq!(store.load(&lease).unwrap().snapshot, before);
    }
    sabotage.execute_batch("DROP TRIGGER full").unwrap();
    store.commit(&lease, &changes, Durability::Strict).unwrap();
    store.release(lease).unwrap();
    let (mut store, lease) = open(&path);
    let after = store.load(&lease).unwrap().snapshot;
    assert_eq!(after.sync_registrations, [sync(4, 2), sync(66, 65)]);
    assert_eq!(after.last_id, 66);
}
