//! `simulate`: scenarios in virtual time, with and without real workers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::Value;
use std::path::{Path, PathBuf};
use support::{failure, run};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn simulate(file: &Path, more: &[&str]) -> String {
    let mut args = vec!["simulate".to_owned(), file.display().to_string()];
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    let output = run(args);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn report(text: &str) -> Value {
    let folder = Folder::new();
    serde_json::from_str(&simulate(&folder.put("s.toml", text), &["--json"])).unwrap()
}

/// The times of day of the lines of a kind.
fn times(report: &Value, kind: &str) -> Vec<String> {
    lines(report, kind).iter().map(|line| line["time"].as_str().unwrap()[11..].to_owned()).collect()
}

fn lines<'a>(report: &'a Value, kind: &str) -> Vec<&'a Value> {
    report["timeline"].as_array().unwrap().iter().filter(|line| line["kind"] == kind).collect()
}

/// No luck in it: every event takes a second, and nothing is added to a delay.
const PLAIN: &str = "start = 2026-03-02T08:00\nduration = \"12h\"\n[config]\nretry_jitter_percent = 0\n";

#[test] // R50, R64, R183
fn what_was_registered_offline_is_done_after_the_page_was_closed() {
    let report = report(&format!(
        "{PLAIN}[[app]]\nname = \"chat\"\ntakes = \"1s\"\n\
         [[network]]\nat = \"08:30\"\nconnection = \"offline\"\n[[network]]\nat = \"09:30\"\nconnection = \"wifi\"\n\
         [[visit]]\nat = \"09:00\"\nfor = \"5m\"\nactions = [{{ sync = \"outbox\", after = \"1m\", times = 3, every = \"1m\" }}]"
    ));
    assert_eq!(times(&report, "fired"), ["09:30:00"]);
    assert_eq!(times(&report, "succeeded"), ["09:30:01"]);
    let work = &report["work"];
    assert_eq!(
        (&work["made"], &work["done"], &work["done_after_page_closed"]),
        (&3.into(), &3.into(), &3.into())
    );
    assert_eq!(work["delay_ms_max"], 29 * 60_000 + 1_000);
    // Elsewhere the page was not opened again.
    assert_eq!((&report["elsewhere"]["never_sent"], &report["elsewhere"]["saved"]), (&3.into(), &3.into()));
    assert_eq!(report["wakeups"]["total"], 0, "the network woke the machine");
}

#[test] // R78, R80, R81, R183
fn a_broken_server_costs_the_attempts_and_delays_of_the_engine() {
    let report = report(&format!(
        "{PLAIN}[[app]]\ntakes = \"1s\"\n[[server]]\nat = \"08:30\"\nstate = \"broken\"\n\
         [[visit]]\nat = \"09:00\"\nactions = [{{ sync = \"t\" }}]"
    ));
    assert_eq!(times(&report, "fired"), ["09:00:00", "09:05:01", "09:20:02"]);
    assert_eq!(times(&report, "gave-up"), ["09:20:03"]);
    assert!(lines(&report, "fired")[2]["text"].as_str().unwrap().contains("the last chance"));
    assert_eq!(report["wakeups"]["by_reason"], serde_json::json!({ "retry": 2 }));
    assert_eq!((&report["work"]["given_up"], &report["totals"]["failed"]), (&1.into(), &3.into()));
}

#[test] // R85, R86, R183
fn an_event_that_hangs_ends_at_its_time_limit() {
    let report = report(&format!(
        "{PLAIN}[[app]]\nhang = 1\n[[visit]]\nat = \"09:00\"\nfor = \"1m\"\nactions = [{{ sync = \"t\" }}]"
    ));
    assert_eq!(times(&report, "failed")[0], "09:03:00");
    assert_eq!(report["wakeups"]["by_reason"]["time limit"], 3);
}

#[test] // R167, R168, R169, R183
fn entries_survive_a_device_that_is_switched_off_or_killed() {
    for state in ["off", "crash"] {
        let report = report(&format!(
            "{PLAIN}[[app]]\ntakes = \"1m\"\n\
             [[visit]]\nat = \"09:00\"\nfor = \"5m\"\nactions = [{{ sync = \"t\" }}]\n\
             [[visit]]\nat = \"09:30\"\n\
             [[device]]\nat = 2026-03-02T09:00:30\nstate = \"{state}\"\n[[device]]\nat = \"10:00\"\nstate = \"on\""
        ));
        assert_eq!(times(&report, "fired"), ["09:00:00", "10:00:00"], "{state}");
        assert_eq!(times(&report, "succeeded"), ["10:01:00"], "{state}");
        assert_eq!((&report["visits"], &report["visits_missed"]), (&1.into(), &1.into()));
    }
}

#[test] // R106, R107, R110, R111, R183
fn periodic_events_come_by_themselves_and_never_before_their_interval() {
    let report = report(
        "start = 2026-03-02T08:00\nduration = \"30d\"\nseed = 5\n\
         [[app]]\nname = \"news\"\npermissions = { periodic-background-sync = \"granted\" }\ntakes = \"1s\"\n\
         [[visit]]\nat = \"+1h\"\nactions = [{ periodic = \"headlines\", min_interval = \"1d\" }]",
    );
    let at = |kind: &str| -> Vec<u64> {
        lines(&report, kind).iter().map(|line| line["at_ms"].as_u64().unwrap()).collect()
    };
    let (registered, fired, done) = (at("registered"), at("fired"), at("succeeded"));
    assert_eq!(registered, [3_600_000]);
    assert!((14..=29).contains(&fired.len()), "{fired:?}");
    let day = 86_400_000;
    assert!(fired[0] >= registered[0] + day);
    assert!(fired.iter().skip(1).zip(&done).all(|(next, last)| *next >= last + day), "{fired:?} {done:?}");
    assert_eq!(report["wakeups"]["by_reason"]["periodic round"], fired.len());
    assert_eq!(report["entries"][0]["fired_in_background"], fired.len());
}

#[test] // R117, R137, R194
fn permission_battery_saver_and_host_driven_mode_hold_periodic_events_back() {
    let scenario = |permission: &str, config: &str, power: &str| {
        let report = report(&format!(
            "duration = \"10d\"\n[config]\n{config}\n[[app]]\n{permission}\n{power}\n\
             [[visit]]\nat = \"+1h\"\nactions = [{{ periodic = \"t\", min_interval = \"12h\" }}]"
        ));
        (report["totals"]["registered"].as_u64().unwrap(), report["totals"]["fired"].as_u64().unwrap())
    };
    let granted = "permissions = { periodic-background-sync = \"granted\" }";
    assert!(scenario(granted, "", "").1 >= 5);
    assert_eq!(scenario("", "", ""), (0, 0));
    assert_eq!(scenario(granted, "periodic_dispatch = \"host-driven\"", ""), (1, 0));
    assert_eq!(scenario(granted, "", "[[power]]\nat = \"+2h\"\nbattery_saver = true"), (1, 0));
    assert_eq!(scenario(&format!("{granted}\nengagement = \"never\""), "", ""), (1, 0));
}

#[test] // R228, R236, R247
fn conditions_and_windows_of_one_off_entries_hold() {
    let report = report(&format!(
        "{PLAIN}[[app]]\ntakes = \"1s\"\n[[network]]\nat = \"08:00\"\nconnection = \"cellular\"\n\
         [[network]]\nat = \"11:00\"\nconnection = \"wifi\"\n\
         [[visit]]\nat = \"09:00\"\nactions = [\n\
         {{ sync = \"big\", network = \"avoid-cellular\" }},\n{{ sync = \"later\", earliest = \"30m\" }},\n\
         {{ sync = \"soon\", network = \"avoid-cellular\", latest = \"1h\" }}]"
    ));
    let said: Vec<_> = lines(&report, "fired")
        .iter()
        .map(|line| {
            (line["time"].as_str().unwrap()[11..].to_owned(), line["text"].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].0 == "09:30:00" && said[0].1.starts_with("later"), "{said:?}");
    assert!(said[1].0 == "11:00:00" && said[1].1.starts_with("big"), "{said:?}");
    assert_eq!(times(&report, "expired"), ["10:00:00"]);
}

const WORKER: &str = r#"
    addEventListener("activate", (event) => event.waitUntil(clients.claim()));
    addEventListener("sync", (event) => event.waitUntil((async () => {
        const response = await fetch("/say", { method: "POST", body: new Date().toISOString() + Math.random() });
        console.log("sent", response.status);
    })()));
    addEventListener("periodicsync", (event) => event.waitUntil((async () => {
        const news = await (await fetch("/news.json")).json();
        console.log(event.tag, news.headline, (await fetch("/logo.txt")).status, (await fetch("/none")).status);
    })()));
"#;

#[test] // R62, R123, R183
fn a_real_worker_gets_its_events_and_its_answers_from_the_scenario() {
    let folder = Folder::new();
    folder.put("app/sw.js", WORKER);
    folder.put("app/logo.txt", "logo");
    let file = folder.put(
        "s.toml",
        "start = 2026-03-02T08:00\nduration = \"3d\"\n[[app]]\ndir = \"app\"\ntakes = \"2s\"\n\
         answers = { \"/news.json\" = '{\"headline\":\"all well\"}' }\n\
         permissions = { periodic-background-sync = \"granted\" }\n\
         [[network]]\nat = 2026-03-02T09:00:30\nconnection = \"offline\"\n[[network]]\nat = \"10:00\"\nconnection = \"wifi\"\n\
         [[visit]]\nat = 2026-03-02T09:00\nfor = \"5m\"\nactions = [\n\
         { periodic = \"headlines\", min_interval = \"12h\", after = \"5s\" }, { sync = \"outbox\", after = \"1m\" }]",
    );
    let json = simulate(&file, &["--json"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    let console: Vec<_> =
        lines(&report, "console").iter().map(|line| line["text"].as_str().unwrap().to_owned()).collect();
    assert_eq!(console[0], "console: sent 201");
    assert!(
        console.len() >= 3 && console[1..].iter().all(|line| line == "console: headlines all well 200 404"),
        "{console:?}"
    );
    assert_eq!(times(&report, "console")[0], "10:00:02");
    assert_eq!((&report["work"]["made"], &report["work"]["done"]), (&1.into(), &1.into()));
    assert_eq!(json, simulate(&file, &["--json"]), "equal seeds, equal results, with workers too");
}

#[test] // R183
fn a_worker_that_cannot_be_had_or_fails_is_told_and_stops_nothing() {
    let folder = Folder::new();
    folder.put("app/sw.js", "throw new Error('broken on purpose');");
    let scenario = |network: &str| {
        let file = folder.put(
            "s.toml",
            &format!(
                "duration = \"2h\"\n[[app]]\ndir = \"app\"\n[[network]]\nat = \"00:00\"\nconnection = \"{network}\"\n\
                 [[visit]]\nat = \"+1h\"\nactions = [{{ sync = \"t\", after = \"1m\" }}]"
            ),
        );
        let report: Value = serde_json::from_str(&simulate(&file, &["--json"])).unwrap();
        lines(&report, "refused")
            .iter()
            .map(|line| line["text"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for (network, word) in [("wifi", "broken on purpose"), ("offline", "there is no network")] {
        let refused = scenario(network);
        assert!(refused[0].contains(word), "{refused:?}");
        assert!(refused[1].contains("no worker yet"), "{refused:?}");
    }
}

/// The example with the app where the build has left it.
fn commuter(folder: &Folder) -> PathBuf {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/scenarios/commuter.toml");
    let text = std::fs::read_to_string(example).unwrap();
    let built = format!("dir = '{}/outbox/dist'", env!("OUT_DIR"));
    assert!(text.contains("dir = \"../outbox/dist\""));
    folder.put("commuter.toml", &text.replace("dir = \"../outbox/dist\"", &built))
}

#[test] // R62, R64, R80, R167, R183
fn on_the_commuters_day_workbox_delivers_every_message_and_every_run_is_the_same() {
    let folder = Folder::new();
    let file = commuter(&folder);
    let (svg, html) = (folder.0.path().join("c.svg"), folder.0.path().join("c.html"));
    let both = ["--json", "--svg", svg.to_str().unwrap(), "--html", html.to_str().unwrap()];
    let read = || (std::fs::read_to_string(&svg).unwrap(), std::fs::read_to_string(&html).unwrap());
    let json = simulate(&file, &both);
    let pictures = read();
    let report: Value = serde_json::from_str(&json).unwrap();
    let (work, elsewhere) = (&report["work"], &report["elsewhere"]);
    assert_eq!(work["made"], work["done"], "{work}");
    assert!(work["done_after_page_closed"].as_u64().unwrap() >= 5, "{work}");
    assert!(elsewhere["never_sent"].as_u64().unwrap() >= 1, "{elsewhere}");
    assert!(elsewhere["saved"].as_u64().unwrap() >= 5, "{elsewhere}");
    assert!(report["wakeups"]["by_reason"]["retry"].as_u64().unwrap() >= 1);
    assert!(pictures.0.starts_with("<svg xmlns=") && pictures.0.contains("delivered elsewhere"));
    assert!(pictures.1.starts_with("<!doctype html>") && pictures.1.contains(&pictures.0));
    assert_eq!(simulate(&file, &both), json);
    assert_eq!(read(), pictures);
    let other = simulate(&file, &["--json", "--seed", "12"]);
    assert_ne!(other, json, "another seed, another day");
}

#[test] // R114, R183
fn the_news_reader_has_newer_content_and_few_wake_ups() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/scenarios/news.toml");
    let json = simulate(&file, &["--json"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    let news = &report["elsewhere"]["news"];
    let age = |key: &str| news[key].as_u64().unwrap();
    assert!(2 * age("age_ms_median") < age("age_elsewhere_ms_median"), "{news}");
    assert!(report["wakeups"]["per_day"].as_f64().unwrap() < 4.0, "{}", report["wakeups"]);
    assert_eq!(json, simulate(&file, &["--json"]));
}

#[test] // R183
fn a_month_of_a_hundred_entries_keeps_them_all_going() {
    let mut text = "duration = \"30d\"\nseed = 9\n".to_owned();
    for app in 0..20 {
        text += &format!(
            "[[app]]\nname = \"a{app}\"\nfail = 0.1\npermissions = {{ periodic-background-sync = \"granted\" }}\n\
             [[visit]]\napp = \"a{app}\"\nat = \"+1h\"\nactions = [\n"
        );
        for tag in 0..5 {
            text += &format!(
                "{{ periodic = \"t{tag}\", min_interval = \"{}h\" }},\n",
                12 * (1 + (app + tag) % 4)
            );
        }
        text += "]\n";
    }
    let report = report(&text);
    let entries = report["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 100);
    for entry in entries {
        assert!(entry["succeeded"].as_u64().unwrap() >= 8, "{entry}");
    }
}

#[test]
fn scenarios_may_be_json_and_check_only_checks() {
    let folder = Folder::new();
    let toml =
        folder.put("s.toml", "duration = \"1d\"\n[[visit]]\nat = \"07:00\"\nactions = [{ sync = \"t\" }]\n");
    let json =
        folder.put("s.json", r#"{"duration": "1d", "visit": [{"at": "07:00", "actions": [{"sync": "t"}]}]}"#);
    assert_eq!(simulate(&toml, &["--json"]), simulate(&json, &["--json"]));
    let checked = simulate(&json, &["--check"]);
    assert!(checked.contains("is a good scenario: 1d, 1 app, 1 kind of visit"), "{checked}");
}

#[test]
fn mistakes_are_named_with_file_line_column_key_value_and_what_is_allowed() {
    let folder = Folder::new();
    for (text, said) in [
        ("duration = 5", ":1:12: `duration` is 5, which is not allowed; write a length of time"),
        (
            "duration = \"1d\"\n[[network]]\nat = \"25:00\"\nconnection = \"wifi\"",
            ":3:6: `network[1].at` has \"25:00\"",
        ),
        (
            "duration = \"1d\"\n[[network]]\nat = \"07:00\"\nconnection = \"4g\"",
            "write one of: offline, wifi, cellular",
        ),
        (
            "duration = \"1d\"\n[[visit]]\nat = \"07:00\"\nactions = [{ snyc = \"t\" }]",
            "did you mean `sync`?",
        ),
        (
            "duration = \"1d\"\n[[visit]]\nat = \"07:00\"\nactions = [{ sync = \"t\", get = \"/\" }]",
            "one thing too many",
        ),
        (
            "duration = \"1d\"\n[[visit]]\nat = \"07:00\"\nactions = [{ post = \"/\" }]",
            "needs an app with a `worker`",
        ),
        (
            "duration = \"1d\"\n[[visit]]\nat = \"07:00\"\nactions = [{ periodic = \"t\" }]",
            "`visit[1].actions[1].min_interval` is missing",
        ),
        ("duration = \"1d\"\n[[app]]\ndir = \"nowhere\"", "which does not exist"),
        ("duration = \"1d\"\n[[app]]\norigin = \"http://chat.example\"", "write a secure origin"),
        ("duration = \"1d\"\n[[app]]\npermissions = { camera = \"granted\" }", "which is no permission"),
        ("duration = \"1d\"\n[config]\nattempts_max = 0", "write a whole number from 1 to"),
        ("duration = \"1d\"\nduration = \"2d\"", ":2:1: "),
        ("duration = \"1d\"\n[[visit]]\nat = \"07:00\"\n[[visit]]\nat = \"\\u001b[2J\"", "\\u{1b}"),
    ] {
        let file = folder.put("bad.toml", text);
        for flags in [&["--check"][..], &[]] {
            let mut args = vec!["simulate", file.to_str().unwrap()];
            args.extend(flags);
            let output = run(args);
            let message = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{message}");
            assert!(output.stdout.is_empty(), "{text}");
            assert!(message.contains("bad.toml:") && message.contains(said), "{text}\n{message}");
            assert!(!message.contains('\u{1b}'), "{message:?}");
        }
    }
    let message = failure(["simulate", "/no/such/scenario.toml"]);
    assert!(message.contains("/no/such/scenario.toml"), "{message}");
    let file = folder.put("many.toml", "duration = \"3650d\"\n[[visit]]\nevery = \"10s\"");
    let message = failure(["simulate", file.to_str().unwrap()]);
    assert!(message.contains("plans more than") && message.contains("`every`"), "{message}");
    let good = folder.put("good.toml", "duration = \"1d\"");
    let message = failure(["simulate", good.to_str().unwrap(), "--svg", "/no/such/folder/x.svg"]);
    assert!(message.contains("/no/such/folder/x.svg"), "{message}");
}
