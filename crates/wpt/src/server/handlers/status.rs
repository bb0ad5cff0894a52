//! Handlers whose answers are unusual as a whole.

use super::super::exchange::{Answer, Request};
use super::value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// `status.py`: status, reason phrase, type and content as the query has them.
pub(super) fn status(request: &Request) -> Answer {
    let mut answer = Answer::new(request.number("code").unwrap_or(200))
        .header("Content-Type", value(request, "type"))
        .header("X-Request-Method", &request.method)
        .body(value(request, "content"));
    answer.reason = Some(request.parameter("text").unwrap_or(b"OMG").to_vec());
    answer
}

/// `service-workers/cache-storage/resources/fetch-status.py`.
pub(super) fn parameter(request: &Request) -> Answer {
    Answer::new(request.number("status").unwrap_or(200))
}

/// `fetch/api/resources/authentication.py`: the user `user` with the password `password`.
pub(super) fn authentication(request: &Request) -> Answer {
    let given = request.header("authorization").and_then(|found| {
        let encoded = found.strip_prefix(b"Basic ")?;
        STANDARD.decode(encoded.trim_ascii()).ok()
    });
    if given.as_deref() == Some(b"user:password") {
        return Answer::new(200).body("Authentication done");
    }
    let realm = request.text("realm").unwrap_or_else(|| "test".to_owned());
    Answer::new(401)
        .header("WWW-Authenticate", format!("Basic realm=\"{realm}\""))
        .body("Please login with credentials 'user' and 'password'")
}

/// `fetch/api/resources/bad-gzip-body.py`.
pub(super) fn bad_gzip() -> Answer {
    Answer::new(200).header("Content-Encoding", "gzip").body("not actually gzip")
}

/// `fetch/api/resources/partial.py`: a script that pretends to be part of something larger.
pub(super) fn partial() -> Answer {
    let content = "window.scriptExecuted = true";
    Answer::new(206)
        .header("Content-Type", "application/javascript")
        .header("Accept-Ranges", "bytes")
        .header("Cache-Control", "no-cache")
        .header("Content-Range", format!("bytes 5000-{}/10000", 5000 + content.len() - 1))
        .body(content)
}
