//! Bodies that cross the boundary in parts, in both directions.

use super::super::realm::Realm;
use super::super::task::HostError;
use super::super::traffic::{Part, Written};
use super::{Answer, HostObject, Reply};
use crate::script::{BufferPart, Text};
use rquickjs::Result;
use rquickjs::function::Opt;
use std::rc::Rc;

pub(super) fn install(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    let state = realm.clone();
    host.function("bodyPull", move |id: u32| {
        let part = state.traffic.borrow_mut().pull(id);
        match part {
            Part::Bytes(bytes) => Reply::ok(Answer::Bytes(bytes)),
            Part::End => Reply::ok(Answer::Null),
            Part::Wait => Reply::ok(Answer::Boolean(false)),
            Part::Failed(message) => Reply(Err(HostError::new("TypeError", message))),
        }
    })?;
    let state = realm.clone();
    host.function("eventBodyAdopt", move |event: u32, id: u32| {
        let replay_bytes_max = state.shared.config.request_replay_bytes_max;
        state.traffic.borrow_mut().adopt_event_body(event, id, replay_bytes_max);
    })?;
    let state = realm.clone();
    host.function("eventPreloadAdopt", move |event: u32, id: u32| {
        state.traffic.borrow_mut().adopt_preload(event, id);
    })?;
    let state = realm.clone();
    host.function("eventBodyCommit", move |event: u32| {
        state.traffic.borrow_mut().commit_event_body(event, "the worker answers the request itself");
    })?;
    let state = realm.clone();
    host.function("bodyWrite", move |id: u32, part: BufferPart| {
        let written = state.traffic.borrow_mut().push(id, part.0.into());
        match written {
            Written::Room => Reply::ok(Answer::Boolean(true)),
            Written::Wait => Reply::ok(Answer::Boolean(false)),
            Written::Unwanted => Reply::ok(Answer::Null),
            Written::TooLarge => {
                let message =
                    "the body is larger than `response_bytes_max` or `request_stream_bytes_max` allows";
                Reply(Err(HostError::new("TypeError", message)))
            }
        }
    })?;
    let state = realm.clone();
    host.function("bodyEnd", move |id: u32, error: Opt<Option<Text>>| {
        state.traffic.borrow_mut().end_body(id, error.0.flatten().map(Text::into_string));
    })
}
