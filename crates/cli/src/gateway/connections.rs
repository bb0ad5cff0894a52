//! The connections of the gateway: how many there may be, and how long each may take to say what it wants.
//!
//! Every page that a browser shows may open connections to this machine, and nothing about a connection can be checked
//! before its first request has come. So those who say nothing, or say it a byte at a time, are cut off soon.

use crate::output;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// Connections at one time, of all listeners together; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 512;
/// How long the head of a request may take, and how long a connection may be silent between two requests.
const HEAD_DURATION_MAX: Duration = Duration::from_secs(20);
/// The longest head of a request.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How long no connection is accepted after the system could not give one: it lacks something that others hold.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Room for connections. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    room: Arc<Semaphore>,
}

impl Connections {
    /// Room for as many as there may be.
    pub(crate) fn new() -> Connections {
        Connections { room: Arc::new(Semaphore::new(CONNECTIONS_MAX)) }
    }

    /// Answers the requests that come to a listener until `stopped` becomes true and all connections have ended.
    pub(crate) async fn serve(
        self,
        listener: TcpListener,
        router: Router,
        mut stopped: watch::Receiver<bool>,
    ) {
        let mut open = JoinSet::new();
        loop {
            while open.try_join_next().is_some() {}
            let accepted = tokio::select! {
                accepted = self.accept(&listener) => accepted,
                _ = stopped.wait_for(|stopped| *stopped) => break,
            };
            if let Some((stream, place)) = accepted {
                open.spawn(converse(stream, router.clone(), stopped.clone(), place));
            }
        }
        while open.join_next().await.is_some() {}
    }

    /// The next connection, once there is room for it.
    async fn accept(&self, listener: &TcpListener) -> Option<(TcpStream, OwnedSemaphorePermit)> {
        // The room is never closed.
        let place = Arc::clone(&self.room).acquire_owned().await.ok()?;
        match listener.accept().await {
            Ok((stream, _)) => Some((stream, place)),
            Err(error) => {
                output::warning(format!("a connection could not be accepted: {error}"));
                tokio::time::sleep(ACCEPT_PAUSE).await;
                None
            }
        }
    }
}

async fn converse(
    stream: TcpStream,
    router: Router,
    mut stopped: watch::Receiver<bool>,
    place: OwnedSemaphorePermit,
) {
    // Answers are small and somebody waits for each.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DURATION_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    tokio::pin!(connection);
    let told_to_stop = async move { drop(stopped.wait_for(|stopped| *stopped).await) };
    // What a client does to its own connection is its own matter.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = told_to_stop => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.as_mut().await;
        }
    }
    drop(place);
}
