//! Gives up on threads that do not listen.
//!
//! A worker that goes beyond a limit is stopped by the engine's interrupt handler, which the engine calls between
//! instructions. Some of its built-in functions loop for very long without calling it: `[].indexOf.call({length: 2**53})`
//! takes centuries. Nothing inside a process can end such a thread. What can be done is done here: its events are
//! answered, its worker does not run any more as far as everybody else is concerned, it gets only the processor time that
//! nobody else wants, and its origin starts no further worker while it lasts.

use super::task::EventOutcome;
use super::{Run, StopReason, Worker, lock};
use crate::clock::{self, Moment};
use crate::shared::Shared;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

/// What a run tells of itself, from its own thread.
#[derive(Default)]
pub(crate) struct Pulse {
    /// Grows whenever the thread could have been stopped.
    beats: AtomicU64,
    /// The thread waits for something that is not the script.
    waits: AtomicBool,
    /// The system's number of the thread, where it has one that others can use.
    thread: AtomicU32,
    /// Everybody else goes on without it.
    given_up: AtomicBool,
}

impl Pulse {
    /// The thread could be stopped at this moment.
    pub(crate) fn beat(&self) {
        self.beats.store(self.beats.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// The thread begins or ends to wait for something that is not the script.
    pub(crate) fn set_waiting(&self, waits: bool) {
        self.beat();
        self.waits.store(waits, Ordering::Release);
    }

    /// Whether this run is over for everybody but its own thread.
    pub(crate) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }
}

/// Watches the runs of one runtime. Has a thread while a script runs, and no timer while none does.
#[derive(Default)]
pub(crate) struct Watchdog {
    state: Mutex<State>,
    changed: Condvar,
    /// The thread looks at the runs again by itself.
    awake: AtomicBool,
}

#[derive(Default)]
struct State {
    has_thread: bool,
    watched: Vec<Watched>,
    /// Threads that were given up and live on, with their origins.
    stuck: Vec<(String, Weak<()>)>,
}

struct Watched {
    worker: Arc<Worker>,
    run: Arc<Run>,
    alive: Weak<()>,
    beats: u64,
    since: Moment,
}

impl Watchdog {
    /// Why an origin may start no worker now, if so.
    pub(crate) fn refusal(&self, origin: &str) -> Option<String> {
        let mut state = lock(&self.state);
        state.stuck.retain(|(_, alive)| alive.strong_count() > 0);
        state.stuck.iter().any(|(stuck, _)| stuck == origin).then(|| {
            format!(
                "a worker of {origin} is stuck in a built-in function that cannot be interrupted; no other one is started \
                 until that ends"
            )
        })
    }

    /// Watches a run from now on; `alive` is held by its thread.
    pub(super) fn watch(shared: &Arc<Shared>, worker: &Arc<Worker>, run: &Arc<Run>, alive: &Arc<()>) {
        // In virtual time nothing may depend on how long the machine takes.
        if shared.time.driven().is_some() {
            return;
        }
        let mut state = lock(&shared.watchdog.state);
        state.watched.push(Watched {
            worker: worker.clone(),
            run: run.clone(),
            alive: Arc::downgrade(alive),
            beats: 0,
            since: clock::now(),
        });
        let needs_thread = !std::mem::replace(&mut state.has_thread, true);
        drop(state);
        if needs_thread {
            shared.in_background("wakeworker-watchdog", |shared| shared.watchdog.run(shared));
        }
    }

    /// A thread has something to do: it will be looked at.
    pub(super) fn wake(&self) {
        if !self.awake.swap(true, Ordering::AcqRel) {
            drop(lock(&self.state));
            self.changed.notify_all();
        }
    }

    /// The host shuts down.
    pub(crate) fn close(&self) {
        drop(lock(&self.state));
        self.changed.notify_all();
    }

    fn run(&self, shared: &Arc<Shared>) {
        let longest = Duration::from_millis(shared.config.unresponsive_ms_max);
        let mut state = lock(&self.state);
        loop {
            let given_up = state.look(longest);
            if !given_up.is_empty() {
                drop(state);
                for watched in given_up {
                    give_up(shared, &watched);
                }
                state = lock(&self.state);
                continue;
            }
            if shared.is_closing() || state.watched.is_empty() {
                state.has_thread = false;
                return;
            }
            if state.watched.iter().all(|watched| watched.run.pulse.waits.load(Ordering::Acquire)) {
                self.awake.store(false, Ordering::Release);
                // A thread may have become busy just before; it is seen here, or its `wake` is heard below.
                let waits = |state: &mut State| {
                    !shared.is_closing()
                        && !self.awake.load(Ordering::Acquire)
                        && state.watched.iter().all(|watched| {
                            watched.alive.strong_count() > 0
                                && watched.run.pulse.waits.load(Ordering::Acquire)
                        })
                };
                state = self.changed.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner);
                self.awake.store(true, Ordering::Release);
            } else {
                state = self
                    .changed
                    .wait_timeout(state, longest / LOOKS)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            }
        }
    }
}

/// How often a run is looked at before it is given up.
const LOOKS: u32 = 4;

impl State {
    /// Forgets runs that have ended, and takes out those that have not listened for too long.
    fn look(&mut self, longest: Duration) -> Vec<Watched> {
        let now = clock::now();
        self.watched.retain(|watched| watched.alive.strong_count() > 0);
        for watched in &mut self.watched {
            let pulse = &watched.run.pulse;
            let beats = pulse.beats.load(Ordering::Relaxed);
            if beats != watched.beats || pulse.waits.load(Ordering::Acquire) {
                (watched.beats, watched.since) = (beats, now);
            }
        }
        let is_stuck = |watched: &mut Watched| now.saturating_duration_since(watched.since) >= longest;
        let stuck: Vec<Watched> = self.watched.extract_if(.., is_stuck).collect();
        for watched in &stuck {
            let origin = watched.worker.storage_key.origin().to_owned();
            self.stuck.push((origin, watched.alive.clone()));
        }
        stuck
    }
}

fn give_up(shared: &Arc<Shared>, watched: &Watched) {
    let (worker, run) = (&watched.worker, &watched.run);
    run.pulse.given_up.store(true, Ordering::Release);
    // If it ever comes back it ends at once.
    run.control.stop(StopReason::Stuck);
    lower_priority(run.pulse.thread.load(Ordering::Acquire));
    let text = StopReason::Stuck.text();
    run.open.end(text);
    worker.run_ended(shared, run, Some(EventOutcome::Terminated(text.to_owned())));
    shared.warn(worker.id, text.to_owned());
    shared.worker_stopped(worker);
}

/// Notes which thread this is, so that it can be told later to stand back.
pub(super) fn note_thread(pulse: &Pulse) {
    #[cfg(target_os = "linux")]
    pulse.thread.store(rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned(), Ordering::Release);
    #[cfg(not(target_os = "linux"))]
    let _ = pulse;
}

/// On Linux a thread has a priority of its own. Elsewhere the thread keeps competing with the others.
fn lower_priority(thread: u32) {
    #[cfg(target_os = "linux")]
    if let Some(thread) = rustix::process::Pid::from_raw(thread.cast_signed()) {
        // The thread may have ended meanwhile, or the system may not allow it; there is nothing better to do then.
        let _ = rustix::process::setpriority_process(Some(thread), LOWEST_PRIORITY);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = thread;
}

#[cfg(target_os = "linux")]
const LOWEST_PRIORITY: i32 = 19;
