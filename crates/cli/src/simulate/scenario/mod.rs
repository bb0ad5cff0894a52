//! What a scenario says, checked: everything that runs later is here and makes sense.

mod app;
mod config;
mod timeline;
mod visit;
mod when;

pub(crate) use app::{App, WorkerFiles};
pub(crate) use timeline::{Device, Link, Server, ServerTurn, Turn};
pub(crate) use visit::{Visit, What};
pub(crate) use when::When;

use super::document::{self, Language};
use super::reader::{Problem, Problems, Reader};
use super::units::{self, DAY_MS, SECOND_MS};
use std::path::Path;
use wakeworker_core::{Config, Power};

/// A whole scenario.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) title: String,
    /// The first moment, in milliseconds since 1970 by the scenario's own clock.
    pub(crate) start_ms: i64,
    pub(crate) duration_ms: u64,
    pub(crate) seed: u64,
    pub(crate) config: Config,
    pub(crate) apps: Vec<App>,
    pub(crate) network: Vec<Turn<Link>>,
    pub(crate) power: Vec<Turn<Power>>,
    pub(crate) device: Vec<Turn<Device>>,
    pub(crate) server: Vec<Turn<ServerTurn>>,
    pub(crate) visits: Vec<Visit>,
}

/// Longest simulated time: ten years.
const DURATION_MAX_MS: u64 = 3_653 * DAY_MS;

/// Most apps, so that a slip of the pen does not fill the memory.
const APPS_MAX: usize = 1_000;

impl Scenario {
    /// Reads a scenario. `name` is the file's name, `folder` what its paths are relative to. The problems come in the
    /// order of the file.
    pub(crate) fn read(name: &str, text: &str, folder: &Path) -> Result<Scenario, Vec<Problem>> {
        let tree = document::parse(text, Language::of(name, text))
            .map_err(|error| vec![Problem { at: error.at, path: String::new(), message: error.message }])?;
        let problems = Problems::default();
        let scenario = read_top(Reader::top(&tree, &problems), folder);
        let problems = problems.into_sorted();
        if problems.is_empty() { Ok(scenario) } else { Err(problems) }
    }
}

fn read_top(top: Reader<'_>, folder: &Path) -> Scenario {
    let title = top.text("title").unwrap_or("A simulation").to_owned();
    let start_ms = match top.text("start") {
        None => DEFAULT_START_MS,
        Some(text) => units::parse_date_time(text).unwrap_or_else(|| {
            top.problem(
                "start",
                format!(
                    "is {text:?}, which is not allowed; write a date and time without a zone, such as \
                         2026-03-02T06:00"
                ),
            );
            DEFAULT_START_MS
        }),
    };
    let has_duration = top.has("duration");
    let duration_ms = top.duration("duration", SECOND_MS..=DURATION_MAX_MS).unwrap_or(DAY_MS);
    if !has_duration {
        top.missing("duration", "duration = \"30d\"");
    }
    let seed = top.integer("seed", 0..=u64::MAX >> 1).unwrap_or(1);
    let config = top.table("config").map_or_else(Config::default, config::read);
    let apps = app::read_all(&top, folder, APPS_MAX);
    let scenario = Scenario {
        network: timeline::read_network(&top),
        power: timeline::read_power(&top),
        device: timeline::read_device(&top),
        server: timeline::read_server(&top, &apps),
        visits: visit::read_all(&top, &apps),
        title,
        start_ms,
        duration_ms,
        seed,
        config,
        apps,
    };
    top.finish();
    scenario
}

/// 2026-01-05, a Monday.
const DEFAULT_START_MS: i64 = 1_767_571_200_000;

/// The number of the app that a table names by `app`; the only one if there is only one.
fn app_of(table: &Reader<'_>, apps: &[App]) -> usize {
    match table.text("app") {
        Some(name) => apps.iter().position(|app| app.name == name).unwrap_or_else(|| {
            let names: Vec<_> = apps.iter().map(|app| app.name.as_str()).collect();
            table.problem("app", format!("is {name:?}, which is no app; write one of: {}", names.join(", ")));
            0
        }),
        None => {
            if apps.len() > 1 {
                table.missing("app", &format!("app = {:?}, because there are several", apps[0].name));
            }
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Scenario, Vec<String>> {
        Scenario::read("s.toml", text, Path::new("."))
            .map_err(|problems| problems.iter().map(|problem| problem.describe("s.toml", text)).collect())
    }

    #[test]
    fn the_smallest_scenario_has_defaults_for_everything_else() {
        let scenario = read("duration = \"1d\"").unwrap();
        assert_eq!((scenario.seed, scenario.duration_ms), (1, DAY_MS));
        assert_eq!(units::weekday(scenario.start_ms), 0);
        assert_eq!(scenario.apps.len(), 1);
        assert_eq!(scenario.apps[0].origin, "https://app.example");
        assert_eq!(scenario.config, Config::default());
    }

    #[test]
    fn what_is_wrong_is_said_all_at_once() {
        let text = "duration = \"1d\"\nstart = \"yesterday\"\n[[app]]\nname = \"a\"\n[[app]]\nname = \"a\"\n\
                    [[visit]]\nat = \"07:00\"\napp = \"c\"\n";
        let problems = read(text).unwrap_err();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[0].starts_with("s.toml:2:9: `start` is \"yesterday\""), "{problems:?}");
        assert!(
            problems[1].contains("`app[2].name` is \"a\", which is the name of another app"),
            "{problems:?}"
        );
        assert!(
            problems[2].contains("`visit[1].app` is \"c\", which is no app; write one of: a"),
            "{problems:?}"
        );
    }

    #[test]
    fn a_missing_duration_and_broken_text_are_problems() {
        assert!(read("seed = 3").unwrap_err()[0].contains("`duration` is missing"));
        let problems = read("duration = \n").unwrap_err();
        assert!(problems[0].starts_with("s.toml:1:"), "{problems:?}");
        assert!(read("[]").is_err());
    }
}
