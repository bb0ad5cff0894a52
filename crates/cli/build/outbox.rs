//! Builds the outbox example, which the program embeds for `wakeworker demo`.
//!
//! The example is copied below the build directory and built there, so that two builds of one checkout never write to
//! the same place and the source tree stays as it was.

use crate::npm;
use std::path::Path;
use std::process::Command;
use std::{env, fs, io};

const EXAMPLE: &str = "../../examples/outbox";
const PARTS: [&str; 4] = ["package.json", "package-lock.json", "build.mjs", "src"];

/// Leaves `outbox.rs` in the build directory: a list of `(name, bytes)` of the built files.
pub(crate) fn build() -> Result<(), String> {
    for part in PARTS {
        println!("cargo::rerun-if-changed={EXAMPLE}/{part}");
    }
    let out = env::var("OUT_DIR").map_err(|_| "OUT_DIR is not set; build with cargo".to_owned())?;
    let copy = Path::new(&out).join("outbox");
    match fs::remove_dir_all(copy.join("src")) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(format!("{}: {e}", copy.display())),
        _ => {}
    }
    for part in PARTS {
        let from = Path::new(EXAMPLE).join(part);
        copy_all(&from, &copy.join(part)).map_err(|e| format!("{}: {e}", from.display()))?;
    }
    npm::install(&copy)?;
    npm::run(Command::new("node").arg("build.mjs").current_dir(&copy), "node build.mjs")?;
    embed(&copy.join("dist"), &Path::new(&out).join("outbox.rs"))
}

fn embed(dist: &Path, list: &Path) -> Result<(), String> {
    let failed = |e: io::Error| format!("{}: {e}", dist.display());
    let mut files: Vec<_> =
        fs::read_dir(dist).and_then(Iterator::collect::<io::Result<_>>).map_err(failed)?;
    files.sort_by_key(fs::DirEntry::file_name);
    let mut source = String::from("&[\n");
    for file in files {
        let name = file.file_name();
        source +=
            &format!("    ({:?}, include_bytes!({:?}).as_slice()),\n", name.to_string_lossy(), file.path());
    }
    source += "]\n";
    fs::write(list, source).map_err(|e| format!("{}: {e}", list.display()))
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
