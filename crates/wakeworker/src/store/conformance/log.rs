//! What becomes of the activity log (R238).

use super::records::{activity, activity_events};
use super::{Behaviour, Opened, Profile};
use crate::store::{ActivityLimits, ActivityQuery};
use wakeworker_core::{Activity, ActivityEvent, Change, Durability, SyncKind, Tag, Timestamp};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("every activity comes back as it was", every_activity_comes_back_as_it_was),
    ("a query gives the newest that match, oldest first", a_query_gives_the_newest_that_match_oldest_first),
    ("the log stays within its limits", the_log_stays_within_its_limits),
    ("old activities go", old_activities_go),
    ("a cleared log is empty and its numbers go on", a_cleared_log_is_empty_and_its_numbers_go_on),
];

fn every_activity_comes_back_as_it_was(profile: &dyn Profile) {
    let mut all: Vec<Activity> =
        (0..).zip(activity_events()).map(|(time, event)| activity(time, event)).collect();
    all.push(Activity {
        time: Timestamp(i64::MIN),
        storage_key: None,
        registration: None,
        sync: None,
        event: ActivityEvent::Started { entries: 0 },
    });
    let mut odd = activity(i64::MAX, ActivityEvent::Removed);
    odd.sync = Some((SyncKind::PeriodicSync, Tag::from_utf16(&[0xDC00])));
    all.push(odd);

    let mut store = Opened::new(profile);
    store.commit(&all.iter().cloned().map(Change::Record).collect::<Vec<_>>());
    for _ in 0..2 {
        let read = store.store.activities(&ActivityQuery { after: 0, limit: usize::MAX }).unwrap();
        assert_eq!(
            read.iter().map(|recorded| &recorded.activity).collect::<Vec<_>>(),
            all.iter().collect::<Vec<_>>()
        );
        assert!(read.is_sorted_by(|a, b| a.id < b.id), "numbers only grow");
        store.release();
        store = Opened::new(profile);
    }
}

fn a_query_gives_the_newest_that_match_oldest_first(profile: &dyn Profile) {
    let mut store = Opened::new(profile);
    for times in 1..=10 {
        let changes = [Change::Record(activity(0, ActivityEvent::Interrupted { times }))];
        store.store.commit(&store.lease, &changes, Durability::Lazy).unwrap();
    }
    let mut times = |after, limit| -> Vec<u32> {
        let read = store.store.activities(&ActivityQuery { after, limit }).unwrap();
        let events = read.into_iter().map(|recorded| recorded.activity.event);
        events
            .map(|event| match event {
                ActivityEvent::Interrupted { times } => times,
                other => panic!("nobody recorded {other:?}"),
            })
            .collect()
    };
    assert_eq!(times(0, 3), [8, 9, 10]);
    assert_eq!(times(0, 0), [] as [u32; 0]);
    assert_eq!(times(u64::MAX, 9), [] as [u32; 0]);
    let seventh = store.store.activities(&ActivityQuery { after: 0, limit: 4 }).unwrap()[0].id;
    let after = store.store.activities(&ActivityQuery { after: seventh, limit: 100 }).unwrap();
    assert_eq!(after.len(), 3);
    assert!(after[0].id > seventh);
}

fn the_log_stays_within_its_limits(profile: &dyn Profile) {
    let limits = ActivityLimits::new(100, u64::MAX);
    let mut store = Opened::with_limits(profile, limits);
    let records: Vec<Change> =
        (0..300).map(|time| Change::Record(activity(time, ActivityEvent::GaveUp))).collect();
    for _ in 0..10 {
        store.store.commit(&store.lease, &records, Durability::Lazy).unwrap();
    }
    store.release();
    let mut store = Opened::with_limits(profile, limits);
    let read = store.store.activities(&ActivityQuery { after: 0, limit: usize::MAX }).unwrap();
    assert!((100..=100 + 512).contains(&read.len()), "{} activities are kept", read.len());
    let newest = read.last().unwrap();
    assert_eq!((newest.id, newest.activity.time), (3_000, Timestamp(299)), "numbers are never used twice");
}

fn old_activities_go(profile: &dyn Profile) {
    let mut store = Opened::with_limits(profile, ActivityLimits::new(u64::MAX, 1_000));
    let mut record = |time: i64, count: usize| {
        let changes = vec![Change::Record(activity(time, ActivityEvent::GaveUp)); count];
        store.store.commit(&store.lease, &changes, Durability::Lazy).unwrap();
        store.store.activities(&ActivityQuery { after: 0, limit: usize::MAX }).unwrap()
    };
    record(0, 600);
    record(500, 10);
    let read = record(1_001, 600);
    assert_eq!(read.first().map(|oldest| oldest.activity.time), Some(Timestamp(500)));
    assert_eq!(read.len(), 610);
    // A clock that was wrong for a while does not empty the log, and the newest number is never lost.
    let read = record(i64::MAX, 600);
    assert_eq!(read.last().map(|newest| newest.id), Some(1_810));
}

// R239
fn a_cleared_log_is_empty_and_its_numbers_go_on(profile: &dyn Profile) {
    let mut store = Opened::new(profile);
    let line = || Change::Record(activity(0, ActivityEvent::GaveUp));
    store.commit(&[line(), line(), line()]);
    store.store.clear_activities(&store.lease).unwrap();
    let all = ActivityQuery { after: 0, limit: usize::MAX };
    assert_eq!(store.store.activities(&all).unwrap(), []);
    store.release();
    let mut store = Opened::new(profile);
    assert_eq!(store.store.activities(&all).unwrap(), [], "cleared for good");
    store.commit(&[line()]);
    let numbers: Vec<u64> = store.store.activities(&all).unwrap().iter().map(|line| line.id).collect();
    assert_eq!(numbers, [4]);
    let stale = crate::store::Lease { epoch: store.lease.epoch - 1 };
    assert!(store.store.clear_activities(&stale).is_err(), "only the owner clears");
}
