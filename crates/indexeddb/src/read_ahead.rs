//! Cursors read ahead: a cursor that goes on where it stands finds its next records read already, so that SQLite need
//! not look for its place at every step. Whatever changes the file, or ends a transaction, forgets what was read; so a
//! step finds what it would have found without this.

use crate::open_file::OpenFile;
use crate::scan::{Direction, Row, Scan, Source, read_in_order};
use crate::{Error, Key};
use std::collections::VecDeque;

/// Records that a reading ahead takes at most; it begins with few, because most cursors are left soon.
const RECORDS_MAX: usize = 64;
/// How many times as many records each reading takes.
const GROWTH: usize = 4;

/// The last step that was taken, and the records that come after it.
pub(crate) struct ReadAhead {
    /// The scan of that step.
    scan: Scan,
    key: Key,
    primary_key: Key,
    rows: VecDeque<Row>,
    /// How many records the last reading took.
    records: usize,
}

impl ReadAhead {
    /// Whether a scan is the next step of the same cursor, or of one that cannot be told from it.
    fn goes_on_with(&self, scan: &Scan) -> bool {
        let Some(start) = &scan.start else { return false };
        let stands_there = match (scan.source, scan.direction) {
            (Source::Store(_), _) => true,
            // Beyond all records of the key.
            (_, Direction::NextUnique | Direction::PrevUnique) => start.primary_key.is_none(),
            (_, Direction::Next | Direction::Prev) => start.primary_key.as_ref() == Some(&self.primary_key),
        };
        stands_there
            && start.key == self.key
            && scan.source == self.scan.source
            && scan.direction == self.scan.direction
            && scan.values == self.scan.values
            && scan.range == self.scan.range
    }
}

/// Whether a scan is a cursor's step to the next record.
pub(crate) fn is_step(scan: &Scan) -> bool {
    scan.limit == Some(1) && scan.skip == 0 && scan.start.as_ref().is_none_or(|start| start.after)
}

/// The record of a step, if there is one.
pub(crate) fn step(file: &OpenFile, scan: &Scan) -> Result<Option<Row>, Error> {
    let mut slot = file.read_ahead.borrow_mut();
    let mut records = 1;
    if let Some(ahead) = slot.as_mut().filter(|ahead| ahead.goes_on_with(scan)) {
        if let Some(row) = ahead.rows.pop_front() {
            ahead.key.clone_from(&row.key);
            ahead.primary_key.clone_from(&row.primary_key);
            return Ok(Some(row));
        }
        records = (ahead.records * GROWTH).min(RECORDS_MAX);
    }
    let mut rows = VecDeque::from(read_in_order(&file.sqlite, scan, 1, records - 1)?);
    let next = rows.pop_front();
    *slot = next.as_ref().map(|row| ReadAhead {
        scan: Scan { start: None, ..scan.clone() },
        key: row.key.clone(),
        primary_key: row.primary_key.clone(),
        rows,
        records,
    });
    Ok(next)
}
