//! What IndexedDB costs a worker's script: on the runtime's own, or on fake-indexeddb, which keeps everything in the
//! script's memory. `cargo bench -p wakeworker-quickjs --bench indexeddb -- [own|fake] [ROUNDS]` prints the samples of
//! each operation as JSON; `scripts/bench indexeddb` puts them beside a browser's.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that prints its findings, and fails by panicking"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::sync::Arc;
use support::{Server, World, npm};
use wakeworker_core::{Config, Connection};
use wakeworker_quickjs::RuntimeConfig;

fn main() {
    let mut given = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let side = given.next().unwrap_or_else(|| "own".to_owned());
    let rounds = given.next().unwrap_or_else(|| "7".to_owned());
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/indexeddb_libraries");
    let server = Server::with_worker(&npm::bundle(&project, "workload.js"));
    // Beside the build, which is on a real disk; the system's temporary directory may be in memory.
    let dir = Arc::new(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
    let world =
        World::open(Arc::new(server), dir, RuntimeConfig::default(), Config::default(), Connection::Unknown);
    let (_, worker) = world.activate("sw.js");
    println!("{}", world.ask(worker, &format!("{side} {rounds}")));
}
