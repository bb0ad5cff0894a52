//! The apps: an origin each, with or without a real worker script, and how their servers behave.

use crate::simulate::reader::Reader;
use crate::simulate::units::{DAY_MS, SECOND_MS, Spread};
use std::path::{Path, PathBuf};
use url::Url;
use wakeworker_core::{ExtraInterval, PermissionName, PermissionState};

/// One app.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) name: String,
    /// Serialised, as storage keys want it.
    pub(crate) origin: String,
    pub(crate) permissions: Vec<(PermissionName, PermissionState)>,
    pub(crate) worker: Option<WorkerFiles>,
    /// What the host adds to the gap between its periodic events.
    pub(crate) extra_interval: ExtraInterval,
    /// What its server answers at which paths, beside the app's files.
    pub(crate) answers: Vec<(String, String)>,
    /// How likely an event (without a script) or a request (with one) fails although network and server are there.
    pub(crate) fail: f64,
    /// How likely it never ends.
    pub(crate) hang: f64,
    /// How long it takes.
    pub(crate) takes: Spread,
}

/// A real worker and the folder that its app is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WorkerFiles {
    pub(crate) dir: PathBuf,
    /// The script's path on the origin, such as `/sw.js`.
    pub(crate) script: String,
}

/// What an event takes if the scenario does not say.
const TAKES: Spread = Spread { least_ms: 200, most_ms: 2 * SECOND_MS };

pub(super) fn read_all(top: &Reader<'_>, folder: &Path, apps_max: usize) -> Vec<App> {
    let tables = top.tables("app");
    if tables.len() > apps_max {
        top.problem("app", format!("has {} apps; at most {apps_max} are allowed", tables.len()));
        return Vec::new();
    }
    let mut apps: Vec<App> = Vec::new();
    let several = tables.len() > 1;
    for table in tables {
        let app = read(&table, folder, several);
        for other in &apps {
            if other.name == app.name {
                table.problem(
                    "name",
                    format!("is {:?}, which is the name of another app; names must differ", app.name),
                );
            } else if other.origin == app.origin {
                table.problem(
                    "origin",
                    format!(
                        "is {:?}, which is the origin of `{}`; origins must differ",
                        app.origin, other.name
                    ),
                );
            }
        }
        table.finish();
        apps.push(app);
    }
    if apps.is_empty() {
        apps.push(App {
            name: "app".to_owned(),
            origin: "https://app.example".to_owned(),
            permissions: Vec::new(),
            worker: None,
            extra_interval: ExtraInterval::default(),
            answers: Vec::new(),
            fail: 0.0,
            hang: 0.0,
            takes: TAKES,
        });
    }
    apps
}

fn read(table: &Reader<'_>, folder: &Path, several: bool) -> App {
    if several && !table.has("name") {
        table.missing("name", "name = \"outbox\", because there are several apps");
    }
    let name = table.text("name").unwrap_or("app").to_owned();
    let plain =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !plain || name.len() > 40 {
        table.problem(
            "name",
            format!("is {name:?}, which is not allowed; write at most 40 of a to z, 0 to 9 and -"),
        );
    }
    let origin = match table.text("origin") {
        None => format!("https://{}.example", if plain { name.as_str() } else { "app" }),
        Some(text) => origin(text).unwrap_or_else(|| {
            table.problem(
                "origin",
                format!(
                    "is {text:?}, which is not allowed; write a secure origin such as https://chat.example"
                ),
            );
            "https://app.example".to_owned()
        }),
    };
    let (fail, hang) = (table.probability("fail").unwrap_or(0.0), table.probability("hang").unwrap_or(0.0));
    if fail + hang > 1.0 {
        table.problem(
            "hang",
            format!("is {hang}, which is more than is left beside `fail` = {fail}; together at most 1"),
        );
    }
    App {
        origin,
        permissions: permissions(table),
        worker: worker(table, folder),
        extra_interval: extra_interval(table),
        answers: answers(table),
        fail,
        hang,
        takes: table.spread("takes").unwrap_or(TAKES),
        name,
    }
}

fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let bare =
        url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let local = matches!(url.host_str(), Some(host) if host == "localhost" || host.ends_with(".localhost"));
    let secure = url.scheme() == "https" || url.scheme() == "http" && local;
    (bare && secure).then(|| url.origin().ascii_serialization())
}

fn permissions(table: &Reader<'_>) -> Vec<(PermissionName, PermissionState)> {
    let names = [
        PermissionName::BackgroundSync,
        PermissionName::PeriodicBackgroundSync,
        PermissionName::Notifications,
    ];
    let states = [
        ("granted", PermissionState::Granted),
        ("denied", PermissionState::Denied),
        ("prompt", PermissionState::Prompt),
    ];
    let mut read = Vec::new();
    for (name, state) in table.texts("permissions") {
        let known = names.iter().find(|known| known.as_str() == name);
        let state_known = states.iter().find(|(word, _)| *word == state);
        match (known, state_known) {
            (Some(name), Some((_, state))) => read.push((*name, *state)),
            (None, _) => table.problem(
                "permissions",
                format!(
                    "has {name:?}, which is no permission; write one of: {}",
                    names.map(|n| n.as_str()).join(", ")
                ),
            ),
            (_, None) => table.problem(
                "permissions",
                format!("gives {name} the state {state:?}, which is none; write granted, denied or prompt"),
            ),
        }
    }
    read
}

fn extra_interval(table: &Reader<'_>) -> ExtraInterval {
    // Two kinds of values, so the word is looked for first.
    match table.word("engagement", "never") {
        true => ExtraInterval::Never,
        false => table.duration("engagement", 0..=3_653 * DAY_MS).map(ExtraInterval::Ms).unwrap_or_default(),
    }
}

fn answers(table: &Reader<'_>) -> Vec<(String, String)> {
    let answers = table.texts("answers");
    for (path, _) in answers.iter().filter(|(path, _)| !path.starts_with('/')) {
        table.problem(
            "answers",
            format!("has {path:?}, which is not a path on the app's origin; begin with /"),
        );
    }
    answers.into_iter().map(|(path, body)| (path.to_owned(), body.to_owned())).collect()
}

fn worker(table: &Reader<'_>, folder: &Path) -> Option<WorkerFiles> {
    let (dir, script) = (table.text("dir"), table.text("worker"));
    let script = match (dir, script) {
        (None, None) => return None,
        (Some(_), None) => "sw.js",
        (_, Some(script)) => script,
    };
    let dir = folder.join(dir.unwrap_or("."));
    let script = script.trim_start_matches('/');
    if !dir.is_dir() {
        table.problem(
            "dir",
            format!("names the folder {}, which does not exist; name the app's built files", dir.display()),
        );
        return None;
    }
    let inside = !script.split('/').any(|part| part == "..");
    if !inside || !dir.join(script).is_file() {
        table.problem(
            "worker",
            format!(
                "names the script {script:?}, which is not in the folder {}; name a script below it (an app that is \
                 built with npm must be built first)",
                dir.display()
            ),
        );
        return None;
    }
    Some(WorkerFiles { dir, script: format!("/{script}") })
}
