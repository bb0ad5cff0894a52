//! How much each origin stores, and how much it may: databases and caches together.

use super::StorageFailure;
use crate::RuntimeConfig;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use wakeworker_core::StorageKey;
use wakeworker_indexeddb::Allowance;

/// The accounts of a profile.
pub(crate) struct Quota {
    origin_bytes_max: u64,
    profile_bytes_max: u64,
    accounts: Mutex<Accounts>,
}

#[derive(Default)]
struct Accounts {
    origins: BTreeMap<StorageKey, Account>,
    all: u64,
}

/// What one origin stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// Bytes of its databases with their blobs.
    pub(crate) databases: u64,
    /// Bytes of its caches, with what pads opaque responses.
    pub(crate) caches: u64,
    /// Bytes of bodies that are being written and have no entry yet.
    reserved: u64,
}

impl Account {
    /// Everything together.
    pub(crate) fn bytes(&self) -> u64 {
        self.databases.saturating_add(self.caches).saturating_add(self.reserved)
    }
}

impl Quota {
    pub(crate) fn new(config: &RuntimeConfig) -> Quota {
        Quota {
            origin_bytes_max: config.origin_bytes_max,
            profile_bytes_max: config.profile_bytes_max,
            accounts: Mutex::default(),
        }
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an origin stores.
    pub(crate) fn account(&self, key: &StorageKey) -> Account {
        self.accounts().origins.get(key).copied().unwrap_or_default()
    }

    /// Every origin that stores something.
    pub(crate) fn all(&self) -> Vec<(StorageKey, Account)> {
        let accounts = self.accounts();
        accounts.origins.iter().map(|(key, account)| (key.clone(), *account)).collect()
    }

    /// How much an origin may have in all now: its own limit, or what other origins leave of the profile's.
    pub(crate) fn bytes_max(&self, key: &StorageKey) -> u64 {
        let accounts = self.accounts();
        let own = accounts.origins.get(key).copied().unwrap_or_default().bytes();
        self.origin_bytes_max.min(self.profile_bytes_max.saturating_sub(accounts.all.saturating_sub(own)))
    }

    /// Whether `added` bytes may come when `freed` go; `written` of them are reserved already.
    pub(crate) fn check(
        &self,
        key: &StorageKey,
        added: u64,
        freed: u64,
        written: u64,
    ) -> Result<(), StorageFailure> {
        self.refuse_excess(&self.accounts(), key, added, freed.saturating_add(written))
    }

    /// Sets room aside for a part of a body.
    pub(crate) fn reserve(&self, key: &StorageKey, bytes: u64) -> Result<(), StorageFailure> {
        let mut accounts = self.accounts();
        self.refuse_excess(&accounts, key, bytes, 0)?;
        accounts.change(key, |account| account.reserved = account.reserved.saturating_add(bytes));
        Ok(())
    }

    /// Gives back what [`Quota::reserve`] set aside.
    pub(crate) fn unreserve(&self, key: &StorageKey, bytes: u64) {
        self.accounts().change(key, |account| account.reserved = account.reserved.saturating_sub(bytes));
    }

    /// Entries of caches came or went.
    pub(crate) fn change_caches(&self, key: &StorageKey, added: u64, freed: u64) {
        self.accounts().change(key, |account| {
            account.caches = account.caches.saturating_add(added).saturating_sub(freed);
        });
    }

    fn refuse_excess(
        &self,
        accounts: &Accounts,
        key: &StorageKey,
        added: u64,
        freed: u64,
    ) -> Result<(), StorageFailure> {
        let own = accounts.origins.get(key).copied().unwrap_or_default().bytes();
        let after = |bytes: u64| bytes.saturating_add(added).saturating_sub(freed);
        let message = if after(own) > self.origin_bytes_max {
            format!(
                "the origin's data would have {} bytes; its quota is {}: delete something first",
                after(own),
                self.origin_bytes_max
            )
        } else if after(accounts.all) > self.profile_bytes_max {
            format!(
                "the data of all origins would have {} bytes; the limit is {}: delete something first",
                after(accounts.all),
                self.profile_bytes_max
            )
        } else {
            return Ok(());
        };
        Err(StorageFailure { name: "QuotaExceededError", message })
    }
}

impl Allowance for Quota {
    fn databases_bytes_max(&self, origin: &str) -> u64 {
        let key = StorageKey::from(origin);
        let account = self.account(&key);
        self.bytes_max(&key).saturating_sub(account.caches.saturating_add(account.reserved))
    }

    fn databases_changed(&self, origin: &str, bytes: u64) {
        self.accounts().change(&StorageKey::from(origin), |account| account.databases = bytes);
    }
}

impl Accounts {
    fn change(&mut self, key: &StorageKey, change: impl FnOnce(&mut Account)) {
        let account = self.origins.entry(key.clone()).or_default();
        let before = account.bytes();
        change(account);
        let after = account.bytes();
        self.all = self.all.saturating_sub(before).saturating_add(after);
        if after == 0 {
            self.origins.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(origin_bytes_max: u64, profile_bytes_max: u64) -> Quota {
        Quota::new(&RuntimeConfig { origin_bytes_max, profile_bytes_max, ..RuntimeConfig::default() })
    }

    #[test]
    fn databases_and_caches_of_an_origin_share_its_quota() {
        let quota = quota(100, 1_000);
        let key = StorageKey::from("https://a.example");
        quota.databases_changed(key.as_str(), 60);
        assert!(quota.check(&key, 41, 0, 0).unwrap_err().message.contains("its quota is 100"));
        quota.check(&key, 40, 0, 0).unwrap();
        quota.check(&key, 41, 1, 0).unwrap();
        quota.change_caches(&key, 30, 0);
        quota.reserve(&key, 10).unwrap();
        assert_eq!(quota.reserve(&key, 1).unwrap_err().name, "QuotaExceededError");
        quota.check(&key, 10, 0, 10).unwrap();
        assert_eq!(quota.databases_bytes_max(key.as_str()), 60);
        quota.unreserve(&key, 10);
        assert_eq!(quota.databases_bytes_max(key.as_str()), 70);
        quota.change_caches(&key, 0, 30);
        quota.databases_changed(key.as_str(), 0);
        assert_eq!(quota.all(), []);
    }

    #[test]
    fn what_other_origins_store_lessens_the_rest() {
        let quota = quota(100, 150);
        let [a, b] = ["https://a.example", "https://b.example"].map(StorageKey::from);
        quota.databases_changed(a.as_str(), 90);
        assert_eq!((quota.bytes_max(&a), quota.bytes_max(&b)), (100, 60));
        assert!(quota.check(&b, 61, 0, 0).unwrap_err().message.contains("the limit is 150"));
        quota.reserve(&b, 60).unwrap();
        assert_eq!((quota.bytes_max(&a), quota.databases_bytes_max(a.as_str())), (90, 90));
        assert_eq!(quota.databases_bytes_max(b.as_str()), 0);
    }
}
