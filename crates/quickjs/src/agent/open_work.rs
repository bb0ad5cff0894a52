//! What a run still owes, so that it can be ended from another thread when its own does not come back.

use super::lock;
use super::task::{EventOutcome, OpenEvent};
use crate::body::Breaker;
use crate::fetch_event::OpenAnswer;
use crate::socket::LinkBreaker;
use std::sync::Mutex;

/// The events, answers to pages, written bodies and connections of one run that may be unfinished.
#[derive(Default)]
pub(crate) struct OpenWork(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    events: Vec<OpenEvent>,
    answers: Vec<OpenAnswer>,
    bodies: Vec<Breaker>,
    connections: Vec<LinkBreaker>,
}

impl OpenWork {
    /// The script gets this event now.
    pub(super) fn add_event(&self, event: OpenEvent) {
        add(&mut lock(&self.0).events, event, OpenEvent::is_open);
    }

    /// The script may answer this request.
    pub(super) fn add_answer(&self, answer: OpenAnswer) {
        add(&mut lock(&self.0).answers, answer, OpenAnswer::is_open);
    }

    /// The script writes this body.
    pub(super) fn add_body(&self, body: Breaker) {
        add(&mut lock(&self.0).bodies, body, Breaker::is_open);
    }

    /// The script has this WebSocket.
    pub(super) fn add_connection(&self, connection: LinkBreaker) {
        add(&mut lock(&self.0).connections, connection, LinkBreaker::is_open);
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
        for connection in inner.connections {
            connection.break_off();
        }
    }
}

/// Finished ones are forgotten when so many have come together.
const FORGET_AT: usize = 64;

fn add<T>(list: &mut Vec<T>, one: T, is_open: fn(&T) -> bool) {
    if list.len() >= FORGET_AT && list.len().is_power_of_two() {
        list.retain(is_open);
    }
    list.push(one);
}
