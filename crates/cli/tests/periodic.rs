//! `registration.periodicSync` of pages, permissions, extensions, and what an operator sees of them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use serde_json::{Value, json};
use support::{Page, Serve, Site, clone_of, http, shown};
use wakeworker_structured_clone::Token;

const WORKER: &str = "
    onperiodicsync = (event) => { if (event.tag === 'bad') event.waitUntil(Promise.reject(new Error('no news'))); };
    onsync = (event) => { if (event.tag === 'bad') event.waitUntil(Promise.reject(new Error('not today'))); };
    onmessage = (event) => event.waitUntil(registration.periodicSync.getTags().then((tags) => event.source.postMessage(tags)));";
const GRANT: &[&str] = &["--grant", "periodic-background-sync"];

fn site() -> Site {
    Site::new(&[("index.html", "<!doctype html><title>x</title>"), ("sw.js", WORKER)])
}

fn units(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

fn text(output: &std::process::Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr[..]].concat()).unwrap()
}

async fn opened(serve: &Serve) -> (Page, u64) {
    let mut page = Page::open(serve, "/").await;
    let registration = page.activate("sw.js").await;
    (page, registration)
}

// CR: PeriodicBackgroundSyncBrowserTest.RegisterFromControlledDocument, GetPeriodicSyncRegistrationsWithRegisteredSync, CountUnregisterPeriodicSync, FindATagFromServiceWorker
#[tokio::test] // R12, R40, R41, R43, R44, R45
async fn a_page_registers_lists_and_unregisters_and_its_worker_sees_the_same() {
    let site = site();
    let serve = site.serve(GRANT);
    let (mut page, registration) = opened(&serve).await;
    let lone = json!([0xD800, 0x61]);
    let day = json!({ "minInterval": 86_400_000 });
    let params = json!({ "registration": registration, "tag": lone, "options": day });
    assert_eq!(page.call("periodicSync.register", params).await, Ok(Value::Null));
    let own = json!({ "registration": registration });
    assert_eq!(page.call("periodicSync.getTags", own.clone()).await, Ok(json!([[0xD800, 0x61]])));
    assert_eq!(page.call("sync.getTags", own.clone()).await, Ok(json!([])));
    let worker = page.call("getRegistrations", json!({})).await.unwrap()[0]["active"]["id"].clone();
    page.send(&json!({ "type": "postMessage", "worker": worker, "data": clone_of(&Token::Null) })).await;
    let told = page.wait_for(|m| m["type"] == "message").await;
    // A lone surrogate is three bytes of their own in a clone, which are no text for people.
    assert!(shown(&told["data"]).contains("\u{FFFD}a"), "{told}");
    let tagged = json!({ "registration": registration, "tag": lone });
    assert_eq!(page.call("periodicSync.unregister", tagged.clone()).await, Ok(json!(true)));
    assert_eq!(page.call("periodicSync.unregister", tagged).await, Ok(json!(false)), "no error");
    assert_eq!(page.call("periodicSync.getTags", own).await, Ok(json!([])));
    // What is no number of milliseconds breaks the protocol; the page script has checked it before.
    let wrong = json!({ "registration": registration, "tag": [97], "options": { "minInterval": -1 } });
    page.ask("periodicSync.register", wrong).await;
    assert!(page.next().await.is_none());
}

// CR: permission_denied
#[tokio::test] // R95, R134, R135, R137
async fn without_a_grant_the_permission_is_denied_and_registering_is_refused() {
    let site = site();
    let serve = site.serve(&[]);
    let (mut page, registration) = opened(&serve).await;
    let state = |name: &str| json!({ "name": name });
    assert_eq!(page.call("permissionState", state("background-sync")).await, Ok(json!("granted")));
    assert_eq!(page.call("permissionState", state("periodic-background-sync")).await, Ok(json!("denied")));
    assert!(page.call("permissionState", state("camera")).await.unwrap_err().starts_with("TypeError: "));
    let params = json!({ "registration": registration, "tag": [97], "options": {} });
    let error = page.call("periodicSync.register", params).await.unwrap_err();
    assert!(error.starts_with("NotAllowedError: "), "{error}");
    drop(page);
    drop(serve);

    let serve = site.serve(GRANT);
    let (mut page, registration) = opened(&serve).await;
    assert_eq!(page.call("permissionState", state("periodic-background-sync")).await, Ok(json!("granted")));
    let params = json!({ "registration": registration, "tag": [97], "options": {} });
    assert_eq!(page.call("periodicSync.register", params).await, Ok(Value::Null));
}

#[tokio::test] // R223, R236, R246, R247
async fn what_is_not_enabled_is_refused_or_as_if_it_had_not_been_said() {
    let site = site();
    let serve = site.serve(GRANT);
    let navigation = http().get(serve.url("/")).header("sec-fetch-mode", "navigate");
    let html = navigation.header("sec-fetch-dest", "document").send().await.unwrap().text().await.unwrap();
    assert_eq!(support::attribute(&html, "data-extensions"), "");
    let (mut page, registration) = opened(&serve).await;
    assert!(serve.control(&["offline", "on"]).status.success());
    let options = json!({ "networkState": "any", "powerState": "avoid-draining", "minDelay": 600_000 });
    let params = json!({ "registration": registration, "tag": [97], "options": options });
    page.call("sync.register", params).await.unwrap();
    let entry = &serve.control_json(&["explain", "a"])["registrations"][0];
    let reasons: Vec<&str> =
        entry["reasons"].as_array().unwrap().iter().map(|r| r["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["offline"], "neither condition nor delay: {entry}");
    let tagged = json!({ "registration": registration, "tag": [97] });
    let error = page.call("sync.unregister", tagged).await.unwrap_err();
    assert!(error.starts_with("NotSupportedError: "), "{error}");
    assert_eq!(page.call("sync.getTags", json!({ "registration": registration })).await, Ok(json!([[97]])));
}

#[tokio::test] // R232, R236, R246, R247
async fn what_is_enabled_works_in_pages() {
    let site = site();
    let all = ["explainer-options", "sync-unregister", "sync-delays", "sync-done"];
    let enable: Vec<&str> =
        all.iter().flat_map(|name| ["--enable", name]).chain(GRANT.iter().copied()).collect();
    let serve = site.serve(&enable);
    let (mut page, registration) = opened(&serve).await;
    let own = json!({ "registration": registration });
    let options = json!({ "minInterval": 5, "networkState": "avoid-cellular", "powerState": "auto" });
    let params = json!({ "registration": registration, "tag": [97], "options": options });
    page.call("periodicSync.register", params).await.unwrap();
    let expected =
        json!([{ "tag": [97], "minInterval": 5, "networkState": "avoid-cellular", "powerState": "auto" }]);
    assert_eq!(page.call("periodicSync.getRegistrations", own.clone()).await, Ok(expected));
    let options = json!({ "minDelay": 600_000, "maxDelay": 900_000 });
    let params = json!({ "registration": registration, "tag": [98], "options": options });
    page.call("sync.register", params).await.unwrap();
    let entry = serve.control_json(&["explain", "b"])["registrations"][0].clone();
    assert_eq!(entry["reasons"][0]["reason"], "not-yet", "{entry}");
    assert!((500_000..=600_000).contains(&entry["next_in_ms"].as_u64().unwrap()), "{entry}");
    let expected = json!([{ "tag": [98], "networkState": "online", "powerState": "auto" }]);
    assert_eq!(page.call("sync.getRegistrations", own).await, Ok(expected));
    let tagged = json!({ "registration": registration, "tag": [98] });
    assert_eq!(page.call("sync.unregister", tagged.clone()).await, Ok(json!(true)));
    assert_eq!(page.call("sync.unregister", tagged).await, Ok(json!(false)));
}

#[tokio::test] // R248
async fn a_page_learns_how_a_sync_of_its_tag_ended() {
    let site = site();
    let serve = site.serve(&["--enable", "sync-done"]);
    let (mut page, registration) = opened(&serve).await;
    let mut stranger = Page::open_at(&serve.renamed("localhost"), "/").await;
    for (tag, reason, will_retry) in [("good", Value::Null, false), ("bad", json!("rejected"), true)] {
        page.call("sync.register", json!({ "registration": registration, "tag": units(tag) })).await.unwrap();
        let done = page.wait_for(|m| m["type"] == "syncDone").await;
        let expected = json!({
            "type": "syncDone", "registration": registration, "kind": "sync", "tag": units(tag), "reason": reason,
            "willRetry": will_retry,
        });
        assert_eq!(done, expected);
    }
    assert_eq!(stranger.call("getRegistrations", json!({})).await, Ok(json!([])));
    let heard = stranger.received();
    assert!(heard.iter().all(|message| message["type"] != "syncDone"), "{heard:?}");
}

#[tokio::test] // R145, R240, R242, R243
async fn an_operator_sees_periodic_registrations_counts_and_metrics() {
    let site = site();
    let serve = site.serve(GRANT);
    assert!(text(&serve.control(&["audit"])).contains("no site has used"));
    let (mut page, registration) = opened(&serve).await;
    for (tag, interval) in [("news", 86_400_000_u64), ("bad", 0)] {
        let options = json!({ "minInterval": interval });
        let params = json!({ "registration": registration, "tag": units(tag), "options": options });
        page.call("periodicSync.register", params).await.unwrap();
    }
    let table = text(&serve.control(&["list"]));
    let row = table.lines().find(|line| line.starts_with("news")).unwrap();
    assert!(row.contains("periodicsync") && row.contains(" 1d ") && row.contains("in 1"), "{table}");
    let entry = serve.control_json(&["explain", "news"])["registrations"][0].clone();
    assert_eq!(entry["min_interval_ms"], 86_400_000, "{entry}");
    assert!(entry["next_in_ms"].as_u64().unwrap() > 86_000_000, "{entry}");
    assert!(text(&serve.control(&["explain", "news"])).contains("interval"));
    assert!(text(&serve.control(&["log"])).contains("registered for periodicsync, at least 1d apart"));

    assert_eq!(serve.control_json(&["dispatch", "news", "--periodic"])["outcome"], "succeeded");
    let failed = serve.control(&["dispatch", "bad", "--periodic"]);
    assert!(text(&failed).contains("no news"), "{}", text(&failed));
    page.call("sync.register", json!({ "registration": registration, "tag": [97] })).await.unwrap();
    serve.wait_for_activity(|a| a["event"] == "completed" && a["tag"] == "a");

    let audit = serve.control_json(&["audit"]);
    let line = |kind: &str| {
        let lines = audit["origins"].as_array().unwrap();
        lines.iter().find(|line| line["kind"] == kind).unwrap_or_else(|| panic!("{audit}")).clone()
    };
    let (sync, periodic) = (line("sync"), line("periodicsync"));
    assert_eq!(
        (&sync["registrations"], &sync["succeeded"], &sync["failed"]),
        (&json!(1), &json!(1), &json!(0))
    );
    assert_eq!(sync["storage_key"], serve.origin);
    assert_eq!(periodic["registrations"], 2);
    assert!(sync["last_event"].is_string() && sync["events_in_foreground"] == 1, "{sync}");
    assert!(text(&serve.control(&["audit"])).starts_with("SITE"));

    let metrics = text(&serve.control(&["metrics"]));
    let origin = &serve.origin;
    for wanted in [
        format!("wakeworker_registrations_total{{origin=\"{origin}\",kind=\"periodicsync\"}} 2"),
        format!("wakeworker_events_succeeded_total{{origin=\"{origin}\",kind=\"sync\",page=\"open\"}} 1"),
        "wakeworker_sync_registrations{kind=\"periodicsync\",state=\"pending\"} 2".to_owned(),
        "wakeworker_pages 1".to_owned(),
    ] {
        assert!(metrics.lines().any(|line| line == wanted), "{wanted}\n{metrics}");
    }
    // Behind the token, like the rest.
    let url = serve.url("/.wakeworker/api/metrics");
    assert_eq!(http().get(&url).send().await.unwrap().status(), 401);
    let response = http().get(&url).bearer_auth(&serve.token).send().await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
}
