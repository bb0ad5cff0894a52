//! The inbox of the outbox example, as a process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../src/demo/child.rs"]
mod child;

use child::Process;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_wakeworker");

/// Starts an inbox on a free port; gives its address.
async fn inbox(file: &Path) -> (Process, String) {
    let args = ["demo", "inbox", "--json", "--port", "0", "--file"].map(Into::into);
    let args = args.into_iter().chain([file.as_os_str().to_owned()]);
    let mut inbox = Process::spawn("inbox", Path::new(PROGRAM), args).unwrap();
    let url = inbox.line("its address", |line| Some(line["url"].as_str()?.to_owned())).await.unwrap();
    (inbox, format!("{url}/inbox/messages"))
}

fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn post(url: &str, body: &Value) -> reqwest::RequestBuilder {
    http().post(url).header("Content-Type", "application/json").body(body.to_string())
}

async fn messages(url: &str) -> Vec<Value> {
    let text = http().get(url).send().await.unwrap().text().await.unwrap();
    let body: Value = serde_json::from_str(&text).unwrap();
    body["messages"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_it_acknowledged_is_there_after_it_was_killed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("inbox.jsonl");
    let (process, url) = inbox(&file).await;
    for (id, text) in [("a", "👋"), ("b", "two\nlines"), ("a", "👋")] {
        let answer = post(&url, &json!({ "id": id, "text": text, "sent_at": 1 })).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }
    process.kill().await.unwrap();

    let (_process, url) = inbox(&file).await;
    let held = messages(&url).await;
    let ids: Vec<&str> = held.iter().map(|message| message["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["a", "b", "a"], "the order of arrival, and nothing is hidden");
    assert_eq!(held[2]["duplicate_of"], 1, "a repetition is marked");
    assert_eq!(held[1]["text"], "two\nlines");
}

#[tokio::test]
async fn only_pages_of_this_machine_may_use_it() {
    let dir = tempfile::tempdir().unwrap();
    let (_process, url) = inbox(&dir.path().join("inbox.jsonl")).await;
    let message = json!({ "id": "a", "text": "x", "sent_at": 1 });

    let foreign_page = post(&url, &message).header("Origin", "https://example.com").send().await.unwrap();
    assert_eq!(foreign_page.status(), 403);
    let foreign_name = post(&url, &message).header("Host", "rebound.example").send().await.unwrap();
    assert_eq!(foreign_name.status(), 403);
    let form = http().post(&url).body(message.to_string()).send().await.unwrap();
    assert_eq!(form.status(), 415, "what a page may send without asking first is not taken");
    assert!(messages(&url).await.is_empty());

    let local_page = post(&url, &message).header("Origin", "http://localhost:8080").send().await.unwrap();
    assert_eq!(local_page.status(), 201);
    assert_eq!(local_page.headers()["access-control-allow-origin"], "http://localhost:8080");
}

#[tokio::test]
async fn says_what_is_wrong_with_a_message() {
    let dir = tempfile::tempdir().unwrap();
    let (_process, url) = inbox(&dir.path().join("inbox.jsonl")).await;
    for (body, status, part) in [
        (json!({ "id": "a", "sent_at": 1 }), 400, "text"),
        (json!({ "id": "", "text": "x", "sent_at": 1 }), 400, "`id` has 0 bytes"),
        (json!({ "id": "a", "text": "x".repeat(8193), "sent_at": 1 }), 400, "8193 bytes"),
        (json!({ "id": "a", "text": "x".repeat(70_000), "sent_at": 1 }), 413, ""),
    ] {
        let answer = post(&url, &body).send().await.unwrap();
        assert_eq!(answer.status(), status);
        let text = answer.text().await.unwrap();
        assert!(text.contains(part), "{text}");
    }
    assert!(messages(&url).await.is_empty());
}

#[tokio::test]
async fn one_clear_message_when_it_cannot_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("inbox.jsonl");
    let (_process, url) = inbox(&file).await;
    let port = url.split([':', '/']).nth(4).unwrap();
    for (port, file, part) in [
        (port, dir.path().join("other.jsonl"), format!("port {port} is in use")),
        ("0", file.clone(), "is used by another inbox".into()),
        ("0", file.join("below a file"), "choose a writable file with --file".into()),
    ] {
        let mut command = Command::new(PROGRAM);
        let output = command.args(["demo", "inbox", "--port", port, "--file"]).arg(file).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(&part) && said.lines().count() == 1, "{said}");
    }
}
