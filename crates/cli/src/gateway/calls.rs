//! The questions of a page, each with exactly one answer (R38).
//!
//! Answers are queued by the callback that gives them, on whatever thread that is: so a promise of the page settles
//! before the messages that follow from it (R24).

use super::Gateway;
use super::outbox::Outbox;
use super::protocol::{GatewayMessage, Method, RegistrationInfo};
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;
use wakeworker_core::{RegisterError, StorageKey, Tag, WorkerRegistrationId};
use wakeworker_quickjs::{
    NavigationPreload, RegisterJob, RegisterWorkerError, RegistrationState, UpdateViaCache,
};

/// The page that asks.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Its storage key: it sees nothing of others (R35, R175).
    pub(crate) storage_key: StorageKey,
    /// Its creation URL.
    pub(crate) url: Url,
    /// Its way out.
    pub(crate) outbox: Outbox,
}

/// One question's answer.
pub(super) struct Answer {
    id: u64,
    outbox: Outbox,
}

impl Gateway {
    /// Answers a question, now or later.
    pub(crate) fn call(&self, caller: &Caller, id: u64, method: Method) {
        let answer = Answer { id, outbox: caller.outbox.clone() };
        match method {
            Method::Register { script_url, scope, update_via_cache, worker_type } => {
                let Some(update_via_cache) = UpdateViaCache::from_name(&update_via_cache) else {
                    let text =
                        format!("updateViaCache `{update_via_cache}` must be `imports`, `all` or `none`");
                    return answer.failure("TypeError", &text);
                };
                let job = RegisterJob {
                    storage_key: caller.storage_key.clone(),
                    client_url: caller.url.clone(),
                    script_url,
                    scope,
                    update_via_cache,
                    worker_type: worker_type.into(),
                };
                self.runtime.register(job, move |result| answer.registration(result));
            }
            Method::GetRegistration { url } => match caller.url.join(&url) {
                Ok(url) if url.origin() == caller.url.origin() => {
                    let found = self.runtime.match_registration(&caller.storage_key, &url);
                    answer.value(&found.as_ref().map(RegistrationInfo::from));
                }
                Ok(_) => answer.failure("SecurityError", &format!("the URL `{url}` is not of this origin")),
                Err(error) => answer.failure("TypeError", &format!("`{url}` is not a valid URL: {error}")),
            },
            Method::GetRegistrations {} => {
                let all = self.runtime.registrations(&caller.storage_key);
                answer.value(&all.iter().map(RegistrationInfo::from).collect::<Vec<_>>());
            }
            Method::Update { registration } => {
                if let Some((registration, answer)) = self.own(caller, registration, answer) {
                    self.runtime.update(registration, move |result| answer.registration(result));
                }
            }
            // A registration that is not there (any more) has not been unregistered by this call: false, no error.
            Method::Unregister { registration } => match self.find(caller, registration) {
                Some(registration) => self.runtime.unregister(registration, move |result| match result {
                    Ok(done) => answer.value(&done),
                    Err(error) => answer.failure(error.name(), error.message()),
                }),
                None => answer.value(&false),
            },
            Method::NavigationPreloadSet { registration, enabled, header_value } => {
                if let Some((registration, answer)) = self.own(caller, registration, answer) {
                    self.runtime.set_navigation_preload(registration, enabled, header_value, move |result| {
                        match result {
                            Ok(()) => answer.value(&()),
                            Err(error) => answer.failure(error.name(), error.message()),
                        }
                    });
                }
            }
            Method::NavigationPreloadGetState { registration } => {
                if let Some((registration, answer)) = self.own(caller, registration, answer) {
                    let NavigationPreload { enabled, header } = self.runtime.navigation_preload(registration);
                    answer.value(&json!({ "enabled": enabled, "headerValue": header }));
                }
            }
            about_sync => self.sync_call(caller, about_sync, answer),
        }
    }

    /// The registration, if it belongs to the caller's storage key.
    fn find(&self, caller: &Caller, registration: u64) -> Option<WorkerRegistrationId> {
        let wanted = WorkerRegistrationId(registration);
        self.runtime.registrations(&caller.storage_key).iter().any(|r| r.id == wanted).then_some(wanted)
    }

    pub(super) fn own(
        &self,
        caller: &Caller,
        registration: u64,
        answer: Answer,
    ) -> Option<(WorkerRegistrationId, Answer)> {
        match self.find(caller, registration) {
            Some(id) => Some((id, answer)),
            None => {
                answer.refused(&RegisterError::NoRegistration);
                None
            }
        }
    }
}

impl Answer {
    pub(super) fn value(&self, value: &impl Serialize) {
        // Nothing that is answered with can fail to become JSON; null would still settle the promise.
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        self.outbox.send(&GatewayMessage::Result { id: self.id, value });
    }

    pub(super) fn failure(&self, name: &str, message: &str) {
        self.outbox.send(&GatewayMessage::Failure {
            id: self.id,
            name: name.to_owned(),
            message: message.to_owned(),
        });
    }

    pub(super) fn refused(&self, error: &RegisterError) {
        self.failure(error.dom_exception_name(), &error.to_string());
    }

    pub(super) fn done(&self, result: Result<(), RegisterError>) {
        match result {
            Ok(()) => self.value(&()),
            Err(error) => self.refused(&error),
        }
    }

    pub(super) fn tags(&self, result: Result<Vec<Tag>, RegisterError>) {
        match result {
            Ok(tags) => self.value(&tags.iter().map(Tag::to_utf16).collect::<Vec<_>>()),
            Err(error) => self.refused(&error),
        }
    }

    fn registration(&self, result: Result<RegistrationState, RegisterWorkerError>) {
        match result {
            Ok(registration) => self.value(&RegistrationInfo::from(&registration)),
            Err(error) => self.failure(error.name(), error.message()),
        }
    }
}
