//! How the script ends the events it was given.

use super::super::realm::Realm;
use super::super::task::EventOutcome;
use super::HostObject;
use crate::body::{BodyReceiver, body_channel};
use crate::script::{BufferPart, Text};
use rquickjs::Result;
use rquickjs::function::Opt;
use serde::Deserialize;
use std::rc::Rc;

pub(super) fn install(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    let state = realm.clone();
    host.function("eventEnded", move |id: u32, handled: bool, rejection: Opt<Option<Text>>| {
        ended(&state, id, handled, rejection.0.flatten().map(Text::into_string));
    })?;
    let state = realm.clone();
    host.function("fetchRespond", move |id: u32, head: Opt<Option<Text>>, body: Opt<Option<BufferPart>>| {
        respond(&state, id, head.0.flatten().map(Text::into_string), body.0.flatten().map(|part| part.0));
    })
}

fn ended(realm: &Realm, id: u32, handled: bool, rejection: Option<String>) {
    let Some(event) = realm.end_event(id) else { return };
    event.done.finish(match rejection {
        None => EventOutcome::Succeeded { handled },
        Some(message) => EventOutcome::Rejected(message),
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
    /// The script writes the body, under this id.
    writes: Option<u32>,
    /// The body is one that the script was given and has not begun to read.
    body: Option<u32>,
}

fn respond(realm: &Realm, id: u32, head: Option<String>, bytes: Option<Vec<u8>>) {
    let Some(responder) = realm.responders.borrow_mut().remove(&id) else { return };
    let mut traffic = realm.traffic.borrow_mut();
    let Some(head) = head else {
        let body = traffic.take_event_body(id);
        drop(traffic);
        return match body {
            Ok(body) => responder.not_handled(body),
            Err(why) => responder.network_error(why.to_owned()),
        };
    };
    let head = match serde_json::from_str::<ResponseHead>(&head) {
        Ok(ResponseHead { error: Some(message), .. }) => {
            drop(traffic);
            return responder.network_error(message);
        }
        Ok(head) => head,
        Err(error) => {
            drop(traffic);
            return responder.network_error(format!("the response cannot be read: {error}"));
        }
    };
    let config = &realm.shared.config;
    let body = if let Some(own) = head.body {
        traffic.hand_on(own).unwrap_or_else(|| {
            let (sender, receiver) = body_channel(1);
            sender.fail("the response's body is not there any more".to_owned());
            receiver
        })
    } else if let Some(own) = head.writes {
        let (sender, receiver) = body_channel(config.response_window_bytes);
        traffic.write_body(own, sender, config.response_bytes_max);
        receiver
    } else {
        BodyReceiver::from_bytes(bytes.unwrap_or_default().into())
    };
    drop(traffic);
    responder.respond(head.status, head.status_text, head.headers, body);
}
