//! `wakeworker storage`: what a site has stored, and how it goes, with `serve` running and without.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use serde_json::{Value, json};
use std::path::Path;
use support::{Page, Serve, Site, failure, run, success};

const WORKER: &str = "
const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});
async function fill() {
  const cache = await caches.open('shell');
  await cache.put('/a', new Response('x'.repeat(5000)));
  const opening = indexedDB.open('outbox', 3);
  opening.onupgradeneeded = () => opening.result.createObjectStore('messages');
  const database = await done(opening);
  const transaction = database.transaction('messages', 'readwrite');
  transaction.objectStore('messages').put({ photo: new Blob(['p'.repeat(40000)]) }, 1);
  await new Promise((resolve) => { transaction.oncomplete = resolve; });
}
oninstall = (event) => event.waitUntil(fill());
";

fn site() -> Site {
    Site::new(&[("index.html", "<p>"), ("sw.js", WORKER)])
}

/// A site that has stored everything that a site can, and waits for a sync.
async fn filled(serve: &Serve) {
    let mut page = Page::open(serve, "/").await;
    let registration = page.activate("sw.js").await;
    assert_eq!(serve.control_json(&["offline", "on"]), json!({ "offline": true }));
    let tag: Vec<u16> = "t".encode_utf16().collect();
    page.call("sync.register", json!({ "registration": registration, "tag": tag })).await.unwrap();
}

fn without_serve(profile: &Path, args: &[&str]) -> Value {
    let mut all = args.to_vec();
    all.extend(["--json", "--profile", profile.to_str().unwrap()]);
    serde_json::from_str(&success(all)).unwrap()
}

fn check_filled(list: &Value, origin: &str) {
    let stored = list["origins"].as_array().unwrap();
    assert_eq!(stored.len(), 1, "{list}");
    assert_eq!(stored[0]["origin"], origin);
    let database = &stored[0]["databases"][0];
    assert_eq!((&database["name"], &database["version"]), (&json!("outbox"), &json!(3)));
    let cache = &stored[0]["caches"][0];
    assert_eq!((&cache["name"], &cache["entries"]), (&json!("shell"), &json!(1)));
    let bytes = |value: &Value| value["bytes"].as_u64().unwrap();
    assert!(bytes(database) > 40_000 && bytes(cache) > 5_000, "{list}");
    assert_eq!(bytes(&stored[0]), bytes(database) + bytes(cache));
    assert!(stored[0]["bytes_max"].as_u64().unwrap() > bytes(&stored[0]));
}

#[tokio::test] // R163
async fn a_running_serve_shows_and_clears_what_a_site_has() {
    let site = site();
    let serve = site.serve(&[]);
    assert_eq!(String::from_utf8(serve.control(&["storage"]).stdout).unwrap(), "nothing is stored\n");
    filled(&serve).await;
    check_filled(&serve.control_json(&["storage"]), &serve.origin);
    let table = String::from_utf8(serve.control(&["storage", "--origin", &serve.origin]).stdout).unwrap();
    assert!(table.starts_with("SITE"), "{table}");
    for part in [&*serve.origin, "outbox (version 3)", "shell (1 responses)", "2.0 GiB"] {
        assert!(table.contains(part), "{table}");
    }
    let other = serve.control_json(&["storage", "--origin", "https://other.example"]);
    assert_eq!(other, json!({ "origins": [] }));

    let cleared = serve.control_json(&["storage", "clear", "--origin", &serve.origin]);
    assert_eq!(cleared["origin"], serve.origin);
    assert!(cleared["bytes"].as_u64().unwrap() > 45_000);
    assert_eq!(serve.control_json(&["storage"]), json!({ "origins": [] }));
    assert_eq!(serve.control_json(&["list"])["registrations"], json!([]));
}

#[tokio::test] // R163
async fn without_serve_the_profile_is_shown_and_cleared_and_nothing_is_fired() {
    let site = site();
    let serve = site.serve(&[]);
    let (origin, port) = (serve.origin.clone(), serve.port());
    filled(&serve).await;
    // Killed, it leaves its control file behind.
    serve.kill();
    let profile = site.profile();
    check_filled(&without_serve(&profile, &["storage"]), &origin);
    check_filled(&without_serve(&profile, &["storage", "--origin", &origin]), &origin);
    let cleared = without_serve(&profile, &["storage", "clear", "--origin", &origin]);
    assert_eq!(cleared["origin"], origin);
    assert_eq!(without_serve(&profile, &["storage"]), json!({ "origins": [] }));

    let again = site.serve_app(site.app().to_str().unwrap(), port, &[]);
    assert_eq!(again.control_json(&["list"])["registrations"], json!([]));
    let mut page = Page::open(&again, "/").await;
    assert_eq!(page.call("getRegistrations", json!({})).await, Ok(json!([])));
}

#[test]
fn what_is_no_site_or_no_profile_is_refused_with_what_to_do() {
    let site = site();
    let profile = site.profile().join("none");
    let profile = profile.to_str().unwrap();
    let text = failure(["storage", "--profile", profile]);
    assert!(text.contains("there is no profile") && text.contains("--profile DIR"), "{text}");
    for bad in ["a.example", "https://a.example/path", ""] {
        let output = run(["storage", "clear", "--origin", bad, "--profile", profile]);
        assert_eq!(output.status.code(), Some(2), "{bad}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("is not an origin") && text.contains("http://127.0.0.1:8080"), "{text}");
    }
    assert_eq!(run(["storage", "clear"]).status.code(), Some(2));
}
