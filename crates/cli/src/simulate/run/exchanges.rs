//! Requests of workers and pages, and how the scenario's servers answer them.

use super::Simulation;
use crate::simulate::agenda::Event;
use crate::simulate::draw::Draw;
use crate::simulate::scenario::{App, Server};
use crate::simulate::script::{Responder, head, read_file};
use bytes::Bytes;
use std::collections::BTreeMap;
use wakeworker_quickjs::FetchRequest;

/// The exchanges that are under way.
#[derive(Default)]
pub(super) struct Exchanges {
    running: BTreeMap<u64, Exchange>,
    begun: u64,
    /// Requests to each app so far, which name the questions to chance.
    asked: Vec<u64>,
}

struct Exchange {
    app: usize,
    /// For the timeline, such as `POST /inbox`.
    name: String,
    body: Bytes,
    asker: Asker,
    answer: Answer,
}

/// Who asks.
pub(super) enum Asker {
    Worker(Responder),
    /// A page, past its worker.
    Page,
}

/// What the server, or the lack of one, comes to.
enum Answer {
    Response { status: u16, mime: String, body: Bytes },
    Error(&'static str),
}

impl Exchanges {
    /// The host is gone, and everybody who asked with it.
    pub(super) fn clear(&mut self) {
        self.running.clear();
    }
}

impl Simulation<'_> {
    /// A worker asks a server for something.
    pub(super) fn fetch(&mut self, request: &FetchRequest, body: Bytes, responder: Responder) {
        let origin = request.url.origin().ascii_serialization();
        let app = self.scenario.apps.iter().position(|app| app.origin == origin);
        let Some(app) = app else {
            let message = format!("no app of the scenario has the origin {origin}");
            return responder.sink.error(message);
        };
        let path = match request.url.query() {
            Some(query) => format!("{}?{query}", request.url.path()),
            None => request.url.path().to_owned(),
        };
        self.begin_exchange(app, &request.method, &path, body, Asker::Worker(responder));
    }

    /// Begins an exchange with the server of an app.
    pub(super) fn begin_exchange(&mut self, app: usize, method: &str, path: &str, body: Bytes, asker: Asker) {
        self.exchanges.asked.resize(self.scenario.apps.len(), 0);
        self.exchanges.asked[app] += 1;
        let plan = &self.scenario.apps[app];
        let draw = self.draw.named("request").named(&plan.name).with(self.exchanges.asked[app]);
        let (answer, takes) = if self.world.connection().is_online() {
            answer(plan, self.world.server(app), method, path, draw)
        } else {
            (Answer::Error("there is no network"), Some(0))
        };
        self.exchanges.begun += 1;
        let number = self.exchanges.begun;
        let exchange = Exchange { app, name: format!("{method} {path}"), body, asker, answer };
        self.exchanges.running.insert(number, exchange);
        if let Some(takes) = takes {
            self.agenda.note(self.now.saturating_add(takes), Event::ExchangeEnds(number));
        }
    }

    /// An exchange ends as was decided at its beginning.
    pub(super) fn end_exchange(&mut self, number: u64) {
        if let Some(exchange) = self.exchanges.running.remove(&number) {
            self.finish(exchange);
        }
    }

    /// The network went away, and with it all exchanges.
    pub(super) fn break_exchanges(&mut self) {
        for (_, mut exchange) in std::mem::take(&mut self.exchanges.running) {
            exchange.answer = Answer::Error("the network went away");
            self.finish(exchange);
        }
    }

    fn finish(&mut self, exchange: Exchange) {
        let Exchange { app, name, body, asker, answer } = exchange;
        let who = match &asker {
            Asker::Worker(responder) if responder.is_aborted() => return,
            Asker::Worker(_) => "the worker's",
            Asker::Page => "the page's",
        };
        let (kind, said) = match &answer {
            Answer::Response { status, .. } if *status < 400 => ("request", status.to_string()),
            Answer::Response { status, .. } => ("request-failed", status.to_string()),
            Answer::Error(why) => ("request-failed", (*why).to_owned()),
        };
        let done = kind == "request" && self.recorder.delivered(self.now, app, &name, &body);
        let arrived = if done { ", arrived" } else { "" };
        let kind = if done { "delivered" } else { kind };
        self.recorder.history.line(self.now, Some(app), kind, format!("{who} {name}: {said}{arrived}"));
        if let Asker::Worker(mut responder) = asker {
            match answer {
                Answer::Error(why) => responder.sink.error(why.to_owned()),
                Answer::Response { status, mime, body } => {
                    responder.sink.head(head(status, &mime));
                    responder.sink.chunk(body);
                    responder.sink.end();
                }
            }
        }
    }
}

fn answer(app: &App, server: Server, method: &str, path: &str, draw: Draw) -> (Answer, Option<u64>) {
    let takes = Some(app.takes.draw(draw.named("takes")));
    let luck = draw.named("luck");
    if luck.chance(app.hang) {
        return (Answer::Error("no answer"), None);
    }
    let response =
        |status, mime: &str, body: Bytes| (Answer::Response { status, mime: mime.to_owned(), body }, takes);
    match server {
        Server::Down => return (Answer::Error("the server cannot be reached"), takes),
        Server::Broken => return response(500, "text/plain", Bytes::new()),
        Server::Up if luck.chance(app.hang + app.fail) => return response(500, "text/plain", Bytes::new()),
        Server::Up => {}
    }
    let bare = path.split('?').next().unwrap_or(path);
    if let Some((_, body)) = app.answers.iter().find(|(at, _)| at == bare) {
        let mime = if body.trim_start().starts_with(['{', '[']) { "application/json" } else { "text/plain" };
        return response(200, mime, Bytes::from(body.clone()));
    }
    if !matches!(method, "GET" | "HEAD") {
        return response(201, "application/json", Bytes::from_static(b"{}"));
    }
    match app.worker.as_ref().and_then(|files| read_file(files, bare)) {
        Some((mime, body)) => response(200, &mime, body),
        None => response(404, "text/plain", Bytes::new()),
    }
}
