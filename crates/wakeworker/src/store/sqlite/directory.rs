//! The profile's directory and the lock that makes one process its owner.

use crate::store::StoreError;
use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Held while the profile is owned. The operating system ends it with the process, also after kill -9 (R167).
#[derive(Debug)]
pub(super) struct ProfileLock {
    _file: File,
}

impl ProfileLock {
    /// Makes the directory if needed and takes the lock, or says at once that another one has it.
    pub(super) fn take(profile: &Path) -> Result<ProfileLock, StoreError> {
        make_directory(profile).map_err(inaccessible(profile))?;
        let path = profile.join("lock");
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(inaccessible(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(ProfileLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { profile: profile.to_owned() }),
            Err(TryLockError::Error(error)) => Err(inaccessible(&path)(error)),
        }
    }
}

/// The database of a profile.
pub(super) fn database_path(profile: &Path) -> PathBuf {
    profile.join("profile.sqlite")
}

/// The error of a path that cannot be used.
pub(super) fn inaccessible(path: &Path) -> impl Fn(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Inaccessible { path: path.clone(), source }
}

/// A new directory is for this user only: tags and URLs say what somebody does on the web. An existing one keeps its
/// mode, which is its owner's choice.
fn make_directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
