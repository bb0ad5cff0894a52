//! `wakeworker storage`: what a site has stored, and how it goes, with `serve` running and without.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use serde_json::{Value, json};
use std::path::Path;
use support::{Page, Serve, Site, failure, http, run, success};

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
onfetch = (event) => {
  const { pathname } = new URL(event.request.url);
  if (pathname.startsWith('/ask/')) event.respondWith(fetch('/cookies' + pathname).then((r) => r.text()).then((text) => new Response(text)));
};
";

/// What the worker hears from a server that tells it which cookies it sent.
async fn cookies_sent(serve: &Serve, path: &str) -> String {
    let request = http().get(serve.url(path)).header("referer", format!("{}/", serve.origin));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.unwrap()
}

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

#[tokio::test] // R163
async fn clearing_takes_the_cookies_of_workers_too_with_serve_and_without() {
    let site = site();
    let proxy = format!("/cookies={}", support::cookie_server::start());
    let mut serve = site.serve(&["--proxy", &proxy]);
    for is_running in [true, false] {
        Page::open(&serve, "/").await.activate("sw.js").await;
        assert_eq!(cookies_sent(&serve, "/ask/set").await, "");
        assert_eq!(cookies_sent(&serve, "/ask/which").await, "kept=1");
        let clear = ["storage", "clear", "--origin", &*serve.origin.clone()];
        if is_running {
            serve.control_json(&clear);
        } else {
            let port = serve.port();
            serve.kill();
            without_serve(&site.profile(), &clear);
            serve = site.serve_app(site.app().to_str().unwrap(), port, &["--proxy", &proxy]);
        }
        Page::open(&serve, "/").await.activate("sw.js").await;
        assert_eq!(cookies_sent(&serve, "/ask/which").await, "", "running: {is_running}");
        let file = std::fs::read(site.profile().join("workers/cookies.sqlite")).unwrap();
        assert!(file.starts_with(b"SQLite format 3"), "cookies are kept here");
    }
}

#[tokio::test] // R170
async fn damaged_files_are_moved_aside_and_told_of_and_the_rest_works() {
    let site = site();
    let serve = site.serve(&[]);
    let (origin, port) = (serve.origin.clone(), serve.port());
    filled(&serve).await;
    // Stopped, it leaves no log, from which a damaged file would be mended.
    assert!(serve.stop().0.success());
    let storage = site.profile().join("workers");
    let all = ["workers.sqlite", "cookies.sqlite", "caches.sqlite", "indexeddb/catalog.sqlite"];
    for name in all {
        std::fs::write(storage.join(name), "x".repeat(10_000)).unwrap();
    }
    let profile = site.profile();
    let output = run(["storage", "--json", "--profile", profile.to_str().unwrap()]);
    let told = String::from_utf8(output.stderr).unwrap();
    for name in all {
        let aside = storage.join(format!("{name}.damaged"));
        assert!(told.contains(&aside.display().to_string()), "{name}: {told}");
        assert_eq!(std::fs::read(aside).unwrap(), [b'x'; 10_000]);
    }
    assert_eq!(std::fs::read_dir(storage.join("caches.damaged")).unwrap().count(), 2, "a body and the lock");
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(list["origins"][0]["databases"][0]["name"], "outbox", "{list}");
    assert_eq!(list["origins"][0]["caches"], json!([]), "{list}");

    // The entry is the engine's, and the worker that a page registers again takes its place.
    let again = site.serve_app(site.app().to_str().unwrap(), port, &[]);
    assert_eq!(again.origin, origin);
    assert_eq!(again.control_json(&["list"])["registrations"].as_array().unwrap().len(), 1);
    let mut page = Page::open(&again, "/").await;
    page.activate("sw.js").await;
    let listed = again.control_json(&["list"]);
    assert_eq!(listed["registrations"][0]["tag"], "t", "{listed}");
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
