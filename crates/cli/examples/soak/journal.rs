//! The journal outside: an HTTP server that workers report to, with what each page was promised beside it.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// What is known of every tag.
pub(crate) struct Journal {
    port: u16,
    entries: Mutex<HashMap<String, Entry>>,
}

/// One registration.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The process that it was made in.
    pub(crate) host: usize,
    /// When the page was told that it is registered.
    pub(crate) acknowledged: Option<Instant>,
    /// When its event did its work; more than once if the event was fired again afterwards.
    pub(crate) delivered: Vec<Instant>,
    /// Its first event is made to fail; whether that has happened.
    fails_once: Option<bool>,
}

impl Entry {
    /// Whether an event failed because the journal made it fail, before it had done its work.
    pub(crate) fn was_refused(&self, reason: &str) -> bool {
        self.fails_once == Some(true) && reason.ends_with("status 503")
    }
}

impl Journal {
    /// Starts the server on any free port of the loopback interface.
    pub(crate) async fn serve() -> io::Result<Arc<Journal>> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let journal = Arc::new(Journal { port, entries: Mutex::default() });
        let router = Router::new()
            .route("/journal/{tag}", post(deliver))
            .route("/journal/ping", get(|| async { "pong" }))
            .with_state(Arc::clone(&journal));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(journal)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A page is about to register this tag.
    pub(crate) fn expect(&self, tag: &str, host: usize, fails_once: bool) {
        let entry = Entry {
            host,
            acknowledged: None,
            delivered: Vec::new(),
            fails_once: fails_once.then_some(false),
        };
        self.lock().insert(tag.to_owned(), entry);
    }

    /// The page was told that the tag is registered.
    pub(crate) fn acknowledge(&self, tag: &str) {
        if let Some(entry) = self.lock().get_mut(tag) {
            entry.acknowledged = Some(Instant::now());
        }
    }

    /// All entries, as they are now.
    pub(crate) fn entries(&self) -> Vec<(String, Entry)> {
        self.lock().iter().map(|(tag, entry)| (tag.clone(), entry.clone())).collect()
    }

    /// How many registrations were acknowledged, and how many of these have been delivered.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let entries = self.lock();
        let acknowledged = entries.values().filter(|entry| entry.acknowledged.is_some());
        let (mut promised, mut kept) = (0, 0);
        for entry in acknowledged {
            promised += 1;
            kept += usize::from(!entry.delivered.is_empty());
        }
        (promised, kept)
    }

    /// Waits until everything that was promised has been delivered, or the time is over.
    pub(crate) async fn drain(&self, until: Instant) {
        loop {
            let (promised, kept) = self.counts();
            if promised == kept || Instant::now() >= until {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn deliver(State(journal): State<Arc<Journal>>, Path(tag): Path<String>) -> StatusCode {
    let mut entries = journal.lock();
    let Some(entry) = entries.get_mut(&tag) else { return StatusCode::NOT_FOUND };
    if entry.fails_once == Some(false) {
        entry.fails_once = Some(true);
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    entry.delivered.push(Instant::now());
    StatusCode::OK
}
