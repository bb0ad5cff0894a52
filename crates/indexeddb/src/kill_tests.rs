//! A process that commits is killed at seeded moments: every commit that had returned is there, none is half there.

use crate::session::{all, context, engine_at};
use crate::tests::{blob_of, number, open, with_blob};
use crate::{IndexKeys, Mode, Row, Source};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const TEST: &str = "kill_tests::kill_9_leaves_whole_transactions";
const DIR: &str = "WAKEWORKER_TEST_KILLED_INDEXEDDB";
const SEED: u64 = 20_261_121;
const ROUNDS: u64 = 12;
const RECORDS: u32 = 20;

#[test]
fn kill_9_leaves_whole_transactions() {
    if let Some(dir) = std::env::var_os(DIR) {
        return commit_until_killed(dir.as_ref());
    }
    let dir = tempfile::tempdir().unwrap();
    let mut seed = SEED;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", TEST, "--nocapture", "--test-threads=1"])
            .env(DIR, dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let read = |line: &str| line.strip_prefix("ack ").map(|number| number.parse::<u32>().unwrap());
        let mut acknowledged = 0;
        for _ in 0..(seed >> 33) % 60 {
            let line = lines.next().expect("the child goes on until it is killed").unwrap();
            acknowledged = read(&line).unwrap_or(acknowledged);
        }
        for i in 0..(seed >> 40) % 1_000_000 {
            std::hint::black_box(i);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged =
            lines.map_while(Result::ok).filter_map(|line| read(&line)).last().unwrap_or(acknowledged);

        let engine = engine_at(dir.path());
        let (context, notes) = context(&engine);
        let (connection, store, index) = open(&context, &notes);
        let (transaction, _) = context.begin(connection, &[store], Mode::ReadOnly, false).unwrap();
        let rows = all(&context, transaction, Source::Store(store));
        let found = rows.first().map_or(0, batch_of);
        let place = format!("seed {SEED}, round {round}");
        assert!(found >= acknowledged, "{place}: {found} after {acknowledged} was acknowledged");
        assert_eq!(rows.len(), if found == 0 { 0 } else { RECORDS as usize }, "{place}");
        for row in &rows {
            assert_eq!(batch_of(row), found, "{place}: a transaction is half there");
        }
        let blobs = rows.iter().filter(|row| !row.blobs.is_empty()).count();
        let files = std::fs::read_dir(dir.path().join("1.blobs")).map_or(0, Iterator::count);
        assert_eq!(files, blobs, "{place}: there are orphans");
        let entries = all(&context, transaction, Source::Index { store, index });
        assert_eq!(entries.len(), rows.len(), "{place}: index and records differ");
        assert!(entries.iter().all(|row| batch_of(row) == found), "{place}");
    }
}

/// Each transaction replaces all records and their index keys.
#[allow(clippy::print_stdout, reason = "the child talks to its parent")]
fn commit_until_killed(dir: &Path) {
    let engine = engine_at(dir);
    let (context, notes) = context(&engine);
    let (connection, store, index) = open(&context, &notes);
    let (read, _) = context.begin(connection, &[store], Mode::ReadOnly, false).unwrap();
    let first = all(&context, read, Source::Store(store));
    context.commit(read).unwrap();
    let mut next = first.first().map_or(0, batch_of) + 1;
    println!();
    loop {
        let strict = next.is_multiple_of(2);
        let (write, _) = context.begin(connection, &[store], Mode::ReadWrite, strict).unwrap();
        context.clear(write, store).unwrap();
        for record in 0..RECORDS {
            let mut value = next.to_le_bytes().to_vec();
            value.resize(4 + (record as usize * 997) % 9_000, 0);
            if record % 7 == 3 {
                // Some records have their bytes in a file.
                value = with_blob(&value);
            }
            let entries = [IndexKeys { index, keys: vec![number(next * RECORDS + record)] }];
            context.put(write, store, &number(record), &value, &entries, false).unwrap();
        }
        context.commit(write).unwrap();
        println!("ack {next}");
        std::io::stdout().flush().unwrap();
        next += 1;
    }
}

fn batch_of(row: &Row) -> u32 {
    let value = if row.blobs.is_empty() { row.value.clone().unwrap() } else { blob_of(row) };
    u32::from_le_bytes(value[..4].try_into().unwrap())
}
