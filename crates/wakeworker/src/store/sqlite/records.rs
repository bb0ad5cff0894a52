//! Registrations as rows.

use super::{IdMarks, log};
use crate::store::memory::orphan_problem;
use crate::store::{ActivityLimits, SkippedRecord};
use rusqlite::types::FromSql;
use rusqlite::{Connection, Row, params};
use std::ops::RangeInclusive;
use wakeworker_core::{
    ActiveWorker, Change, Conditions, LastRound, NetworkCondition, NetworkId, PowerCondition, StorageKey,
    SyncKind, SyncOptions, SyncRegistration, SyncRegistrationId, Tag, Timestamp, WorkerId,
    WorkerRegistration, WorkerRegistrationId,
};

/// Writes one change inside the transaction that is open.
pub(super) fn write(
    connection: &Connection,
    change: &Change,
    ids: &mut IdMarks,
    limits: ActivityLimits,
) -> rusqlite::Result<()> {
    match change {
        Change::PutWorkerRegistration(registration) => {
            put_worker_registration(connection, registration)?;
            ids.highest = ids.highest.max(registration.id.0);
        }
        Change::RemoveWorkerRegistration(WorkerRegistrationId(id)) => {
            connection.prepare_cached("DELETE FROM worker_registration WHERE id = ?1")?.execute([id])?;
            connection
                .prepare_cached("DELETE FROM sync_registration WHERE worker_registration = ?1")?
                .execute([id])?;
            // The ids of what it owned are not known here, so the mark goes up in any case.
            ids.stored = ids.highest;
        }
        Change::PutSyncRegistration(sync) => {
            put_sync_registration(connection, sync)?;
            ids.highest = ids.highest.max(sync.id.0);
        }
        Change::RemoveSyncRegistration(SyncRegistrationId(id)) => {
            connection.prepare_cached("DELETE FROM sync_registration WHERE id = ?1")?.execute([id])?;
            if *id > ids.stored {
                ids.stored = ids.highest;
            }
        }
        Change::PutOriginFire { storage_key, last_fire } => {
            connection
                .prepare_cached(
                    "INSERT INTO origin_fire (storage_key, last_fire_ms) VALUES (?1, ?2) \
                     ON CONFLICT (storage_key) DO UPDATE SET last_fire_ms = ?2",
                )?
                .execute(params![storage_key.as_str(), last_fire.0])?;
        }
        Change::RemoveOriginFire { storage_key } => {
            connection
                .prepare_cached("DELETE FROM origin_fire WHERE storage_key = ?1")?
                .execute([storage_key.as_str()])?;
        }
        Change::PutLastRound(round) => {
            connection
                .prepare_cached("INSERT OR REPLACE INTO last_round VALUES (1, ?1, ?2)")?
                .execute(params![round.time.0, round.drift_ms.cast_signed()])?;
        }
        Change::Record(activity) => {
            log::append(connection, ids.first_activity.take(), activity, limits)?;
        }
    }
    Ok(())
}

/// Writes the mark below which no id is given again.
pub(super) fn store_last_id(connection: &Connection, last_id: u64) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE meta SET last_id = ?1")?.execute([last_id])?;
    Ok(())
}

/// The marks of a database that was just opened.
pub(super) fn id_marks(connection: &Connection) -> rusqlite::Result<IdMarks> {
    connection.query_row(
        "SELECT last_id, max(last_id, ifnull((SELECT max(id) FROM worker_registration), 0), \
         ifnull((SELECT max(id) FROM sync_registration), 0)), \
         CASE WHEN EXISTS (SELECT 1 FROM activity) THEN NULL ELSE last_activity_id + 1 END FROM meta",
        [],
        |row| Ok(IdMarks { stored: row.get(0)?, highest: row.get(1)?, first_activity: row.get(2)? }),
    )
}

/// The random number of this installation.
pub(super) fn installation_seed(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("SELECT installation_seed FROM meta", [], |row| row.get(0).map(i64::cast_unsigned))
}

/// All worker registrations that can be read; the others are added to `skipped` (R170).
pub(super) fn worker_registrations(
    connection: &Connection,
    skipped: &mut Vec<SkippedRecord>,
) -> rusqlite::Result<Vec<WorkerRegistration>> {
    let mut statement = connection.prepare(
        "SELECT id, storage_key, scope, script_url, active_worker, active_activated \
         FROM worker_registration ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        keep("worker_registration", row, read_worker_registration(row), &mut found, skipped)?;
    }
    Ok(found)
}

/// The sync registrations with these ids that can be read and whose owner is among `owners`, which are ordered by id; the
/// others are added to `skipped`.
pub(super) fn sync_registrations(
    connection: &Connection,
    ids: RangeInclusive<i64>,
    owners: &[WorkerRegistration],
    skipped: &mut Vec<SkippedRecord>,
) -> rusqlite::Result<Vec<SyncRegistration>> {
    let mut statement = connection.prepare(
        "SELECT id, worker_registration, kind, tag, registered_at_ms, attempts, interrupted_starts, attempts_max, \
         not_before_ms, reregistered, min_interval_ms, anchor_ms, last_success_ms, not_after_ms, \
         network_condition, power_condition, network FROM sync_registration \
         WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
    )?;
    let mut rows = statement.query([ids.start(), ids.end()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let sync = read_sync_registration(row).and_then(|sync| {
            if owners.binary_search_by_key(&sync.worker_registration, |owner| owner.id).is_ok() {
                Ok(sync)
            } else {
                Err(orphan_problem(sync.worker_registration))
            }
        });
        keep("sync_registration", row, sync, &mut found, skipped)?;
    }
    Ok(found)
}

/// When a periodic event of each origin last succeeded, in the order of the storage keys.
pub(super) fn origin_fires(
    connection: &Connection,
    skipped: &mut Vec<SkippedRecord>,
) -> rusqlite::Result<Vec<(StorageKey, Timestamp)>> {
    let mut statement =
        connection.prepare("SELECT id, storage_key, last_fire_ms FROM origin_fire ORDER BY storage_key")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let fire = column::<String>(row, 1, "storage_key")
            .and_then(|key| Ok((StorageKey::from(key.as_str()), Timestamp(column(row, 2, "last_fire_ms")?))));
        keep("origin_fire", row, fire, &mut found, skipped)?;
    }
    Ok(found)
}

/// The last round of periodic events.
pub(super) fn last_round(
    connection: &Connection,
    skipped: &mut Vec<SkippedRecord>,
) -> rusqlite::Result<Option<LastRound>> {
    let mut statement = connection.prepare("SELECT id, time_ms, drift_ms FROM last_round")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let round = column(row, 1, "time_ms").and_then(|time| {
            let drift_ms = column::<i64>(row, 2, "drift_ms")?.cast_unsigned();
            Ok(LastRound { time: Timestamp(time), drift_ms })
        });
        keep("last_round", row, round, &mut found, skipped)?;
    }
    Ok(found.pop())
}

fn keep<T>(
    table: &'static str,
    row: &Row<'_>,
    record: Result<T, String>,
    found: &mut Vec<T>,
    skipped: &mut Vec<SkippedRecord>,
) -> rusqlite::Result<()> {
    match record {
        Ok(record) => found.push(record),
        Err(problem) => skipped.push(SkippedRecord { table, id: row.get(0)?, problem }),
    }
    Ok(())
}

fn put_worker_registration(
    connection: &Connection,
    registration: &WorkerRegistration,
) -> rusqlite::Result<()> {
    let active = registration.active;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO worker_registration \
             (id, storage_key, scope, script_url, active_worker, active_activated) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            registration.id.0,
            registration.storage_key.as_str(),
            registration.scope,
            registration.script_url,
            active.map(|worker| worker.id.0.cast_signed()),
            active.is_some_and(|worker| worker.activated),
        ])?;
    Ok(())
}

fn put_sync_registration(connection: &Connection, sync: &SyncRegistration) -> rusqlite::Result<()> {
    let (min_interval, anchor, last_success) = match sync.options {
        SyncOptions::OneShot => (None, None, None),
        SyncOptions::Periodic { min_interval_ms, anchor, last_success } => {
            (Some(min_interval_ms.cast_signed()), Some(anchor.0), last_success.map(|time| time.0))
        }
    };
    let values = params![
        sync.id.0,
        sync.worker_registration.0,
        sync.kind() as u8,
        sync.tag.as_wtf8(),
        sync.registered_at.0,
        sync.attempts,
        sync.interrupted_starts,
        sync.attempts_max,
        sync.not_before.map(|time| time.0),
        sync.reregistered_while_firing,
        min_interval,
        anchor,
        last_success,
        sync.not_after.map(|time| time.0),
        network_number(sync.conditions.network),
        power_number(sync.conditions.power),
        sync.network.as_ref().map(NetworkId::as_str),
    ];
    // The owner of an entry never changes in practice. Leaving it alone keeps the page of the owners' index clean,
    // which is a third of what an update writes.
    let written = connection
        .prepare_cached(
            "INSERT INTO sync_registration (id, worker_registration, kind, tag, registered_at_ms, attempts, \
             interrupted_starts, attempts_max, not_before_ms, reregistered, min_interval_ms, anchor_ms, \
             last_success_ms, not_after_ms, network_condition, power_condition, network) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) \
             ON CONFLICT (id) DO UPDATE SET kind = ?3, tag = ?4, registered_at_ms = ?5, attempts = ?6, \
             interrupted_starts = ?7, attempts_max = ?8, not_before_ms = ?9, reregistered = ?10, \
             min_interval_ms = ?11, anchor_ms = ?12, last_success_ms = ?13, not_after_ms = ?14, \
             network_condition = ?15, power_condition = ?16, network = ?17 WHERE worker_registration = ?2",
        )?
        .execute(values)?;
    if written == 0 {
        connection
            .prepare_cached(
                "REPLACE INTO sync_registration (id, worker_registration, kind, tag, registered_at_ms, attempts, \
                 interrupted_starts, attempts_max, not_before_ms, reregistered, min_interval_ms, anchor_ms, \
                 last_success_ms, not_after_ms, network_condition, power_condition, network) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            )?
            .execute(values)?;
    }
    Ok(())
}

fn read_worker_registration(row: &Row<'_>) -> Result<WorkerRegistration, String> {
    let storage_key: String = column(row, 1, "storage_key")?;
    let active: Option<i64> = column(row, 4, "active_worker")?;
    let activated: bool = flag(row, 5, "active_activated")?;
    Ok(WorkerRegistration {
        id: WorkerRegistrationId(id(row, 0, "id")?),
        storage_key: StorageKey::from(storage_key.as_str()),
        scope: column(row, 2, "scope")?,
        script_url: column(row, 3, "script_url")?,
        active: active.map(|worker| ActiveWorker { id: WorkerId(worker.cast_unsigned()), activated }),
    })
}

fn read_sync_registration(row: &Row<'_>) -> Result<SyncRegistration, String> {
    let options = match column(row, 2, "kind")? {
        0_i64 => SyncOptions::OneShot,
        1 => SyncOptions::Periodic {
            min_interval_ms: column::<i64>(row, 10, "min_interval_ms")?.cast_unsigned(),
            anchor: Timestamp(column(row, 11, "anchor_ms")?),
            last_success: column::<Option<i64>>(row, 12, "last_success_ms")?.map(Timestamp),
        },
        kind => return Err(format!("unknown kind {kind}")),
    };
    Ok(SyncRegistration {
        id: SyncRegistrationId(id(row, 0, "id")?),
        worker_registration: WorkerRegistrationId(id(row, 1, "worker_registration")?),
        tag: tag(row
            .get_ref(3)
            .and_then(|value| Ok(value.as_blob()?))
            .map_err(|error| error.to_string())?)?,
        options,
        registered_at: Timestamp(column(row, 4, "registered_at_ms")?),
        attempts: column(row, 5, "attempts")?,
        interrupted_starts: column(row, 6, "interrupted_starts")?,
        attempts_max: column(row, 7, "attempts_max")?,
        not_before: column::<Option<i64>>(row, 8, "not_before_ms")?.map(Timestamp),
        not_after: column::<Option<i64>>(row, 13, "not_after_ms")?.map(Timestamp),
        conditions: Conditions {
            network: network_condition(column(row, 14, "network_condition")?)?,
            power: power_condition(column(row, 15, "power_condition")?)?,
        },
        network: row
            .get_ref(16)
            .and_then(|value| Ok(value.as_str_or_null()?))
            .map_err(|error| format!("column network: {error}"))?
            .map(NetworkId::from),
        reregistered_while_firing: flag(row, 9, "reregistered")?,
    })
}

fn network_number(condition: NetworkCondition) -> u8 {
    match condition {
        NetworkCondition::Any => 0,
        NetworkCondition::Online => 1,
        NetworkCondition::AvoidCellular => 2,
    }
}

fn network_condition(number: i64) -> Result<NetworkCondition, String> {
    match number {
        0 => Ok(NetworkCondition::Any),
        1 => Ok(NetworkCondition::Online),
        2 => Ok(NetworkCondition::AvoidCellular),
        other => Err(format!("unknown network condition {other}")),
    }
}

fn power_number(condition: PowerCondition) -> u8 {
    match condition {
        PowerCondition::Auto => 0,
        PowerCondition::AvoidDraining => 1,
    }
}

fn power_condition(number: i64) -> Result<PowerCondition, String> {
    match number {
        0 => Ok(PowerCondition::Auto),
        1 => Ok(PowerCondition::AvoidDraining),
        other => Err(format!("unknown power condition {other}")),
    }
}

/// The tag that is kept as these bytes (R12). Nearly all tags are plain UTF-8, which is quick to check.
pub(super) fn tag(bytes: &[u8]) -> Result<Tag, String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Tag::from(text)),
        Err(_) => Tag::from_wtf8(bytes).ok_or_else(|| "the tag is not well-formed WTF-8".to_owned()),
    }
}

/// The kind with this number.
pub(super) fn kind(number: i64) -> Result<SyncKind, String> {
    match number {
        0 => Ok(SyncKind::BackgroundSync),
        1 => Ok(SyncKind::PeriodicSync),
        other => Err(format!("unknown kind {other}")),
    }
}

/// A column as a Rust value, or what is wrong with it.
pub(super) fn column<T: FromSql>(row: &Row<'_>, index: usize, name: &str) -> Result<T, String> {
    row.get(index).map_err(|error| format!("column {name}: {error}"))
}

fn id(row: &Row<'_>, index: usize, name: &str) -> Result<u64, String> {
    let value: i64 = column(row, index, name)?;
    u64::try_from(value).map_err(|_| format!("column {name}: {value} is no id"))
}

fn flag(row: &Row<'_>, index: usize, name: &str) -> Result<bool, String> {
    match column(row, index, name)? {
        0_i64 => Ok(false),
        1 => Ok(true),
        other => Err(format!("column {name}: {other} is neither 0 nor 1")),
    }
}
