//! A process that stores batches is killed at seeded moments: what it acknowledged is there, nothing is half there, and
//! no file is left over.

use super::tests::{open_at, origin, put};
use super::*;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

const TEST: &str = "storage::caches::kill_tests::kill_9_leaves_whole_batches_and_no_orphans";
const DIR: &str = "WAKEWORKER_TEST_KILLED_CACHES";
const SEED: u64 = 20_261_121;
const ROUNDS: u64 = 12;

#[test]
#[allow(clippy::print_stdout, reason = "the child talks to its parent, and the parent tells what it saw")]
fn kill_9_leaves_whole_batches_and_no_orphans() {
    if let Some(dir) = std::env::var_os(DIR) {
        return store_until_killed(dir.as_ref());
    }
    let dir = tempfile::tempdir().unwrap();
    let mut seed = SEED;
    let mut orphans = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", TEST, "--nocapture", "--test-threads=1"])
            .env(DIR, dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Some rounds end before the first batch, some in the middle of a later one.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let wanted = (seed >> 33) % 30;
        let mut acknowledged = None;
        while acknowledged.is_none_or(|(_, count)| count < wanted) {
            let line = lines.next().expect("the child goes on until it is killed").unwrap();
            let mut words = line.split_whitespace();
            if let (Some("ack"), Some(batch), Some(count)) = (words.next(), words.next(), words.next()) {
                acknowledged = Some((batch.parse::<u64>().unwrap(), count.parse::<u64>().unwrap()));
            }
        }
        spin(seed >> 40);
        child.kill().unwrap();
        child.wait().unwrap();
        let last = lines.map_while(Result::ok).filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some("ack")).then(|| words.next().unwrap().parse::<u64>().ok()).flatten()
        });
        let acknowledged = last.last().or(acknowledged.map(|(batch, _)| batch)).unwrap_or(0);
        let files = std::fs::read_dir(dir.path().join("caches")).unwrap().count() - 1;

        let caches = open_at(dir.path());
        let cache = caches.open_cache(&origin(), "\"c\"").unwrap();
        let found = caches.query(&origin(), cache, &Query::default()).unwrap();
        let bodies: Vec<Vec<u8>> =
            found.iter().map(|f| caches.read_body(f.body().unwrap().id, 0, usize::MAX).unwrap()).collect();
        let batch = bodies.first().map_or(0, |body| number(body));
        assert!(batch >= acknowledged, "seed {SEED}, round {round}: {batch} after {acknowledged}");
        assert_eq!(bodies.len(), if batch == 0 { 0 } else { 3 }, "seed {SEED}, round {round}");
        for body in &bodies {
            assert_eq!(*body, content(batch), "seed {SEED}, round {round}: a batch is half there");
        }
        assert_eq!(caches.bodies.count(), bodies.len(), "seed {SEED}, round {round}: orphans");
        assert!(caches.quota.account(&origin()).caches < 3 * 200_000);
        orphans += files.saturating_sub(bodies.len());
    }
    println!("{ROUNDS} kills, {orphans} orphans removed");
}

/// Each batch replaces the three entries of the one before.
#[allow(clippy::print_stdout, reason = "the child talks to its parent")]
fn store_until_killed(dir: &std::path::Path) {
    let caches = open_at(dir);
    let cache = caches.open_cache(&origin(), "\"c\"").unwrap();
    let found = caches.query(&origin(), cache, &Query { first: true, ..Query::default() }).unwrap();
    let mut batch =
        found.first().map_or(0, |entry| number(&caches.read_body(entry.body().unwrap().id, 0, 8).unwrap()));
    println!("\nack {batch} 0");
    for count in 1.. {
        batch += 1;
        let body = content(batch);
        put(&caches, cache, &[("a", &body), ("b", &body), ("c", &body)]).unwrap();
        println!("ack {batch} {count}");
        std::io::stdout().flush().unwrap();
    }
}

fn content(batch: u64) -> Vec<u8> {
    let mut content = batch.to_le_bytes().to_vec();
    content.resize(1_000 + (batch as usize * 7_919) % 120_000, batch as u8);
    content
}

fn number(body: &[u8]) -> u64 {
    u64::from_le_bytes(body[..8].try_into().unwrap())
}

/// Passes up to about two milliseconds, so that a kill does not always come right after an acknowledgement.
fn spin(seed: u64) {
    for i in 0..seed % 4_000_000 {
        std::hint::black_box(i);
    }
}
