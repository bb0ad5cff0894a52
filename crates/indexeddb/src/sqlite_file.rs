//! One SQLite file: opened, checked, brought to the format of this program, and moved aside when it is damaged.

use crate::{Error, schema};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Opens a file, made with these tables if it does not exist. With `check` all of it is read; an error for which
/// [`Error::is_damage`] holds means that it cannot be trusted.
pub(crate) fn open(path: &Path, check: bool, tables: &str) -> Result<Connection, Error> {
    let name = path.display().to_string();
    let damaged = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            Error::damaged(&name, &error)
        }
        _ => Error::from(error),
    };
    let mut sqlite = Connection::open(path)?;
    let found = sqlite.pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0));
    found.map_err(damaged)?;
    if check {
        let check: String =
            sqlite.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(damaged)?;
        if check != "ok" {
            return Err(Error::damaged(&name, &check));
        }
    }
    prepare(&mut sqlite, tables, &name)?;
    Ok(sqlite)
}

/// A database in memory.
pub(crate) fn open_in_memory(tables: &str) -> Result<Connection, Error> {
    let mut sqlite = Connection::open_in_memory()?;
    prepare(&mut sqlite, tables, "memory")?;
    Ok(sqlite)
}

/// Whether the file was not closed by whoever had it open last.
pub(crate) fn has_log(path: &Path) -> bool {
    std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

/// Brings a file to the format of this program; a newer one is refused and left alone.
fn prepare(sqlite: &mut Connection, tables: &str, name: &str) -> Result<(), Error> {
    sqlite.busy_timeout(Duration::from_secs(10))?;
    let found: u32 = sqlite.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > schema::FORMAT {
        return Err(Error::Unknown(format!(
            "`{name}` has format {found}, but this program reads only up to {}; use the newer program that wrote it",
            schema::FORMAT
        )));
    }
    sqlite.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    sqlite.pragma_update(None, "synchronous", "FULL")?;
    sqlite.set_prepared_statement_cache_capacity(64);
    // Without this, SQLite prepares a statement anew for each bound value of a range, which costs ten times the reading.
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    if found == 0 {
        let transaction = sqlite.transaction()?;
        transaction.execute_batch(tables)?;
        transaction.pragma_update(None, "user_version", schema::FORMAT)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Moves a damaged SQLite file with its log, or a directory, to a name beside it that is free; gives the name. For
/// programs that keep files of their own beside the databases.
pub fn move_aside(path: &Path) -> io::Result<PathBuf> {
    let mut aside = beside(path, ".damaged");
    let mut number = 1;
    while aside.exists() {
        number += 1;
        aside = beside(path, &format!(".damaged-{number}"));
    }
    // The log first: without its file nobody applies it to another.
    for (from, to) in [(beside(path, "-wal"), beside(&aside, "-wal")), (path.to_owned(), aside.clone())] {
        if from.exists() {
            std::fs::rename(from, to)?;
        }
    }
    let _ = std::fs::remove_file(beside(path, "-shm"));
    Ok(aside)
}

/// A path with something after its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
