//! Redirects (Fetch standard, "HTTP-redirect fetch").

use super::process::{Process, State};
use super::{Mode, ReferrerPolicy, ResponseHead, cors};
use crate::body::RequestBody;
use std::sync::Arc;

impl Process {
    /// Follows a redirect, or fails.
    pub(super) fn redirect(self: &Arc<Process>, head: &ResponseHead, location: &str) {
        let mut state = self.state();
        let exchange = match follow(&mut state, head, location, self.rules.redirects_max) {
            Ok(()) => state.exchange.take(),
            Err(message) => {
                drop(state);
                return self.fail(message);
            }
        };
        drop(state);
        drop(exchange);
        self.main_fetch();
    }
}

/// Turns the order into the one for the next hop.
fn follow(state: &mut State, head: &ResponseHead, location: &str, redirects_max: u32) -> Result<(), String> {
    if state.tainted && state.order.mode == Mode::Cors {
        cors::check(head, state.origin(), state.order.credentials)?;
    }
    let mut url = state
        .order
        .url
        .join(location)
        .map_err(|error| format!("the server redirects to `{location}`, which is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("the server redirects to `{location}`, which is neither http nor https"));
    }
    if url.fragment().is_none() {
        url.set_fragment(state.order.url.fragment());
    }
    state.redirects += 1;
    if state.redirects > redirects_max {
        return Err(format!("more than {redirects_max} redirects"));
    }
    let crosses = url.origin() != state.order.url.origin();
    let leaves = url.origin().ascii_serialization() != state.order.origin;
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    if state.order.mode == Mode::Cors && leaves && has_credentials {
        return Err("the server redirects to a URL with credentials on another origin".to_owned());
    }
    if state.streams_body() && head.status != 303 {
        let message = "the server redirects a request whose body is a stream, which cannot be sent again";
        return Err(message.to_owned());
    }
    // From another origin to yet another one: neither may learn who asked.
    state.origin_is_null |= crosses && state.order.url.origin().ascii_serialization() != state.order.origin;
    let order = &mut state.order;
    let becomes_get = (matches!(head.status, 301 | 302) && order.method == "POST")
        || (head.status == 303 && !matches!(order.method.as_str(), "GET" | "HEAD"));
    if becomes_get {
        order.method = "GET".to_owned();
        order.body = RequestBody::default();
        state.body_is_stream = false;
        remove(&mut order.headers, &OF_THE_BODY);
    }
    if crosses {
        remove(&mut order.headers, &["authorization"]);
    }
    if let Some(policy) = head.get("referrer-policy").as_deref().and_then(ReferrerPolicy::from_header) {
        order.referrer_policy = policy;
    }
    order.url = url;
    Ok(())
}

/// The standard's "request-body-header names".
const OF_THE_BODY: [&str; 5] =
    ["content-encoding", "content-language", "content-location", "content-type", "content-length"];

fn remove(headers: &mut Vec<(String, String)>, names: &[&str]) {
    headers.retain(|(name, _)| !names.iter().any(|gone| name.eq_ignore_ascii_case(gone)));
}
