//! What an entry counts against the quota.

use super::{BodyWriter, NewEntry};
use crate::RuntimeConfig;
use ring::hmac;
use rusqlite::{Connection, OptionalExtension};
use wakeworker_core::StorageKey;

/// Pads opaque responses, so that a script cannot learn their size from what it has left.
pub(super) struct Padding {
    bytes_max: u64,
    /// Makes the padding unpredictable to scripts and the same each time.
    key: hmac::Key,
}

impl Padding {
    pub(super) fn open(connection: &Connection, config: &RuntimeConfig) -> rusqlite::Result<Padding> {
        Ok(Padding {
            bytes_max: config.opaque_padding_bytes_max,
            key: hmac::Key::new(hmac::HMAC_SHA256, &padding_secret(connection)?),
        })
    }

    /// What an entry counts: its body and heads, and for an opaque response a padding.
    pub(super) fn charge_of(&self, key: &StorageKey, entry: &NewEntry) -> u64 {
        let heads = (entry.request_json.len() + entry.response_json.len()) as u64;
        let body = entry.body.as_ref().map_or(0, BodyWriter::bytes);
        let padding = if entry.response.is_opaque() { self.padding_of(key, &entry.request.url) } else { 0 };
        heads.saturating_add(body).saturating_add(padding)
    }

    fn padding_of(&self, key: &StorageKey, url: &str) -> u64 {
        let tag = hmac::sign(&self.key, format!("{}\0{url}", key.as_str()).as_bytes());
        let number = tag.as_ref().iter().take(8).fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
        number.checked_rem(self.bytes_max.saturating_add(1)).unwrap_or(0)
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
