//! Notifications and push messages from the command line and through the control API.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use serde_json::json;
use support::{Page, Site};

const WORKER: &str = "
    onpush = (event) => event.waitUntil(registration.showNotification(event.data?.text() ?? 'no data', {
        body: 'a\\u001b[2J', tag: 't', actions: [{ action: 'reply', title: 'Reply' }] }));
    onnotificationclick = (event) => {
        if (event.action === 'reply') event.waitUntil(Promise.reject(new Error('cannot reply')));
        else event.notification.close();
    };
";

fn site() -> Site {
    Site::new(&[("index.html", "<p>"), ("sw.js", WORKER)])
}

fn text(output: &std::process::Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr[..]].concat()).unwrap()
}

#[tokio::test]
async fn a_push_message_shows_a_notification_that_can_be_listed_clicked_and_closed() {
    let site = site();
    let serve = site.serve(&["--grant", "notifications"]);
    let output = serve.control(&["push"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("open the app in a browser first"), "{}", text(&output));
    let mut page = Page::open(&serve, "/").await;
    page.activate("sw.js").await;
    assert_eq!(text(&serve.control(&["notifications"])), "no notifications\n");

    let pushed = serve.control_json(&["push", "--data", "Hello"]);
    assert_eq!(
        pushed,
        json!({ "outcome": "succeeded", "handled": true, "scope": format!("{}/", serve.origin) })
    );
    let list = serve.control_json(&["notifications"]);
    let shown = &list["notifications"][0];
    assert_eq!((&shown["title"], &shown["body"]), (&json!("Hello"), &json!("a\u{1b}[2J")));
    assert_eq!(shown["actions"], json!([{ "action": "reply", "title": "Reply" }]));
    assert_eq!(shown["storage_key"], json!(serve.origin));
    let table = text(&serve.control(&["notifications"]));
    assert!(table.starts_with("ID  TITLE  BODY"), "{table}");
    assert!(table.contains("Hello") && !table.contains('\u{1b}'), "{table}");
    let id = shown["id"].to_string();

    let output = serve.control(&["notifications", "click", &id, "--action", "reply"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("failed: rejected (Error: cannot reply"), "{}", text(&output));
    let output = serve.control(&["notifications", "click", &id, "--action", "burn"]);
    assert!(text(&output).contains("no action `burn`; it has: reply"), "{}", text(&output));
    assert_eq!(serve.control_json(&["notifications", "click", &id])["outcome"], "succeeded");
    let output = serve.control(&["notifications", "close", &id]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains(&format!("notification {id} is not shown")), "{}", text(&output));

    let file = site.app().join("message.bin");
    std::fs::write(&file, [0xFF]).unwrap();
    assert!(serve.control(&["push", "--data-file", file.to_str().unwrap()]).status.success());
    let list = serve.control_json(&["notifications"]);
    let (title, id) = (&list["notifications"][0]["title"], list["notifications"][0]["id"].to_string());
    assert_eq!(title, &json!("\u{FFFD}"));
    let closed = serve.control_json(&["notifications", "close", &id]);
    assert_eq!((&closed["outcome"], &closed["handled"]), (&json!("succeeded"), &json!(false)));
    assert_eq!(serve.control_json(&["notifications"]), json!({ "notifications": [] }));
}

#[tokio::test]
async fn without_the_permission_nothing_is_shown() {
    let site = site();
    let serve = site.serve(&[]);
    let mut page = Page::open(&serve, "/").await;
    page.activate("sw.js").await;
    let output = serve.control(&["push"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("has no permission to show notifications"), "{}", text(&output));
    assert_eq!(serve.control_json(&["notifications"]), json!({ "notifications": [] }));
}
