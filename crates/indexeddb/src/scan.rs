//! Reading records in the order of their keys: everything from `get` to a cursor's step is one scan.

use crate::blobs::StoredBlob;
use crate::database::OpenFile;
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

    /// ` AND column >= ?n …`, and its parameters.
    pub(crate) fn condition(&self, column: &str, first: usize) -> (String, Vec<&[u8]>) {
        let mut sql = String::new();
        let mut parameters = Vec::new();
        for (bound, sign) in [(&self.lower, '>'), (&self.upper, '<')] {
            if let Some(Bound { key, open }) = bound {
                let equal = if *open { "" } else { "=" };
                sql.push_str(&format!(" AND {column} {sign}{equal} ?{}", first + parameters.len()));
                parameters.push(key.as_bytes());
            }
        }
        (sql, parameters)
    }
}

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
    let mut rows = read(&file.sqlite, scan)?;
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

fn read(sqlite: &Connection, scan: &Scan) -> Result<Vec<Row>, Error> {
    let (table, id) = scan.source.table();
    let is_index = matches!(scan.source, Source::Index { .. });
    let descending = matches!(scan.direction, Direction::Prev | Direction::PrevUnique);
    let unique = is_index && matches!(scan.direction, Direction::NextUnique | Direction::PrevUnique);
    let (mut condition, bounds) = scan.range.condition("key", 2);
    let mut parameters: Vec<&dyn ToSql> = vec![&id];
    parameters.extend(bounds.iter().map(|bound| bound as &dyn ToSql));
    let start_key;
    let start_primary;
    if let Some(start) = &scan.start {
        let sign = if descending { '<' } else { '>' };
        let equal = if start.after { "" } else { "=" };
        start_key = start.key.as_bytes();
        parameters.push(&start_key);
        let first = parameters.len();
        match &start.primary_key {
            Some(primary_key) if is_index => {
                start_primary = primary_key.as_bytes();
                parameters.push(&start_primary);
                condition
                    .push_str(&format!(" AND (key, primary_key) {sign}{equal} (?{first}, ?{})", first + 1));
            }
            _ => condition.push_str(&format!(" AND key {sign}{equal} ?{first}")),
        }
    }
    let primary = match (is_index, unique) {
        (false, _) => "key",
        (true, false) => "primary_key",
        (true, true) => "min(primary_key)",
    };
    let value = if scan.values && !is_index { "value" } else { "NULL" };
    let group = if unique { " GROUP BY key" } else { "" };
    let order = match (descending, is_index) {
        (false, false) => "key",
        (true, false) => "key DESC",
        (false, true) if unique => "key",
        (true, true) if unique => "key DESC",
        (false, true) => "key, primary_key",
        (true, true) => "key DESC, primary_key DESC",
    };
    let limit = scan.limit.map_or(-1, i64::from);
    let skip = i64::from(scan.skip);
    parameters.extend([&limit as &dyn ToSql, &skip]);
    let count = parameters.len();
    let sql = format!(
        "SELECT key, {primary}, {value} FROM {table} = ?1{condition}{group} ORDER BY {order} LIMIT ?{} OFFSET ?{count}",
        count - 1,
    );
    let mut statement = sqlite.prepare_cached(&sql)?;
    let mut rows = statement.query(&*parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let key = Key::from_bytes(row.get(0)?)?;
        let primary_key = if is_index { Key::from_bytes(row.get(1)?)? } else { key.clone() };
        found.push(Row { key, primary_key, value: row.get(2)?, blobs: Vec::new() });
    }
    if let (Source::Index { store, .. }, true) = (scan.source, scan.values) {
        let mut value = sqlite.prepare_cached("SELECT value FROM record WHERE store = ?1 AND key = ?2")?;
        for row in &mut found {
            row.value = Some(value.query_row(params![store, row.primary_key.as_bytes()], |row| row.get(0))?);
        }
    }
    Ok(found)
}
