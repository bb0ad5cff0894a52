//! What happens when the host comes: the runtime's registrations and the engine's are brought together.

use crate::agent::lock;
use crate::shared::Shared;
use std::collections::BTreeMap;
use std::sync::Arc;
use wakeworker_core::ActiveWorker;

impl Shared {
    /// Compares with the engine's durable registrations, tells it of the active workers, removes orphans on both sides
    /// and promotes waiting workers.
    pub(crate) fn reconcile(self: &Arc<Shared>) {
        self.compare_with_host();
        self.reconciled.open();
    }

    fn compare_with_host(self: &Arc<Shared>) {
        let Some(host) = self.host.get() else { return };
        let Ok(theirs) = host.worker_registrations().wait() else { return };
        let mut theirs: BTreeMap<_, _> = theirs.into_iter().map(|found| (found.id, found)).collect();
        let ours: Vec<_> = {
            let registry = lock(&self.registry);
            registry
                .registrations
                .values()
                .map(|found| (found.id, found.active.clone(), found.waiting.is_some()))
                .collect()
        };
        for (id, active, waits) in ours {
            let Some(known) = theirs.remove(&id) else {
                // The engine forgot it: its removal was durable there and not yet here.
                self.forget(id);
                continue;
            };
            if let Some(worker) = active {
                let expected = ActiveWorker { id: worker.id, activated: true };
                if known.active != Some(expected) {
                    self.tell_host(&worker, true);
                }
            }
            if waits {
                self.try_activate(id);
            }
        }
        for (id, known) in theirs {
            // The scripts are lost, but the worker's number is in the engine's records: no other worker gets it. If it
            // cannot be noted now, it is at the next start.
            if let Some(active) = known.active {
                let _ = self.store.skip_worker_ids(active.id);
            }
            // The process died between the engine's write and ours, before anything was installed. A registration
            // with an active worker whose scripts are lost stays, so that no entry is lost with it (D15).
            if known.active.is_none() && self.registration(id).is_none() {
                host.remove_worker_registration_then(id, |_| {});
            }
        }
    }

    fn forget(self: &Arc<Shared>, id: wakeworker_core::WorkerRegistrationId) {
        let removed = lock(&self.registry).remove(id);
        if let Some(registration) = removed {
            for worker in registration.workers() {
                worker.set_state(crate::agent::State::Redundant);
                worker.retire();
            }
        }
        // A row that cannot be removed now is found again at the next start.
        let _ = self.store.remove_registration(id);
        self.lifecycle.emit(crate::emitter::LifecycleEvent::Unregistered(id));
    }
}
