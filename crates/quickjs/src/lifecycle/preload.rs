//! Navigation preload (service worker specification, section 3.5, and "Handle Fetch"): the request of a navigation is sent
//! while its worker starts, if the worker has asked for that.

use crate::agent::{Run, Task, lock};
use crate::body::BodyReceiver;
use crate::fetch::{Credentials, FetchHandle, FetchOrder, FetchReader, FilteredHead, Mode, Redirect, start};
use crate::shared::Shared;
use crate::{FetchEventRequest, RegisterWorkerError};
use std::sync::{Arc, Mutex};
use url::Url;
use wakeworker_core::WorkerRegistrationId;

/// What a registration has set for navigation preload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NavigationPreload {
    /// Whether the request of a navigation is sent while its worker starts.
    pub enabled: bool,
    /// The value of the `Service-Worker-Navigation-Preload` header.
    pub header: String,
}

impl Default for NavigationPreload {
    fn default() -> NavigationPreload {
        NavigationPreload { enabled: false, header: "true".to_owned() }
    }
}

/// A request that was sent ahead, with its answer until the worker wants it. Dropping it aborts.
pub(crate) struct Preload {
    pub(crate) handle: FetchHandle,
    pub(crate) answer: Arc<PreloadAnswer>,
}

/// Waits for the answer, or for the worker, whichever comes last.
#[derive(Default)]
pub(crate) struct PreloadAnswer(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    answer: Option<Result<(FilteredHead, BodyReceiver), String>>,
    reader: Option<(u32, Arc<Run>)>,
}

impl PreloadAnswer {
    /// The worker wants the answer as that of the fetch with this id.
    pub(crate) fn adopt(&self, id: u32, run: Arc<Run>) {
        let mut waiting = lock(&self.0);
        waiting.reader = Some((id, run));
        waiting.pass_on();
    }

    fn answered(&self, answer: Result<(FilteredHead, BodyReceiver), String>) {
        let mut waiting = lock(&self.0);
        waiting.answer = Some(answer);
        waiting.pass_on();
    }
}

impl Waiting {
    fn pass_on(&mut self) {
        let (Some((id, run)), true) = (&self.reader, self.answer.is_some()) else { return };
        let task = match self.answer.take() {
            Some(Ok((head, body))) => Task::FetchHead { id: *id, head: head.json(), body },
            Some(Err(message)) => Task::FetchFailed { id: *id, message },
            None => return,
        };
        // A run that has ended drops the body, which aborts the exchange.
        let _ = run.queue.push(task);
    }
}

impl FetchReader for PreloadAnswer {
    fn head(&self, head: FilteredHead, body: BodyReceiver) {
        self.answered(Ok((head, body)));
    }

    fn failed(&self, message: String) {
        self.answered(Err(message));
    }
}

impl Shared {
    /// Sends the request of a navigation ahead, if its registration wants that.
    pub(crate) fn preload(&self, id: WorkerRegistrationId, request: &FetchEventRequest) -> Option<Preload> {
        if request.mode != "navigate" || request.method != "GET" {
            return None;
        }
        let (preload, origin) = self.look(id, |registration| {
            (registration.navigation_preload.clone(), registration.storage_key.origin().to_owned())
        })?;
        let url = preload.enabled.then(|| Url::parse(&request.url).ok())??;
        let mut order = FetchOrder::get(url, &origin);
        order.headers = request.headers.clone();
        order.headers.push(("service-worker-navigation-preload".to_owned(), preload.header));
        order.mode = Mode::Navigate;
        order.credentials = Credentials::Include;
        order.redirect = Redirect::Manual;
        order.referrer = request.referrer.clone();
        order.destination = FetchOrder::destination(&request.destination);
        let answer = Arc::new(PreloadAnswer::default());
        let handle = start(&self.fetch, order, answer.clone(), None);
        Some(Preload { handle, answer })
    }

    /// Changes what a registration has set; durable when it returns. `None` leaves a part as it is.
    pub(crate) fn set_navigation_preload(
        &self,
        id: WorkerRegistrationId,
        enabled: Option<bool>,
        header: Option<String>,
    ) -> Result<(), RegisterWorkerError> {
        let changed = self.look(id, |registration| {
            let old = registration.navigation_preload.clone();
            let new = NavigationPreload {
                enabled: enabled.unwrap_or(old.enabled),
                header: header.unwrap_or(old.header),
            };
            registration.active.as_ref().map(|_| new)
        });
        let Some(preload) = changed.flatten() else {
            return Err(RegisterWorkerError::InvalidState(
                "navigation preload needs an active worker; wait until this one is active".to_owned(),
            ));
        };
        self.store
            .set_navigation_preload(id, preload.enabled, &preload.header)
            .map_err(|failure| RegisterWorkerError::Storage(failure.message))?;
        self.set_in_registry(id, preload);
        Ok(())
    }

    /// What a registration has set.
    pub(crate) fn navigation_preload(&self, id: WorkerRegistrationId) -> NavigationPreload {
        self.look(id, |registration| registration.navigation_preload.clone()).unwrap_or_default()
    }

    fn set_in_registry(&self, id: WorkerRegistrationId, preload: NavigationPreload) {
        if let Some(registration) = lock(&self.registry).registrations.get_mut(&id) {
            registration.navigation_preload = preload;
        }
    }
}
