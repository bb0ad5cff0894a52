//! npm and the tools that it installs, as far as a build needs them.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs `npm ci` in a folder that holds a package's two files, unless exactly this lock file has been installed there.
/// What only the package's checks need is left out.
pub(crate) fn install(folder: &Path) -> Result<(), String> {
    let lock = folder.join("package-lock.json");
    let lock = fs::read(&lock).map_err(|e| format!("{}: {e}", lock.display()))?;
    let stamp = folder.join("installed-lock.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]);
    run(npm.current_dir(folder), "npm ci")?;
    fs::write(&stamp, lock).map_err(|e| format!("{}: {e}", stamp.display()))
}

/// Runs a program to its end. The error is one line, because Cargo shows only one.
pub(crate) fn run(command: &mut Command, what: &str) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " | ");
            Err(format!("{what} failed ({}): {text}", output.status))
        }
        Err(e) => {
            Err(format!("cannot run {what}: {e}; the build needs Node.js 20 or newer with npm on the PATH"))
        }
    }
}
