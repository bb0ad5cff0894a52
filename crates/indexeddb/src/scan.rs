//! Reading records in the order of their keys: everything from `get` to a cursor's step is one scan.

use crate::blobs::StoredBlob;
use crate::open_file::OpenFile;
use crate::read_ahead::{is_step, step};
use crate::{Error, Key};
use rusqlite::{Connection, ToSql, params};
use wakeworker_structured_clone::{BlobContent, CloneError, Reader, Token, has_blobs};

/// Keys between two bounds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// The lower bound.
    pub lower: Option<Bound>,
    /// The upper bound.
    pub upper: Option<Bound>,
}

/// One end of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The key at the end.
    pub key: Key,
    /// Whether that key itself is outside.
    pub open: bool,
}

impl Range {
    /// The range with one key.
    pub fn only(key: Key) -> Range {
        let bound = Bound { key, open: false };
        Range { lower: Some(bound.clone()), upper: Some(bound) }
    }

    /// The key of a range that has no other.
    pub(crate) fn single(&self) -> Option<&Key> {
        match (&self.lower, &self.upper) {
            (Some(Bound { key, open: false }), Some(upper)) if !upper.open && upper.key == *key => Some(key),
            _ => None,
        }
    }

    /// ` AND column >= ?n …`, and its parameters.
    pub(crate) fn condition(&self, column: &str, first: usize) -> (String, Vec<&[u8]>) {
        let mut sql = String::new();
        let mut parameters = Vec::new();
        if let Some(key) = self.single() {
            push_condition(&mut sql, column, " =", first);
            parameters.push(key.as_bytes());
            return (sql, parameters);
        }
        for (bound, closed, open) in [(&self.lower, " >=", " >"), (&self.upper, " <=", " <")] {
            if let Some(bound) = bound {
                let sign = if bound.open { open } else { closed };
                push_condition(&mut sql, column, sign, first + parameters.len());
                parameters.push(bound.key.as_bytes());
            }
        }
        (sql, parameters)
    }
}

/// Appends a condition; formatting machinery would take as long as the reading.
fn push_condition(sql: &mut String, column: &str, sign: &str, parameter: usize) {
    for part in [" AND ", column, sign, " ?", PARAMETERS[parameter]] {
        sql.push_str(part);
    }
}

/// The numbers of parameters, as text.
const PARAMETERS: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];

/// What is scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The records of a store.
    Store(i64),
    /// The entries of an index.
    Index {
        /// The store that has the records.
        store: i64,
        /// The index.
        index: i64,
    },
}

impl Source {
    /// Table and the column of its owner, and the owner.
    pub(crate) fn table(self) -> (&'static str, i64) {
        match self {
            Source::Store(store) => ("record WHERE store", store),
            Source::Index { index, .. } => ("index_entry WHERE object_index", index),
        }
    }
}

/// In which order, and whether of records with the same index key only the first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Ascending.
    Next,
    /// Ascending, one record for each key.
    NextUnique,
    /// Descending.
    Prev,
    /// Descending, one record for each key: the one with the lowest primary key.
    PrevUnique,
}

/// Where a scan begins, in its direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// At this key …
    pub key: Key,
    /// … and, in an index, at this primary key; `None` is the first of the key.
    pub primary_key: Option<Key>,
    /// Whether the start itself is skipped.
    pub after: bool,
}

/// A scan.
#[derive(Clone, Debug)]
pub struct Scan {
    /// What is read.
    pub source: Source,
    /// Which keys.
    pub range: Range,
    /// In which order.
    pub direction: Direction,
    /// From where.
    pub start: Option<Start>,
    /// How many records are passed over.
    pub skip: u32,
    /// How many are given at most.
    pub limit: Option<u32>,
    /// Whether the values are read.
    pub values: bool,
}

/// A record that a scan found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its key in the source.
    pub key: Key,
    /// Its key in the store.
    pub primary_key: Key,
    /// Its value, if asked for.
    pub value: Option<Vec<u8>>,
    /// The blobs that the value names.
    pub blobs: Vec<StoredBlob>,
}

/// Reads what a scan describes.
pub(crate) fn scan(file: &OpenFile, scan: &Scan) -> Result<Vec<Row>, Error> {
    let mut rows = read(file, scan)?;
    for row in &mut rows {
        if let (Some(blobs), Some(value)) =
            (&file.blobs, row.value.as_deref().filter(|value| has_blobs(value)))
        {
            row.blobs = outside_numbers(value)?.into_iter().map(|number| blobs.pin(number)).collect();
        }
    }
    Ok(rows)
}

/// The numbers of the blobs that a value names.
fn outside_numbers(value: &[u8]) -> Result<Vec<u64>, Error> {
    let mut numbers = Vec::new();
    let mut reader = Reader::new(value).map_err(damaged)?;
    while let Some(token) = reader.next().map_err(damaged)? {
        if let Token::Blob { content: BlobContent::Outside { number, .. }, .. } = token {
            numbers.push(number);
        }
    }
    Ok(numbers)
}

fn damaged(error: CloneError) -> Error {
    Error::Unknown(format!("a stored record cannot be read: {error}"))
}

fn read(file: &OpenFile, scan: &Scan) -> Result<Vec<Row>, Error> {
    match (scan.source, scan.range.single()) {
        (Source::Store(store), Some(key)) if is_plain_get(scan) => get(&file.sqlite, store, key, scan.values),
        _ if is_step(scan) => Ok(step(file, scan)?.into_iter().collect()),
        _ => {
            let records = scan.limit.map_or(usize::MAX, |limit| limit as usize);
            read_in_order(&file.sqlite, scan, records, 0)
        }
    }
}

/// Whether a scan of one key finds its record, wherever it begins and in whichever direction it goes.
fn is_plain_get(scan: &Scan) -> bool {
    scan.start.is_none() && scan.skip == 0 && scan.limit != Some(0)
}

/// The value of a record.
const VALUE: &str = "SELECT value FROM record WHERE store = ?1 AND key = ?2";

fn get(sqlite: &Connection, store: i64, key: &Key, values: bool) -> Result<Vec<Row>, Error> {
    let sql = if values { VALUE } else { "SELECT NULL FROM record WHERE store = ?1 AND key = ?2" };
    let mut statement = sqlite.prepare_cached(sql)?;
    let mut rows = statement.query(params![store, key.as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(Vec::new()) };
    let value = row.get(0)?;
    Ok(vec![Row { key: key.clone(), primary_key: key.clone(), value, blobs: Vec::new() }])
}

/// Bytes of keys and values with which a reading ahead ends.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// Reads so many records as a scan describes them, whatever its limit, and some more ahead: fewer if they are large or
/// one of them cannot be read, for whoever asks for that one hears of it then.
pub(crate) fn read_in_order(
    sqlite: &Connection,
    scan: &Scan,
    records: usize,
    ahead: usize,
) -> Result<Vec<Row>, Error> {
    let is_index = matches!(scan.source, Source::Index { .. });
    let (_, id) = scan.source.table();
    let (conditions, bounds) = scan.range.condition("key", 2);
    let mut parameters: Vec<&dyn ToSql> = vec![&id];
    parameters.extend(bounds.iter().map(|bound| bound as &dyn ToSql));
    let start = scan.start.as_ref().map(|start| (start.key.as_bytes(), start.primary_key.as_ref()));
    let start_primary = start.and_then(|(_, primary_key)| primary_key).map(Key::as_bytes);
    if let Some((key, _)) = &start {
        parameters.push(key);
    }
    if let Some(primary_key) = start_primary.as_ref().filter(|_| is_index) {
        parameters.push(primary_key);
    }
    let sql = sql_of(scan, &conditions, 2 + bounds.len());
    let mut statement = sqlite.prepare_cached(&sql)?;
    let mut rows = statement.query(&*parameters)?;
    let mut value_of = match scan.source {
        Source::Index { store, .. } if scan.values => Some((sqlite.prepare_cached(VALUE)?, store)),
        _ => None,
    };
    // Not LIMIT and OFFSET, of which every value would be a plan of its own.
    for _ in 0..scan.skip {
        if rows.next()?.is_none() {
            break;
        }
    }
    let mut next = || -> Result<Option<Row>, Error> {
        let Some(row) = rows.next()? else { return Ok(None) };
        let key = Key::from_bytes(row.get(0)?)?;
        let primary_key = if is_index { Key::from_bytes(row.get(1)?)? } else { key.clone() };
        let value = match &mut value_of {
            Some((value, store)) => {
                Some(value.query_row(params![*store, primary_key.as_bytes()], |row| row.get(0))?)
            }
            None => row.get(2)?,
        };
        Ok(Some(Row { key, primary_key, value, blobs: Vec::new() }))
    };
    let most = records.saturating_add(ahead);
    let mut found = Vec::with_capacity(most.min(16));
    let mut bytes = 0;
    while found.len() < records || (found.len() < most && bytes < AHEAD_BYTES_MAX) {
        match next() {
            Ok(Some(row)) => {
                bytes += row.key.as_bytes().len() + row.value.as_ref().map_or(0, Vec::len);
                found.push(row);
            }
            Ok(None) => break,
            Err(_) if found.len() >= records => break,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// The statement of a scan; `first` is the parameter of its start.
fn sql_of(scan: &Scan, conditions: &str, first: usize) -> String {
    let (table, _) = scan.source.table();
    let is_index = matches!(scan.source, Source::Index { .. });
    let descending = matches!(scan.direction, Direction::Prev | Direction::PrevUnique);
    let unique = is_index && matches!(scan.direction, Direction::NextUnique | Direction::PrevUnique);
    let primary = match (is_index, unique) {
        (false, _) => "key",
        (true, false) => "primary_key",
        (true, true) => "min(primary_key)",
    };
    let value = if scan.values && !is_index { "value" } else { "NULL" };
    let mut sql = String::with_capacity(256);
    for part in ["SELECT key, ", primary, ", ", value, " FROM ", table, " = ?1", conditions] {
        sql.push_str(part);
    }
    if let Some(start) = &scan.start {
        let sign = match (descending, start.after) {
            (false, false) => " >=",
            (false, true) => " >",
            (true, false) => " <=",
            (true, true) => " <",
        };
        if is_index && start.primary_key.is_some() {
            for part in
                [" AND (key, primary_key)", sign, " (?", PARAMETERS[first], ", ?", PARAMETERS[first + 1], ")"]
            {
                sql.push_str(part);
            }
        } else {
            push_condition(&mut sql, "key", sign, first);
        }
    }
    sql.push_str(match (is_index, unique, descending) {
        (false, _, false) => " ORDER BY key",
        (false, _, true) => " ORDER BY key DESC",
        (true, true, false) => " GROUP BY key ORDER BY key",
        (true, true, true) => " GROUP BY key ORDER BY key DESC",
        (true, false, false) => " ORDER BY key, primary_key",
        (true, false, true) => " ORDER BY key DESC, primary_key DESC",
    });
    sql
}
