//! Storage keys: whose data and registrations these are.

use alloc::sync::Arc;
use core::fmt;

/// An origin, or an origin inside a partition: what separates one site's registrations from another's (R175).
///
/// The text is the serialised origin (`https://example.org`), followed by `^` and the top-level origin if the
/// registration was made in a third-party frame. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorageKey(Arc<str>);

impl StorageKey {
    /// The first-party key of a serialised origin, such as `https://example.org`.
    pub fn first_party(origin: &str) -> StorageKey {
        StorageKey(origin.into())
    }

    /// The serialised origin without the partition.
    pub fn origin(&self) -> &str {
        self.0.split_once('^').map_or(&self.0, |(origin, _)| origin)
    }

    /// The whole text, as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for StorageKey {
    fn from(text: &str) -> StorageKey {
        StorageKey(text.into())
    }
}

impl fmt::Display for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
