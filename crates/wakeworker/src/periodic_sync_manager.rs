//! `registration.periodicSync` in the shape of the web (periodic specification, section 2.2 of the requirements).

use crate::{HostHandle, Pending};
use wakeworker_core::{
    Input, PeriodicOptions, RegisterError, Resolution, SyncKind, Tag, WorkerRegistrationId,
};

/// The periodic sync registrations of one worker registration (R4).
#[derive(Clone, Debug)]
pub struct PeriodicSyncManager {
    host: HostHandle,
    registration: WorkerRegistrationId,
}

impl PeriodicSyncManager {
    pub(crate) fn new(host: HostHandle, registration: WorkerRegistrationId) -> PeriodicSyncManager {
        PeriodicSyncManager { host, registration }
    }

    /// `register(tag, options)`. Complete when the entry is durable. Registering never fires an event (R99).
    pub fn register(&self, tag: Tag, options: PeriodicOptions) -> Pending<Result<(), RegisterError>> {
        self.host.pending(|done| self.register_then(tag, options, done))
    }

    /// As [`PeriodicSyncManager::register`], with a callback on the engine thread, which may only enqueue.
    pub fn register_then(
        &self,
        tag: Tag,
        options: PeriodicOptions,
        done: impl FnOnce(Result<(), RegisterError>) + Send + 'static,
    ) {
        let registration = self.registration;
        let input = |request| Input::RegisterPeriodic { request, registration, tag, options };
        self.host.ask(input, move |answer| done(answer.map(drop)));
    }

    /// `getTags()`: the tag of every entry in any state (R40, R42), in no particular order.
    pub fn get_tags(&self) -> Pending<Result<Vec<Tag>, RegisterError>> {
        self.host.pending(|done| self.get_tags_then(done))
    }

    /// As [`PeriodicSyncManager::get_tags`], with a callback on the engine thread, which may only enqueue.
    pub fn get_tags_then(&self, done: impl FnOnce(Result<Vec<Tag>, RegisterError>) + Send + 'static) {
        let registration = self.registration;
        let input = |request| Input::GetTags { request, registration, kind: SyncKind::PeriodicSync };
        self.host.ask(input, move |answer| {
            done(answer.map(|resolution| match resolution {
                Resolution::Tags(tags) => tags,
                _ => Vec::new(),
            }));
        });
    }

    /// `unregister(tag)`: done also if there was no such entry (R44, R45). A running event goes on (R46).
    pub fn unregister(&self, tag: Tag) -> Pending<Result<(), RegisterError>> {
        self.host.pending(|done| self.unregister_then(tag, done))
    }

    /// As [`PeriodicSyncManager::unregister`], with a callback on the engine thread, which may only enqueue.
    pub fn unregister_then(&self, tag: Tag, done: impl FnOnce(Result<(), RegisterError>) + Send + 'static) {
        let registration = self.registration;
        let kind = SyncKind::PeriodicSync;
        let input = |request| Input::Unregister { request, registration, kind, tag };
        self.host.ask(input, move |answer| done(answer.map(drop)));
    }
}
