//! JSON Web Keys: the members that carry numbers (RFC 7518, section 6; RFC 8037).

use super::{Result, data_error};
use serde::Deserialize;

/// The members of a JSON Web Key that an import reads. Who may use the key for what is checked by the JavaScript layer.
#[derive(Default, Deserialize)]
pub(crate) struct Jwk {
    k: Option<String>,
    pub(super) x: Option<String>,
    pub(super) y: Option<String>,
    pub(super) d: Option<String>,
    pub(super) n: Option<String>,
    pub(super) e: Option<String>,
    pub(super) p: Option<String>,
    pub(super) q: Option<String>,
    pub(super) dp: Option<String>,
    pub(super) dq: Option<String>,
    pub(super) qi: Option<String>,
}

impl Jwk {
    /// The bytes of a secret key.
    pub(super) fn secret(&self) -> Result<Vec<u8>> {
        member(&self.k, "k")
    }
}

/// A member that must be there.
pub(super) fn member(value: &Option<String>, name: &str) -> Result<Vec<u8>> {
    let text =
        value.as_deref().ok_or_else(|| data_error(format!("the JSON Web Key has no member `{name}`")))?;
    decode(text)
        .ok_or_else(|| data_error(format!("the member `{name}` of the JSON Web Key is not base64url")))
}

/// A member of exactly this many bytes, as the numbers of curves are.
pub(super) fn sized_member(value: &Option<String>, name: &str, bytes: usize) -> Result<Vec<u8>> {
    let found = member(value, name)?;
    if found.len() == bytes {
        return Ok(found);
    }
    Err(data_error(format!(
        "the member `{name}` of the JSON Web Key must have {bytes} bytes, not {}",
        found.len()
    )))
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base64url without padding.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for index in 0..=chunk.len() {
            out.push(char::from(ALPHABET[(word >> (18 - 6 * index)) as usize & 63]));
        }
    }
    out
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    for chunk in text.as_bytes().chunks(4) {
        let mut word = 0u32;
        for byte in chunk {
            word = word << 6 | ALPHABET.iter().position(|letter| letter == byte)? as u32;
        }
        let bits = 6 * chunk.len();
        if bits == 6 || word & ((1 << (bits % 8)) - 1) != 0 {
            return None;
        }
        let bytes = (word << (32 - bits)).to_be_bytes();
        out.extend_from_slice(&bytes[..bits / 8]);
    }
    Some(out)
}
