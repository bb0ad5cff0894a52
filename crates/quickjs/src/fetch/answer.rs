//! What becomes of an answer: checked, filtered, verified, and handed to the reader (Fetch standard, "HTTP fetch", "main
//! fetch" from step 14).

use super::process::{FilteredHead, Process, Reading, Stage, State, without_fragment};
use super::{Mode, Redirect, ResponseHead, cors, site};
use crate::body::{BodyReceiver, BodySender, body_channel, collect_then};
use bytes::Bytes;
use std::sync::Arc;
use url::Url;

impl Process {
    /// Takes the cookies that a response sets, redirects included.
    pub(super) fn take_cookies(&self, head: &ResponseHead) {
        let state = self.state();
        if !state.has_credentials() {
            return;
        }
        let (url, same_site) = (state.order.url.clone(), state.is_same_site());
        drop(state);
        let values = head.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        self.rules.cookies.receive(&url, same_site, values.map(|(_, value)| value.as_str()));
    }

    /// Hands the response to the reader and says where its body goes, unless another hop follows.
    pub(super) fn main_answered(self: &Arc<Process>, head: ResponseHead) -> Option<BodySender> {
        let mut state = self.state();
        if state.stage != Stage::Asking {
            return None;
        }
        let location = if head.is_redirect() { head.get("location") } else { None };
        match (location, state.order.redirect) {
            (Some(location), Redirect::Follow) => {
                drop(state);
                self.redirect(&head, &location);
                return None;
            }
            (Some(_), Redirect::Error) => {
                drop(state);
                self.fail("the server redirects, and the request's redirect mode is `error`");
                return None;
            }
            _ => {}
        }
        if let Err(message) = check(&state, &head) {
            drop(state);
            self.fail(message);
            return None;
        }
        let filtered = filter(&state, head);
        if let Some(integrity) = state.order.integrity.take() {
            drop(state);
            let (sender, body) = body_channel(usize::MAX);
            let process = self.clone();
            collect_then(body, self.rules.integrity_bytes_max, move |bytes| {
                let verified = bytes.and_then(|bytes| {
                    let problem = "the body is not the one that the request's integrity names";
                    if integrity.matches(&bytes) { Ok(bytes) } else { Err(problem.to_owned()) }
                });
                match verified {
                    Ok(bytes) => process.deliver(filtered, BodyReceiver::from_bytes(bytes)),
                    Err(problem) => process.fail(problem),
                }
            });
            return Some(sender);
        }
        state.stage = Stage::Answered;
        drop(state);
        let (sender, mut body) = body_channel(self.rules.window_bytes);
        body.keep(Reading(self.clone()));
        self.reader.head(filtered, body);
        Some(sender)
    }

    /// Answers without a server.
    pub(super) fn answer_locally(self: &Arc<Process>, answer: Result<(ResponseHead, Bytes), String>) {
        let (head, bytes) = match answer {
            Ok(answer) => answer,
            Err(message) => return self.fail(message),
        };
        let mut state = self.state();
        let integrity = state.order.integrity.take();
        if state.redirects > 0 || integrity.is_some_and(|integrity| !integrity.matches(&bytes)) {
            drop(state);
            return self.fail("the response is not the one that the request's integrity names");
        }
        let filtered = filter(&state, head);
        drop(state);
        self.deliver(filtered, BodyReceiver::from_bytes(bytes));
    }

    fn deliver(&self, filtered: FilteredHead, body: BodyReceiver) {
        let mut state = self.state();
        if state.stage != Stage::Asking {
            return;
        }
        state.stage = Stage::Answered;
        drop(state);
        self.reader.head(filtered, body);
        self.over();
    }
}

/// The CORS check, and the cross-origin resource policy check (Fetch standard, sections 4.10 and 3.7).
fn check(state: &State, head: &ResponseHead) -> Result<(), String> {
    let order = &state.order;
    if !state.tainted {
        return Ok(());
    }
    match order.mode {
        Mode::Cors => cors::check(head, state.origin(), order.credentials),
        Mode::NoCors => {
            let allowed = match head.get("cross-origin-resource-policy").as_deref() {
                Some("same-origin") => false,
                Some("same-site") => {
                    Url::parse(&order.origin).is_ok_and(|origin| site::is_same_site(&origin, &order.url))
                }
                _ => true,
            };
            if allowed {
                Ok(())
            } else {
                Err(format!("the response's Cross-Origin-Resource-Policy does not allow `{}`", order.origin))
            }
        }
        Mode::SameOrigin | Mode::Navigate => Ok(()),
    }
}

fn filter(state: &State, head: ResponseHead) -> FilteredHead {
    let order = &state.order;
    let (kind, headers) = if head.is_redirect() && order.redirect == Redirect::Manual {
        ("opaqueredirect", head.headers)
    } else if state.tainted && order.mode == Mode::NoCors {
        ("opaque", head.headers)
    } else if state.tainted && order.mode == Mode::Cors {
        ("cors", cors::visible_headers(&head, order.credentials))
    } else {
        ("basic", head.headers)
    };
    let headers = headers.into_iter().filter(|(name, _)| !cors::is_response_cookie(name)).collect();
    FilteredHead {
        head: ResponseHead { status: head.status, status_text: head.status_text, headers },
        url: without_fragment(&order.url),
        redirected: state.redirects > 0,
        kind,
    }
}
