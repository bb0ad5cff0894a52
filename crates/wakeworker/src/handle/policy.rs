//! What a host decides or knows: permissions, engagement, power, conditions of origins.

use crate::HostHandle;
use std::sync::PoisonError;
use wakeworker_core::{
    ExtraInterval, Input, PermissionName, PermissionState, Power, StorageKey, WorkerRegistrationId,
};

/// While it lives, one worker registration appears to be offline (R241). Dropping it releases the hold.
#[derive(Debug)]
#[must_use = "the worker registration is online again as soon as this is dropped"]
pub struct EmulatedOffline {
    host: HostHandle,
    registration: WorkerRegistrationId,
}

/// What is known of the device's power: the monitor's report and what the host adds.
#[derive(Default)]
pub(crate) struct PowerFacts {
    reported: Power,
    battery_saver: bool,
    data_saver: bool,
}

impl HostHandle {
    /// States a permission of an origin (R17, R137). Permissions are not stored: state them again after each start, or
    /// give the host a [`crate::PermissionProvider`].
    pub fn set_permission(&self, storage_key: StorageKey, name: PermissionName, state: PermissionState) {
        self.input(Input::PermissionChanged { storage_key, name, state });
    }

    /// Sets what is added to the smallest gap between two periodic events of an origin, for instance by how much the user
    /// engages with it (R112). [`ExtraInterval::Never`] suspends its entries until a finite amount revives them (R113).
    #[doc(alias = "engagement")]
    pub fn set_engagement(&self, storage_key: StorageKey, extra: ExtraInterval) {
        self.input(Input::EngagementChanged { storage_key, extra });
    }

    /// Says whether the user is busy with an origin: while so, the gaps between its periodic events are lifted, though
    /// never an entry's own minimum interval (R250).
    pub fn set_active_use(&self, storage_key: StorageKey, active: bool) {
        self.input(Input::SetActiveUse { storage_key, active });
    }

    /// Lets an origin register without an open window, or no longer (R249).
    pub fn allow_without_window(&self, storage_key: StorageKey, allowed: bool) {
        self.input(Input::AllowWithoutWindow { storage_key, allowed });
    }

    /// Says whether an origin can be reached, for hosts that know it better than the connection does (R57). Unstated means
    /// that it can.
    pub fn set_reachable(&self, storage_key: StorageKey, reachable: bool) {
        self.input(Input::ReachabilityChanged { storage_key, reachable });
    }

    /// Makes one worker registration appear to be offline until the hold is dropped. Holds are counted; when the last one
    /// goes, what may fire is fired (R241).
    pub fn emulate_offline(&self, registration: WorkerRegistrationId) -> EmulatedOffline {
        self.input(Input::EmulateOffline { registration, offline: true });
        EmulatedOffline { host: self.clone(), registration }
    }

    /// Says that the user wants the battery, or the data volume, to last: no periodic event is fired meanwhile (R117). It
    /// adds to what a [`crate::power::PowerMonitor`] reports.
    pub fn set_saving(&self, battery_saver: bool, data_saver: bool) {
        self.change_power(|facts| {
            facts.battery_saver = battery_saver;
            facts.data_saver = data_saver;
        });
    }

    /// The power monitor has something to report.
    pub(crate) fn power_reported(&self, power: Power) {
        self.change_power(|facts| facts.reported = power);
    }

    /// Sent under the lock, so that reports keep their order.
    fn change_power(&self, change: impl FnOnce(&mut PowerFacts)) {
        let mut facts = self.shared.power.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut facts);
        self.input(Input::PowerChanged(facts.power()));
    }
}

impl PowerFacts {
    fn power(&self) -> Power {
        Power {
            charging: self.reported.charging,
            battery_saver: self.reported.battery_saver || self.battery_saver,
            data_saver: self.reported.data_saver || self.data_saver,
        }
    }
}

impl Drop for EmulatedOffline {
    fn drop(&mut self) {
        self.host.input(Input::EmulateOffline { registration: self.registration, offline: false });
    }
}
