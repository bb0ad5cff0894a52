//! The server that the tests talk to: files of the checkout, pipes, and stand-ins for its Python handlers.

mod certificate;
mod exchange;
mod files;
mod handlers;
mod hosts;
mod pipes;
mod stash;
mod substitute;

pub(crate) use hosts::Hosts;

use crate::WptError;
use exchange::{Answer, Body, Broken, Request, parameters};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use stash::Stash;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A running server; it ends when it is dropped.
pub(crate) struct Server {
    site: Arc<Site>,
    certificate: Vec<u8>,
    // Dropping it ends all connections.
    _runtime: tokio::runtime::Runtime,
}

/// What all connections share.
struct Site {
    root: PathBuf,
    hosts: Hosts,
    stash: Arc<Stash>,
    /// Handlers without a stand-in, each with the script that asked for it, as far as it said so.
    unknown: Mutex<BTreeSet<(String, String)>>,
}

/// Largest body of a request.
const REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;

impl Server {
    /// Listens on four free ports of this machine.
    pub(crate) fn start(root: PathBuf) -> Result<Server, WptError> {
        let failed = |error: std::io::Error| WptError::Server(error.to_string());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("wpt-server")
            .enable_all()
            .build()
            .map_err(failed)?;
        let identity = certificate::make(&Hosts::certificate_names()).map_err(WptError::Server)?;
        let mut listeners = Vec::new();
        for _ in 0..4 {
            listeners.push(runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).map_err(failed)?);
        }
        let mut ports = [0; 4];
        for (port, listener) in ports.iter_mut().zip(&listeners) {
            *port = listener.local_addr().map_err(failed)?.port();
        }
        let [http, http2, https, https2] = ports;
        let site = Arc::new(Site {
            root,
            hosts: Hosts { http: [http, http2], https: [https, https2] },
            stash: Arc::default(),
            unknown: Mutex::default(),
        });
        for (index, listener) in listeners.into_iter().enumerate() {
            let acceptor = (index >= 2).then(|| identity.acceptor.clone());
            runtime.spawn(accept(listener, acceptor, site.clone()));
        }
        Ok(Server { site, certificate: identity.certificate, _runtime: runtime })
    }

    pub(crate) fn hosts(&self) -> &Hosts {
        &self.site.hosts
    }

    /// The certificate (DER) that a client must trust.
    pub(crate) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The handlers that this script asked for and that have no stand-in.
    pub(crate) fn unknown_handlers_of(&self, script: &str) -> Vec<String> {
        let unknown = self.site.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        unknown.iter().filter(|(_, by)| by == script).map(|(handler, _)| handler.clone()).collect()
    }

    /// The handlers that were asked for by anybody and that have no stand-in.
    pub(crate) fn unknown_handlers(&self) -> Vec<String> {
        let unknown = self.site.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        let mut handlers: Vec<String> = unknown.iter().map(|(handler, _)| handler.clone()).collect();
        handlers.dedup();
        handlers
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, site: Arc<Site>) {
    loop {
        let Ok((connection, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: others may end meanwhile.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let (site, acceptor) = (site.clone(), acceptor.clone());
        tokio::spawn(async move {
            match acceptor {
                None => serve(connection, false, site).await,
                Some(acceptor) => {
                    if let Ok(connection) = acceptor.accept(connection).await {
                        serve(connection, true, site).await;
                    }
                }
            }
        });
    }
}

async fn serve(
    connection: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    is_secure: bool,
    site: Arc<Site>,
) {
    let service = service_fn(move |request| respond(request, is_secure, site.clone()));
    // A connection that fails is the client's business; the test sees it.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(connection), service)
        .await;
}

async fn respond(
    request: hyper::Request<Incoming>,
    is_secure: bool,
    site: Arc<Site>,
) -> Result<hyper::Response<Body>, Broken> {
    let request = received(request, is_secure).await?;
    if Hosts::is_nonexistent(&request.host) {
        // Names below `.localhost` all have an address; this one must look as if it had none.
        return Err(Broken);
    }
    let answer = site.answer(&request).await;
    let mut response = hyper::Response::new(answer.body.into_body());
    *response.status_mut() = hyper::StatusCode::from_u16(answer.status).map_err(|_| Broken)?;
    for (name, value) in answer.headers {
        // What cannot be a header of HTTP cannot be sent.
        let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&value))
        else {
            continue;
        };
        response.headers_mut().append(name, value);
    }
    if let Some(reason) = answer.reason.and_then(|reason| ReasonPhrase::try_from(reason).ok()) {
        response.extensions_mut().insert(reason);
    }
    Ok(response)
}

async fn received(request: hyper::Request<Incoming>, is_secure: bool) -> Result<Request, Broken> {
    let (head, body) = request.into_parts();
    let body = http_body_util::Limited::new(body, REQUEST_BYTES_MAX).collect().await.map_err(|_| Broken)?;
    let headers: Vec<_> = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let mut request = Request {
        method: head.method.to_string(),
        is_secure,
        host: String::new(),
        path: head.uri.path().to_owned(),
        parameters: parameters(&query),
        query,
        headers,
        body: body.to_bytes(),
    };
    request.host =
        request.header("host").map(|host| String::from_utf8_lossy(&host).into_owned()).unwrap_or_default();
    Ok(request)
}

impl Site {
    async fn answer(&self, request: &Request) -> Answer {
        let answer = match handlers::answer(request, &self.stash).await {
            Some(answer) => answer,
            None if request.path.ends_with(".py") => {
                let by = String::from_utf8_lossy(&request.header("referer").unwrap_or_default()).into_owned();
                self.unknown
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert((request.path.clone(), by));
                Answer::text(501, format!("the handler `{}` has no stand-in in this server", request.path))
            }
            None => files::answer(&self.root, request, &self.hosts),
        };
        self.piped(answer, request)
    }

    fn piped(&self, answer: Answer, request: &Request) -> Answer {
        let Some(text) = request.text("pipe") else { return answer };
        let pipes = match pipes::parse(&text) {
            Ok(pipes) => pipes,
            Err(problem) => return Answer::text(500, problem),
        };
        let mut answer = answer;
        for pipe in &pipes {
            answer = match pipes::apply(pipe, answer, request, &self.hosts, &self.root) {
                Ok(answer) => answer,
                Err(problem) => return Answer::text(500, problem),
            };
        }
        answer
    }
}
