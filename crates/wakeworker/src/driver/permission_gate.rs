//! Registrations that wait for the user's answer, and the permissions of origins met for the first time.

use crate::message::{Message, PermissionAnswer};
use crate::permission::PermissionRequest;
use crate::{HostHandle, PermissionProvider};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use wakeworker_core::{
    Engine, Input, PermissionName, PermissionState, StorageKey, SyncKind, WorkerRegistrationId,
};

const NAMES: [PermissionName; 3] =
    [PermissionName::BackgroundSync, PermissionName::PeriodicBackgroundSync, PermissionName::Notifications];

/// Stands between the messages and the engine while the host is asked. Without a provider it lets everything through.
#[derive(Default)]
pub(super) struct PermissionGate {
    provider: Option<Arc<dyn PermissionProvider>>,
    /// Origins whose permissions the provider has stated.
    met: BTreeSet<StorageKey>,
    /// The queue of each manager that waits for an answer: calls take effect in their order (R47).
    waiting: BTreeMap<(WorkerRegistrationId, SyncKind), VecDeque<Message>>,
}

impl PermissionGate {
    pub(super) fn new(provider: Option<Arc<dyn PermissionProvider>>) -> PermissionGate {
        PermissionGate { provider, ..PermissionGate::default() }
    }

    /// What the provider states of an origin that was not met before.
    pub(super) fn meet(&mut self, storage_key: &StorageKey) -> Vec<Input> {
        let Some(provider) = &self.provider else { return Vec::new() };
        if !self.met.insert(storage_key.clone()) {
            return Vec::new();
        }
        let stated = NAMES.into_iter().filter_map(|name| {
            let state = provider.permission(storage_key, name)?;
            Some(Input::PermissionChanged { storage_key: storage_key.clone(), name, state })
        });
        stated.collect()
    }

    /// Keeps a message back if it must wait for an answer, and asks the first time; otherwise hands it back.
    pub(super) fn admit(&mut self, engine: &Engine, host: &HostHandle, message: Message) -> Option<Message> {
        let Some(provider) = &self.provider else { return Some(message) };
        let Message::Ask { input, .. } = &message else { return Some(message) };
        let Some((manager, registers)) = manager_of(input) else { return Some(message) };
        if let Some(queue) = self.waiting.get_mut(&manager) {
            queue.push_back(message);
            return None;
        }
        let name = match manager.1 {
            SyncKind::BackgroundSync => PermissionName::BackgroundSync,
            SyncKind::PeriodicSync => PermissionName::PeriodicBackgroundSync,
        };
        // Without an active worker the call is refused before the permission matters (R97).
        let asked = engine.worker_registration(manager.0).filter(|worker| {
            registers
                && worker.active.is_some()
                && engine.permission_state(&worker.storage_key, name) == PermissionState::Prompt
        });
        let Some(worker) = asked else { return Some(message) };
        self.waiting.insert(manager, VecDeque::from([message]));
        provider.request(PermissionRequest::new(host.clone(), worker.storage_key.clone(), name, manager));
        None
    }

    /// The input that states the answer, if there is one, and the messages that waited for it.
    pub(super) fn answered(&mut self, answer: PermissionAnswer) -> (Option<Input>, VecDeque<Message>) {
        let PermissionAnswer { waiting, storage_key, name, state } = answer;
        let input = state.map(|state| Input::PermissionChanged { storage_key, name, state });
        (input, self.waiting.remove(&waiting).unwrap_or_default())
    }
}

/// Which manager's queue an input belongs to, and whether it registers.
fn manager_of(input: &Input) -> Option<((WorkerRegistrationId, SyncKind), bool)> {
    match input {
        Input::RegisterOneShot { registration, .. } => {
            Some(((*registration, SyncKind::BackgroundSync), true))
        }
        Input::RegisterPeriodic { registration, .. } => Some(((*registration, SyncKind::PeriodicSync), true)),
        Input::GetTags { registration, kind, .. } | Input::Unregister { registration, kind, .. } => {
            Some(((*registration, *kind), false))
        }
        _ => None,
    }
}
