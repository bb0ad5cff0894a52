//! What becomes of registrations.

use super::records::{sync_registration, worker_registration};
use super::{Behaviour, Opened, Profile};
use crate::store::StoreError;
use wakeworker_core::{
    Change, Conditions, Durability, LastRound, NetworkCondition, PowerCondition, StorageKey, SyncOptions,
    SyncRegistrationId, Tag, Timestamp, WorkerRegistrationId,
};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("a new profile is empty", a_new_profile_is_empty),
    ("every field comes back", every_field_comes_back),
    ("a record with a known id replaces the old one", a_record_with_a_known_id_replaces_the_old_one),
    ("times of periodic events come back", times_of_periodic_events_come_back),
    ("changes take effect in their order", changes_take_effect_in_their_order),
    ("a commit is done whole or not at all", a_commit_is_done_whole_or_not_at_all),
    ("a worker registration takes its entries with it", a_worker_registration_takes_its_entries_with_it),
    ("no id is given twice", no_id_is_given_twice),
    ("an entry without owner is skipped and stays", an_entry_without_owner_is_skipped_and_stays),
    ("lazy commits survive the end of the process", lazy_commits_survive_the_end_of_the_process),
];

fn a_new_profile_is_empty(profile: &dyn Profile) {
    let mut first = Opened::new(profile);
    let loaded = first.load();
    assert_eq!(loaded.snapshot, Default::default());
    assert_eq!(loaded.skipped, []);
    first.commit(&[]);
    first.release();
    assert_eq!(Opened::new(profile).load().installation_seed, loaded.installation_seed, "drawn once");
}

// R12, R167
fn every_field_comes_back(profile: &dyn Profile) {
    let mut partitioned = worker_registration(1);
    partitioned.storage_key = StorageKey::from("https://frame.example^https://top.example");
    let mut installing = worker_registration(u64::from(u32::MAX) + 1);
    installing.active = None;
    let mut activating = worker_registration(3);
    activating.active.as_mut().unwrap().activated = false;
    activating.active.as_mut().unwrap().id.0 = u64::MAX;

    let mut failing = sync_registration(10, 1, "");
    failing.tag = Tag::from_utf16(&[0xD800, 0x61, 0, 0xDFFF, 0xD83D, 0xDE00]);
    failing.attempts = 2;
    failing.interrupted_starts = u32::MAX;
    failing.attempts_max = 5;
    failing.not_before = Some(Timestamp(i64::MAX));
    failing.not_after = Some(Timestamp(i64::MIN));
    failing.conditions =
        Conditions { network: NetworkCondition::AvoidCellular, power: PowerCondition::AvoidDraining };
    failing.network = Some("office \u{1F4F6}\0".into());
    failing.reregistered_while_firing = true;
    let mut periodic = sync_registration(11, 3, "news");
    periodic.registered_at = Timestamp(i64::MIN);
    periodic.options = SyncOptions::Periodic {
        min_interval_ms: u64::MAX,
        anchor: Timestamp(-1),
        last_success: Some(Timestamp(0)),
    };
    let mut never_succeeded = sync_registration(12, 3, &"x".repeat(10_240));
    never_succeeded.options =
        SyncOptions::Periodic { min_interval_ms: 0, anchor: Timestamp(5), last_success: None };
    never_succeeded.conditions.network = NetworkCondition::Any;
    never_succeeded.network = Some("".into());

    let workers = vec![partitioned, activating, installing];
    let syncs = vec![failing, periodic, never_succeeded];
    let mut store = Opened::new(profile);
    store.commit(
        &workers
            .iter()
            .cloned()
            .map(Change::PutWorkerRegistration)
            .chain(syncs.iter().cloned().map(Change::PutSyncRegistration))
            .collect::<Vec<_>>(),
    );
    for loaded in [store.load(), reopen(store, profile).load()] {
        assert_eq!(loaded.snapshot.worker_registrations, workers);
        assert_eq!(loaded.snapshot.sync_registrations, syncs);
        assert!(loaded.snapshot.in_flight.is_empty());
        assert_eq!(loaded.skipped, []);
    }
}

// R28
fn a_record_with_a_known_id_replaces_the_old_one(profile: &dyn Profile) {
    let mut store = Opened::new(profile);
    let old = sync_registration(3, 1, "outbox");
    store.commit(&[put_worker(1), put_worker(2), Change::PutSyncRegistration(old.clone())]);

    let mut failed = old;
    failed.attempts = 1;
    failed.not_before = Some(Timestamp(9));
    let mut worker = worker_registration(1);
    worker.active = None;
    store.commit(&[
        Change::PutSyncRegistration(failed.clone()),
        Change::PutWorkerRegistration(worker.clone()),
    ]);
    let loaded = store.load();
    assert_eq!(loaded.snapshot.sync_registrations, [failed]);
    assert_eq!(loaded.snapshot.worker_registrations, [worker, worker_registration(2)]);

    let other_owner = sync_registration(3, 2, "drafts");
    store.commit(&[Change::PutSyncRegistration(other_owner.clone())]);
    store.commit(&[Change::RemoveWorkerRegistration(WorkerRegistrationId(1))]);
    assert_eq!(reopen(store, profile).load().snapshot.sync_registrations, [other_owner]);
}

// R109, R125, R167
fn times_of_periodic_events_come_back(profile: &dyn Profile) {
    let fire = |key: &str, at| Change::PutOriginFire { storage_key: key.into(), last_fire: Timestamp(at) };
    let round = |at, drift_ms| Change::PutLastRound(LastRound { time: Timestamp(at), drift_ms });
    let mut store = Opened::new(profile);
    store.commit(&[
        fire("https://b.example", 1),
        fire("https://a.example", i64::MIN),
        fire("https://a.example^https://b.example", 3),
        fire("https://gone.example", 4),
        round(5, 0),
        fire("https://b.example", i64::MAX),
        Change::RemoveOriginFire { storage_key: "https://gone.example".into() },
        Change::RemoveOriginFire { storage_key: "https://never.example".into() },
        round(-6, u64::MAX),
    ]);
    for loaded in [store.load(), reopen(store, profile).load()] {
        let fires: Vec<(&str, i64)> =
            loaded.snapshot.origin_fires.iter().map(|(key, time)| (key.as_str(), time.0)).collect();
        assert_eq!(
            fires,
            [
                ("https://a.example", i64::MIN),
                ("https://a.example^https://b.example", 3),
                ("https://b.example", i64::MAX)
            ]
        );
        let last_round = LastRound { time: Timestamp(-6), drift_ms: u64::MAX };
        assert_eq!(loaded.snapshot.last_round, Some(last_round));
    }
}

// R172
fn changes_take_effect_in_their_order(profile: &dyn Profile) {
    let mut store = Opened::new(profile);
    let (first, second) = (sync_registration(2, 1, "first"), sync_registration(2, 1, "second"));
    store.commit(&[
        put_worker(1),
        Change::PutSyncRegistration(first),
        Change::RemoveSyncRegistration(SyncRegistrationId(2)),
        Change::PutSyncRegistration(second.clone()),
        Change::RemoveWorkerRegistration(WorkerRegistrationId(9)),
        Change::PutSyncRegistration(sync_registration(3, 1, "third")),
        Change::RemoveSyncRegistration(SyncRegistrationId(3)),
    ]);
    assert_eq!(store.load().snapshot.sync_registrations, [second]);
}

// R36
fn a_commit_is_done_whole_or_not_at_all(profile: &dyn Profile) {
    let mut store = Opened::new(profile);
    store.commit(&[put_worker(1), put_sync(2, 1)]);
    let before = store.load();
    let impossible = put_sync(u64::MAX, 1);
    let changes = [put_worker(3), Change::RemoveWorkerRegistration(WorkerRegistrationId(1)), impossible];
    let error = store.store.commit(&store.lease, &changes, Durability::Strict).unwrap_err();
    assert!(matches!(&error, StoreError::Database { .. }), "{error:?}");
    assert!(
        error.to_string().contains(&u64::MAX.to_string()),
        "the message says which value was wrong: {error}"
    );
    assert_eq!(store.load().snapshot, before.snapshot);
    store.commit(&[put_sync(4, 1)]);
    let after = reopen(store, profile).load().snapshot;
    assert_eq!(after.worker_registrations, before.snapshot.worker_registrations);
    assert_eq!(after.sync_registrations.len(), 2);
}

// R161, R163
fn a_worker_registration_takes_its_entries_with_it(profile: &dyn Profile) {
    let mut store = Opened::new(profile);
    store.commit(&[put_worker(1), put_worker(2), put_sync(3, 1), put_sync(4, 2), put_sync(5, 1)]);
    store.commit(&[Change::RemoveWorkerRegistration(WorkerRegistrationId(1))]);
    for loaded in [store.load(), reopen(store, profile).load()] {
        assert_eq!(loaded.snapshot.worker_registrations, [worker_registration(2)]);
        assert_eq!(loaded.snapshot.sync_registrations, [sync_registration(4, 2, "outbox")]);
        assert_eq!(loaded.skipped, []);
    }
}

// R162
fn no_id_is_given_twice(profile: &dyn Profile) {
    let mut store = Opened::new(profile);
    store.commit(&[put_worker(1), put_sync(7, 1)]);
    store = reopen(store, profile);
    assert_eq!(store.load().snapshot.last_id, 7);
    store.commit(&[Change::RemoveSyncRegistration(SyncRegistrationId(7))]);
    store = reopen(store, profile);
    assert_eq!(store.load().snapshot.last_id, 7, "also if the entry with the highest id is gone");
    store.commit(&[put_sync(8, 1), Change::RemoveWorkerRegistration(WorkerRegistrationId(1))]);
    store = reopen(store, profile);
    let loaded = store.load();
    assert_eq!(loaded.snapshot.last_id, 8, "also if nothing is left");
    assert!(loaded.snapshot.sync_registrations.is_empty());
}

// R170
fn an_entry_without_owner_is_skipped_and_stays(profile: &dyn Profile) {
    let mut store = Opened::new(profile);
    store.commit(&[put_worker(1), put_sync(2, 1), put_sync(5, 4)]);
    for _ in 0..2 {
        let loaded = store.load();
        assert_eq!(loaded.snapshot.sync_registrations, [sync_registration(2, 1, "outbox")]);
        assert_eq!(loaded.snapshot.last_id, 5, "the id of what cannot be read is taken all the same");
        let [skipped] = loaded.skipped.as_slice() else {
            panic!("one record is skipped: {:?}", loaded.skipped)
        };
        assert_eq!((skipped.table, skipped.id), ("sync_registration", 5));
        assert!(skipped.problem.contains('4'), "{}", skipped.problem);
        store = reopen(store, profile);
    }
    store.commit(&[put_worker(4)]);
    assert_eq!(store.load().snapshot.sync_registrations.len(), 2, "it was left in place");
}

// R167
fn lazy_commits_survive_the_end_of_the_process(profile: &dyn Profile) {
    let mut store = Opened::new(profile);
    store.commit(&[put_worker(1)]);
    store.store.commit(&store.lease, &[put_sync(2, 1)], Durability::Lazy).unwrap();
    store.commit(&[put_sync(3, 1)]);
    store.store.commit(&store.lease, &[put_sync(4, 1)], Durability::Lazy).unwrap();
    drop(store); // As a process that dies: nothing is released.
    let ids: Vec<u64> =
        Opened::new(profile).load().snapshot.sync_registrations.iter().map(|sync| sync.id.0).collect();
    assert_eq!(ids, [2, 3, 4]);
}

fn reopen(store: Opened, profile: &dyn Profile) -> Opened {
    store.release();
    Opened::new(profile)
}

fn put_worker(id: u64) -> Change {
    Change::PutWorkerRegistration(worker_registration(id))
}

fn put_sync(id: u64, owner: u64) -> Change {
    Change::PutSyncRegistration(sync_registration(id, owner, "outbox"))
}
