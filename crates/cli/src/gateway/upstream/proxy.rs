//! A reverse proxy: passes requests to another server and streams in both directions.

use super::UpstreamError;
use crate::failure::with_causes;
use crate::output;
use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, ORIGIN, REFERER,
    SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use axum::http::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::io::copy_bidirectional;
use url::Url;

/// One server, and the connections to it.
#[derive(Debug)]
pub(crate) struct ReverseProxy {
    server: Url,
    /// The origin as text, for headers that name it and for messages.
    server_origin: String,
    client: reqwest::Client,
    timeout: Duration,
}

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// How long an unused connection is kept. A timer watches it, and a gateway that nobody uses should not wake up for
/// long.
const CONNECTION_IDLE_MAX: Duration = Duration::from_secs(10);

/// Headers that speak of one connection, not of the message (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 7] =
    [CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

impl ReverseProxy {
    /// A proxy for a server given without a path. `timeout` limits the wait for a connection, for the head of a
    /// response, and for each next part of its body.
    pub(crate) fn new(server: Url, timeout: Duration) -> Result<ReverseProxy, String> {
        // Installing fails only if some part of the program has done it already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            // Redirects and cookies are between the browser and the server.
            .redirect(reqwest::redirect::Policy::none())
            // Upgrades to WebSocket exist in HTTP/1 only.
            .http1_only()
            .connect_timeout(timeout)
            .read_timeout(timeout)
            .pool_idle_timeout(CONNECTION_IDLE_MAX);
        if is_loopback(&server) {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|e| with_causes(&e))?;
        Ok(ReverseProxy { server_origin: server.origin().ascii_serialization(), server, client, timeout })
    }

    /// Passes a request on and gives the response as soon as its head is there.
    pub(crate) async fn send(&self, mut request: Request<Body>) -> Result<Response<Body>, UpstreamError> {
        let upgrade = request.headers().get(UPGRADE).cloned();
        let client_side = request.extensions_mut().remove::<hyper::upgrade::OnUpgrade>();
        let outer = OuterOrigin::of(&request);

        let (parts, body) = request.into_parts();
        let mut url = self.server.clone();
        url.set_path(parts.uri.path());
        url.set_query(parts.uri.query());
        let mut headers = parts.headers;
        remove_hop_by_hop(&mut headers);
        self.rewrite_request(&mut headers, outer.as_ref());
        if let Some(protocol) = upgrade.clone() {
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, protocol);
        }
        let mut outgoing = self.client.request(parts.method, url).headers(headers);
        // A body of known length zero must not become a chunked one: some servers refuse that on GET.
        if http_body::Body::size_hint(&body).exact() != Some(0) {
            outgoing = outgoing.body(reqwest::Body::wrap_stream(body.into_data_stream()));
        }
        let response = tokio::time::timeout(self.timeout, outgoing.send())
            .await
            .map_err(|_| self.timed_out())?
            .map_err(|e| if e.is_timeout() { self.timed_out() } else { self.unreachable(&e) })?;

        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(self.switch_protocols(response, client_side, upgrade));
        }
        let (mut parts, body) = Response::from(response).into_parts();
        remove_hop_by_hop(&mut parts.headers);
        self.rewrite_response(&mut parts.headers);
        Ok(Response::from_parts(parts, Body::new(body)))
    }

    /// Joins the two connections and gives the 101 that tells the browser so.
    fn switch_protocols(
        &self,
        response: reqwest::Response,
        client_side: Option<hyper::upgrade::OnUpgrade>,
        protocol: Option<HeaderValue>,
    ) -> Response<Body> {
        let mut answer = Response::new(Body::empty());
        let (Some(client_side), Some(protocol)) = (client_side, protocol) else {
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
            return answer;
        };
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *answer.headers_mut() = response.headers().clone();
        remove_hop_by_hop(answer.headers_mut());
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        answer.headers_mut().insert(UPGRADE, protocol);
        let server = self.server_origin.clone();
        tokio::spawn(async move {
            let (browser, mut upstream) = match tokio::join!(client_side, response.upgrade()) {
                (Ok(browser), Ok(upstream)) => (browser, upstream),
                (browser, upstream) => {
                    let problem =
                        browser.err().map(|e| e.to_string()).or(upstream.err().map(|e| e.to_string()));
                    output::warning(format!(
                        "an upgraded connection to {server} failed: {}",
                        problem.unwrap_or_default()
                    ));
                    return;
                }
            };
            // How such a connection ends is between the two ends.
            let _ = copy_bidirectional(&mut TokioIo::new(browser), &mut upstream).await;
        });
        answer
    }

    /// The server must see a request for itself, and be able to learn where it came from.
    fn rewrite_request(&self, headers: &mut HeaderMap, outer: Option<&OuterOrigin>) {
        headers.remove(HOST);
        // The HTTP client offers the encodings that it decodes: pages are going to be changed, and a worker must get
        // the decoded body too.
        headers.remove(ACCEPT_ENCODING);
        let Some(outer) = outer else { return };
        if headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes() == outer.origin.as_bytes()) {
            set(headers, ORIGIN, &self.server_origin);
        }
        let referer =
            headers.get(REFERER).and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix(&outer.origin));
        if let Some(path) = referer.map(str::to_owned) {
            set(headers, REFERER, &format!("{}{path}", self.server_origin));
        }
        set(headers, FORWARDED_HOST, &outer.host);
        set(headers, FORWARDED_PROTO, "http");
    }

    /// What names the server must name the gateway instead.
    fn rewrite_response(&self, headers: &mut HeaderMap) {
        let location = headers.get(LOCATION).and_then(|v| v.to_str().ok());
        if let Some(path) = location.and_then(|v| v.strip_prefix(&self.server_origin)).map(str::to_owned)
            && (path.is_empty() || path.starts_with(['/', '?', '#']))
        {
            set(headers, LOCATION, if path.starts_with('/') { &path } else { "/" });
        }
        let cookies: Vec<HeaderValue> =
            headers.get_all(SET_COOKIE).iter().filter_map(without_domain).collect();
        headers.remove(SET_COOKIE);
        for cookie in cookies {
            headers.append(SET_COOKIE, cookie);
        }
    }

    fn timed_out(&self) -> UpstreamError {
        UpstreamError::TimedOut { server: self.server_origin.clone(), after: self.timeout }
    }

    fn unreachable(&self, error: &reqwest::Error) -> UpstreamError {
        let text = match std::error::Error::source(error) {
            Some(cause) => with_causes(cause),
            None => error.to_string(),
        };
        UpstreamError::Unreachable { server: self.server_origin.clone(), problem: text }
    }
}

/// The gateway's own origin as the browser sees it.
struct OuterOrigin {
    host: String,
    origin: String,
}

impl OuterOrigin {
    fn of(request: &Request<Body>) -> Option<OuterOrigin> {
        let host = request.headers().get(HOST)?.to_str().ok()?.to_owned();
        Some(OuterOrigin { origin: format!("http://{host}"), host })
    }
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// A cookie for the server's domain becomes one for the host that the browser asked.
fn without_domain(cookie: &HeaderValue) -> Option<HeaderValue> {
    let Ok(text) = cookie.to_str() else { return Some(cookie.clone()) };
    let kept: Vec<&str> = text
        .split(';')
        .filter(|part| !part.trim_start().get(..7).is_some_and(|name| name.eq_ignore_ascii_case("domain=")))
        .collect();
    HeaderValue::from_str(&kept.join(";")).ok()
}

fn is_loopback(server: &Url) -> bool {
    match server.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::any;
    use http_body_util::BodyExt;
    use tokio::net::TcpListener;

    async fn upstream(router: Router) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn proxy(server: Url) -> ReverseProxy {
        ReverseProxy::new(server, Duration::from_secs(20)).unwrap()
    }

    fn request() -> axum::http::request::Builder {
        Request::get("/a?b=%20c").header(HOST, "127.0.0.1:8080").header(ORIGIN, "http://127.0.0.1:8080")
    }

    async fn text(response: Response<Body>) -> String {
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_server_sees_a_request_for_itself_without_hop_by_hop_headers() {
        let url =
            upstream(Router::new().fallback(any(async |request: Request<Body>| format!("{request:?}"))))
                .await;
        let request = request()
            .header(CONNECTION, "keep-alive, x-private")
            .header("x-private", "1")
            .header(REFERER, "http://127.0.0.1:8080/from")
            .header("x-kept", "kept")
            .body(Body::empty())
            .unwrap();
        let seen = text(proxy(url.clone()).send(request).await.unwrap()).await;
        let origin = url.origin().ascii_serialization();
        for part in ["/a?b=%20c", "\"x-kept\": \"kept\"", "\"x-forwarded-host\": \"127.0.0.1:8080\""] {
            assert!(seen.contains(part), "{part} in {seen}");
        }
        assert!(seen.contains(&format!("\"origin\": \"{origin}\"")), "{seen}");
        assert!(seen.contains(&format!("\"referer\": \"{origin}/from\"")), "{seen}");
        assert!(!seen.contains("x-private") && !seen.contains("transfer-encoding"), "{seen}");
    }

    #[tokio::test]
    async fn bodies_stream_in_both_directions_and_redirects_stay_on_the_gateway() {
        let router = Router::new().route("/echo", any(async |body: Body| body)).route(
            "/move",
            any(async |request: Request<Body>| {
                let host = request.headers()[HOST].to_str().unwrap_or_default().to_owned();
                Response::builder()
                    .status(302)
                    .header(LOCATION, format!("http://{host}/there?x"))
                    .header(SET_COOKIE, "a=1; Domain=example.org; Path=/")
                    .body(Body::empty())
                    .unwrap_or_default()
            }),
        );
        let proxy = proxy(upstream(router).await);
        let big = vec![b'x'; 3_000_000];
        let response =
            proxy.send(Request::post("/echo").body(Body::from(big.clone())).unwrap()).await.unwrap();
        assert_eq!(text(response).await.len(), big.len());
        let response = proxy.send(Request::get("/move").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 302);
        assert_eq!(response.headers()[LOCATION], "/there?x");
        assert_eq!(response.headers()[SET_COOKIE], "a=1; Path=/");
    }

    #[tokio::test]
    async fn a_dead_and_a_silent_server_are_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let silent = ReverseProxy::new(url.clone(), Duration::from_millis(50)).unwrap();
        let error = silent.send(Request::get("/").body(Body::empty()).unwrap()).await.unwrap_err();
        assert!(matches!(&error, UpstreamError::TimedOut { .. }), "{error}");
        assert!(error.to_string().contains("within 0.05 s"), "{error}");
        drop(listener);
        let error =
            proxy(url.clone()).send(Request::get("/").body(Body::empty()).unwrap()).await.unwrap_err();
        assert!(matches!(&error, UpstreamError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains(&url.origin().ascii_serialization()), "{error}");
    }
}
