//! Scripts that are bundled with npm packages by a project beside the tests.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The tests of a file run at the same time, and two installations would disturb each other.
static INSTALLING: Mutex<()> = Mutex::new(());

/// The entry of a project with its packages, as one classic script.
pub(crate) fn bundle(dir: &Path, entry: &str) -> String {
    install(dir);
    String::from_utf8(run(Command::new("node").args(["build.mjs", entry]).current_dir(dir))).unwrap()
}

/// Installs the packages of a project if they are not there.
pub(crate) fn install(dir: &Path) {
    let installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let stamp = dir.join("node_modules/.installed");
    let changed = |path: &Path| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    if changed(&stamp) < changed(&dir.join("package-lock.json")) || !stamp.exists() {
        run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(dir));
        std::fs::write(&stamp, "").unwrap();
    }
    drop(installing);
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
