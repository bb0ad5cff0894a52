//! What all parts of one runtime share.

use crate::agent::{ConsoleLine, Task, Watchdog, Worker, lock};
use crate::clients::Clients;
use crate::clock::Time;
use crate::emitter::{Emitter, LifecycleEvent};
use crate::fetch::{FetchRules, PreflightCache};
use crate::lifecycle::Registry;
use crate::locks::Locks;
use crate::notifications::Notifications;
use crate::ports::PortHub;
use crate::script::BytecodeCache;
use crate::storage::{Caches, Profile, Quota, RuntimeStorage, StorageFailure, WorkerStore};
use crate::virtual_time::Work;
use crate::{ConsoleLevel, Fetcher, OpenError, RuntimeConfig};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use wakeworker::HostHandle;
use wakeworker_core::{Activity, ActivityEvent, PermissionName, StorageKey, WorkerId};
use wakeworker_indexeddb::Engine;

type ConsoleObserver = Box<dyn Fn(&ConsoleLine) + Send + Sync>;

/// The state behind [`Runtime`](crate::Runtime).
pub(crate) struct Shared {
    pub(crate) config: RuntimeConfig,
    pub(crate) time: Time,
    pub(crate) fetch: Arc<FetchRules>,
    pub(crate) clients: Arc<dyn Clients>,
    pub(crate) host: OnceLock<HostHandle>,
    pub(crate) indexeddb: Engine,
    pub(crate) caches: Caches,
    pub(crate) quota: Arc<Quota>,
    pub(crate) locks: Locks,
    pub(crate) store: WorkerStore,
    pub(crate) bytecode: BytecodeCache,
    pub(crate) threads: Threads,
    pub(crate) watchdog: Watchdog,
    pub(crate) registry: Mutex<Registry>,
    /// What was damaged when the profile was opened, and what became of it.
    pub(crate) damage: Vec<String>,
    pub(crate) lifecycle: Emitter<LifecycleEvent>,
    pub(crate) notifications: Notifications,
    pub(crate) ports: Arc<PortHub>,
    /// Open once the registrations of the host and of the runtime agree; jobs wait for it.
    pub(crate) reconciled: Gate,
    pub(crate) probe: OnceLock<Box<dyn Probe>>,
    console: RwLock<Vec<ConsoleObserver>>,
    closing: AtomicBool,
}

/// Watches one evaluation.
pub(crate) trait Probe: Send + Sync {
    /// An exception or rejection that nothing caught.
    fn exception(&self, text: &str);
    /// Nothing can happen in the worker without something from outside, after so many tasks.
    fn quiet(&self, tasks: u64);
}

impl Shared {
    pub(crate) fn open(
        config: RuntimeConfig,
        storage: &RuntimeStorage,
        fetcher: Arc<dyn Fetcher>,
        clients: Arc<dyn Clients>,
    ) -> Result<Arc<Shared>, OpenError> {
        let Profile { workers: store, cookies, indexeddb, caches, quota, damage } =
            Profile::open(storage, &config)?;
        let fetch = Arc::new(FetchRules {
            fetcher,
            cookies,
            preflights: PreflightCache::new(config.preflights_max, config.preflight_age_s_max),
            private_network: config.private_network.clone(),
            time: Time::new(config.virtual_time.clone()),
            integrity_bytes_max: config.integrity_bytes_max,
            language: config.language.clone(),
            redirects_max: config.redirects_max,
            response_bytes_max: config.response_bytes_max,
            window_bytes: config.response_window_bytes,
            user_agent: config.user_agent.clone(),
            online: AtomicBool::new(true),
        });
        let unreadable = |failure: StorageFailure| OpenError::Inaccessible {
            path: storage.path_of("workers.sqlite"),
            message: failure.message,
        };
        let registry = Registry::restore(&store).map_err(unreadable)?;
        // After the registrations: those that are dropped take their notifications with them.
        let notifications = Notifications::restore(&store).map_err(unreadable)?;
        let shared = Arc::new(Shared {
            bytecode: BytecodeCache::new(config.compiled_script_bytes_max),
            time: Time::new(config.virtual_time.clone()),
            config,
            fetch,
            clients,
            host: OnceLock::new(),
            indexeddb,
            locks: Locks::default(),
            caches,
            quota,
            store,
            threads: Threads::default(),
            watchdog: Watchdog::default(),
            registry: Mutex::new(registry),
            damage,
            lifecycle: Emitter::default(),
            notifications,
            ports: Arc::default(),
            reconciled: Gate::default(),
            probe: OnceLock::new(),
            console: RwLock::default(),
            closing: AtomicBool::new(false),
        });
        let told = Arc::downgrade(&shared);
        shared.fetch.cookies.on_failure(move |text| {
            if let Some(shared) = told.upgrade() {
                shared.warn(WorkerId(0), text);
            }
        });
        Ok(shared)
    }

    pub(crate) fn on_console(&self, observer: ConsoleObserver) {
        self.console.write().unwrap_or_else(PoisonError::into_inner).push(observer);
    }

    pub(crate) fn print(&self, line: &ConsoleLine) {
        for observer in self.console.read().unwrap_or_else(PoisonError::into_inner).iter() {
            observer(line);
        }
    }

    /// A warning of the runtime about a worker, shown with its console.
    pub(crate) fn warn(&self, worker: WorkerId, text: String) {
        self.print(&ConsoleLine { worker, level: ConsoleLevel::Warn, text });
    }

    pub(crate) fn exception_reported(&self, text: &str) {
        if let Some(probe) = self.probe.get() {
            probe.exception(text);
        }
    }

    /// Called by a worker's loop when nothing is left to do.
    pub(crate) fn became_quiet(&self, tasks: u64) {
        if let Some(probe) = self.probe.get() {
            probe.quiet(tasks);
        }
    }

    pub(crate) fn worker_started(&self, worker: &Arc<Worker>) {
        self.lifecycle
            .emit(LifecycleEvent::WorkerStarted { registration: worker.registration, worker: worker.id });
    }

    pub(crate) fn worker_stopped(&self, worker: &Arc<Worker>) {
        self.lifecycle
            .emit(LifecycleEvent::WorkerStopped { registration: worker.registration, worker: worker.id });
        if let Some(host) = self.host.get() {
            host.worker_stopped(worker.registration, worker.id); // R219
        }
    }

    /// A message for the BroadcastChannels of the origin's running workers, except the one that sends it.
    pub(crate) fn broadcast(&self, key: &StorageKey, name: &str, data: &str, sender: Option<WorkerId>) {
        for worker in self.all_workers() {
            if worker.storage_key == *key && Some(worker.id) != sender {
                worker.hear_broadcast(name, data, self.config.queued_messages_max);
            }
        }
    }

    /// Switches the network for all workers.
    pub(crate) fn set_online(&self, online: bool) {
        if self.fetch.online.swap(online, Ordering::AcqRel) == online {
            return;
        }
        for worker in self.all_workers() {
            worker.post(Task::OnLine(online));
        }
    }

    /// Tells running workers what becomes of their origin's permissions (R134), and remembers who may show notifications.
    pub(crate) fn follow_permissions(self: &Arc<Shared>) {
        let Some(host) = self.host.get() else { return };
        let shared = Arc::downgrade(self);
        let follow = move |activity: &Activity| {
            let ActivityEvent::PermissionChanged { name, state } = activity.event else { return };
            let (Some(key), Some(shared)) = (&activity.storage_key, shared.upgrade()) else { return };
            if name == PermissionName::Notifications {
                shared.notifications.set_permission(key.clone(), state);
            }
            for worker in shared.all_workers().into_iter().filter(|worker| worker.storage_key == *key) {
                worker.post(Task::PermissionChanged(name, state));
            }
        };
        host.on_activity(follow).forget();
        for key in self.storage_keys() {
            self.learn_notification_permission(host, key);
        }
    }

    pub(crate) fn is_online(&self) -> bool {
        self.fetch.online.load(Ordering::Acquire)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Does something on a thread of its own that must not hold the caller up. If the system has no thread, here.
    pub(crate) fn in_background(
        self: &Arc<Shared>,
        name: &str,
        work: impl FnOnce(&Arc<Shared>) + Send + 'static,
    ) {
        let shared = self.clone();
        let token = self.threads.enter(&self.time);
        let slot = Arc::new(Mutex::new(Some(work)));
        let taken = slot.clone();
        let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let work = lock(&taken).take();
            if let Some(work) = work {
                work(&shared);
            }
            drop(shared);
            drop(token);
        });
        if spawned.is_err() {
            let work = lock(&slot).take();
            if let Some(work) = work {
                work(self);
            }
        }
    }

    /// Stops everything and waits for the threads, but not for a built-in that cannot be interrupted.
    pub(crate) fn shutdown(&self) {
        self.closing.store(true, Ordering::Release);
        for worker in self.all_workers() {
            worker.stop(crate::agent::StopReason::Shutdown);
        }
        self.watchdog.close();
        self.threads.wait_for_all(SHUTDOWN_MAX);
    }
}

/// Something that opens once.
#[derive(Default)]
pub(crate) struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    pub(crate) fn open(&self) {
        *lock(&self.is_open) = true;
        self.opened.notify_all();
    }

    pub(crate) fn wait(&self) {
        let guard = lock(&self.is_open);
        drop(self.opened.wait_while(guard, |is_open| !*is_open));
    }
}

const SHUTDOWN_MAX: Duration = Duration::from_secs(3);

/// Counts running threads.
#[derive(Default)]
pub(crate) struct Threads(Arc<(Mutex<usize>, Condvar)>);

/// One running thread.
pub(crate) struct ThreadToken {
    threads: Arc<(Mutex<usize>, Condvar)>,
    _work: Option<Work>,
}

impl Threads {
    pub(crate) fn enter(&self, time: &Time) -> ThreadToken {
        *lock(&self.0.0) += 1;
        ThreadToken { threads: self.0.clone(), _work: time.work() }
    }

    fn wait_for_all(&self, longest: Duration) {
        let (count, changed) = &*self.0;
        let guard = lock(count);
        // What is still running after this time is stuck in a built-in; it ends when that returns.
        drop(changed.wait_timeout_while(guard, longest, |count| *count > 0));
    }
}

impl Drop for ThreadToken {
    fn drop(&mut self) {
        *lock(&self.threads.0) -= 1;
        self.threads.1.notify_all();
    }
}
