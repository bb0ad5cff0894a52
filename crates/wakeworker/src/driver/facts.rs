//! What the world has told the engine and the store does not keep: needed again when the engine is rebuilt.

use std::collections::BTreeMap;
use wakeworker_core::{ClientId, Connection, FrameType, Input, PermissionName, PermissionState, StorageKey};

/// The clients that exist and the permissions that were stated.
#[derive(Default)]
pub(super) struct Facts {
    clients: BTreeMap<ClientId, (StorageKey, FrameType)>,
    permissions: BTreeMap<(StorageKey, PermissionName), PermissionState>,
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
            _ => {}
        }
    }

    /// The inputs that tell a new engine all of it; the network last, since it fires events.
    pub(super) fn inputs(&self, connection: Connection) -> impl Iterator<Item = Input> + '_ {
        let clients = self.clients.iter().map(|(&client, (storage_key, frame_type))| Input::ClientOpened {
            client,
            storage_key: storage_key.clone(),
            frame_type: *frame_type,
        });
        let permissions = self.permissions.iter().map(|((storage_key, name), &state)| {
            Input::PermissionChanged { storage_key: storage_key.clone(), name: *name, state }
        });
        clients.chain(permissions).chain([Input::NetworkChanged { connection, network: None }])
    }
}
