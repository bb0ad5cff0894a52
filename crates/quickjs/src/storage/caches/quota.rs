//! How much the caches of each origin use, and how much they may.

use super::{BodyWriter, NewEntry, StorageFailure};
use crate::RuntimeConfig;
use ring::hmac;
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use wakeworker_core::StorageKey;

/// The accounts of a profile's caches.
pub(super) struct Quota {
    origin_bytes_max: u64,
    profile_bytes_max: u64,
    padding_bytes_max: u64,
    /// Makes the padding of an opaque response unpredictable to scripts and the same each time.
    padding_key: hmac::Key,
    accounts: Mutex<Accounts>,
}

#[derive(Default)]
struct Accounts {
    used: HashMap<StorageKey, u64>,
    /// Bodies that are being written and have no entry yet.
    reserved: HashMap<StorageKey, u64>,
    all: u64,
}

impl Quota {
    pub(super) fn open(connection: &mut Connection, config: &RuntimeConfig) -> rusqlite::Result<Quota> {
        let mut accounts = Accounts::default();
        {
            let mut statement = connection.prepare(
                "SELECT cache.storage_key, sum(entry.charge) FROM cache JOIN entry ON entry.cache = cache.id
                 GROUP BY cache.storage_key",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let key: String = row.get(0)?;
                let used = row.get::<_, i64>(1)? as u64;
                accounts.used.insert(StorageKey::from(key.as_str()), used);
                accounts.all += used;
            }
        }
        Ok(Quota {
            origin_bytes_max: config.origin_bytes_max,
            profile_bytes_max: config.caches_bytes_max,
            padding_bytes_max: config.opaque_padding_bytes_max,
            padding_key: hmac::Key::new(hmac::HMAC_SHA256, &padding_secret(connection)?),
            accounts: Mutex::new(accounts),
        })
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an entry counts: its body and heads, and for an opaque response a padding that hides its size.
    pub(super) fn charge_of(&self, key: &StorageKey, entry: &NewEntry) -> u64 {
        let heads = (entry.request_json.len() + entry.response_json.len()) as u64;
        let body = entry.body.as_ref().map_or(0, BodyWriter::bytes);
        let padding = if entry.response.is_opaque() { self.padding_of(key, &entry.request.url) } else { 0 };
        heads.saturating_add(body).saturating_add(padding)
    }

    fn padding_of(&self, key: &StorageKey, url: &str) -> u64 {
        let tag = hmac::sign(&self.padding_key, format!("{}\0{url}", key.as_str()).as_bytes());
        let number = tag.as_ref().iter().take(8).fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
        number.checked_rem(self.padding_bytes_max.saturating_add(1)).unwrap_or(0)
    }

    /// Whether `added` may be stored when `freed` goes; `written` of it is reserved already.
    pub(super) fn check(
        &self,
        key: &StorageKey,
        other_bytes: u64,
        added: u64,
        freed: u64,
        written: u64,
    ) -> Result<(), StorageFailure> {
        let accounts = self.accounts();
        let reserved = accounts.reserved.get(key).copied().unwrap_or(0).saturating_sub(written);
        let used = accounts.used.get(key).copied().unwrap_or(0);
        let origin = used + other_bytes + reserved + added;
        let profile = accounts.all + accounts.reserved.values().sum::<u64>().saturating_sub(written) + added;
        self.refuse_excess(origin.saturating_sub(freed), profile.saturating_sub(freed))
    }

    /// Sets room aside for a part of a body.
    pub(super) fn reserve(
        &self,
        key: &StorageKey,
        other_bytes: u64,
        bytes: u64,
    ) -> Result<(), StorageFailure> {
        let mut accounts = self.accounts();
        let reserved = accounts.reserved.get(key).copied().unwrap_or(0);
        let origin = accounts.used.get(key).copied().unwrap_or(0) + other_bytes + reserved + bytes;
        let profile = accounts.all + accounts.reserved.values().sum::<u64>() + bytes;
        self.refuse_excess(origin, profile)?;
        *accounts.reserved.entry(key.clone()).or_default() += bytes;
        Ok(())
    }

    fn refuse_excess(&self, origin: u64, profile: u64) -> Result<(), StorageFailure> {
        let message = if origin > self.origin_bytes_max {
            format!(
                "the origin's data would have {origin} bytes; the quota is {}: delete something first",
                self.origin_bytes_max
            )
        } else if profile > self.profile_bytes_max {
            format!(
                "the caches of all origins would have {profile} bytes; the limit is {}: delete something first",
                self.profile_bytes_max
            )
        } else {
            return Ok(());
        };
        Err(StorageFailure { name: "QuotaExceededError", message })
    }

    /// Gives back what [`Quota::reserve`] set aside.
    pub(super) fn unreserve(&self, key: &StorageKey, bytes: u64) {
        if let Some(reserved) = self.accounts().reserved.get_mut(key) {
            *reserved = reserved.saturating_sub(bytes);
        }
    }

    pub(super) fn add(&self, key: &StorageKey, bytes: u64) {
        let mut accounts = self.accounts();
        *accounts.used.entry(key.clone()).or_default() += bytes;
        accounts.all += bytes;
    }

    pub(super) fn free(&self, key: &StorageKey, bytes: u64) {
        let mut accounts = self.accounts();
        if let Some(used) = accounts.used.get_mut(key) {
            *used = used.saturating_sub(bytes);
        }
        accounts.all = accounts.all.saturating_sub(bytes);
    }

    pub(super) fn used(&self, key: &StorageKey) -> u64 {
        self.accounts().used.get(key).copied().unwrap_or(0)
    }
}

fn padding_secret(connection: &Connection) -> rusqlite::Result<Vec<u8>> {
    let stored: Option<Vec<u8>> = connection
        .query_row("SELECT value FROM secret WHERE name = 'padding'", [], |row| row.get(0))
        .optional()?;
    if let Some(secret) = stored {
        return Ok(secret);
    }
    let mut secret = vec![0; 32];
    // Without randomness the padding can be predicted, which is no reason to refuse the whole profile.
    let _ = getrandom::fill(&mut secret);
    connection.execute("INSERT INTO secret (name, value) VALUES ('padding', ?1)", [&secret])?;
    Ok(secret)
}
