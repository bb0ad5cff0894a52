//! Opening the database: its version, its migrations, its settings.

use super::directory::{database_path, inaccessible};
use super::{draw_seed, failed};
use crate::store::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use wakeworker_core::Durability;

/// Numbered from 1: `PRAGMA user_version` is the number of those that have been applied (R176).
const MIGRATIONS: [&str; 2] =
    [include_str!("../migrations/0001_initial.sql"), include_str!("../migrations/0002_periodic.sql")];

/// The schema version that this program writes.
const SUPPORTED: u32 = MIGRATIONS.len() as u32;

/// "Wake": tells a profile from any other SQLite database.
const APPLICATION_ID: u32 = 0x5761_6B65;

/// Opens the database of a profile that is locked by this process, and brings its schema up to date.
pub(super) fn open(profile: &Path) -> Result<Connection, StoreError> {
    let path = database_path(profile);
    refuse_newer(profile, version_in_file(&path).map_err(inaccessible(&path))?)?;
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&path, flags).map_err(cannot_open(&path))?;
    let version = check(&connection, profile).map_err(|error| match error {
        CheckError::Refused(error) => error,
        CheckError::Database(error) => cannot_open(&path)(error),
    })?;
    configure(&connection).map_err(cannot_open(&path))?;
    migrate(&mut connection, version)?;
    Ok(connection)
}

/// The statement that sets how durable the next commits are. With WAL, FULL syncs the log once per commit, NORMAL
/// only when the log is moved into the database.
pub(super) fn synchronous(durability: Durability) -> &'static str {
    match durability {
        Durability::Strict => "PRAGMA synchronous = FULL",
        Durability::Lazy => "PRAGMA synchronous = NORMAL",
    }
}

enum CheckError {
    Refused(StoreError),
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for CheckError {
    fn from(error: rusqlite::Error) -> CheckError {
        CheckError::Database(error)
    }
}

/// The version in the header of a profile's database, read without SQLite, because SQLite leaves files of its own
/// beside a database that it only looks at. 0 if there is no database yet, or another one.
fn version_in_file(path: &Path) -> io::Result<u32> {
    let mut header = [0; 72];
    match File::open(path).and_then(|mut file| file.read_exact(&mut header)) {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => {
            return Ok(0);
        }
        Err(error) => return Err(error),
    }
    // The offsets are those of the file format, which SQLite has promised not to change.
    let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let ours = header.starts_with(b"SQLite format 3\0") && number(68) == APPLICATION_ID;
    Ok(if ours { number(60) } else { 0 })
}

fn refuse_newer(profile: &Path, found: u32) -> Result<(), StoreError> {
    if found > SUPPORTED {
        return Err(StoreError::TooNew { profile: profile.to_owned(), found, supported: SUPPORTED });
    }
    Ok(())
}

/// Reads the version again, because the newest header may still be in the write-ahead log, and refuses what is no
/// profile. Until that is known, closing the connection must not move the log into the database.
fn check(connection: &Connection, profile: &Path) -> Result<u32, CheckError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: u32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (application != 0 || version != 0 || tables != 0) {
        return Err(CheckError::Refused(StoreError::Database {
            operation: "open the profile",
            message: format!("`{}` is a database of another program", database_path(profile).display()),
        }));
    }
    refuse_newer(profile, version).map_err(CheckError::Refused)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(version)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(32);
    // A commit writes each page that it changes whole, and a registration changes three small records. Half the usual
    // size makes a durable registration a quarter faster. Only a new database takes it.
    connection.pragma_update(None, "page_size", 2_048)?;
    // Page 1 must not say WAL while the tables are missing after a crash, so this is done first; it is idempotent.
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
            Some(format!("its disk does not support write-ahead logging (journal mode {mode})")),
        ));
    }
    connection.execute_batch(synchronous(Durability::Strict))?;
    // 32 MiB of log before it is moved into the database: small checkpoints cost single commits 1.6 times the p99.
    connection.pragma_update(None, "wal_autocheckpoint", 16_384)?;
    // Negative: KiB. Only filled as far as the profile is large.
    connection.pragma_update(None, "cache_size", -65_536)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(())
}

fn migrate(connection: &mut Connection, from: u32) -> Result<(), StoreError> {
    for (number, migration) in (1_u32..).zip(MIGRATIONS).skip(from as usize) {
        let seed = if number == 1 { draw_seed()?.cast_signed() } else { 0 };
        apply(connection, number, migration, seed).map_err(failed("update the schema"))?;
    }
    Ok(())
}

/// One migration is one transaction: after a crash the profile has the version before or after it.
fn apply(connection: &mut Connection, number: u32, migration: &str, seed: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(migration)?;
    if number == 1 {
        transaction.execute("INSERT INTO meta VALUES (1, 0, ?1, 0)", [seed])?;
    }
    transaction.pragma_update(None, "user_version", number)?;
    transaction.commit()
}

fn cannot_open(path: &Path) -> impl Fn(rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    move |error| match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            StoreError::Inaccessible { path: path.clone(), source: io::Error::other(error) }
        }
        _ => StoreError::Database {
            operation: "open the profile",
            message: format!("`{}`: {error}", path.display()),
        },
    }
}
