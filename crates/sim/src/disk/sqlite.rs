//! The real SQLite store on a disk that dies.

use super::Image;
use super::medium::Medium;
use super::power::PowerFailure;
use crate::chance::Chance;
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use wakeworker::store::{SqliteStore, Store};

/// A profile in a directory of its own. Each death moves it into a new one, so that what the dead process still does (its
/// end closes the database, which writes) changes nothing.
pub(crate) struct Sqlite {
    directory: TempDir,
    power: PowerFailure,
    chance: Chance,
}

impl Sqlite {
    /// A new profile that draws its random numbers from `seed`.
    pub(crate) fn new(seed: u64) -> Sqlite {
        let power = PowerFailure::install();
        let directory = fresh_directory();
        let mut store = SqliteStore::new(directory.path());
        let made = store.acquire().and_then(|lease| store.release(lease));
        assert!(made.is_ok(), "a profile cannot be made: {made:?}");
        let path = directory.path().join(DATABASE);
        let seeded = rusqlite::Connection::open(path).and_then(|database| {
            database.execute("UPDATE meta SET installation_seed = ?1", [seed.cast_signed()])
        });
        assert_eq!(seeded.ok(), Some(1), "the profile's seed cannot be set");
        Sqlite { directory, power, chance: Chance::new(seed) }
    }

    fn move_to(&mut self, directory: TempDir) {
        let left = std::mem::replace(&mut self.directory, directory);
        self.power.forget(left.path());
    }
}

impl Medium for Sqlite {
    fn open(&mut self) -> Box<dyn Store> {
        Box::new(SqliteStore::new(self.directory.path()))
    }

    fn kill(&mut self) {
        let next = fresh_directory();
        for name in [DATABASE, LOG] {
            let from = self.directory.path().join(name);
            if from.exists() {
                let copied = fs::copy(&from, next.path().join(name));
                assert!(copied.is_ok(), "{}: {copied:?}", from.display());
            }
        }
        self.move_to(next);
    }

    fn power_cut(&mut self, images: &[Image], _: usize, chance: u8) -> usize {
        let next = fresh_directory();
        for _ in 0..chance {
            self.chance.next();
        }
        let struck = self.power.strike(self.directory.path(), next.path(), &mut self.chance);
        assert!(struck.is_ok(), "{struck:?}");
        self.move_to(next);
        which_is_left(self.directory.path(), images)
    }
}

/// After a power cut the store must hold one of these, whole.
fn which_is_left(directory: &Path, images: &[Image]) -> usize {
    let mut store = SqliteStore::new(directory);
    let loaded = store.acquire().and_then(|lease| {
        let loaded = store.load(&lease)?;
        store.release(lease)?;
        Ok(loaded)
    });
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(error) => panic!("a power cut made the profile unreadable: {error}"),
    };
    assert!(loaded.skipped.is_empty(), "a power cut made records unreadable: {:?}", loaded.skipped);
    let left = images.iter().rposition(|image| image.equals(&loaded.snapshot));
    left.unwrap_or_else(|| {
        panic!("a power cut left what never was: {:#?}\nthe last sync left {:#?}", loaded.snapshot, images[0])
    })
}

fn fresh_directory() -> TempDir {
    match TempDir::new() {
        Ok(directory) => directory,
        Err(error) => {
            panic!("no directory for a simulated disk: {error}; set TMPDIR to one that can be written")
        }
    }
}

const DATABASE: &str = "profile.sqlite";
const LOG: &str = "profile.sqlite-wal";
