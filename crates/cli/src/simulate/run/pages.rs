//! Open pages, and what they do.

use super::Simulation;
use super::exchanges::Asker;
use super::host::RunningHost;
use crate::failure::{Failure, with_causes};
use crate::simulate::agenda::Event;
use crate::simulate::draw::Draw;
use crate::simulate::history::{History, VisitSpan};
use crate::simulate::scenario::{App, Scenario, What};
use bytes::Bytes;
use std::collections::BTreeMap;
use url::Url;
use wakeworker::ClientGuard;
use wakeworker::core::{ActiveWorker, FrameType, StorageKey, WorkerId, WorkerRegistrationId};
use wakeworker_quickjs::{FetchEventRequest, FetchEventResult};

/// The pages that are open, and the worker registrations of the apps.
pub(super) struct Pages {
    registrations: Vec<Option<WorkerRegistrationId>>,
    open: BTreeMap<u64, OpenPage>,
    opened_ever: u64,
    /// Requests of pages that their workers have.
    requests: BTreeMap<u64, PageRequest>,
    requested_ever: u64,
}

struct OpenPage {
    app: usize,
    from: u64,
    closes: u64,
    _client: ClientGuard,
}

struct PageRequest {
    app: usize,
    method: String,
    path: String,
    body: Bytes,
}

impl Pages {
    pub(super) fn new(apps: usize) -> Pages {
        Pages {
            registrations: vec![None; apps],
            open: BTreeMap::new(),
            opened_ever: 0,
            requests: BTreeMap::new(),
            requested_ever: 0,
        }
    }

    /// The app that a worker registration belongs to.
    pub(super) fn app_of(&self, registration: WorkerRegistrationId) -> Option<usize> {
        self.registrations.iter().position(|of| *of == Some(registration))
    }

    /// A worker registration is gone.
    pub(super) fn unregistered(&mut self, registration: WorkerRegistrationId) {
        for of in self.registrations.iter_mut().filter(|of| **of == Some(registration)) {
            *of = None;
        }
    }

    /// A worker registration was made.
    pub(super) fn registered(&mut self, app: usize, registration: WorkerRegistrationId) {
        self.registrations[app] = Some(registration);
    }

    /// Opens a page. The first one of an app without script registers its worker; a real worker is registered by each.
    pub(super) fn open(
        &mut self,
        host: &mut RunningHost,
        now: u64,
        app: usize,
        closes: u64,
        scenario: &Scenario,
    ) -> Result<u64, Failure> {
        let plan = &scenario.apps[app];
        let key = StorageKey::first_party(&plan.origin);
        let client = host.handle.open_client(key.clone(), FrameType::TopLevel);
        self.opened_ever += 1;
        match (&plan.worker, &host.script) {
            (Some(worker), Some(script)) => {
                let active = active_worker(&script.runtime, plan);
                script.clients.open(key, client_name(self.opened_ever), active);
                script.register(app, plan, &worker.script);
            }
            _ if self.registrations[app].is_none() => {
                let origin = &plan.origin;
                let pending =
                    host.handle.add_worker_registration(key, format!("{origin}/"), format!("{origin}/sw.js"));
                host.turn(now);
                let registration = pending.wait().map_err(|e| engine_failure(&e))?;
                let worker = ActiveWorker { id: WorkerId(app as u64 + 1), activated: true };
                host.handle.set_active_worker(registration, Some(worker), None);
                self.registrations[app] = Some(registration);
            }
            _ => {}
        }
        self.open.insert(self.opened_ever, OpenPage { app, from: now, closes, _client: client });
        Ok(self.opened_ever)
    }

    /// Closes a page, if it is open.
    pub(super) fn close(
        &mut self,
        number: u64,
        now: u64,
        host: Option<&RunningHost>,
        scenario: &Scenario,
        history: &mut History,
    ) {
        let Some(page) = self.open.remove(&number) else { return };
        history.visits.push(VisitSpan { app: page.app, from: page.from, to: now });
        if let Some(script) = host.and_then(|host| host.script.as_ref()) {
            script.clients.close(&client_name(number));
            script.runtime.clients_changed(&StorageKey::first_party(&scenario.apps[page.app].origin));
        }
    }

    /// Closes all pages: the device goes off, or the run ends.
    pub(super) fn close_all(&mut self, now: u64, scenario: &Scenario, history: &mut History) {
        let pages: Vec<_> = self.open.keys().copied().collect();
        for page in pages {
            self.close(page, now, None, scenario, history);
        }
        self.requests.clear();
    }
}

impl Simulation<'_> {
    /// A visit begins, unless the device is off.
    pub(super) fn open_page(&mut self, visit: usize, closes: u64) -> Result<(), Failure> {
        let visit_plan = &self.scenario.visits[visit];
        let app = visit_plan.app;
        let Some(host) = self.host.as_mut() else {
            self.recorder.history.visits_missed += 1;
            return Ok(());
        };
        let page = self.pages.open(host, self.now, app, closes, self.scenario)?;
        self.recorder.page_opened(self.now, app);
        self.agenda.note(closes, Event::VisitEnds { page });
        let draw = self.draw.named("act").with(visit as u64).with(self.now);
        for (index, action) in visit_plan.actions.iter().enumerate() {
            let draw = draw.with(index as u64);
            let mut at = self.now.saturating_add(action.after.draw(draw.named("after")));
            for n in 0..action.times {
                // A page that is closed does nothing any more.
                if at >= closes {
                    break;
                }
                self.agenda.note(at, Event::Act { page, app, what: action.what.clone() });
                at = at.saturating_add(action.every.draw(draw.named("every").with(u64::from(n))));
            }
        }
        Ok(())
    }

    /// A page does something, if it is still there.
    pub(super) fn act(&mut self, page: u64, app: usize, what: &What) -> Result<(), Failure> {
        let Some(closes) = self.pages.open.get(&page).map(|page| page.closes) else { return Ok(()) };
        let now = self.now;
        match what {
            What::Sync { tag, options } => {
                let Some((host, registration)) = self.registration(app) else { return Ok(()) };
                let pending = host.handle.sync_manager(registration).register_with(tag.clone(), *options);
                host.turn(now);
                match pending.wait() {
                    Ok(()) => self.recorder.registered(now, app, tag, closes),
                    Err(error) => self.recorder.refused(now, app, tag, &error),
                }
            }
            What::Periodic { tag, options } => {
                let Some((host, registration)) = self.registration(app) else { return Ok(()) };
                let pending = host.handle.periodic_sync_manager(registration).register(tag.clone(), *options);
                host.turn(now);
                if let Err(error) = pending.wait() {
                    self.recorder.refused(now, app, tag, &error);
                }
            }
            What::UnregisterPeriodic { tag } => {
                let Some((host, registration)) = self.registration(app) else { return Ok(()) };
                let pending = host.handle.periodic_sync_manager(registration).unregister(tag.clone());
                host.turn(now);
                if let Err(error) = pending.wait() {
                    self.recorder.refused(now, app, tag, &error);
                }
            }
            What::Request { method, path, body } => {
                self.request(page, app, method, path, body.as_deref(), closes);
            }
        }
        Ok(())
    }

    /// The host and the app's worker registration. A page whose worker could not be registered can do nothing, which
    /// the timeline says.
    fn registration(&mut self, app: usize) -> Option<(&mut RunningHost, WorkerRegistrationId)> {
        let registration = self.pages.registrations[app];
        if registration.is_none() {
            let text = "nothing can be registered: the page has no worker yet";
            self.recorder.history.line(self.now, Some(app), "refused", text);
        }
        Some((self.host.as_mut()?, registration?))
    }

    fn request(&mut self, page: u64, app: usize, method: &str, path: &str, body: Option<&str>, closes: u64) {
        let plan = &self.scenario.apps[app];
        self.pages.requested_ever += 1;
        let number = self.pages.requested_ever;
        let draw = self.draw.named("body").named(&plan.name).with(number);
        let body = Bytes::from(fill_in(body.unwrap_or_default(), number, self.wall_ms(), draw));
        let name = format!("{method} {path}");
        if method != "GET" {
            self.recorder.requested(self.now, app, &name, &body, closes);
        }
        self.recorder.history.line(self.now, Some(app), "page", format!("the page asks: {name}"));
        let mut headers = Vec::new();
        if !body.is_empty() {
            let mime = if body.starts_with(b"{") { "application/json" } else { "text/plain" };
            headers.push(("content-type".to_owned(), mime.to_owned()));
        }
        let event = FetchEventRequest {
            method: method.to_owned(),
            url: format!("{}{path}", plan.origin),
            headers,
            mode: "cors".to_owned(),
            credentials: "same-origin".to_owned(),
            redirect: "follow".to_owned(),
            client_id: client_name(page),
            body: body.clone().into(),
            ..FetchEventRequest::default()
        };
        let taken = self
            .host
            .as_ref()
            .and_then(|host| host.script.as_ref())
            .is_some_and(|script| script.request(plan, &client_name(page), number, event));
        if taken {
            let request = PageRequest { app, method: method.to_owned(), path: path.to_owned(), body };
            self.pages.requests.insert(number, request);
        } else {
            self.begin_exchange(app, method, path, body, Asker::Page);
        }
    }

    /// A worker's word on a page's request.
    pub(super) fn page_answered(&mut self, number: u64, result: FetchEventResult) {
        let Some(request) = self.pages.requests.remove(&number) else { return };
        let PageRequest { app, method, path, body } = request;
        let (kind, said) = match result {
            FetchEventResult::NotHandled { .. } => {
                return self.begin_exchange(app, &method, &path, body, Asker::Page);
            }
            FetchEventResult::Response { status, .. } => {
                (if status < 400 { "page" } else { "request-failed" }, status.to_string())
            }
            // The reason is the worker's affair; its console has it.
            FetchEventResult::NetworkError(_) => ("request-failed", "a network error".to_owned()),
        };
        let text = format!("the page gets for {method} {path}: {said}");
        self.recorder.history.line(self.now, Some(app), kind, text);
    }

    fn wall_ms(&self) -> i64 {
        self.scenario.start_ms.saturating_add_unsigned(self.now)
    }
}

/// `{n}`, `{now}` and `{id}` in a body stand for the number of the request, the time in milliseconds and a UUID.
fn fill_in(body: &str, number: u64, wall_ms: i64, draw: Draw) -> String {
    let id = uuid::Builder::from_random_bytes(
        (u128::from(draw.bits()) << 64 | u128::from(draw.with(1).bits())).to_be_bytes(),
    );
    body.replace("{n}", &number.to_string())
        .replace("{now}", &wall_ms.to_string())
        .replace("{id}", &id.into_uuid().to_string())
}

fn active_worker(runtime: &wakeworker_quickjs::Runtime, app: &App) -> Option<WorkerId> {
    let key = StorageKey::first_party(&app.origin);
    let url = Url::parse(&app.origin).ok()?;
    Some(runtime.match_registration(&key, &url)?.active?.id)
}

fn client_name(page: u64) -> String {
    format!("page-{page}")
}

fn engine_failure(error: &dyn std::error::Error) -> Failure {
    Failure::new(format!("the engine refused what it should take: {}", with_causes(error)))
}
