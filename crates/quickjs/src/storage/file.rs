//! One SQLite file of the profile: brought up to date when it is opened, and moved aside when it is damaged, so that
//! everything else works.

use super::RuntimeStorage;
use crate::OpenError;
use rusqlite::{Connection, ErrorCode};
use std::path::{Path, PathBuf};
use std::time::Duration;
use wakeworker_indexeddb::move_aside;

/// Opens a file and brings its schema up to date: `migrations[n]` leads from version n to n + 1. One that is damaged is
/// moved aside and made anew; `damage` hears of it, in words for people.
pub(crate) fn open(
    storage: &RuntimeStorage,
    file: &str,
    migrations: &[&str],
    damage: &mut Vec<String>,
) -> Result<Connection, OpenError> {
    let RuntimeStorage::Dir(dir) = storage else {
        let path = Path::new(file);
        let connection = Connection::open_in_memory().map_err(|error| inaccessible(path, &error))?;
        return prepare(connection, path, migrations, None).map_err(|problem| problem.refuse(path));
    };
    std::fs::create_dir_all(dir).map_err(|error| inaccessible(dir, &error))?;
    let path = dir.join(file);
    match open_file(&path, migrations) {
        Err(Problem::Damaged(text)) => {
            let aside = set_aside(&path)?;
            damage.push(format!(
                "`{}` is damaged ({text}); it was moved to `{}`, and an empty one takes its place",
                path.display(),
                aside.display()
            ));
            open_file(&path, migrations).map_err(|problem| problem.refuse(&path))
        }
        opened => opened.map_err(|problem| problem.refuse(&path)),
    }
}

/// Why a file was not opened.
enum Problem {
    /// What it has cannot be trusted.
    Damaged(String),
    Refused(OpenError),
}

impl Problem {
    fn of(path: &Path, error: &rusqlite::Error) -> Problem {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Problem::Damaged(error.to_string()),
            _ => Problem::Refused(inaccessible(path, error)),
        }
    }

    /// For a file that must not be damaged, such as one that was just made.
    fn refuse(self, path: &Path) -> OpenError {
        match self {
            Problem::Damaged(text) => inaccessible(path, &text),
            Problem::Refused(error) => error,
        }
    }
}

fn open_file(path: &Path, migrations: &[&str]) -> Result<Connection, Problem> {
    let log = path.with_extension("sqlite-wal");
    let was_closed = !std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
    // The quick check reads all of it, but does not compare tables with their indexes.
    let check = if was_closed { "PRAGMA quick_check(1)" } else { "PRAGMA integrity_check(1)" };
    let connection = Connection::open(path).map_err(|error| Problem::of(path, &error))?;
    prepare(connection, path, migrations, Some(check))
}

fn prepare(
    mut connection: Connection,
    path: &Path,
    migrations: &[&str],
    check: Option<&str>,
) -> Result<Connection, Problem> {
    let fail = |error: rusqlite::Error| Problem::of(path, &error);
    connection.busy_timeout(Duration::from_secs(10)).map_err(fail)?;
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(fail)?;
    let supported = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    if found > supported {
        return Err(Problem::Refused(OpenError::TooNew { path: path.to_owned(), found, supported }));
    }
    if let Some(check) = check {
        let problem: String = connection.query_row(check, [], |row| row.get(0)).map_err(fail)?;
        if problem != "ok" {
            return Err(Problem::Damaged(problem));
        }
    }
    // In WAL mode a commit needs one fsync (FULL) or none (NORMAL), and readers do not wait for writers.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).map_err(fail)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(fail)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(fail)?;
    for version in found..supported {
        let transaction = connection.transaction().map_err(fail)?;
        transaction.execute_batch(migrations[version as usize]).map_err(fail)?;
        transaction.pragma_update(None, "user_version", version + 1).map_err(fail)?;
        transaction.commit().map_err(fail)?;
    }
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Moves something damaged to a name that is free; gives the name.
pub(crate) fn set_aside(path: &Path) -> Result<PathBuf, OpenError> {
    move_aside(path)
        .map_err(|error| inaccessible(path, &format!("it is damaged and cannot be moved aside: {error}")))
}

pub(crate) fn inaccessible(path: &Path, error: &dyn std::fmt::Display) -> OpenError {
    OpenError::Inaccessible { path: path.to_owned(), message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without damage.
    fn open_at(dir: &Path, file: &str, migrations: &[&str]) -> Result<Connection, OpenError> {
        let mut damage = Vec::new();
        let opened = open(&RuntimeStorage::Dir(dir.to_owned()), file, migrations, &mut damage);
        assert_eq!(damage, [""; 0]);
        opened
    }

    const TABLES: [&str; 2] = ["CREATE TABLE a (b); INSERT INTO a VALUES ('kept')", "CREATE TABLE c (d)"];

    #[test] // R176
    fn a_newer_schema_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        drop(open_at(dir.path(), "a.sqlite", &TABLES[..1]).unwrap());
        drop(open_at(dir.path(), "a.sqlite", &TABLES).unwrap());
        let refused = open_at(dir.path(), "a.sqlite", &TABLES[..1]);
        assert!(matches!(refused, Err(OpenError::TooNew { found: 2, supported: 1, .. })), "{refused:?}");
        drop(open_at(dir.path(), "a.sqlite", &TABLES).unwrap());
    }

    #[test]
    fn what_is_no_directory_is_refused_with_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let error = open_at(&file, "a.sqlite", &TABLES).unwrap_err();
        assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    }

    #[test] // R170
    fn what_is_damaged_is_moved_aside_each_time_and_nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let storage = RuntimeStorage::Dir(dir.path().to_owned());
        let path = dir.path().join("a.sqlite");
        drop(open_at(dir.path(), "a.sqlite", &TABLES).unwrap());
        let whole = std::fs::read(&path).unwrap();
        let mut torn = whole.clone();
        torn[4096..4200].fill(0xFF);
        let contents: [&[u8]; 3] =
            [b"this is no database, but it is long enough for one", &torn, &whole[..5000]];
        for (position, content) in contents.into_iter().enumerate() {
            std::fs::write(&path, content).unwrap();
            let mut damage = Vec::new();
            let opened = open(&storage, "a.sqlite", &TABLES, &mut damage).unwrap();
            let kept: String = opened.query_row("SELECT b FROM a", [], |row| row.get(0)).unwrap();
            assert_eq!(kept, "kept", "the tables were made anew");
            let name =
                if position == 0 { ".damaged".to_owned() } else { format!(".damaged-{}", position + 1) };
            let aside = beside_of(&path, &name);
            assert!(damage.len() == 1 && damage[0].contains(&aside.display().to_string()), "{damage:?}");
            assert_eq!(std::fs::read(aside).unwrap(), content);
        }
        drop(open_at(dir.path(), "a.sqlite", &TABLES).unwrap());
    }

    fn beside_of(path: &Path, suffix: &str) -> PathBuf {
        PathBuf::from(format!("{}{suffix}", path.display()))
    }
}
