//! What requests leave for later ones.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Values by path and key; a value is taken out once. Values that nobody takes are dropped with the server.
#[derive(Debug, Default)]
pub(crate) struct Stash {
    values: Mutex<HashMap<(String, String), Vec<u8>>>,
}

/// Values that may be left at one time; more are refused.
const VALUES_MAX: usize = 100_000;

impl Stash {
    /// Leaves a value, in place of what is there.
    pub(crate) fn put(&self, path: &str, key: &str, value: Vec<u8>) {
        let mut values = self.values();
        if values.len() < VALUES_MAX {
            values.insert((path.to_owned(), key.to_owned()), value);
        }
    }

    /// Takes a value out.
    pub(crate) fn take(&self, path: &str, key: &str) -> Option<Vec<u8>> {
        self.values().remove(&(path.to_owned(), key.to_owned()))
    }

    fn values(&self) -> MutexGuard<'_, HashMap<(String, String), Vec<u8>>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
