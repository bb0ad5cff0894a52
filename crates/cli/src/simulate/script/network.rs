//! The workers' way to the servers.

use super::files::read_file;
use super::{Mail, Mailbox, Responder};
use crate::simulate::scenario::{Scenario, Server, WorkerFiles};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use wakeworker_quickjs::{AbortHandle, FetchRequest, Fetcher, RequestBody, ResponseHead, ResponseSink};

/// Hands requests to the simulation, except those for scripts: threads of the runtime wait for these, so they are
/// answered at once.
pub(super) struct SimulatedNetwork {
    pub(super) mail: Mailbox,
    pub(super) scripts: Arc<Scripts>,
}

/// Where scripts come from, as the world is now.
pub(crate) struct Scripts {
    sites: Mutex<Vec<Site>>,
    online: AtomicBool,
}

struct Site {
    origin: String,
    files: Option<WorkerFiles>,
    server: Server,
}

impl Scripts {
    pub(super) fn of(scenario: &Scenario) -> Scripts {
        let sites = scenario.apps.iter().map(|app| Site {
            origin: app.origin.clone(),
            files: app.worker.clone(),
            server: Server::Up,
        });
        Scripts { sites: Mutex::new(sites.collect()), online: AtomicBool::new(true) }
    }

    /// The world is another one now.
    pub(crate) fn set_world(&self, online: bool, server: impl Fn(usize) -> Server) {
        self.online.store(online, Ordering::Release);
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        for (app, site) in sites.iter_mut().enumerate() {
            site.server = server(app);
        }
    }

    fn give(&self, request: &FetchRequest, mut sink: ResponseSink) {
        if !self.online.load(Ordering::Acquire) {
            return sink.error("there is no network".to_owned());
        }
        let origin = request.url.origin().ascii_serialization();
        let sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(site) = sites.iter().find(|site| site.origin == origin) else {
            return sink.error(format!("no app of the scenario has the origin {origin}"));
        };
        let file = site.files.as_ref().and_then(|files| read_file(files, request.url.path()));
        match (site.server, file) {
            (Server::Down, _) => return sink.error("the server cannot be reached".to_owned()),
            (Server::Broken, _) => sink.head(head(500, "text/plain")),
            (Server::Up, None) => sink.head(head(404, "text/plain")),
            (Server::Up, Some((mime, body))) => {
                sink.head(head(200, &mime));
                sink.chunk(body);
            }
        }
        sink.end();
    }
}

impl Fetcher for SimulatedNetwork {
    fn fetch(&self, request: FetchRequest, sink: ResponseSink) -> AbortHandle {
        if matches!(request.destination, "script" | "serviceworker") {
            self.scripts.give(&request, sink);
            return AbortHandle::ended();
        }
        let aborted = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&aborted);
        let (request, body) = take_body(request);
        let mail = self.mail.clone();
        body.collect_then(BODY_BYTES_MAX, move |body| match body {
            Ok(body) => mail.put(Mail::Fetch(request, body, Responder { sink, aborted })),
            Err(problem) => sink.error(format!("the request's body broke off: {problem}")),
        });
        AbortHandle::new(move || flag.store(true, Ordering::Release))
    }
}

fn take_body(mut request: FetchRequest) -> (FetchRequest, RequestBody) {
    let body = std::mem::take(&mut request.body);
    (request, body)
}

/// What a simulated server takes; the runtime's own limit for whole bodies is the same.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The head of a response with one header.
pub(crate) fn head(status: u16, mime: &str) -> ResponseHead {
    let headers = vec![("content-type".to_owned(), mime.to_owned())];
    ResponseHead { status, status_text: String::new(), headers }
}
