//! Bundles the page script (`page/src`) into one file that the program embeds.
//!
//! The npm packages are installed below the build directory, so that two builds of one checkout never write to the
//! same place and the source tree stays as it was.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

const CLONE: &str = "../quickjs/js/src/clone.ts";

fn main() {
    if let Err(message) = bundle() {
        // Cargo shows what a failed build script printed; the last line is what the reader needs.
        println!("cargo::error={message}");
    }
}

fn bundle() -> Result<(), String> {
    for input in ["page/src", "page/package.json", "page/package-lock.json", CLONE] {
        println!("cargo::rerun-if-changed={input}");
    }
    let out = env::var("OUT_DIR").map_err(|_| "OUT_DIR is not set; build with cargo".to_owned())?;
    let out = Path::new(&out);
    let npm = out.join("npm");
    install(&npm)?;
    let esbuild = npm.join("node_modules/.bin/esbuild");
    run(
        Command::new(&esbuild)
            .arg("page/src/main.ts")
            .args(["--bundle", "--format=iife", "--target=es2022", "--minify-syntax", "--minify-whitespace"])
            .args(["--log-level=warning", "--legal-comments=inline"])
            .arg(format!("--outfile={}", out.join("page.js").display())),
        "esbuild",
    )
}

/// Runs `npm ci` unless exactly this lock file has been installed here before.
fn install(npm: &Path) -> Result<(), String> {
    let lock = fs::read("page/package-lock.json").map_err(|e| format!("page/package-lock.json: {e}"))?;
    let stamp = npm.join("installed-lock.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    fs::create_dir_all(npm).map_err(|e| format!("{}: {e}", npm.display()))?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(format!("page/{file}"), npm.join(file)).map_err(|e| format!("page/{file}: {e}"))?;
    }
    run(
        Command::new("npm").args(["ci", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(npm),
        "npm ci",
    )?;
    fs::write(&stamp, lock).map_err(|e| format!("{}: {e}", stamp.display()))
}

fn run(command: &mut Command, what: &str) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " | ");
            Err(format!("{what} failed ({}): {text}", output.status))
        }
        Err(e) => Err(format!(
            "cannot run {what}: {e}; building the page script needs Node.js 20 or newer with npm on the PATH"
        )),
    }
}
