//! What the engine knows of an origin beside its registrations: when it last fired, and what the host says of it.

use crate::engine::Engine;
use crate::time::Moment;
use crate::{Change, Config, ExtraInterval, Monotonic, Now, Step, StorageKey, WorkerRegistrationId};
use alloc::string::String;

/// One storage key (R175: partitions of an origin are as separate as origins).
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// What the host adds to its smallest gap (R112).
    pub(crate) extra: ExtraInterval,
    /// The user is busy with it (R250).
    pub(crate) in_use: bool,
    /// It may register without a window (R249).
    pub(crate) without_window: bool,
    /// The host says that it cannot be reached (R57).
    pub(crate) unreachable: bool,
    /// "Time of last fire" of the specification: when a periodic event last succeeded; `None`: never (R118).
    pub(crate) last_fire: Option<Moment>,
    /// Its periodic events that run now.
    pub(crate) firing: u32,
    /// Its entries of both kinds.
    pub(crate) entries: usize,
    hour_began: Option<Monotonic>,
    events_this_hour: u32,
}

impl Origin {
    /// "Effective minimum sync interval for an origin"; `None` is Infinity (R112).
    pub(crate) fn effective_minimum_ms(&self, config: &Config) -> Option<u64> {
        match self.extra {
            ExtraInterval::Never => None,
            ExtraInterval::Ms(_) if self.in_use => Some(0), // R250
            ExtraInterval::Ms(extra) => Some(config.min_interval_any_origin_ms.saturating_add(extra)),
        }
    }

    /// Whether it gets no periodic events until the host says otherwise (R113).
    pub(crate) fn is_suspended(&self) -> bool {
        self.extra == ExtraInterval::Never
    }

    /// When the gap since its last event ends; `None` if nothing is to be waited for.
    pub(crate) fn gap_ends(&self, config: &Config) -> Option<Moment> {
        Some(self.last_fire?.plus_ms(self.effective_minimum_ms(config)?))
    }

    /// Whether its running periodic events keep others back: their end begins a new gap (R109).
    pub(crate) fn gap_is_open(&self, config: &Config) -> bool {
        self.firing > 0 && self.effective_minimum_ms(config).is_some_and(|gap| gap > 0)
    }

    /// When the next event is allowed, if the limit of this hour is reached (R173).
    pub(crate) fn next_event_allowed(&self, config: &Config, now: Now) -> Option<Monotonic> {
        let hour_ends = self.hour_began?.plus_ms(HOUR_MS);
        let full = self.events_this_hour >= config.events_per_origin_and_hour_max?;
        (full && hour_ends > now.mono).then_some(hour_ends)
    }

    fn count_event(&mut self, now: Now) {
        let in_this_hour = self.hour_began.is_some_and(|began| began.plus_ms(HOUR_MS) > now.mono);
        if !in_this_hour {
            self.hour_began = Some(now.mono);
            self.events_this_hour = 0;
        }
        self.events_this_hour = self.events_this_hour.saturating_add(1);
    }
}

impl Engine {
    /// What is known of a storage key.
    pub(crate) fn origin(&self, storage_key: &StorageKey) -> Option<&Origin> {
        self.origins.get(storage_key)
    }

    pub(crate) fn origin_mut(&mut self, storage_key: &StorageKey) -> &mut Origin {
        self.origins.entry(storage_key.clone()).or_default()
    }

    /// The storage key of a worker registration.
    pub(crate) fn storage_key_of(&self, owner: WorkerRegistrationId) -> Option<StorageKey> {
        self.workers.get(&owner).map(|worker| worker.record.storage_key.clone())
    }

    /// The worker registrations of a storage key.
    pub(crate) fn workers_of(
        &self,
        storage_key: &StorageKey,
    ) -> impl Iterator<Item = WorkerRegistrationId> + '_ {
        let first = (storage_key.clone(), String::new());
        let storage_key = storage_key.clone();
        self.by_scope.range(first..).take_while(move |((key, _), _)| *key == storage_key).map(|(_, &id)| id)
    }

    /// An event of the origin is dispatched: it counts against the limit of the hour (R173).
    pub(crate) fn count_event(&mut self, storage_key: &StorageKey, now: Now) {
        if self.config.events_per_origin_and_hour_max.is_some() {
            self.origin_mut(storage_key).count_event(now);
        }
    }

    /// A periodic event of the origin has succeeded (R125).
    pub(crate) fn set_last_fire(&mut self, storage_key: &StorageKey, now: Now, step: &mut Step) {
        self.origin_mut(storage_key).last_fire = Some(now.moment());
        let storage_key = storage_key.clone();
        step.changes.push(Change::PutOriginFire { storage_key, last_fire: now.wall });
    }

    /// The data of a storage key is cleared, and with it the trace of its last event (R163).
    pub(crate) fn forget_last_fire(&mut self, storage_key: &StorageKey, step: &mut Step) {
        let known = self.origins.get_mut(storage_key).and_then(|origin| origin.last_fire.take());
        if known.is_some() {
            step.changes.push(Change::RemoveOriginFire { storage_key: storage_key.clone() });
        }
    }
}

const HOUR_MS: u64 = 3_600_000;
