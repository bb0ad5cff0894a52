//! The real driver in a world where everything fails: commits that fail or whose result is unknown, hosts that are killed,
//! clocks that jump, networks that flap, workers that hang, die or answer late. What was acknowledged must survive all of
//! it, and once the faults stop, everything must get done.
//!
//! `SEED=7 cargo test -p wakeworker --test simulation` replays one run; `SEEDS=100000` tries more of them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod disk;
mod model;
mod world;

use std::io::Write;
use world::World;

/// Runs that every test run tries.
const SEEDS: u64 = 40;

/// Things that happen before the faults stop.
const STEPS: u64 = 250;

/// Names the seed of a run that failed.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let line = format!("replay: SEED={} cargo test -p wakeworker --test simulation\n", self.0);
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

fn play(seed: u64) -> Vec<String> {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
        world.check();
    }
    world.live();
    world.into_trace()
}

#[test] // R36, R63, R166, R167, R168, R169, R171, R172, R174, R183
fn nothing_acknowledged_is_lost_and_in_the_end_everything_is_done() {
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(SEEDS),
    };
    let mut dispatched = 0;
    for seed in seeds {
        let _named = Named(seed);
        let trace = play(seed);
        assert_eq!(trace, play(seed), "equal seeds, equal runs");
        dispatched += trace.iter().filter(|line| line.starts_with("dispatch")).count();
    }
    assert!(dispatched > 0, "a world in which nothing happens proves nothing");
}
