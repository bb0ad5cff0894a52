//! Tags: DOMStrings, so any sequence of 16-bit units, lone surrogates included (R12).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// The name of a sync registration, unique within one worker registration and kind.
///
/// Held as WTF-8: UTF-8 in which a lone surrogate is written as its three-byte form. The length in bytes is
/// therefore the length that the tag limit counts (decision D4: "a lone surrogate counts as 3 bytes").
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<[u8]>);

impl Tag {
    /// The tag with these 16-bit units.
    pub fn from_utf16(units: &[u16]) -> Tag {
        let mut bytes = Vec::with_capacity(units.len());
        for unit in char::decode_utf16(units.iter().copied()) {
            match unit {
                Ok(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                Err(lone) => {
                    let u = lone.unpaired_surrogate();
                    bytes.extend_from_slice(&[0xED, 0x80 | ((u >> 6) & 0x3F) as u8, 0x80 | (u & 0x3F) as u8]);
                }
            }
        }
        Tag(bytes.into())
    }

    /// The tag that [`Tag::as_wtf8`] gave these bytes for; `None` if they are not well-formed WTF-8.
    pub fn from_wtf8(bytes: &[u8]) -> Option<Tag> {
        let tag = Tag(bytes.into());
        let units = tag.try_utf16()?;
        // A surrogate pair written as two three-byte forms is not well-formed: it would be a second spelling of a tag.
        (Tag::from_utf16(&units) == tag).then_some(tag)
    }

    /// The 16-bit units, exactly as the script gave them.
    pub fn to_utf16(&self) -> Vec<u16> {
        self.try_utf16().unwrap_or_default()
    }

    /// The bytes to store.
    pub fn as_wtf8(&self) -> &[u8] {
        &self.0
    }

    /// Length in bytes, as the tag limit counts it (R33).
    pub fn len_bytes(&self) -> usize {
        self.0.len()
    }

    /// The beginning of the tag, at most so many bytes long.
    pub(crate) fn shortened(&self, bytes_max: usize) -> Tag {
        let mut end = bytes_max.min(self.0.len());
        // Bytes that continue a character begin with 10.
        while self.0.get(end).is_some_and(|byte| byte & 0xC0 == 0x80) {
            end -= 1;
        }
        if end == self.0.len() { self.clone() } else { Tag(self.0[..end].into()) }
    }

    /// The tag as text for people: a lone surrogate becomes U+FFFD.
    pub fn to_string_lossy(&self) -> String {
        String::from_utf16_lossy(&self.to_utf16())
    }

    fn try_utf16(&self) -> Option<Vec<u16>> {
        let mut units = Vec::with_capacity(self.0.len());
        let mut rest: &[u8] = &self.0;
        while !rest.is_empty() {
            if let [0xED, b @ 0xA0..=0xBF, c @ 0x80..=0xBF, tail @ ..] = rest {
                units.push(0xD000 | (u16::from(*b & 0x3F) << 6) | u16::from(*c & 0x3F));
                rest = tail;
                continue;
            }
            let good = match core::str::from_utf8(rest) {
                Ok(text) => text,
                Err(error) if error.valid_up_to() > 0 => {
                    core::str::from_utf8(&rest[..error.valid_up_to()]).ok()?
                }
                Err(_) => return None,
            };
            units.extend(good.encode_utf16());
            rest = &rest[good.len()..];
        }
        Some(units)
    }
}

impl From<&str> for Tag {
    fn from(text: &str) -> Tag {
        Tag(text.as_bytes().into())
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_string_lossy())
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string_lossy(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // R12
    fn every_sequence_of_units_comes_back_unit_for_unit() {
        let samples: [&[u16]; 7] = [
            &[],
            &[0x61],
            &[0xD800],
            &[0xDC00, 0xD800],
            &[0xD83D, 0xDE00],
            &[0x61, 0xDBFF, 0x62, 0xD83D, 0xDE00, 0xDFFF],
            &[0xFFFF, 0, 0xE9],
        ];
        for units in samples {
            let tag = Tag::from_utf16(units);
            assert_eq!(tag.to_utf16(), units);
            assert_eq!(Tag::from_wtf8(tag.as_wtf8()), Some(tag));
        }
        assert_eq!(Tag::from_utf16(&[0xD800]).len_bytes(), 3); // D4
        assert_eq!(Tag::from_wtf8(&[0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80]), None);
        assert_eq!(Tag::from_wtf8(&[0xFF]), None);
    }

    proptest::proptest! {
        #[test] // R12
        fn any_units_survive_storage(units: Vec<u16>) {
            let tag = Tag::from_utf16(&units);
            proptest::prop_assert_eq!(tag.to_utf16(), units);
            proptest::prop_assert_eq!(Tag::from_wtf8(tag.as_wtf8()), Some(tag));
        }
    }
}
