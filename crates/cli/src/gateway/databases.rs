//! The databases of a page's origin, which it shares with the workers: a WebSocket of its own, so that bulk data holds up
//! nothing else, and opened only by pages that use IndexedDB. The first message is a [`Greeting`]; then every message is a
//! question, answered in order, and what happens in between is told (`quickjs/js/src/page/host.ts`).
//!
//! A page that goes away leaves nothing behind: its transactions are aborted and its connections closed.

use super::Gateway;
use super::outbox::Outbox;
use super::protocol::PROTOCOL_VERSION;
use super::socket::{self, Ending, HELLO_DURATION_MAX, Writer};
use axum::extract::ws::{Message, WebSocket};
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use wakeworker_quickjs::PageDatabases;

/// How long a page may say nothing while others may be waiting for its transaction: longer than any page is busy, and
/// short enough that a page in a debugger holds up no sync event for long.
const TRANSACTION_SILENCE_MAX: Duration = Duration::from_secs(60);

/// The first message.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Greeting {
    protocol: u32,
    /// Origin of the top-level document when it differs from the page's (R175).
    top_origin: Option<String>,
}

pub(super) async fn run(gateway: &Gateway, origin: &str, socket: WebSocket) {
    let (mut sink, mut stream) = socket.split();
    let mut shutdown = gateway.shutdown.clone();
    let greeting = tokio::select! {
        greeting = timeout(HELLO_DURATION_MAX, receive_greeting(&mut stream)) => greeting,
        _ = shutdown.wait_for(|stopped| *stopped) => return,
    };
    let greeting = match greeting {
        Ok(Ok(greeting)) if gateway.shared_storage => greeting,
        Ok(Ok(_)) => {
            return socket::close(&mut sink, Ending::Broken("storage is not shared".into())).await;
        }
        Ok(Err(ending)) => return socket::close(&mut sink, ending).await,
        Err(_) => return socket::close(&mut sink, Ending::Broken("no greeting came".into())).await,
    };
    let storage_key = socket::storage_key(origin, greeting.top_origin.as_deref());
    let (outbox, receiver) = Outbox::new();
    let told = outbox.clone();
    let databases =
        Arc::new(gateway.runtime.page_databases(&storage_key, move |notice| told.send_text(notice)));
    let writer = Writer::start(sink, receiver);
    let ending = tokio::select! {
        ending = answer(&databases, &outbox, &mut stream) => ending,
        () = outbox.overflow() => Ending::Slow,
        _ = shutdown.wait_for(|stopped| *stopped) => Ending::Shutdown,
    };
    // Aborting waits for the disk.
    let _ = tokio::task::spawn_blocking(move || drop(databases)).await;
    writer.finish(ending).await;
}

async fn receive_greeting(stream: &mut SplitStream<WebSocket>) -> Result<Greeting, Ending> {
    let text = match stream.next().await {
        Some(Ok(Message::Text(text))) => text,
        None | Some(Ok(Message::Close(_)) | Err(_)) => return Err(Ending::Left),
        Some(Ok(_)) => return Err(Ending::Broken("the first message must be a text".into())),
    };
    match serde_json::from_str::<Greeting>(&text) {
        Ok(greeting) if greeting.protocol == PROTOCOL_VERSION => Ok(greeting),
        Ok(greeting) => Err(Ending::Broken(format!(
            "the page speaks protocol {}, the gateway {PROTOCOL_VERSION}; reload it",
            greeting.protocol
        ))),
        Err(error) => Err(Ending::Broken(format!("the first message is no greeting: {error}"))),
    }
}

/// Answers one question after the other; who asks faster than the disk answers waits.
async fn answer(
    databases: &Arc<PageDatabases>,
    outbox: &Outbox,
    stream: &mut SplitStream<WebSocket>,
) -> Ending {
    loop {
        let question = match timeout(TRANSACTION_SILENCE_MAX, stream.next()).await {
            Ok(Some(Ok(Message::Text(question)))) => question,
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => continue,
            Ok(Some(Ok(Message::Binary(_)))) => return Ending::Broken("a binary message came".into()),
            Ok(None | Some(Ok(Message::Close(_)) | Err(_))) => return Ending::Left,
            Err(_) if databases.has_running_transaction() => {
                return Ending::Broken("its transaction did nothing for a minute".into());
            }
            Err(_) => continue,
        };
        let asked = Arc::clone(databases);
        match tokio::task::spawn_blocking(move || asked.answer(&question)).await {
            Ok(Ok(answer)) => outbox.send_text(answer),
            Ok(Err(problem)) => return Ending::Broken(format!("a question cannot be read: {problem}")),
            Err(error) => return Ending::Broken(format!("a question was not answered: {error}")),
        }
    }
}
