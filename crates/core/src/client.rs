//! Clients: the one question that the sync specifications ask is whether an origin has a window open (R18).

use crate::{ClientId, FrameType, StorageKey};
use alloc::collections::BTreeMap;

/// All clients that exist.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients {
    clients: BTreeMap<ClientId, (StorageKey, FrameType)>,
    windows: BTreeMap<StorageKey, usize>,
    frames: BTreeMap<StorageKey, usize>,
}

impl Clients {
    /// A client appeared, or is stated again with other facts.
    pub(crate) fn open(&mut self, client: ClientId, storage_key: StorageKey, frame_type: FrameType) {
        self.close(client);
        if frame_type.is_window() {
            *self.windows.entry(storage_key.clone()).or_default() += 1;
        }
        if frame_type == FrameType::Nested {
            *self.frames.entry(storage_key.clone()).or_default() += 1;
        }
        self.clients.insert(client, (storage_key, frame_type));
    }

    /// A client is gone; an unknown one is ignored.
    pub(crate) fn close(&mut self, client: ClientId) {
        let Some((storage_key, frame_type)) = self.clients.remove(&client) else { return };
        match frame_type {
            FrameType::TopLevel | FrameType::Auxiliary => decrement(&mut self.windows, &storage_key),
            FrameType::Nested => decrement(&mut self.frames, &storage_key),
            FrameType::None => {}
        }
    }

    /// Whether a document of this storage key exists, frames inside foreign pages included (R143, periodic events).
    pub(crate) fn has_document(&self, storage_key: &StorageKey) -> bool {
        self.has_window(storage_key) || self.frames.contains_key(storage_key)
    }

    /// Whether a top-level or auxiliary window of this storage key exists (R18, R19, D27).
    pub(crate) fn has_window(&self, storage_key: &StorageKey) -> bool {
        self.windows.contains_key(storage_key)
    }

    /// Asserts that the counters agree with the clients.
    pub(crate) fn check_invariants(&self) {
        let mut windows: BTreeMap<StorageKey, usize> = BTreeMap::new();
        let mut frames: BTreeMap<StorageKey, usize> = BTreeMap::new();
        for (storage_key, frame_type) in self.clients.values() {
            if frame_type.is_window() {
                *windows.entry(storage_key.clone()).or_default() += 1;
            } else if *frame_type == FrameType::Nested {
                *frames.entry(storage_key.clone()).or_default() += 1;
            }
        }
        assert_eq!(windows, self.windows, "window counters");
        assert_eq!(frames, self.frames, "frame counters");
    }
}

fn decrement(counts: &mut BTreeMap<StorageKey, usize>, storage_key: &StorageKey) {
    if let Some(count) = counts.get_mut(storage_key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(storage_key);
        }
    }
}
