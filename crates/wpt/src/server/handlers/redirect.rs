//! Handlers that send elsewhere.

use super::super::exchange::{Answer, Request};
use super::super::stash::Stash;
use super::cors::allow_asker;
use super::slow::pause;
use super::value;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

/// `common/redirect.py`.
pub(super) fn plain(request: &Request) -> Answer {
    let mut answer =
        Answer::new(request.number("status").unwrap_or(302)).header("Location", value(request, "location"));
    if request.path.ends_with("redirect-opt-in.py") {
        answer = answer.header("Timing-Allow-Origin", "*");
    }
    if request.parameter("enable-cors").is_some() {
        answer = answer.header("Access-Control-Allow-Origin", "*");
    }
    answer
}

/// `fetch/api/resources/redirect-empty-location.py`.
pub(super) fn empty_location() -> Answer {
    Answer::new(302).header("Location", "")
}

/// `xhr/resources/redirect.py`.
pub(super) async fn marketing(request: &Request) -> Answer {
    pause(request.number("delay").unwrap_or(0.0)).await;
    if request.parameter("followed").is_some() {
        return Answer::text(200, "MAGIC HAPPENED");
    }
    let code = request.number("code").unwrap_or(302);
    let mut location = request.text("location").unwrap_or_else(|| format!("{}?followed", request.path));
    if location.starts_with("redirect.py") {
        location.push_str(&format!("&code={code}"));
    }
    let mut answer = Answer::new(code).header("Location", location).body("TEST");
    answer.reason = Some(b"WEBSRT MARKETING".to_vec());
    answer
}

/// What `fetch/api/resources/redirect.py` remembers of a token.
#[derive(Default, Serialize, Deserialize)]
struct Seen {
    count: u32,
    preflight: bool,
}

/// `fetch/api/resources/redirect.py`: counts the requests of a token and stops when the test wants it.
pub(super) async fn counting(request: &Request, stash: &Stash) -> Answer {
    let token = request.text("token");
    let mut seen = token
        .as_ref()
        .and_then(|token| stash.take(&request.path, token))
        .and_then(|bytes| serde_json::from_slice::<Seen>(&bytes).ok())
        .unwrap_or_default();
    let keep = |seen: &Seen| {
        if let (Some(token), Ok(bytes)) = (&token, serde_json::to_vec(seen)) {
            stash.put(&request.path, token, bytes);
        }
    };
    let mut answer = Answer::new(request.number("redirect_status").unwrap_or(302))
        .header("Content-Type", "text/plain")
        .header("Cache-Control", "no-cache")
        .header("Pragma", "no-cache");
    answer = allow_asker(answer, request);
    if request.method == "OPTIONS" {
        if let Some(allowed) = request.parameter("allow_headers") {
            answer = answer.header("Access-Control-Allow-Headers", allowed);
        }
        seen.preflight = true;
        if request.parameter("redirect_preflight").is_none() {
            keep(&seen);
            answer.status = 200;
            return answer;
        }
    }
    seen.count += 1;
    if let Some(location) = request.parameter("location") {
        answer = answer.header("Location", next_location(request, location, seen.count));
    }
    if let Some(policy) = request.parameter("redirect_referrerpolicy") {
        answer = answer.header("Referrer-Policy", policy);
    }
    pause(request.number("delay").unwrap_or(0.0)).await;
    keep(&seen);
    if request.number::<u32>("max_count").is_some_and(|most| seen.count > most) && token.is_some() {
        // The last request is no redirect.
        return Answer { headers: answer.headers, ..Answer::text(200, (seen.count - 1).to_string()) };
    }
    answer
}

/// The location with the parameters of this request, so that the next one counts on, and differs from this one.
fn next_location(request: &Request, location: &[u8], count: u32) -> Vec<u8> {
    let mut next = location.to_vec();
    let text = String::from_utf8_lossy(location);
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
    let is_http = matches!(scheme.as_str(), "http" | "https") || !is_scheme(&scheme);
    if request.parameter("simple").is_some() || !is_http || text.contains('#') {
        return next;
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in &request.parameters {
        query.append_pair(name, &String::from_utf8_lossy(value));
    }
    next.push(if location.contains(&b'?') { b'&' } else { b'?' });
    next.extend_from_slice(query.finish().as_bytes());
    next.extend_from_slice(format!("&count={count}").as_bytes());
    next
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}
