//! Soak: several `serve` processes under mixed load for a long time, with a journal outside that knows what every page
//! was promised and what every worker did. `scripts/soak [MINUTES]` builds and starts it.
//!
//! Twenty origins, one of them hostile: seven processes with up to three origins each (a gateway answers to three names,
//! and each is an origin). Two processes are killed with -9 again and again, one loses its network again and again, one
//! is shared with the hostile origin, the others are left alone. The program ends with a table and with status 1 if a
//! promise was broken: a registration lost, an event completed twice, or memory that grows.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its findings")]

mod attacks;
#[allow(dead_code, reason = "each program uses a part of it")]
#[path = "../../src/demo/child.rs"]
mod child;
mod hosts;
mod journal;
mod load;
#[allow(dead_code, reason = "each program uses a part of it")]
#[path = "../../src/demo/page.rs"]
mod page;
mod random;
mod report;

use hosts::{HostProcess, Kind};
use journal::Journal;
use random::SplitMix;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// What each process is put through. Seven of them have 20 origins.
const KINDS: [Kind; 7] =
    [Kind::Attacked, Kind::Killed, Kind::Killed, Kind::Flapping, Kind::Calm, Kind::Calm, Kind::Calm];
const ORIGINS: usize = 20;
/// Failed events wait five minutes and are tried again; so long before the end nothing is made to fail any more.
const LAST_FAILURE: Duration = Duration::from_secs(8 * 60);
/// How long what is still open at the end may take.
const DRAIN_DURATION_MAX: Duration = Duration::from_secs(90);
const SEED_DEFAULT: u64 = 20_261_121;

/// What all parts of the load share.
pub(crate) struct Soak {
    pub(crate) journal: Arc<Journal>,
    pub(crate) end: Instant,
    pub(crate) last_failure: Instant,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<bool, Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let program = PathBuf::from(args.next().ok_or("usage: soak PROGRAM [MINUTES]")?);
    let minutes: u64 = args.next().map_or(Ok(60), |text| {
        text.parse().map_err(|e| format!("`{text}` is not a number of minutes: {e}"))
    })?;
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(SEED_DEFAULT);
    println!("soak: {minutes} min, {ORIGINS} origins in {} processes, SEED={seed}", KINDS.len());

    let begin = Instant::now();
    let end = begin + Duration::from_secs(minutes * 60);
    let journal = Journal::serve().await?;
    let soak = Arc::new(Soak {
        journal: Arc::clone(&journal),
        end,
        last_failure: end.checked_sub(LAST_FAILURE).unwrap_or(begin),
    });
    let folder = tempfile::tempdir()?;
    load::write_sites(folder.path())?;
    let mut hosts = Vec::new();
    for (number, kind) in KINDS.into_iter().enumerate() {
        hosts
            .push(Arc::new(HostProcess::start(number, kind, &program, folder.path(), journal.port()).await?));
    }

    let mut tasks = JoinSet::new();
    let mut origin = 0;
    for host in &hosts {
        for (index, url) in host.urls().into_iter().enumerate() {
            if origin == ORIGINS {
                break;
            }
            let random = SplitMix::new(seed ^ (origin as u64) << 32);
            if host.kind == Kind::Attacked && index == 0 {
                tasks.spawn(attacks::run(Arc::clone(&soak), Arc::clone(host), url, random));
            } else {
                tasks.spawn(load::run(Arc::clone(&soak), Arc::clone(host), origin, url, random));
            }
            origin += 1;
        }
        tasks.spawn(Arc::clone(host).disturb(end, SplitMix::new(seed ^ host.number as u64)));
        tasks.spawn(Arc::clone(host).watch_memory(end));
        tasks.spawn(Arc::clone(host).read_log_until(end));
    }
    tasks.spawn(report::every_minute(Arc::clone(&soak), hosts.clone(), begin));
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    journal.drain(Instant::now() + DRAIN_DURATION_MAX).await;
    for host in &hosts {
        host.read_log().await?;
    }
    let kept = report::print(&journal, &hosts, begin).await;
    for host in &hosts {
        host.stop().await;
    }
    Ok(kept)
}
