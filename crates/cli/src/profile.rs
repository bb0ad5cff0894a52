//! The profile directory: what a `serve` keeps, and how the other commands find it.

use crate::failure::Failure;
use directories::ProjectDirs;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A directory with everything that one `serve` remembers.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    dir: PathBuf,
}

/// What a running `serve` tells the other commands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ControlFile {
    /// Its process.
    pub(crate) pid: u32,
    /// Where it listens, such as `http://127.0.0.1:8080/`.
    pub(crate) url: String,
    /// What the control API wants to see.
    pub(crate) token: String,
}

impl Profile {
    /// The profile that `--profile` names, or the default one in the user's data directory.
    pub(crate) fn locate(dir: Option<PathBuf>) -> Result<Profile, Failure> {
        if let Some(dir) = dir {
            return Ok(Profile { dir });
        }
        let dirs = ProjectDirs::from("", "", "wakeworker").ok_or_else(|| {
            Failure::new(
                "this user has no home directory to keep a profile in; choose one with --profile DIR",
            )
        })?;
        Ok(Profile { dir: dirs.data_local_dir().join("default") })
    }

    /// Makes the directory, readable by its owner only, and proves that files can be written into it.
    pub(crate) fn prepare(&self) -> Result<(), Failure> {
        let unusable = |e: io::Error| {
            Failure::new(format!(
                "the profile directory {} cannot be written: {e}; choose another one with --profile DIR",
                self.dir.display()
            ))
        };
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.dir).map_err(unusable)?;
        let probe = self.dir.join(format!(".write-probe-{}", std::process::id()));
        File::create(&probe).map_err(unusable)?;
        fs::remove_file(&probe).map_err(unusable)
    }

    /// The directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the workers' own storage is kept in: scripts, IndexedDB, caches.
    pub(crate) fn worker_storage(&self) -> PathBuf {
        self.dir.join("workers")
    }

    /// Publishes how to reach this process, in one step and readable by its owner only.
    pub(crate) fn write_control(&self, control: &ControlFile) -> Result<(), Failure> {
        let path = self.control_path();
        let temporary = self.dir.join(format!("control.json.{}", control.pid));
        let write = || -> io::Result<()> {
            // A leftover of a process with the same number may have other permissions.
            match fs::remove_file(&temporary) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&temporary)?;
            file.write_all(&serde_json::to_vec_pretty(control)?)?;
            file.write_all(b"\n")?;
            drop(file);
            fs::rename(&temporary, &path)
        };
        write().map_err(|e| Failure::new(format!("{} cannot be written: {e}", path.display())))
    }

    /// How to reach the process that serves this profile, if one left word. It may have died since.
    pub(crate) fn read_control(&self) -> Result<Option<ControlFile>, Failure> {
        let path = self.control_path();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Failure::new(format!("{} cannot be read: {e}", path.display()))),
        };
        let control = serde_json::from_slice(&text).map_err(|e| {
            Failure::new(format!(
                "{} is damaged ({e}); start `wakeworker serve` again, it writes a new one",
                path.display()
            ))
        })?;
        Ok(Some(control))
    }

    /// Withdraws what `write_control` published, unless another process has taken over meanwhile.
    pub(crate) fn remove_control(&self, own: &ControlFile) {
        if matches!(self.read_control(), Ok(Some(found)) if found == *own) {
            // If it cannot be removed it stays behind, as after a crash; readers expect that.
            let _ = fs::remove_file(self.control_path());
        }
    }

    fn control_path(&self) -> PathBuf {
        self.dir.join("control.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> (tempfile::TempDir, Profile) {
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::locate(Some(dir.path().join("a/b"))).unwrap();
        profile.prepare().unwrap();
        (dir, profile)
    }

    fn control(pid: u32) -> ControlFile {
        ControlFile { pid, url: "http://127.0.0.1:1/".into(), token: "t".into() }
    }

    #[test]
    fn the_control_file_is_private_replaced_whole_and_removed_only_by_its_owner() {
        let (_dir, profile) = profile();
        assert_eq!(profile.read_control().unwrap(), None);
        profile.write_control(&control(1)).unwrap();
        profile.write_control(&control(2)).unwrap();
        assert_eq!(profile.read_control().unwrap(), Some(control(2)));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&profile.control_path()), 0o600);
            assert_eq!(mode(profile.dir()), 0o700);
        }
        profile.remove_control(&control(1));
        assert_eq!(profile.read_control().unwrap(), Some(control(2)));
        profile.remove_control(&control(2));
        assert_eq!(profile.read_control().unwrap(), None);
        assert_eq!(fs::read_dir(profile.dir()).unwrap().count(), 0);
    }

    #[test]
    fn a_damaged_control_file_is_named() {
        let (_dir, profile) = profile();
        fs::write(profile.control_path(), "{").unwrap();
        let message = profile.read_control().unwrap_err().message;
        assert!(message.contains("control.json is damaged"), "{message}");
    }

    #[test]
    fn a_profile_that_is_a_file_is_refused_with_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "").unwrap();
        let message = Profile::locate(Some(path.clone())).unwrap().prepare().unwrap_err().message;
        assert!(message.contains(path.to_str().unwrap()), "{message}");
        assert!(message.contains("--profile DIR"), "{message}");
    }
}
