//! `storage`: what sites store, and how an operator gets rid of it. A running `serve` is asked; without one, the profile
//! is opened for a moment, with everything in it asleep.

use crate::args::{StorageAction, StorageArgs};
use crate::control::client::ControlClient;
use crate::control::storage::{ClearedStorage, OriginLine, StorageList};
use crate::failure::Failure;
use crate::output::{self, printable};
use crate::profile::Profile;
use reqwest::Method;
use std::path::PathBuf;
use std::sync::Arc;
use wakeworker::Host;
use wakeworker::network::ManualNetwork;
use wakeworker::store::SqliteStore;
use wakeworker_core::{Config, Connection, StorageKey};
use wakeworker_quickjs::{HttpFetcher, NoClients, Runtime, RuntimeConfig, RuntimeStorage};

/// `storage` and `storage clear`
pub(crate) async fn storage(args: StorageArgs) -> Result<(), Failure> {
    match args.action {
        Some(StorageAction::Clear(clear)) => {
            let cleared = clear_origin(clear.control.profile, &clear.origin).await?;
            if clear.control.json {
                return output::json(&cleared);
            }
            output::line(format!(
                "deleted everything of {}: {}",
                printable(&cleared.origin),
                bytes_text(cleared.bytes)
            ))
        }
        None => {
            let list = list(args.control.profile, args.origin.as_deref()).await?;
            if args.control.json { output::json(&list) } else { print(&list) }
        }
    }
}

async fn list(profile: Option<PathBuf>, origin: Option<&str>) -> Result<StorageList, Failure> {
    let key = origin.map(origin_of).transpose()?;
    if let Some(client) = ControlClient::find(profile.clone()).await? {
        return client.get(&path_of(key.as_ref())).await;
    }
    let runtime = open_runtime(&Profile::locate(profile)?)?;
    StorageList::of(&runtime, key.as_ref()).map_err(|error| Failure::new(error.to_string()))
}

async fn clear_origin(profile: Option<PathBuf>, origin: &str) -> Result<ClearedStorage, Failure> {
    let key = origin_of(origin)?;
    if let Some(client) = ControlClient::find(profile.clone()).await? {
        return client.send_json(Method::DELETE, &path_of(Some(&key)), &()).await;
    }
    let profile = Profile::locate(profile)?;
    let runtime = open_runtime(&profile)?;
    // Nothing is fired in a moment that is only for deleting.
    let asleep = Config { background_sync_enabled: false, periodic_sync_enabled: false, ..Config::default() };
    let host = Host::builder(Box::new(SqliteStore::new(profile.dir())))
        .backend(Arc::new(runtime.clone()))
        .network(Box::new(ManualNetwork::new(Connection::None)))
        .config(asleep)
        .open()
        .map_err(|error| Failure::new(error.to_string()))?;
    let cleared = ClearedStorage::clear(&runtime, &key).await.map_err(Failure::new);
    // Stopping waits for the engine thread, which is no task of the executor.
    let closed = tokio::task::spawn_blocking(move || drop(host)).await;
    closed.map_err(|error| Failure::new(format!("the profile could not be closed: {error}")))?;
    cleared
}

fn open_runtime(profile: &Profile) -> Result<Runtime, Failure> {
    if !profile.dir().is_dir() {
        return Err(Failure::new(format!(
            "there is no profile {}; name one with --profile DIR",
            profile.dir().display()
        )));
    }
    let fetcher = HttpFetcher::new(&RuntimeConfig::default())
        .map_err(|error| Failure::new(format!("cannot make an HTTP client: {error}")))?;
    let storage = RuntimeStorage::Dir(profile.worker_storage());
    let runtime = Runtime::open(RuntimeConfig::default(), storage, Arc::new(fetcher), Arc::new(NoClients))
        .map_err(|error| Failure::new(error.to_string()))?;
    runtime.damage_found().iter().for_each(output::warning);
    runtime.set_online(false);
    Ok(runtime)
}

/// An origin, or a whole storage key (`ORIGIN^TOP-LEVEL-ORIGIN`), as people write them.
fn origin_of(text: &str) -> Result<StorageKey, Failure> {
    let is_origin = |part: &str| {
        url::Url::parse(part).is_ok_and(|url| {
            let origin = url.origin();
            origin.is_tuple() && origin.ascii_serialization() == part
        })
    };
    let text = text.trim_end_matches('/');
    if text.split('^').all(is_origin) {
        return Ok(StorageKey::from(text));
    }
    Err(Failure::usage(format!("`{text}` is not an origin; one looks like http://127.0.0.1:8080")))
}

fn path_of(key: Option<&StorageKey>) -> String {
    match key {
        Some(key) => {
            let query: String = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("origin", key.as_str())
                .finish();
            format!("storage?{query}")
        }
        None => "storage".to_owned(),
    }
}

fn print(list: &StorageList) -> Result<(), Failure> {
    if list.origins.is_empty() {
        return output::line("nothing is stored");
    }
    let rows: Vec<[String; 4]> = list.origins.iter().flat_map(rows).collect();
    output::table(["SITE", "BYTES", "KIND", "NAME"], &rows)
}

/// One row for the site, and one for each database and cache of it.
fn rows(origin: &OriginLine) -> Vec<[String; 4]> {
    let site = printable(&origin.origin);
    let quota = format!("of {}", bytes_text(origin.bytes_max));
    let mut rows = vec![[site, bytes_text(origin.bytes), "site".to_owned(), quota]];
    for database in &origin.databases {
        let state = match (&database.version, &database.problem) {
            (Some(version), _) => format!("{} (version {version})", printable(&database.name)),
            (None, problem) => {
                format!("{}: {}", printable(&database.name), printable(problem.as_deref().unwrap_or("")))
            }
        };
        rows.push([String::new(), bytes_text(database.bytes), "database".to_owned(), state]);
    }
    for cache in &origin.caches {
        let name = format!("{} ({} responses)", printable(&cache.name), cache.entries);
        rows.push([String::new(), bytes_text(cache.bytes), "cache".to_owned(), name]);
    }
    rows
}

/// Bytes in the largest unit that leaves at least one, with one digit after the point.
fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_the_unit_that_people_expect() {
        let shown = [0, 1023, 1024, 1536, 1 << 20, 5 << 30, u64::MAX].map(bytes_text);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "5.0 GiB", "16777216.0 TiB"]);
    }

    #[test]
    fn only_origins_are_taken_for_origins() {
        let key = "https://a.example^https://top.example";
        for good in ["http://127.0.0.1:8080", "https://a.example/", key] {
            assert_eq!(origin_of(good).unwrap().as_str(), good.trim_end_matches('/'));
        }
        for bad in [
            "",
            "a.example",
            "https://a.example/path",
            "HTTPS://A.example",
            "file:///x",
            "https://a.example^",
        ] {
            assert!(origin_of(bad).is_err(), "{bad}");
        }
    }
}
