//! What the world has told the engine and the store does not keep: needed again when the engine is rebuilt.

use std::collections::{BTreeMap, BTreeSet};
use wakeworker_core::{
    ClientId, Connection, ExtraInterval, FrameType, Input, NetworkId, PermissionName, PermissionState, Power,
    StorageKey, WorkerRegistrationId,
};

/// Everything that is stated and not stored.
#[derive(Default)]
pub(super) struct Facts {
    clients: BTreeMap<ClientId, (StorageKey, FrameType)>,
    permissions: BTreeMap<(StorageKey, PermissionName), PermissionState>,
    unreachable: BTreeSet<StorageKey>,
    engagement: BTreeMap<StorageKey, ExtraInterval>,
    in_active_use: BTreeSet<StorageKey>,
    without_window: BTreeSet<StorageKey>,
    emulated_offline: BTreeMap<WorkerRegistrationId, u32>,
    power: Option<Power>,
    network: (Connection, Option<NetworkId>),
}

impl Facts {
    /// Remembers an input if it is such a fact.
    pub(super) fn note(&mut self, input: &Input) {
        match input {
            Input::ClientOpened { client, storage_key, frame_type } => {
                self.clients.insert(*client, (storage_key.clone(), *frame_type));
            }
            Input::ClientClosed { client } => {
                self.clients.remove(client);
            }
            Input::PermissionChanged { storage_key, name, state } => {
                self.permissions.insert((storage_key.clone(), *name), *state);
            }
            Input::ReachabilityChanged { storage_key, reachable } => {
                set(&mut self.unreachable, storage_key, !reachable);
            }
            Input::EngagementChanged { storage_key, extra } => {
                self.engagement.insert(storage_key.clone(), *extra);
            }
            Input::SetActiveUse { storage_key, active } => set(&mut self.in_active_use, storage_key, *active),
            Input::AllowWithoutWindow { storage_key, allowed } => {
                set(&mut self.without_window, storage_key, *allowed);
            }
            Input::EmulateOffline { registration, offline: true } => {
                *self.emulated_offline.entry(*registration).or_default() += 1;
            }
            Input::EmulateOffline { registration, offline: false } => {
                if let Some(holds) = self.emulated_offline.get_mut(registration) {
                    *holds -= 1;
                    if *holds == 0 {
                        self.emulated_offline.remove(registration);
                    }
                }
            }
            Input::PowerChanged(power) => self.power = Some(*power),
            Input::NetworkChanged { connection, network } => self.network = (*connection, network.clone()),
            _ => {}
        }
    }

    /// The inputs that tell a new engine all of it; the network last, since it fires events.
    pub(super) fn inputs(&self, connection: Connection) -> Vec<Input> {
        let mut inputs = Vec::new();
        for (&client, (storage_key, frame_type)) in &self.clients {
            let (storage_key, frame_type) = (storage_key.clone(), *frame_type);
            inputs.push(Input::ClientOpened { client, storage_key, frame_type });
        }
        for ((storage_key, name), &state) in &self.permissions {
            inputs.push(Input::PermissionChanged { storage_key: storage_key.clone(), name: *name, state });
        }
        for storage_key in self.unreachable.iter().cloned() {
            inputs.push(Input::ReachabilityChanged { storage_key, reachable: false });
        }
        for (storage_key, &extra) in &self.engagement {
            inputs.push(Input::EngagementChanged { storage_key: storage_key.clone(), extra });
        }
        for storage_key in self.in_active_use.iter().cloned() {
            inputs.push(Input::SetActiveUse { storage_key, active: true });
        }
        for storage_key in self.without_window.iter().cloned() {
            inputs.push(Input::AllowWithoutWindow { storage_key, allowed: true });
        }
        for (&registration, &holds) in &self.emulated_offline {
            let hold = Input::EmulateOffline { registration, offline: true };
            inputs.extend(std::iter::repeat_n(hold, holds as usize));
        }
        inputs.extend(self.power.map(Input::PowerChanged));
        // The monitor may know better by now; then nobody has said which network it is.
        let network = self.network.1.clone().filter(|_| self.network.0 == connection);
        inputs.push(Input::NetworkChanged { connection, network });
        inputs
    }
}

fn set(keys: &mut BTreeSet<StorageKey>, key: &StorageKey, member: bool) {
    if member {
        keys.insert(key.clone());
    } else {
        keys.remove(key);
    }
}
