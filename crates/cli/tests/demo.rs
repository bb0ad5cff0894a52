//! The demo's story, told by the real program.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_wakeworker");

#[test]
fn everything_the_story_claims_holds() {
    let output = Command::new(PROGRAM).args(["demo", "--json"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    let mut once = events.clone();
    once.dedup();
    assert_eq!(
        once,
        [
            "inbox-up",
            "host-up",
            "page-open",
            "worker-controls",
            "page-sends",
            "first-arrives",
            "inbox-stopped",
            "host-offline",
            "message-pending",
            "sync-registered",
            "page-closed",
            "host-killed",
            "host-restarted",
            "sync-survived",
            "inbox-up-again",
            "host-online",
            "message-arrives",
            "sync-completed",
            "all-arrived",
            "none-twice",
            "in-order",
            "list-empty",
            "log-complete",
            "end",
        ],
    );
    assert_eq!(events.iter().filter(|event| **event == "message-pending").count(), 5);
    assert_eq!(events.iter().filter(|event| **event == "message-arrives").count(), 5);
    assert!(lines.iter().all(|line| line["held"] != false), "{text}");
    let end = &lines[lines.len() - 1];
    assert_eq!(
        (&end["ok"], &end["checks"], &end["failures"]),
        (&Value::Bool(true), &21.into(), &0.into()),
        "{end}"
    );
}

#[test]
fn it_reads_well_without_colours_and_leaves_no_folder_unless_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    let output = command.args(["demo", "--keep"]).env("TMPDIR", dir.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours in a pipe");
    assert!(text.contains("All 21 checks hold."), "{text}");
    let kept = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    assert!(text.contains(&format!("leaves its files in {}", kept.display())), "{text}");
    let held = std::fs::read_to_string(kept.join("inbox.jsonl")).unwrap();
    assert_eq!(held.lines().count(), 6);
}

#[test]
fn interrupted_it_leaves_no_process_and_no_folder() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    let mut demo =
        command.args(["demo", "--json"]).env("TMPDIR", dir.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(|line| {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        line
    });
    let up = lines.by_ref().find(|line| line["event"] == "host-up").unwrap();
    let origin = up["text"]
        .as_str()
        .unwrap()
        .split_whitespace()
        .find_map(|word| word.strip_prefix("http://"))
        .unwrap();
    let address = origin.trim_end_matches([',', '/']).to_owned();
    TcpStream::connect(&address).unwrap();

    let pid = Pid::from_raw(demo.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let end = lines.find(|line| line["event"] == "end").unwrap();
    assert_eq!((&end["ok"], &end["error"]), (&Value::Bool(false), &"interrupted".into()));
    assert_eq!(demo.wait().unwrap().code(), Some(1));
    assert!(TcpStream::connect(&address).is_err(), "the host is gone");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the folder is gone");
}
