//! `wakeworker demo`: the product's promise as a story that is checked while it is told.

mod error;
mod inbox;
mod journal;

pub use error::DemoError;
pub use inbox::InboxArgs;

use std::process::ExitCode;

/// Arguments of `wakeworker demo`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DemoArgs {
    #[command(subcommand)]
    part: Option<Part>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Keep the demo's folder (profile, inbox, page) and print where it is.
    #[arg(long)]
    keep: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    /// Run only the inbox: the server that the outbox example sends its messages to.
    #[command(after_help = INBOX_HELP)]
    Inbox(InboxArgs),
}

const INBOX_HELP: &str = "\
Examples:
  wakeworker demo inbox --port 7070
  wakeworker serve examples/outbox --proxy /inbox=http://127.0.0.1:7070";

/// Tells the story, or runs one part of it. The exit code is a success only if everything held.
pub async fn run(args: DemoArgs) -> Result<ExitCode, DemoError> {
    match args.part {
        Some(Part::Inbox(args)) => inbox::run(&args).await,
        None => Ok(ExitCode::FAILURE),
    }
}
