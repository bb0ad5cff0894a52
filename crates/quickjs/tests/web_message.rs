//! Messages between the host program and a worker's script: `chrome.webview` (R221).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use support::{Answer, Log, Server, World};
use wakeworker::ServiceWorker;
use wakeworker_core::WorkerRegistrationId;

const SCRIPT: &str = "
    onsync = () => console.log('chrome' in self);
    if ('chrome' in self) {
        chrome.webview.addEventListener('message', (event) => {
            console.log(JSON.stringify(event.data), event.isTrusted, event instanceof MessageEvent, event.target === chrome.webview);
            if (event.data?.echo) for (const part of event.data.echo) chrome.webview.postMessage(part);
            if (event.data?.wrong) for (const value of [undefined, () => {}, 5n]) {
                try { chrome.webview.postMessage(value); } catch (error) { console.log(error.name); }
            }
        });
    }";

fn active(world: &World, id: WorkerRegistrationId) -> ServiceWorker {
    let all = world.host.service_worker_manager().registrations().wait().unwrap();
    all.into_iter().find(|found| found.id() == id).unwrap().active_service_worker().unwrap()
}

#[test] // R221
fn host_and_worker_exchange_json_and_strings_in_order() {
    let world = World::new(Server::with_worker(SCRIPT));
    world.host.set_are_web_view_script_apis_enabled_for_service_workers(true);
    let (id, worker_id) = world.activate("sw.js");
    let worker = active(&world, id);
    let heard: Arc<Log<String>> = Arc::default();
    let seen = heard.clone();
    let _subscription =
        worker.on_web_message_received(move |args| seen.push(args.web_message_as_json().to_owned()));

    worker.post_web_message_as_json(r#"{"echo":[1,"zwei",{"three":[null,"\ud800"]}]}"#).unwrap();
    worker.post_web_message_as_string("plain").unwrap();
    heard.wait_for(|json| json.contains("three").then_some(()));
    assert_eq!(heard.all(), ["1", r#""zwei""#, r#"{"three":[null,"\ud800"]}"#]);
    world.console.wait_for(|line| (line == r#""plain" true true true"#).then_some(()));

    // What JSON cannot express is an error in the script, and nothing is sent.
    worker.post_web_message_as_json(r#"{"wrong":true}"#).unwrap();
    let before = world.console.len();
    world.console.wait_after(before.saturating_sub(1), |line| (line == "TypeError").then_some(()));
    assert_eq!(heard.len(), 3, "{:?}", world.console.all());

    // While messages are off nothing is delivered, in either direction.
    world.host.set_is_web_message_enabled(false);
    assert!(worker.post_web_message_as_string("off").is_err());
    world.host.set_is_web_message_enabled(true);
    // A worker that does not run gets nothing, and hears what is sent after its next start.
    world.runtime.stop_worker(worker_id);
    world.events.wait_for(|event| {
        matches!(event, wakeworker_quickjs::LifecycleEvent::WorkerStopped { .. }).then_some(())
    });
    worker.post_web_message_as_string("dropped").unwrap();
    // Answered after the message was dealt with.
    world.host.worker_registrations().wait().unwrap();
    world.sync(id, "start");
    worker.post_web_message_as_json(r#"{"echo":["again"]}"#).unwrap();
    heard.wait_for(|json| (json == r#""again""#).then_some(()));
    assert!(!world.console.all().iter().any(|line| line.contains("dropped") || line.contains("off")));
}

#[test] // R221
fn without_the_setting_the_script_has_no_chrome_and_the_setting_counts_for_later_workers() {
    let world = World::new(Server::with_worker(SCRIPT));
    let (id, first) = world.activate("sw.js");
    world.sync(id, "t");
    world.host.set_are_web_view_script_apis_enabled_for_service_workers(true);
    world.runtime.stop_worker(first);
    world.events.wait_for(|event| {
        matches!(event, wakeworker_quickjs::LifecycleEvent::WorkerStopped { .. }).then_some(())
    });
    world.sync(id, "t");
    assert_eq!(world.console.all(), ["false", "false"], "it was installed before");
    world.server.put("/sw.js", Answer::script(&format!("{SCRIPT} oninstall = () => skipWaiting();")));
    world.update(id).unwrap();
    world.activated(id, Some(first));
    world.sync(id, "t");
    assert_eq!(world.console.all(), ["false", "false", "true"]);
}
