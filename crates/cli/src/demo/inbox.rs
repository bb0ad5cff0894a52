//! The inbox of the outbox example: a small HTTP server, in a process of its own, that keeps what it is sent.
//!
//! `POST /inbox/messages` answers after the message is on the disk; `GET /inbox/messages` lists what arrived, in the
//! order of arrival. It listens on the loopback interface only, and only pages of the loopback interface may talk to it.

use super::DemoError;
use super::journal::{Journal, JournalError, Message};
use crate::clock;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use url::Url;

/// Arguments of `wakeworker demo inbox`.
#[derive(Debug, clap::Args)]
pub(crate) struct InboxArgs {
    /// Port on the loopback interface; 0 takes any free one
    #[arg(long, default_value_t = 7070, value_name = "N")]
    pub(crate) port: u16,
    /// File that keeps the messages, one JSON object a line; what it holds already is kept
    #[arg(long, default_value = "inbox.jsonl", value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Serves until it is told to stop by ctrl-c or SIGTERM.
pub(crate) async fn run(args: &InboxArgs) -> Result<ExitCode, DemoError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|source| DemoError::Listen { address, source })?;
    let address = listener.local_addr().map_err(|source| DemoError::Listen { address, source })?;
    let journal = Journal::open(&args.file)?;
    let stored = journal.records().len();
    let announcer = Announcer { json: args.json };
    announcer.say(
        &json!({ "event": "listening", "url": format!("http://{address}"), "file": args.file, "messages": stored }),
        &format!("inbox  http://{address}  {stored} messages in {}", args.file.display()),
    );
    let inbox = Arc::new(Inbox { journal: Mutex::new(journal), announcer });
    axum::serve(listener, router(inbox))
        .with_graceful_shutdown(stop_signal())
        .await
        .map_err(|source| DemoError::Listen { address, source })?;
    Ok(ExitCode::SUCCESS)
}

struct Inbox {
    journal: Mutex<Journal>,
    announcer: Announcer,
}

const BODY_BYTES_MAX: usize = 64 * 1024;

fn router(inbox: Arc<Inbox>) -> Router {
    Router::new()
        .route("/inbox/messages", get(list).post(receive))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(loopback_only))
        .with_state(inbox)
}

async fn list(State(inbox): State<Arc<Inbox>>) -> Response {
    let journal = inbox.journal.lock().unwrap_or_else(PoisonError::into_inner);
    let body = json!({ "messages": journal.records() }).to_string();
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body).into_response()
}

async fn receive(State(inbox): State<Arc<Inbox>>, headers: HeaderMap, body: Bytes) -> Response {
    if !is_json(&headers) {
        // Any page may post a form or plain text without asking first; JSON needs the preflight below.
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the message as application/json");
    }
    let message = match Message::parse(&body) {
        Ok(message) => message,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, &why),
    };
    let stored = tokio::task::spawn_blocking(move || {
        let mut journal = inbox.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let record = journal.append(message, clock::wall_ms())?;
        inbox.announcer.say(&announcement(&record), &record.to_string());
        Ok::<_, JournalError>(record)
    });
    match stored.await {
        Ok(Ok(record)) => {
            // A message that is here already is no error: its sender only did not hear the first answer.
            let status = if record.duplicate_of.is_some() { StatusCode::OK } else { StatusCode::CREATED };
            answer(status, &record)
        }
        Ok(Err(error)) => refuse(error.status(), &error.to_string()),
        Err(error) => {
            refuse(StatusCode::INTERNAL_SERVER_ERROR, &format!("the message could not be stored: {error}"))
        }
    }
}

fn announcement(record: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(record).unwrap_or(Value::Null);
    value["event"] = "received".into();
    value
}

/// Refuses other sites' pages (by `Origin`), and names that were pointed at this address (by `Host`), and tells the
/// browser what the pages of the loopback interface may do.
async fn loopback_only(request: Request, next: Next) -> Response {
    let host = text(request.headers(), &header::HOST).unwrap_or_default();
    if !is_loopback(&format!("http://{host}")) {
        return refuse(
            StatusCode::FORBIDDEN,
            &format!("Host is `{host}`; this inbox answers to loopback names only"),
        );
    }
    let origin = text(request.headers(), &header::ORIGIN);
    if let Some(origin) = &origin
        && !is_loopback(origin)
    {
        return refuse(StatusCode::FORBIDDEN, &format!("pages of `{origin}` may not use this inbox"));
    }
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    if let Some(origin) = origin.and_then(|origin| HeaderValue::try_from(origin).ok()) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Content-Type"));
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    }
    response
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| value.to_str().unwrap_or("").to_owned())
}

fn is_loopback(origin: &str) -> bool {
    match Url::parse(origin).as_ref().map(Url::host) {
        Ok(Some(url::Host::Domain(name))) => name == "localhost",
        Ok(Some(url::Host::Ipv4(address))) => address.is_loopback(),
        Ok(Some(url::Host::Ipv6(address))) => address.is_loopback(),
        _ => false,
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    value.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(text) => (status, [(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn refuse(status: StatusCode, why: &str) -> Response {
    answer(status, &json!({ "error": why }))
}

/// Tells on the standard output what happens. Nobody listening there is no reason to stop serving.
struct Announcer {
    json: bool,
}

impl Announcer {
    fn say(&self, object: &Value, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = if self.json { writeln!(out, "{object}") } else { writeln!(out, "{text}") };
        let _ = out.flush();
    }
}

/// Waits for ctrl-c or SIGTERM.
#[cfg(unix)]
pub(super) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Waits for ctrl-c.
#[cfg(not(unix))]
pub(super) async fn stop_signal() {
    let _ = tokio::signal::ctrl_c().await;
}
