//! Whatever is wrong gets one clear message and a status that says so, and harms nothing else.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use std::fs;
use std::net::TcpListener;
use support::{PROGRAM, Page, Serve, Site, failure, http, run};

fn serve_fails(site: &Site, more: &[&str]) -> String {
    let (app, profile) = (site.app(), site.profile());
    let args = ["serve", app.to_str().unwrap(), "--profile", profile.to_str().unwrap()];
    failure(args.iter().chain(more))
}

#[test]
fn a_missing_folder_and_a_wrong_address_are_named() {
    let site = Site::new(&[]);
    let message = failure(["serve", "/no/such/folder", "--profile", site.profile().to_str().unwrap()]);
    assert!(message.contains("/no/such/folder") && message.contains("name a folder"), "{message}");
    for (app, word) in
        [("ftp://host", "scheme"), ("http://host/path", "has a path"), ("http://", "not a URL")]
    {
        let output = run(["serve", app]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn a_port_in_use_is_named() {
    let site = Site::new(&[]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let message = serve_fails(&site, &["--port", &port]);
    assert!(message.contains(&format!("port {port} is in use")) && message.contains("--port"), "{message}");
}

#[test]
fn a_profile_that_cannot_be_written_is_named() {
    let site = Site::new(&[("file", "")]);
    let profile = site.app().join("file/profile");
    let profile = profile.to_str().unwrap();
    let message = failure(["serve", site.app().to_str().unwrap(), "--port", "0", "--profile", profile]);
    assert!(message.contains(profile) && message.contains("--profile"), "{message}");
}

#[test]
fn a_profile_in_use_and_one_of_a_newer_program_are_named() {
    let site = Site::new(&[]);
    let serve = site.serve(&[]);
    let message = serve_fails(&site, &["--port", "0"]);
    assert!(message.contains(site.profile().to_str().unwrap()) && message.contains("use"), "{message}");
    // The first one goes on.
    assert_eq!(serve.control_json(&["list"])["registrations"].as_array().unwrap().len(), 0);
    assert!(serve.stop().0.success());

    // SQLite keeps the schema version at byte 60 of the file (`PRAGMA user_version`).
    let database = site.profile().join("profile.sqlite");
    let mut bytes = fs::read(&database).unwrap();
    bytes[60..64].copy_from_slice(&9_999_u32.to_be_bytes());
    fs::write(&database, &bytes).unwrap();
    let message = serve_fails(&site, &["--port", "0"]);
    assert!(message.contains("9999") && message.contains("newer"), "{message}");
    assert_eq!(fs::read(&database).unwrap(), bytes, "the profile is left as it was");
}

#[test]
fn commands_without_a_serve_say_what_to_do() {
    let site = Site::new(&[]);
    let profile = site.profile();
    let profile = profile.to_str().unwrap();
    for command in
        [&["list"][..], &["explain"], &["log"], &["log", "--follow"], &["offline", "on"], &["dispatch", "t"]]
    {
        let message = failure(command.iter().chain(&["--profile", profile]));
        assert!(
            message.contains("no `wakeworker serve` is running") && message.contains(profile),
            "{message}"
        );
    }
    // A process that was killed leaves its word behind.
    site.serve(&[]).kill();
    assert!(site.profile().join("control.json").exists());
    let message = failure(["list", "--profile", profile]);
    assert!(message.contains("no `wakeworker serve` is running"), "{message}");
}

#[test]
fn wrong_usage_has_status_2_and_help_teaches() {
    for wrong in [
        &["serve"][..],
        &["serve", ".", "--proxy", "api"],
        &["eval"],
        &["offline", "maybe"],
        &["nonsense"],
        &[],
    ] {
        assert_eq!(run(wrong).status.code(), Some(2), "{wrong:?}");
    }
    for (args, words) in [
        (&["--help"][..], "Start here"),
        (&["serve", "--help"], "--proxy /api=http://localhost:9000"),
        (&["dispatch", "--help"], "--last-chance"),
        (&["completions", "bash"], "_wakeworker"),
    ] {
        let output = std::process::Command::new(PROGRAM).args(args).output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8(output.stdout).unwrap().contains(words), "{args:?}");
    }
}

#[tokio::test] // R158
async fn bad_scripts_reject_with_the_specified_errors_and_leave_the_good_one_alone() {
    let site = Site::new(&[
        ("index.html", "<p>"),
        ("sw.js", "onsync = () => {}"),
        ("syntax/sw.js", "function ("),
        ("throws/sw.js", "throw new Error('broken')"),
        ("mime/sw.txt", "// text"),
        ("install/sw.js", "oninstall = (event) => event.waitUntil(Promise.reject(new Error('no')))"),
    ]);
    let serve = site.serve(&[]);
    let mut page = Page::open(&serve, "/").await;
    page.activate("sw.js").await;
    for (script, expected) in [
        ("syntax/sw.js", "TypeError: "),
        ("throws/sw.js", "TypeError: "),
        ("missing/sw.js", "TypeError: "),
        ("mime/sw.txt", "SecurityError: "),
        ("http://127.0.0.1:1/sw.js", "SecurityError: "),
        ("dir%2fsw.js", "TypeError: "),
    ] {
        let params = serde_json::json!({ "scriptUrl": script, "scope": null, "updateViaCache": "imports" });
        let error = page.call("register", params).await.unwrap_err();
        assert!(error.starts_with(expected), "{script}: {error}");
    }
    let all = page.call("getRegistrations", serde_json::json!({})).await.unwrap();
    assert_eq!(all.as_array().unwrap().len(), 1, "{all}");
    assert_eq!(serve.control_json(&["dispatch", "t"])["outcome"], "succeeded");
}

#[tokio::test]
async fn a_server_that_hangs_and_one_that_is_gone_harm_nobody_else() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let site =
        Site::new(&[("index.html", "<p>"), ("sw.js", "onsync = (e) => e.waitUntil(fetch('/hang/x'))")]);
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let serve = site.serve(&[
        "--upstream-timeout",
        "300ms",
        "--proxy",
        &format!("/hang=http://{}", silent.local_addr().unwrap()),
        "--proxy",
        &format!("/gone=http://{gone}"),
    ]);
    let mut page = Page::open(&serve, "/").await;
    page.activate("sw.js").await;
    for (path, status) in [("/hang/x", 504), ("/gone/x", 502)] {
        let response = http().get(serve.url(path)).send().await.unwrap();
        assert_eq!(response.status(), status);
        assert!(response.headers().contains_key("wakeworker-network-error"));
        assert!(response.text().await.unwrap().contains("the server http://127.0.0.1:"));
    }
    for script in ["/hang/sw.js", "/gone/sw.js"] {
        let params = serde_json::json!({ "scriptUrl": script, "scope": null, "updateViaCache": "imports" });
        let error = page.call("register", params).await.unwrap_err();
        assert!(error.starts_with("TypeError: "), "{error}");
    }
    // To the worker it is a network error, not a response.
    let result = serve.control_json(&["dispatch", "t"]);
    assert_eq!((&result["outcome"], &result["reason"]), (&"failed".into(), &"rejected".into()), "{result}");
    assert!(result["message"].as_str().unwrap().contains("TypeError"), "{result}");
    assert_eq!(http().get(serve.url("/sw.js")).send().await.unwrap().status(), 200);
    let (status, said) = serve.stop();
    assert!(status.success());
    assert_eq!(said.lines().filter(|line| line.starts_with("warning: GET /hang/x: ")).count(), 1, "{said}");
}

#[test]
fn stopping_is_orderly() {
    let site = Site::new(&[]);
    let serve: Serve = site.serve(&[]);
    assert!(site.profile().join("control.json").exists());
    let (status, said) = serve.stop();
    assert!(status.success(), "{said}");
    assert!(!site.profile().join("control.json").exists());
}
