//! The embedded service-worker runtime of WakeWorker: headless, a few MiB, a [`WorkerBackend`](wakeworker::WorkerBackend).
//!
//! Each running worker is one OS thread with its own JavaScript heap and limits; a worker starts when an event comes
//! and stops when it is idle. Scripts, registrations and IndexedDB are kept in SQLite.
//!
//! ```
//! use wakeworker_quickjs::{EvalOptions, Runtime};
//!
//! let script = r#"
//!     addEventListener("sync", (event) => console.log("sync", event.tag, event.lastChance));
//!     addEventListener("activate", (event) => event.waitUntil(registration.sync.register("outbox")));
//! "#;
//! let scripts = vec![("sw.js".to_owned(), script.to_owned())];
//! let mut lines = Vec::new();
//! let outcome = Runtime::evaluate(EvalOptions::default(), scripts, |line| lines.push(line.text))?;
//! assert_eq!(outcome.errors, Vec::<String>::new());
//! assert_eq!(lines, ["sync outbox false"]);
//! # Ok::<(), wakeworker_quickjs::OpenError>(())
//! ```

mod agent;
mod body;
mod clients;
mod clock;
mod config;
mod cookies;
mod crypto;
mod emitter;
mod error;
mod fetch;
mod fetch_event;
mod functional_event;
mod indexeddb;
mod json;
mod lifecycle;
mod locks;
mod mime;
mod notifications;
mod ports;
mod runtime;
mod script;
mod shared;
mod socket;
mod storage;
mod virtual_time;

pub use agent::{ConsoleLevel, ConsoleLine};
pub use body::{BodyReceiver, BodySender, RequestBody, body_channel};
pub use clients::{ClientInfo, Clients, MessageSource, NoClients};
pub use config::{RuntimeConfig, ScriptExtensions};
pub use emitter::{LifecycleEvent, RegistrationState, WorkerState};
pub use error::{OpenError, RegisterWorkerError};
pub use fetch::{
    AbortHandle, AddressSpace, FetchRequest, Fetcher, HttpFetcher, PrivateNetwork, ResponseHead, ResponseSink,
};
pub use fetch_event::{FetchEventHandle, FetchEventRequest, FetchEventResult};
pub use indexeddb::PageDatabases;
pub use lifecycle::{
    EvalOptions, EvalOutcome, NavigationPreload, RegisterJob, UpdateViaCache, WorkerType, check_worker_urls,
};
pub use notifications::{
    Notification, NotificationAction, NotificationChange, NotificationCloseReason, NotificationId,
    NotificationOptions,
};
pub use ports::{PORTS_PER_HOLDER_MAX, PortHolder, PortId, PortNotice, PostedMessage, TransferredPort};
pub use runtime::Runtime;
pub use socket::{SocketRequest, SocketSink};
pub use storage::{OriginStorage, RuntimeStorage, StorageError, StoredCache, StoredDatabase};
pub use virtual_time::VirtualTime;
