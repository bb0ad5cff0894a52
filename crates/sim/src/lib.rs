//! Deterministic simulation of WakeWorker: the real `Driver` and the real `Engine` of several profiles on a virtual clock,
//! in a world where everything fails, held against a model of the specifications after every step.
//!
//! A run is bytes ([`Scenario::decode`] takes any), so that a seed, a fuzzer, the shrinker and the corpus of old failures
//! all speak of the same runs. [`play`] plays one and panics if anything is not as it must be:
//!
//! ```
//! let bytes = wakeworker_sim::Scenario::bytes_of_seed(7);
//! assert_eq!(wakeworker_sim::play(&bytes), wakeworker_sim::play(&bytes), "equal bytes, equal runs");
//! ```
//!
//! `scripts/sim` runs seeds by the thousand; `docs/testing.md` says what is proved by it.

mod chance;
mod disk;
mod liveness;
mod model;
mod process;
mod scenario;
mod shrink;
mod trace;
mod workers;
mod world;

pub use scenario::{
    Act, Ending, Entry, FaultKind, HEADER_BYTES, HostCall, STEP_BYTES, STEPS_MAX, Scenario, Setup, Site,
    SiteFact, Slot, Step, WorkerNews,
};
pub use shrink::shrink;

use disk::{Medium, Memory, Sqlite};
use trace::Trace;
use world::World;

/// What the simulated profiles are kept on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskKind {
    /// A store in memory, which does as it is told.
    Memory,
    /// The real SQLite store on files. A power cut loses and tears what was not synced.
    Sqlite,
}

/// Plays the run that these bytes stand for, on a disk in memory. Returns a number that stands for everything that
/// happened.
///
/// # Panics
/// If a host does anything that the specifications do not allow, loses anything, or leaves anything undone.
pub fn play(bytes: &[u8]) -> u64 {
    play_on(DiskKind::Memory, bytes, false)
}

/// As [`play`], on a disk of this kind; if `told`, with everything that happens on standard error.
///
/// # Panics
/// As [`play`].
pub fn play_on(disk: DiskKind, bytes: &[u8], told: bool) -> u64 {
    let scenario = Scenario::decode(bytes);
    let trace = Trace::new(told);
    let seed = scenario.setup.installation_seed;
    let medium = |name: usize, _| -> Box<dyn Medium> {
        let seed = seed + name as u64;
        match disk {
            DiskKind::Memory => Box::new(Memory::new(seed)),
            DiskKind::Sqlite => Box::new(Sqlite::new(seed)),
        }
    };
    let mut world = World::new(&scenario, medium, trace.clone());
    for step in &scenario.steps {
        world.step(step);
    }
    world.live();
    trace.digest()
}
