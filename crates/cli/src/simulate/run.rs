//! Runs a scenario: the real engine and driver on a clock that jumps from one thing that happens to the next.

mod exchanges;
mod host;
mod pages;

use super::agenda::{Agenda, Event};
use super::draw::Draw;
use super::history::{self, History, Wake};
use super::recorder::Recorder;
use super::scenario::{Device, Scenario, Server};
use super::script::{Mail, ScriptHost};
use super::workers::RunningEvents;
use super::world::World;
use crate::failure::Failure;
use exchanges::Exchanges;
use host::RunningHost;
use pages::Pages;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tempfile::TempDir;
use wakeworker::core::{
    Activity, ActivityEvent, AttemptId, Connection, Dispatch, Monotonic, Now, StorageKey, SyncKind, Tag,
    Timestamp, WakeupReason, WorkerId,
};
use wakeworker::store::{ActivityLimits, MemoryStore};
use wakeworker::{DispatchDone, ManualClock, WorkerBackend};
use wakeworker_quickjs::RuntimeStorage;

/// A run under way.
pub(crate) struct Simulation<'a> {
    scenario: &'a Scenario,
    draw: Draw,
    clock: ManualClock,
    /// Milliseconds since the start.
    now: u64,
    agenda: Agenda,
    world: World,
    store: MemoryStore,
    host: Option<RunningHost>,
    pages: Pages,
    running: RunningEvents,
    exchanges: Exchanges,
    /// Events for real workers, which get one after the other.
    for_scripts: VecDeque<(Dispatch, DispatchDone)>,
    /// Where the runtime keeps its data, if it must survive the host.
    profile: Option<TempDir>,
    recorder: Recorder,
    /// How many events each entry has had, which names the questions to chance.
    dispatched: HashMap<(usize, SyncKind, Tag), u64>,
}

/// Events at one moment; more mean that time does not go on.
const ROUNDS_MAX: u32 = 100_000;

impl<'a> Simulation<'a> {
    /// Plans the run.
    pub(crate) fn new(scenario: &'a Scenario) -> Result<Simulation<'a>, Failure> {
        let draw = Draw::new(scenario.seed);
        let agenda = Agenda::of(scenario, draw).map_err(Failure::new)?;
        // Without restarts the workers' data need no disk.
        let profile =
            match scenario.device.is_empty() {
                true => None,
                false => Some(TempDir::new().map_err(|e| {
                    Failure::new(format!("a folder for the workers' data cannot be made: {e}"))
                })?),
            };
        let start = Now { wall: Timestamp(scenario.start_ms), mono: Monotonic(0) };
        Ok(Simulation {
            scenario,
            draw,
            clock: ManualClock::new(start),
            now: 0,
            agenda,
            world: World::new(scenario.apps.len(), draw.named("world")),
            // Nobody reads the log of this profile.
            store: MemoryStore::new()
                .with_installation_seed(draw.named("installation").bits())
                .with_activity_limits(ActivityLimits::new(1, 1)),
            host: None,
            pages: Pages::new(scenario.apps.len()),
            running: RunningEvents::default(),
            exchanges: Exchanges::default(),
            for_scripts: VecDeque::new(),
            profile,
            recorder: Recorder::default(),
            dispatched: HashMap::new(),
        })
    }

    /// Runs to the end.
    pub(crate) fn run(mut self) -> Result<History, Failure> {
        let aside = self.begin()?;
        for event in aside {
            self.happen(event)?;
        }
        // Whatever reaches the host lets the engine look at the clock; what happens elsewhere does not.
        let mut woken = true;
        loop {
            if std::mem::take(&mut woken) {
                self.settle()?;
            }
            while let Some(event) = self.agenda.pop(self.now) {
                let elsewhere = matches!(event, Event::Server(_));
                self.happen(event)?;
                if !elsewhere {
                    self.settle()?;
                }
            }
            let engine = self.host.as_ref().and_then(|host| host.due);
            let inside = self.host.as_ref().and_then(|host| host.next_due(self.now));
            let Some(next) = self.agenda.next_at().into_iter().chain(inside).min() else { break };
            if next >= self.scenario.duration_ms {
                break;
            }
            if engine.is_some_and(|due| due <= next) && self.agenda.next_at() != Some(next) {
                self.note_wakeup(next)?;
            }
            woken = inside == Some(next);
            self.clock.advance_ms(next - self.now);
            self.now = next;
            while self.wake_script() {
                self.settle()?;
            }
        }
        self.end()
    }

    /// Brings the world into the state in which the run begins. What else happens at its first moment is given back.
    fn begin(&mut self) -> Result<Vec<Event>, Failure> {
        let mut aside = Vec::new();
        let mut on = true;
        while let Some(event) = self.agenda.pop(0) {
            match event {
                Event::Network(link) => self.world.set_link(0, link, &mut self.agenda),
                Event::Power(power) => self.world.power.set(power),
                Event::Server(turn) => self.world.set_server(turn),
                Event::Device(device) => on = device == Device::On,
                other => aside.push(other),
            }
        }
        self.world.record(0, &mut self.recorder.history);
        history::turn(&mut self.recorder.history.device, 0, on);
        if on {
            self.switch_on()?;
        }
        Ok(aside)
    }

    fn end(mut self) -> Result<History, Failure> {
        let end = self.scenario.duration_ms;
        self.pages.close_all(end, self.scenario, &mut self.recorder.history);
        if let Some(host) = self.host.take() {
            host.shut_down()?;
        }
        Ok(self.recorder.history)
    }

    fn happen(&mut self, event: Event) -> Result<(), Failure> {
        let now = self.now;
        match event {
            Event::Network(link) => {
                let before = self.world.connection();
                self.world.set_link(now, link, &mut self.agenda);
                self.network_turned(before, link.flaky.is_some());
            }
            Event::Flap { stretch, online } => {
                let before = self.world.connection();
                if self.world.flap(now, stretch, online, &mut self.agenda) {
                    self.network_turned(before, false);
                }
            }
            Event::Power(power) => {
                if self.world.power.power() != power {
                    self.world.power.set(power);
                    self.recorder.power(now, power);
                }
            }
            Event::Device(Device::On) => self.switch_on()?,
            Event::Device(device) => self.switch_off(device)?,
            Event::Server(turn) => {
                let before: Vec<Server> =
                    (0..self.scenario.apps.len()).map(|app| self.world.server(app)).collect();
                self.world.set_server(turn);
                for (app, before) in before.into_iter().enumerate() {
                    if self.world.server(app) != before {
                        self.recorder.server(now, app, self.world.server(app));
                    }
                }
            }
            Event::VisitBegins { visit, closes } => self.open_page(visit, closes)?,
            Event::VisitEnds { page } => {
                let history = &mut self.recorder.history;
                self.pages.close(page, now, self.host.as_ref(), self.scenario, history);
            }
            Event::Act { page, app, what } => self.act(page, app, &what)?,
            Event::AttemptEnds(attempt) => self.running.end(attempt),
            Event::ExchangeEnds(number) => self.end_exchange(number),
        }
        self.world.record(now, &mut self.recorder.history);
        self.tell_script();
        Ok(())
    }

    /// The workers see network and servers as they are now.
    fn tell_script(&self) {
        if let Some(script) = self.host.as_ref().and_then(|host| host.script.as_ref()) {
            let online = self.world.connection().is_online();
            script.runtime.set_online(online);
            script.scripts.set_world(online, |app| self.world.server(app));
        }
    }

    fn network_turned(&mut self, before: Connection, flaky: bool) {
        let connection = self.world.connection();
        if connection == before {
            return;
        }
        self.recorder.network(self.now, connection, flaky);
        if !connection.is_online() {
            self.running.network_lost();
            self.break_exchanges();
        }
    }

    fn switch_on(&mut self) -> Result<(), Failure> {
        if self.host.is_some() {
            return Ok(());
        }
        if self.now > 0 {
            self.recorder.device(self.now, Device::On);
        }
        let host = RunningHost::open(
            self.scenario,
            self.store.clone(),
            self.world.network.clone(),
            self.world.power.clone(),
            Arc::new(self.clock.clone()),
            &self
                .profile
                .as_ref()
                .map_or(RuntimeStorage::Memory, |dir| RuntimeStorage::Dir(dir.path().to_owned())),
        )?;
        self.host = Some(host);
        self.tell_script();
        self.settle()
    }

    fn switch_off(&mut self, device: Device) -> Result<(), Failure> {
        let Some(host) = self.host.take() else { return Ok(()) };
        self.recorder.device(self.now, device);
        self.pages.close_all(self.now, self.scenario, &mut self.recorder.history);
        self.running.clear();
        self.exchanges.clear();
        self.for_scripts.clear();
        match device {
            // As after a kill: nothing is given back, nobody is told.
            Device::Crash => drop(host),
            Device::On | Device::Off => host.shut_down()?,
        }
        Ok(())
    }

    /// Lets the engine and the workers do everything that can be done without time passing.
    fn settle(&mut self) -> Result<(), Failure> {
        for _ in 0..ROUNDS_MAX {
            let Some(host) = self.host.as_mut() else { return Ok(()) };
            host.settle(self.now)?;
            let activities = host.take_activities();
            let mail = host.script.as_ref().map(ScriptHost::take_mail).unwrap_or_default();
            let dispatched = host.workers.take();
            let terminated = host.workers.take_terminated();
            let mut quiet =
                activities.is_empty() && mail.is_empty() && dispatched.is_empty() && terminated.is_empty();
            for activity in activities {
                self.note_activity(&activity);
            }
            for mail in mail {
                self.read_mail(mail);
            }
            for attempt in terminated {
                self.terminate(attempt);
            }
            for (dispatch, done) in dispatched {
                self.start_event(dispatch, done);
            }
            if quiet && let Some((dispatch, done)) = self.for_scripts.pop_front() {
                quiet = false;
                if let Some(script) = self.host.as_ref().and_then(|host| host.script.as_ref()) {
                    WorkerBackend::dispatch(&script.runtime, &dispatch, done);
                }
            }
            if quiet && self.host.as_ref().is_none_or(|host| host.due.is_none_or(|due| due > self.now)) {
                return Ok(());
            }
        }
        Err(Failure::new(format!(
            "the simulation does not get on: more than {ROUNDS_MAX} things happened at one moment ({}); this is a \
             defect of the program",
            super::recorder::moment_text(self.scenario.start_ms, self.now)
        )))
    }

    fn note_activity(&mut self, activity: &Activity) {
        match (&activity.event, activity.registration, &activity.storage_key) {
            (ActivityEvent::WorkerRegistered { .. }, Some(registration), Some(key)) => {
                if let Some(app) = self.scenario.apps.iter().position(|app| app.origin == key.origin()) {
                    self.pages.registered(app, registration);
                }
            }
            (ActivityEvent::WorkerUnregistered, Some(registration), _) => {
                self.pages.unregistered(registration)
            }
            _ => {}
        }
        self.recorder.activity(self.now, self.scenario, activity);
    }

    fn read_mail(&mut self, mail: Mail) {
        match mail {
            Mail::Fetch(request, body, responder) => self.fetch(&request, body, responder),
            Mail::PageAnswer { request, result } => self.page_answered(request, result),
            Mail::Registered { app, result: Err(error) } => {
                let text = format!("its worker cannot be registered: {error}");
                self.recorder.history.line(self.now, Some(app), "refused", text);
            }
            Mail::Registered { result: Ok(_), .. } => {}
            Mail::Console(line) => {
                let script = self.host.as_ref().and_then(|host| host.script.as_ref());
                let app = script.and_then(|script| self.app_of_worker(script, line.worker));
                self.recorder.console(self.now, app, &line);
            }
        }
    }

    fn app_of_worker(&self, script: &ScriptHost, worker: WorkerId) -> Option<usize> {
        self.scenario.apps.iter().position(|app| {
            let registrations = script.runtime.registrations(&StorageKey::first_party(&app.origin));
            registrations.iter().any(|registration| {
                let workers = [&registration.installing, &registration.waiting, &registration.active];
                workers.into_iter().flatten().any(|found| found.id == worker)
            })
        })
    }

    fn terminate(&mut self, attempt: AttemptId) {
        self.running.terminate(attempt);
        self.for_scripts.retain(|(dispatch, _)| dispatch.attempt != attempt);
        if let Some(script) = self.host.as_ref().and_then(|host| host.script.as_ref()) {
            WorkerBackend::terminate(&script.runtime, attempt);
        }
    }

    /// An event was dispatched: a real worker will get it, or the scenario decides how it ends.
    fn start_event(&mut self, dispatch: Dispatch, done: DispatchDone) {
        // An event that belongs to no app is dropped, which tells the engine that nobody handles it.
        let Some(app) = self.pages.app_of(dispatch.registration) else { return };
        if self.scenario.apps[app].worker.is_some() {
            return self.for_scripts.push_back((dispatch, done));
        }
        let draw = self.draw_of(app, &dispatch);
        let takes =
            self.running.start(&dispatch, done, &self.scenario.apps[app], self.world.server(app), draw);
        if let Some(takes) = takes {
            self.agenda.note(self.now.saturating_add(takes), Event::AttemptEnds(dispatch.attempt));
        }
    }

    /// Lets one worker go on whose time has come.
    fn wake_script(&self) -> bool {
        let script = self.host.as_ref().and_then(|host| host.script.as_ref());
        script.is_some_and(|script| script.runtime.run_due())
    }

    /// The question that decides an event: the n-th one of this entry.
    fn draw_of(&mut self, app: usize, dispatch: &Dispatch) -> Draw {
        let events = self.dispatched.entry((app, dispatch.kind, dispatch.tag.clone())).or_default();
        *events += 1;
        let number = *events;
        let name = format!("{}/{}/{}", self.scenario.apps[app].name, dispatch.kind as u8, dispatch.tag);
        self.draw.named("event").named(&name).with(number)
    }

    /// The engine's timer is about to wake the machine: notes why.
    fn note_wakeup(&mut self, at: u64) -> Result<(), Failure> {
        let Some(host) = self.host.as_mut() else { return Ok(()) };
        let reason = match host.next_wakeup(self.now)?.map(|wakeup| wakeup.reason) {
            Some(WakeupReason::RetryDue(_)) => "retry",
            Some(WakeupReason::EventTimeout(_)) => "time limit",
            Some(WakeupReason::Recheck) => "second look",
            Some(WakeupReason::EarliestReached(_)) => "earliest time",
            Some(WakeupReason::LatestPassed(_)) => "latest time",
            Some(WakeupReason::PeriodicRound(_)) => "periodic round",
            Some(WakeupReason::EventAllowed) => "events per hour",
            _ => "other",
        };
        self.recorder.history.wakeups.push(Wake { at, reason });
        Ok(())
    }
}
