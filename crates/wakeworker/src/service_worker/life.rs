//! The life of a worker object: what `Destroying` is raised for.

use crate::observer::{Observers, Subscription};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use wakeworker_core::{WorkerId, WorkerRegistrationId};

/// What all clones of one worker object share.
pub(crate) struct WorkerLife {
    pub(crate) registration: WorkerRegistrationId,
    pub(crate) worker: WorkerId,
    ended: AtomicBool,
    destroying: Observers<()>,
}

/// The lives that somebody holds.
#[derive(Default)]
pub(crate) struct Lives(Mutex<State>);

#[derive(Default)]
struct State {
    lives: BTreeMap<(WorkerRegistrationId, WorkerId), Weak<WorkerLife>>,
    /// At this size those that nobody holds any more are removed.
    prune_at: usize,
}

impl WorkerLife {
    /// Calls `observer` when the life ends; never if it has ended already (R219).
    pub(crate) fn on_destroying(
        self: &Arc<WorkerLife>,
        observer: impl Fn() + Send + Sync + 'static,
    ) -> Subscription {
        let subscription = self.destroying.subscribe(move |()| observer());
        subscription.keeping(Arc::clone(self))
    }

    /// Whether `Destroying` was raised.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

impl Lives {
    /// The life that goes on for this worker, or a new one.
    pub(crate) fn of(&self, registration: WorkerRegistrationId, worker: WorkerId) -> Arc<WorkerLife> {
        let mut state = self.lock();
        let found = state.lives.get(&(registration, worker)).and_then(Weak::upgrade);
        found.unwrap_or_else(|| {
            let life = Arc::new(WorkerLife {
                registration,
                worker,
                ended: AtomicBool::new(false),
                destroying: Observers::default(),
            });
            state.lives.insert((registration, worker), Arc::downgrade(&life));
            if state.lives.len() > state.prune_at {
                state.lives.retain(|_, life| life.strong_count() > 0);
                state.prune_at = 2 * state.lives.len() + 16;
            }
            life
        })
    }

    /// Ends the life of a worker: its observers are told once, and objects made from now on have another life (R219).
    pub(crate) fn end(&self, registration: WorkerRegistrationId, worker: WorkerId) {
        let ended = self.lock().lives.remove(&(registration, worker)).and_then(|life| life.upgrade());
        // Nothing is locked: observers may ask for worker objects.
        if let Some(life) = ended {
            // Whoever subscribes after this is not called: the life is no longer in the list.
            life.ended.store(true, Ordering::Release);
            life.destroying.notify(&());
        }
    }

    /// None of the code under the lock can panic between two writes that belong together.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
