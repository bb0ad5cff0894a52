//! Unmodified Workbox, bundled by the project of `tests/workbox`.

use super::npm;
use std::path::Path;

/// The worker of `tests/workbox/sw.js` with its npm packages, as one classic script.
pub(crate) fn bundle() -> String {
    bundle_of("sw.js")
}

/// A worker of `tests/workbox` with its npm packages.
pub(crate) fn bundle_of(name: &str) -> String {
    npm::bundle(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workbox"), name)
}
