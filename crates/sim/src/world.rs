//! The world: one device, some profiles, and what happens to them.

use crate::disk::Medium;
use crate::model::Input;
use crate::process::{Device, Process, storage_key};
use crate::scenario::{Act, Ending, FaultKind, Scenario, Site, SiteFact, Slot, Step, WorkerNews};
use crate::trace::Trace;
use wakeworker::ManualClock;
use wakeworker::core::*;
use wakeworker::network::ManualNetwork;
use wakeworker::power::ManualPower;

/// One device and its profiles.
pub(crate) struct World {
    pub(crate) device: Device,
    captive: bool,
    pub(crate) profiles: Vec<Process>,
    pub(crate) config: Config,
    trace: Trace,
}

impl World {
    pub(crate) fn new(
        scenario: &Scenario,
        mut medium: impl FnMut(usize, ManualClock) -> Box<dyn Medium>,
        trace: Trace,
    ) -> World {
        let device = Device {
            network: ManualNetwork::new(Connection::None),
            power: ManualPower::new(Power::default()),
            wall_ms: START_MS,
        };
        let config = scenario.setup.config.clone();
        let profiles = (0..scenario.setup.profiles).map(|name| {
            Process::new(name, config.clone(), &device, |clock| medium(name, clock), trace.clone())
        });
        let profiles = profiles.collect();
        let mut world = World { device, captive: false, profiles, config, trace };
        for profile in &mut world.profiles {
            profile.populate();
        }
        world
    }

    /// One thing happens.
    pub(crate) fn step(&mut self, step: &Step) {
        self.trace.note(|| format!("{step:?}"));
        match &step.act {
            Act::Network(connection) => self.set_network(*connection),
            Act::CaptivePortal(captive) => self.captive = *captive,
            Act::Power(power) => self.set_power(*power),
            Act::Pass(ms) => self.profiles.iter_mut().for_each(|profile| profile.pass(*ms)),
            Act::JumpClock(by_ms) => self.profiles.iter_mut().for_each(|profile| profile.move_wall(*by_ms)),
            Act::Suspend(ms) => {
                self.profiles.iter_mut().for_each(|profile| profile.move_wall(ms.cast_signed()));
            }
            act => {
                let captive = self.captive;
                self.profiles[step.profile].act(act, captive);
            }
        }
        if !step.shares_turn {
            for profile in &mut self.profiles {
                profile.turn();
            }
        }
    }

    pub(crate) fn set_network(&mut self, connection: Connection) {
        if self.device.network.connection() != connection {
            self.device.network.set(connection);
            self.profiles.iter_mut().for_each(|profile| profile.told(Input::Network(connection)));
        }
    }

    pub(crate) fn set_power(&mut self, power: Power) {
        if self.device.power.power() != power {
            self.device.power.set(power);
            self.profiles.iter_mut().for_each(|profile| profile.told(Input::Power(power)));
        }
    }

    /// The network works again.
    pub(crate) fn free_network(&mut self) {
        self.captive = false;
        self.set_network(Connection::Wifi);
    }
}

impl Process {
    /// Two origins with a worker and a page each.
    fn populate(&mut self) {
        for slot in [Slot(0), Slot(2)] {
            self.add_worker(slot);
            self.turn();
            self.change_worker(slot, WorkerNews::Activated);
            self.open_page(slot.site(), FrameType::TopLevel);
            self.turn();
        }
    }

    fn act(&mut self, act: &Act, captive: bool) {
        match act {
            Act::RegisterOneShot { slot, tag, vanishes } => self.register_one_shot(*slot, *tag, *vanishes),
            Act::RegisterPeriodic { slot, tag, min_interval_ms } => {
                self.register_periodic(*slot, *tag, *min_interval_ms);
            }
            Act::Unregister(entry) => self.unregister(*entry),
            Act::GetTags(slot, kind) => self.get_tags(*slot, *kind),
            Act::End { which, ending } => self.end_event(*which, *ending, captive),
            Act::AnswerLate => self.answer_late(),
            Act::OpenPage(site, frame) => self.open_page(*site, *frame),
            Act::ClosePage(site) => self.close_page(*site),
            Act::Permission(site, name, granted) => self.grant(*site, *name, *granted),
            Act::State(site, fact) => self.state_fact(*site, *fact),
            Act::Worker(slot, news) => self.change_worker(*slot, *news),
            Act::AddWorker(slot) => self.add_worker(*slot),
            Act::RemoveWorker(slot) => self.remove_worker(*slot),
            Act::ClearOrigin(site) => self.clear_origin(*site),
            Act::EmulateOffline(slot, offline) => self.hold_offline(*slot, *offline),
            Act::Host(call) => self.host_call(*call),
            Act::Fault(fault) => self.fault(*fault),
            Act::Kill => self.die(None),
            Act::Restart => self.end_in_order(),
            Act::PowerCut(kept) => self.die(Some(*kept)),
            Act::LoseLease => self.disk().lose_lease(),
            Act::Network(_)
            | Act::CaptivePortal(_)
            | Act::Power(_)
            | Act::Pass(_)
            | Act::JumpClock(_)
            | Act::Suspend(_) => {}
        }
    }

    pub(crate) fn grant(&mut self, site: Site, name: PermissionName, granted: bool) {
        let Some(handle) = self.handle() else { return };
        self.permissions.set(site, name, granted);
        let state = if granted { PermissionState::Granted } else { PermissionState::Denied };
        handle.set_permission(storage_key(site), name, state);
        self.told(Input::Permission(site, name, granted));
    }

    pub(crate) fn state_fact(&mut self, site: Site, fact: SiteFact) {
        let Some(handle) = self.handle() else { return };
        let key = storage_key(site);
        match fact {
            SiteFact::Reachable(reachable) => handle.set_reachable(key, reachable),
            SiteFact::Engagement(extra) => handle.set_engagement(key, extra),
            SiteFact::ActiveUse(active) => handle.set_active_use(key, active),
            SiteFact::WithoutWindow(allowed) => handle.allow_without_window(key, allowed),
        }
        self.told(Input::State(site, fact));
    }

    pub(crate) fn change_worker(&mut self, slot: Slot, news: WorkerNews) {
        let Some(worker) = self.model.state.workers.get(&slot).copied() else { return };
        let (Some(id), Some(handle)) = (worker.id, self.handle()) else { return };
        let active = match news {
            WorkerNews::Gone => None,
            WorkerNews::Activating => Some(ActiveWorker { id: self.new_worker(), activated: false }),
            WorkerNews::Activated => {
                let current = worker.active.map(|active| active.id);
                let id = current.unwrap_or_else(|| self.new_worker());
                Some(ActiveWorker { id, activated: true })
            }
        };
        handle.set_active_worker(id, active, None);
        self.told(Input::Worker { slot, active });
    }

    fn fault(&mut self, fault: FaultKind) {
        self.disk().set_faults(|faults| match fault {
            FaultKind::FailCommits(times) => faults.commits = times,
            FaultKind::LoseAnswers(times) => faults.answers = times,
            FaultKind::FailLoads(times) => {
                faults.commits = 1;
                faults.loads = times;
            }
            FaultKind::Slow(ms) => faults.slow_ms = ms,
            FaultKind::KillAtCommit(done) => faults.kill = Some(done),
        });
    }

    /// The last thing that a worker can do: its event succeeds.
    pub(crate) fn succeed_all(&mut self) {
        while self.running() > 0 {
            self.end_event(0, Ending::Succeeds, false);
            self.turn();
        }
    }
}

/// 15 January 2027.
const START_MS: i64 = 1_800_000_000_000;
