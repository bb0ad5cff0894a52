//! Requests of pages: through the worker's `fetch` event where a worker controls them, to the app's server otherwise.
//!
//! Who controls a request follows the service worker specification as far as HTTP headers tell it:
//!
//! * A navigation belongs to the registration with the longest scope that matches its URL (R159).
//! * Any other request belongs to the page that made it, found by its `Referer`: the page at that URL that was opened
//!   last decides by its controller. A referrer that is no known page (a style sheet, a dedicated worker, a page from
//!   before a restart of the gateway) counts as a page that the registration matching it controls.
//! * A request without a `Referer` is nobody's and goes to the server: tools, and pages with `no-referrer`.
//! * A frame inside a page of another site is in a partition of its own and has no worker there (R175).

use super::fetcher::{from_latin1, to_latin1_pairs};
use super::host_check::{SEC_FETCH_DEST, SEC_FETCH_MODE, SEC_FETCH_SITE};
use super::page_script::{self, PageFacts};
use super::pages::Initiator;
use super::protocol::ControllerInfo;
use super::{Gateway, OwnOrigin, network_error};
use crate::output;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, COOKIE, DNT, EXPECT, HOST,
    HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, ORIGIN, REFERER, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE, UPGRADE_INSECURE_REQUESTS, VIA,
};
use axum::http::{Method, Request, Response, StatusCode};
use axum::{Extension, response::IntoResponse};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use std::sync::Arc;
use tokio::sync::oneshot;
use url::Url;
use wakeworker_core::{StorageKey, WorkerRegistrationId};
use wakeworker_quickjs::{BodyReceiver, FetchEventRequest, FetchEventResult};

/// The largest request body that a worker gets to see; a larger one goes to the server without it.
const EVENT_BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Headers that a script cannot see or set ("forbidden request-header"), and those of the connection.
const HIDDEN: [HeaderName; 18] = [
    ACCEPT_CHARSET,
    ACCEPT_ENCODING,
    CONNECTION,
    CONTENT_LENGTH,
    COOKIE,
    DNT,
    EXPECT,
    HOST,
    ORIGIN,
    REFERER,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    UPGRADE_INSECURE_REQUESTS,
    VIA,
    HeaderName::from_static("date"),
    HeaderName::from_static("keep-alive"),
];

/// Answers every request that is not for the gateway itself.
pub(crate) async fn serve(
    State(gateway): State<Arc<Gateway>>,
    Extension(OwnOrigin(origin)): Extension<OwnOrigin>,
    mut request: Request<Body>,
) -> Response<Body> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let Ok(url) = Url::parse(&format!("{origin}{path}")) else {
        return (StatusCode::BAD_REQUEST, "the request's path is not part of a valid URL").into_response();
    };
    let storage_key = StorageKey::first_party(&origin);
    gateway.cookies.seen(&origin, request.headers().get(COOKIE));
    if !is_navigation(request.method(), request.headers()) {
        let initiator = initiator(&gateway, &storage_key, &origin, request.headers());
        let (client, controller) = initiator.map_or((String::new(), None), |i| (i.client, i.controller));
        let ids = ClientIds { client, resulting: String::new() };
        return gateway.answer(controller, request, &url, ids).await;
    }

    // The document is going to be changed: an answer that it is unchanged would keep an outdated one.
    request.headers_mut().remove(IF_NONE_MATCH);
    request.headers_mut().remove(IF_MODIFIED_SINCE);
    let registration = if is_partitioned(request.headers()) {
        None
    } else {
        gateway.runtime.match_registration(&storage_key, &url)
    };
    let controller = registration.as_ref().and_then(ControllerInfo::active);
    let client = gateway.pages.reserve(&storage_key, url.as_str(), controller.clone());
    let ids = ClientIds { client: String::new(), resulting: client.clone() };
    let controlled_by = controller.as_ref().map(|c| WorkerRegistrationId(c.registration));
    let response = gateway.answer(controlled_by, request, &url, ids).await;
    let extensions = gateway.extensions.names();
    let facts = PageFacts {
        client: &client,
        controller: controller.as_ref(),
        extensions: &extensions,
        shared_storage: gateway.shared_storage,
    };
    page_script::inject(response, &origin, &facts)
}

struct ClientIds {
    client: String,
    resulting: String,
}

impl Gateway {
    async fn answer(
        &self,
        controller: Option<WorkerRegistrationId>,
        request: Request<Body>,
        url: &Url,
        ids: ClientIds,
    ) -> Response<Body> {
        // A WebSocket is not a fetch: browsers do not show it to workers.
        let Some(registration) = controller.filter(|_| !request.headers().contains_key(UPGRADE)) else {
            return self.answer_from_upstream(request).await;
        };
        let (parts, body) = request.into_parts();
        let body = match buffered(body).await {
            Buffered::Whole(bytes) => bytes,
            Buffered::TooLarge(body) => {
                output::warning(format!(
                    "{} {}: the request body is larger than {} MiB, so the service worker does not see it",
                    parts.method,
                    parts.uri.path(),
                    EVENT_BODY_BYTES_MAX / 1024 / 1024
                ));
                return self.answer_from_upstream(Request::from_parts(parts, body)).await;
            }
            Buffered::Failed(problem) => {
                return (StatusCode::BAD_REQUEST, format!("the request body broke off: {problem}"))
                    .into_response();
            }
        };
        let event = fetch_event(&parts.method, &parts.headers, url, ids, body.clone());
        let (sender, receiver) = oneshot::channel();
        self.runtime.fetch_event(registration, event, move |result| drop(sender.send(result)));
        match receiver.await {
            Ok(FetchEventResult::NotHandled) => {
                self.answer_from_upstream(Request::from_parts(parts, Body::from(body))).await
            }
            Ok(FetchEventResult::Response { status, headers, body, .. }) => {
                worker_response(status, headers, body)
            }
            Ok(FetchEventResult::NetworkError(problem)) => network_error::worker_failed(&problem),
            Err(_) => network_error::worker_failed("the service worker was stopped before it answered"),
        }
    }

    async fn answer_from_upstream(&self, request: Request<Body>) -> Response<Body> {
        if self.offline.is_offline_forced() {
            return network_error::offline();
        }
        let what = format!("{} {}", request.method(), output::printable(request.uri().path()));
        match self.upstreams.send(request).await {
            Ok(response) => response,
            Err(error) => {
                output::warning(format!("{what}: {error}"));
                network_error::upstream_failed(&error)
            }
        }
    }
}

/// Whether the response becomes a document. Programs that say nothing about it count as browsers if they want HTML.
fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    let value = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match (value(&SEC_FETCH_MODE), value(&SEC_FETCH_DEST)) {
        (Some(mode), dest) => {
            mode == "navigate" && matches!(dest, None | Some("document" | "iframe" | "frame"))
        }
        (None, _) => {
            (method == Method::GET || method == Method::HEAD)
                && !headers.contains_key(REFERER)
                && value(&ACCEPT).is_some_and(|accept| accept.contains("text/html"))
        }
    }
}

fn is_partitioned(headers: &HeaderMap) -> bool {
    let is = |name: &HeaderName, values: &[&[u8]]| {
        headers.get(name).is_some_and(|v| values.contains(&v.as_bytes()))
    };
    is(&SEC_FETCH_DEST, &[b"iframe", b"frame"]) && !is(&SEC_FETCH_SITE, &[b"same-origin"])
}

fn initiator(
    gateway: &Gateway,
    storage_key: &StorageKey,
    origin: &str,
    headers: &HeaderMap,
) -> Option<Initiator> {
    let referrer = headers.get(REFERER)?.to_str().ok()?;
    let url = Url::parse(referrer).ok().filter(|url| url.origin().ascii_serialization() == origin)?;
    gateway.pages.find_initiator(storage_key, url.as_str()).or_else(|| {
        let registration = gateway.runtime.match_registration(storage_key, &url)?;
        registration.active.as_ref()?;
        Some(Initiator { client: String::new(), controller: Some(registration.id) })
    })
}

fn fetch_event(
    method: &Method,
    headers: &HeaderMap,
    url: &Url,
    ids: ClientIds,
    body: Bytes,
) -> FetchEventRequest {
    let value =
        |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let navigation = !ids.resulting.is_empty();
    let mode = match value(&SEC_FETCH_MODE) {
        _ if navigation => "navigate",
        mode @ ("cors" | "no-cors" | "same-origin") => mode,
        _ => "cors",
    };
    let destination = match value(&SEC_FETCH_DEST) {
        "" if navigation => "document",
        "empty" => "",
        destination => destination,
    };
    let hidden: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            HIDDEN.contains(name)
                || ["sec-", "proxy-", "access-control-"].iter().any(|p| name.as_str().starts_with(p))
        })
        .cloned()
        .collect();
    FetchEventRequest {
        method: method.as_str().to_owned(),
        url: url.as_str().to_owned(),
        headers: to_latin1_pairs(headers, &hidden),
        mode: mode.to_owned(),
        credentials: if navigation { "include" } else { "same-origin" }.to_owned(),
        redirect: if navigation { "manual" } else { "follow" }.to_owned(),
        referrer: value(&REFERER).to_owned(),
        destination: destination.to_owned(),
        client_id: ids.client,
        resulting_client_id: ids.resulting,
        body,
    }
}

fn worker_response(status: u16, headers: Vec<(String, String)>, body: BodyReceiver) -> Response<Body> {
    let Some(status) = StatusCode::from_u16(status).ok().filter(|status| !status.is_informational()) else {
        return network_error::worker_failed(&format!("a response with status {status} cannot be sent"));
    };
    let body = stream::unfold(body, |mut body| async move {
        let part = body.recv().await?;
        Some((part.map_err(std::io::Error::other), body))
    });
    let mut response = Response::new(Body::from_stream(body));
    *response.status_mut() = status;
    for (name, value) in headers {
        if let (Ok(name), Some(value)) = (name.parse::<HeaderName>(), from_latin1(&value))
            && ![CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, UPGRADE, TRAILER].contains(&name)
        {
            response.headers_mut().append(name, value);
        }
    }
    response
}

enum Buffered {
    Whole(Bytes),
    TooLarge(Body),
    Failed(axum::Error),
}

async fn buffered(body: Body) -> Buffered {
    let mut chunks = body.into_data_stream();
    let mut whole = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(bytes) => whole.extend_from_slice(&bytes),
            Err(error) => return Buffered::Failed(error),
        }
        if whole.len() > EVENT_BODY_BYTES_MAX {
            let start = stream::once(async move { Ok(whole.freeze()) });
            return Buffered::TooLarge(Body::from_stream(start.chain(chunks)));
        }
    }
    Buffered::Whole(whole.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), axum::http::HeaderValue::from_static(v)))
            .collect()
    }

    #[test]
    fn navigations_are_told_from_other_requests() {
        for (pairs, expected) in [
            (&[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")][..], true),
            (&[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")], true),
            (&[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "object")], false),
            (&[("sec-fetch-mode", "cors"), ("accept", "text/html")], false),
            (&[("accept", "text/html,*/*")], true),
            (&[("accept", "text/html"), ("referer", "http://localhost:1/")], false),
            (&[("accept", "*/*")], false),
            (&[], false),
        ] {
            assert_eq!(is_navigation(&Method::GET, &headers(pairs)), expected, "{pairs:?}");
        }
    }

    #[test]
    fn workers_see_the_request_that_a_browser_would_show_them() {
        let headers = headers(&[
            ("host", "localhost:1"),
            ("cookie", "a=1"),
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-dest", "empty"),
            ("sec-ch-ua", "x"),
            ("origin", "http://localhost:1"),
            ("referer", "http://localhost:1/page"),
            ("content-type", "text/plain"),
            ("x-own", "1"),
        ]);
        let url = Url::parse("http://localhost:1/api").unwrap();
        let ids = ClientIds { client: "c".into(), resulting: String::new() };
        let event = fetch_event(&Method::POST, &headers, &url, ids, Bytes::from_static(b"body"));
        let mut names: Vec<&str> = event.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "x-own"]);
        assert_eq!((event.mode.as_str(), event.destination.as_str()), ("cors", ""));
        assert_eq!((event.referrer.as_str(), event.redirect.as_str()), ("http://localhost:1/page", "follow"));
        let ids = ClientIds { client: String::new(), resulting: "r".into() };
        let event = fetch_event(&Method::GET, &headers, &url, ids, Bytes::new());
        assert_eq!((event.mode.as_str(), event.redirect.as_str()), ("navigate", "manual"));
    }
}
