//! The default transport: HTTP/1.1 and HTTP/2 over TCP and TLS.

use super::connection::connect;
use super::{AbortHandle, AddressSpace, FetchRequest, Fetcher, ResponseHead, ResponseSink, is_localhost};
use crate::body::RequestBody;
use crate::{OpenError, RuntimeConfig, SocketRequest, SocketSink};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderName, HeaderValue};
use rustls::pki_types::CertificateDer;
use rustls_platform_verifier::Verifier;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::runtime::Handle;

/// A real HTTP client. Its I/O thread is started by the first fetch.
pub struct HttpFetcher {
    limits: Limits,
    extra_roots: Vec<Vec<u8>>,
    io: OnceLock<Result<Io, String>>,
}

#[derive(Clone, Copy)]
struct Limits {
    connect_timeout: Duration,
    idle_timeout: Duration,
    fetch_timeout: Duration,
}

struct Io {
    handle: Handle,
    /// One for each reach, so that a connection to a private address is never used for a site that may not have it.
    clients: [reqwest::Client; 3],
    /// For connections that are not the clients'.
    tls: Arc<rustls::ClientConfig>,
    // Dropping the sender ends the I/O thread.
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl HttpFetcher {
    /// A client with the timeouts of this configuration.
    pub fn new(config: &RuntimeConfig) -> Result<HttpFetcher, OpenError> {
        Ok(HttpFetcher {
            limits: Limits {
                connect_timeout: Duration::from_millis(config.connect_timeout_ms),
                idle_timeout: Duration::from_millis(config.response_idle_timeout_ms),
                fetch_timeout: Duration::from_millis(config.fetch_timeout_ms),
            },
            extra_roots: config.extra_root_certificates.clone(),
            io: OnceLock::new(),
        })
    }

    fn io(&self) -> Result<&Io, String> {
        self.io.get_or_init(|| start_io(self.limits, &self.extra_roots)).as_ref().map_err(Clone::clone)
    }
}

impl Fetcher for HttpFetcher {
    fn fetch(&self, request: FetchRequest, sink: ResponseSink) -> AbortHandle {
        let io = match self.io() {
            Ok(io) => io,
            Err(message) => {
                sink.error(message);
                return AbortHandle::ended();
            }
        };
        let client = match request.reach {
            AddressSpace::Loopback => &io.clients[0],
            AddressSpace::Private => &io.clients[1],
            AddressSpace::Public => &io.clients[2],
        };
        let request = match build(request) {
            Ok(request) => request,
            Err(message) => {
                sink.error(message);
                return AbortHandle::ended();
            }
        };
        let task = io.handle.spawn(exchange(client.clone(), request, sink)).abort_handle();
        AbortHandle::new(move || task.abort())
    }

    fn connect(&self, request: SocketRequest, sink: SocketSink) -> AbortHandle {
        let io = match self.io() {
            Ok(io) => io,
            Err(message) => {
                sink.error(message);
                return AbortHandle::ended();
            }
        };
        let (tls, limit) = (io.tls.clone(), self.limits.connect_timeout);
        let task = io.handle.spawn(async move {
            match tokio::time::timeout(limit, connect(&request, tls)).await {
                Ok(Ok(stream)) => sink.serve(stream).await,
                Ok(Err(message)) => sink.error(message),
                Err(_) => sink.error(format!(
                    "there was no connection within {} ms, the limit `connect_timeout_ms`",
                    limit.as_millis()
                )),
            }
        });
        let task = task.abort_handle();
        AbortHandle::new(move || task.abort())
    }
}

impl std::fmt::Debug for HttpFetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpFetcher").field("started", &self.io.get().is_some()).finish()
    }
}

fn start_io(limits: Limits, extra_roots: &[Vec<u8>]) -> Result<Io, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the network thread cannot be started: {error}"))?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    std::thread::Builder::new()
        .name("wakeworker-net".to_owned())
        .spawn(move || {
            // Ends when the sender is dropped; running exchanges are dropped with the runtime.
            let _ = runtime.block_on(stopped);
        })
        .map_err(|error| format!("the network thread cannot be started: {error}"))?;
    let mut tls = tls(extra_roots)?;
    let client = |reach| client(limits, tls.clone(), reach);
    let clients =
        [client(AddressSpace::Loopback)?, client(AddressSpace::Private)?, client(AddressSpace::Public)?];
    // Upgrades to WebSocket exist in HTTP/1 only.
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Io { clients, tls: Arc::new(tls), handle, _stop: stop })
}

/// How long an unused connection is kept: less than a worker that has nothing to do, so that a timer for it never wakes
/// a machine whose workers are stopped.
const CONNECTION_IDLE_MAX: Duration = Duration::from_secs(10);

fn client(limits: Limits, tls: rustls::ClientConfig, reach: AddressSpace) -> Result<reqwest::Client, String> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // A request may be sent twice only if the script says so.
        .retry(reqwest::retry::never())
        .connect_timeout(limits.connect_timeout)
        .read_timeout(limits.idle_timeout)
        .timeout(limits.fetch_timeout)
        .pool_idle_timeout(CONNECTION_IDLE_MAX)
        .dns_resolver(Resolver { reach })
        .build()
        .map_err(|error| format!("the HTTP client cannot be made: {}", chain(&error)))
}

fn tls(extra_roots: &[Vec<u8>]) -> Result<rustls::ClientConfig, String> {
    // The process-wide default provider belongs to the host program; it is used if there is one.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have installed one in between, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let provider = rustls::crypto::CryptoProvider::get_default().cloned().ok_or("TLS has no cryptography")?;
    let roots = extra_roots.iter().map(|root| CertificateDer::from(root.clone()));
    let verifier = Verifier::new_with_extra_roots(roots, provider.clone())
        .map_err(|error| format!("the certificates to trust cannot be read: {error}"))?;
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn build(request: FetchRequest) -> Result<reqwest::Request, String> {
    let method = reqwest::Method::from_bytes(request.method.as_bytes())
        .map_err(|_| format!("`{}` is no HTTP method", request.method))?;
    let mut built = reqwest::Request::new(method, request.url);
    for (name, value) in &request.headers {
        if is_forbidden(name) {
            continue;
        }
        let bytes =
            latin1(value).ok_or_else(|| format!("the value of header `{name}` is not a byte string"))?;
        let value = HeaderValue::from_bytes(&bytes)
            .map_err(|_| format!("the value of header `{name}` is not allowed"))?;
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no header name"))?;
        built.headers_mut().append(name, value);
    }
    if !request.body.is_empty() {
        *built.body_mut() = Some(match request.body {
            RequestBody::Bytes(bytes) => bytes.into(),
            RequestBody::Stream(receiver) => reqwest::Body::wrap(receiver),
        });
    } else if matches!(built.method().as_str(), "POST" | "PUT") {
        built.headers_mut().insert(reqwest::header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    Ok(built)
}

async fn exchange(client: reqwest::Client, request: reqwest::Request, mut sink: ResponseSink) {
    let mut response = match client.execute(request).await {
        Ok(response) => response,
        Err(error) => return sink.error(chain(&error)),
    };
    sink.head(ResponseHead {
        status: response.status().as_u16(),
        status_text: reason(&response),
        headers: response
            .headers()
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), value.as_bytes().iter().map(|b| char::from(*b)).collect())
            })
            .collect(),
    });
    loop {
        sink.ready().await;
        if sink.is_aborted() {
            return;
        }
        match response.chunk().await {
            Ok(Some(bytes)) => sink.chunk(bytes),
            Ok(None) => return sink.end(),
            Err(error) => return sink.error(chain(&error)),
        }
    }
}

fn reason(response: &reqwest::Response) -> String {
    // HTTP/2 has no reason phrase; the standard wants the empty string then.
    if response.version() >= reqwest::Version::HTTP_2 {
        return String::new();
    }
    match response.extensions().get::<hyper::ext::ReasonPhrase>() {
        Some(phrase) => String::from_utf8_lossy(phrase.as_bytes()).into_owned(),
        None => response.status().canonical_reason().unwrap_or_default().to_owned(),
    }
}

/// The headers that only the transport may set (Fetch standard, "forbidden request-header"; the safe part of it).
fn is_forbidden(name: &str) -> bool {
    [
        "host",
        "content-length",
        "connection",
        "keep-alive",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "expect",
    ]
    .iter()
    .any(|forbidden| name.eq_ignore_ascii_case(forbidden))
}

fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

/// An error with its causes: the first alone often says only that something failed.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

struct Resolver {
    reach: AddressSpace,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.reach;
        Box::pin(async move {
            let found = addresses(name.as_str(), reach).await?;
            Ok(Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

/// Resolves `*.localhost` to loopback itself, which is what makes those names trustworthy (section 7.5 of the
/// requirements); asks the system for the rest. Addresses that are more private than the site may reach are left out: a
/// name of the public network that stands for one of them is an attack (DNS rebinding).
pub(super) async fn addresses(name: &str, reach: AddressSpace) -> Result<Vec<IpAddr>, String> {
    if is_localhost(name) && reach == AddressSpace::Loopback {
        return Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
    }
    let found = tokio::net::lookup_host((name, 0))
        .await
        .map_err(|error| format!("no address of `{name}` can be found: {error}"))?;
    let (allowed, refused): (Vec<_>, Vec<_>) =
        found.map(|address| address.ip()).partition(|ip| AddressSpace::of(*ip) >= reach);
    match refused.first() {
        Some(address) if allowed.is_empty() => Err(out_of_reach(name, AddressSpace::of(*address))),
        _ => Ok(allowed),
    }
}

/// Why an address is not asked.
pub(super) fn out_of_reach(name: &str, space: AddressSpace) -> String {
    let space = space.text();
    format!(
        "`{name}` is an address of {space}, which this site may not reach (`RuntimeConfig::private_network`)"
    )
}

const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Arc<HttpFetcher>>();
};
