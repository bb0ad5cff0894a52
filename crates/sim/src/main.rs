//! `scripts/sim`: runs seeds, replays one, shrinks what fails.

#![expect(clippy::print_stdout, reason = "a program talks")]

use std::env;
use std::panic::{catch_unwind, set_hook, take_hook};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use wakeworker_sim::{DiskKind, Scenario, play_on, shrink};

const USAGE: &str = "\
usage: scripts/sim [--seeds N] [--from S] [--disk DISK]   plays N seeds (default 1,000), each twice
       scripts/sim --minutes N [--from S] [--disk DISK]   plays seeds for N minutes
       SEED=S scripts/sim [--disk DISK]                   replays one seed and tells what happens
       scripts/sim --bytes HEX [--disk DISK]              replays these bytes and tells what happens
With `--shrink no` a failing seed is only named.
DISK is `memory` (the default) or `sqlite`, the real store on files whose unsynced parts a power cut loses or tears.
A failing seed is shrunk, and the bytes of the smallest run that still fails are printed.";

fn main() -> ExitCode {
    match Task::read() {
        Ok((Task::Run { from, until, shrinks }, disk)) => run(disk, from, until, shrinks),
        Ok((Task::Tell(bytes), disk)) => {
            println!("equal runs have the number {:016x}", play_on(disk, &bytes, true));
            ExitCode::SUCCESS
        }
        Ok((Task::Help, _)) => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            println!("{problem}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// What is asked for.
enum Task {
    Run { from: u64, until: Until, shrinks: bool },
    Tell(Vec<u8>),
    Help,
}

/// When enough has been played.
#[derive(Clone, Copy)]
enum Until {
    Seeds(u64),
    Time(Duration),
}

impl Task {
    fn read() -> Result<(Task, DiskKind), String> {
        let (mut from, mut until, mut disk, mut bytes) = (0, Until::Seeds(1_000), DiskKind::Memory, None);
        let mut shrinks = true;
        let mut arguments = env::args().skip(1);
        while let Some(name) = arguments.next() {
            if name == "--help" {
                return Ok((Task::Help, disk));
            }
            let value = arguments.next().ok_or_else(|| format!("`{name}` needs a value"))?;
            let number = || value.parse::<u64>().map_err(|error| format!("`{name} {value}`: {error}"));
            match name.as_str() {
                "--from" => from = number()?,
                "--seeds" => until = Until::Seeds(number()?),
                "--minutes" => until = Until::Time(Duration::from_secs(number()?.saturating_mul(60))),
                "--bytes" => bytes = Some(from_hex(&value)?),
                "--shrink" if value == "no" => shrinks = false,
                "--shrink" => return Err(format!("`--shrink {value}`: there is only `no`")),
                "--disk" if value == "memory" => disk = DiskKind::Memory,
                "--disk" if value == "sqlite" => disk = DiskKind::Sqlite,
                "--disk" => return Err(format!("`--disk {value}`: there are `memory` and `sqlite`")),
                _ => return Err(format!("`{name}` is unknown")),
            }
        }
        if let Ok(seed) = env::var("SEED") {
            let seed = seed.parse().map_err(|error| format!("SEED={seed}: {error}"))?;
            bytes = Some(Scenario::bytes_of_seed(seed));
        }
        Ok((bytes.map_or(Task::Run { from, until, shrinks }, Task::Tell), disk))
    }
}

fn run(disk: DiskKind, from: u64, until: Until, shrinks: bool) -> ExitCode {
    let next = AtomicU64::new(from);
    let first_failure = AtomicU64::new(u64::MAX);
    let talk = take_hook();
    set_hook(Box::new(|_| {}));
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    let end = AtomicU64::new(match until {
        Until::Seeds(seeds) => from.saturating_add(seeds),
        Until::Time(_) => u64::MAX,
    });
    std::thread::scope(|scope| {
        let (playing, all_played) = std::sync::mpsc::channel::<()>();
        for _ in 0..threads {
            let playing = playing.clone();
            let (next, end, first_failure) = (&next, &end, &first_failure);
            scope.spawn(move || {
                let _playing = playing;
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let failed = first_failure.load(Ordering::Relaxed) != u64::MAX;
                    if failed || seed >= end.load(Ordering::Relaxed) {
                        // It was not played.
                        next.fetch_sub(1, Ordering::Relaxed);
                        break;
                    }
                    if fails(disk, &Scenario::bytes_of_seed(seed)) {
                        first_failure.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
        drop(playing);
        if let Until::Time(time) = until {
            // Nobody sends anything: it ends with the time, or with the last player.
            let _ = all_played.recv_timeout(time);
            end.store(0, Ordering::Relaxed);
        }
    });
    let seeds = next.into_inner() - from;
    let failed = first_failure.into_inner();
    if failed == u64::MAX {
        println!("{seeds} seeds from {from}: each run twice, no failure");
        return ExitCode::SUCCESS;
    }
    let on = if disk == DiskKind::Sqlite { " --disk sqlite" } else { "" };
    println!("seed {failed} fails: SEED={failed} scripts/sim{on}");
    if !shrinks {
        return ExitCode::FAILURE;
    }
    let small = shrink(&Scenario::bytes_of_seed(failed), |bytes| fails(disk, bytes));
    set_hook(talk);
    println!("shrunk to");
    for step in Scenario::decode(&small).steps {
        println!("  {step:?}");
    }
    println!("replay: scripts/sim{on} --bytes {}", to_hex(&small));
    drop(catch_unwind(|| play_on(disk, &small, false)));
    ExitCode::FAILURE
}

/// Whether a run fails, or differs from itself.
fn fails(disk: DiskKind, bytes: &[u8]) -> bool {
    let play = || play_on(disk, bytes, false);
    let twice = catch_unwind(|| (play(), play()));
    !twice.is_ok_and(|(first, second)| first == second)
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    let pairs = text.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2);
        pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())
    });
    let bytes: Option<Vec<u8>> = pairs.collect();
    bytes.ok_or_else(|| format!("`{text}` is not a row of pairs of hexadecimal digits"))
}
