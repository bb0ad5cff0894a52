//! The `wakeworker` program: Background Sync for any browser.

mod args;
mod clock;
mod commands;
mod control;
mod demo;
mod extensions;
mod failure;
mod gateway;
mod output;
mod profile;
mod simulate;
#[cfg(feature = "wpt")]
mod wpt;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match commands::run(args::Cli::parse()) {
        Ok(code) => code,
        Err(failure) => {
            // A failure without text has shown itself already.
            if !failure.message.is_empty() {
                output::error(&failure);
            }
            failure.status.into()
        }
    }
}
