//! Message ports whose other end is somewhere else, and BroadcastChannels.

use super::super::realm::Realm;
use super::super::task::HostError;
use super::{Answer, HostObject, Reply};
use crate::ports::{PORTS_PER_HOLDER_MAX, PortId, PostedMessage};
use crate::script::Text;
use rquickjs::Result;
use std::rc::Rc;
use std::sync::atomic::Ordering;

pub(super) fn install(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    let state = realm.clone();
    host.function("portChannel", move || Reply(channel(&state)))?;
    let state = realm.clone();
    host.function("portPost", move |port: u64, data: Text, ports: Text| {
        state.ports.post(PortId(port), posted(&state, data, ports));
    })?;
    let state = realm.clone();
    host.function("portStart", move |port: u64| state.ports.start(PortId(port)))?;
    let state = realm.clone();
    host.function("portStop", move |port: u64| {
        // Whoever takes a port holds it as one that is not started.
        if let Some(port) = state.ports.release(PortId(port)) {
            let _ = state.ports.adopt(port);
        }
    })?;
    let state = realm.clone();
    host.function("portClose", move |port: u64| state.ports.close(PortId(port)))?;
    let state = realm.clone();
    host.function("broadcastOpen", move || state.run.hears_broadcasts.store(true, Ordering::Release))?;
    let state = realm.clone();
    host.function("broadcast", move |name: Text, data: Text| {
        let (name, data) = (name.into_string(), data.into_string());
        let key = &state.worker.storage_key;
        state.shared.broadcast(key, &name, &data, Some(state.worker.id));
        state.shared.clients.broadcast(key, &name, &data);
    })
}

/// A message of this worker for somebody else, which takes its ports along.
pub(super) fn posted(realm: &Realm, data: Text, ports: Text) -> PostedMessage {
    // The JavaScript layer writes nothing but numbers; whatever else a script has made of its heap sends no ports.
    let ids: Vec<u64> = serde_json::from_str(&ports.into_string()).unwrap_or_default();
    let ports = ids.into_iter().filter_map(|id| realm.ports.release(PortId(id)));
    PostedMessage::new(data.into_string(), ports.collect())
}

/// Takes over the ports that came with a message; gives their numbers.
pub(crate) fn adopt_ports(realm: &Realm, message: PostedMessage) -> (String, Vec<u64>) {
    let PostedMessage { data, ports } = message;
    (data, ports.into_iter().filter_map(|port| realm.ports.adopt(port)).map(|id| id.0).collect())
}

fn channel(realm: &Realm) -> std::result::Result<Answer, HostError> {
    match realm.ports.channel() {
        Some((near, far)) => Ok(Answer::Text(format!("[{},{}]", near.0, far.0))),
        None => {
            let message = format!(
                "a port cannot be transferred: the worker has {PORTS_PER_HOLDER_MAX} ports whose other ends are \
                 somewhere else, which is the limit; close some first"
            );
            Err(HostError::new("DataCloneError", message))
        }
    }
}
