//! The stores of this crate, put through the suite, and compared with each other on arbitrary histories.

use super::{Profile, check};
use crate::store::{ActivityLimits, ActivityQuery, MemoryStore, SqliteStore, Store};
use proptest::prelude::*;
use tempfile::TempDir;
use wakeworker_core::*;

impl Profile for MemoryStore {
    fn store(&self, limits: ActivityLimits) -> Box<dyn Store> {
        Box::new(self.clone().with_activity_limits(limits))
    }
}

impl Profile for TempDir {
    fn store(&self, limits: ActivityLimits) -> Box<dyn Store> {
        Box::new(SqliteStore::new(self.path().join("profile")).with_activity_limits(limits))
    }
}

#[test] // R147
fn the_memory_store_behaves_as_every_store_must() {
    check(&|| Box::new(MemoryStore::new()));
}

#[test] // R167, R170, R172, R176
fn the_sqlite_store_behaves_as_every_store_must() {
    check(&|| Box::new(tempfile::tempdir().unwrap()));
}

/// Something that can be done to a store.
#[derive(Clone, Debug)]
enum Action {
    Commit(Vec<Change>, Durability),
    Reopen { orderly: bool },
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just("https://a.example/".to_owned()), any::<String>()]
}

fn tag() -> impl Strategy<Value = Tag> {
    prop_oneof![
        any::<String>().prop_map(|text| Tag::from(text.as_str())),
        any::<Vec<u16>>().prop_map(|units| Tag::from_utf16(&units)),
    ]
}

fn options() -> impl Strategy<Value = SyncOptions> {
    prop_oneof![
        Just(SyncOptions::OneShot),
        any::<(u64, i64, Option<i64>)>().prop_map(|(min_interval_ms, anchor, last_success)| {
            SyncOptions::Periodic {
                min_interval_ms,
                anchor: Timestamp(anchor),
                last_success: last_success.map(Timestamp),
            }
        }),
    ]
}

/// What an entry may ask for beyond the specification.
fn wishes() -> impl Strategy<Value = (Option<Timestamp>, Conditions, Option<NetworkId>)> {
    let network = prop_oneof![
        Just(NetworkCondition::Any),
        Just(NetworkCondition::Online),
        Just(NetworkCondition::AvoidCellular)
    ];
    let power = prop_oneof![Just(PowerCondition::Auto), Just(PowerCondition::AvoidDraining)];
    (any::<Option<i64>>(), network, power, any::<Option<String>>()).prop_map(
        |(latest, network, power, id)| {
            let id = id.map(|id| NetworkId::from(id.as_str()));
            (latest.map(Timestamp), Conditions { network, power }, id)
        },
    )
}

fn change() -> impl Strategy<Value = Change> {
    let active = any::<Option<(u64, bool)>>();
    let events = crate::store::conformance::records::activity_events();
    prop_oneof![
        2 => (1..5_u64, text(), text(), text(), active).prop_map(|(id, key, scope, script_url, active)| {
            Change::PutWorkerRegistration(WorkerRegistration {
                id: WorkerRegistrationId(id),
                storage_key: StorageKey::from(key.as_str()),
                scope,
                script_url,
                active: active.map(|(id, activated)| ActiveWorker { id: WorkerId(id), activated }),
            })
        }),
        1 => (1..5_u64).prop_map(|id| Change::RemoveWorkerRegistration(WorkerRegistrationId(id))),
        6 => (
            (5..15_u64, 1..5_u64, tag(), options(), wishes()),
            any::<(i64, u32, u32, u32, Option<i64>, bool)>(),
        ).prop_map(|((id, owner, tag, options, wishes), (at, attempts, interrupted, max, not_before, again))| {
            let (not_after, conditions, network) = wishes;
            Change::PutSyncRegistration(SyncRegistration {
                id: SyncRegistrationId(id),
                worker_registration: WorkerRegistrationId(owner),
                tag,
                options,
                registered_at: Timestamp(at),
                attempts,
                interrupted_starts: interrupted,
                attempts_max: max,
                not_before: not_before.map(Timestamp),
                not_after,
                conditions,
                network,
                reregistered_while_firing: again,
            })
        }),
        1 => (text(), any::<i64>()).prop_map(|(key, time)| Change::PutOriginFire {
            storage_key: StorageKey::from(key.as_str()),
            last_fire: Timestamp(time),
        }),
        1 => text().prop_map(|key| Change::RemoveOriginFire { storage_key: StorageKey::from(key.as_str()) }),
        1 => any::<(i64, u64)>().prop_map(|(time, drift_ms)| {
            Change::PutLastRound(LastRound { time: Timestamp(time), drift_ms })
        }),
        3 => (5..15_u64).prop_map(|id| Change::RemoveSyncRegistration(SyncRegistrationId(id))),
        1 => (any::<i64>(), any::<Option<u32>>(), proptest::option::of(tag()), 0..events.len()).prop_map(
            move |(time, registration, tag, event)| Change::Record(Activity {
                time: Timestamp(time),
                storage_key: registration.map(|id| StorageKey::from(format!("https://{id}.example").as_str())),
                registration: registration.map(|id| WorkerRegistrationId(id.into())),
                sync: tag.map(|tag| (SyncKind::PeriodicSync, tag)),
                event: events[event].clone(),
            })
        ),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let durability = prop_oneof![Just(Durability::Lazy), Just(Durability::Strict)];
    prop_oneof![
        3 => (proptest::collection::vec(change(), 0..8), durability)
            .prop_map(|(changes, durability)| Action::Commit(changes, durability)),
        1 => any::<bool>().prop_map(|orderly| Action::Reopen { orderly }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test] // R167: the memory store is the model of the SQLite store
    fn any_history_reads_the_same_from_disk_as_from_memory(actions in proptest::collection::vec(action(), 1..12)) {
        let directory = tempfile::tempdir().unwrap();
        let memory = MemoryStore::new();
        let limits = ActivityLimits::default();
        let open = || -> [Box<dyn Store>; 2] { [Profile::store(&memory, limits), directory.store(limits)] };
        let mut stores = open();
        let mut leases = stores.each_mut().map(|store| store.acquire().unwrap());
        for action in actions.into_iter().chain([Action::Reopen { orderly: true }]) {
            match action {
                Action::Commit(changes, durability) => {
                    for (store, lease) in stores.iter_mut().zip(&leases) {
                        store.commit(lease, &changes, durability).unwrap();
                    }
                }
                Action::Reopen { orderly } => {
                    if orderly {
                        for (store, lease) in stores.iter_mut().zip(leases) {
                            store.release(lease).unwrap();
                        }
                    }
                    drop(stores);
                    stores = open();
                    leases = stores.each_mut().map(|store| store.acquire().unwrap());
                }
            }
            let [memory, sqlite] = &mut stores;
            let (model, found) = (memory.load(&leases[0]).unwrap(), sqlite.load(&leases[1]).unwrap());
            prop_assert_eq!(&found.snapshot, &model.snapshot);
            prop_assert_eq!(&found.skipped, &model.skipped);
            let query = ActivityQuery { after: 0, limit: usize::MAX };
            prop_assert_eq!(sqlite.activities(&query).unwrap(), memory.activities(&query).unwrap());
        }
    }
}
