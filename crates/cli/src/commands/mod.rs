//! The commands, one module each.

mod audit;
mod control;
mod eval;
mod notifications;
mod serve;
mod storage;

use crate::args::{Cli, Command};
use crate::demo;
use crate::failure::{ExitStatus, Failure};
use crate::simulate;
use clap::CommandFactory;
use std::process::ExitCode;

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let done = |result: Result<(), Failure>| result.map(|()| ExitCode::from(ExitStatus::Success));
    match cli.command {
        Command::Serve(args) => done(block_on(2, serve::run(args))),
        Command::Demo(args) => {
            block_on(2, async { demo::run(args).await.map_err(|e| Failure::new(e.to_string())) })
        }
        Command::List(args) => done(block_on(1, control::list(args))),
        Command::Explain(args) => done(block_on(1, control::explain(args))),
        Command::Log(args) => done(block_on(1, control::log(args))),
        Command::Audit(args) => done(block_on(1, audit::audit(args))),
        Command::Metrics(args) => done(block_on(1, audit::metrics(args))),
        Command::Storage(args) => done(block_on(1, storage::storage(args))),
        Command::Offline(args) => done(block_on(1, control::offline(args))),
        Command::Dispatch(args) => done(block_on(1, control::dispatch(args))),
        Command::Notifications(args) => done(block_on(1, notifications::notifications(args))),
        Command::Push(args) => done(block_on(1, notifications::push(args))),
        Command::Eval(args) => done(eval::run(&args)),
        Command::Simulate(args) => done(simulate::run(&args)),
        #[cfg(feature = "wpt")]
        Command::Wpt(args) => done(crate::wpt::run(&args)),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "wakeworker", &mut script);
            done(crate::output::line(String::from_utf8_lossy(&script).trim_end()))
        }
    }
}

fn block_on<T>(threads: usize, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|e| Failure::new(format!("cannot start the program's threads: {e}")))?
        .block_on(work)
}
