//! What the world has told a host and the disk does not keep.

use crate::scenario::{Site, Slot};
use std::collections::BTreeMap;
use wakeworker::core::{
    Connection, ExtraInterval, FrameType, PermissionName, Power, SyncKind, WorkerRegistrationId,
};

/// The facts of one process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) connection: Connection,
    pub(crate) power: Power,
    pub(crate) sites: BTreeMap<Site, SiteFacts>,
    /// How often each worker registration is held offline by a tool.
    pub(crate) held_offline: BTreeMap<WorkerRegistrationId, u32>,
}

/// The facts of one origin.
#[derive(Clone, Debug)]
pub(crate) struct SiteFacts {
    pub(crate) windows: u32,
    granted: [bool; 3],
    pub(crate) reachable: bool,
    pub(crate) extra: ExtraInterval,
    pub(crate) in_use: bool,
    pub(crate) without_window: bool,
}

impl Default for SiteFacts {
    fn default() -> SiteFacts {
        SiteFacts {
            windows: 0,
            // R135, R137; the host of the simulation trusts every origin at first.
            granted: [true, true, false],
            reachable: true,
            extra: ExtraInterval::Ms(0),
            in_use: false,
            without_window: false,
        }
    }
}

impl Facts {
    pub(crate) fn site(&self, slot: Slot) -> SiteFacts {
        self.sites.get(&slot.site()).cloned().unwrap_or_default()
    }

    pub(crate) fn site_mut(&mut self, site: Site) -> &mut SiteFacts {
        self.sites.entry(site).or_default()
    }

    /// The process is gone. The host remembers what it granted, and reads the device anew.
    pub(crate) fn forget(&mut self) {
        self.connection = Connection::None;
        self.power = Power::default();
        self.held_offline.clear();
        for facts in self.sites.values_mut() {
            *facts = SiteFacts { granted: facts.granted, ..SiteFacts::default() };
        }
    }
}

impl SiteFacts {
    pub(crate) fn granted(&self, name: PermissionName) -> bool {
        self.granted[index(name)]
    }

    pub(crate) fn grant(&mut self, name: PermissionName, granted: bool) {
        self.granted[index(name)] = granted;
    }

    /// Whether the permission of one of the two APIs is granted.
    pub(crate) fn allows(&self, kind: SyncKind) -> bool {
        self.granted(match kind {
            SyncKind::BackgroundSync => PermissionName::BackgroundSync,
            SyncKind::PeriodicSync => PermissionName::PeriodicBackgroundSync,
        })
    }

    /// D27: which clients count.
    pub(crate) fn opened(&mut self, frame: FrameType) {
        self.windows += u32::from(matches!(frame, FrameType::TopLevel | FrameType::Auxiliary));
    }

    pub(crate) fn closed(&mut self, frame: FrameType) {
        self.windows -= u32::from(matches!(frame, FrameType::TopLevel | FrameType::Auxiliary));
    }
}

fn index(name: PermissionName) -> usize {
    match name {
        PermissionName::BackgroundSync => 0,
        PermissionName::PeriodicBackgroundSync => 1,
        PermissionName::Notifications => 2,
    }
}
