//! How the script ends the events it was given.

use super::super::realm::Realm;
use super::super::task::EventOutcome;
use super::HostObject;
use crate::script::{Buffer, Text};
use rquickjs::Result;
use rquickjs::function::Opt;
use serde::Deserialize;
use std::rc::Rc;

pub(super) fn install(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    let state = realm.clone();
    host.function("eventEnded", move |id: u32, outcome: Text| ended(&state, id, &outcome.into_string()))?;
    let state = realm.clone();
    host.function("fetchRespond", move |id: u32, head: Opt<Option<Text>>, body: Opt<Option<Buffer>>| {
        respond(&state, id, head.0.flatten().map(Text::into_string), body.0.flatten().map(|buffer| buffer.0));
    })?;
    let state = realm.clone();
    host.function(
        "fetchRespondChunk",
        move |id: u32, chunk: Opt<Option<Buffer>>, error: Opt<Option<Text>>| {
            let responder = state.responders.borrow().get(&id).cloned();
            let Some(responder) = responder else { return };
            let error = error.0.flatten().map(Text::into_string);
            match chunk.0.flatten() {
                Some(chunk) if error.is_none() => responder.chunk(chunk.0.into()),
                _ => {
                    responder.end(error);
                    state.responders.borrow_mut().remove(&id);
                }
            }
        },
    )
}

#[derive(Deserialize)]
struct Outcome {
    ok: bool,
    #[serde(default)]
    handled: bool,
    #[serde(default)]
    message: String,
}

fn ended(realm: &Realm, id: u32, outcome: &str) {
    let Some(event) = realm.end_event(id) else { return };
    event.done.finish(match serde_json::from_str::<Outcome>(outcome) {
        Ok(Outcome { ok: true, handled, .. }) => EventOutcome::Succeeded { handled },
        Ok(Outcome { message, .. }) => EventOutcome::Rejected(message),
        Err(error) => EventOutcome::Terminated(format!("the outcome of the event cannot be read: {error}")),
    });
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponseHead {
    error: Option<String>,
    #[serde(default)]
    status: u16,
    #[serde(default)]
    status_text: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    streaming: bool,
}

fn respond(realm: &Realm, id: u32, head: Option<String>, body: Option<Vec<u8>>) {
    let responder = realm.responders.borrow().get(&id).cloned();
    let Some(responder) = responder else { return };
    let Some(head) = head else {
        realm.responders.borrow_mut().remove(&id);
        return responder.not_handled();
    };
    let streaming = match serde_json::from_str::<ResponseHead>(&head) {
        Ok(ResponseHead { error: Some(message), .. }) => {
            responder.network_error(message);
            false
        }
        Ok(head) => {
            responder.head(head.status, head.status_text, head.headers);
            if let Some(body) = body {
                responder.chunk(body.into());
            }
            if !head.streaming {
                responder.end(None);
            }
            head.streaming
        }
        Err(error) => {
            responder.network_error(format!("the response cannot be read: {error}"));
            false
        }
    };
    if !streaming {
        realm.responders.borrow_mut().remove(&id);
    }
}
