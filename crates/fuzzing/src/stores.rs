//! What a store finds on the disk, and what a person imports.

use rusqlite::types::Value;
use std::path::Path;
use std::sync::OnceLock;
use wakeworker::store::{ActivityQuery, MemoryStore, SqliteStore, Store, import};
use wakeworker_core::{Config, Engine, Monotonic, Now, Step, Timestamp};

/// A profile with one of everything, as text.
const PROFILE: &str = include_str!("profile.json");
const FILE: &str = "profile.sqlite";
const COLUMNS: [(&str, &str); 14] = [
    ("meta", "*"),
    ("worker_registration", "storage_key"),
    ("worker_registration", "scope"),
    ("worker_registration", "script_url"),
    ("sync_registration", "*"),
    ("sync_registration", "tag"),
    ("sync_registration", "kind"),
    ("activity", "event"),
    ("activity", "tag"),
    ("activity", "kind"),
    ("activity", "time_ms"),
    ("activity", "storage_key"),
    ("origin_fire", "*"),
    ("last_round", "*"),
];

/// Any text is a profile or an error; what was imported can be loaded and keeps the engine's rules.
pub fn export_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut store = MemoryStore::new();
    if import(&mut store, text).is_ok() {
        load(&mut store);
    }
}

/// A profile whose rows, or whose file, were changed by somebody else: loaded as far as possible, or refused.
pub fn stored_rows(bytes: &[u8]) {
    let [how, rest @ ..] = bytes else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let mut database = template().to_vec();
    if how & 1 == 1 {
        for change in rest.chunks_exact(4) {
            let at = u32::from_le_bytes([change[0], change[1], change[2], 0]) as usize % database.len();
            database[at] = change[3];
        }
    }
    std::fs::write(&file, &database).unwrap();
    if how & 1 == 0 {
        change_rows(&file, rest);
    }
    let mut store = SqliteStore::new(folder.path());
    load(&mut store);
}

fn change_rows(file: &Path, changes: &[u8]) {
    let connection = rusqlite::Connection::open(file).unwrap();
    // What a newer version, a tool or a broken disk has written obeys no rule.
    connection.execute_batch("PRAGMA ignore_check_constraints = ON; PRAGMA synchronous = OFF").unwrap();
    for change in changes.chunks(20) {
        let (table, column) = COLUMNS[usize::from(change[0]) % COLUMNS.len()];
        let column = if column == "*" {
            let names: Vec<String> = connection
                .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))
                .and_then(|mut query| query.query_map([], |row| row.get(0))?.collect())
                .unwrap();
            names[usize::from(change.get(1).copied().unwrap_or(0)) % names.len()].clone()
        } else {
            column.to_owned()
        };
        let content = change.get(3..).unwrap_or_default();
        let value = match change.get(2).copied().unwrap_or(0) % 5 {
            0 => Value::Null,
            1 => {
                let mut number = [0; 8];
                let length = content.len().min(8);
                number[..length].copy_from_slice(&content[..length]);
                Value::Integer(i64::from_le_bytes(number))
            }
            2 => Value::Real(f64::from(content.len() as u32) * 1e300),
            3 => Value::Text(String::from_utf8_lossy(content).into_owned()),
            _ => Value::Blob(content.to_vec()),
        };
        // Some changes are impossible even so.
        let _ = connection.execute(&format!("UPDATE {table} SET \"{column}\" = ?1"), [value]);
    }
}

/// Loads everything; the engine must be able to live with whatever was accepted.
fn load(store: &mut dyn Store) {
    let Ok(lease) = store.acquire() else { return };
    if let Ok(loaded) = store.load(&lease) {
        let now = Now { wall: Timestamp(1_800_000_000_000), mono: Monotonic(1) };
        if let Ok(engine) = Engine::restore(Config::default(), loaded.snapshot, now, &mut Step::default()) {
            engine.check_invariants();
        }
    }
    // Refusing to read the log is an answer, too.
    let _ = store.activities(&ActivityQuery { after: 0, limit: 1_000 });
    let _ = store.release(lease);
}

/// The file of a sound profile.
fn template() -> &'static [u8] {
    static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        import(&mut SqliteStore::new(folder.path()), PROFILE).unwrap();
        let file = folder.path().join(FILE);
        let connection = rusqlite::Connection::open(&file).unwrap();
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE").unwrap();
        drop(connection);
        std::fs::read(file).unwrap()
    })
}
