//! Keys, ranges, scans and notices as they cross the boundary.

use crate::json::{Wtf8, units_of, write_wtf8};
use serde::Deserialize;
use serde_json::{Value, json};
use wakeworker_indexeddb::{
    Bound, Direction, Error, IndexKeys, Key, KeyPart, Notice, Range, Row, Scan, Schema, Source, Start,
};

fn unreadable(what: &str, error: impl std::fmt::Display) -> Error {
    Error::Data(format!("the {what} cannot be read: {error}"))
}

pub(crate) fn read_name(json: &str) -> Result<Vec<u8>, Error> {
    Wtf8::from_json(json).map(|name| name.0).map_err(|error| unreadable("name", error))
}

pub(crate) fn read_key(json: &str) -> Result<Key, Error> {
    let parts: Vec<Wtf8> = serde_json::from_str(json).map_err(|error| unreadable("key", error))?;
    key_of(&parts)
}

pub(crate) fn read_keys(json: &str) -> Result<Vec<Key>, Error> {
    let keys: Vec<Vec<Wtf8>> = serde_json::from_str(json).map_err(|error| unreadable("keys", error))?;
    keys.iter().map(|parts| key_of(parts)).collect()
}

pub(crate) fn read_entries(json: &str) -> Result<Vec<IndexKeys>, Error> {
    #[derive(Deserialize)]
    struct Entry {
        index: i64,
        keys: Vec<Vec<Wtf8>>,
    }
    let entries: Vec<Entry> = serde_json::from_str(json).map_err(|error| unreadable("index keys", error))?;
    entries
        .into_iter()
        .map(|entry| {
            let keys = entry.keys.iter().map(|parts| key_of(parts)).collect::<Result<_, _>>()?;
            Ok(IndexKeys { index: entry.index, keys })
        })
        .collect()
}

fn key_of(parts: &[Wtf8]) -> Result<Key, Error> {
    let parts = parts.iter().map(|part| part_of(&part.0)).collect::<Result<Vec<_>, _>>()?;
    Key::from_parts(parts)
}

fn part_of(part: &[u8]) -> Result<KeyPart, Error> {
    let bad = || unreadable("key", format!("`{}` is no part of one", String::from_utf8_lossy(part)));
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<f64>().ok();
    match part.split_first().ok_or_else(bad)? {
        (b'n', text) => number(text).map(KeyPart::Number).ok_or_else(bad),
        (b'd', text) => number(text).map(KeyPart::Date).ok_or_else(bad),
        (b's', text) => Ok(KeyPart::String(units_of(text))),
        (b'b', text) => text
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect::<Option<_>>()
            .map(KeyPart::Binary)
            .ok_or_else(bad),
        (b'[', []) => Ok(KeyPart::ArrayBegin),
        (b']', []) => Ok(KeyPart::ArrayEnd),
        _ => Err(bad()),
    }
}

fn write_key(out: &mut String, key: &Key) -> Result<(), Error> {
    out.push('[');
    for (position, part) in key.parts()?.into_iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        match part {
            KeyPart::Number(value) => write_number(out, 'n', value),
            KeyPart::Date(value) => write_number(out, 'd', value),
            KeyPart::String(units) => {
                let mut bytes = vec![b's'];
                for unit in char::decode_utf16(units) {
                    match unit {
                        Ok(unit) => bytes.extend_from_slice(unit.encode_utf8(&mut [0; 4]).as_bytes()),
                        Err(error) => {
                            let unit = error.unpaired_surrogate();
                            bytes.extend_from_slice(&[
                                0xED,
                                0x80 | (unit >> 6 & 0x3F) as u8,
                                0x80 | (unit & 0x3F) as u8,
                            ]);
                        }
                    }
                }
                write_wtf8(out, &bytes);
            }
            KeyPart::Binary(bytes) => {
                out.push_str("\"b");
                bytes.iter().for_each(|byte| out.push_str(&format!("{byte:02x}")));
                out.push('"');
            }
            KeyPart::ArrayBegin => out.push_str("\"[\""),
            KeyPart::ArrayEnd => out.push_str("\"]\""),
        }
    }
    out.push(']');
    Ok(())
}

/// The shortest text from which a script reads the same number.
fn write_number(out: &mut String, kind: char, value: f64) {
    let text = match value {
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        _ => format!("{value:e}"),
    };
    out.push_str(&format!("\"{kind}{text}\""));
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RangeFields {
    lower: Option<Vec<Wtf8>>,
    upper: Option<Vec<Wtf8>>,
    lower_open: bool,
    upper_open: bool,
}

impl RangeFields {
    fn range(&self) -> Result<Range, Error> {
        let bound = |parts: &Option<Vec<Wtf8>>, open: bool| match parts {
            Some(parts) => key_of(parts).map(|key| Some(Bound { key, open })),
            None => Ok(None),
        };
        Ok(Range { lower: bound(&self.lower, self.lower_open)?, upper: bound(&self.upper, self.upper_open)? })
    }
}

pub(crate) fn read_range(json: &str) -> Result<Range, Error> {
    let fields: RangeFields = serde_json::from_str(json).map_err(|error| unreadable("range", error))?;
    fields.range()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScanFields {
    store: i64,
    index: Option<i64>,
    #[serde(default)]
    range: RangeFields,
    /// The one key of a range that has no other.
    only: Option<Vec<Wtf8>>,
    #[serde(default)]
    direction: String,
    start: Option<StartFields>,
    #[serde(default)]
    skip: u32,
    limit: Option<u32>,
    #[serde(default)]
    values: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartFields {
    key: Vec<Wtf8>,
    primary_key: Option<Vec<Wtf8>>,
    after: bool,
}

pub(crate) fn read_scan(json: &str) -> Result<Scan, Error> {
    let fields: ScanFields = serde_json::from_str(json).map_err(|error| unreadable("query", error))?;
    let start = match &fields.start {
        Some(start) => Some(Start {
            key: key_of(&start.key)?,
            primary_key: start.primary_key.as_deref().map(key_of).transpose()?,
            after: start.after,
        }),
        None => None,
    };
    Ok(Scan {
        source: match fields.index {
            Some(index) => Source::Index { store: fields.store, index },
            None => Source::Store(fields.store),
        },
        range: match &fields.only {
            Some(key) => Range::only(key_of(key)?),
            None => fields.range.range()?,
        },
        direction: match fields.direction.as_str() {
            "nextunique" => Direction::NextUnique,
            "prev" => Direction::Prev,
            "prevunique" => Direction::PrevUnique,
            _ => Direction::Next,
        },
        start,
        skip: fields.skip,
        limit: fields.limit,
        values: fields.values,
    })
}

/// The keys of rows as `[key, primary key or null if it is the same]`.
pub(crate) fn write_keys(rows: &[Row]) -> Result<String, Error> {
    let mut out = String::from("[");
    for (position, row) in rows.iter().enumerate() {
        out.push_str(if position > 0 { ",[" } else { "[" });
        write_key(&mut out, &row.key)?;
        out.push(',');
        if row.primary_key == row.key {
            out.push_str("null");
        } else {
            write_key(&mut out, &row.primary_key)?;
        }
        out.push(']');
    }
    out.push(']');
    Ok(out)
}

pub(crate) fn databases_json(all: &[(Vec<u8>, u64)]) -> String {
    let mut out = String::from("[");
    for (position, (name, version)) in all.iter().enumerate() {
        out.push_str(if position > 0 { ",{\"name\":" } else { "{\"name\":" });
        write_wtf8(&mut out, name);
        out.push_str(&format!(",\"version\":{version}}}"));
    }
    out.push(']');
    out
}

/// A notice as the hook takes it.
pub(crate) fn notice_json(notice: &Notice) -> String {
    let record = match notice {
        Notice::VersionChange { connection, old, new } => {
            json!({ "kind": "versionChange", "connection": connection, "old": old, "new": new })
        }
        Notice::Blocked { request, old, new } => {
            json!({ "kind": "blocked", "request": request, "old": old, "new": new })
        }
        Notice::UpgradeNeeded { request, connection, transaction, old, schema } => {
            let head = json!({
                "kind": "upgradeNeeded", "request": request, "connection": connection,
                "transaction": transaction, "old": old,
            });
            return with_schema(&head, schema);
        }
        Notice::Opened { request, connection, schema } => {
            let head = json!({ "kind": "opened", "request": request, "connection": connection });
            return with_schema(&head, schema);
        }
        Notice::Deleted { request, old } => json!({ "kind": "deleted", "request": request, "old": old }),
        Notice::Failed { request, error } => json!({
            "kind": "failed", "request": request,
            "error": { "name": error.dom_exception_name(), "message": error.to_string() },
        }),
        Notice::Started { transaction } => json!({ "kind": "started", "transaction": transaction }),
        Notice::Closed { connection } => json!({ "kind": "closed", "connection": connection }),
        _ => Value::Null,
    };
    record.to_string()
}

fn with_schema(head: &Value, schema: &Schema) -> String {
    let mut out = head.to_string();
    out.pop();
    out.push_str(&format!(",\"schema\":{{\"version\":{},\"stores\":[", schema.version));
    for (position, store) in schema.stores.iter().enumerate() {
        out.push_str(if position > 0 { ",{" } else { "{" });
        out.push_str(&format!("\"id\":{},\"autoIncrement\":{},\"name\":", store.id, store.auto_increment));
        write_wtf8(&mut out, &store.name);
        out.push_str(",\"keyPath\":");
        match &store.key_path {
            Some(path) => write_wtf8(&mut out, path),
            None => out.push_str("null"),
        }
        out.push_str(",\"indexes\":[");
        for (position, index) in store.indexes.iter().enumerate() {
            out.push_str(if position > 0 { ",{" } else { "{" });
            out.push_str(&format!(
                "\"id\":{},\"unique\":{},\"multiEntry\":{},\"name\":",
                index.id, index.unique, index.multi_entry
            ));
            write_wtf8(&mut out, &index.name);
            out.push_str(",\"keyPath\":");
            write_wtf8(&mut out, &index.key_path);
            out.push('}');
        }
        out.push_str("]}");
    }
    out.push_str("]}}");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_cross_the_boundary_both_ways_without_loss() {
        for json in [
            r#"["n1.5"]"#,
            r#"["n-0"]"#,
            r#"["nInfinity"]"#,
            r#"["n-Infinity"]"#,
            r#"["n5e-324"]"#,
            r#"["n0.1"]"#,
            r#"["d86400000"]"#,
            r#"["s"]"#,
            r#"["sa\ud800b\udc00😀é"]"#,
            r#"["b00ff7f"]"#,
            r#"["[","n1","[","]","s[","]"]"#,
        ] {
            let key = read_key(json).unwrap();
            let mut out = String::new();
            write_key(&mut out, &key).unwrap();
            assert_eq!(read_key(&out).unwrap(), key, "{json} became {out}");
        }
        let mut out = String::new();
        write_key(&mut out, &read_key(r#"["s\ud800"]"#).unwrap()).unwrap();
        assert_eq!(out, r#"["s\ud800"]"#);
        for bad in
            ["1", "[]", "[\"\"]", "[\"x\"]", "[\"nNaN\"]", "[\"b0x\"]", "[\"[\"]", "[\"nabc\"]", "[\"[a\"]"]
        {
            assert!(read_key(bad).is_err(), "{bad}");
        }
    }
}
