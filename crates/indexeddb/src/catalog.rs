//! Which database of which origin is in which file: the catalog, a SQLite file, and beside each database its label, a text
//! that says the same. A database that the catalog does not name is taken in by its label, so that a damaged catalog
//! costs nothing.

use crate::sqlite_file::{self, move_aside};
use crate::{Error, Place};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const TABLES: &str = "
    CREATE TABLE database (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        origin TEXT NOT NULL,
        name BLOB NOT NULL,
        UNIQUE (origin, name)
    ) STRICT;
";

/// The names of all databases of a profile.
pub(crate) struct Catalog {
    dir: Option<PathBuf>,
    sqlite: Mutex<Connection>,
}

impl Catalog {
    /// Opens the catalog and removes files of databases that were being deleted. Also says what was damaged.
    pub(crate) fn open(place: &Place) -> Result<(Catalog, Vec<String>), Error> {
        let Place::Dir(dir) = place else {
            let sqlite = sqlite_file::open_in_memory(TABLES)?;
            return Ok((Catalog { dir: None, sqlite: Mutex::new(sqlite) }, Vec::new()));
        };
        std::fs::create_dir_all(dir).map_err(|error| Error::from_io(dir, &error))?;
        let mut damage = Vec::new();
        let path = dir.join("catalog.sqlite");
        // It is small, so all of it is read each time.
        let sqlite = match sqlite_file::open(&path, true, TABLES) {
            Err(error) if error.is_damage() => {
                damage.push(quarantine(dir, &path, &error)?);
                sqlite_file::open(&path, true, TABLES)?
            }
            opened => opened?,
        };
        let catalog = Catalog { dir: Some(dir.clone()), sqlite: Mutex::new(sqlite) };
        damage.extend(catalog.compare_with_files(dir)?);
        Ok((catalog, damage))
    }

    fn sqlite(&self) -> MutexGuard<'_, Connection> {
        self.sqlite.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names and ids of an origin's databases.
    pub(crate) fn list(&self, origin: &str) -> Result<Vec<(i64, Vec<u8>)>, Error> {
        let sqlite = self.sqlite();
        let mut statement =
            sqlite.prepare_cached("SELECT id, name FROM database WHERE origin = ?1 ORDER BY name")?;
        let rows = statement.query_map([origin], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Every database with its origin.
    pub(crate) fn origins(&self) -> Result<Vec<(String, i64)>, Error> {
        let sqlite = self.sqlite();
        let mut statement = sqlite.prepare("SELECT origin, id FROM database")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Whether the database has an id.
    pub(crate) fn find(&self, origin: &str, name: &[u8]) -> Result<Option<i64>, Error> {
        Ok(self
            .sqlite()
            .prepare_cached("SELECT id FROM database WHERE origin = ?1 AND name = ?2")?
            .query_row(params![origin, name], |row| row.get(0))
            .optional()?)
    }

    /// The id of a database, given now if it has none.
    pub(crate) fn id_of(&self, origin: &str, name: &[u8]) -> Result<i64, Error> {
        if let Some(id) = self.find(origin, name)? {
            return Ok(id);
        }
        let sqlite = self.sqlite();
        sqlite
            .prepare_cached("INSERT INTO database (origin, name) VALUES (?1, ?2)")?
            .execute(params![origin, name])?;
        let id = sqlite.last_insert_rowid();
        if let Some(dir) = &self.dir {
            write_label(dir, id, origin, name)?;
        }
        Ok(id)
    }

    /// Forgets a database: its label first, so that it is not taken in again.
    pub(crate) fn forget(&self, id: i64) -> Result<(), Error> {
        if let Some(dir) = &self.dir {
            let path = label_path(dir, id);
            remove_label(dir, &path).map_err(|error| Error::from_io(&path, &error))?;
        }
        self.sqlite().execute("DELETE FROM database WHERE id = ?1", [id])?;
        Ok(())
    }

    /// Takes in databases that only their labels name, writes labels that are missing, and removes what has neither.
    fn compare_with_files(&self, dir: &Path) -> Result<Vec<String>, Error> {
        let unusable = |error: io::Error| Error::from_io(dir, &error);
        // Before the rows: another process that makes a database now writes its row first, and its files after it.
        let files = files_by_id(dir).map_err(unusable)?;
        let sqlite = self.sqlite();
        let mut known = sqlite
            .prepare("SELECT id, origin, name FROM database")?
            .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?
            .collect::<rusqlite::Result<HashMap<i64, (String, Vec<u8>)>>>()?;
        let mut taken_in = Vec::new();
        if let Some(last) = files.keys().max() {
            never_again(&sqlite, *last)?;
        }
        // The newest first: if two have the same name, the older one was about to be deleted.
        for (id, kinds) in files.into_iter().rev() {
            if let Some((origin, name)) = known.remove(&id) {
                if !kinds.iter().any(|kind| kind == LABEL) {
                    write_label(dir, id, &origin, &name)?;
                }
                continue;
            }
            let label = if kinds.iter().any(|kind| kind == "sqlite") { read_label(dir, id) } else { None };
            if let Some((origin, name)) = label
                && sqlite.execute(
                    "INSERT INTO database (id, origin, name) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                    params![id, origin, name],
                )? > 0
            {
                taken_in.push(format!("`{}` of {origin}", String::from_utf8_lossy(&name)));
                continue;
            }
            for kind in kinds.iter().filter(|kind| OWN_KINDS.contains(&kind.as_str())) {
                let path = dir.join(format!("{id}.{kind}"));
                let removed =
                    if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
                removed.map_err(unusable)?;
            }
        }
        if taken_in.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![format!(
            "the catalog of databases did not name {}; they were taken in again by their labels",
            taken_in.join(", ")
        )])
    }
}

/// The kind of the file that says whose database it is.
const LABEL: &str = "label";
/// The extension of the mark of a database that must be checked.
pub(crate) const SUSPECT: &str = "suspect";
/// What belongs to a database, and goes with it.
const OWN_KINDS: [&str; 6] = ["sqlite", "sqlite-wal", "sqlite-shm", "blobs", LABEL, SUSPECT];

/// Moves a damaged catalog aside. A database without a label has no name from then on, so it is moved aside before: a
/// death in between must not make it look as if it had been deleted.
fn quarantine(dir: &Path, path: &Path, error: &Error) -> Result<String, Error> {
    let mut message = error.to_string();
    for (id, kinds) in files_by_id(dir).map_err(|error| Error::from_io(dir, &error))? {
        if kinds.iter().any(|kind| kind == "sqlite") && read_label(dir, id).is_none() {
            let aside = move_database_aside(&dir.join(format!("{id}.sqlite")))?;
            message.push_str(&format!(
                "; a database whose name is lost with it was moved to `{}`",
                aside.display()
            ));
        }
    }
    let aside = move_aside(path).map_err(|error| Error::from_io(path, &error))?;
    Ok(format!("{message}; the catalog was moved to `{}` and is made again", aside.display()))
}

/// Moves the file of a database with its blobs to a name that is free; gives the name of the file.
pub(crate) fn move_database_aside(path: &Path) -> Result<PathBuf, Error> {
    let aside = move_aside(path).map_err(|error| Error::from_io(path, &error))?;
    let blobs = path.with_extension("blobs");
    let mut suffix = OsString::from("blobs.");
    suffix.push(aside.extension().unwrap_or_default());
    // Without its rows nobody finds a blob any more, but a person may.
    let _ = std::fs::rename(&blobs, path.with_extension(suffix));
    Ok(aside)
}

/// Ids up to this one are not given any more: files of earlier databases may still have them in their names. Almost
/// always the catalog knows that already, and nothing is written.
fn never_again(sqlite: &Connection, last: i64) -> Result<(), Error> {
    let given: Option<i64> = sqlite
        .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'database'", [], |row| row.get(0))
        .optional()?;
    match given {
        Some(given) if given >= last => {}
        Some(_) => {
            sqlite.execute("UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'database'", [last])?;
        }
        None => {
            sqlite.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('database', ?1)", [last])?;
        }
    }
    Ok(())
}

/// The kinds (`sqlite`, `blobs`, `sqlite.damaged` …) of the files of each id.
fn files_by_id(dir: &Path) -> io::Result<BTreeMap<i64, Vec<String>>> {
    let mut all = BTreeMap::<i64, Vec<String>>::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let parts = name.to_str().and_then(|name| name.split_once('.'));
        if let Some((id, kind)) = parts
            && let Ok(id) = id.parse::<i64>()
        {
            all.entry(id).or_default().push(kind.to_owned());
        }
    }
    Ok(all)
}

fn label_path(dir: &Path, id: i64) -> PathBuf {
    dir.join(format!("{id}.{LABEL}"))
}

/// The origin in a line, the number of the name's bytes in a line, and the name, which may be anything.
fn write_label(dir: &Path, id: i64, origin: &str, name: &[u8]) -> Result<(), Error> {
    let path = label_path(dir, id);
    let mut content = format!("{origin}\n{}\n", name.len()).into_bytes();
    content.extend_from_slice(name);
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(&content)?;
        file.sync_all()
    });
    written.map_err(|error| Error::from_io(&path, &error))
}

/// Origin and name; none if the label is missing or not whole.
fn read_label(dir: &Path, id: i64) -> Option<(String, Vec<u8>)> {
    let content = std::fs::read(label_path(dir, id)).ok()?;
    let mut parts = content.splitn(3, |byte| *byte == b'\n');
    let origin = String::from_utf8(parts.next()?.to_vec()).ok()?;
    let length: usize = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    let name = parts.next()?;
    (name.len() == length).then(|| (origin, name.to_vec()))
}

fn remove_label(dir: &Path, path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        removed => removed?,
    }
    #[cfg(unix)]
    File::open(dir)?.sync_all()?;
    // Elsewhere a directory cannot be synced; the system journals names itself.
    #[cfg(not(unix))]
    let _ = dir;
    Ok(())
}
