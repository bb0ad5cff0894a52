//! Worker management in the shape of WebView2 (section 4.6 of the requirements).

mod life;
mod manager;
mod not_implemented;
mod registration;
mod table;
mod worker;

pub use manager::{ServiceWorkerManager, ServiceWorkerRegisteredEventArgs};
pub use not_implemented::{
    DedicatedWorker, DedicatedWorkerCreatedEventArgs, NotImplemented, SharedWorker,
    SharedWorkerCreatedEventArgs, SharedWorkerManager,
};
pub use registration::{ServiceWorkerActivatedEventArgs, ServiceWorkerRegistration};
pub use worker::{DispatchError, ServiceWorker};

pub(crate) use table::WorkerTable;
