//! Bundles the JavaScript layer (`js/`) with esbuild and writes its scripts, as Rust constants, to `OUT_DIR/layer.rs`.
//!
//! A published package carries `js/dist` and no sources, so its users need no Node.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::time::SystemTime;
use std::{env, fs};

fn main() {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let js = root.join("js");
    let shipped = js.join("dist");
    if !js.join("src/index.ts").exists() {
        println!("cargo::rerun-if-changed={}", shipped.display());
        embed(&shipped);
        return;
    }
    for name in ["src", "package.json", "package-lock.json", "build.mjs"] {
        println!("cargo::rerun-if-changed={}", js.join(name).display());
    }
    if modules_are_stale(&js) {
        let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
        run(Command::new(npm).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&js));
        // npm leaves an unchanged folder's date alone; the date tells the next build that nothing is to do.
        let _ = fs::File::create(js.join(STAMP));
    }
    run(Command::new("node").arg("build.mjs").current_dir(&js));
    embed(&shipped);
}

/// Writes `MAIN` and `PARTS` for src/script/layer.rs.
fn embed(shipped: &Path) {
    let scripts = read_scripts(shipped).unwrap_or_else(|error| {
        fail(&format!("the JavaScript layer, {}, cannot be read: {error}", shipped.display()))
    });
    let new = |name: &str| scripts.get(name).map(|source| format!("LayerScript::new({name:?}, {source:?})"));
    let Some(main) = new("main") else {
        fail(&format!("the JavaScript layer, {}, has no main.js", shipped.display()))
    };
    let parts: Vec<String> =
        scripts.keys().filter(|name| *name != "main").filter_map(|name| new(name)).collect();
    let code = format!(
        "static MAIN: LayerScript = {main};\nstatic PARTS: [LayerScript; {}] = [{}];\n",
        parts.len(),
        parts.join(",\n")
    );
    let out = PathBuf::from(variable("OUT_DIR")).join("layer.rs");
    if let Err(error) = fs::write(&out, code) {
        fail(&format!("{} cannot be written: {error}", out.display()));
    }
}

/// The scripts of a folder by their names.
fn read_scripts(folder: &Path) -> std::io::Result<BTreeMap<String, String>> {
    let mut scripts = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if let (Some("js"), Some(name)) = (path.extension().and_then(|it| it.to_str()), path.file_stem()) {
            scripts.insert(name.to_string_lossy().into_owned(), fs::read_to_string(&path)?);
        }
    }
    Ok(scripts)
}

const STAMP: &str = "node_modules/.installed";

fn modules_are_stale(js: &Path) -> bool {
    let changed = |path: &str| fs::metadata(js.join(path)).and_then(|data| data.modified());
    match (changed(STAMP), changed("package-lock.json")) {
        (Ok(installed), Ok(lock)) => installed < lock.max(SystemTime::UNIX_EPOCH),
        _ => true,
    }
}

fn run(command: &mut Command) {
    let shown = format!("{command:?}");
    match command.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => fail(&format!(
            "{shown} failed ({}):\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )),
        Err(error) => fail(&format!(
            "{shown} could not be started: {error}\n\
             Building from the repository needs Node 20 or newer with npm (Debian: apt-get install nodejs npm)."
        )),
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| fail(&format!("{name} is not set; run this through cargo")))
}

fn fail(message: &str) -> ! {
    // Cargo shows these lines as errors of the build; a message may have several.
    for line in message.lines() {
        println!("cargo::error={line}");
    }
    exit(1)
}
