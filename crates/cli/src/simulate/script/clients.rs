//! The open pages as workers see them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use url::Url;
use wakeworker::core::{StorageKey, WorkerId};
use wakeworker_quickjs::{ClientInfo, Clients, PostedMessage, RegistrationState, WorkerState};

/// The pages that are open.
#[derive(Default)]
pub(crate) struct SimulatedClients {
    pages: Mutex<Vec<Page>>,
}

struct Page {
    storage_key: StorageKey,
    info: ClientInfo,
}

impl SimulatedClients {
    /// A page was opened; the worker that controls it from the start, if there is one.
    pub(crate) fn open(&self, storage_key: StorageKey, id: String, controller: Option<WorkerId>) {
        let url = format!("{}/", storage_key.origin());
        let info = ClientInfo {
            id,
            url,
            kind: "window".to_owned(),
            frame_type: "top-level".to_owned(),
            visibility_state: "visible".to_owned(),
            focused: false,
            ancestor_origins: Vec::new(),
            controller,
        };
        self.pages().push(Page { storage_key, info });
    }

    /// A page was closed.
    pub(crate) fn close(&self, id: &str) {
        self.pages().retain(|page| page.info.id != id);
    }

    /// Whether a worker controls the page.
    pub(crate) fn is_controlled(&self, id: &str) -> bool {
        self.pages().iter().any(|page| page.info.id == id && page.info.controller.is_some())
    }

    fn pages(&self) -> MutexGuard<'_, Vec<Page>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clients for SimulatedClients {
    fn match_all(&self, storage_key: &StorageKey) -> Vec<ClientInfo> {
        let pages = self.pages();
        pages.iter().filter(|page| page.storage_key == *storage_key).map(|page| page.info.clone()).collect()
    }

    /// The pages of a scenario have no scripts that could listen.
    fn post_message(&self, _: &str, _: PostedMessage, _: &WorkerState) {}

    fn set_controller(&self, client_id: &str, _: &RegistrationState, worker: &WorkerState) {
        if let Some(page) = self.pages().iter_mut().find(|page| page.info.id == client_id) {
            page.info.controller = Some(worker.id);
        }
    }

    fn open_window(&self, _: &StorageKey, _: &Url) -> Result<Option<ClientInfo>, String> {
        Err("a simulated worker opens no windows: the scenario says when pages are open".to_owned())
    }
}
