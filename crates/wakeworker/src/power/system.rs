//! The power supply as the operating system sees it.

use super::supply::is_charging;
use super::{OnPowerChange, PowerMonitor};
#[cfg(target_os = "linux")]
use crate::network::system::Woken;
#[cfg(target_os = "linux")]
use crate::network::system::netlink::Watch;
use crate::watch_thread::{Listener, WatchThread};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use wakeworker_core::Power;

/// Reports whether a battery is being drained (R227).
///
/// It sleeps until the kernel says that a device has changed, and then reads the power supplies. It never polls: while
/// nothing changes there is a sleeping thread and no timer. Battery and data saver are the desktop's matter; a host that
/// knows of them says so with [`crate::HostHandle::set_saving`].
pub struct SystemPower {
    class: PathBuf,
    watch: Option<Watch>,
    thread: Option<WatchThread<OnPowerChange>>,
}

/// Where Linux describes the power supplies.
const CLASS: &str = "/sys/class/power_supply";

impl SystemPower {
    /// Subscribes to the system's notices.
    ///
    /// # Errors
    ///
    /// If the system gives none to this process, for example inside a sandbox, or if it is not Linux. A host may then
    /// use [`super::ManualPower`], or none: the device counts as plugged in.
    pub fn new() -> io::Result<SystemPower> {
        Ok(SystemPower { class: CLASS.into(), watch: Some(watch()?), thread: None })
    }
}

impl PowerMonitor for SystemPower {
    fn start(&mut self, on_change: OnPowerChange) {
        let charging = is_charging(&self.class);
        on_change(Power { charging, ..Power::default() });
        // A second start takes over the thread of the first one.
        if let Some(thread) = &self.thread {
            return thread.tell(on_change);
        }
        let Some(watch) = self.watch.take() else { return };
        let (ender, class) = (watch.ender(), self.class.clone());
        let run = move |listener: &Listener<OnPowerChange>| run(watch, &class, charging, listener);
        // Without a thread nothing more will be heard: what was read stays.
        self.thread =
            WatchThread::start("wakeworker-power", &Listener::new(on_change), move || ender.end(), run).ok();
    }
}

impl fmt::Debug for SystemPower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemPower").field("started", &self.thread.is_some()).finish_non_exhaustive()
    }
}

#[cfg(target_os = "linux")]
fn watch() -> io::Result<Watch> {
    Watch::of_devices()
}

#[cfg(target_os = "linux")]
fn run(mut watch: Watch, class: &Path, mut known: bool, listener: &Listener<OnPowerChange>) {
    loop {
        match watch.wait(None) {
            Ok(Woken::Changed) => {}
            Ok(Woken::TimedOut) => continue,
            Ok(Woken::Ended) | Err(_) => return,
        }
        let charging = is_charging(class);
        if charging != known {
            known = charging;
            listener.with(|on_change| on_change(Power { charging, ..Power::default() }));
        }
    }
}

/// Another system: nothing there is understood here, so there is never a watch to wait for.
#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use super::{Listener, OnPowerChange};
    use std::convert::Infallible;
    use std::io;
    use std::path::Path;

    pub(super) struct Watch(Infallible);
    pub(super) struct Ender(Infallible);

    impl Watch {
        pub(super) fn ender(&self) -> Ender {
            match self.0 {}
        }
    }

    impl Ender {
        pub(super) fn end(&self) {
            match self.0 {}
        }
    }

    pub(super) fn watch() -> io::Result<Watch> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the power supply of this system cannot be watched; set it by hand with `ManualPower`",
        ))
    }

    pub(super) fn run(watch: Watch, _: &Path, _: bool, _: &Listener<OnPowerChange>) {
        match watch.0 {}
    }
}
#[cfg(not(target_os = "linux"))]
use elsewhere::{Watch, run, watch};

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[test] // R227
    fn the_present_state_is_told_at_once_and_the_thread_ends_with_the_monitor() {
        // A sandbox may forbid the notices; then there is nothing to test but the refusal.
        let Ok(mut monitor) = SystemPower::new() else { return };
        let class = tempfile::tempdir().unwrap();
        std::fs::create_dir(class.path().join("BAT0")).unwrap();
        std::fs::write(class.path().join("BAT0/type"), "Battery\n").unwrap();
        std::fs::write(class.path().join("BAT0/status"), "Discharging\n").unwrap();
        monitor.class = class.path().to_owned();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let notes = heard.clone();
        monitor.start(Box::new(move |power| notes.lock().unwrap().push(power)));
        drop(monitor);
        assert_eq!(*heard.lock().unwrap(), [Power { charging: false, ..Power::default() }]);
        assert_eq!(Arc::strong_count(&heard), 1, "the listener is gone");
    }
}
