//! Unmodified Workbox, bundled by the project of `tests/workbox`.

use std::path::Path;
use std::process::Command;

/// The worker of `tests/workbox/sw.js` with its npm packages, as one classic script.
pub(crate) fn bundle() -> String {
    bundle_of("sw.js")
}

/// A worker of `tests/workbox` with its npm packages.
pub(crate) fn bundle_of(name: &str) -> String {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workbox");
    let stamp = dir.join("node_modules/.installed");
    let changed = |path: &Path| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    if changed(&stamp) < changed(&dir.join("package-lock.json")) || !stamp.exists() {
        run(Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(&dir));
        std::fs::write(&stamp, "").unwrap();
    }
    String::from_utf8(run(Command::new("node").args(["build.mjs", name]).current_dir(&dir))).unwrap()
}

fn run(command: &mut Command) -> Vec<u8> {
    let output =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; install Node and npm"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
