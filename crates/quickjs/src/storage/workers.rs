//! Worker registrations, their workers and their scripts.

use super::{RuntimeStorage, StorageFailure, open};
use crate::lifecycle::NavigationPreload;
use crate::{OpenError, WorkerType};
use rusqlite::{Connection, params};
use std::sync::{Mutex, MutexGuard, PoisonError};
use wakeworker_core::{StorageKey, Timestamp, WorkerId, WorkerRegistrationId};

/// The file `workers.sqlite`.
pub(crate) struct WorkerStore {
    connection: Mutex<Connection>,
}

/// A registration as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredRegistration {
    pub(crate) id: WorkerRegistrationId,
    pub(crate) storage_key: StorageKey,
    pub(crate) scope: String,
    pub(crate) update_via_cache: String,
    pub(crate) navigation_preload: NavigationPreload,
    pub(crate) last_update_check: Timestamp,
    pub(crate) workers: Vec<StoredWorker>,
}

/// A worker as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredWorker {
    pub(crate) id: WorkerId,
    pub(crate) script_url: String,
    pub(crate) worker_type: WorkerType,
    pub(crate) state: String,
    pub(crate) scripts: Vec<StoredScript>,
}

/// A script as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredScript {
    pub(crate) url: String,
    pub(crate) source: String,
    pub(crate) is_main: bool,
}

impl WorkerStore {
    /// Of a damaged file the registrations are lost here, not in the engine: their entries wait until a page registers
    /// its worker again.
    pub(crate) fn open(storage: &RuntimeStorage, damage: &mut Vec<String>) -> Result<WorkerStore, OpenError> {
        let connection = open(storage, "workers.sqlite", MIGRATIONS, damage)?;
        Ok(WorkerStore { connection: Mutex::new(connection) })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything.
    pub(crate) fn load(&self) -> Result<Vec<StoredRegistration>, StorageFailure> {
        let connection = self.connection();
        let mut statement = connection.prepare(
            "SELECT id, storage_key, scope, update_via_cache, last_update_check_ms, navigation_preload_enabled,
             navigation_preload_header FROM worker_registration ORDER BY id",
        )?;
        let mut registrations = statement
            .query_map([], |row| {
                Ok(StoredRegistration {
                    id: WorkerRegistrationId(row.get::<_, i64>(0)?.cast_unsigned()),
                    storage_key: StorageKey::from(row.get::<_, String>(1)?.as_str()),
                    scope: row.get(2)?,
                    update_via_cache: row.get(3)?,
                    navigation_preload: NavigationPreload { enabled: row.get(5)?, header: row.get(6)? },
                    last_update_check: Timestamp(row.get(4)?),
                    workers: Vec::new(),
                })
            })?
            .collect::<Result<Vec<_>, _>>()?;
        let mut workers = connection.prepare(
            "SELECT id, script_url, state, type FROM worker WHERE worker_registration = ?1 ORDER BY id",
        )?;
        let mut scripts = connection
            .prepare("SELECT url, source, is_main FROM worker_script WHERE worker = ?1 ORDER BY position")?;
        for registration in &mut registrations {
            let found = workers.query_map([registration.id.0.cast_signed()], |row| {
                Ok(StoredWorker {
                    id: WorkerId(row.get::<_, i64>(0)?.cast_unsigned()),
                    script_url: row.get(1)?,
                    state: row.get(2)?,
                    worker_type: WorkerType::from_name(&row.get::<_, String>(3)?).unwrap_or_default(),
                    scripts: Vec::new(),
                })
            })?;
            registration.workers = found.collect::<Result<_, _>>()?;
            for worker in &mut registration.workers {
                let found = scripts.query_map([worker.id.0.cast_signed()], |row| {
                    Ok(StoredScript { url: row.get(0)?, source: row.get(1)?, is_main: row.get(2)? })
                })?;
                worker.scripts = found.collect::<Result<_, _>>()?;
            }
        }
        Ok(registrations)
    }

    /// A number for a new worker, never given before in this store.
    pub(crate) fn draw_worker_id(&self) -> Result<WorkerId, StorageFailure> {
        let id: i64 = self.connection().query_row(
            "UPDATE worker_id SET last = last + 1 RETURNING last",
            [],
            |row| row.get(0),
        )?;
        Ok(WorkerId(id.cast_unsigned()))
    }

    /// A number that was given by a store that is lost is not given again.
    pub(crate) fn skip_worker_ids(&self, last: WorkerId) -> Result<(), StorageFailure> {
        let raise = "UPDATE worker_id SET last = ?1 WHERE last < ?1";
        self.connection().execute(raise, [last.0.cast_signed()])?;
        Ok(())
    }

    /// Inserts a registration or changes it; its workers stay.
    pub(crate) fn put_registration(&self, registration: &StoredRegistration) -> Result<(), StorageFailure> {
        self.connection().execute(
            "INSERT INTO worker_registration (id, storage_key, scope, update_via_cache, last_update_check_ms)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET storage_key = excluded.storage_key, scope = excluded.scope,
                 update_via_cache = excluded.update_via_cache, last_update_check_ms = excluded.last_update_check_ms",
            params![
                registration.id.0.cast_signed(),
                registration.storage_key.as_str(),
                registration.scope,
                registration.update_via_cache,
                registration.last_update_check.0,
            ],
        )?;
        Ok(())
    }

    /// Notes when a registration was last checked for an update.
    pub(crate) fn set_update_check(
        &self,
        id: WorkerRegistrationId,
        at: Timestamp,
    ) -> Result<(), StorageFailure> {
        self.connection().execute(
            "UPDATE worker_registration SET last_update_check_ms = ?2 WHERE id = ?1",
            params![id.0.cast_signed(), at.0],
        )?;
        Ok(())
    }

    /// Notes what a registration has set for navigation preload.
    pub(crate) fn set_navigation_preload(
        &self,
        id: WorkerRegistrationId,
        enabled: bool,
        header: &str,
    ) -> Result<(), StorageFailure> {
        self.connection().execute(
            "UPDATE worker_registration SET navigation_preload_enabled = ?2, navigation_preload_header = ?3 WHERE id = ?1",
            params![id.0.cast_signed(), enabled, header],
        )?;
        Ok(())
    }

    /// Inserts a worker with all its scripts, durably.
    pub(crate) fn put_worker(
        &self,
        registration: WorkerRegistrationId,
        worker: &StoredWorker,
    ) -> Result<(), StorageFailure> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        let id = worker.id.0.cast_signed();
        transaction.execute(
            "INSERT INTO worker (id, worker_registration, script_url, state, type) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET script_url = excluded.script_url, state = excluded.state",
            params![id, registration.0.cast_signed(), worker.script_url, worker.state, worker.worker_type.name()],
        )?;
        transaction.execute("DELETE FROM worker_script WHERE worker = ?1", [id])?;
        for (position, script) in worker.scripts.iter().enumerate() {
            transaction.execute(
                "INSERT INTO worker_script (worker, position, url, source, is_main) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![id, i64::try_from(position).unwrap_or(i64::MAX), script.url, script.source, script.is_main],
            )?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Changes states of workers and removes others, in one transaction.
    pub(crate) fn change_workers(
        &self,
        states: &[(WorkerId, &str)],
        removed: &[WorkerId],
    ) -> Result<(), StorageFailure> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        for (id, state) in states {
            transaction
                .prepare_cached("UPDATE worker SET state = ?2 WHERE id = ?1")?
                .execute(params![id.0.cast_signed(), state])?;
        }
        for id in removed {
            transaction.prepare_cached("DELETE FROM worker WHERE id = ?1")?.execute([id.0.cast_signed()])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Removes a registration with its workers.
    pub(crate) fn remove_registration(&self, id: WorkerRegistrationId) -> Result<(), StorageFailure> {
        self.connection().execute("DELETE FROM worker_registration WHERE id = ?1", [id.0.cast_signed()])?;
        Ok(())
    }
}

const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE worker_registration (
        id INTEGER PRIMARY KEY,
        storage_key TEXT NOT NULL,
        scope TEXT NOT NULL,
        update_via_cache TEXT NOT NULL,
        last_update_check_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE worker (
        id INTEGER PRIMARY KEY,
        worker_registration INTEGER NOT NULL REFERENCES worker_registration (id) ON DELETE CASCADE,
        script_url TEXT NOT NULL,
        state TEXT NOT NULL
    ) STRICT;
    CREATE TABLE worker_script (
        worker INTEGER NOT NULL REFERENCES worker (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        url TEXT NOT NULL,
        source TEXT NOT NULL,
        is_main INTEGER NOT NULL,
        PRIMARY KEY (worker, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE worker_id (last INTEGER NOT NULL) STRICT;
    INSERT INTO worker_id (last) VALUES (0);
",
    "
    ALTER TABLE worker ADD COLUMN type TEXT NOT NULL DEFAULT 'classic';
  ",
    "
    ALTER TABLE worker_registration ADD COLUMN navigation_preload_enabled INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE worker_registration ADD COLUMN navigation_preload_header TEXT NOT NULL DEFAULT 'true';
",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // R156
    fn workers_come_back_with_their_scripts_and_go_with_their_registration() {
        let dir = tempfile::tempdir().unwrap();
        let storage = RuntimeStorage::Dir(dir.path().to_owned());
        let store = WorkerStore::open(&storage, &mut Vec::new()).unwrap();
        let registration = StoredRegistration {
            id: WorkerRegistrationId(7),
            storage_key: StorageKey::first_party("https://a.example"),
            scope: "https://a.example/".into(),
            update_via_cache: "imports".into(),
            navigation_preload: NavigationPreload::default(),
            last_update_check: Timestamp(5),
            workers: Vec::new(),
        };
        store.put_registration(&registration).unwrap();
        let id = store.draw_worker_id().unwrap();
        let script = |url: &str, is_main| StoredScript { url: url.into(), source: "a".into(), is_main };
        let worker = StoredWorker {
            id,
            script_url: "https://a.example/sw.js".into(),
            worker_type: WorkerType::Module,
            state: "installed".into(),
            scripts: vec![script("https://a.example/sw.js", true), script("https://a.example/b.js", false)],
        };
        store.put_worker(registration.id, &worker).unwrap();
        store.change_workers(&[(id, "activated")], &[]).unwrap();
        drop(store);
        let store = WorkerStore::open(&storage, &mut Vec::new()).unwrap();
        let loaded = store.load().unwrap();
        assert_eq!(loaded.len(), 1);
        assert_eq!(loaded[0].workers[0].state, "activated");
        assert_eq!(loaded[0].workers[0].worker_type, WorkerType::Module);
        assert_eq!(loaded[0].workers[0].scripts[1].url, "https://a.example/b.js");
        assert!(store.draw_worker_id().unwrap() > id);
        store.remove_registration(registration.id).unwrap();
        assert!(store.load().unwrap().is_empty());
        let left: i64 =
            store.connection().query_row("SELECT count(*) FROM worker_script", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0);
    }
}
