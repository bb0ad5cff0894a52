//! Background Sync for any program that hosts web content.

mod clock;
mod connection;
mod driver;
mod error;
mod host;
mod message;
pub mod network;
mod observer;
mod pending;
mod service_worker;
pub mod store;
mod sync_manager;
mod worker;

pub use clock::{Clock, ManualClock, SystemClock};
pub use driver::Driver;
pub use error::{OpenError, QueryError};
pub use host::{ClientGuard, Host, HostBuilder, HostHandle};
pub use observer::Subscription;
pub use pending::Pending;
pub use service_worker::{ServiceWorker, ServiceWorkerManager, ServiceWorkerRegistration};
pub use sync_manager::SyncManager;
#[doc(inline)]
pub use wakeworker_core as core;
pub use worker::{DispatchDone, WorkerBackend};
