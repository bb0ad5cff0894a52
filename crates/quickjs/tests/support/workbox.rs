//! Unmodified Workbox, bundled by the project of `tests/workbox`.

use super::npm;
use std::path::{Path, PathBuf};

/// The worker of `tests/workbox/sw.js` with its npm packages, as one classic script.
pub(crate) fn bundle() -> String {
    bundle_of("sw.js")
}

/// A worker of `tests/workbox` with its npm packages.
pub(crate) fn bundle_of(name: &str) -> String {
    npm::bundle(&project(), name)
}

/// The files that Workbox publishes for use without a build: name and text.
pub(crate) fn published() -> Vec<(String, String)> {
    npm::install(&project());
    let modules = project().join("node_modules");
    let packages = std::fs::read_dir(&modules).unwrap().map(|entry| entry.unwrap().path());
    let packages =
        packages.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("workbox-"));
    packages
        .filter_map(|package| {
            let name = package.file_name().unwrap().to_string_lossy().into_owned();
            let file =
                if name == "workbox-sw" { "workbox-sw.js".to_owned() } else { format!("{name}.prod.js") };
            let text = std::fs::read_to_string(package.join("build").join(&file)).ok()?;
            Some((file, text))
        })
        .collect()
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workbox")
}
