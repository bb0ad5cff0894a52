//! JSON texts whose strings may hold lone surrogates: they cross the boundary as `\uD800` escapes (R12) and are held
//! as WTF-8, as `wakeworker_core::Tag` does.

use serde::de::{Deserialize, Deserializer, Visitor};
use std::fmt;
use wakeworker_core::{NetworkCondition, PowerCondition, SyncRegistration, Tag};

/// A string out of a JSON text, as WTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Wtf8(pub(crate) Vec<u8>);

impl Wtf8 {
    /// The string that a JSON text such as `"a\uD800"` denotes.
    pub(crate) fn from_json(text: &str) -> Result<Wtf8, serde_json::Error> {
        serde_json::from_str(text)
    }
}

impl<'de> Deserialize<'de> for Wtf8 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Wtf8, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Wtf8;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Wtf8, E> {
                Ok(Wtf8(bytes.to_vec()))
            }
            fn visit_str<E>(self, text: &str) -> Result<Wtf8, E> {
                Ok(Wtf8(text.as_bytes().to_vec()))
            }
        }
        // serde_json refuses lone surrogates in `str`, and gives WTF-8 for `bytes`.
        deserializer.deserialize_bytes(Bytes)
    }
}

/// Appends a WTF-8 string as a JSON string. Bytes that are no WTF-8 become U+FFFD.
pub(crate) fn write_wtf8(out: &mut String, mut bytes: &[u8]) {
    out.push('"');
    while !bytes.is_empty() {
        if let [0xED, b @ 0xA0..=0xBF, c @ 0x80..=0xBF, rest @ ..] = bytes {
            let unit = 0xD000 | (u16::from(*b & 0x3F) << 6) | u16::from(*c & 0x3F);
            out.push_str(&format!("\\u{unit:04x}"));
            bytes = rest;
            continue;
        }
        let good = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) if error.valid_up_to() > 0 => {
                std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
            }
            Err(_) => {
                out.push('\u{FFFD}');
                bytes = &bytes[1..];
                continue;
            }
        };
        write_escaped(out, good);
        bytes = &bytes[good.len()..];
    }
    out.push('"');
}

/// WTF-8 as UTF-16.
pub(crate) fn units_of(mut bytes: &[u8]) -> Vec<u16> {
    let mut units = Vec::with_capacity(bytes.len());
    while !bytes.is_empty() {
        if let [0xED, high @ 0xA0..=0xBF, low @ 0x80..=0xBF, rest @ ..] = bytes {
            units.push(0xD000 | u16::from(high & 0x3F) << 6 | u16::from(low & 0x3F));
            bytes = rest;
            continue;
        }
        let good = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
        };
        if good.is_empty() {
            units.push(0xFFFD);
            bytes = &bytes[1..];
        }
        units.extend(good.encode_utf16());
        bytes = &bytes[good.len()..];
    }
    units
}

/// A tag as JSON text.
pub(crate) fn tag(tag: &Tag) -> String {
    let mut out = String::new();
    write_wtf8(&mut out, tag.as_wtf8());
    out
}

/// A list of tags as JSON text.
pub(crate) fn tags(list: &[Tag]) -> String {
    let mut out = String::from("[");
    for (index, tag) in list.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_wtf8(&mut out, tag.as_wtf8());
    }
    out.push(']');
    out
}

/// A sync registration as registration objects show it: `{tag, minInterval?, powerState, networkState}`.
pub(crate) fn sync_registration(record: &SyncRegistration) -> String {
    let mut out = String::from("{\"tag\":");
    write_wtf8(&mut out, record.tag.as_wtf8());
    if let Ok(min_interval_ms) = u64::try_from(record.min_interval_ms()) {
        out.push_str(&format!(",\"minInterval\":{min_interval_ms}"));
    }
    let network = match record.conditions.network {
        NetworkCondition::Any => "any",
        NetworkCondition::Online => "online",
        NetworkCondition::AvoidCellular => "avoid-cellular",
    };
    let power = match record.conditions.power {
        PowerCondition::Auto => "auto",
        PowerCondition::AvoidDraining => "avoid-draining",
    };
    out.push_str(&format!(",\"networkState\":\"{network}\",\"powerState\":\"{power}\"}}"));
    out
}

/// A list of them.
pub(crate) fn sync_registrations(list: &[SyncRegistration]) -> String {
    let records: Vec<String> = list.iter().map(sync_registration).collect();
    format!("[{}]", records.join(","))
}

fn write_escaped(out: &mut String, text: &str) {
    let mut start = 0;
    for (index, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1F => {
                out.push_str(&text[start..index]);
                out.push_str(&format!("\\u{byte:04x}"));
                start = index + 1;
                continue;
            }
            _ => continue,
        };
        out.push_str(&text[start..index]);
        out.push_str(escape);
        start = index + 1;
    }
    out.push_str(&text[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // R12
    fn lone_surrogates_and_controls_survive_both_ways() {
        for text in
            [r#""""#, r#""a\ud800""#, r#""\udc00\ud800x""#, r#""\u0000\n\"\\\u001f""#, "\"\u{1F600}é\""]
        {
            let parsed = Wtf8::from_json(text).unwrap();
            let mut out = String::new();
            write_wtf8(&mut out, &parsed.0);
            assert_eq!(out, text);
            assert_eq!(tag(&Tag::from_wtf8(&parsed.0).unwrap()), text);
        }
    }

    #[test]
    fn what_is_no_string_is_refused() {
        assert!(Wtf8::from_json("12").is_err());
        assert!(Wtf8::from_json("\"a").is_err());
    }
}
