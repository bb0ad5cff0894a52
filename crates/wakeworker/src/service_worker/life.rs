//! The life of a worker object: what `Destroying` is raised for.

use crate::observer::{Observers, Subscription};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
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
pub(crate) struct Lives {
    lives: Mutex<Vec<Weak<WorkerLife>>>,
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
        let mut lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        lives.retain(|life| life.strong_count() > 0);
        let found = lives
            .iter()
            .filter_map(Weak::upgrade)
            .find(|life| life.registration == registration && life.worker == worker);
        found.unwrap_or_else(|| {
            let life = Arc::new(WorkerLife {
                registration,
                worker,
                ended: AtomicBool::new(false),
                destroying: Observers::default(),
            });
            lives.push(Arc::downgrade(&life));
            life
        })
    }

    /// Ends the life of a worker: its observers are told once, and objects made from now on have another life (R219).
    pub(crate) fn end(&self, registration: WorkerRegistrationId, worker: WorkerId) {
        let mut lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        let at = lives.iter().position(|life| {
            life.upgrade().is_some_and(|life| life.registration == registration && life.worker == worker)
        });
        let ended = at.and_then(|at| lives.swap_remove(at).upgrade());
        drop(lives); // Observers may ask for worker objects.
        if let Some(life) = ended {
            // Whoever subscribes after this is not called: the life is no longer in the list.
            life.ended.store(true, Ordering::Release);
            life.destroying.notify(&());
        }
    }
}
