//! Handlers about caches, and those that keep values between requests.

use super::super::exchange::{Answer, Request};
use super::super::stash::Stash;
use super::value;
use serde_json::Value;

/// `fetch/api/resources/cache.py`: content with a validator.
pub(super) fn conditional(request: &Request) -> Answer {
    let validator = b"\"123abc\"";
    if request.header("if-none-match").as_deref() == Some(validator) {
        return Answer::new(304).header("X-HTTP-STATUS", "304");
    }
    Answer::text(200, "lorem ipsum dolor sit amet").header("ETag", validator)
}

/// `service-workers/cache-storage/resources/vary.py`: the `Vary` header of a cookie, or else of the query.
pub(super) fn vary(request: &Request) -> Answer {
    let cookie = "vary-value-override";
    if request.parameter("clear-vary-value-override-cookie").is_some() {
        return Answer::text(200, "vary cookie cleared")
            .header("Set-Cookie", format!("{cookie}=; Max-Age=0"));
    }
    if let Some(wanted) = request.text("set-vary-value-override-cookie") {
        return Answer::text(200, "vary cookie set").header("Set-Cookie", format!("{cookie}={wanted}"));
    }
    let cookies = request.header("cookie").unwrap_or_default();
    let cookies = String::from_utf8_lossy(&cookies);
    let set =
        cookies.split(';').filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == cookie);
    let answer = Answer::text(200, "vary response");
    match set.map(|(_, value)| value.as_bytes()).or(request.parameter("vary")) {
        Some(vary) if !vary.is_empty() => answer.header("Vary", vary),
        _ => answer,
    }
}

/// `fetch/api/resources/stash-put.py`.
pub(super) fn put(request: &Request, stash: &Stash) -> Answer {
    let answer = Answer::new(200).header("Access-Control-Allow-Origin", "*").body("done");
    if request.method == "OPTIONS" {
        return answer
            .header("Access-Control-Allow-Methods", "*")
            .header("Access-Control-Allow-Headers", "*");
    }
    let Some(key) = request.text("key") else { return Answer::text(400, "`key` is missing") };
    stash.put(request.directory(), &key, value(request, "value"));
    answer
}

/// `fetch/api/resources/stash-take.py`: the value as JSON.
pub(super) fn take(request: &Request, stash: &Stash) -> Answer {
    let Some(key) = request.text("key") else { return Answer::text(400, "`key` is missing") };
    let found = stash.take(request.directory(), &key);
    let json = found.map_or(Value::Null, |bytes| String::from_utf8_lossy(&bytes).into_owned().into());
    Answer::new(200)
        .header("Content-Type", "application/json")
        .header("Access-Control-Allow-Origin", "*")
        .body(json.to_string())
}

/// `fetch/api/resources/clean-stash.py`: what handlers keep for a token is forgotten.
pub(super) fn clean(request: &Request, stash: &Stash) -> Answer {
    let Some(token) = request.text("token") else { return Answer::text(400, "`token` is missing") };
    let found = stash.take(&request.path, &token);
    Answer::new(200).body(if found.is_some() { "1" } else { "0" })
}
