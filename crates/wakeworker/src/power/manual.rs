//! A power supply that is whatever it is told to be.

use super::{OnPowerChange, PowerMonitor};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wakeworker_core::Power;

/// A monitor that reports what [`ManualPower::set`] says (R183). Clones are handles to the same device: give one to the
/// host and keep the other.
#[derive(Default)]
pub struct ManualPower {
    device: Arc<Mutex<Device>>,
    /// This clone's place among the listeners, if it was started.
    listener: Option<u64>,
}

#[derive(Default)]
struct Device {
    power: Power,
    listeners: BTreeMap<u64, OnPowerChange>,
    listeners_ever: u64,
}

impl ManualPower {
    /// A device in this state.
    pub fn new(power: Power) -> ManualPower {
        let device = Device { power, ..Device::default() };
        ManualPower { device: Arc::new(Mutex::new(device)), listener: None }
    }

    /// Changes the state. Reports nothing if it is the same as before.
    pub fn set(&self, power: Power) {
        let mut device = self.lock();
        if device.power != power {
            device.power = power;
            device.listeners.values().for_each(|on_change| on_change(power));
        }
    }

    /// The state as last set.
    pub fn power(&self) -> Power {
        self.lock().power
    }

    /// A listener that panicked has changed nothing here, so the state is good.
    fn lock(&self) -> MutexGuard<'_, Device> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for ManualPower {
    fn clone(&self) -> ManualPower {
        ManualPower { device: Arc::clone(&self.device), listener: None }
    }
}

impl PowerMonitor for ManualPower {
    fn start(&mut self, on_change: OnPowerChange) {
        let mut device = self.device.lock().unwrap_or_else(PoisonError::into_inner);
        on_change(device.power);
        let listener = *self.listener.get_or_insert_with(|| {
            device.listeners_ever += 1;
            device.listeners_ever
        });
        device.listeners.insert(listener, on_change);
    }
}

impl Drop for ManualPower {
    fn drop(&mut self) {
        if let Some(listener) = self.listener {
            self.lock().listeners.remove(&listener);
        }
    }
}

impl fmt::Debug for ManualPower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualPower").field("power", &self.power()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // R227
    fn the_present_state_is_told_at_once_then_each_change_once_and_nothing_after_the_end() {
        let power = ManualPower::default();
        let mut monitor = power.clone();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let notes = heard.clone();
        monitor.start(Box::new(move |power| notes.lock().unwrap().push(power.charging)));
        let on_battery = Power { charging: false, ..Power::default() };
        power.set(on_battery);
        power.set(on_battery);
        power.set(Power::default());
        drop(monitor);
        power.set(on_battery);
        assert_eq!(*heard.lock().unwrap(), [true, false, true]);
        assert_eq!(power.power(), on_battery);
    }
}
