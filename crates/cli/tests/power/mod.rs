//! Cutting the power of a host: what its database had not synced is gone.
//!
//! The real program runs with a library loaded before its C library (`synced.c`) that copies the database's files at each of
//! their syncs. After a kill those copies take the place of the files: the least that a disk must have kept.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The files whose unsynced parts are lost: those of the registrations.
const DATABASE: &str = "profile.sqlite";

/// Runs a program with its power supply watched, and cuts it.
pub(crate) struct PowerSupply {
    profile: PathBuf,
    synced: PathBuf,
}

impl PowerSupply {
    /// For the host of this profile; the copies go into a folder beside it.
    pub(crate) fn new(profile: &Path) -> PowerSupply {
        let synced = profile.with_extension("synced");
        std::fs::create_dir_all(&synced).unwrap();
        PowerSupply { profile: profile.to_owned(), synced }
    }

    /// What stands before the program and its arguments: `env NAME=VALUE…`.
    pub(crate) fn command(&self) -> Vec<OsString> {
        let variable = |name: &str, value: &Path| {
            let mut text = OsString::from(format!("{name}="));
            text.push(value);
            text
        };
        vec![
            variable("LD_PRELOAD", library()),
            variable("POWER_FROM", &self.profile),
            variable("POWER_TO", &self.synced),
            OsString::from(format!("POWER_NAME={DATABASE}")),
        ]
    }

    /// The host is dead; now its machine is as well. Returns how many bytes of its files were not there any more, or
    /// different.
    pub(crate) fn cut(&self) -> usize {
        let mut lost = 0;
        for name in [DATABASE.to_owned(), format!("{DATABASE}-wal"), format!("{DATABASE}-shm")] {
            let file = self.profile.join(&name);
            let was = std::fs::read(&file).unwrap_or_default();
            let copy = std::fs::read(self.synced.join(&name)).ok();
            let kept = copy.clone().unwrap_or_default();
            if !name.ends_with("-shm") {
                let same = was.iter().zip(&kept).filter(|(was, kept)| was == kept).count();
                lost += was.len() - same;
            }
            match copy {
                Some(copy) => std::fs::write(&file, copy).unwrap(),
                None if file.exists() => std::fs::remove_file(&file).unwrap(),
                None => {}
            }
        }
        lost
    }
}

/// Compiled once by the C compiler that the product needs anyway.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = LIBRARY.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("synced.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/power/synced.c");
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&path)
            .args([source, "-ldl"])
            .output();
        let output = output.expect("a C compiler named `cc`; scripts/setup says how to get one");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (dir, path)
    });
    path
}
