//! The commands against a running `serve`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use serde_json::json;
use support::{Page, Site};

fn text(output: &std::process::Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr[..]].concat()).unwrap()
}

#[tokio::test] // R240, R243, R244
async fn a_registration_can_be_listed_explained_fired_and_followed() {
    let site = Site::new(&[
        ("index.html", "<p>"),
        (
            "sw.js",
            "onsync = (e) => { if (e.tag === 'bad') e.waitUntil(Promise.reject(new Error('not today'))); };
             onperiodicsync = () => {};",
        ),
    ]);
    let serve = site.serve(&["--grant", "periodic-background-sync"]);
    let mut page = Page::open(&serve, "/").await;
    let registration = page.activate("sw.js").await;
    assert_eq!(text(&serve.control(&["list"])), "no sync registrations\n");
    assert_eq!(serve.control_json(&["offline", "on"]), json!({ "offline": true }));
    let tag: Vec<u16> = "out box".encode_utf16().collect();
    page.call("sync.register", json!({ "registration": registration, "tag": tag })).await.unwrap();

    let list = serve.control_json(&["list"]);
    let entry = &list["registrations"][0];
    assert_eq!(
        (&entry["tag"], &entry["kind"], &entry["state"]),
        (&json!("out box"), &json!("sync"), &json!("pending"))
    );
    assert_eq!(entry["scope"], json!(format!("{}/", serve.origin)));
    assert_eq!((&entry["attempts"], &entry["attempts_max"]), (&json!(0), &json!(3)));
    assert_eq!(entry["reasons"][0]["reason"], "offline");
    let table = text(&serve.control(&["list"]));
    assert!(table.starts_with("TAG        EVENT  STATE    ATTEMPTS  INTERVAL  NEXT  REGISTERED"), "{table}");
    assert!(!table.contains('\u{1b}'), "no colours where there is no terminal");
    let why = text(&serve.control(&["explain", "out box"]));
    assert_eq!(why.lines().count(), 1);
    assert!(why.contains("\"out box\"") && why.contains("has not fired: offline"), "{why}");

    // A tool's event leaves the entry alone.
    let result = serve.control_json(&["dispatch", "out box", "--last-chance"]);
    assert_eq!((&result["outcome"], &result["handled"]), (&json!("succeeded"), &json!(true)), "{result}");
    assert_eq!(serve.control_json(&["list"])["registrations"].as_array().unwrap().len(), 1);
    assert_eq!(serve.control_json(&["dispatch", "news", "--periodic"])["outcome"], "succeeded");
    let output = serve.control(&["dispatch", "bad"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output).contains("failed: rejected") && text(&output).contains("not today"),
        "{}",
        text(&output)
    );
    let output = serve.control(&["dispatch", "t", "--scope", "http://nowhere/"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output).contains("http://nowhere/") && text(&output).contains(&serve.origin),
        "{}",
        text(&output)
    );

    assert!(serve.control(&["offline", "off"]).status.success());
    let completed = serve.wait_for_activity(|a| a["event"] == "completed" && a["tag"] == "out box");
    assert_eq!(completed["handled"], true);
    let output = serve.control(&["explain", "out box"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("completed"), "{}", text(&output));
    let output = serve.control(&["explain", "never"]);
    assert!(text(&output).contains("the log does not know it"), "{}", text(&output));

    let log = serve.control_json(&["log", "--limit", "3"]);
    assert_eq!(log["activities"].as_array().unwrap().len(), 3);
    let events: Vec<&str> =
        log["activities"].as_array().unwrap().iter().map(|a| a["event"].as_str().unwrap()).collect();
    assert_eq!(events.last(), Some(&"completed"), "{events:?}");
    assert!(text(&serve.control(&["log"])).contains("dispatched: sync event, attempt 1"));
}

#[tokio::test]
async fn several_workers_need_a_scope() {
    let site = Site::new(&[("index.html", "<p>"), ("sw.js", ""), ("sub/sw.js", "")]);
    let serve = site.serve(&[]);
    let output = serve.control(&["dispatch", "t"]);
    assert!(text(&output).contains("open the app in a browser first"), "{}", text(&output));
    let mut page = Page::open(&serve, "/").await;
    page.activate("sw.js").await;
    page.activate("sub/sw.js").await;
    let output = serve.control(&["dispatch", "t"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("--scope") && text(&output).contains("/sub/"), "{}", text(&output));
    let scope = serve.url("/sub/");
    assert_eq!(serve.control_json(&["dispatch", "t", "--scope", &scope])["scope"], scope);
}

#[test]
fn following_ends_with_the_gateway() {
    let site = Site::new(&[]);
    let serve = site.serve(&[]);
    let profile = site.profile();
    let follower = std::process::Command::new(support::PROGRAM)
        .args(["log", "--follow", "--profile", profile.to_str().unwrap()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    serve.wait_for_activity(|a| a["event"] == "started");
    assert!(serve.stop().0.success());
    let output = follower.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stderr.is_empty());
}
