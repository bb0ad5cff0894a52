//! Sync registrations as the engine holds them, and the ways to find them.
//!
//! A profile may hold a million entries, so the record is packed: what few entries have lies behind one pointer, and the
//! index by tag is a list of ids for each worker registration.

use crate::engine::Engine;
use crate::time::Moment;
use crate::{
    AttemptId, Conditions, Monotonic, NetworkId, Now, StorageKey, SyncKind, SyncOptions, SyncRegistration,
    SyncRegistrationId, Tag, Timestamp, WorkerRegistration, WorkerRegistrationId,
};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// A sync registration: the durable record and what only this process knows of it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) owner: WorkerRegistrationId,
    pub(crate) tag: Tag,
    pub(crate) registered_at: Timestamp,
    /// 0 for one-off entries.
    pub(crate) min_interval_ms: u64,
    /// Periodic: the anchor time of the specification, to be stored.
    pub(crate) anchor: Timestamp,
    /// Periodic: from when the minimum interval counts, on the clock that does not jump (D30).
    pub(crate) counts_from: Moment,
    last_success: PackedTime,
    pub(crate) phase: Phase,
    pub(crate) attempts_max: u32,
    pub(crate) kind: SyncKind,
    pub(crate) conditions: Conditions,
    pub(crate) reregistered_while_firing: bool,
    rare: Option<Box<Rare>>,
}

/// The place of a periodic entry in the schedule, beside its time. Bytes, so that it fits beside the time in a [`Phase`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    slack_ms: [u8; 4],
    lane: [u8; 2],
    class: u8,
}

impl Slot {
    pub(crate) fn new(class: u8, slack_ms: u32, lane: u16) -> Slot {
        Slot { slack_ms: slack_ms.to_ne_bytes(), lane: lane.to_ne_bytes(), class }
    }

    /// Index of the round period that its interval is a multiple of.
    pub(crate) fn class(self) -> u8 {
        self.class
    }

    /// How much later than its time it may fire, if its interval is not a round one.
    pub(crate) fn slack_ms(self) -> u32 {
        u32::from_ne_bytes(self.slack_ms)
    }

    pub(crate) fn lane(self) -> u16 {
        u16::from_ne_bytes(self.lane)
    }
}

/// The state, without what the record says already: `firing` and `reregisteredWhileFiring` differ by its flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing but facts about the world keep it from firing. Periodic entries: only between two attempts of one event.
    Pending,
    Firing(AttemptId),
    /// A delay is running.
    Waiting(Monotonic),
    /// Periodic: fires in a round at or after this moment.
    Scheduled(Moment, Slot),
    /// Periodic: something about its origin or worker registration must change first.
    Held,
}

/// What few entries have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rare {
    attempts: u32,
    interrupted_starts: u32,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    network: Option<NetworkId>,
    /// `not_after` on the clock that does not jump.
    expires: Option<Monotonic>,
}

/// An optional time in eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PackedTime(i64);

impl PackedTime {
    const NONE: PackedTime = PackedTime(i64::MIN);

    fn new(time: Option<Timestamp>) -> PackedTime {
        time.map_or(PackedTime::NONE, |time| PackedTime(time.0))
    }

    fn get(self) -> Option<Timestamp> {
        (self != PackedTime::NONE).then_some(Timestamp(self.0))
    }
}

/// A worker registration with the ids of its entries.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    pub(crate) record: WorkerRegistration,
    /// How many tools make it appear offline (R241).
    pub(crate) emulated_offline: u32,
    /// Ordered by kind and tag as soon as somebody asks; after a restore of a million entries, most are never asked.
    entries: Vec<SyncRegistrationId>,
    sorted: bool,
}

impl Worker {
    pub(crate) fn new(record: WorkerRegistration) -> Worker {
        Worker { record, emulated_offline: 0, entries: Vec::new(), sorted: true }
    }

    /// How many entries it owns.
    pub(crate) fn entry_count(&self) -> usize {
        self.entries.len()
    }

    /// Its entries of both kinds, in no particular order.
    pub(crate) fn entries(&self) -> &[SyncRegistrationId] {
        &self.entries
    }
}

impl Entry {
    /// The entry of a record, in state `pending`.
    pub(crate) fn new(record: SyncRegistration, now: Now) -> Entry {
        let (kind, min_interval_ms, anchor, last_success) = match record.options {
            SyncOptions::OneShot => (SyncKind::BackgroundSync, 0, record.registered_at, None),
            SyncOptions::Periodic { min_interval_ms, anchor, last_success } => {
                (SyncKind::PeriodicSync, min_interval_ms, anchor, last_success)
            }
        };
        let rare = Rare {
            attempts: record.attempts,
            interrupted_starts: record.interrupted_starts,
            not_before: record.not_before,
            not_after: record.not_after,
            network: record.network,
            expires: record.not_after.map(|time| now.mono.plus_ms(time.ms_since(now.wall))),
        };
        Entry {
            owner: record.worker_registration,
            tag: record.tag,
            registered_at: record.registered_at,
            min_interval_ms,
            anchor,
            counts_from: now.moment_of(anchor),
            last_success: PackedTime::new(last_success),
            phase: Phase::Pending,
            attempts_max: record.attempts_max,
            kind,
            conditions: record.conditions,
            reregistered_while_firing: record.reregistered_while_firing,
            rare: (rare != Rare::default()).then(|| Box::new(rare)),
        }
    }

    /// The record to store or to show.
    pub(crate) fn record(&self, id: SyncRegistrationId) -> SyncRegistration {
        SyncRegistration {
            id,
            worker_registration: self.owner,
            tag: self.tag.clone(),
            options: match self.kind {
                SyncKind::BackgroundSync => SyncOptions::OneShot,
                SyncKind::PeriodicSync => SyncOptions::Periodic {
                    min_interval_ms: self.min_interval_ms,
                    anchor: self.anchor,
                    last_success: self.last_success(),
                },
            },
            registered_at: self.registered_at,
            attempts: self.attempts(),
            interrupted_starts: self.interrupted_starts(),
            attempts_max: self.attempts_max,
            not_before: self.not_before(),
            not_after: self.not_after(),
            conditions: self.conditions,
            network: self.network().cloned(),
            reregistered_while_firing: self.reregistered_while_firing,
        }
    }

    pub(crate) fn last_success(&self) -> Option<Timestamp> {
        self.last_success.get()
    }

    pub(crate) fn set_last_success(&mut self, time: Timestamp) {
        self.last_success = PackedTime::new(Some(time));
    }

    /// Finished attempts that failed.
    pub(crate) fn attempts(&self) -> u32 {
        self.rare.as_ref().map_or(0, |rare| rare.attempts)
    }

    pub(crate) fn set_attempts(&mut self, attempts: u32) {
        if self.attempts() != attempts {
            self.change_rare(|rare| rare.attempts = attempts);
        }
    }

    /// Attempts that have begun and were not seen to end.
    pub(crate) fn interrupted_starts(&self) -> u32 {
        self.rare.as_ref().map_or(0, |rare| rare.interrupted_starts)
    }

    pub(crate) fn set_interrupted_starts(&mut self, times: u32) {
        if self.interrupted_starts() != times {
            self.change_rare(|rare| rare.interrupted_starts = times);
        }
    }

    pub(crate) fn not_before(&self) -> Option<Timestamp> {
        self.rare.as_ref()?.not_before
    }

    pub(crate) fn set_not_before(&mut self, time: Option<Timestamp>) {
        if self.not_before() != time {
            self.change_rare(|rare| rare.not_before = time);
        }
    }

    pub(crate) fn not_after(&self) -> Option<Timestamp> {
        self.rare.as_ref()?.not_after
    }

    pub(crate) fn expires(&self) -> Option<Monotonic> {
        self.rare.as_ref()?.expires
    }

    pub(crate) fn set_expires(&mut self, expires: Option<Monotonic>) {
        self.change_rare(|rare| rare.expires = expires);
    }

    pub(crate) fn set_not_after(&mut self, time: Option<Timestamp>) {
        self.change_rare(|rare| rare.not_after = time);
    }

    fn change_rare(&mut self, change: impl FnOnce(&mut Rare)) {
        let mut rare = self.rare.take().unwrap_or_default();
        change(&mut rare);
        self.rare = (*rare != Rare::default()).then_some(rare);
    }

    pub(crate) fn network(&self) -> Option<&NetworkId> {
        self.rare.as_ref()?.network.as_ref()
    }

    fn order(&self, kind: SyncKind, tag: &Tag) -> Ordering {
        (self.kind, &self.tag).cmp(&(kind, tag))
    }
}

impl Engine {
    /// The entry with this kind and tag of a worker registration.
    pub(crate) fn find_entry(
        &mut self,
        owner: WorkerRegistrationId,
        kind: SyncKind,
        tag: &Tag,
    ) -> Option<SyncRegistrationId> {
        self.sort_entries(owner);
        let worker = self.workers.get(&owner)?;
        let found = worker.entries.binary_search_by(|id| self.order_of(*id, kind, tag)).ok()?;
        worker.entries.get(found).copied()
    }

    /// The entries of one kind, ordered by tag.
    pub(crate) fn entries_of_kind(
        &mut self,
        owner: WorkerRegistrationId,
        kind: SyncKind,
    ) -> impl Iterator<Item = &Entry> + '_ {
        self.sort_entries(owner);
        let ids = self.workers.get(&owner).map_or(&[][..], Worker::entries);
        ids.iter().filter_map(|id| self.entries.get(id)).filter(move |entry| entry.kind == kind)
    }

    /// The entries of all worker registrations of a storage key.
    pub(crate) fn entries_of_origin(&self, storage_key: &StorageKey) -> Vec<SyncRegistrationId> {
        self.workers_of(storage_key)
            .filter_map(|id| self.workers.get(&id))
            .flat_map(|worker| worker.entries.iter().copied())
            .collect()
    }

    /// Puts a new entry into the map and the index of its owner, which must exist.
    pub(crate) fn insert_entry(&mut self, id: SyncRegistrationId, entry: Entry) {
        let (owner, kind, tag) = (entry.owner, entry.kind, entry.tag.clone());
        self.sort_entries(owner);
        let position = self.workers.get(&owner).map_or(0, |worker| {
            worker.entries.binary_search_by(|id| self.order_of(*id, kind, &tag)).unwrap_or_else(|free| free)
        });
        if let Some(worker) = self.workers.get_mut(&owner) {
            worker.entries.insert(position, id);
            let storage_key = worker.record.storage_key.clone();
            self.origin_mut(&storage_key).entries += 1;
        }
        self.entries.insert(id, entry);
    }

    /// Puts an entry back that was read from the store: the index is sorted when it is needed.
    /// Returns false if there is no such owner.
    pub(crate) fn index_restored(&mut self, owner: WorkerRegistrationId, id: SyncRegistrationId) -> bool {
        let Some(worker) = self.workers.get_mut(&owner) else { return false };
        worker.entries.push(id);
        worker.sorted = false;
        true
    }

    /// Takes an entry out of the map and the index of its owner.
    pub(crate) fn take_entry(&mut self, id: SyncRegistrationId) -> Option<Entry> {
        let (owner, kind, tag) =
            self.entries.get(&id).map(|entry| (entry.owner, entry.kind, entry.tag.clone()))?;
        self.sort_entries(owner);
        let position = self
            .workers
            .get(&owner)
            .and_then(|worker| worker.entries.binary_search_by(|id| self.order_of(*id, kind, &tag)).ok());
        if let (Some(worker), Some(position)) = (self.workers.get_mut(&owner), position) {
            worker.entries.remove(position);
        }
        self.entries.remove(&id)
    }

    fn sort_entries(&mut self, owner: WorkerRegistrationId) {
        let Some(worker) = self.workers.get_mut(&owner) else { return };
        if !worker.sorted {
            let entries = &self.entries;
            worker
                .entries
                .sort_by_cached_key(|id| entries.get(id).map(|entry| (entry.kind, entry.tag.clone())));
            worker.sorted = true;
        }
    }

    fn order_of(&self, id: SyncRegistrationId, kind: SyncKind, tag: &Tag) -> Ordering {
        self.entries.get(&id).map_or(Ordering::Less, |entry| entry.order(kind, tag))
    }
}
