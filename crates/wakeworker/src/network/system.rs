//! The connection as the operating system sees it: a hint, because an address is no proof that anything answers.

#[cfg(any(target_os = "ios", target_os = "macos", target_os = "windows"))]
mod if_watch;
mod interfaces;
#[cfg(target_os = "linux")]
pub(crate) mod netlink;
mod settling;
#[cfg(not(any(target_os = "ios", target_os = "linux", target_os = "macos", target_os = "windows")))]
mod unsupported;

use super::{NetworkMonitor, OnChange};
use crate::clock::{Clock as _, SystemClock};
use crate::watch_thread::{Listener, WatchThread};
#[cfg(any(target_os = "ios", target_os = "macos", target_os = "windows"))]
use if_watch::Watch;
use interfaces::Interfaces;
#[cfg(target_os = "linux")]
use netlink::Watch;
use settling::Settling;
use std::fmt;
use std::io;
use std::time::Duration;
#[cfg(not(any(target_os = "ios", target_os = "linux", target_os = "macos", target_os = "windows")))]
use unsupported::Watch;
use wakeworker_core::{Connection, Now};

/// Reports a connection while an interface that is up has an address through which other machines may be reached.
///
/// It sleeps until the system says that something has changed, and then lets the network come to rest for a quarter
/// of a second (R58). It never polls: while nothing changes there is a sleeping thread and no timer.
pub struct SystemNetwork {
    watch: Option<Watch>,
    thread: Option<WatchThread<OnChange>>,
}

/// Why a wait is over.
pub(crate) enum Woken {
    Changed,
    TimedOut,
    Ended,
}

impl SystemNetwork {
    /// Subscribes to the system's notices.
    ///
    /// # Errors
    ///
    /// If the system gives none to this process, for example inside a sandbox. A host may then assume a connection
    /// (R53) or prove it by a probe.
    pub fn new() -> io::Result<SystemNetwork> {
        Ok(SystemNetwork { watch: Some(Watch::new()?), thread: None })
    }
}

impl NetworkMonitor for SystemNetwork {
    fn start(&mut self, on_change: OnChange) {
        let interfaces = Interfaces::read();
        on_change(interfaces.connection); // R55
        // A second start takes over the thread of the first one.
        if let Some(thread) = &self.thread {
            return thread.tell(on_change);
        }
        let Some(watch) = self.watch.take() else { return };
        let (ender, listener) = (watch.ender(), Listener::new(on_change));
        let run = move |listener: &Listener<OnChange>| run(watch, interfaces, listener);
        match WatchThread::start("wakeworker-network", &listener, move || ender.end(), run) {
            Ok(thread) => self.thread = Some(thread),
            // Without a thread nothing more will be heard, so whatever there is counts as online (R53).
            Err(_) => report(&listener, Connection::Unknown),
        }
    }
}

impl fmt::Debug for SystemNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemNetwork").field("started", &self.thread.is_some()).finish_non_exhaustive()
    }
}

fn run(mut watch: Watch, mut known: Interfaces, listener: &Listener<OnChange>) {
    let clock = SystemClock::new();
    let mut settling = Settling::default();
    loop {
        let timeout = settling.deadline().map(|deadline| {
            let Now { mono, .. } = clock.now();
            Duration::from_millis(deadline.ms_since(mono))
        });
        match watch.wait(timeout) {
            Ok(Woken::Changed) => settling.stirred(clock.now().mono),
            Ok(Woken::TimedOut) => {}
            Ok(Woken::Ended) => return,
            // The system has ended its notices: what cannot be known counts as online (R53).
            Err(_) => return report(listener, Connection::Unknown),
        }
        if settling.settled(clock.now().mono) {
            let found = Interfaces::read();
            if found != known && (found.connection.is_online() || known.connection.is_online()) {
                report(listener, found.connection); // R56
            }
            known = found;
        }
    }
}

fn report(listener: &Listener<OnChange>, connection: Connection) {
    listener.with(|on_change| on_change(connection));
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::network::testing::Heard;

    #[test] // R55
    fn the_present_connection_is_told_at_once_and_the_thread_ends_with_the_monitor() {
        let mut monitor = SystemNetwork::new().unwrap();
        let (first, second) = (Heard::default(), Heard::default());
        monitor.start(first.listener());
        monitor.start(second.listener());
        assert_eq!(first.all(), second.all());
        assert_eq!(first.all().len(), 1);
        drop(monitor); // Would hang if the thread did not end.
    }

    #[test]
    fn a_wait_is_ended_before_and_while_it_sleeps() {
        let mut watch = Watch::new().unwrap();
        let ender = watch.ender();
        ender.end();
        while !matches!(watch.wait(None).unwrap(), Woken::Ended) {}
        let waiting = std::thread::spawn(move || while !matches!(watch.wait(None).unwrap(), Woken::Ended) {});
        ender.end();
        waiting.join().unwrap();
    }
}
