//! Background Sync for any program that hosts web content: the host API.
//!
//! A [`Host`] owns one profile: its registrations in a [`store`], its schedule, its connectivity. Scripts ask it through a
//! [`WorkerBackend`] (the embedded runtime `wakeworker-quickjs`, a browser, a webview, or one of your own, as here), and the
//! program around it sees and decides everything else:
//!
//! ```
//! use std::sync::{Arc, mpsc};
//! use wakeworker::core::*;
//! use wakeworker::network::ManualNetwork;
//! use wakeworker::store::MemoryStore;
//! use wakeworker::{DispatchDone, Host, HostHandle, WorkerBackend};
//!
//! /// Runs no scripts: it prints the event and says that it succeeded.
//! struct Printer;
//!
//! impl WorkerBackend for Printer {
//!     fn attach(&self, _host: HostHandle) {}
//!
//!     fn dispatch(&self, event: &Dispatch, done: DispatchDone) {
//!         println!("{:?} {} (last chance: {})", event.kind, event.tag, event.last_chance);
//!         done.finish(AttemptOutcome::Succeeded { handled: true });
//!     }
//!
//!     fn terminate(&self, _attempt: AttemptId) {}
//! }
//!
//! // `SqliteStore::new(directory)` keeps a profile; this one lives as long as the process. There is no network yet.
//! let network = ManualNetwork::new(Connection::None);
//! let host = Host::builder(Box::new(MemoryStore::new()))
//!     .backend(Arc::new(Printer))
//!     .network(Box::new(network.clone()))
//!     .open()?;
//!
//! // A page of the site is open, and its worker is active. A backend reports these.
//! let site = StorageKey::first_party("https://chat.example");
//! let page = host.open_client(site.clone(), FrameType::TopLevel);
//! let (scope, script) = ("https://chat.example/".to_owned(), "https://chat.example/sw.js".to_owned());
//! let registration = host.add_worker_registration(site, scope.clone(), script).wait()?;
//! host.set_active_worker(registration, Some(ActiveWorker { id: WorkerId(1), activated: true }), None);
//!
//! // The page calls `registration.sync.register("outbox")`; once the promise is resolved, the entry is durable.
//! host.sync_manager(registration).register("outbox".into()).wait()?;
//! let status = &host.sync_registrations().wait()?[0];
//! assert_eq!(status.reasons, [Reason::Offline]); // why it does not fire
//!
//! // The page is closed. The network comes, and the event is fired all the same.
//! drop(page);
//! let (sender, ended) = mpsc::channel();
//! let subscription = host.on_activity(move |activity| {
//!     if let ActivityEvent::Completed { .. } = activity.event {
//!         let _ = sender.send(activity.sync.clone());
//!     }
//! });
//! network.set(Connection::Wifi);
//! assert_eq!(ended.recv()?, Some((SyncKind::BackgroundSync, "outbox".into())));
//!
//! // WebView2's names for the same things: see `docs/host-api.md` for all of them.
//! let manager = host.service_worker_manager();
//! let registration = manager.registration(&scope).wait()?.expect("registered above");
//! let syncs = registration.sync_registration_manager();
//! assert!(syncs.sync_registrations(SyncKind::BackgroundSync).wait()?.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every question is answered by a [`Pending`]: await it on any executor, or call [`Pending::wait`]. Observers are told on
//! the engine thread and may only enqueue; their [`Subscription`] ends them. [`Driver`] is a host without a thread, for
//! programs with a loop of their own and for virtual time.
//!
//! Where to look: [`HostHandle`] has what a host decides and sees, [`SyncManager`] and [`PeriodicSyncManager`] what scripts
//! ask, [`ServiceWorkerManager`] and [`SyncRegistrationManager`] WebView2's shape of both, [`core`] the rules themselves.

mod canonical_url;
mod clock;
mod connection;
mod driver;
mod error;
mod handle;
mod host;
mod message;
pub mod network;
mod observer;
mod pending;
mod permission;
pub mod power;
mod service_worker;
pub mod store;
mod sync_manager;
mod sync_registration_manager;
#[cfg(feature = "system-network")]
mod watch_thread;
mod web_message;
mod worker;

pub use clock::{Clock, ManualClock, SystemClock};
pub use driver::Driver;
pub use error::{OpenError, QueryError};
pub use handle::{ClientGuard, EmulatedOffline, HostHandle};
pub use host::{Host, HostBuilder, Monitors};
pub use observer::Subscription;
pub use pending::Pending;
pub use permission::{PermissionProvider, PermissionRequest};
pub use service_worker::{
    DedicatedWorker, DedicatedWorkerCreatedEventArgs, DispatchError, NotImplemented, ServiceWorker,
    ServiceWorkerActivatedEventArgs, ServiceWorkerManager, ServiceWorkerRegisteredEventArgs,
    ServiceWorkerRegistration, SharedWorker, SharedWorkerCreatedEventArgs, SharedWorkerManager,
};
pub use sync_manager::{PeriodicSyncManager, SyncManager};
pub use sync_registration_manager::{SyncRegisteredEventArgs, SyncRegistrationInfo, SyncRegistrationManager};
#[doc(inline)]
pub use wakeworker_core as core;
pub use web_message::{WebMessageError, WebMessageReceivedEventArgs};
pub use worker::{DispatchDone, WorkerBackend};
