//! Kinds of workers that WebView2's host API knows and the embedded engine does not run (R222).

use crate::{HostHandle, Subscription};
use std::fmt;

/// The called member exists in WebView2 and has no meaning here: what `E_NOTIMPL` and `NotImplementedException` say.
#[doc(alias = "E_NOTIMPL")]
#[doc(alias = "NotImplementedException")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotImplemented {
    /// The member, by its name in WebView2.
    pub member: &'static str,
}

/// A dedicated worker. There is none: service workers of the embedded engine cannot make any, and those of pages
/// belong to the page's own browser.
#[doc(alias = "CoreWebView2DedicatedWorker")]
#[derive(Clone, Copy, Debug)]
pub enum DedicatedWorker {}

/// A shared worker. There is none, for the same reason.
#[doc(alias = "CoreWebView2SharedWorker")]
#[derive(Clone, Copy, Debug)]
pub enum SharedWorker {}

/// What an observer of `DedicatedWorkerCreated` would be given.
#[doc(alias = "CoreWebView2DedicatedWorkerCreatedEventArgs")]
#[derive(Clone, Copy, Debug)]
pub struct DedicatedWorkerCreatedEventArgs {
    /// The worker.
    pub worker: DedicatedWorker,
}

/// What an observer of `SharedWorkerCreated` would be given.
#[doc(alias = "CoreWebView2SharedWorkerCreatedEventArgs")]
#[derive(Clone, Copy, Debug)]
pub struct SharedWorkerCreatedEventArgs {
    /// The worker.
    pub worker: SharedWorker,
}

/// The shared workers of a profile: each member says that it is not implemented, as R222 asks.
#[doc(alias = "CoreWebView2SharedWorkerManager")]
#[derive(Clone, Copy, Debug)]
pub struct SharedWorkerManager(());

impl SharedWorkerManager {
    /// Not implemented (R222).
    #[doc(alias = "add_SharedWorkerCreated")]
    pub fn on_shared_worker_created(
        &self,
        _observer: impl Fn(&SharedWorkerCreatedEventArgs) + Send + Sync + 'static,
    ) -> Result<Subscription, NotImplemented> {
        Err(NotImplemented { member: "SharedWorkerCreated" })
    }

    /// Not implemented (R222).
    #[doc(alias = "GetSharedWorkers")]
    #[doc(alias = "GetSharedWorkersAsync")]
    pub fn shared_workers(&self) -> Result<Vec<SharedWorker>, NotImplemented> {
        Err(NotImplemented { member: "GetSharedWorkers" })
    }
}

impl HostHandle {
    /// WebView2's `Profile.SharedWorkerManager`.
    #[doc(alias = "SharedWorkerManager")]
    pub fn shared_worker_manager(&self) -> SharedWorkerManager {
        SharedWorkerManager(())
    }

    /// Not implemented (R222).
    #[doc(alias = "add_DedicatedWorkerCreated")]
    pub fn on_dedicated_worker_created(
        &self,
        _observer: impl Fn(&DedicatedWorkerCreatedEventArgs) + Send + Sync + 'static,
    ) -> Result<Subscription, NotImplemented> {
        Err(NotImplemented { member: "DedicatedWorkerCreated" })
    }
}

impl fmt::Display for NotImplemented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not implemented: this engine runs service workers only, so there is nothing to report",
            self.member
        )
    }
}

impl std::error::Error for NotImplemented {}
