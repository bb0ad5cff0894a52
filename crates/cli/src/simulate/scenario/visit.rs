//! Visits: a page of an app is open for a while, and does things meanwhile.

use super::app::App;
use super::when::When;
use crate::simulate::reader::Reader;
use crate::simulate::units::{DAY_MS, MINUTE_MS, SECOND_MS, Spread};
use wakeworker_core::{Conditions, NetworkCondition, OneShotOptions, PeriodicOptions, PowerCondition, Tag};

/// A page that is opened again and again.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) app: usize,
    pub(crate) when: When,
    /// How long it stays open.
    pub(crate) lasts: Spread,
    pub(crate) actions: Vec<Action>,
}

/// Something that a page does, once or several times.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    /// How long after the page was opened.
    pub(crate) after: Spread,
    pub(crate) times: u32,
    /// The pause between two times.
    pub(crate) every: Spread,
    pub(crate) what: What,
}

/// What a page can do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// `registration.sync.register(tag)`.
    Sync { tag: Tag, options: OneShotOptions },
    /// `registration.periodicSync.register(tag, {minInterval})`.
    Periodic { tag: Tag, options: PeriodicOptions },
    /// `registration.periodicSync.unregister(tag)`.
    UnregisterPeriodic { tag: Tag },
    /// A request of the page, which goes through its worker.
    Request { method: String, path: String, body: Option<String> },
}

/// Most repetitions of one action in one visit.
const TIMES_MAX: u64 = 10_000;

/// Longest interval and latest time.
const LONGEST_MS: u64 = 3_653 * DAY_MS;

pub(super) fn read_all(top: &Reader<'_>, apps: &[App]) -> Vec<Visit> {
    top.tables("visit").into_iter().map(|table| read(table, apps)).collect()
}

fn read(table: Reader<'_>, apps: &[App]) -> Visit {
    let app = super::app_of(&table, apps);
    let when = When::read(&table);
    let lasts = table.spread("for").unwrap_or(Spread::exactly(5 * MINUTE_MS));
    if lasts.most_ms > 366 * DAY_MS || lasts.least_ms == 0 {
        table.problem("for", "is not from 1ms to 366d; write a length of time such as \"5m\"");
    }
    let has_script = apps.get(app).is_some_and(|app| app.worker.is_some());
    let actions = table.tables("actions");
    let actions = actions.into_iter().filter_map(|action| read_action(action, has_script)).collect();
    table.finish();
    Visit { app, when, lasts, actions }
}

fn read_action(table: Reader<'_>, has_script: bool) -> Option<Action> {
    let after = table.spread("after").unwrap_or(Spread::exactly(0));
    let times = table.integer("times", 1..=TIMES_MAX).unwrap_or(1);
    let every = table.spread("every").unwrap_or(Spread::exactly(10 * SECOND_MS));
    let kinds = ["sync", "periodic", "unregister_periodic", "post", "get"];
    let named: Vec<_> = kinds.into_iter().filter(|kind| table.has(kind)).collect();
    let what = match named.as_slice() {
        [kind] => read_what(&table, kind, has_script),
        [] => {
            table.missing("sync", &format!("sync = \"outbox\"; an action has one of: {}", kinds.join(", ")));
            None
        }
        [_, second, ..] => {
            table.problem(
                second,
                format!("is one thing too many: an action has only one of {}", kinds.join(", ")),
            );
            None
        }
    };
    table.finish();
    Some(Action { after, times: u32::try_from(times).unwrap_or(1), every, what: what? })
}

fn read_what(table: &Reader<'_>, kind: &'static str, has_script: bool) -> Option<What> {
    let text = table.text(kind)?;
    let tag = Tag::from(text);
    Some(match kind {
        "sync" => What::Sync { tag, options: one_shot_options(table) },
        "periodic" => {
            if !table.has("min_interval") {
                table.missing("min_interval", "min_interval = \"12h\"");
            }
            let min_interval_ms = table.duration("min_interval", 0..=LONGEST_MS)?;
            What::Periodic {
                tag,
                options: PeriodicOptions { min_interval_ms, conditions: conditions(table) },
            }
        }
        "unregister_periodic" => What::UnregisterPeriodic { tag },
        _ => {
            if !has_script {
                table
                    .problem(kind, "needs an app with a `worker`: without a script, write sync = \"outbox\"");
                return None;
            }
            if !text.starts_with('/') {
                table.problem(
                    kind,
                    format!("is {text:?}, which is not a path on the app's origin; begin with /"),
                );
                return None;
            }
            let body = if kind == "post" { table.text("body").map(str::to_owned) } else { None };
            What::Request { method: kind.to_ascii_uppercase(), path: text.to_owned(), body }
        }
    })
}

fn one_shot_options(table: &Reader<'_>) -> OneShotOptions {
    let earliest_ms = table.duration("earliest", 0..=LONGEST_MS).unwrap_or(0);
    let latest_ms = table.duration("latest", 1..=LONGEST_MS);
    if latest_ms.is_some_and(|latest| latest <= earliest_ms) {
        table.problem(
            "latest",
            "is not after `earliest`, so the event could never be fired; write a longer time",
        );
    }
    OneShotOptions { conditions: conditions(table), earliest_ms, latest_ms }
}

/// The keys `network` and `power`.
pub(super) fn conditions(table: &Reader<'_>) -> Conditions {
    let networks = [
        ("any", NetworkCondition::Any),
        ("online", NetworkCondition::Online),
        ("avoid-cellular", NetworkCondition::AvoidCellular),
    ];
    let powers = [("auto", PowerCondition::Auto), ("avoid-draining", PowerCondition::AvoidDraining)];
    Conditions {
        network: table.choice("network", &networks).unwrap_or_default(),
        power: table.choice("power", &powers).unwrap_or_default(),
    }
}
