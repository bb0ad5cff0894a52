//! How workers reach the network: their own origin directly, everything else through a real HTTP client.
//!
//! A request for the own origin must not come back to the worker as a `fetch` event, as it must not in a browser; and
//! if the app's server cannot be reached, the worker must see a network error and not the gateway's error page.

use super::cookies::Cookies;
use super::host_check::OwnHosts;
use super::upstream::{UpstreamError, Upstreams};
use axum::body::Body;
use axum::http::header::{COOKIE, HOST, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use futures_util::StreamExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::io::DuplexStream;
use tokio::runtime::Handle;
use wakeworker::network::OfflineSwitch;
use wakeworker_quickjs::{
    AbortHandle, FetchRequest, Fetcher, HttpFetcher, RequestBody, ResponseHead, ResponseSink, SocketRequest,
    SocketSink,
};

/// The gateway's transport for workers.
pub(crate) struct GatewayFetcher {
    /// What the gateway's origins are.
    pub(crate) hosts: OwnHosts,
    /// Who answers for them.
    pub(crate) upstreams: Arc<Upstreams>,
    /// Who answers for all others.
    pub(crate) network: HttpFetcher,
    /// While it is on, nobody answers.
    pub(crate) offline: OfflineSwitch,
    /// The cookies of the own origins.
    pub(crate) cookies: Arc<Cookies>,
    /// Where the own origin's exchanges run.
    pub(crate) tasks: Handle,
}

impl Fetcher for GatewayFetcher {
    fn fetch(&self, request: FetchRequest, sink: ResponseSink) -> AbortHandle {
        if self.offline.is_offline_forced() {
            sink.error(FORCED_OFFLINE.to_owned());
            return AbortHandle::ended();
        }
        let origin = request.url.origin().ascii_serialization();
        if !self.hosts.is_own(&origin) {
            return self.network.fetch(request, sink);
        }
        let credentials = request.credentials;
        let outgoing = match self.own_request(request, &origin) {
            Ok(outgoing) => outgoing,
            Err(problem) => {
                sink.error(problem);
                return AbortHandle::ended();
            }
        };
        let upstreams = Arc::clone(&self.upstreams);
        // Who asks without credentials sets no cookies either.
        let cookies = credentials.then(|| (Arc::clone(&self.cookies), origin));
        let task = self.tasks.spawn(exchange(upstreams, outgoing, cookies, sink));
        AbortHandle::new(move || task.abort())
    }

    fn connect(&self, request: SocketRequest, sink: SocketSink) -> AbortHandle {
        if self.offline.is_offline_forced() {
            sink.error(FORCED_OFFLINE.to_owned());
            return AbortHandle::ended();
        }
        let origin = request.url.origin().ascii_serialization();
        if !self.hosts.is_own(&origin) {
            return self.network.connect(request, sink);
        }
        let door =
            Door { upstreams: Arc::clone(&self.upstreams), cookies: Arc::clone(&self.cookies), origin };
        let task = self.tasks.spawn(async move {
            let (near, far) = tokio::io::duplex(DOOR_BYTES);
            tokio::join!(sink.serve(near), door.open(far));
        });
        AbortHandle::new(move || task.abort())
    }
}

const FORCED_OFFLINE: &str = "there is no network (`wakeworker offline on`)";

/// What may be on its way between a worker's WebSocket and the gateway.
const DOOR_BYTES: usize = 64 * 1024;

/// Where the gateway answers the WebSockets of its own workers, in memory, as it answers those of browsers on its port.
#[derive(Clone)]
struct Door {
    upstreams: Arc<Upstreams>,
    cookies: Arc<Cookies>,
    origin: String,
}

impl Door {
    async fn open(self, stream: DuplexStream) {
        let service = service_fn(move |request: Request<Incoming>| self.clone().answer(request));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // How it ends is what the other end of it tells the worker.
        let _ = connection.with_upgrades().await;
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, UpstreamError> {
        let mut request = request.map(Body::new);
        if let Some(cookies) = self.cookies.merged(&self.origin, request.headers().get(COOKIE)) {
            request.headers_mut().insert(COOKIE, cookies);
        }
        let response = self.upstreams.send(request).await?;
        self.cookies.received(&self.origin, response.headers().get_all(SET_COOKIE).iter());
        Ok(response)
    }
}

impl GatewayFetcher {
    fn own_request(&self, request: FetchRequest, origin: &str) -> Result<Request<Body>, String> {
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| format!("`{}` is not an HTTP method", request.method))?;
        let path = match request.url.query() {
            Some(query) => format!("{}?{query}", request.url.path()),
            None => request.url.path().to_owned(),
        };
        let body = request_body(request.body);
        let mut outgoing = Request::builder()
            .method(method)
            .uri(&path)
            .body(body)
            .map_err(|e| format!("`{path}` cannot be requested: {e}"))?;
        let headers = outgoing.headers_mut();
        for (name, value) in &request.headers {
            if let (Ok(name), Some(value)) = (name.parse::<HeaderName>(), from_latin1(value)) {
                headers.append(name, value);
            }
        }
        if let Some(host) = origin.strip_prefix("http://").and_then(|host| HeaderValue::from_str(host).ok()) {
            headers.insert(HOST, host);
        }
        if request.credentials
            && let Some(cookies) = self.cookies.merged(origin, headers.get(COOKIE))
        {
            headers.insert(COOKIE, cookies);
        }
        Ok(outgoing)
    }
}

impl std::fmt::Debug for GatewayFetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GatewayFetcher").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// A body as the upstreams take it.
pub(crate) fn request_body(body: RequestBody) -> Body {
    match body {
        RequestBody::Bytes(bytes) if bytes.is_empty() => Body::empty(),
        RequestBody::Bytes(bytes) => Body::from(bytes),
        RequestBody::Stream(receiver) => Body::new(receiver),
    }
}

async fn exchange(
    upstreams: Arc<Upstreams>,
    request: Request<Body>,
    cookies: Option<(Arc<Cookies>, String)>,
    mut sink: ResponseSink,
) {
    let response = match upstreams.send(request).await {
        Ok(response) => response,
        Err(error) => return sink.error(error.to_string()),
    };
    let (parts, body) = response.into_parts();
    if let Some((cookies, origin)) = cookies {
        cookies.received(&origin, parts.headers.get_all(SET_COOKIE).iter());
    }
    sink.head(ResponseHead {
        status: parts.status.as_u16(),
        status_text: parts.status.canonical_reason().unwrap_or_default().to_owned(),
        headers: to_latin1_pairs(&parts.headers, &[]),
    });
    let mut chunks = body.into_data_stream();
    loop {
        sink.ready().await;
        if sink.is_aborted() {
            return;
        }
        match chunks.next().await {
            Some(Ok(bytes)) => sink.chunk(bytes),
            Some(Err(error)) => return sink.error(format!("the response broke off: {error}")),
            None => return sink.end(),
        }
    }
}

/// All headers but `without`, each byte of a value as one character, as scripts see them.
pub(crate) fn to_latin1_pairs(headers: &HeaderMap, without: &[HeaderName]) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| !without.contains(name))
        .map(|(name, value)| {
            (name.as_str().to_owned(), value.as_bytes().iter().map(|&b| char::from(b)).collect())
        })
        .collect()
}

/// The reverse; `None` for text that no header can carry.
pub(crate) fn from_latin1(text: &str) -> Option<HeaderValue> {
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<_>>()?;
    HeaderValue::from_bytes(&bytes).ok()
}
