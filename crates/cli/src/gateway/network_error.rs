//! What a page gets when there is no response.
//!
//! HTTP cannot say "network error", so it is status 502 (504 if the server took too long) with a text for people and a
//! header; the page script makes `fetch()` reject when it sees the header.

use super::upstream::UpstreamError;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};

const NETWORK_ERROR: HeaderName = HeaderName::from_static("wakeworker-network-error");

/// The server did not answer.
pub(crate) fn upstream_failed(error: &UpstreamError) -> Response<Body> {
    let status = match error {
        UpstreamError::Unreachable { .. } => StatusCode::BAD_GATEWAY,
        UpstreamError::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
    };
    response(status, &error.to_string())
}

/// The service worker answered with a network error, or failed to answer.
pub(crate) fn worker_failed(problem: &str) -> Response<Body> {
    response(StatusCode::BAD_GATEWAY, &format!("the service worker gave a network error: {problem}"))
}

/// There is no network, because somebody wants it so.
pub(crate) fn offline() -> Response<Body> {
    response(StatusCode::BAD_GATEWAY, "there is no network (`wakeworker offline off` ends that)")
}

fn response(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{text}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let one_line: String =
        text.chars().map(|c| if c.is_ascii() && !c.is_ascii_control() { c } else { '?' }).collect();
    headers.insert(
        NETWORK_ERROR,
        HeaderValue::from_str(&one_line).unwrap_or(HeaderValue::from_static("failed")),
    );
    response
}
