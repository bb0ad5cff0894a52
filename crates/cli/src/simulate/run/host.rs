//! The host on the virtual clock: a real driver, whose turns the simulation takes.

use crate::failure::{Failure, with_causes};
use crate::simulate::draw::Draw;
use crate::simulate::recorder::connection_name;
use crate::simulate::scenario::Scenario;
use crate::simulate::script::ScriptHost;
use crate::simulate::workers::ModelWorkers;
use std::sync::{Arc, Mutex, PoisonError};
use wakeworker::core::{Activity, StorageKey, Wakeup};
use wakeworker::network::ManualNetwork;
use wakeworker::power::ManualPower;
use wakeworker::store::MemoryStore;
use wakeworker::{Clock, Driver, Host, HostHandle, Monitors, Subscription};
use wakeworker_quickjs::RuntimeStorage;

/// A host that runs. Dropping it is as good as killing it.
pub(super) struct RunningHost {
    driver: Driver,
    /// After the driver, which a thread of the runtime may wait for: it goes first.
    pub(super) script: Option<ScriptHost>,
    pub(super) handle: HostHandle,
    pub(super) workers: Arc<ModelWorkers>,
    /// When the engine wants its next turn, in milliseconds since the start.
    pub(super) due: Option<u64>,
    activities: Arc<Mutex<Vec<Activity>>>,
    _observer: Subscription,
    _monitors: Monitors,
}

impl RunningHost {
    pub(super) fn open(
        scenario: &Scenario,
        store: MemoryStore,
        network: ManualNetwork,
        power: ManualPower,
        clock: Arc<dyn Clock>,
        storage: &RuntimeStorage,
    ) -> Result<RunningHost, Failure> {
        let script = ScriptHost::open(scenario, Arc::clone(&clock), storage, Draw::new(scenario.seed))?;
        let workers = Arc::new(ModelWorkers::new(script.as_ref().map(|script| script.runtime.clone())));
        let (driver, handle, monitors) = Host::builder(Box::new(store))
            .config(scenario.config.clone())
            .backend(workers.clone())
            .network(Box::new(network))
            .network_identity(|connection| Some(connection_name(connection).into()))
            .power(Box::new(power))
            .clock(clock)
            .driver()
            .map_err(|e| Failure::new(format!("the engine cannot be started: {}", with_causes(&e))))?;
        let activities = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&activities);
        let observer = handle.on_activity(move |activity: &Activity| {
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(activity.clone());
        });
        for app in &scenario.apps {
            let key = StorageKey::first_party(&app.origin);
            for (name, state) in &app.permissions {
                handle.set_permission(key.clone(), *name, *state);
            }
            handle.set_engagement(key, app.extra_interval);
        }
        Ok(RunningHost {
            driver,
            script,
            handle,
            workers,
            due: None,
            activities,
            _observer: observer,
            _monitors: monitors,
        })
    }

    /// Everything that driver and workers can do without time passing.
    pub(super) fn settle(&mut self, now: u64) -> Result<(), Failure> {
        if let Some(script) = &self.script {
            script.settle(&mut self.driver)?;
        }
        self.turn(now);
        while self.driver.has_messages() {
            self.turn(now);
        }
        Ok(())
    }

    /// When something will happen in host or workers by itself.
    pub(super) fn next_due(&self, now: u64) -> Option<u64> {
        let script = self.script.as_ref().and_then(|script| script.runtime.next_due_ms());
        self.due.into_iter().chain(script.map(|after| now.saturating_add(after))).min()
    }

    /// One turn of the driver.
    pub(super) fn turn(&mut self, now: u64) {
        self.due = self.driver.turn().map(|after| now.saturating_add(after));
    }

    /// What happened since the last call.
    pub(super) fn take_activities(&self) -> Vec<Activity> {
        std::mem::take(&mut *self.activities.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// When the engine will act by itself, and why.
    pub(super) fn next_wakeup(&mut self, now: u64) -> Result<Option<Wakeup>, Failure> {
        let pending = self.handle.next_wakeup();
        self.turn(now);
        pending.wait().map_err(|e| Failure::new(format!("the engine does not answer: {}", with_causes(&e))))
    }

    /// Ends orderly.
    pub(super) fn shut_down(self) -> Result<(), Failure> {
        self.driver
            .shut_down()
            .map_err(|e| Failure::new(format!("the engine did not end orderly: {}", with_causes(&e))))
    }
}
