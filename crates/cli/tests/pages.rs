//! Pages as clients: registration, requests, messages, sync, and life after a restart.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use serde_json::{Value, json};
use support::{Page, Serve, Site, clone_of, http, shown};
use wakeworker_structured_clone::Token;

const WORKER: &str = r#"
    oninstall = () => skipWaiting();
    onactivate = (event) => event.waitUntil(clients.claim());
    onfetch = (event) => {
        const path = new URL(event.request.url).pathname;
        if (path === '/page') event.respondWith(new Response('<p>from the worker', { headers: { 'content-type': 'text/html' } }));
        if (path === '/echo') event.respondWith(event.request.text().then((text) => new Response(
            [event.request.method, text, event.clientId, event.request.headers.get('x-a')].join())));
        if (path === '/error') event.respondWith(Response.error());
        if (path === '/through') event.respondWith(fetch('/data.json'));
    };
    onmessage = (event) => event.source.postMessage({ got: event.data, from: event.source.id });
    onsync = (event) => event.waitUntil((async () => {
        if (event.tag === 'fail') throw new Error('not today');
        for (const client of await clients.matchAll()) client.postMessage('synced ' + event.tag);
    })());
"#;

fn site() -> Site {
    Site::new(&[
        ("index.html", "<!doctype html><title>x</title>"),
        ("sw.js", WORKER),
        ("data.json", "{\"a\":1}"),
    ])
}

async fn get(serve: &Serve, path: &str, referrer: Option<&str>) -> (u16, String) {
    let mut request =
        http().post(serve.url(path)).body("body").header("x-a", "1").header("sec-fetch-mode", "cors");
    if let Some(referrer) = referrer {
        request = request.header("referer", serve.url(referrer));
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test] // R159, R160
async fn a_page_is_controlled_and_its_requests_go_through_the_worker() {
    let site = site();
    let serve = site.serve(&[]);
    let mut page = Page::open(&serve, "/").await;
    assert_eq!(page.welcome["controller"], Value::Null);
    assert_eq!(page.welcome["registrations"], json!([]));
    let registration = page.activate("sw.js").await;
    let claimed = page.wait_for(|m| m["type"] == "controller").await;
    assert_eq!(claimed["controller"]["registration"], registration);

    let client = page.welcome["client"].as_str().unwrap().to_owned();
    assert_eq!(get(&serve, "/echo", Some("/")).await, (200, format!("POST,body,{client},1")));
    let (status, text) = get(&serve, "/error", Some("/")).await;
    assert_eq!(status, 502, "{text}");
    assert_eq!(
        get(&serve, "/echo", None).await.0,
        405,
        "a request of nobody goes to the folder, which only knows GET"
    );
    let through = http().get(serve.url("/through")).header("referer", serve.url("/")).send().await.unwrap();
    assert_eq!(
        through.text().await.unwrap(),
        "{\"a\":1}",
        "the worker's own request does not come back to it"
    );

    // A navigation is answered by the worker too, and its page knows its controller from the start.
    let mut second = Page::open(&serve, "/page").await;
    assert_eq!(second.welcome["controller"]["registration"], registration);
    assert_eq!(second.welcome["controller"]["worker"]["state"], "activated");
    let worker = second.welcome["controller"]["worker"]["id"].clone();
    second
        .send(&json!({ "type": "postMessage", "worker": worker, "data": clone_of(&Token::String(b"hi")) }))
        .await;
    let reply = second.wait_for(|m| m["type"] == "message").await;
    let data = shown(&reply["data"]);
    assert!(data.contains("hi") && data.contains(second.welcome["client"].as_str().unwrap()), "{data}");
    assert_eq!(reply["source"]["id"], worker);
}

// CR: RegisterOneShotSync, BackgroundSyncBrowserTest.RegisterFromControlledDocument, BackgroundSyncBrowserTest.GetTags
#[tokio::test] // R12, R24, R39
async fn sync_fires_after_its_promise_and_tags_come_back_unit_for_unit() {
    let site = site();
    let serve = site.serve(&[]);
    let mut page = Page::open(&serve, "/").await;
    let registration = page.activate("sw.js").await;
    page.wait_for(|m| m["type"] == "controller").await;
    let call = page.ask("sync.register", json!({ "registration": registration, "tag": [116] })).await;
    let mut order = Vec::new();
    while order.len() < 2 {
        let message = page.next().await.unwrap();
        match message["type"].as_str().unwrap() {
            "result" if message["id"] == call => order.push("promise"),
            "message" => order.push("event"),
            _ => {}
        }
    }
    assert_eq!(order, ["promise", "event"]);

    assert!(serve.control(&["offline", "on"]).status.success());
    let lone = json!([0xD800, 0x61]);
    page.call("sync.register", json!({ "registration": registration, "tag": lone })).await.unwrap();
    let tags = page.call("sync.getTags", json!({ "registration": registration })).await.unwrap();
    assert_eq!(tags, json!([[0xD800, 0x61]]));
    let error = page.call("sync.register", json!({ "registration": 99, "tag": [] })).await.unwrap_err();
    assert!(error.starts_with("InvalidStateError: "), "{error}");
    let tag: Vec<u16> = vec![97; 10_241];
    let error =
        page.call("sync.register", json!({ "registration": registration, "tag": tag })).await.unwrap_err();
    assert!(error.starts_with("InvalidAccessError: "), "{error}"); // R33
}

#[tokio::test] // R32, R35
async fn the_same_app_under_another_name_is_another_origin() {
    let site = site();
    let serve = site.serve(&[]);
    let mut page = Page::open(&serve, "/").await;
    let registration = page.activate("sw.js").await;
    let mut stranger = Page::open_at(&serve.renamed("localhost"), "/").await;
    assert_eq!(stranger.welcome["registrations"], json!([]));
    for method in ["sync.register", "sync.getTags"] {
        let error =
            stranger.call(method, json!({ "registration": registration, "tag": [97] })).await.unwrap_err();
        assert!(error.starts_with("InvalidStateError: "), "{error}");
    }
    assert_eq!(
        stranger.call("unregister", json!({ "registration": registration })).await,
        Ok(Value::Bool(false))
    );
    assert_eq!(page.call("unregister", json!({ "registration": registration })).await, Ok(Value::Bool(true)));
    page.wait_for(|m| m["type"] == "unregistered").await;
}

#[tokio::test] // R38, R167, R168
async fn a_page_and_its_syncs_outlive_a_killed_gateway() {
    let site = site();
    let serve = site.serve(&[]);
    let mut page = Page::open(&serve, "/").await;
    assert!(serve.control(&["offline", "on"]).status.success());
    // Offline, the script cannot be fetched, and neither can anything else.
    let params = json!({ "scriptUrl": "sw.js", "scope": null, "updateViaCache": "imports" });
    assert!(page.call("register", params).await.unwrap_err().starts_with("TypeError: "));
    assert_eq!(get(&serve, "/data.json", None).await.0, 502);
    assert!(serve.control(&["offline", "off"]).status.success());
    let registration = page.activate("sw.js").await;
    page.wait_for(|m| m["type"] == "controller").await;
    assert!(serve.control(&["offline", "on"]).status.success());
    page.call("sync.register", json!({ "registration": registration, "tag": [97] })).await.unwrap();
    let (port, client) = (serve.port(), page.welcome["client"].as_str().unwrap().to_owned());
    serve.kill();
    assert!(page.next().await.is_none(), "the page sees that its connection is lost");

    let serve = site.serve_app(site.app().to_str().unwrap(), port, &["--offline"]);
    let mut page = Page::connect(&serve, "/", &client, json!(registration)).await;
    assert_ne!(page.welcome["client"], client, "a new client");
    assert_eq!(page.welcome["controller"]["registration"], registration);
    let tags = page.call("sync.getTags", json!({ "registration": registration })).await.unwrap();
    assert_eq!(tags, json!([[97]]));
    assert!(serve.control(&["offline", "off"]).status.success());
    let message = page.wait_for(|m| m["type"] == "message").await;
    assert_eq!(shown(&message["data"]), "\"synced a\"");
}

#[tokio::test] // R18, R19, R34, R175; CR: RegisterFromIFrameWithMainFrameHost, RegisterFromIFrameWithTopLevelFrameForOrigin
async fn a_frame_may_register_while_a_window_of_its_site_is_open() {
    // R19; CR: RegisterFromUncontrolledDocument, oneshot
    let site = site();
    let serve = site.serve(&["--grant", "periodic-background-sync"]);
    let mut window = Page::open(&serve, "/").await;
    let registration = window.activate("sw.js").await;
    let one_off = json!({ "registration": registration, "tag": [97] });
    let periodic = json!({ "registration": registration, "tag": [97], "options": {} });
    let mut frame = Page::connect_frame(&serve, "/outside", None).await;
    assert_eq!(frame.call("sync.register", one_off.clone()).await, Ok(Value::Null));
    assert_eq!(frame.call("periodicSync.register", periodic.clone()).await, Ok(Value::Null));
    // Inside another site's page the frame has data of its own (R175), and no window of that can be open.
    let mut foreign = Page::connect_frame(&serve, "/", Some("https://top.example")).await;
    assert_eq!(foreign.welcome["registrations"], json!([]));
    let partitioned = foreign.activate("sw.js").await;
    assert_ne!(partitioned, registration);
    for method in ["sync.register", "periodicSync.register"] {
        let params = json!({ "registration": partitioned, "tag": [97], "options": {} });
        let error = foreign.call(method, params).await.unwrap_err();
        let expected = if method == "sync.register" { "InvalidAccessError: " } else { "NotAllowedError: " };
        assert!(error.starts_with(expected), "a grant is for the site itself: {error}");
    }
    drop(window);
    // The gateway learns of it when the connection has ended.
    loop {
        match frame.call("sync.register", one_off.clone()).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break assert!(error.starts_with("InvalidAccessError: "), "{error}"),
        }
    }
    let error = frame.call("periodicSync.register", periodic).await.unwrap_err();
    assert!(error.starts_with("InvalidAccessError: "), "{error}");
}

#[tokio::test] // R25, R62
async fn a_page_that_is_gone_before_its_answer_does_not_keep_the_event_from_firing() {
    let site = site();
    let serve = site.serve(&[]);
    let mut page = Page::open(&serve, "/").await;
    let registration = page.activate("sw.js").await;
    page.ask("sync.register", json!({ "registration": registration, "tag": [103, 111, 110, 101] })).await;
    drop(page);
    let completed = serve.wait_for_activity(|a| a["tag"] == "gone" && a["event"] == "completed");
    assert_eq!(completed["kind"], "sync");
}

#[tokio::test]
async fn a_page_that_breaks_the_protocol_or_floods_is_disconnected_and_others_are_not() {
    let site = site();
    let serve = site.serve(&[]);
    let mut good = Page::open(&serve, "/").await;
    for wrong in [
        json!({ "type": "nonsense" }),
        json!({ "type": "call", "id": 1, "method": "eval", "params": {} }),
        json!({ "type": "hello" }),
    ] {
        let mut bad = Page::open(&serve, "/").await;
        bad.send(&wrong).await;
        assert!(bad.next().await.is_none(), "{wrong}");
    }
    let mut flood = Page::open(&serve, "/").await;
    for _ in 0..20_000 {
        // Once it is disconnected, sending fails.
        if flood
            .try_send(&json!({ "type": "client", "url": "x", "visibilityState": "hidden", "focused": false }))
            .await
            .is_err()
        {
            break;
        }
    }
    while flood.next().await.is_some() {}
    assert_eq!(good.call("getRegistrations", json!({})).await, Ok(json!([])));
}

#[tokio::test]
async fn a_page_that_does_not_read_holds_up_nobody() {
    let site = Site::new(&[
        ("index.html", "<p>"),
        (
            "sw.js",
            "onsync = (event) => event.waitUntil((async () => {
                const text = 'x'.repeat(4000);
                const all = await clients.matchAll({ includeUncontrolled: true });
                for (let i = 0; i < 20000; i++) all.find((c) => c.url.endsWith('/slow')).postMessage(text);
             })())",
        ),
        ("slow", "<p>"),
    ]);
    let serve = site.serve(&[]);
    let mut slow = Page::connect(&serve, "/slow", "none", Value::Null).await;
    let mut good = Page::open(&serve, "/").await;
    good.activate("sw.js").await;
    assert_eq!(serve.control_json(&["dispatch", "t"])["outcome"], "succeeded");
    assert_eq!(good.call("getRegistrations", json!({})).await.unwrap().as_array().unwrap().len(), 1);
    let mut count = 0;
    while slow.next().await.is_some() {
        count += 1;
    }
    assert!(count < 20_000, "it was disconnected, after {count} messages");
}
