//! What is due when. One timer is armed for the earliest; nothing ticks (R116).
//!
//! Entries that share their conditions share a set, so that a change of the network or of the power supply opens or closes
//! whole sets and touches no entry.

use crate::coalesce::{CLASSES, Grid, UNALIGNED};
use crate::entry::Slot;
use crate::time::Moment;
use crate::{AttemptId, Conditions, Monotonic, NetworkId, Now, StorageKey, SyncKind, SyncRegistrationId};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// The due times of everything that waits for time to pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schedule {
    /// Ends of back-off delays, and earliest times.
    delays: BTreeMap<Gate, BTreeSet<(Monotonic, SyncRegistrationId)>>,
    /// Latest times of one-off entries.
    expiries: BTreeSet<(Monotonic, SyncRegistrationId)>,
    timeouts: BTreeSet<(Monotonic, AttemptId)>,
    recheck: Option<Monotonic>,
    /// Origins that have used up their events of the hour, and when the next hour begins.
    allowances: BTreeMap<StorageKey, Monotonic>,
    lanes: Vec<Lane>,
}

/// What must be so for an entry to fire, as far as it concerns all entries alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Gate {
    pub(crate) kind: SyncKind,
    pub(crate) conditions: Conditions,
}

/// What periodic entries of one lane have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LaneKey {
    pub(crate) conditions: Conditions,
    /// The origin is in active use: the gap between rounds does not hold (R250).
    pub(crate) in_use: bool,
    /// The only network on which they may fire (R121).
    pub(crate) network: Option<NetworkId>,
}

/// Periodic entries that wait for a round.
#[derive(Clone, Debug)]
struct Lane {
    key: LaneKey,
    /// By the moment from which on they may fire, for each class of intervals.
    classes: [BTreeSet<(Moment, SyncRegistrationId)>; CLASSES],
    /// Those of no class, by the moment at which they want to be woken for.
    latest: BTreeSet<(Moment, SyncRegistrationId)>,
}

/// A periodic entry whose time has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Eligible {
    pub(crate) since: Moment,
    pub(crate) class: u8,
    pub(crate) in_use: bool,
    pub(crate) sync: SyncRegistrationId,
}

impl Schedule {
    /// Looks at pending entries again at `due`, or earlier if that was asked for already.
    pub(crate) fn recheck_at(&mut self, due: Monotonic) {
        self.recheck = Some(self.recheck.map_or(due, |earlier| earlier.min(due)));
    }

    /// Whether the time of a recheck has come, which is thereby over.
    pub(crate) fn take_due_recheck(&mut self, now: Now) -> bool {
        self.recheck.take_if(|due| *due <= now.mono).is_some()
    }

    pub(crate) fn recheck(&self) -> Option<Monotonic> {
        self.recheck
    }

    pub(crate) fn add_delay(&mut self, gate: Gate, due: Monotonic, sync: SyncRegistrationId) {
        self.delays.entry(gate).or_default().insert((due, sync));
    }

    pub(crate) fn remove_delay(&mut self, gate: Gate, due: Monotonic, sync: SyncRegistrationId) {
        if let Some(delays) = self.delays.get_mut(&gate) {
            delays.remove(&(due, sync));
        }
    }

    /// Takes one entry whose delay is over.
    pub(crate) fn pop_due_delay(&mut self, now: Now) -> Option<SyncRegistrationId> {
        self.delays.values_mut().find_map(|delays| pop_due(delays, now.mono))
    }

    /// The first delay of each gate.
    pub(crate) fn first_delays(&self) -> impl Iterator<Item = (Gate, Monotonic, SyncRegistrationId)> + '_ {
        self.delays.iter().filter_map(|(&gate, delays)| delays.first().map(|&(due, id)| (gate, due, id)))
    }

    pub(crate) fn add_expiry(&mut self, due: Monotonic, sync: SyncRegistrationId) {
        self.expiries.insert((due, sync));
    }

    pub(crate) fn remove_expiry(&mut self, due: Monotonic, sync: SyncRegistrationId) {
        self.expiries.remove(&(due, sync));
    }

    /// Takes one entry whose latest time has passed: it may still fire in that very millisecond.
    pub(crate) fn pop_passed_expiry(&mut self, now: Now) -> Option<SyncRegistrationId> {
        let &first = self.expiries.first().filter(|(due, _)| *due < now.mono)?;
        self.expiries.remove(&first);
        Some(first.1)
    }

    pub(crate) fn first_expiry(&self) -> Option<(Monotonic, SyncRegistrationId)> {
        self.expiries.first().copied()
    }

    pub(crate) fn add_timeout(&mut self, due: Monotonic, attempt: AttemptId) {
        self.timeouts.insert((due, attempt));
    }

    pub(crate) fn remove_timeout(&mut self, due: Monotonic, attempt: AttemptId) {
        self.timeouts.remove(&(due, attempt));
    }

    /// Takes one event whose time is up.
    pub(crate) fn pop_due_timeout(&mut self, now: Now) -> Option<AttemptId> {
        pop_due(&mut self.timeouts, now.mono)
    }

    pub(crate) fn first_timeout(&self) -> Option<(Monotonic, AttemptId)> {
        self.timeouts.first().copied()
    }

    /// An origin may have its next event at `due` (R173).
    pub(crate) fn add_allowance(&mut self, storage_key: StorageKey, due: Monotonic) {
        self.allowances.insert(storage_key, due);
    }

    pub(crate) fn pop_due_allowance(&mut self, now: Now) -> Option<StorageKey> {
        let (key, _) = self.allowances.iter().find(|(_, due)| **due <= now.mono)?;
        let key = key.clone();
        self.allowances.remove(&key);
        Some(key)
    }

    pub(crate) fn first_allowance(&self) -> Option<Monotonic> {
        self.allowances.values().min().copied()
    }

    /// The lane for a key; `None` if there are too many lanes for another one.
    pub(crate) fn lane(&mut self, key: &LaneKey) -> Option<u16> {
        let known = self.lanes.iter().position(|lane| lane.key == *key);
        let index = known.or_else(|| {
            let free = self.lanes.iter().position(Lane::is_empty);
            if let Some(index) = free {
                self.lanes[index].key = key.clone();
            }
            free
        });
        let index = index.unwrap_or_else(|| {
            self.lanes.push(Lane::new(key.clone()));
            self.lanes.len() - 1
        });
        u16::try_from(index).ok()
    }

    /// A periodic entry fires in a round at or after `since`.
    pub(crate) fn add_periodic(&mut self, since: Moment, slot: Slot, sync: SyncRegistrationId) {
        let Some(lane) = self.lanes.get_mut(usize::from(slot.lane())) else { return };
        lane.classes[usize::from(slot.class())].insert((since, sync));
        if slot.class() == UNALIGNED {
            lane.latest.insert((since.plus_ms(slot.slack_ms().into()), sync));
        }
    }

    pub(crate) fn remove_periodic(&mut self, since: Moment, slot: Slot, sync: SyncRegistrationId) {
        let Some(lane) = self.lanes.get_mut(usize::from(slot.lane())) else { return };
        lane.classes[usize::from(slot.class())].remove(&(since, sync));
        if slot.class() == UNALIGNED {
            lane.latest.remove(&(since.plus_ms(slot.slack_ms().into()), sync));
        }
    }

    /// For each lane that `includes` allows: when its first entry wants to be woken for, which one that is, and whether
    /// its origin is in active use.
    pub(crate) fn targets(
        &self,
        grid: Grid,
        includes: impl Fn(&LaneKey) -> bool,
    ) -> impl Iterator<Item = (Moment, SyncRegistrationId, bool)> {
        self.lanes.iter().filter(move |lane| includes(&lane.key)).filter_map(move |lane| {
            let aligned = lane.classes.iter().zip(0_u8..).filter(|(_, class)| *class != UNALIGNED);
            let aligned = aligned.filter_map(|(entries, class)| {
                entries.first().map(|&(since, sync)| (grid.target(since, class), sync))
            });
            let first = aligned.chain(lane.latest.first().copied()).min()?;
            Some((first.0, first.1, lane.key.in_use))
        })
    }

    /// Whether an entry becomes eligible after `from` and not after `to` in a lane that `includes` allows.
    pub(crate) fn any_between(&self, from: Moment, to: Moment, includes: impl Fn(&LaneKey) -> bool) -> bool {
        let after = (Moment(from.0.saturating_add(1)), SyncRegistrationId(0));
        let last = (to, SyncRegistrationId(u64::MAX));
        let mut lanes = self.lanes.iter().filter(|lane| includes(&lane.key));
        after <= last
            && lanes
                .any(|lane| lane.classes.iter().any(|entries| entries.range(after..=last).next().is_some()))
    }

    /// Whether [`Schedule::take_eligible`] would give anything.
    pub(crate) fn any_eligible(&self, now: Moment, includes: impl Fn(&LaneKey) -> bool) -> bool {
        self.lanes.iter().filter(|lane| includes(&lane.key)).any(|lane| {
            lane.classes.iter().any(|entries| entries.first().is_some_and(|(since, _)| *since <= now))
        })
    }

    /// Takes every periodic entry whose time has come, out of the lanes that `includes` allows.
    pub(crate) fn take_eligible(
        &mut self,
        now: Moment,
        includes: impl Fn(&LaneKey) -> bool,
    ) -> Vec<Eligible> {
        let mut eligible = Vec::new();
        for lane in self.lanes.iter_mut().filter(|lane| includes(&lane.key)) {
            for (entries, class) in lane.classes.iter_mut().zip(0_u8..) {
                let later = entries.split_off(&(Moment(now.0.saturating_add(1)), SyncRegistrationId(0)));
                for (since, sync) in core::mem::replace(entries, later) {
                    eligible.push(Eligible { since, class, in_use: lane.key.in_use, sync });
                }
            }
        }
        eligible
    }

    /// Forgets the latest moment of an entry that [`Schedule::take_eligible`] took.
    pub(crate) fn forget_latest(&mut self, since: Moment, slot: Slot, sync: SyncRegistrationId) {
        if let Some(lane) = self.lanes.get_mut(usize::from(slot.lane()))
            && slot.class() == UNALIGNED
        {
            lane.latest.remove(&(since.plus_ms(slot.slack_ms().into()), sync));
        }
    }

    pub(crate) fn holds_delay(&self, gate: Gate, due: Monotonic, sync: SyncRegistrationId) -> bool {
        self.delays.get(&gate).is_some_and(|delays| delays.contains(&(due, sync)))
    }

    pub(crate) fn holds_expiry(&self, due: Monotonic, sync: SyncRegistrationId) -> bool {
        self.expiries.contains(&(due, sync))
    }

    pub(crate) fn holds_timeout(&self, due: Monotonic, attempt: AttemptId) -> bool {
        self.timeouts.contains(&(due, attempt))
    }

    pub(crate) fn holds_periodic(&self, since: Moment, slot: Slot, sync: SyncRegistrationId) -> bool {
        self.lanes.get(usize::from(slot.lane())).is_some_and(|lane| {
            let latest = (since.plus_ms(slot.slack_ms().into()), sync);
            lane.classes[usize::from(slot.class())].contains(&(since, sync))
                && (slot.class() != UNALIGNED || lane.latest.contains(&latest))
        })
    }

    /// How many delays, expiries, time limits and periodic entries there are.
    pub(crate) fn counts(&self) -> [usize; 4] {
        let in_lane = |lane: &Lane| lane.classes.iter().map(BTreeSet::len).sum::<usize>();
        [
            self.delays.values().map(BTreeSet::len).sum(),
            self.expiries.len(),
            self.timeouts.len(),
            self.lanes.iter().map(in_lane).sum(),
        ]
    }
}

impl Lane {
    fn new(key: LaneKey) -> Lane {
        Lane { key, classes: [const { BTreeSet::new() }; CLASSES], latest: BTreeSet::new() }
    }

    fn is_empty(&self) -> bool {
        self.classes.iter().all(BTreeSet::is_empty)
    }
}

fn pop_due<T: Ord + Copy>(set: &mut BTreeSet<(Monotonic, T)>, now: Monotonic) -> Option<T> {
    let &first = set.first().filter(|(due, _)| *due <= now)?;
    set.remove(&first);
    Some(first.1)
}
