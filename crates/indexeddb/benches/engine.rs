//! What an operation of the engine costs, beside the same rows in a bare SQLite table, in turns on the same disk.
//!
//! ```sh
//! cargo bench -p wakeworker-indexeddb --bench engine -- [--json] [--only NAME] [DIRECTORY]
//! ```
//!
//! Both have a write-ahead log and the same durability; the bare side has one table and one index of its records, one
//! prepared statement for each operation, and nothing else. The sides take turns of a few milliseconds, each the first
//! in every other round; the medians of all turns are shown, and the ratio of the best ones, because whatever else the
//! machine does only makes a turn longer. `--json` prints the medians for `scripts/bench indexeddb`, without the large
//! database; `--only` measures one operation, by its name there, for a profiler. `DIRECTORY` must be on a real disk; the
//! default is the build directory.
#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]

use rusqlite::{Connection, params};
use std::cell::Cell;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use wakeworker_indexeddb::{
    Context, Direction, Engine, IndexKeys, Key, KeyPart, Limits, Listener, Mode, Notice, Place, Range, Scan,
    Source, Start,
};

/// Of a turn.
const RECORDS: u32 = 1_000;
const COMMITS: u32 = 20;
const LARGE: u32 = 1_000_000;
const ROUNDS: u32 = 60;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut given = std::env::args().skip(1);
    let (mut is_json, mut only) = (false, None);
    let mut parent = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--bench" => {}
            "--json" => is_json = true,
            "--only" => only = Some(given.next().ok_or("--only needs the name of an operation")?),
            directory => parent = PathBuf::from(directory),
        }
    }
    std::fs::create_dir_all(&parent)?;
    let dir = tempfile::tempdir_in(&parent)?;
    let own = Own::open(&dir.path().join("own"))?;
    let bare = Bare::open(&dir.path().join("bare.sqlite"))?;
    if only.is_some() {
        // What is read must be there.
        own.fill(0, false)?;
        bare.fill(0, false)?;
        own.fill_indexed(0, 0)?;
        bare.fill_indexed(0, 0)?;
    }
    if !is_json {
        println!(
            "{:46} {:>10} {:>10} {:>7} {:>9}",
            "µs for each record", "engine", "SQLite", "ratio", "of best"
        );
    }
    let mut all = Vec::new();
    // The places of both sides, and the name in the comparison with browsers.
    let mut compare = |name: &str, what: &str, records: u32, own: &mut Turn<'_>, bare: &mut Turn<'_>| {
        if only.as_ref().is_some_and(|only| only != name) {
            return Ok(());
        }
        let turns = take_turns(records, own, bare)?;
        if !is_json {
            turns.print(what);
        }
        all.push(format!("\"{name}\":[{},{}]", turns.engine(), turns.bare()));
        Ok::<_, Box<dyn Error>>(())
    };
    compare(
        "put, relaxed",
        "put, 1,000 in a relaxed transaction",
        RECORDS,
        &mut |round| own.fill(2 * round, false),
        &mut |round| bare.fill(2 * round, false),
    )?;
    compare(
        "put, strict",
        "put, 1,000 in a strict transaction",
        RECORDS,
        &mut |round| own.fill(2 * round + 1, true),
        &mut |round| bare.fill(2 * round + 1, true),
    )?;
    compare(
        "put over, relaxed",
        "put over an existing record, relaxed",
        RECORDS,
        &mut |_| own.fill(0, false),
        &mut |_| bare.fill(0, false),
    )?;
    compare(
        "put with an index",
        "put with a key in an index, relaxed",
        RECORDS,
        &mut |round| own.fill_indexed(round, 0),
        &mut |round| bare.fill_indexed(round, 0),
    )?;
    compare(
        "put over with an index",
        "put over one with the same key in an index",
        RECORDS,
        &mut |_| own.fill_indexed(0, 0),
        &mut |_| bare.fill_indexed(0, 0),
    )?;
    compare(
        "put over, another index key",
        "put over one with another key in an index",
        RECORDS,
        &mut |round| own.fill_indexed(0, round + 1),
        &mut |round| bare.fill_indexed(0, round + 1),
    )?;
    compare(
        "commit, strict",
        "one put and a strict commit",
        COMMITS,
        &mut |_| own.commits(true),
        &mut |_| bare.commits(true),
    )?;
    compare(
        "commit, relaxed",
        "one put and a relaxed commit",
        COMMITS,
        &mut |_| own.commits(false),
        &mut |_| bare.commits(false),
    )?;
    compare("get", "get, 1,000 in a transaction", RECORDS, &mut |_| own.gets(), &mut |_| bare.gets())?;
    compare(
        "cursor",
        "a cursor's step, 1,000 in a transaction",
        RECORDS,
        &mut |_| own.cursor(),
        &mut |_| bare.cursor(),
    )?;
    compare("getAll", "getAll of 1,000", RECORDS, &mut |_| own.get_all(), &mut |_| bare.get_all())?;
    compare("count", "count of 1,000", RECORDS, &mut |_| own.count(), &mut |_| bare.count())?;
    compare(
        "delete",
        "delete, one key of 1,000 each",
        RECORDS,
        &mut |round| own.delete(2 * round),
        &mut |round| bare.delete(2 * round),
    )?;
    if is_json {
        println!("{{{}}}", all.join(","));
        return Ok(());
    }
    if only.is_some() {
        return Ok(());
    }
    drop(own);
    open_large(&dir.path().join("large"))
}

/// What a side does in a round.
type Turn<'a> = dyn FnMut(u32) -> Result<()> + 'a;

/// Microseconds for each record, of all turns of both sides, sorted.
struct Turns {
    engine: Vec<f64>,
    bare: Vec<f64>,
}

fn take_turns(records: u32, own: &mut Turn<'_>, bare: &mut Turn<'_>) -> Result<Turns> {
    let mut turns = Turns { engine: Vec::new(), bare: Vec::new() };
    let take_turn = |side: &mut Turn<'_>, round: u32, times: &mut Vec<f64>| {
        let begin = now();
        side(round)?;
        times.push(begin.elapsed().as_secs_f64() * 1e6 / f64::from(records));
        Ok::<_, Box<dyn Error>>(())
    };
    for round in 0..ROUNDS {
        if round % 2 == 0 {
            take_turn(own, round, &mut turns.engine)?;
            take_turn(bare, round, &mut turns.bare)?;
        } else {
            take_turn(bare, round, &mut turns.bare)?;
            take_turn(own, round, &mut turns.engine)?;
        }
    }
    turns.engine.sort_by(f64::total_cmp);
    turns.bare.sort_by(f64::total_cmp);
    Ok(turns)
}

impl Turns {
    fn engine(&self) -> f64 {
        self.engine[self.engine.len() / 2]
    }

    fn bare(&self) -> f64 {
        self.bare[self.bare.len() / 2]
    }

    fn print(&self, what: &str) {
        let (engine, bare) = (self.engine(), self.bare());
        let best = self.engine[0] / self.bare[0];
        println!("{what:46} {engine:>10.2} {bare:>10.2} {:>6.2}x {best:>8.2}x", engine / bare);
    }
}

/// A fresh engine over a database with a million records.
fn open_large(dir: &Path) -> Result<()> {
    let own = Own::open(dir)?;
    own.put_all(0..LARGE, false)?;
    drop(own);
    let mut times = Vec::new();
    let before = resident_kib();
    for _ in 0..=ROUNDS {
        let begin = now();
        let own = Own::open(dir)?;
        let transaction = own.begin(Mode::ReadOnly, false)?;
        own.context.scan(transaction, &own.query(Range::only(number(LARGE / 2)?), None, Some(1)))?;
        times.push(begin.elapsed());
        own.context.commit(transaction)?;
    }
    times.sort_unstable();
    println!(
        "engine, open and first get of {LARGE} records: {:.1} ms (at most {:.1} ms), {} KiB more memory",
        times[times.len() / 2].as_secs_f64() * 1e3,
        times[times.len() - 1].as_secs_f64() * 1e3,
        resident_kib().saturating_sub(before)
    );
    Ok(())
}

/// The engine with one store, and one that has an index.
struct Own {
    context: Context,
    connection: u64,
    store: i64,
    indexed: i64,
    index: i64,
}

struct Notices(Mutex<Sender<Notice>>);

impl Listener for Notices {
    fn notify(&self, notice: Notice) {
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).send(notice);
    }
}

impl Own {
    fn open(dir: &Path) -> Result<Own> {
        let engine = Engine::open(&Place::Dir(dir.to_owned()), Limits::default())?;
        let (sender, notices) = channel();
        let context = engine.context("https://a.example", Arc::new(Notices(Mutex::new(sender))));
        context.open_database(1, b"bench", Some(1));
        match notices.recv()? {
            Notice::UpgradeNeeded { connection, transaction, .. } => {
                let store = context.create_store(transaction, b"s", None, false)?;
                let indexed = context.create_store(transaction, b"t", None, false)?;
                let index = context.create_index(transaction, indexed, b"i", b"\"x\"", false, false)?;
                context.commit(transaction)?;
                Ok(Own { context, connection, store, indexed, index })
            }
            Notice::Opened { connection, schema, .. } => {
                let [store, indexed] = &*schema.stores else { return Err("the stores are gone".into()) };
                let index = indexed.indexes.first().ok_or("the index is gone")?.id;
                Ok(Own { context, connection, store: store.id, indexed: indexed.id, index })
            }
            other => Err(format!("{other:?}").into()),
        }
    }

    fn begin(&self, mode: Mode, strict: bool) -> Result<u64> {
        self.begin_with(self.store, mode, strict)
    }

    fn begin_with(&self, store: i64, mode: Mode, strict: bool) -> Result<u64> {
        let (transaction, started) = self.context.begin(self.connection, &[store], mode, strict)?;
        assert!(started, "nobody else has a transaction");
        Ok(transaction)
    }

    fn put_all(&self, keys: std::ops::Range<u32>, strict: bool) -> Result<()> {
        let transaction = self.begin(Mode::ReadWrite, strict)?;
        for key in keys {
            self.put(transaction, key)?;
        }
        Ok(self.context.commit(transaction)?)
    }

    fn put(&self, transaction: u64, key: u32) -> Result<()> {
        let entries: [IndexKeys; 0] = [];
        Ok(self.context.put(transaction, self.store, &number(key)?, &value(), &entries, true)?)
    }

    fn fill(&self, round: u32, strict: bool) -> Result<()> {
        self.put_all(keys_of(round), strict)
    }

    fn fill_indexed(&self, round: u32, moved: u32) -> Result<()> {
        let transaction = self.begin_with(self.indexed, Mode::ReadWrite, false)?;
        for key in keys_of(round) {
            let entries = [IndexKeys { index: self.index, keys: vec![number(scattered(key, moved))?] }];
            self.context.put(transaction, self.indexed, &number(key)?, &value(), &entries, true)?;
        }
        Ok(self.context.commit(transaction)?)
    }

    fn delete(&self, round: u32) -> Result<()> {
        let transaction = self.begin(Mode::ReadWrite, false)?;
        for key in keys_of(round) {
            self.context.delete(transaction, self.store, &Range::only(number(key)?))?;
        }
        Ok(self.context.commit(transaction)?)
    }

    fn commits(&self, strict: bool) -> Result<()> {
        for key in 0..COMMITS {
            let transaction = self.begin(Mode::ReadWrite, strict)?;
            self.put(transaction, key)?;
            self.context.commit(transaction)?;
        }
        Ok(())
    }

    fn query(&self, range: Range, start: Option<Start>, limit: Option<u32>) -> Scan {
        Scan {
            source: Source::Store(self.store),
            range,
            direction: Direction::Next,
            start,
            skip: 0,
            limit,
            values: true,
        }
    }

    fn gets(&self) -> Result<()> {
        let transaction = self.begin(Mode::ReadOnly, false)?;
        for key in 0..RECORDS {
            let found =
                self.context.scan(transaction, &self.query(Range::only(number(key)?), None, Some(1)))?;
            assert_eq!(found.len(), 1);
        }
        Ok(self.context.commit(transaction)?)
    }

    fn cursor(&self) -> Result<()> {
        let transaction = self.begin(Mode::ReadOnly, false)?;
        let mut start = None;
        for _ in 0..RECORDS {
            let mut found = self.context.scan(transaction, &self.query(Range::default(), start, Some(1)))?;
            let row = found.pop().ok_or("the cursor ended early")?;
            start = Some(Start { key: row.key, primary_key: None, after: true });
        }
        Ok(self.context.commit(transaction)?)
    }

    fn get_all(&self) -> Result<()> {
        let transaction = self.begin(Mode::ReadOnly, false)?;
        let found = self.context.scan(transaction, &self.query(Range::default(), None, Some(RECORDS)))?;
        assert_eq!(found.len(), RECORDS as usize);
        Ok(self.context.commit(transaction)?)
    }

    fn count(&self) -> Result<()> {
        let transaction = self.begin(Mode::ReadOnly, false)?;
        let upper = wakeworker_indexeddb::Bound { key: number(RECORDS)?, open: true };
        let range = Range { lower: None, upper: Some(upper) };
        let count = self.context.count(transaction, Source::Store(self.store), &range)?;
        assert_eq!(count, u64::from(RECORDS));
        Ok(self.context.commit(transaction)?)
    }
}

/// Each time another value of the same size: SQLite writes nothing when nothing changes.
fn value() -> [u8; 200] {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let mut value = [b'v'; 200];
    value[100..108].copy_from_slice(&DRAWN.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    value
}

fn keys_of(round: u32) -> std::ops::Range<u32> {
    round * RECORDS..(round + 1) * RECORDS
}

/// Another number for each key, in no order; others when they have moved.
fn scattered(key: u32, moved: u32) -> u32 {
    (key + 1_000_000 * moved).wrapping_mul(2_654_435_761)
}

fn number(key: u32) -> Result<Key> {
    Ok(Key::from_parts([KeyPart::Number(f64::from(key))])?)
}

/// One table of SQLite, and the durability that it was told last.
struct Bare(Connection, Cell<Option<bool>>);

impl Bare {
    fn open(path: &Path) -> Result<Bare> {
        let sqlite = Connection::open(path)?;
        sqlite.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        sqlite
            .execute_batch(
                "CREATE TABLE record (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
                CREATE TABLE indexed (key BLOB PRIMARY KEY, x BLOB NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;
                CREATE INDEX indexed_x ON indexed (x);",
            )?;
        Ok(Bare(sqlite, Cell::new(None)))
    }

    fn transact(&self, strict: bool, act: impl FnOnce(&Connection) -> Result<()>) -> Result<()> {
        if self.1.replace(Some(strict)) != Some(strict) {
            self.0.pragma_update(None, "synchronous", if strict { "FULL" } else { "NORMAL" })?;
        }
        self.between("BEGIN IMMEDIATE", act)
    }

    fn put(sqlite: &Connection, key: u32) -> Result<()> {
        let mut put = sqlite.prepare_cached("INSERT OR REPLACE INTO record (key, value) VALUES (?1, ?2)")?;
        put.execute(params![number(key)?.as_bytes(), value()])?;
        Ok(())
    }

    fn fill(&self, round: u32, strict: bool) -> Result<()> {
        self.transact(strict, |sqlite| keys_of(round).try_for_each(|key| Bare::put(sqlite, key)))
    }

    fn fill_indexed(&self, round: u32, moved: u32) -> Result<()> {
        self.transact(false, |sqlite| {
            let mut put = sqlite
                .prepare_cached("INSERT OR REPLACE INTO indexed (key, x, value) VALUES (?1, ?2, ?3)")?;
            for key in keys_of(round) {
                put.execute(params![
                    number(key)?.as_bytes(),
                    number(scattered(key, moved))?.as_bytes(),
                    value()
                ])?;
            }
            Ok(())
        })
    }

    fn delete(&self, round: u32) -> Result<()> {
        self.transact(false, |sqlite| {
            let mut delete = sqlite.prepare_cached("DELETE FROM record WHERE key = ?1")?;
            for key in keys_of(round) {
                delete.execute([number(key)?.as_bytes()])?;
            }
            Ok(())
        })
    }

    fn commits(&self, strict: bool) -> Result<()> {
        (0..COMMITS).try_for_each(|key| self.transact(strict, |sqlite| Bare::put(sqlite, key)))
    }

    fn read(&self, act: impl FnOnce(&Connection) -> Result<()>) -> Result<()> {
        self.between("BEGIN", act)
    }

    fn between(&self, begin: &str, act: impl FnOnce(&Connection) -> Result<()>) -> Result<()> {
        self.0.prepare_cached(begin)?.execute([])?;
        act(&self.0)?;
        self.0.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    fn gets(&self) -> Result<()> {
        self.read(|sqlite| {
            let mut get = sqlite.prepare_cached("SELECT key, value FROM record WHERE key = ?1")?;
            for key in 0..RECORDS {
                let row =
                    |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?));
                get.query_row([number(key)?.as_bytes()], row)?;
            }
            Ok(())
        })
    }

    fn cursor(&self) -> Result<()> {
        self.read(|sqlite| {
            let mut next =
                sqlite.prepare_cached("SELECT key, value FROM record WHERE key > ?1 ORDER BY key LIMIT 1")?;
            let mut at = Vec::new();
            for _ in 0..RECORDS {
                at = next.query_row([&at], |row| {
                    row.get::<_, Vec<u8>>(1)?;
                    row.get::<_, Vec<u8>>(0)
                })?;
            }
            Ok(())
        })
    }

    fn get_all(&self) -> Result<()> {
        self.read(|sqlite| {
            let mut all = sqlite.prepare_cached("SELECT key, value FROM record ORDER BY key LIMIT ?1")?;
            let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?));
            let found = all.query_map([RECORDS], row)?.collect::<rusqlite::Result<Vec<_>>>()?;
            assert_eq!(found.len(), RECORDS as usize);
            Ok(())
        })
    }

    fn count(&self) -> Result<()> {
        self.read(|sqlite| {
            let mut count = sqlite.prepare_cached("SELECT count(*) FROM record WHERE key < ?1")?;
            let count: u32 = count.query_row([number(RECORDS)?.as_bytes()], |row| row.get(0))?;
            assert_eq!(count, RECORDS);
            Ok(())
        })
    }
}

/// Resident memory of this process; 0 where the system does not tell.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the machine's clock")]
fn now() -> Instant {
    Instant::now()
}
