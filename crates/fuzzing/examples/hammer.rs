//! Plays damaged variants of the corpus for a while, without a fuzzer and on stable Rust; `scripts/fuzz` starts it.
//!
//! `hammer SECONDS [TARGET]`: so many seconds for each target. What fails is written to `fuzz/artifacts`.

#![expect(clippy::print_stdout, reason = "a program that prints its findings")]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use wakeworker_fuzzing::{TARGETS, varied};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let seconds: u64 = args.next().ok_or("usage: hammer SECONDS [TARGET]")?.parse()?;
    let only = args.next();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let mut failures = 0;
    // Findings are caught and told below; the usual messages would only bury them.
    std::panic::set_hook(Box::new(|_| {}));
    for (name, target) in
        TARGETS.into_iter().filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name))
    {
        let mut corpus = Vec::new();
        for entry in std::fs::read_dir(root.join("corpus").join(name))? {
            corpus.push(std::fs::read(entry?.path())?);
        }
        corpus.sort();
        let end = now() + Duration::from_secs(seconds);
        let (mut executions, mut found) = (0_u64, 0_u64);
        while now() < end && found < FINDINGS_MAX {
            let bytes = varied(&corpus[executions as usize % corpus.len()], executions / corpus.len() as u64);
            if std::panic::catch_unwind(|| target(&bytes)).is_err() {
                found += 1;
                let folder = root.join("artifacts").join(name);
                std::fs::create_dir_all(&folder)?;
                std::fs::write(folder.join(format!("crash-{executions}")), &bytes)?;
            }
            executions += 1;
        }
        println!("{name:<18} {executions:>9} executions, {found} findings");
        failures += found;
    }
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A target that fails at every turn needs no more examples.
const FINDINGS_MAX: u64 = 20;

#[expect(clippy::disallowed_methods, reason = "a program with a time to keep")]
fn now() -> Instant {
    Instant::now()
}
