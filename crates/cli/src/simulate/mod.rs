//! `wakeworker simulate`: virtual time for people. A scenario says what the world does; the real engine answers.

mod agenda;
mod document;
mod draw;
mod elsewhere;
mod history;
mod html;
mod reader;
mod recorder;
mod report;
mod run;
mod scenario;
mod script;
mod svg;
mod text;
pub(crate) mod units;
mod workers;
mod world;

use crate::failure::{ExitStatus, Failure};
use crate::output;
use clap::ValueHint;
use reader::Count;
use report::Report;
use run::Simulation;
use scenario::Scenario;
use std::fs;
use std::path::{Path, PathBuf};

/// Arguments of `simulate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The scenario says when there is a network, when pages are opened and what they register; the real engine decides what
is fired when. No time passes: a month takes a moment, and equal seeds give equal results. docs/simulate.md describes
the format.

Examples:
  wakeworker simulate examples/scenarios/commuter.toml
  wakeworker simulate news.toml --html news.html
  wakeworker simulate news.toml --json | jq .wakeups
  wakeworker simulate news.toml --check")]
pub(crate) struct SimulateArgs {
    /// The scenario: a TOML or JSON file
    #[arg(value_hint = ValueHint::FilePath)]
    scenario: PathBuf,
    /// Only say whether the scenario makes sense
    #[arg(long)]
    check: bool,
    /// Another seed than the scenario's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print the whole result as one JSON object
    #[arg(long)]
    json: bool,
    /// Write a picture of the run
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    svg: Option<PathBuf>,
    /// Write a page with the picture, the figures and the timeline
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    html: Option<PathBuf>,
    /// How many lines of the timeline to print: a number or `all`
    #[arg(long, value_name = "N", default_value = "100", value_parser = parse_lines)]
    lines: usize,
}

/// Runs the scenario and tells what happened.
pub(crate) fn run(args: &SimulateArgs) -> Result<(), Failure> {
    let mut scenario = read(&args.scenario)?;
    if let Some(seed) = args.seed {
        scenario.seed = seed;
    }
    if args.check {
        return output::line(format!(
            "{} is a good scenario: {}, {}, {}",
            args.scenario.display(),
            units::duration_text(scenario.duration_ms),
            Count(scenario.apps.len(), "app"),
            Count(scenario.visits.len(), "kind of visit")
        ));
    }
    let history = Simulation::new(&scenario)?.run()?;
    let report = Report::of(&scenario, &history);
    if let Some(file) = &args.svg {
        write(file, &svg::draw(&scenario, &history, &report))?;
    }
    if let Some(file) = &args.html {
        write(file, &html::page(&scenario, &history, &report))?;
    }
    if args.json { output::json(&report) } else { text::print(&scenario, &report, args.lines) }
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    fs::write(file, text)
        .map_err(|e| Failure::new(format!("{} cannot be written: {e}; name another file", file.display())))
}

fn read(file: &Path) -> Result<Scenario, Failure> {
    let name = file.display().to_string();
    let bytes =
        fs::read(file).map_err(|e| Failure::new(format!("the scenario {name} cannot be read: {e}")))?;
    if bytes.len() > SCENARIO_BYTES_MAX {
        return Err(Failure::new(format!(
            "the scenario {name} has {} bytes; at most {SCENARIO_BYTES_MAX} are allowed",
            bytes.len()
        )));
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        Failure::new(format!("the scenario {name} is not UTF-8 (at byte {at}); convert it first"))
    })?;
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Scenario::read(&name, &text, folder).map_err(|problems| {
        let shown = problems.iter().take(PROBLEMS_SHOWN);
        let mut lines: Vec<_> = shown.map(|problem| problem.describe(&name, &text)).collect();
        if let Some(more) = problems.len().checked_sub(PROBLEMS_SHOWN).filter(|more| *more > 0) {
            lines.push(format!("… and {}", Count(more, "more problem")));
        }
        Failure { message: output::printable_lines(&lines.join("\n")), status: ExitStatus::Failure }
    })
}

/// Largest scenario.
const SCENARIO_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Problems that are printed at once.
const PROBLEMS_SHOWN: usize = 20;

fn parse_lines(text: &str) -> Result<usize, String> {
    match text {
        "all" => Ok(usize::MAX),
        _ => text.parse().map_err(|_| format!("`{text}` is neither a number nor `all`")),
    }
}
