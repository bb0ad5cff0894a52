//! Reading a large profile with several threads: the time that a host with a million entries needs to start is mostly this.

use super::records;
use crate::store::SkippedRecord;
use rusqlite::{Connection, OpenFlags};
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread;
use wakeworker_core::{SyncRegistration, WorkerRegistration};

/// Threads beyond these find the engine waiting for its memory.
const THREADS_MAX: i64 = 4;

/// Ids that a thread must have to read before it is worth starting.
const IDS_PER_THREAD_MIN: i64 = 20_000;

type Part = rusqlite::Result<(Vec<SyncRegistration>, Vec<SkippedRecord>)>;

/// All sync registrations that can be read and whose owner is among `owners`, which are ordered by id; the others are
/// added to `skipped`. Nobody else may write meanwhile.
pub(super) fn sync_registrations(
    connection: &Connection,
    database: &Path,
    owners: &[WorkerRegistration],
    skipped: &mut Vec<SkippedRecord>,
) -> rusqlite::Result<Vec<SyncRegistration>> {
    let ranges = ranges(connection)?;
    let read = |connection: &Connection, ids: &RangeInclusive<i64>| -> Part {
        let mut skipped = Vec::new();
        let found = records::sync_registrations(connection, ids.clone(), owners, &mut skipped)?;
        Ok((found, skipped))
    };
    let read_apart = |ids| read(&open_to_read(database)?, ids);
    let parts: Vec<Part> = thread::scope(|scope| {
        let threads: Vec<_> = ranges[1..].iter().map(|ids| scope.spawn(move || read_apart(ids))).collect();
        let first = read(connection, &ranges[0]);
        let rest =
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        std::iter::once(first).chain(rest).collect()
    });
    let mut parts = parts.into_iter();
    let (mut all, unreadable) = parts.next().unwrap_or_else(|| Ok(Default::default()))?;
    skipped.extend(unreadable);
    for part in parts {
        let (found, unreadable) = part?;
        all.extend(found);
        skipped.extend(unreadable);
    }
    Ok(all)
}

/// The ids of the table, in as many equal parts as there shall be threads; at least one part.
fn ranges(connection: &Connection) -> rusqlite::Result<Vec<RangeInclusive<i64>>> {
    // Two aggregates in one statement would read the whole table.
    let (first, last): (i64, i64) = connection.query_row(
        "SELECT ifnull((SELECT min(id) FROM sync_registration), 0), ifnull((SELECT max(id) FROM sync_registration), 0)",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let wanted = last.saturating_sub(first) / IDS_PER_THREAD_MIN;
    let parts = wanted.clamp(1, THREADS_MAX).min(i64::try_from(cores).unwrap_or(THREADS_MAX));
    let length = last.saturating_sub(first) / parts;
    let part = |number: i64| {
        let from = first + number * length;
        from..=if number + 1 == parts { last } else { from + length - 1 }
    };
    Ok((0..parts).map(part).collect())
}

fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}
