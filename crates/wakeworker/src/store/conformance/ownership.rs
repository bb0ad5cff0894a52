//! Who may write (design decision 7).

use super::records::worker_registration;
use super::{Behaviour, Opened, Profile};
use crate::store::{ActivityLimits, ActivityQuery, Lease, StoreError};
use wakeworker_core::{Change, Durability};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("a store that is not acquired gives nothing", a_store_that_is_not_acquired_gives_nothing),
    ("each owner has a higher epoch", each_owner_has_a_higher_epoch),
    ("an old lease is refused", an_old_lease_is_refused),
    ("a profile has one owner", a_profile_has_one_owner),
];

fn a_store_that_is_not_acquired_gives_nothing(profile: &dyn Profile) {
    let mut store = profile.store(ActivityLimits::default());
    let lease = Lease { epoch: 1 };
    assert!(matches!(store.load(&lease), Err(StoreError::LeaseLost)));
    assert!(matches!(store.commit(&lease, &[], Durability::Strict), Err(StoreError::LeaseLost)));
    assert!(matches!(store.activities(&ActivityQuery { after: 0, limit: 1 }), Err(StoreError::LeaseLost)));
    assert!(matches!(store.release(lease), Err(StoreError::LeaseLost)));
}

fn each_owner_has_a_higher_epoch(profile: &dyn Profile) {
    let mut epochs = Vec::new();
    for orderly in [true, false, true] {
        let store = Opened::new(profile);
        epochs.push(store.lease.epoch);
        if orderly {
            store.release();
        }
    }
    assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
}

fn an_old_lease_is_refused(profile: &dyn Profile) {
    let mut store = Opened::new(profile);
    let old = store.lease.clone();
    store.lease = store.store.acquire().unwrap();
    let changes = [Change::PutWorkerRegistration(worker_registration(1))];
    assert!(matches!(store.store.commit(&old, &changes, Durability::Strict), Err(StoreError::LeaseLost)));
    assert!(matches!(store.store.load(&old), Err(StoreError::LeaseLost)));
    assert!(matches!(store.store.release(old), Err(StoreError::LeaseLost)));
    assert!(store.load().snapshot.worker_registrations.is_empty());

    store.commit(&changes);
    let lease = store.lease.clone();
    let Opened { store: mut released, .. } = store;
    released.release(lease.clone()).unwrap();
    assert!(matches!(released.commit(&lease, &changes, Durability::Lazy), Err(StoreError::LeaseLost)));
    assert_eq!(Opened::new(profile).load().snapshot.worker_registrations.len(), 1);
}

/// Either a second owner is refused while the first one is there, or it takes over and the first one is refused.
fn a_profile_has_one_owner(profile: &dyn Profile) {
    let mut first = Opened::new(profile);
    let mut second = profile.store(ActivityLimits::default());
    let put = |id| [Change::PutWorkerRegistration(worker_registration(id))];
    match second.acquire() {
        Err(StoreError::InUse { .. }) => {
            first.commit(&put(1));
            first.release();
            let lease = second.acquire().unwrap();
            second.commit(&lease, &put(2), Durability::Strict).unwrap();
            assert_eq!(second.load(&lease).unwrap().snapshot.worker_registrations.len(), 2);
        }
        Ok(lease) => {
            let refused = first.store.commit(&first.lease, &put(1), Durability::Strict);
            assert!(matches!(refused, Err(StoreError::LeaseLost)), "{refused:?}");
            second.commit(&lease, &put(2), Durability::Strict).unwrap();
            assert_eq!(second.load(&lease).unwrap().snapshot.worker_registrations.len(), 1);
        }
        Err(error) => panic!("a second owner: {error}"),
    }
}
