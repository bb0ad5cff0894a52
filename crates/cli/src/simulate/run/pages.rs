//! Open pages, and what they do.

use super::Simulation;
use super::host::RunningHost;
use crate::failure::{Failure, with_causes};
use crate::simulate::history::{History, VisitSpan};
use crate::simulate::scenario::{Scenario, What};
use std::collections::BTreeMap;
use wakeworker::ClientGuard;
use wakeworker::core::{ActiveWorker, FrameType, StorageKey, WorkerId, WorkerRegistrationId};

/// The pages that are open, and the worker registrations of the apps.
pub(super) struct Pages {
    registrations: Vec<Option<WorkerRegistrationId>>,
    open: BTreeMap<u64, OpenPage>,
    opened_ever: u64,
}

struct OpenPage {
    app: usize,
    from: u64,
    closes: u64,
    _client: ClientGuard,
}

impl Pages {
    pub(super) fn new(apps: usize) -> Pages {
        Pages { registrations: vec![None; apps], open: BTreeMap::new(), opened_ever: 0 }
    }

    /// The app that a worker registration belongs to.
    pub(super) fn app_of(&self, registration: WorkerRegistrationId) -> Option<usize> {
        self.registrations.iter().position(|of| *of == Some(registration))
    }

    /// Opens a page. The first one of an app registers its worker.
    pub(super) fn open(
        &mut self,
        host: &mut RunningHost,
        now: u64,
        app: usize,
        closes: u64,
        scenario: &Scenario,
    ) -> Result<u64, Failure> {
        let origin = &scenario.apps[app].origin;
        let key = StorageKey::first_party(origin);
        let client = host.handle.open_client(key.clone(), FrameType::TopLevel);
        if self.registrations[app].is_none() {
            let pending =
                host.handle.add_worker_registration(key, format!("{origin}/"), format!("{origin}/sw.js"));
            host.turn(now);
            let registration = pending.wait().map_err(|e| engine_failure(&e))?;
            let worker = ActiveWorker { id: WorkerId(app as u64 + 1), activated: true };
            host.handle.set_active_worker(registration, Some(worker), None);
            self.registrations[app] = Some(registration);
        }
        self.opened_ever += 1;
        self.open.insert(self.opened_ever, OpenPage { app, from: now, closes, _client: client });
        Ok(self.opened_ever)
    }

    /// Closes a page, if it is open.
    pub(super) fn close(&mut self, page: u64, now: u64, history: &mut History) {
        if let Some(page) = self.open.remove(&page) {
            history.visits.push(VisitSpan { app: page.app, from: page.from, to: now });
        }
    }

    /// Closes all pages: the device goes off, or the run ends.
    pub(super) fn close_all(&mut self, now: u64, history: &mut History) {
        let pages: Vec<_> = self.open.keys().copied().collect();
        for page in pages {
            self.close(page, now, history);
        }
    }
}

impl Simulation<'_> {
    /// A page does something, if it is still there.
    pub(super) fn act(&mut self, page: u64, app: usize, what: &What, _ordinal: u64) -> Result<(), Failure> {
        let Some(closes) = self.pages.open.get(&page).map(|page| page.closes) else { return Ok(()) };
        let (Some(host), Some(registration)) = (self.host.as_mut(), self.pages.registrations[app]) else {
            return Ok(());
        };
        match what {
            What::Sync { tag } => {
                let pending = host.handle.sync_manager(registration).register(tag.clone());
                host.turn(self.now);
                match pending.wait() {
                    Ok(()) => self.recorder.registered(self.now, app, tag, closes),
                    Err(error) => self.recorder.refused(self.now, app, tag, &error),
                }
            }
            What::Periodic { .. } | What::UnregisterPeriodic { .. } | What::Request { .. } => {}
        }
        Ok(())
    }
}

fn engine_failure(error: &dyn std::error::Error) -> Failure {
    Failure::new(format!("the engine refused what it should take: {}", with_causes(error)))
}
