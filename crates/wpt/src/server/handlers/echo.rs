//! Handlers that tell the test what it sent.

use super::super::exchange::{Answer, Request};
use super::cors::allow_asker;
use super::value;

/// `fetch/api/resources/method.py`: the method in a header, the body as body.
pub(super) fn method(request: &Request) -> Answer {
    let mut answer = Answer::new(200);
    if request.parameter("cors").is_some() {
        answer = answer
            .header("Access-Control-Allow-Origin", "*")
            .header("Access-Control-Allow-Credentials", "true")
            .header("Access-Control-Allow-Methods", "GET, POST, PUT, FOO")
            .header("Access-Control-Allow-Headers", "x-test, x-foo")
            .header("Access-Control-Expose-Headers", "x-request-method");
    }
    answer = answer.header("x-request-method", &request.method);
    for name in ["content-length", "content-type", "content-encoding", "content-language", "content-location"]
    {
        answer = answer.header(&format!("x-request-{name}"), header_or_no(request, name));
    }
    answer.body(request.body.clone())
}

/// `fetch/api/resources/echo-content.py`.
pub(super) fn content(request: &Request) -> Answer {
    let mut answer = Answer::new(200).header("X-Request-Method", &request.method);
    for name in ["Content-Length", "Content-Type", "Referer"] {
        answer = answer.header(&format!("X-Request-{name}"), header_or_no(request, name));
    }
    answer.header("Content-Type", "text/plain").body(request.body.clone())
}

/// `fetch/api/resources/inspect-headers.py`: the headers that `?headers=a|b` names, as `x-request-a` and so on.
pub(super) fn inspected_headers(request: &Request) -> Answer {
    let names = request.text("headers").unwrap_or_default();
    let names: Vec<&str> = names.split('|').filter(|name| !name.is_empty()).collect();
    let mut answer = Answer::new(200);
    for name in &names {
        if let Some(found) = request.header(name) {
            answer = answer.header(&format!("x-request-{name}"), found);
        }
    }
    if request.parameter("cors").is_some() {
        let exposed: Vec<_> = names.iter().map(|name| format!("x-request-{name}")).collect();
        let allowed = request.parameter("allow_headers").map_or_else(
            || {
                let all: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
                all.join(", ").into_bytes()
            },
            <[u8]>::to_vec,
        );
        answer = answer
            .header("Access-Control-Allow-Origin", request.header("origin").unwrap_or_else(|| b"*".to_vec()))
            .header("Access-Control-Allow-Credentials", "true")
            .header("Access-Control-Allow-Methods", "GET, POST, HEAD")
            .header("Access-Control-Expose-Headers", exposed.join(", "))
            .header("Access-Control-Allow-Headers", allowed);
    }
    answer.header("Content-Type", "text/plain").header("Cache-Control", "no-cache").header("Vary", "*")
}

/// `fetch/api/resources/dump-authorization-header.py`.
pub(super) fn authorization(request: &Request) -> Answer {
    let answer = Answer::new(200)
        .header("Content-Type", "text/html")
        .header("Cache-Control", "no-cache")
        .header("Vary", "*")
        .header("Access-Control-Allow-Headers", "Authorization");
    let answer = allow_asker(answer, request);
    match request.header("authorization") {
        Some(found) => answer.body(found),
        None => answer.body("none"),
    }
}

/// `common/echo_headers.py`.
pub(super) fn headers_as_json(request: &Request) -> Answer {
    let headers: serde_json::Map<String, serde_json::Value> = request
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into_owned().into()))
        .collect();
    let body = serde_json::Value::Object(headers).to_string();
    Answer::new(200).header("Content-Type", "application/json").body(body)
}

/// `xhr/resources/echo-headers.py`: one line for each header.
pub(super) fn headers_as_lines(request: &Request) -> Answer {
    Answer::text(200, "").body(lines(request, |_| true))
}

/// `xhr/resources/inspect-headers.py`: the lines of headers whose name or value is wanted.
pub(super) fn filtered_headers(request: &Request) -> Answer {
    let name = request.text("filter_name");
    let value = request.parameter("filter_value").map(<[u8]>::to_vec);
    let found = lines(request, |(found, content)| {
        name.as_ref().is_some_and(|name| found.eq_ignore_ascii_case(name))
            || value.as_ref().is_some_and(|value| content == value)
    });
    let mut answer = Answer::text(200, "").body(found);
    if request.parameter("cors").is_some() {
        answer = answer
            .header("Access-Control-Allow-Origin", request.header("origin").unwrap_or_else(|| b"*".to_vec()))
            .header("Access-Control-Allow-Credentials", "true")
            .header("Access-Control-Allow-Methods", "GET, POST, PUT, FOO")
            .header("Access-Control-Allow-Headers", "x-test, x-foo")
            .header("Access-Control-Expose-Headers", "x-request-method, x-request-content-type");
    }
    answer
        .header("X-Request-Method", &request.method)
        .header("X-Request-Content-Type", header_or_no(request, "Content-Type"))
}

/// `xhr/resources/echo-method.py`.
pub(super) fn method_as_body(request: &Request) -> Answer {
    Answer::text(200, request.method.clone())
}

/// `xhr/resources/parse-headers.py`: a header with the value that the query has.
pub(super) fn own_header(request: &Request) -> Answer {
    Answer::new(200).header("My-Custom-Header", value(request, "my-custom-header"))
}

/// `common/echo.py`.
pub(super) fn content_parameter(request: &Request) -> Answer {
    Answer::new(200).header("Content-Type", "text/html").body(value(request, "content"))
}

fn header_or_no(request: &Request, name: &str) -> Vec<u8> {
    request.header(name).unwrap_or_else(|| b"NO".to_vec())
}

fn lines(request: &Request, wanted: impl Fn(&(String, Vec<u8>)) -> bool) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in request.headers.iter().filter(|header| wanted(header)) {
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(b": ");
        body.extend_from_slice(value);
        body.push(b'\n');
    }
    body
}
