//! Where the state of the power supply comes from (R117, R227).
//!
//! * [`ManualPower`] says what it is told: for hosts that know better, and for tests (R183).

#![cfg_attr(
    feature = "system-network",
    doc = "* [`SystemPower`] reads it from the operating system, on Linux."
)]
//!
//! A host without a monitor counts as a machine that is plugged in and saves nothing.

mod manual;
#[cfg(feature = "system-network")]
mod supply;
#[cfg(feature = "system-network")]
mod system;

pub use manual::ManualPower;
#[cfg(feature = "system-network")]
pub use system::SystemPower;

use wakeworker_core::Power;

/// Is told the state. It is called under the monitor's lock, so that reports keep their order; it may only enqueue.
pub type OnPowerChange = Box<dyn Fn(Power) + Send + Sync>;

/// Watches the power supply and the saving modes of the device.
///
/// A monitor has no thread and no timer unless it needs one, and dropping it ends both: once `drop` has returned,
/// `on_change` is not called any more.
pub trait PowerMonitor: Send {
    /// Starts watching. `on_change` is called with the present state before this returns, and then whenever it changes,
    /// from any thread, in order.
    fn start(&mut self, on_change: OnPowerChange);
}
