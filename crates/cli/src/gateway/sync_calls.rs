//! The questions of a page about its sync registrations (`registration.sync`, `registration.periodicSync`).

use super::Gateway;
use super::calls::{Answer, Caller};
use super::protocol::{Method, OneShotParams, PeriodicParams, SyncRecordInfo};
use crate::extensions::{Extension, Extensions};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wakeworker_core::{
    Conditions, OneShotOptions, PeriodicOptions, PermissionName, RegisterError, SyncKind, Tag,
    WorkerRegistrationId,
};

impl Gateway {
    /// Answers a question about sync registrations, now or later. Answers are queued on the engine thread, so that a
    /// promise of the page settles before the messages that follow from it (R24).
    pub(super) fn sync_call(&self, caller: &Caller, method: Method, answer: Answer) {
        match method {
            Method::SyncRegister { registration, tag, options } => {
                let Some((registration, answer)) = self.own(caller, registration, answer) else { return };
                let options = one_shot_options(&self.extensions, &options);
                let done = move |result| answer.done(result);
                self.host.sync_manager(registration).register_with_then(Tag::from_utf16(&tag), options, done);
            }
            Method::PeriodicSyncRegister { registration, tag, options } => {
                let Some((registration, answer)) = self.own(caller, registration, answer) else { return };
                let options = periodic_options(&self.extensions, &options);
                let done = move |result| answer.done(result);
                self.host.periodic_sync_manager(registration).register_then(
                    Tag::from_utf16(&tag),
                    options,
                    done,
                );
            }
            Method::SyncGetTags { registration } => {
                let Some((registration, answer)) = self.own(caller, registration, answer) else { return };
                self.host.sync_manager(registration).get_tags_then(move |result| answer.tags(result));
            }
            Method::PeriodicSyncGetTags { registration } => {
                let Some((registration, answer)) = self.own(caller, registration, answer) else { return };
                self.host
                    .periodic_sync_manager(registration)
                    .get_tags_then(move |result| answer.tags(result));
            }
            Method::SyncUnregister { registration, tag } => {
                self.remove(caller, registration, SyncKind::BackgroundSync, &tag, answer);
            }
            Method::PeriodicSyncUnregister { registration, tag } => {
                self.remove(caller, registration, SyncKind::PeriodicSync, &tag, answer);
            }
            Method::SyncGetRegistrations { registration } => {
                self.records(caller, registration, SyncKind::BackgroundSync, answer);
            }
            Method::PeriodicSyncGetRegistrations { registration } => {
                self.records(caller, registration, SyncKind::PeriodicSync, answer);
            }
            Method::PermissionState { name } => match PermissionName::from_name(&name) {
                Some(name) => {
                    self.host.permission_state_then(caller.storage_key.clone(), name, move |state| {
                        answer.value(&state.as_str());
                    });
                }
                None => answer.failure("TypeError", &format!("`{name}` is no permission of this gateway")),
            },
            _ => answer.failure("NotSupportedError", "this is no question about sync registrations"),
        }
    }

    fn remove(&self, caller: &Caller, registration: u64, kind: SyncKind, tag: &[u16], answer: Answer) {
        let Some((registration, answer)) = self.own(caller, registration, answer) else { return };
        let tag = Tag::from_utf16(tag);
        // Only the extensions show whether there was an entry. Both questions are sent one after the other, so that the
        // first is answered before the second is acted on.
        let existed = Arc::new(AtomicBool::new(false));
        let (found, wanted) = (Arc::clone(&existed), tag.clone());
        let note = move |tags: Result<Vec<Tag>, RegisterError>| {
            found.store(tags.is_ok_and(|tags| tags.contains(&wanted)), Ordering::Release);
        };
        let done = move |result: Result<(), RegisterError>| match result {
            Ok(()) => answer.value(&existed.load(Ordering::Acquire)),
            Err(error) => answer.refused(&error),
        };
        match kind {
            SyncKind::BackgroundSync => {
                let manager = self.host.sync_manager(registration);
                manager.get_tags_then(note);
                manager.unregister_then(tag, done);
            }
            SyncKind::PeriodicSync => {
                let manager = self.host.periodic_sync_manager(registration);
                manager.get_tags_then(note);
                manager.unregister_then(tag, done);
            }
        }
    }

    fn records(&self, caller: &Caller, registration: u64, kind: SyncKind, answer: Answer) {
        let Some((registration, answer)) = self.own(caller, registration, answer) else { return };
        let registration: WorkerRegistrationId = registration;
        self.host.sync_registrations_of_then(registration, kind, move |found| {
            answer.value(&found.iter().map(SyncRecordInfo::from).collect::<Vec<_>>());
        });
    }
}

/// What an extension would have to allow and does not is as if it had not been said.
fn one_shot_options(extensions: &Extensions, params: &OneShotParams) -> OneShotOptions {
    let mut options = OneShotOptions::default();
    if extensions.has(Extension::ExplainerOptions) {
        options.conditions = Conditions::from(&params.conditions);
    }
    if extensions.has(Extension::SyncDelays) {
        options.earliest_ms = params.min_delay;
        options.latest_ms = params.max_delay;
    }
    options
}

fn periodic_options(extensions: &Extensions, params: &PeriodicParams) -> PeriodicOptions {
    let mut options = PeriodicOptions { min_interval_ms: params.min_interval, ..PeriodicOptions::default() };
    if extensions.has(Extension::ExplainerOptions) {
        options.conditions = Conditions::from(&params.conditions);
    }
    options
}
