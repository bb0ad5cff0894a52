//! The WebSocket of a page: from its `Hello` to the end of its connection it is a window client. With the query
//! `databases` it is the page's way to the databases of its origin instead; a policy of the page that allows the one
//! address allows both.

use super::calls::Caller;
use super::databases;
use super::host_check::require_same_origin;
use super::outbox::{Outbox, OutboxReceiver};
use super::page_ports::PagePorts;
use super::pages::Arrival;
use super::protocol::{Hello, PROTOCOL_VERSION, PageFrameType, PageMessage};
use super::rate::RateLimit;
use super::{Gateway, OwnOrigin, refuse};
use crate::{clock, output};
use axum::Extension;
use axum::body::Body;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Response};
use axum::response::IntoResponse;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use url::Url;
use wakeworker_core::{FrameType, StorageKey, WorkerId};
use wakeworker_quickjs::{MessageSource, PostedMessage};

/// The largest message that a page may send.
const MESSAGE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Pages that one origin may have open, so that those of the others find a connection.
const PAGES_PER_ORIGIN_MAX: usize = 128;
/// The longest name of a top-level site.
const TOP_ORIGIN_BYTES_MAX: usize = 1_024;
/// How long a connection may exist without introducing itself.
pub(super) const HELLO_DURATION_MAX: Duration = Duration::from_secs(10);
/// How long saying goodbye may take.
const CLOSE_DURATION_MAX: Duration = Duration::from_secs(1);

/// Turns a request into a page's connection.
pub(crate) async fn serve(
    State(gateway): State<Arc<Gateway>>,
    Extension(OwnOrigin(origin)): Extension<OwnOrigin>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response<Body> {
    if let Err(refusal) = require_same_origin(&headers, &origin) {
        return refuse(&refusal);
    }
    upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| async move {
            if query.as_deref() == Some("databases") {
                databases::run(&gateway, &origin, socket).await;
            } else {
                run(&gateway, &origin, socket).await;
            }
        })
        .into_response()
}

/// Why the gateway ends a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The page left.
    Left,
    /// The gateway is being stopped.
    Shutdown,
    /// The page broke the protocol.
    Broken(String),
    /// The page says too much.
    Flood,
    /// The page does not read.
    Slow,
    /// Too many pages of its origin are open.
    Crowded,
}

async fn run(gateway: &Gateway, origin: &str, socket: WebSocket) {
    let (mut sink, mut stream) = socket.split();
    let mut shutdown = gateway.shutdown.clone();
    let hello = tokio::select! {
        hello = tokio::time::timeout(HELLO_DURATION_MAX, receive_hello(&mut stream, origin)) => hello,
        _ = shutdown.wait_for(|stopped| *stopped) => return,
    };
    let (hello, url) = match hello {
        Ok(Ok(accepted)) => accepted,
        Ok(Err(ending)) => return close(&mut sink, ending).await,
        Err(_) => return close(&mut sink, Ending::Broken("no hello came".into())).await,
    };
    if gateway.pages.count_of(origin) >= PAGES_PER_ORIGIN_MAX {
        return close(&mut sink, Ending::Crowded).await;
    }
    let storage_key = storage_key(origin, hello.top_origin.as_deref());
    let (outbox, receiver) = Outbox::new();
    // Open before the first question can be asked: it may be the one that needs a window (R18).
    let guard = gateway.host.open_client(storage_key.clone(), frame_type(hello.frame_type));
    let ports = PagePorts::new(&gateway.runtime, outbox.clone());
    let arrival = Arrival { guard, outbox: outbox.clone(), ports: ports.clone() };
    let page =
        gateway.pages.open(&hello, &storage_key, arrival, || gateway.runtime.registrations(&storage_key));
    gateway.runtime.clients_changed(&storage_key);
    let writer = Writer::start(sink, receiver);
    let caller = Caller { storage_key, url, outbox };
    let ending = tokio::select! {
        ending = read(gateway, &page.id, &caller, &ports, &mut stream) => ending,
        () = caller.outbox.overflow() => Ending::Slow,
        _ = shutdown.wait_for(|stopped| *stopped) => Ending::Shutdown,
    };
    gateway.pages.close(&page);
    ports.end();
    gateway.runtime.clients_changed(&caller.storage_key);
    writer.finish(ending).await;
}

/// The task that sends to one page.
pub(super) struct Writer {
    task: JoinHandle<()>,
    end: oneshot::Sender<Ending>,
}

impl Writer {
    pub(super) fn start(sink: SplitSink<WebSocket, Message>, receiver: OutboxReceiver) -> Writer {
        let (end, ended) = oneshot::channel();
        Writer { task: tokio::spawn(write(sink, receiver, ended)), end }
    }

    /// Ends the connection.
    pub(super) async fn finish(mut self, ending: Ending) {
        if let Ending::Broken(problem) = &ending {
            output::warning(format!("a page was disconnected: {problem}"));
        }
        // A writer that has ended has no use for a reason; one that is stuck in a connection that nobody reads is given up.
        let _ = self.end.send(ending);
        if tokio::time::timeout(CLOSE_DURATION_MAX, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

async fn receive_hello(stream: &mut SplitStream<WebSocket>, origin: &str) -> Result<(Hello, Url), Ending> {
    let broken = |problem: String| Err(Ending::Broken(problem));
    let text = match stream.next().await {
        Some(Ok(Message::Text(text))) => text,
        None | Some(Ok(Message::Close(_)) | Err(_)) => return Err(Ending::Left),
        Some(Ok(_)) => return broken("the first message must be a text".into()),
    };
    let hello = match serde_json::from_str(&text) {
        Ok(PageMessage::Hello(hello)) => hello,
        Ok(_) => return broken("the first message must be a hello".into()),
        Err(error) => return broken(format!("the first message is not a hello: {error}")),
    };
    if hello.protocol != PROTOCOL_VERSION {
        return broken(format!(
            "the page speaks protocol {}, the gateway {PROTOCOL_VERSION}; reload it",
            hello.protocol
        ));
    }
    if hello.top_origin.as_ref().is_some_and(|top| top.len() > TOP_ORIGIN_BYTES_MAX) {
        return broken(format!("the top-level origin is longer than {TOP_ORIGIN_BYTES_MAX} bytes"));
    }
    match Url::parse(&hello.url) {
        Ok(url) if url.origin().ascii_serialization() == origin => Ok((hello, url)),
        _ => broken(format!("the page's URL `{}` is not of {origin}", output::shortened(&hello.url, 200))),
    }
}

async fn read(
    gateway: &Gateway,
    id: &str,
    caller: &Caller,
    ports: &PagePorts,
    stream: &mut SplitStream<WebSocket>,
) -> Ending {
    let mut rate = RateLimit::of_page_messages(clock::now());
    loop {
        let text = match stream.next().await {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(Message::Binary(_))) => return Ending::Broken("a binary message came".into()),
            None | Some(Ok(Message::Close(_)) | Err(_)) => return Ending::Left,
        };
        if !rate.allow(clock::now()) {
            return Ending::Flood;
        }
        match serde_json::from_str(&text) {
            Ok(PageMessage::Call { id, method }) => gateway.call(caller, id, method),
            Ok(PageMessage::PostMessage { worker, data, ports: drawn }) => match ports.posted(data, &drawn) {
                Ok(message) => gateway.post_message(caller, id, worker, message),
                Err(problem) => return Ending::Broken(problem),
            },
            Ok(PageMessage::PortMessage { port, data, ports: drawn }) => {
                if let Err(problem) = ports.post(port, data, &drawn) {
                    return Ending::Broken(problem);
                }
            }
            Ok(PageMessage::PortClosed { port }) => ports.close(port),
            Ok(PageMessage::Broadcasts { hears }) => gateway.pages.set_hears_broadcasts(id, hears),
            Ok(PageMessage::Broadcast { name, data }) => {
                gateway.runtime.broadcast(&caller.storage_key, &name, &data);
            }
            Ok(PageMessage::Client { url, visibility_state, focused }) => {
                gateway.pages.changed(id, &url, visibility_state, focused);
            }
            Ok(PageMessage::Hello(_)) => return Ending::Broken("a second hello came".into()),
            Err(error) => return Ending::Broken(format!("a message cannot be read: {error}")),
        }
    }
}

impl Gateway {
    /// Hands a page's message to a worker of its storage key; other workers do not exist for it (R35).
    fn post_message(&self, caller: &Caller, page: &str, worker: u64, message: PostedMessage) {
        let worker = WorkerId(worker);
        let registrations = self.runtime.registrations(&caller.storage_key);
        let exists = registrations
            .iter()
            .flat_map(|r| [&r.installing, &r.waiting, &r.active])
            .flatten()
            .any(|known| known.id == worker);
        if let Some(info) = self.pages.info(page).filter(|_| exists) {
            self.runtime.post_message(worker, message, MessageSource::Client(info));
        }
    }
}

/// Sends what is queued, until the connection ends. What is still queued then belongs to a page that will ask again.
async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    mut receiver: OutboxReceiver,
    mut ended: oneshot::Receiver<Ending>,
) {
    loop {
        let text = tokio::select! {
            biased;
            ending = &mut ended => return close(&mut sink, ending.unwrap_or(Ending::Left)).await,
            text = receiver.recv() => text,
        };
        let Some(text) = text else { return };
        if sink.send(Message::Text(text.into())).await.is_err() {
            return;
        }
    }
}

pub(super) async fn close(sink: &mut SplitSink<WebSocket, Message>, ending: Ending) {
    let (code, reason) = match ending {
        Ending::Left => return,
        Ending::Shutdown => (close_code::RESTART, "the gateway is being stopped".to_owned()),
        Ending::Broken(problem) => (close_code::POLICY, problem),
        Ending::Flood => (close_code::POLICY, "too many messages".into()),
        Ending::Crowded => (close_code::POLICY, "too many open pages".into()),
        Ending::Slow => (close_code::POLICY, "too many unread messages".into()),
    };
    // The protocol allows 123 bytes.
    let reason = output::shortened(&reason, 30).into();
    let farewell = sink.send(Message::Close(Some(CloseFrame { code, reason })));
    // Whether the page hears it makes no difference.
    let _ = tokio::time::timeout(CLOSE_DURATION_MAX, farewell).await;
}

fn frame_type(frame: PageFrameType) -> FrameType {
    match frame {
        PageFrameType::TopLevel => FrameType::TopLevel,
        PageFrameType::Auxiliary => FrameType::Auxiliary,
        PageFrameType::Nested => FrameType::Nested,
    }
}

/// A frame inside another site's page has data of its own (R175).
pub(super) fn storage_key(origin: &str, top_origin: Option<&str>) -> StorageKey {
    match top_origin {
        Some(top) if top != origin => StorageKey::from(format!("{origin}^{top}").as_str()),
        _ => StorageKey::first_party(origin),
    }
}
