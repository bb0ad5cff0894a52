//! `registration.sync` and `registration.periodicSync` in the shape of the web (sections 1.2 and 2.2 of the
//! requirements).

use crate::{HostHandle, Pending};
use wakeworker_core::{
    Input, OneShotOptions, PeriodicOptions, RegisterError, Resolution, SyncKind, Tag, WorkerRegistrationId,
};

/// The one-off sync registrations of one worker registration (R3).
#[derive(Clone, Debug)]
pub struct SyncManager {
    host: HostHandle,
    registration: WorkerRegistrationId,
}

/// The periodic sync registrations of one worker registration (R4).
///
/// What is asked of it takes effect in the order of the calls (R47).
#[derive(Clone, Debug)]
pub struct PeriodicSyncManager {
    host: HostHandle,
    registration: WorkerRegistrationId,
}

impl SyncManager {
    pub(crate) fn new(host: HostHandle, registration: WorkerRegistrationId) -> SyncManager {
        SyncManager { host, registration }
    }

    /// `register(tag)`. Complete when the entry is durable; the event is fired afterwards (R24).
    pub fn register(&self, tag: Tag) -> Pending<Result<(), RegisterError>> {
        self.register_with(tag, OneShotOptions::default())
    }

    /// As [`SyncManager::register`], with a callback on the engine thread, which runs before the event is dispatched and
    /// may only enqueue.
    pub fn register_then(&self, tag: Tag, done: impl FnOnce(Result<(), RegisterError>) + Send + 'static) {
        self.register_with_then(tag, OneShotOptions::default(), done);
    }

    /// As [`SyncManager::register`], with conditions and a window of time, which the specification does not have (R236,
    /// R247).
    pub fn register_with(&self, tag: Tag, options: OneShotOptions) -> Pending<Result<(), RegisterError>> {
        self.host.pending(|done| self.register_with_then(tag, options, done))
    }

    /// As [`SyncManager::register_with`], with a callback as for [`SyncManager::register_then`].
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
        get_tags(&self.host, self.registration, SyncKind::BackgroundSync, done);
    }

    /// `unregister(tag)`, which the specification does not have: refused unless
    /// [`wakeworker_core::Config::script_unregister_one_shot`] allows it (R246). A running event goes on.
    pub fn unregister(&self, tag: Tag) -> Pending<Result<(), RegisterError>> {
        self.host.pending(|done| self.unregister_then(tag, done))
    }

    /// As [`SyncManager::unregister`], with a callback on the engine thread, which may only enqueue.
    pub fn unregister_then(&self, tag: Tag, done: impl FnOnce(Result<(), RegisterError>) + Send + 'static) {
        unregister(&self.host, self.registration, SyncKind::BackgroundSync, tag, done);
    }
}

impl PeriodicSyncManager {
    pub(crate) fn new(host: HostHandle, registration: WorkerRegistrationId) -> PeriodicSyncManager {
        PeriodicSyncManager { host, registration }
    }

    /// `register(tag, options)`. Complete when the entry is durable. Never fires by itself (R99).
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
        get_tags(&self.host, self.registration, SyncKind::PeriodicSync, done);
    }

    /// `unregister(tag)`: succeeds also if there is no such entry (R44, R45). A running event goes on, and nothing
    /// follows it (R46).
    pub fn unregister(&self, tag: Tag) -> Pending<Result<(), RegisterError>> {
        self.host.pending(|done| self.unregister_then(tag, done))
    }

    /// As [`PeriodicSyncManager::unregister`], with a callback on the engine thread, which may only enqueue.
    pub fn unregister_then(&self, tag: Tag, done: impl FnOnce(Result<(), RegisterError>) + Send + 'static) {
        unregister(&self.host, self.registration, SyncKind::PeriodicSync, tag, done);
    }
}

fn get_tags(
    host: &HostHandle,
    registration: WorkerRegistrationId,
    kind: SyncKind,
    done: impl FnOnce(Result<Vec<Tag>, RegisterError>) + Send + 'static,
) {
    let input = |request| Input::GetTags { request, registration, kind };
    host.ask(input, move |answer| {
        done(answer.map(|resolution| match resolution {
            Resolution::Tags(tags) => tags,
            _ => Vec::new(),
        }));
    });
}

fn unregister(
    host: &HostHandle,
    registration: WorkerRegistrationId,
    kind: SyncKind,
    tag: Tag,
    done: impl FnOnce(Result<(), RegisterError>) + Send + 'static,
) {
    let input = |request| Input::Unregister { request, registration, kind, tag };
    host.ask(input, move |answer| done(answer.map(drop)));
}
