//! `registration.sync` in the shape of the web (one-off specification, section 1.2 of the requirements).

use crate::{HostHandle, Pending};
use wakeworker_core::{
    Input, OneShotOptions, RegisterError, Resolution, SyncKind, Tag, WorkerRegistrationId,
};

/// The one-off sync registrations of one worker registration (R3).
#[derive(Clone, Debug)]
pub struct SyncManager {
    host: HostHandle,
    registration: WorkerRegistrationId,
}

impl SyncManager {
    pub(crate) fn new(host: HostHandle, registration: WorkerRegistrationId) -> SyncManager {
        SyncManager { host, registration }
    }

    /// `register(tag)`. Complete when the entry is durable; the event is fired afterwards (R24).
    pub fn register(&self, tag: Tag) -> Pending<Result<(), RegisterError>> {
        self.host.pending(|done| self.register_then(tag, done))
    }

    /// As [`SyncManager::register`], with a callback on the engine thread, which runs before the event is dispatched and
    /// may only enqueue.
    pub fn register_then(&self, tag: Tag, done: impl FnOnce(Result<(), RegisterError>) + Send + 'static) {
        self.register_with_then(tag, OneShotOptions::default(), done);
    }

    /// `register(tag, options)` with options that no specification has: conditions (R236), earliest and latest time
    /// (R247).
    pub fn register_with(&self, tag: Tag, options: OneShotOptions) -> Pending<Result<(), RegisterError>> {
        self.host.pending(|done| self.register_with_then(tag, options, done))
    }

    /// As [`SyncManager::register_with`], with a callback as [`SyncManager::register_then`] has it.
    pub fn register_with_then(
        &self,
        tag: Tag,
        options: OneShotOptions,
        done: impl FnOnce(Result<(), RegisterError>) + Send + 'static,
    ) {
        let registration = self.registration;
        let input = |request| Input::RegisterOneShot { request, registration, tag, options };
        self.host.ask(input, move |answer| done(answer.map(drop)));
    }

    /// `getTags()`: the tag of every entry in any state (R39, R42), in no particular order.
    pub fn get_tags(&self) -> Pending<Result<Vec<Tag>, RegisterError>> {
        self.host.pending(|done| self.get_tags_then(done))
    }

    /// As [`SyncManager::get_tags`], with a callback on the engine thread, which may only enqueue.
    pub fn get_tags_then(&self, done: impl FnOnce(Result<Vec<Tag>, RegisterError>) + Send + 'static) {
        let registration = self.registration;
        let input = |request| Input::GetTags { request, registration, kind: SyncKind::BackgroundSync };
        self.host.ask(input, move |answer| {
            done(answer.map(|resolution| match resolution {
                Resolution::Tags(tags) => tags,
                _ => Vec::new(),
            }));
        });
    }

    /// `unregister(tag)`, which no specification has (R246): refused unless `Config::script_unregister_one_shot` allows
    /// it. Done also if there was no such entry. A running event goes on.
    pub fn unregister(&self, tag: Tag) -> Pending<Result<(), RegisterError>> {
        self.host.pending(|done| self.unregister_then(tag, done))
    }

    /// As [`SyncManager::unregister`], with a callback on the engine thread, which may only enqueue.
    pub fn unregister_then(&self, tag: Tag, done: impl FnOnce(Result<(), RegisterError>) + Send + 'static) {
        let registration = self.registration;
        let kind = SyncKind::BackgroundSync;
        let input = |request| Input::Unregister { request, registration, kind, tag };
        self.host.ask(input, move |answer| done(answer.map(drop)));
    }
}
