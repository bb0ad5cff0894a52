//! Everything that a runtime keeps, opened at once.

use super::{Caches, Quota, RuntimeStorage, WorkerStore};
use crate::cookies::CookieJar;
use crate::{OpenError, RuntimeConfig};
use std::sync::Arc;
use std::thread;
use wakeworker_indexeddb::{Engine, Place};

/// The storage of a runtime.
pub(crate) struct Profile {
    pub(crate) workers: WorkerStore,
    pub(crate) cookies: CookieJar,
    pub(crate) indexeddb: Engine,
    pub(crate) caches: Caches,
    pub(crate) quota: Arc<Quota>,
    /// What was found damaged, and where it was moved, for people.
    pub(crate) damage: Vec<String>,
}

impl Profile {
    /// Opens all of it, half of it on another thread: most of a program's start is this, and the disk is slow.
    pub(crate) fn open(storage: &RuntimeStorage, config: &RuntimeConfig) -> Result<Profile, OpenError> {
        let quota = Arc::new(Quota::new(config));
        thread::scope(|scope| {
            let of_origins = thread::Builder::new()
                .name("wakeworker-open".into())
                .spawn_scoped(scope, || open_data_of_origins(storage, config, &quota))
                .map_err(|error| OpenError::Thread(error.to_string()))?;
            let mut damage = Vec::new();
            let workers = WorkerStore::open(storage, &mut damage)?;
            let cookies = CookieJar::open(storage, config, &mut damage)?;
            let (indexeddb, caches, more) =
                of_origins.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            damage.extend(more);
            Ok(Profile { workers, cookies, indexeddb, caches, quota: quota.clone(), damage })
        })
    }
}

fn open_data_of_origins(
    storage: &RuntimeStorage,
    config: &RuntimeConfig,
    quota: &Arc<Quota>,
) -> Result<(Engine, Caches, Vec<String>), OpenError> {
    let place = match storage {
        RuntimeStorage::Dir(dir) => Place::Dir(dir.join("indexeddb")),
        RuntimeStorage::Memory => Place::Memory,
    };
    let indexeddb = Engine::open_with(&place, quota.clone()).map_err(|error| OpenError::Inaccessible {
        path: storage.path_of("indexeddb"),
        message: error.to_string(),
    })?;
    let mut damage = indexeddb.damage_found().to_vec();
    let caches = Caches::open(storage, config, quota.clone(), &mut damage)?;
    Ok((indexeddb, caches, damage))
}
