//! The proof that a network leads somewhere: a URL that the operator sets must answer.

mod reachability;
mod request;

pub use request::{Expected, Probe, ProbeError};

use super::{NetworkMonitor, OnChange};
use crate::clock::{Clock as _, SystemClock};
use reachability::{Backoff, Next, Reachability};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;
use wakeworker_core::Connection;

/// Reports a connection only when the monitor below sees one *and* the probe is answered.
///
/// The monitor below gives the hint. While it says that there is no network, or once the probe has been answered,
/// nothing is asked and there is neither thread nor timer; only a network that does not answer is asked again, ever
/// more rarely.
pub struct ProbedNetwork {
    inner: Box<dyn NetworkMonitor>,
    shared: Arc<Shared>,
}

struct Shared {
    probe: Probe,
    clock: SystemClock,
    state: Mutex<State>,
    /// Notified when the hint or the listener changes.
    changed: Condvar,
}

struct State {
    reachability: Reachability,
    /// `None` before the start and after the end: then nobody is told and no thread goes on.
    on_change: Option<OnChange>,
    /// Whether the thread that probes exists.
    probing: bool,
}

impl ProbedNetwork {
    /// Proves by `probe` what `inner` hints at.
    pub fn over(inner: Box<dyn NetworkMonitor>, probe: Probe) -> ProbedNetwork {
        let backoff = Backoff { initial_ms: probe.retry_delay_initial_ms, max_ms: probe.retry_delay_max_ms };
        let state = State { reachability: Reachability::new(backoff), on_change: None, probing: false };
        let shared =
            Shared { probe, clock: SystemClock::new(), state: Mutex::new(state), changed: Condvar::new() };
        ProbedNetwork { inner, shared: Arc::new(shared) }
    }
}

impl NetworkMonitor for ProbedNetwork {
    fn start(&mut self, on_change: OnChange) {
        {
            let mut state = self.shared.lock();
            // What a former listener was told, the new one does not know.
            state.reachability.forget_reports();
            state.on_change = Some(on_change);
        }
        let shared = Arc::clone(&self.shared);
        self.inner.start(Box::new(move |hint| Shared::hinted(&shared, hint)));
    }
}

impl Drop for ProbedNetwork {
    fn drop(&mut self) {
        self.shared.lock().on_change = None;
        self.shared.changed.notify_all();
    }
}

impl fmt::Debug for ProbedNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbedNetwork").field("probe", &self.shared.probe).finish_non_exhaustive()
    }
}

impl Shared {
    fn hinted(self: &Arc<Shared>, hint: Connection) {
        let mut state = self.lock();
        let report = state.reachability.hinted(self.clock.now().mono, hint);
        state.report(report);
        if state.probing || state.reachability.next(self.clock.now().mono) == Next::Rest {
            self.changed.notify_all();
            return;
        }
        let shared = Arc::clone(self);
        let spawned = Builder::new().name("wakeworker-probe".into()).spawn(move || shared.probe_until_rest());
        match spawned {
            Ok(_) => state.probing = true,
            // What cannot be proven for want of a thread is believed (R53).
            Err(_) => state.report(Some(hint)),
        }
    }

    fn probe_until_rest(&self) {
        let mut state = self.lock();
        while state.on_change.is_some() {
            let now = self.clock.now().mono;
            match state.reachability.next(now) {
                Next::Rest => break,
                Next::WaitUntil(at) => {
                    let delay = Duration::from_millis(at.ms_since(now));
                    let waited = self.changed.wait_timeout(state, delay);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                Next::Probe(network) => {
                    drop(state);
                    let reachable = self.probe.is_answered();
                    state = self.lock();
                    let report = state.reachability.answered(self.clock.now().mono, network, reachable);
                    state.report(report);
                }
            }
        }
        state.probing = false;
    }

    /// A listener that panicked has changed nothing here, so the state is good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn report(&self, connection: Option<Connection>) {
        if let (Some(connection), Some(on_change)) = (connection, &self.on_change) {
            on_change(connection);
        }
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
