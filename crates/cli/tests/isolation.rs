//! What one origin has, another one does not see: workers, pages, databases, caches, cookies, messages, registrations.
//! The three names of one gateway are three origins in one process, served with the same worker.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use serde_json::{Value, json};
use support::{Page, Site, http};

/// Keeps something everywhere it can, and tells everything that it can see.
const WORKER: &str = "
oninstall = () => skipWaiting();
onactivate = (event) => event.waitUntil(clients.claim());
const opened = () => new Promise((done, failed) => {
    const request = indexedDB.open('diary', 1);
    request.onupgradeneeded = () => request.result.createObjectStore('pages');
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
});
const settled = (request) => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
});
const keep = async (text) => {
    const db = await opened();
    await settled(db.transaction('pages', 'readwrite').objectStore('pages').put(text, 'today'));
    db.close();
    await (await caches.open('notes')).put('/note', new Response(text));
    await registration.sync.register('tag-' + text);
    return 'kept';
};
const see = async () => {
    const names = (await indexedDB.databases()).map((found) => found.name);
    const db = await opened();
    const entry = await settled(db.transaction('pages').objectStore('pages').get('today'));
    db.close();
    const cached = await caches.match('/note');
    const windows = await clients.matchAll({ includeUncontrolled: true });
    return JSON.stringify({
        names, entry: entry ?? null, caches: await caches.keys(), note: cached ? await cached.text() : null,
        tags: await registration.sync.getTags(), windows: windows.map((client) => client.url),
        usage: (await navigator.storage.estimate()).usage > 0,
        cookies: await fetch('/cookies').then((response) => response.text(), () => 'offline'),
    });
};
onfetch = (event) => {
    const url = new URL(event.request.url);
    if (url.pathname === '/keep') event.respondWith(keep(url.search.slice(1)).then((text) => new Response(text)));
    if (url.pathname === '/see') event.respondWith(see().then((text) => new Response(text)));
};
";

/// What the worker of an origin says to a request of its page that carries a cookie.
async fn asked(origin: &str, path: &str) -> String {
    let request = http()
        .get(format!("{origin}{path}"))
        .header("referer", format!("{origin}/"))
        .header("cookie", format!("of={origin}"));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "{origin}{path}");
    response.text().await.unwrap()
}

async fn seen(origin: &str) -> Value {
    serde_json::from_str(&asked(origin, "/see").await).unwrap()
}

#[tokio::test] // R35, R175
async fn an_origin_sees_nothing_of_another_one() {
    let site = Site::new(&[("index.html", "<p>"), ("sw.js", WORKER)]);
    let cookies = support::cookie_server::start();
    let serve = site.serve(&["--proxy", &format!("/cookies={cookies}")]);
    let (a, b) = (serve.origin.clone(), serve.renamed("localhost"));
    let mut page_a = Page::open_at(&a, "/").await;
    let mut page_b = Page::open_at(&b, "/").await;
    let registration_a = page_a.activate("sw.js").await;
    page_b.activate("sw.js").await;
    assert_eq!(seen(&a).await["cookies"], format!("of={a}"));
    assert_eq!(seen(&b).await["cookies"], format!("of={b}"));
    // Without a network the tag stays.
    serve.control(&["offline", "on"]);
    assert_eq!(asked(&a, "/keep?secret").await, "kept");

    let of_b = seen(&b).await;
    assert_eq!(of_b["entry"], Value::Null, "{of_b}");
    assert_eq!(
        (&of_b["caches"], &of_b["note"], &of_b["tags"]),
        (&json!([]), &Value::Null, &json!([])),
        "{of_b}"
    );
    assert_eq!(of_b["windows"], json!([format!("{b}/")]), "{of_b}");
    assert!(!of_b.to_string().contains("secret") && !of_b.to_string().contains(&a), "{of_b}");
    let of_a = seen(&a).await;
    assert_eq!(
        (&of_a["entry"], &of_a["note"], &of_a["usage"]),
        (&json!("secret"), &json!("secret"), &json!(true))
    );
    assert_eq!((&of_a["windows"], &of_a["tags"]), (&json!([format!("{a}/")]), &json!(["tag-secret"])));
    serve.control(&["offline", "off"]);

    // Numbers of another origin's things open no door.
    let worker_a = page_a.call("getRegistrations", json!({})).await.unwrap()[0]["active"]["id"].clone();
    for (method, params) in [
        ("update", json!({ "registration": registration_a })),
        ("sync.register", json!({ "registration": registration_a, "tag": [120] })),
        ("sync.getTags", json!({ "registration": registration_a })),
        ("periodicSync.getTags", json!({ "registration": registration_a })),
    ] {
        let error = page_b.call(method, params).await.unwrap_err();
        assert!(!error.contains("secret"), "{method}: {error}");
    }
    let gone = page_b.call("unregister", json!({ "registration": registration_a })).await.unwrap();
    assert_eq!(gone, json!(false));
    page_b.send(&json!({ "type": "postMessage", "worker": worker_a, "data": "[1,\"x\"]" })).await;
    let error = page_b.call("getRegistration", json!({ "url": format!("{a}/") })).await.unwrap_err();
    assert!(error.starts_with("SecurityError"), "{error}");

    // The end of a registration is no news for others. The answer comes after whatever would have been said before.
    assert_eq!(
        page_a.call("unregister", json!({ "registration": registration_a })).await.unwrap(),
        json!(true)
    );
    page_a.wait_for(|message| message["type"] == "unregistered").await;
    assert_eq!(page_b.call("getRegistrations", json!({})).await.unwrap().as_array().unwrap().len(), 1);
    let heard = page_b.received();
    assert!(
        heard.iter().all(|message| message["id"] != registration_a && message["registration"]["id"] != registration_a),
        "{heard:?}"
    );
}

#[tokio::test] // R35, R175
async fn a_frame_in_another_site_shares_nothing_with_its_own_origin() {
    let site = Site::new(&[("index.html", "<p>"), ("sw.js", WORKER)]);
    let serve = site.serve(&[]);
    let mut own = Page::open(&serve, "/").await;
    own.activate("sw.js").await;
    for top in ["http://evil.example", "http://evil.example^x", "^", &serve.renamed("localhost")] {
        let mut frame = Page::connect_frame(&serve, "/", Some(top)).await;
        assert_eq!(frame.welcome["registrations"], json!([]), "{top}");
        assert_eq!(frame.call("getRegistrations", json!({})).await.unwrap(), json!([]), "{top}");
    }
}
