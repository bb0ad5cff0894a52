//! What a run still owes, so that it can be ended from another thread when its own does not come back.

use super::lock;
use super::task::{EventOutcome, OpenEvent};
use crate::body::Breaker;
use crate::fetch_event::OpenAnswer;
use std::sync::Mutex;

/// The events, answers to pages and written bodies of one run that may be unfinished.
#[derive(Default)]
pub(crate) struct OpenWork(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    events: Vec<OpenEvent>,
    answers: Vec<OpenAnswer>,
    bodies: Vec<Breaker>,
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

    /// The script may answer this request.
    pub(super) fn add_answer(&self, answer: OpenAnswer) {
        let mut inner = lock(&self.0);
        if inner.answers.len() >= FORGET_AT && inner.answers.len().is_power_of_two() {
            inner.answers.retain(OpenAnswer::is_open);
        }
        inner.answers.push(answer);
    }

    /// The script writes this body.
    pub(super) fn add_body(&self, body: Breaker) {
        let mut inner = lock(&self.0);
        if inner.bodies.len() >= FORGET_AT && inner.bodies.len().is_power_of_two() {
            inner.bodies.retain(Breaker::is_open);
        }
        inner.bodies.push(body);
    }

    /// Ends everything that is unfinished.
    pub(super) fn end(&self, reason: &str) {
        let inner = std::mem::take(&mut *lock(&self.0));
        for event in inner.events {
            event.finish(EventOutcome::Terminated(reason.to_owned()));
        }
        for answer in inner.answers {
            answer.fail(reason);
        }
        for body in inner.bodies {
            body.fail(reason.to_owned());
        }
    }
}
