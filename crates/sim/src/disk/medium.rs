//! What keeps the bytes.

use super::Image;
use wakeworker::core::Durability;
use wakeworker::store::{MemoryStore, Store};

/// The thing beneath the store, which outlives processes.
pub(crate) trait Medium: Send {
    /// A store on it, for a new process.
    fn open(&mut self) -> Box<dyn Store>;

    /// The process was killed while it had the store open.
    fn kill(&mut self);

    /// The power failed. `images` are what the store held after the last sync and after each commit since; the first
    /// `cut` of these should be left. Returns which of the images is left.
    fn power_cut(&mut self, images: &[Image], cut: usize, chance: u8) -> usize;
}

/// Memory, which does as it is told.
pub(crate) struct Memory {
    store: MemoryStore,
    seed: u64,
}

impl Memory {
    pub(crate) fn new(seed: u64) -> Memory {
        Memory { store: MemoryStore::new().with_installation_seed(seed), seed }
    }
}

impl Medium for Memory {
    fn open(&mut self) -> Box<dyn Store> {
        Box::new(self.store.clone())
    }

    fn kill(&mut self) {}

    fn power_cut(&mut self, images: &[Image], cut: usize, _: u8) -> usize {
        let mut store = MemoryStore::new().with_installation_seed(self.seed);
        let changes = images[cut].changes();
        let written = store.acquire().and_then(|lease| {
            store.commit(&lease, &changes, Durability::Strict)?;
            store.release(lease)
        });
        assert!(written.is_ok(), "an image that cannot be written: {written:?}");
        self.store = store;
        cut
    }
}
