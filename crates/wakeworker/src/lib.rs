//! Background Sync for any program that hosts web content.

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
