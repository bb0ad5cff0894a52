//! Clients: the pages that a worker may see, control and talk to.

use crate::{PostedMessage, RegistrationState, WorkerState};
use serde::Serialize;
use url::Url;
use wakeworker_core::{StorageKey, WorkerId};

/// A client as a script sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientInfo {
    /// The client's id, opaque to the runtime.
    pub id: String,
    /// Its creation URL.
    pub url: String,
    /// `window`, `worker` or `sharedworker`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `auxiliary`, `top-level`, `nested` or `none`.
    pub frame_type: String,
    /// `visible` or `hidden`.
    pub visibility_state: String,
    /// Whether it has the focus.
    pub focused: bool,
    /// Origins of the documents around it.
    pub ancestor_origins: Vec<String>,
    /// The worker that controls it.
    #[serde(skip)]
    pub controller: Option<WorkerId>,
}

/// Who sent a message to a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageSource {
    /// A page.
    Client(ClientInfo),
    /// Another worker of the same registration.
    Worker(WorkerState),
    /// The host program; the script sees `null`.
    Host,
}

/// The host's clients. Methods are called from the runtime's threads and must not call back into the runtime and wait.
pub trait Clients: Send + Sync {
    /// All secure-context clients of this storage key, controlled or not: focused windows first, most recent first,
    /// then by creation (R160).
    fn match_all(&self, storage_key: &StorageKey) -> Vec<ClientInfo>;

    /// Delivers `worker.postMessage` to a client's `navigator.serviceWorker`. Messages to one client keep their order. Ports
    /// that the host does not adopt ([`Runtime::port_holder`](crate::Runtime::port_holder)) are closed.
    fn post_message(&self, client_id: &str, message: PostedMessage, source: &WorkerState);

    /// A worker has sent something through its `BroadcastChannel`: for the channels of that name that pages of this storage
    /// key have. `name` is the JSON of a string. A host whose pages have no part in that does nothing.
    fn broadcast(&self, storage_key: &StorageKey, name: &str, data: &str) {
        let _ = (storage_key, name, data);
    }

    /// A client is controlled by this worker from now on: by `clients.claim()`, or because its registration has a new
    /// active worker. The page sees `controllerchange`.
    fn set_controller(&self, client_id: &str, registration: &RegistrationState, worker: &WorkerState);

    /// `clients.openWindow(url)`: the new client, `None` if it is of another origin, or why the host refuses.
    fn open_window(&self, storage_key: &StorageKey, url: &Url) -> Result<Option<ClientInfo>, String>;
}

/// No clients at all: a headless host.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoClients;

impl Clients for NoClients {
    fn match_all(&self, _: &StorageKey) -> Vec<ClientInfo> {
        Vec::new()
    }

    fn post_message(&self, _: &str, _: PostedMessage, _: &WorkerState) {}

    fn set_controller(&self, _: &str, _: &RegistrationState, _: &WorkerState) {}

    fn open_window(&self, _: &StorageKey, _: &Url) -> Result<Option<ClientInfo>, String> {
        Err("this host has no windows".to_owned())
    }
}
