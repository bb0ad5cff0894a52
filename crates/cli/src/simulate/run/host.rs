//! The host on the virtual clock: a real driver, whose turns the simulation takes.

use crate::failure::{Failure, with_causes};
use crate::simulate::scenario::Scenario;
use crate::simulate::workers::ModelWorkers;
use std::sync::{Arc, Mutex, PoisonError};
use wakeworker::core::{Activity, StorageKey, Wakeup};
use wakeworker::network::ManualNetwork;
use wakeworker::store::MemoryStore;
use wakeworker::{Clock, Driver, Host, HostHandle, Monitors, Subscription};

/// A host that runs. Dropping it is as good as killing it.
pub(super) struct RunningHost {
    driver: Driver,
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
        clock: Arc<dyn Clock>,
    ) -> Result<RunningHost, Failure> {
        let workers = Arc::new(ModelWorkers::default());
        let (driver, handle, monitors) = Host::builder(Box::new(store))
            .config(scenario.config.clone())
            .backend(workers.clone())
            .network(Box::new(network))
            .clock(clock)
            .driver()
            .map_err(|e| Failure::new(format!("the engine cannot be started: {}", with_causes(&e))))?;
        let activities = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&activities);
        let observer = handle.on_activity(move |activity: &Activity| {
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(activity.clone());
        });
        for app in &scenario.apps {
            for (name, state) in &app.permissions {
                handle.set_permission(StorageKey::first_party(&app.origin), *name, *state);
            }
        }
        Ok(RunningHost {
            driver,
            handle,
            workers,
            due: None,
            activities,
            _observer: observer,
            _monitors: monitors,
        })
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
