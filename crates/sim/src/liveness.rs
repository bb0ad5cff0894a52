//! The end of each run: the faults stop, and everything must get done.

use crate::disk::Faults;
use crate::process::Process;
use crate::scenario::{DAY_MS, Site, SiteFact, Slot, WorkerNews};
use crate::world::World;
use std::collections::BTreeMap;
use wakeworker::core::{ExtraInterval, PeriodicDispatch, PermissionName, Power, SyncKind};

impl World {
    /// Every acknowledged one-off registration has been dispatched or lawfully dropped, and every periodic one keeps
    /// firing.
    pub(crate) fn live(&mut self) {
        self.set_power(Power::default());
        self.free_network();
        let automatic = self.config.periodic_dispatch == PeriodicDispatch::Automatic;
        let gaps_ms = self.config.min_interval_any_origin_ms + self.config.min_interval_across_origins_ms;
        for profile in &mut self.profiles {
            profile.heal();
            let mut fired = profile.fired();
            let mut passed_ms = 0;
            while passed_ms < LIMIT_MS {
                profile.succeed_all();
                if automatic {
                    profile.count_fired(&mut fired);
                }
                let left = profile.model.state.entries.keys().any(|key| key.1 == SyncKind::BackgroundSync);
                let waits = automatic && fired.values().any(|periodic| periodic.times < 2);
                if !left && !waits {
                    break;
                }
                let wanted_ms = profile.turn().unwrap_or(LIMIT_MS).max(1);
                profile.clock().advance_ms(wanted_ms);
                profile.turn();
                passed_ms += wanted_ms;
                for (key, periodic) in &mut fired {
                    periodic.waited_ms += wanted_ms;
                    let most_ms = 3 * periodic.interval_ms.max(gaps_ms) + 2 * gaps_ms;
                    assert!(
                        periodic.times >= 2 || periodic.waited_ms <= most_ms || !automatic,
                        "the periodic entry {key:?} has not fired for {} ms",
                        periodic.waited_ms
                    );
                }
            }
            let left: Vec<_> =
                profile.model.state.entries.keys().filter(|key| key.1 == SyncKind::BackgroundSync).collect();
            assert!(left.is_empty(), "one-off entries stay for ever: {left:?}");
        }
    }
}

/// How often a periodic entry has fired since the faults stopped.
struct Fired {
    interval_ms: u64,
    anchor: i64,
    times: u32,
    waited_ms: u64,
}

type Key = (Slot, SyncKind, u8);

impl Process {
    /// Nothing fails any more, and nothing is forbidden.
    fn heal(&mut self) {
        self.disk().set_faults(|faults| *faults = Faults::default());
        self.turn();
        if self.disk().has_lost_lease() {
            self.die(None); // For good: only a new process may take it again.
        }
        if self.model.is_down() {
            self.pass(2_000);
        }
        while self.model.facts.held_offline.values().any(|holds| *holds > 0) {
            self.hold_offline(Slot(0), false);
            self.turn();
        }
        for site in [Site(0), Site(1)] {
            self.grant(site, PermissionName::BackgroundSync, true);
            self.grant(site, PermissionName::PeriodicBackgroundSync, true);
            self.state_fact(site, SiteFact::Reachable(true));
            self.state_fact(site, SiteFact::ActiveUse(false));
            self.state_fact(site, SiteFact::Engagement(ExtraInterval::Ms(0)));
        }
        for slot in [Slot(0), Slot(1), Slot(2)] {
            self.change_worker(slot, WorkerNews::Activated);
        }
        self.turn();
    }

    fn fired(&self) -> BTreeMap<Key, Fired> {
        let periodic = self.model.state.entries.iter().filter(|(key, _)| key.1 == SyncKind::PeriodicSync);
        let none_yet = periodic.map(|(key, entry)| {
            let fired = Fired {
                interval_ms: entry.min_interval_ms,
                anchor: entry.anchor.wall,
                times: 0,
                waited_ms: 0,
            };
            (*key, fired)
        });
        none_yet.collect()
    }

    /// Each success moves the anchor time.
    fn count_fired(&self, fired: &mut BTreeMap<Key, Fired>) {
        for (key, periodic) in fired {
            let anchor = self.model.state.entries.get(key).map(|entry| entry.anchor.wall);
            if anchor != Some(periodic.anchor) {
                periodic.anchor = anchor.unwrap_or_default();
                periodic.times += 1;
                periodic.waited_ms = 0;
            }
        }
    }
}

const LIMIT_MS: u64 = 12 * DAY_MS;
