//! A commit that failed may have reached the store all the same. What is found there afterwards tells, and decides whether
//! the inputs behind it must be handled again: an attempt that is counted twice, or a registration that is taken for an
//! older one, would lose what was acknowledged (design decision 3; R36, R171).

use std::collections::BTreeMap;
use wakeworker_core::{AttemptId, Change, Effect, Engine, InFlight, Now, Snapshot, Step};

/// A step of which nobody knows whether it was written.
pub(super) struct Doubt {
    at: Now,
    step: Step,
    /// How many of the inputs that wait to be handled again led to it: the first ones.
    pub(super) inputs: usize,
    /// The events that had ended by then.
    pub(super) ended: Vec<AttemptId>,
    /// The events that began with it. No worker gets them, because nobody knows whether they are written.
    unreached: Vec<InFlight>,
}

impl Doubt {
    /// `engine` is as the step has left it; `running` are the events that workers have got.
    pub(super) fn new<'a>(
        at: Now,
        step: Step,
        inputs: usize,
        engine: &Engine,
        running: impl Iterator<Item = &'a AttemptId>,
    ) -> Doubt {
        let ended = running.copied().filter(|attempt| engine.in_flight(*attempt).is_none()).collect();
        let begun = step.effects.iter().filter_map(|effect| match effect {
            Effect::Dispatch(dispatch) => engine.in_flight(dispatch.attempt).cloned(),
            _ => None,
        });
        Doubt { at, inputs, ended, unreached: begun.collect(), step }
    }

    /// Whether the store is as the step would have left it. If so it makes no difference who wrote it.
    pub(super) fn was_written(&self, found: &Snapshot) -> bool {
        let mut syncs = BTreeMap::new();
        let mut workers = BTreeMap::new();
        let mut fires = BTreeMap::new();
        let mut last_round = None;
        for change in &self.step.changes {
            match change {
                Change::PutSyncRegistration(sync) => {
                    syncs.insert(sync.id, Some(sync));
                }
                Change::RemoveSyncRegistration(id) => {
                    syncs.insert(*id, None);
                }
                Change::PutWorkerRegistration(worker) => {
                    workers.insert(worker.id, Some(worker));
                }
                Change::RemoveWorkerRegistration(id) => {
                    workers.insert(*id, None);
                    // Its entries go with it.
                    syncs.retain(|_, sync| sync.is_none_or(|sync| sync.worker_registration != *id));
                }
                Change::PutOriginFire { storage_key, last_fire } => {
                    fires.insert(storage_key, Some(*last_fire));
                }
                Change::RemoveOriginFire { storage_key } => {
                    fires.insert(storage_key, None);
                }
                Change::PutLastRound(time) => last_round = Some(*time),
                Change::Record(_) => {}
            }
        }
        syncs.iter().all(|(id, sync)| found.sync_registrations.iter().find(|found| found.id == *id) == *sync)
            && workers.iter().all(|(id, worker)| {
                found.worker_registrations.iter().find(|found| found.id == *id) == *worker
            })
            && fires.iter().all(|(key, time)| {
                found.origin_fires.iter().find(|(found, _)| found == *key).map(|(_, time)| *time) == *time
            })
            && last_round.is_none_or(|time| found.last_round == Some(time))
    }

    /// The events that a step has begun which was written after all. The store says that they run; they never did.
    pub(super) fn unreached(&self) -> impl Iterator<Item = (Now, &InFlight)> {
        self.unreached.iter().map(|event| (self.at, event))
    }

    /// What must still be done about a step that was written after all: ended events are stopped, and whoever waited for
    /// one is answered. New events are not dispatched, see [`Doubt::unreached`].
    pub(super) fn into_effects(self) -> impl Iterator<Item = Effect> {
        self.step.effects.into_iter().filter(|effect| {
            matches!(effect, Effect::Terminate(_) | Effect::Resolve(..) | Effect::Reject(..))
        })
    }
}
