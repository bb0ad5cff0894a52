//! The text of a scenario, TOML or JSON, as one tree in which every value knows where it stands.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use toml::de::{DeTable, DeValue};

/// A value and the byte at which it begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: usize,
    pub(crate) value: Value,
}

/// What a scenario can hold. Dates and times of TOML are text, so that both languages mean the same.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Text(String),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// One key of a table, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: usize,
    pub(crate) node: Node,
}

/// The text is neither TOML nor JSON.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) at: usize,
    pub(crate) message: String,
}

/// How deeply lists and tables may be nested.
const DEPTH_MAX: usize = 32;

/// The two languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Toml,
    Json,
}

impl Language {
    /// A file named `.json` is JSON; any other is JSON if it begins like a JSON object, which no TOML does.
    pub(crate) fn of(name: &str, text: &str) -> Language {
        if name.ends_with(".json") || text.trim_start().starts_with('{') {
            Language::Json
        } else {
            Language::Toml
        }
    }
}

/// Reads the text.
pub(crate) fn parse(text: &str, language: Language) -> Result<Node, SyntaxError> {
    match language {
        Language::Toml => {
            let table = DeTable::parse(text).map_err(|error| SyntaxError {
                at: error.span().map_or(0, |span| span.start),
                message: error.message().to_owned(),
            })?;
            let at = table.span().start;
            Ok(Node { at, value: toml_table(table.into_inner()) })
        }
        Language::Json => json(text, text, 0),
    }
}

/// Line and column, both from 1, of a byte of the text. Columns count characters.
pub(crate) fn position(text: &str, at: usize) -> (usize, usize) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn toml_table(table: DeTable<'_>) -> Value {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value)| Entry {
            at: key.span().start,
            key: key.into_inner().into_owned(),
            node: Node { at: value.span().start, value: toml_value(value.into_inner()) },
        })
        .collect();
    entries.sort_by_key(|entry| entry.at);
    Value::Table(entries)
}

fn toml_value(value: DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Number(number.as_str().parse().unwrap_or(f64::NAN)),
        },
        DeValue::Float(number) => Value::Number(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Value::Boolean(value),
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(list) => Value::List(
            list.into_iter()
                .map(|item| Node { at: item.span().start, value: toml_value(item.into_inner()) })
                .collect(),
        ),
        DeValue::Table(table) => toml_table(table),
    }
}

/// Reads one JSON value, a part of `whole`. Each level is read as raw text first, which tells where its values stand.
fn json(whole: &str, part: &str, depth: usize) -> Result<Node, SyntaxError> {
    let start = offset(whole, part);
    let at = start + (part.len() - part.trim_start().len());
    let fail = |error: serde_json::Error| {
        let (line, column) = (error.line(), error.column());
        let line_start: usize = part.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let text = error.to_string();
        let message = text.split(" at line ").next().unwrap_or_default().to_owned();
        SyntaxError { at: start + line_start + column.saturating_sub(1), message }
    };
    if depth > DEPTH_MAX {
        return Err(SyntaxError { at, message: format!("more than {DEPTH_MAX} levels of nesting") });
    }
    let value = match part.trim_start().as_bytes().first() {
        Some(b'{') => {
            let RawTable(entries) = serde_json::from_str(part).map_err(fail)?;
            let mut table: Vec<Entry> = Vec::with_capacity(entries.len());
            for (key, raw) in entries {
                let node = json(whole, raw.get(), depth + 1)?;
                if table.iter().any(|entry| entry.key == key) {
                    return Err(SyntaxError {
                        at: node.at,
                        message: format!("the key `{key}` is there twice"),
                    });
                }
                table.push(Entry { key, at: node.at, node });
            }
            Value::Table(table)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(part).map_err(fail)?;
            Value::List(items.iter().map(|raw| json(whole, raw.get(), depth + 1)).collect::<Result<_, _>>()?)
        }
        _ => match serde_json::from_str(part).map_err(fail)? {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Boolean(value),
            serde_json::Value::String(text) => Value::Text(text),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(number) => Value::Integer(number),
                None => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
            },
            // Lists and objects begin with other characters.
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => Value::Null,
        },
    };
    Ok(Node { at, value })
}

/// Where `part`, a slice of `whole`, begins in it.
fn offset(whole: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize)
}

/// The entries of a JSON object in their order, doubled keys included.
struct RawTable<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for RawTable<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawTable<'de>, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = RawTable<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawTable<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(key) = map.next_key()? {
                    entries.push((key, map.next_value()?));
                }
                Ok(RawTable(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'a>(node: &'a Node, key: &str) -> &'a Entry {
        let Value::Table(entries) = &node.value else { panic!("not a table: {node:?}") };
        entries.iter().find(|entry| entry.key == key).unwrap()
    }

    #[test]
    fn toml_and_json_give_the_same_values_and_each_knows_its_place() {
        let toml = "b = 1.5\n[a]\nlist = [1,\n  \"ü\", true]\n";
        let json = "{\"b\": 1.5,\n \"a\": {\"list\": [1,\n  \"ü\", true]}}";
        for (text, language, line) in [(toml, Language::Toml, 4), (json, Language::Json, 3)] {
            let tree = parse(text, language).unwrap();
            assert_eq!(find(&tree, "b").node.value, Value::Number(1.5));
            let Value::List(items) = &find(&find(&tree, "a").node, "list").node.value else { panic!() };
            let values: Vec<_> = items.iter().map(|item| item.value.clone()).collect();
            assert_eq!(values, [Value::Integer(1), Value::Text("ü".into()), Value::Boolean(true)]);
            assert_eq!(position(text, items[2].at), (line, 8), "{language:?}");
        }
    }

    #[test]
    fn dates_are_text_and_keys_keep_their_order() {
        let tree = parse("z = 2026-03-02T07:00:00\na = 07:30:00\n", Language::Toml).unwrap();
        let Value::Table(entries) = &tree.value else { panic!() };
        assert_eq!(entries[0].node.value, Value::Text("2026-03-02T07:00:00".into()));
        assert_eq!(entries[1].node.value, Value::Text("07:30:00".into()));
    }

    #[test]
    fn broken_text_is_refused_at_its_place() {
        let error = parse("a = 1\nb = \n", Language::Toml).unwrap_err();
        assert_eq!(position("a = 1\nb = \n", error.at).0, 2, "{error:?}");
        let text = "{\"a\": [1,\n2, oops]}";
        let error = parse(text, Language::Json).unwrap_err();
        assert_eq!(position(text, error.at).0, 2, "{error:?}");
        let error = parse("{\"a\": 1, \"a\": 2}", Language::Json).unwrap_err();
        assert!(error.message.contains("twice"), "{error:?}");
        let deep = "[".repeat(200) + &"]".repeat(200);
        let error = parse(&deep, Language::Json).unwrap_err();
        assert!(error.message.contains("nesting") || error.message.contains("recursion"), "{error:?}");
        parse(&"[".repeat(100_000), Language::Json).unwrap_err();
    }

    #[test]
    fn the_language_follows_the_name_or_the_first_character() {
        assert_eq!(Language::of("a.json", ""), Language::Json);
        assert_eq!(Language::of("a.txt", " {}"), Language::Json);
        assert_eq!(Language::of("a.toml", "a = 1"), Language::Toml);
    }
}
