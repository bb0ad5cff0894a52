//! What a run still owes, so that it can be ended from another thread when its own does not come back.

use super::lock;
use super::task::{EventOutcome, OpenEvent};
use crate::fetch_event::OpenResponse;
use std::sync::Mutex;

/// The events and response bodies of one run that may be unfinished.
#[derive(Default)]
pub(crate) struct OpenWork(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    events: Vec<OpenEvent>,
    responses: Vec<OpenResponse>,
}

/// Finished ones are forgotten when so many have come together.
const FORGET_AT: usize = 64;

impl OpenWork {
    /// The script gets this event now.
    pub(super) fn add_event(&self, event: OpenEvent) {
        let mut inner = lock(&self.0);
        if inner.events.len() >= FORGET_AT && inner.events.len().is_power_of_two() {
            inner.events.retain(OpenEvent::is_open);
        }
        inner.events.push(event);
    }

    /// The script may answer this request in parts.
    pub(super) fn add_response(&self, response: OpenResponse) {
        let mut inner = lock(&self.0);
        if inner.responses.len() >= FORGET_AT && inner.responses.len().is_power_of_two() {
            inner.responses.retain(OpenResponse::is_open);
        }
        inner.responses.push(response);
    }

    /// Ends everything that is unfinished.
    pub(super) fn end(&self, reason: &str) {
        let inner = std::mem::take(&mut *lock(&self.0));
        for event in inner.events {
            event.finish(EventOutcome::Terminated(reason.to_owned()));
        }
        for response in inner.responses {
            response.end(reason);
        }
    }
}
