//! What is exported from one store reads the same in another.

use super::*;
use crate::store::conformance::records::{activity, activity_events, sync_registration, worker_registration};
use crate::store::{MemoryStore, SqliteStore};
use wakeworker_core::{LastRound, NetworkCondition, PowerCondition, SyncOptions, Tag, Timestamp};

fn full() -> Vec<Change> {
    let mut odd = sync_registration(5, 1, "");
    odd.tag = Tag::from_utf16(&[0x61, 0xD800]);
    odd.not_before = Some(Timestamp(-1));
    odd.not_after = Some(Timestamp(i64::MAX));
    odd.conditions.network = NetworkCondition::AvoidCellular;
    odd.conditions.power = PowerCondition::AvoidDraining;
    odd.network = Some("office".into());
    let mut periodic = sync_registration(6, 2, "news \u{1F4F0}");
    periodic.conditions.network = NetworkCondition::Any;
    periodic.options = SyncOptions::Periodic {
        min_interval_ms: u64::MAX,
        anchor: Timestamp(i64::MIN),
        last_success: Some(Timestamp(3)),
    };
    let mut installing = worker_registration(2);
    installing.active = None;
    let mut changes = vec![
        Change::PutWorkerRegistration(worker_registration(1)),
        Change::PutWorkerRegistration(installing),
        Change::PutSyncRegistration(sync_registration(4, 1, "outbox")),
        Change::PutSyncRegistration(odd),
        Change::PutSyncRegistration(periodic),
        Change::PutOriginFire { storage_key: "https://a.example".into(), last_fire: Timestamp(9) },
        Change::PutLastRound(LastRound { time: Timestamp(8), drift_ms: u64::MAX }),
    ];
    changes.extend((0..).zip(activity_events()).map(|(time, event)| Change::Record(activity(time, event))));
    changes
}

fn filled(mut store: Box<dyn Store>) -> (Box<dyn Store>, Lease) {
    let lease = store.acquire().unwrap();
    store.commit(&lease, &full(), Durability::Strict).unwrap();
    (store, lease)
}

#[test] // R252
fn every_field_and_every_activity_goes_through_the_text() {
    let (mut original, lease) = filled(Box::new(MemoryStore::new()));
    let text = export(original.as_mut(), &lease).unwrap();
    assert!(text.contains("\"tag\": \"outbox\""), "people can read it: {text}");

    let directory = tempfile::tempdir().unwrap();
    let mut copy = SqliteStore::new(directory.path().join("profile"));
    let imported = import(&mut copy, &text).unwrap();
    assert_eq!((imported.worker_registrations, imported.sync_registrations), (2, 3));
    assert_eq!(imported.activities, activity_events().len());
    let copied = copy.acquire().unwrap();
    let (expected, found) = (original.load(&lease).unwrap(), copy.load(&copied).unwrap());
    assert_eq!(found.snapshot, expected.snapshot);
    let all = ActivityQuery { after: 0, limit: usize::MAX };
    assert_eq!(copy.activities(&all).unwrap(), original.activities(&all).unwrap());
    assert_eq!(export(&mut copy, &copied).unwrap(), text, "and back to the same text");
}

#[test] // R252
fn a_profile_in_use_is_never_mixed_with_another() {
    let (mut store, lease) = filled(Box::new(MemoryStore::new()));
    let text = export(store.as_mut(), &lease).unwrap();
    let before = store.load(&lease).unwrap().snapshot;
    store.release(lease).unwrap();
    let error = import(store.as_mut(), &text).unwrap_err();
    assert!(matches!(error, ImportError::NotEmpty { worker_registrations: 2 }), "{error}");
    let lease = store.acquire().unwrap();
    assert_eq!(store.load(&lease).unwrap().snapshot, before);
}

#[test] // R252
fn a_text_that_is_no_export_writes_nothing_and_says_what_is_wrong() {
    let (mut original, lease) = filled(Box::new(MemoryStore::new()));
    let good = export(original.as_mut(), &lease).unwrap();
    let orphan = good.replace("\"worker_registration\": 2", "\"worker_registration\": 77");
    let unknown = good.replace("\"event\": \"removed\"", "\"event\": \"teleported\"");
    let huge = good.replace("\"id\": 6,", "\"id\": 18446744073709551615,");
    for (text, says) in [
        ("", "EOF"),
        ("{}", "format"),
        ("{\"format\":\"other\",\"version\":1}", "`other`"),
        ("{\"format\":\"wakeworker-profile\",\"version\":99}", "version 99"),
        ("{\"format\":\"wakeworker-profile\",\"version\":1}", "worker_registrations"),
        (&good[..good.len() / 2], "line"),
        (&orphan, "77"),
        (&unknown, "teleported"),
        (&huge, "18446744073709551615"),
    ] {
        let mut store = MemoryStore::new();
        let error = import(&mut store, text).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        let lease = store.acquire().unwrap();
        assert_eq!(store.load(&lease).unwrap().snapshot, Default::default());
    }
}
