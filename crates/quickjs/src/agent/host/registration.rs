//! The worker's registration, its clients and its messages.

use super::super::Worker;
use super::super::realm::Realm;
use super::super::task::{EventDone, EventKind, EventTask, HostError};
use super::HostObject;
use super::ports::posted;
use crate::clients::{ClientInfo, MessageSource};
use crate::ports::PostedMessage;
use crate::script::Text;
use ::url::Url;
use rquickjs::Result;
use rquickjs::function::Opt;
use serde::Deserialize;
use std::rc::Rc;
use std::sync::Arc;
use wakeworker_core::WorkerId;

pub(super) fn install(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    clients(host, realm)?;
    let state = realm.clone();
    host.function("skipWaiting", move |id: u32| {
        let settle = state.operation(id);
        state.shared.skip_waiting(&state.worker);
        settle(Ok("null".to_owned()));
    })?;
    let state = realm.clone();
    host.function("registrationUpdate", move |id: u32| {
        let settle = state.operation(id);
        state.shared.update_by_worker(&state.worker, move |result| {
            settle(match result {
                Ok(_) => Ok("null".to_owned()),
                Err(error) => Err(HostError::new(error.name(), error.message())),
            });
        });
    })?;
    let state = realm.clone();
    host.function("registrationUnregister", move |id: u32| {
        let settle = state.operation(id);
        state.shared.unregister(state.worker.registration, move |result| {
            settle(match result {
                Ok(removed) => Ok(removed.to_string()),
                Err(error) => Err(HostError::new(error.name(), error.message())),
            });
        });
    })?;
    let state = realm.clone();
    host.function(
        "navigationPreloadSet",
        move |id: u32, enabled: Opt<Option<bool>>, header: Opt<Option<Text>>| {
            let settle = state.operation(id);
            let header = header.0.flatten().map(Text::into_string);
            let set =
                state.shared.set_navigation_preload(state.worker.registration, enabled.0.flatten(), header);
            settle(match set {
                Ok(()) => Ok("null".to_owned()),
                Err(error) => Err(HostError::new(error.name(), error.message())),
            });
        },
    )?;
    let state = realm.clone();
    host.function("navigationPreloadState", move || {
        let preload = state.shared.navigation_preload(state.worker.registration);
        serde_json::json!({ "enabled": preload.enabled, "headerValue": preload.header }).to_string()
    })?;
    let state = realm.clone();
    host.function("registrationState", move || state.shared.registration_json(state.worker.registration))?;
    let state = realm.clone();
    host.function("postMessageToWorker", move |worker: u64, data: Text, ports: Text| {
        post_to_worker(&state, WorkerId(worker), posted(&state, data, ports));
    })?;
    let state = realm.clone();
    host.function("postWebMessage", move |json: Text| {
        // R221: without a host, as while messages are switched off, nobody hears it.
        if let Some(host) = state.shared.host.get() {
            let worker = &state.worker;
            host.web_message_received(worker.registration, worker.id, &worker.script_url, json.into_string());
        }
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MatchOptions {
    #[serde(default)]
    include_uncontrolled: bool,
    #[serde(rename = "type", default)]
    kind: String,
}

fn clients(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    let state = realm.clone();
    host.function("clientsClaim", move |id: u32| {
        let settle = state.operation(id);
        settle(match state.shared.claim(&state.worker) {
            Ok(()) => Ok("null".to_owned()),
            Err(error) => Err(HostError::new(error.name(), error.message())),
        });
    })?;
    let state = realm.clone();
    host.function("clientsMatchAll", move |id: u32, options: Text| {
        let settle = state.operation(id);
        settle(match serde_json::from_str(&options.into_string()) {
            Ok(options) => to_json(&match_all(&state, &options)),
            Err(error) => Err(HostError::new("TypeError", format!("the options cannot be read: {error}"))),
        });
    })?;
    let state = realm.clone();
    host.function("clientsGet", move |id: u32, client: Text| {
        let settle = state.operation(id);
        let wanted = client.into_string();
        let all = state.shared.clients.match_all(&state.worker.storage_key);
        settle(to_json(&all.into_iter().find(|client| client.id == wanted)));
    })?;
    let state = realm.clone();
    host.function("clientsOpenWindow", move |id: u32, url: Text| {
        let settle = state.operation(id);
        let url = url.into_string();
        let opened = Url::parse(&url)
            .map_err(|error| HostError::new("TypeError", format!("`{url}` is no URL: {error}")))
            .and_then(|url| {
                let opened = state.shared.clients.open_window(&state.worker.storage_key, &url);
                opened.map_err(|message| HostError::new("InvalidAccessError", message))
            });
        settle(opened.and_then(|client| to_json(&client)));
    })?;
    let state = realm.clone();
    host.function("postMessageToClient", move |client: Text, data: Text, ports: Text| {
        let (client, source) = (client.into_string(), state.shared.worker_state(&state.worker));
        let message = posted(&state, data, ports);
        // Whatever a script has made of its own heap: clients of other origins do not exist for it (R175).
        let own = state.shared.clients.match_all(&state.worker.storage_key);
        if own.iter().any(|known| known.id == client) {
            state.shared.clients.post_message(&client, message, &source);
        }
    })
}

fn to_json(value: &impl serde::Serialize) -> std::result::Result<String, HostError> {
    serde_json::to_string(value).map_err(|error| HostError::new("UnknownError", error.to_string()))
}

fn match_all(realm: &Realm, options: &MatchOptions) -> Vec<ClientInfo> {
    let mut clients = realm.shared.clients.match_all(&realm.worker.storage_key);
    let kind = if options.kind.is_empty() { "window" } else { options.kind.as_str() };
    clients.retain(|client| kind == "all" || client.kind == kind);
    if !options.include_uncontrolled {
        clients.retain(|client| client.controller == Some(realm.worker.id));
    }
    clients
}

/// `ServiceWorker.postMessage` to another worker of the registration, or to itself; it starts if it is stopped.
fn post_to_worker(realm: &Realm, target: WorkerId, message: PostedMessage) {
    // Workers of other origins do not exist for a script (R175).
    let own = |worker: &Arc<Worker>| worker.storage_key == realm.worker.storage_key;
    let Some(worker) = realm.shared.worker(target).filter(own) else { return };
    let source = MessageSource::Worker(realm.shared.worker_state(&realm.worker));
    let event = EventTask {
        kind: EventKind::Message { message, source },
        done: EventDone::new(|_| {}),
        attempt: None,
        duration_max_ms: Some(realm.shared.config.event_duration_max_ms),
        starts: 0,
    };
    worker.dispatch(&realm.shared, event);
}
