//! Counts the bytes that many bodies hold together, without looking at each of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A running sum. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<AtomicUsize>);

impl Meter {
    /// The sum now.
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    /// Counts bytes for as long as the result lives.
    pub(crate) fn weigh(&self, bytes: usize) -> Weight {
        self.add(bytes);
        Weight { meter: self.clone(), bytes }
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::AcqRel);
    }

    pub(crate) fn subtract(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::AcqRel);
    }
}

/// Bytes that are counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Weight {
    meter: Meter,
    bytes: usize,
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.meter.subtract(self.bytes);
    }
}
