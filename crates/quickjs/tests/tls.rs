//! HTTPS: HTTP/2 by ALPN, certificates, own authorities, mixed content (Fetch standard; R146).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use support::{Peer, Server, World, clone_of, wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::server::TlsStream;
use wakeworker_core::{Config, StorageKey};
use wakeworker_quickjs::{MessageSource, RegisterJob, RuntimeConfig, UpdateViaCache, WorkerType};

/// What nobody's machine trusts.
struct Authority {
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Authority { der, issuer: Issuer::new(params, key) }
    }

    /// A server's configuration with a certificate for this name.
    fn certify(&self, name: &str, expired: bool, protocols: &[&[u8]]) -> ServerConfig {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if expired {
            params.not_after = date_time_ymd(2020, 1, 1);
            params.not_before = date_time_ymd(2019, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        config
    }
}

/// An HTTPS server on `localhost` whose answers tell the version of HTTP, and which counts its connections.
struct Secure {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Secure {
    fn start(config: ServerConfig) -> Secure {
        let (tell, address) = channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (counted, seen) = (connections.clone(), requests.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.spawn(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let acceptor = TlsAcceptor::from(Arc::new(config));
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(converse(acceptor.clone(), stream, counted.clone(), seen.clone()));
                }
            });
            // What is still running is dropped with the runtime.
            let _ = runtime.block_on(stopped);
        });
        let address = wait(&address);
        Secure { address, connections, requests, stop: Some(stop), thread: Some(thread) }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

async fn converse(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
) {
    // A client that does not like the certificate goes away here.
    let Ok(stream) = acceptor.accept(stream).await else { return };
    connections.fetch_add(1, Ordering::AcqRel);
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        speak_http2(stream, requests).await;
    } else {
        speak_http1(stream, requests).await;
    }
}

fn answer(path: &str, version: &str) -> (u16, Vec<(&'static str, String)>, String) {
    let mut headers = vec![("access-control-allow-origin", "*".to_owned())];
    match path {
        "/sw.js" => {
            headers.push(("content-type", "text/javascript".to_owned()));
            (200, headers, WORKER.to_owned())
        }
        "/to-plain" => {
            headers.push(("location", "http://plain.example/".to_owned()));
            (302, headers, String::new())
        }
        _ => (200, headers, format!("{version} {path}")),
    }
}

async fn speak_http2(stream: TlsStream<TcpStream>, requests: Arc<Mutex<Vec<String>>>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    // Answers wait for each other: only requests of one connection at one time come this far.
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let path = request.uri().path().to_owned();
        requests.lock().unwrap().push(format!("h2 {path}"));
        let (status, headers, body) = answer(&path, "HTTP/2");
        let mut response = h2_response(status);
        for (name, value) in headers {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        let Ok(mut stream) = respond.send_response(response, false) else { continue };
        let _ = stream.send_data(body.into(), true);
    }
}

fn h2_response(status: u16) -> http::Response<()> {
    let mut response = http::Response::new(());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    response
}

async fn speak_http1(mut stream: TlsStream<TcpStream>, requests: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte).await {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    requests.lock().unwrap().push(format!("h1 {path}"));
    let (status, headers, body) = answer(&path, "HTTP/1.1");
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} x\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Fetches the addresses of a message at once, and prints what came, or the error.
const WORKER: &str = "onmessage = (event) => event.waitUntil((async () => {
    const all = await Promise.allSettled(event.data.split(' ').map(async (url) => (await fetch(url)).text()));
    console.log(all.map(({ value, reason }) => value ?? `${reason.name}: ${reason.message}`).join('; '));
})());";

fn world(trusted: Vec<Vec<u8>>) -> World {
    let mut limits = RuntimeConfig::default();
    limits.extra_root_certificates = trusted;
    World::with(Server::with_worker(WORKER), limits, Config::default())
}

fn fetch(world: &World, urls: &[String]) -> String {
    let (_, worker) = world.activate("sw.js");
    world.ask(worker, &urls.join(" "))
}

#[test]
fn http_2_is_agreed_on_and_one_connection_carries_all_requests() {
    let authority = Authority::new();
    let server = Secure::start(authority.certify("localhost", false, &[b"h2", b"http/1.1"]));
    let world = world(vec![authority.der]);
    let (_, worker) = world.activate("sw.js");
    // The first request makes the connection that the others find.
    assert_eq!(world.ask(worker, &server.url("/first")), "HTTP/2 /first");
    let said = world.ask(worker, &["/a", "/b", "/c"].map(|path| server.url(path)).join(" "));
    assert_eq!(said, "HTTP/2 /a; HTTP/2 /b; HTTP/2 /c");
    assert_eq!(server.connections.load(Ordering::Acquire), 1);
}

#[test]
fn a_server_without_http_2_is_spoken_to_as_before() {
    let authority = Authority::new();
    for protocols in [&[b"http/1.1".as_slice()][..], &[]] {
        let server = Secure::start(authority.certify("localhost", false, protocols));
        let world = world(vec![authority.der.clone()]);
        assert_eq!(fetch(&world, &[server.url("/x")]), "HTTP/1.1 /x");
        assert_eq!(*server.requests.lock().unwrap(), ["h1 /x"]);
    }
}

#[test]
fn bad_certificates_are_network_errors_that_say_why() {
    let authority = Authority::new();
    let check = |config: ServerConfig, trusted: Vec<Vec<u8>>, why: &str| {
        let server = Secure::start(config);
        let said = fetch(&world(trusted), &[server.url("/x")]);
        assert!(said.starts_with("TypeError: ") && said.contains("Failed to fetch"), "{said}");
        assert!(said.to_lowercase().contains(why), "{why}: {said}");
        assert!(server.requests.lock().unwrap().is_empty(), "nothing was asked of a stranger");
    };
    let trusted = || vec![authority.der.clone()];
    check(authority.certify("localhost", false, &[b"h2"]), Vec::new(), "issuer");
    check(
        authority.certify("localhost", false, &[b"h2"]),
        vec![Authority::new().der],
        "invalid peer certificate",
    );
    check(authority.certify("other.example", false, &[b"h2"]), trusted(), "name");
    check(authority.certify("localhost", true, &[b"h2"]), trusted(), "expired");
    // An authority that cannot be read is the host's mistake, which it hears of with the first request.
    let refused = world(vec![b"no certificate".to_vec()]).register("sw.js").unwrap_err();
    assert!(refused.message().contains("the certificates to trust cannot be read"), "{refused}");
}

#[test] // R146
fn a_worker_of_a_secure_site_speaks_to_nobody_in_the_open() {
    let authority = Authority::new();
    let server = Secure::start(authority.certify("localhost", false, &[b"h2"]));
    let world = world(vec![authority.der]);
    let page: url::Url = server.url("/").parse().unwrap();
    let (tell, told) = channel();
    let job = RegisterJob {
        storage_key: StorageKey::first_party(&page.origin().ascii_serialization()),
        client_url: page,
        script_url: "sw.js".to_owned(),
        scope: None,
        update_via_cache: UpdateViaCache::Imports,
        worker_type: WorkerType::Classic,
    };
    world.runtime.register(job, move |result| tell.send(result).unwrap());
    let id = wait(&told).unwrap().id;
    let worker = world.activated(id, None);
    assert_eq!(*server.requests.lock().unwrap(), ["h2 /sw.js"]);
    for mixed in ["http://plain.example/", &server.url("/to-plain")] {
        let before = world.console.len();
        world.runtime.post_message(worker, clone_of(mixed), MessageSource::Host);
        let said = world.console.wait_after(before, |line| Some(line.clone()));
        assert!(said.starts_with("TypeError: ") && said.contains("plain.example"), "{mixed}: {said}");
    }
    // A loopback address is as good as a secure one; this server answers that the file is missing, without CORS.
    let said = world.ask(worker, world.server.url("/none").as_str());
    assert!(said.starts_with("TypeError: ") && said.contains("Access-Control-Allow-Origin"), "{said}");
    assert_eq!(world.server.requests("/none").len(), 1, "the request was made");
}

/// Opens the address of a message, and prints what comes back over it, or how it ended.
const SOCKET_WORKER: &str = "onmessage = (event) => event.waitUntil(new Promise((done) => {
    const socket = new WebSocket(event.data);
    socket.onopen = () => socket.send('over TLS');
    socket.onmessage = (message) => { console.log(message.origin === event.data.slice(0, -5) ? message.data : message.origin); socket.close(); };
    socket.onclose = done;
}));";

#[test] // WebSockets, 2.2: "wss" is TLS, and its certificates are those of fetches
fn web_sockets_trust_what_fetches_trust() {
    let authority = Authority::new();
    let peer = Peer::start_secure(authority.certify("localhost", false, &[b"http/1.1"]));
    let address = format!("wss://localhost:{}/echo", peer.port());
    let answer = |trusted: Vec<Vec<u8>>| {
        let mut limits = RuntimeConfig::default();
        limits.extra_root_certificates = trusted;
        let world = World::with(Server::with_worker(SOCKET_WORKER), limits, Config::default());
        let (_, worker) = world.activate("sw.js");
        world.ask(worker, &address)
    };
    assert_eq!(answer(vec![authority.der]), "over TLS");
    let refused = answer(Vec::new());
    assert!(refused.contains("no TLS connection") && refused.contains("certificate"), "{refused}");
    assert_eq!(peer.seen.all().iter().filter(|entry| entry.starts_with("open")).count(), 1);
}
