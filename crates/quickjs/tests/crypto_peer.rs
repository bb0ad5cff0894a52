//! `crypto.subtle` against another implementation, Node's: what one signs, encrypts, derives, wraps and exports, the
//! other verifies, decrypts, derives, unwraps and imports, in both directions.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use wakeworker_quickjs::{EvalOptions, Runtime, RuntimeConfig};

fn cases() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crypto_peer/cases.js");
    std::fs::read_to_string(path).unwrap()
}

fn in_worker(call: &str) -> String {
    let script = format!("{}; {call}.then((result) => console.log(JSON.stringify(result)));", cases());
    let mut config = RuntimeConfig::default();
    config.console_line_bytes_max = 1 << 20;
    let mut lines = Vec::new();
    let options = EvalOptions { config, timeout: Duration::from_secs(120), ..EvalOptions::default() };
    let outcome =
        Runtime::evaluate(options, vec![("cases.js".to_owned(), script)], |line| lines.push(line.text))
            .unwrap();
    assert_eq!((outcome.errors, outcome.timed_out), (Vec::<String>::new(), false), "{lines:?}");
    lines.pop().unwrap()
}

fn in_node(call: &str) -> String {
    let script = format!(
        "{}; {call}.then((result) => process.stdout.write(JSON.stringify(result)));",
        cases().replace(
            "async function make(subtle)",
            "const { subtle } = globalThis.crypto;\nasync function make(subtle)"
        )
    );
    let mut node = Command::new("node")
        .args(["--no-warnings", "--input-type=commonjs", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Node, which builds the JavaScript layer");
    node.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn agree(result: &str) {
    let result: serde_json::Value = serde_json::from_str(result).unwrap();
    assert_eq!(result["problems"], serde_json::json!([]));
    assert_eq!(result["compared"], 43, "cases were left out or added");
}

#[test]
fn node_accepts_what_the_worker_makes() {
    let made = in_worker("make(crypto.subtle)");
    agree(&in_node(&format!("check(subtle, {made})")));
}

#[test]
fn the_worker_accepts_what_node_makes() {
    let made = in_node("make(subtle)");
    agree(&in_worker(&format!("check(crypto.subtle, {made})")));
}
