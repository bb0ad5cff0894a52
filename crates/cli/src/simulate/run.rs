//! Runs a scenario: the real engine and driver on a clock that jumps from one thing that happens to the next.

mod host;
mod pages;

use super::agenda::{Agenda, Event};
use super::draw::Draw;
use super::history::{self, History, Wake};
use super::recorder::Recorder;
use super::scenario::{Device, Scenario, Server};
use super::workers::RunningEvents;
use super::world::World;
use crate::failure::Failure;
use host::RunningHost;
use pages::Pages;
use std::collections::HashMap;
use std::sync::Arc;
use wakeworker::core::{Connection, Monotonic, Now, SyncKind, Timestamp, WakeupReason};
use wakeworker::store::{ActivityLimits, MemoryStore};
use wakeworker::{ManualClock, core::Dispatch, core::Tag};

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
        loop {
            self.settle()?;
            while let Some(event) = self.agenda.pop(self.now) {
                self.happen(event)?;
                self.settle()?;
            }
            let engine = self.host.as_ref().and_then(|host| host.due);
            let Some(next) = self.agenda.next_at().into_iter().chain(engine).min() else { break };
            if next >= self.scenario.duration_ms {
                break;
            }
            if engine.is_some_and(|due| due <= next) && self.agenda.next_at() != Some(next) {
                self.note_wakeup(next)?;
            }
            self.clock.advance_ms(next - self.now);
            self.now = next;
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
                Event::Power(power) => self.world.power = power,
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
        self.pages.close_all(end, &mut self.recorder.history);
        self.settle()?;
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
                if self.world.power != power {
                    self.world.power = power;
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
            Event::VisitEnds { page } => self.pages.close(page, now, &mut self.recorder.history),
            Event::Act { page, app, what, ordinal } => self.act(page, app, &what, ordinal)?,
            Event::AttemptEnds(attempt) => self.running.end(attempt),
        }
        self.world.record(now, &mut self.recorder.history);
        Ok(())
    }

    fn network_turned(&mut self, before: Connection, flaky: bool) {
        let connection = self.world.connection();
        if connection == before {
            return;
        }
        self.recorder.network(self.now, connection, flaky);
        if !connection.is_online() {
            self.running.network_lost();
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
            Arc::new(self.clock.clone()),
        )?;
        self.host = Some(host);
        self.settle()
    }

    fn switch_off(&mut self, device: Device) -> Result<(), Failure> {
        let Some(host) = self.host.take() else { return Ok(()) };
        self.recorder.device(self.now, device);
        self.pages.close_all(self.now, &mut self.recorder.history);
        self.running.clear();
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
            host.turn(self.now);
            let activities = host.take_activities();
            let dispatched = host.workers.take();
            let terminated = host.workers.take_terminated();
            let quiet = activities.is_empty() && dispatched.is_empty() && terminated.is_empty();
            for activity in activities {
                self.recorder.activity(self.now, self.scenario, &activity);
            }
            for attempt in terminated {
                self.running.terminate(attempt);
            }
            for (dispatch, done) in dispatched {
                let Some(app) = self.app_of(&dispatch) else { continue };
                let draw = self.draw_of(app, &dispatch);
                let takes = self.running.start(
                    &dispatch,
                    done,
                    &self.scenario.apps[app],
                    self.world.server(app),
                    draw,
                );
                if let Some(takes) = takes {
                    self.agenda.note(self.now.saturating_add(takes), Event::AttemptEnds(dispatch.attempt));
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

    fn app_of(&self, dispatch: &Dispatch) -> Option<usize> {
        self.pages.app_of(dispatch.registration)
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

impl Simulation<'_> {
    fn open_page(&mut self, visit: usize, closes: u64) -> Result<(), Failure> {
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
                self.agenda
                    .note(at, Event::Act { page, app, what: action.what.clone(), ordinal: u64::from(n) });
                at = at.saturating_add(action.every.draw(draw.named("every").with(u64::from(n))));
            }
        }
        Ok(())
    }
}
