//! `WebSocket` for scripts.

use super::super::realm::Realm;
use super::super::sockets::Sending;
use super::{Answer, HostObject, Reply};
use crate::script::{BufferPart, Text};
use crate::socket::Content;
use rquickjs::Result;
use rquickjs::function::Opt;
use std::rc::Rc;

pub(super) fn install(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    let state = realm.clone();
    host.function("socketOpen", move |id: u32, url: Text, protocols: Text| {
        // The JavaScript layer writes nothing but texts; whatever else a script has made of its heap asks for none.
        let protocols = serde_json::from_str(&protocols.into_string()).unwrap_or_default();
        let (shared, origin) = (&state.shared, state.worker.storage_key.origin());
        let mut sockets = state.sockets.borrow_mut();
        sockets.open(id, &shared.fetch, &shared.config, origin, &url.into_string(), protocols);
    })?;
    let state = realm.clone();
    host.function("socketSendText", move |id: u32, text: Text| {
        send(&state, id, Content::Text(text.into_string().into()))
    })?;
    let state = realm.clone();
    host.function("socketSendBytes", move |id: u32, part: BufferPart| {
        send(&state, id, Content::Binary(part.0.into()))
    })?;
    let state = realm.clone();
    host.function("socketClose", move |id: u32, code: Opt<Option<u16>>, reason: Opt<Option<Text>>| {
        let reason = reason.0.flatten().map(Text::into_string).unwrap_or_default();
        let farewell = code.0.flatten().map(|code| (code, reason));
        state.sockets.borrow_mut().close(id, farewell);
    })
}

/// The bytes that wait now; negative, and one less, if there was no room for them.
fn send(realm: &Realm, id: u32, content: Content) -> Reply {
    let bytes_max = realm.shared.config.connections_sending_bytes_max;
    let sending = realm.sockets.borrow_mut().send(id, content, bytes_max);
    Reply::ok(Answer::Number(match sending {
        Sending::Queued(bytes) => bytes as f64,
        Sending::Full(bytes) => -1.0 - bytes as f64,
    }))
}
