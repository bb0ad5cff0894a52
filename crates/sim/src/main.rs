//! `scripts/sim`: runs seeds, replays one, shrinks what fails.

#![expect(clippy::print_stdout, reason = "a program talks")]

use std::env;
use std::panic::{catch_unwind, set_hook, take_hook};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use wakeworker_sim::{Scenario, play, shrink, tell};

const USAGE: &str = "\
usage: scripts/sim [--seeds N] [--from S] [--seconds T]   plays N seeds (default 1,000), or as many as T seconds allow
       SEED=S scripts/sim                                 replays one seed and tells what happens
       scripts/sim --bytes HEX                            replays these bytes and tells what happens
A failing seed is shrunk, and the bytes of the smallest run that still fails are printed.";

fn main() -> ExitCode {
    match Task::read() {
        Ok(Task::Run { from, seeds }) => run(from, seeds),
        Ok(Task::Tell(bytes)) => {
            println!("equal runs have the number {:016x}", tell(&bytes));
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
    Run { from: u64, seeds: u64 },
    Tell(Vec<u8>),
}

impl Task {
    fn read() -> Result<Task, String> {
        let (mut from, mut seeds) = (0, 1_000);
        let mut arguments = env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("`{name}` needs a value"))?;
            let number = || value.parse().map_err(|error| format!("`{name} {value}`: {error}"));
            match name.as_str() {
                "--from" => from = number()?,
                "--seeds" => seeds = number()?,
                "--bytes" => return Ok(Task::Tell(from_hex(&value)?)),
                _ => return Err(format!("`{name}` is unknown")),
            }
        }
        match env::var("SEED") {
            Ok(seed) => {
                let seed = seed.parse().map_err(|error| format!("SEED={seed}: {error}"))?;
                Ok(Task::Tell(Scenario::bytes_of_seed(seed)))
            }
            Err(_) => Ok(Task::Run { from, seeds }),
        }
    }
}

fn run(from: u64, seeds: u64) -> ExitCode {
    let next = AtomicU64::new(from);
    let first_failure = AtomicU64::new(u64::MAX);
    let talk = take_hook();
    set_hook(Box::new(|_| {}));
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + seeds || first_failure.load(Ordering::Relaxed) != u64::MAX {
                        break;
                    }
                    if fails(&Scenario::bytes_of_seed(seed)) {
                        first_failure.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failed = first_failure.into_inner();
    if failed == u64::MAX {
        println!("{seeds} seeds from {from}: each run twice, no failure");
        return ExitCode::SUCCESS;
    }
    let small = shrink(&Scenario::bytes_of_seed(failed), fails);
    set_hook(talk);
    println!("seed {failed} fails: SEED={failed} scripts/sim");
    println!("shrunk to");
    for step in Scenario::decode(&small).steps {
        println!("  {step:?}");
    }
    println!("replay: scripts/sim --bytes {}", to_hex(&small));
    drop(catch_unwind(|| play(&small)));
    ExitCode::FAILURE
}

/// Whether a run fails, or differs from itself.
fn fails(bytes: &[u8]) -> bool {
    let twice = catch_unwind(|| (play(bytes), play(bytes)));
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
