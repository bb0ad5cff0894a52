//! Handlers for requests across origins.

use super::super::exchange::{Answer, Request};
use super::super::stash::Stash;
use super::value;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What `preflight.py` remembers of the preflight of a token.
#[derive(Default, Serialize, Deserialize)]
struct Preflight {
    requested_headers: Vec<u8>,
    referrer: Vec<u8>,
    came: bool,
}

/// `fetch/api/resources/preflight.py`: answers preflights as the query says, and later tells what they were.
pub(super) fn preflight(request: &Request, stash: &Stash) -> Answer {
    let mut answer = Answer::new(200).header("Content-Type", "text/plain");
    match request.text("origin") {
        Some(origins) => {
            for origin in origins.split(", ") {
                answer = answer.header("Access-Control-Allow-Origin", origin);
            }
        }
        None => answer = answer.header("Access-Control-Allow-Origin", "*"),
    }
    if request.parameter("credentials").is_some() {
        answer = answer.header("Access-Control-Allow-Credentials", "true");
    }
    let token = request.text("token");
    if request.method == "OPTIONS" {
        return preflight_itself(request, stash, token, answer);
    }
    let seen = token
        .and_then(|token| {
            let bytes = stash.take(&request.path, &token)?;
            stash.put(&request.path, &token, bytes.clone());
            serde_json::from_slice::<Preflight>(&bytes).ok()
        })
        .unwrap_or_default();
    answer
        .header(
            "Access-Control-Expose-Headers",
            "x-did-preflight, x-control-request-headers, x-referrer, x-preflight-referrer, x-origin",
        )
        .header("x-did-preflight", if seen.came { "1" } else { "0" })
        .header("x-control-request-headers", seen.requested_headers)
        .header("x-preflight-referrer", seen.referrer)
        .header("x-referrer", request.header("referer").unwrap_or_default())
        .header("x-origin", request.header("origin").unwrap_or_default())
}

fn preflight_itself(request: &Request, stash: &Stash, token: Option<String>, mut answer: Answer) -> Answer {
    if request.header("access-control-request-method").is_none() {
        return Answer::text(400, "ERROR: No access-control-request-method in preflight!");
    }
    if request.header("accept").is_some_and(|accept| accept != b"*/*") {
        return Answer::text(400, "ERROR: Invalid access in preflight!");
    }
    for (parameter, name) in [
        ("max_age", "Access-Control-Max-Age"),
        ("allow_headers", "Access-Control-Allow-Headers"),
        ("allow_methods", "Access-Control-Allow-Methods"),
    ] {
        if let Some(value) = request.parameter(parameter) {
            answer = answer.header(name, value);
        }
    }
    let mut seen = Preflight { came: token.is_some(), ..Preflight::default() };
    if request.parameter("control_request_headers").is_some() {
        seen.requested_headers = request.header("access-control-request-headers").unwrap_or_default();
    }
    seen.referrer = request.header("referer").unwrap_or_default();
    if let (Some(token), Ok(bytes)) = (token, serde_json::to_vec(&seen)) {
        stash.put(&request.path, &token, bytes);
    }
    answer.status = request.number("preflight_status").unwrap_or(200);
    answer
}

/// `common/CustomCorsResponse.py`: headers, status and content as JSON in the query.
pub(super) fn custom(request: &Request) -> Answer {
    let json =
        |name: &str| request.parameter(name).and_then(|text| serde_json::from_slice::<Value>(text).ok());
    let status =
        json("status").and_then(|status| status.as_u64()).and_then(|status| u16::try_from(status).ok());
    let content = json("content").and_then(|content| content.as_str().map(str::to_owned));
    let mut answer = Answer::new(status.unwrap_or(200))
        .body(content.unwrap_or_else(|| "/* CustomCorsResponse.py content */".to_owned()));
    if let Some(Value::Object(headers)) = json("headers") {
        for (name, value) in &headers {
            answer = answer.header(name, value.as_str().unwrap_or_default());
        }
    }
    answer
}

/// `fetch/cross-origin-resource-policy/resources/hello.py`.
pub(super) fn resource_policy(request: &Request) -> Answer {
    let mut answer = with_policy(Answer::new(200), request).body("hello");
    if let Some(origin) = request.header("origin") {
        answer = answer.header("Access-Control-Allow-Origin", origin);
    }
    answer
}

/// `fetch/cross-origin-resource-policy/resources/redirect.py`.
pub(super) fn redirect_with_policy(request: &Request) -> Answer {
    with_policy(Answer::new(302).header("Location", value(request, "redirectTo")), request)
}

fn with_policy(answer: Answer, request: &Request) -> Answer {
    match request.parameter("corp") {
        Some(policy) => answer.header("Cross-Origin-Resource-Policy", policy),
        None => answer,
    }
}

/// Opens an answer to the origin that asks, with its credentials; to all if none is named.
pub(super) fn allow_asker(answer: Answer, request: &Request) -> Answer {
    match request.header("origin") {
        Some(origin) => answer
            .header("Access-Control-Allow-Origin", origin)
            .header("Access-Control-Allow-Credentials", "true"),
        None => answer.header("Access-Control-Allow-Origin", "*"),
    }
}
