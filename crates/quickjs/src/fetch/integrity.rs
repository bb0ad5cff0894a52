//! Subresource integrity (SRI, section 3.3): whether a body is the one that the request names by its hash.

use ring::digest::{self, Algorithm};

/// The strongest hashes of an integrity attribute.
#[derive(Clone, Debug)]
pub(crate) struct Integrity {
    strength: u16,
    hashes: Vec<String>,
}

impl Integrity {
    /// Reads the metadata; `None` if it names nothing that can be checked, and so allows everything.
    pub(crate) fn parse(metadata: &str) -> Option<Integrity> {
        let mut found: Option<Integrity> = None;
        for token in metadata.split_ascii_whitespace() {
            // Options after a question mark are reserved and ignored.
            let token = token.split('?').next().unwrap_or_default();
            let Some((name, hash)) = token.split_once('-') else { continue };
            let strength = match name.to_ascii_lowercase().as_str() {
                "sha256" => 256,
                "sha384" => 384,
                "sha512" => 512,
                _ => continue,
            };
            // Both base64 alphabets are allowed.
            let hash = hash.replace('-', "+").replace('_', "/");
            match &mut found {
                Some(integrity) if integrity.strength > strength => {}
                Some(integrity) if integrity.strength == strength => integrity.hashes.push(hash),
                _ => found = Some(Integrity { strength, hashes: vec![hash] }),
            }
        }
        found
    }

    /// Whether one of the hashes is the body's.
    pub(crate) fn matches(&self, body: &[u8]) -> bool {
        let algorithm: &Algorithm = match self.strength {
            256 => &digest::SHA256,
            384 => &digest::SHA384,
            _ => &digest::SHA512,
        };
        let actual = base64(digest::digest(algorithm, body).as_ref());
        self.hashes.iter().any(|hash| hash.trim_end_matches('=') == actual)
    }
}

/// Base64 without padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(word >> (18 - 6 * digit)) as usize & 63]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // SRI, 3.3.4 and 3.3.5
    fn the_strongest_known_hash_decides() {
        // printf hello | openssl dgst -sha256 -binary | base64, and so on.
        let sha256 = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
        let sha384 = "sha384-WeF0h3dEjGnea4ANejO7+5/xtGPkQ1TDVTvNucZm+pASWjx5+QOXvfX2oT3oKGhP";
        let check = |metadata: &str| Integrity::parse(metadata).map(|found| found.matches(b"hello"));
        assert_eq!(check(sha256), Some(true));
        assert_eq!(check(&sha256.replace('L', "M")), Some(false));
        assert_eq!(check(&format!("sha256-AAAA {sha256}?option")), Some(true));
        assert_eq!(check(&format!("{sha256} sha512-AAAA")), Some(false));
        assert_eq!(check(&format!("md5-x {}", sha256.replace('+', "-"))), Some(true));
        assert_eq!(check("md5-x nothing"), None);
        assert_eq!(Integrity::parse(&format!("{sha256} {sha384}")).unwrap().strength, 384);
        assert_eq!(check(sha384), Some(true));
    }
}
