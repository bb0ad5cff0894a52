//! Bundles the page script (`page/src`) into one file that the program embeds, and builds the example of the demo.
//!
//! The npm packages are installed below the build directory, so that two builds of one checkout never write to the
//! same place and the source tree stays as it was.

#[path = "build/npm.rs"]
mod npm;
#[path = "build/outbox.rs"]
mod outbox;

use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// Page and worker share some of the JavaScript layer's files.
const SHARED: [&str; 2] = ["../quickjs/js/src", "../quickjs/js/package.json"];

fn main() {
    if let Err(message) = bundle().and_then(|()| outbox::build()) {
        // Cargo shows what a failed build script printed; the last line is what the reader needs.
        println!("cargo::error={message}");
    }
}

fn bundle() -> Result<(), String> {
    for input in ["page/src", "page/package.json", "page/package-lock.json"].into_iter().chain(SHARED) {
        println!("cargo::rerun-if-changed={input}");
    }
    let out = env::var("OUT_DIR").map_err(|_| "OUT_DIR is not set; build with cargo".to_owned())?;
    let out = Path::new(&out);
    let npm = out.join("npm");
    fs::create_dir_all(&npm).map_err(|e| format!("{}: {e}", npm.display()))?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(format!("page/{file}"), npm.join(file)).map_err(|e| format!("page/{file}: {e}"))?;
    }
    npm::install(&npm)?;
    let esbuild = npm.join("node_modules/.bin/esbuild");
    npm::run(
        Command::new(&esbuild)
            .arg("page/src/main.ts")
            .args(["--bundle", "--format=iife", "--target=es2022", "--minify-syntax", "--minify-whitespace"])
            // Of what page and workers share, the page's side.
            .arg("--conditions=page")
            .args(["--log-level=warning", "--legal-comments=inline"])
            .arg(format!("--outfile={}", out.join("page.js").display())),
        "esbuild",
    )
}
