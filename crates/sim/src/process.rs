//! One profile: its disk, its process, and the model beside it.

mod ask;

use crate::disk::{Disk, Medium};
use crate::model::{Input, Model, Request, Seen, origin, scope, tag_text};
use crate::scenario::{Ending, Entry, Site, Slot};
use crate::trace::Trace;
use crate::workers::Workers;
use ask::Calls;
use std::collections::BTreeMap;
use std::mem::take;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use wakeworker::core::*;
use wakeworker::network::ManualNetwork;
use wakeworker::power::ManualPower;
use wakeworker::{
    ClientGuard, Driver, EmulatedOffline, Host, HostHandle, ManualClock, Monitors, PermissionProvider,
    ServiceWorker,
};

/// One profile.
pub(crate) struct Process {
    name: usize,
    config: Config,
    disk: Disk,
    clock: ManualClock,
    network: ManualNetwork,
    power: ManualPower,
    pub(crate) model: Model,
    pub(crate) permissions: Permissions,
    trace: Trace,
    requests: Request,
    /// Processes that there have been.
    lives: u64,
    next_worker: u64,
    inputs: Vec<Input>,
    life: Option<Life>,
}

/// The process while it lives.
struct Life {
    // The guards send a message when they go, so they go before the driver.
    pages: Vec<(Site, FrameType, ClientGuard)>,
    holds: Vec<(WorkerRegistrationId, EmulatedOffline)>,
    calls: Calls,
    workers: Workers,
    /// Worker objects as the host once got them, which may be stale by now (D25).
    objects: BTreeMap<Slot, ServiceWorker>,
    listed: Vec<SyncStatus>,
    handle: HostHandle,
    driver: Driver,
    _monitors: Monitors,
}

/// What the host grants, remembered over restarts of its process.
#[derive(Clone, Default)]
pub(crate) struct Permissions(Arc<Mutex<BTreeMap<(StorageKey, PermissionName), bool>>>);

/// The device that all profiles share.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) network: ManualNetwork,
    pub(crate) power: ManualPower,
    pub(crate) wall_ms: i64,
}

impl Process {
    pub(crate) fn new(
        name: usize,
        config: Config,
        device: &Device,
        medium: impl FnOnce(ManualClock) -> Box<dyn Medium>,
        trace: Trace,
    ) -> Process {
        let clock = ManualClock::new(Now { wall: Timestamp(device.wall_ms), mono: Monotonic(0) });
        let mut process = Process {
            name,
            model: Model::new(config.clone()),
            config,
            disk: Disk::new(medium(clock.clone()), clock.clone()),
            clock,
            network: device.network.clone(),
            power: device.power.clone(),
            permissions: Permissions::default(),
            trace,
            requests: 0,
            lives: 0,
            next_worker: 1,
            inputs: Vec::new(),
            life: None,
        };
        process.start();
        process
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }

    pub(crate) fn clock(&self) -> &ManualClock {
        &self.clock
    }

    pub(crate) fn note(&self, line: impl FnOnce() -> String) {
        self.trace.note(|| format!("{}: {}", self.name, line()));
    }

    /// The process is killed, or the power fails, and it is started again on a clock that began anew.
    pub(crate) fn die(&mut self, power_cut: Option<u8>) {
        self.note(|| format!("dies, power cut {power_cut:?}"));
        self.inputs.clear();
        match power_cut {
            Some(kept) => self.disk.power_cut(kept),
            None => self.disk.process_killed(),
        }
        self.life = None;
        self.restart();
    }

    /// The process ends in order; every open call is answered (R38).
    pub(crate) fn end_in_order(&mut self) {
        let Some(mut life) = self.life.take() else { return };
        self.note(|| "ends in order".into());
        self.inputs.clear();
        life.pages.clear();
        life.holds.clear();
        let released = life.driver.shut_down();
        assert!(released.is_ok() || self.model.is_down(), "the profile cannot be given back: {released:?}");
        let answers = life.calls.answers();
        for request in &self.model.open {
            assert_eq!(
                answers.get(request).map(String::as_str),
                Some("UnknownError"),
                "call {request} at the end"
            );
        }
        self.restart();
    }

    fn restart(&mut self) {
        let wall = wakeworker::Clock::now(&self.clock).wall;
        self.clock = ManualClock::new(Now { wall, mono: Monotonic(0) });
        self.disk.set_clock(self.clock.clone());
        self.start();
    }

    fn start(&mut self) {
        let store = self.disk.open();
        let workers = Workers::new(self.disk.death());
        let now = wakeworker::Clock::now(&self.clock);
        let written = self.disk.written();
        let opened = Host::builder(store)
            .backend(Arc::new(workers.clone()))
            .network(Box::new(self.network.clone()))
            .power(Box::new(self.power.clone()))
            .permission_provider(Arc::new(self.permissions.clone()))
            .config(self.config.clone())
            .clock(Arc::new(self.clock.clone()))
            .driver();
        let (driver, handle, monitors) = match opened {
            Ok(opened) => opened,
            Err(error) => panic!("the host does not start: {error}"),
        };
        self.model.restart(now, written);
        self.model.opened(self.disk.written());
        self.disk.take_calls();
        self.inputs.push(Input::Power(self.power.power()));
        self.inputs.push(Input::Network(self.network.connection()));
        self.lives += 1;
        self.life = Some(Life {
            pages: Vec::new(),
            holds: Vec::new(),
            calls: Calls::default(),
            workers,
            objects: BTreeMap::new(),
            listed: Vec::new(),
            handle,
            driver,
            _monitors: monitors,
        });
        self.turn();
    }

    /// The host gets its turn, and further ones as long as there is something to do. Returns when it wants the next.
    pub(crate) fn turn(&mut self) -> Option<u64> {
        loop {
            let (after, more) = self.one_turn();
            if !more {
                return after;
            }
        }
    }

    fn one_turn(&mut self) -> (Option<u64>, bool) {
        let Some(life) = &mut self.life else { return (None, false) };
        let now = wakeworker::Clock::now(&self.clock);
        let listing = (life.handle.sync_registrations(), life.handle.worker_registrations());
        let after = life.driver.turn();
        life.driver.check_invariants();
        let died = self.disk.death().load(Ordering::Relaxed);
        let seen = Seen {
            dispatches: life.workers.take_dispatched(),
            answers: life.calls.answers(),
            connection: self.network.connection(),
            died,
            synced: self.disk.synced(),
        };
        let listing = (listing.0.wait(), listing.1.wait());
        let (Ok(listed), Ok(registrations)) = listing else { panic!("the host does not list: {listing:?}") };
        self.trace.note(|| {
            let calls = seen
                .dispatches
                .iter()
                .map(|event| (event.kind, event.tag.to_string_lossy(), event.last_chance));
            format!("{}: {:?} {:?} after {after:?}", self.name, calls.collect::<Vec<_>>(), seen.answers)
        });
        let to_itself = self.model.turn(now, take(&mut self.inputs), self.disk.take_calls(), seen);
        if died {
            self.die(None);
            return (None, false);
        }
        self.model.compare(&registrations, &listed);
        life.listed = listed;
        if !self.model.is_down() {
            let due = self.model.next_due_ms();
            let late = due.is_some_and(|due| after.is_none_or(|after| after > due));
            assert!(!late, "the host sleeps for {after:?} ms, but something is due in {due:?} ms");
            assert_eq!(life.workers.running(), self.model.running(), "the events that run");
        }
        self.inputs.extend(to_itself);
        (after, life.driver.has_messages())
    }

    /// Time passes; the host gets turns when it wants them. After very many of them the device is too busy to wake for
    /// each: the rest of the time passes at once.
    pub(crate) fn pass(&mut self, mut ms: u64) {
        for _ in 0..WAKEUPS_MAX {
            let Some(after) = self.turn().map(|after| after.max(1)).filter(|after| *after <= ms) else {
                break;
            };
            self.clock.advance_ms(after);
            ms -= after;
        }
        self.clock.advance_ms(ms);
        self.turn();
    }

    /// The device sleeps, or somebody sets its clock: monotonic time stands still.
    pub(crate) fn move_wall(&mut self, by_ms: i64) {
        let wall = wakeworker::Clock::now(&self.clock).wall.0.saturating_add(by_ms);
        self.clock.set_wall(Timestamp(wall));
    }

    pub(crate) fn told(&mut self, input: Input) {
        self.inputs.push(input);
    }

    pub(crate) fn open_page(&mut self, site: Site, frame: FrameType) {
        let Some(life) = &mut self.life else { return };
        if life.pages.len() < PAGES_MAX {
            let guard = life.handle.open_client(storage_key(site), frame);
            life.pages.push((site, frame, guard));
            self.inputs.push(Input::Opened(site, frame));
        }
    }

    pub(crate) fn close_page(&mut self, site: Site) {
        let Some(life) = &mut self.life else { return };
        if let Some(index) = life.pages.iter().position(|page| page.0 == site) {
            let (site, frame, _guard) = life.pages.remove(index);
            self.inputs.push(Input::Closed(site, frame));
        }
    }

    pub(crate) fn hold_offline(&mut self, slot: Slot, offline: bool) {
        let Some(life) = &mut self.life else { return };
        let id = self.model.state.workers.get(&slot).and_then(|worker| worker.id);
        if offline && let Some(id) = id {
            life.holds.push((id, life.handle.emulate_offline(id)));
            self.inputs.push(Input::HoldOffline(id, true));
        } else if let Some((id, _hold)) = life.holds.pop() {
            self.inputs.push(Input::HoldOffline(id, false));
        }
    }

    /// One of the running events ends. In a captive portal no event succeeds.
    pub(crate) fn end_event(&mut self, which: u8, ending: Ending, captive: bool) {
        let Some(life) = &mut self.life else { return };
        let running = life.workers.running();
        let Some(attempt) = running.get(usize::from(which) % running.len().max(1)) else { return };
        let (Some(run), Some(done)) = (self.model.run_of(*attempt), life.workers.take(*attempt)) else {
            return;
        };
        let failed = |reason| AttemptOutcome::Failed { reason, message: None };
        let outcome = match ending {
            Ending::Succeeds if captive => failed(FailureReason::Rejected),
            Ending::Succeeds => AttemptOutcome::Succeeded { handled: true },
            Ending::Rejects => failed(FailureReason::Rejected),
            Ending::FailsToStart => failed(FailureReason::StartFailed),
            Ending::Dies => failed(FailureReason::Terminated),
            Ending::NotReached => AttemptOutcome::NotDispatched,
            Ending::Lost => failed(FailureReason::Abandoned),
        };
        match ending {
            Ending::Lost => drop(done),
            _ => done.finish(outcome.clone()),
        }
        self.inputs.push(Input::Ended { run, outcome });
    }

    /// A worker answers although its time was up: nothing follows.
    pub(crate) fn answer_late(&mut self) {
        if let Some(done) = self.life.as_ref().and_then(|life| life.workers.take_late()) {
            done.finish(AttemptOutcome::Succeeded { handled: true });
        }
    }

    pub(crate) fn running(&self) -> usize {
        self.life.as_ref().map_or(0, |life| life.workers.running().len())
    }

    /// A new version for the worker of a registration.
    pub(crate) fn new_worker(&mut self) -> WorkerId {
        self.next_worker += 1;
        WorkerId(self.next_worker)
    }

    pub(crate) fn handle(&self) -> Option<HostHandle> {
        self.life.as_ref().map(|life| life.handle.clone())
    }

    fn sync_id(&self, entry: Entry) -> Option<SyncRegistrationId> {
        let owner = self.model.state.workers.get(&entry.slot)?.id?;
        let found = self.life.as_ref()?.listed.iter().map(|status| &status.registration).find(|record| {
            record.worker_registration == owner
                && record.kind() == entry.kind
                && record.tag.to_string_lossy() == tag_text(entry.tag)
        });
        found.map(|record| record.id)
    }
}

impl Permissions {
    pub(crate) fn set(&self, site: Site, name: PermissionName, granted: bool) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.insert((storage_key(site), name), granted);
    }
}

impl PermissionProvider for Permissions {
    fn permission(&self, storage_key: &StorageKey, name: PermissionName) -> Option<PermissionState> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let granted = table.get(&(storage_key.clone(), name)).copied();
        let granted = granted.unwrap_or(name != PermissionName::Notifications);
        Some(if granted { PermissionState::Granted } else { PermissionState::Denied })
    }
}

pub(crate) fn storage_key(site: Site) -> StorageKey {
    StorageKey::first_party(origin(site.0))
}

/// The script of a registration.
fn script_url(slot: Slot) -> String {
    format!("{}sw.js", scope(slot))
}

const WAKEUPS_MAX: u32 = 150;
const PAGES_MAX: usize = 4;
