//! The activity log: a ring of rows whose numbers only grow (R238).

use super::records::{column, kind, tag};
use crate::store::{
    ACTIVITIES_PER_PRUNING, ActivityLimits, ActivityQuery, RecordedActivity, activity_record,
};
use rusqlite::{Connection, Row, TransactionBehavior, params};
use wakeworker_core::{Activity, StorageKey, Timestamp, WorkerRegistrationId};

/// Appends one activity, and now and then removes the oldest ones. `first` is the number of the first one of a log that
/// is empty; the others get the next one.
pub(super) fn append(
    connection: &Connection,
    first: Option<u64>,
    activity: &Activity,
    limits: ActivityLimits,
) -> rusqlite::Result<()> {
    let event = activity_record::encode(&activity.event)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let (kind, tag) = match &activity.sync {
        Some((kind, tag)) => (Some(*kind as u8), Some(tag.as_wtf8())),
        None => (None, None),
    };
    let id = connection
        .prepare_cached(
            "INSERT INTO activity (id, time_ms, storage_key, registration, kind, tag, event) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .insert(params![
            first,
            activity.time.0,
            activity.storage_key.as_ref().map(StorageKey::as_str),
            activity.registration.map(|id| id.0),
            kind,
            tag,
            event,
        ])?;
    if id.cast_unsigned().is_multiple_of(ACTIVITIES_PER_PRUNING) {
        prune(connection, id, activity.time, limits)?;
    }
    Ok(())
}

/// Removes all activities (R239), and gives the number for the next one: none is given twice.
pub(super) fn clear(connection: &mut Connection) -> rusqlite::Result<u64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let last: u64 = transaction.query_row(
        "UPDATE meta SET last_activity_id = max(last_activity_id, ifnull((SELECT max(id) FROM activity), 0)) \
         RETURNING last_activity_id",
        [],
        |row| row.get(0),
    )?;
    transaction.execute("DELETE FROM activity", [])?;
    transaction.commit()?;
    Ok(last + 1)
}

/// The newest activities after a number, oldest first. What cannot be read, such as an event that only a newer version
/// knows, is left out (R176).
pub(super) fn read(
    connection: &Connection,
    query: &ActivityQuery,
) -> rusqlite::Result<Vec<RecordedActivity>> {
    let after = i64::try_from(query.after).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(
        "SELECT id, time_ms, storage_key, registration, kind, tag, event FROM activity \
         WHERE id > ?1 ORDER BY id DESC",
    )?;
    let mut rows = statement.query([after])?;
    let mut found = Vec::new();
    while found.len() < query.limit
        && let Some(row) = rows.next()?
    {
        found.extend(read_activity(row));
    }
    found.reverse();
    Ok(found)
}

/// Both deletions are ranges of the primary key, so they touch only what they remove. The newest activity stays: the
/// next number is counted from it.
fn prune(
    connection: &Connection,
    newest: i64,
    now: Timestamp,
    limits: ActivityLimits,
) -> rusqlite::Result<()> {
    let activities_max = i64::try_from(limits.activities_max).unwrap_or(i64::MAX).max(1);
    let age_max_ms = i64::try_from(limits.age_max_ms).unwrap_or(i64::MAX);
    connection
        .prepare_cached("DELETE FROM activity WHERE id <= ?1")?
        .execute([newest.saturating_sub(activities_max)])?;
    connection
        .prepare_cached(
            "DELETE FROM activity WHERE id < (SELECT id FROM activity WHERE time_ms >= ?1 ORDER BY id LIMIT 1)",
        )?
        .execute([now.0.saturating_sub(age_max_ms)])?;
    Ok(())
}

fn read_activity(row: &Row<'_>) -> Result<RecordedActivity, String> {
    let number: Option<i64> = column(row, 4, "kind")?;
    let bytes: Option<Vec<u8>> = column(row, 5, "tag")?;
    let sync = match (number, bytes) {
        (Some(number), Some(bytes)) => Some((kind(number)?, tag(&bytes)?)),
        (None, None) => None,
        _ => return Err("kind without tag or tag without kind".to_owned()),
    };
    let storage_key: Option<String> = column(row, 2, "storage_key")?;
    let event: String = column(row, 6, "event")?;
    Ok(RecordedActivity {
        id: column(row, 0, "id")?,
        activity: Activity {
            time: Timestamp(column(row, 1, "time_ms")?),
            storage_key: storage_key.as_deref().map(StorageKey::from),
            registration: column::<Option<u64>>(row, 3, "registration")?.map(WorkerRegistrationId),
            sync,
            event: activity_record::decode(&event)?,
        },
    })
}
