//! `wakeworker demo`: the product's promise as a story that is checked while it is told.

mod child;
mod error;
mod inbox;
mod journal;
mod page;
mod stage;
mod story;
mod timeline;

pub(crate) use error::DemoError;
pub(crate) use inbox::InboxArgs;

use stage::Stage;
use std::process::ExitCode;
use timeline::{Actor, Timeline};

/// Arguments of `wakeworker demo`.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
The demo starts real processes of this program: an inbox, and a `serve` of the outbox example. It plays the page itself,
stops the network, kills the host, and shows that every message arrives. Everything happens in a temporary folder.
The exit status is 0 only if every check held."
)]
pub(crate) struct DemoArgs {
    #[command(subcommand)]
    part: Option<Part>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Leave the demo's folder (profile, inbox, web app) where it is, and print where that is
    #[arg(long)]
    keep: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    /// Run only the inbox: the server that the outbox example sends its messages to
    #[command(after_help = INBOX_HELP)]
    Inbox(InboxArgs),
}

const INBOX_HELP: &str = "\
Example, in two terminals:
  wakeworker demo inbox --port 7070
  wakeworker serve examples/outbox --proxy /inbox=http://127.0.0.1:7070";

/// Tells the story, or runs one part of it. The exit code is a success only if everything held.
pub(crate) async fn run(args: DemoArgs) -> Result<ExitCode, DemoError> {
    match args.part {
        Some(Part::Inbox(args)) => inbox::run(&args).await,
        None => tell(args.json, args.keep).await,
    }
}

async fn tell(json: bool, keep: bool) -> Result<ExitCode, DemoError> {
    let mut timeline = Timeline::start(json);
    let mut stage = Stage::build()?;
    let told = tokio::select! {
        told = story::tell(&mut stage, &mut timeline) => told,
        () = inbox::stop_signal() => Err(DemoError::Interrupted),
    };
    stage.clear().await;
    let ok = told.is_ok() && timeline.all_held();
    // Whoever wants to know why something did not hold needs the files.
    if keep || !(ok || matches!(told, Err(DemoError::Interrupted))) {
        stage.keep();
        timeline.tell(Actor::Demo, "kept", &format!("leaves its files in {}", stage.dir().display()));
    }
    timeline.end(told.err().map(|error| error.to_string()).as_deref());
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
