//! Messages between the host and workers, as far as the host is concerned (R221).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stage;

use stage::{ORIGIN, Stage};
use std::sync::{Arc, Mutex};
use wakeworker::core::*;
use wakeworker::{ServiceWorker, WebMessageError};

fn active(stage: &mut Stage) -> ServiceWorker {
    let pending = stage.host.service_worker_manager().registration(&format!("{ORIGIN}/"));
    stage.ask(pending).unwrap().unwrap().active_service_worker().unwrap()
}

#[test] // R221
fn messages_reach_the_worker_as_json_in_their_order() {
    let (mut stage, _) = Stage::new().with_worker();
    let worker = active(&mut stage);
    worker.post_web_message_as_json(r#"{"n": [1, 2.5e3, null]}"#).unwrap();
    worker.post_web_message_as_string("say \"hi\"\u{2028}\n").unwrap();
    worker.post_web_message_as_json("3").unwrap();
    stage.turn();
    let sent: Vec<String> = stage.workers.take_messages().into_iter().map(|(_, json)| json).collect();
    assert_eq!(sent[0], r#"{"n": [1, 2.5e3, null]}"#);
    let text: String = serde_json::from_str(&sent[1]).unwrap();
    assert_eq!(text, "say \"hi\"\u{2028}\n");
    assert_eq!(sent[2], "3");
}

#[test] // R221
fn text_that_is_not_json_is_refused_with_the_place() {
    let (mut stage, _) = Stage::new().with_worker();
    let worker = active(&mut stage);
    for bad in ["", "{", "undefined", "'x'", "1 2"] {
        let error = worker.post_web_message_as_json(bad).unwrap_err();
        assert!(matches!(error, WebMessageError::InvalidJson { .. }), "{bad}");
        assert!(error.to_string().contains("column"), "{error}");
    }
    stage.turn();
    assert!(stage.workers.take_messages().is_empty());
}

#[test] // R221
fn what_a_worker_says_is_heard_for_its_version_only() {
    let (mut stage, id) = Stage::new().with_worker();
    let worker = active(&mut stage);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let notes = heard.clone();
    let subscription = worker.on_web_message_received(move |args| notes.lock().unwrap().push(args.clone()));
    let say = |stage: &mut Stage, worker, json: &str| {
        stage.host.web_message_received(id, WorkerId(worker), "https://chat.example/sw.js", json.to_owned());
        stage.turn();
    };
    say(&mut stage, 1, "\"ready\"");
    say(&mut stage, 2, "\"another version\"");
    say(&mut stage, 1, "{\"n\":1}");
    {
        let heard = heard.lock().unwrap();
        assert_eq!(heard.len(), 2);
        assert_eq!(heard[0].source(), "https://chat.example/sw.js");
        assert_eq!(heard[0].try_web_message_as_string().unwrap(), "ready");
        assert_eq!(heard[1].web_message_as_json(), "{\"n\":1}");
        assert!(matches!(heard[1].try_web_message_as_string(), Err(WebMessageError::NotAString)));
    }
    drop(subscription);
    say(&mut stage, 1, "1");
    assert_eq!(heard.lock().unwrap().len(), 2); // R190
}

#[test] // R221
fn both_settings_have_their_defaults_and_switch_messages_off() {
    let (mut stage, id) = Stage::new().with_worker();
    let worker = active(&mut stage);
    assert!(stage.host.is_web_message_enabled());
    assert!(!stage.host.are_web_view_script_apis_enabled_for_service_workers(), "off by default");
    stage.host.set_are_web_view_script_apis_enabled_for_service_workers(true);
    assert!(stage.host.are_web_view_script_apis_enabled_for_service_workers());

    let heard = Arc::new(Mutex::new(0));
    let count = heard.clone();
    let _subscription = worker.on_web_message_received(move |_| *count.lock().unwrap() += 1);
    stage.host.set_is_web_message_enabled(false);
    assert!(matches!(worker.post_web_message_as_string("no"), Err(WebMessageError::Disabled)));
    stage.host.web_message_received(id, WorkerId(1), "https://chat.example/sw.js", "1".to_owned());
    stage.turn();
    assert_eq!((stage.workers.take_messages().len(), *heard.lock().unwrap()), (0, 0));
    stage.host.set_is_web_message_enabled(true);
    worker.post_web_message_as_string("yes").unwrap();
    stage.turn();
    assert_eq!(stage.workers.take_messages().len(), 1);
}
