//! Calls of scripts and of the host program, and their answers.

use super::{Life, Process, script_url, storage_key};
use crate::model::{Input, Request, scope, tag_text};
use crate::scenario::{Entry, HostCall, Site, Slot};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use wakeworker::core::*;
use wakeworker::{DispatchError, Pending};

/// Calls whose answers somebody waits for.
#[derive(Default)]
pub(super) struct Calls(Vec<(Request, Poller)>);

type Poller = Box<dyn FnMut(&mut Context<'_>) -> Option<String>>;

impl Calls {
    fn wait<T: 'static>(
        &mut self,
        request: Request,
        mut pending: Pending<T>,
        text: impl Fn(T) -> String + 'static,
    ) {
        let poll = move |context: &mut Context<'_>| match Pin::new(&mut pending).poll(context) {
            Poll::Ready(value) => Some(text(value)),
            Poll::Pending => None,
        };
        self.0.push((request, Box::new(poll)));
    }

    /// The answers that have come since the last time.
    pub(super) fn answers(&mut self) -> BTreeMap<Request, String> {
        let mut context = Context::from_waker(Waker::noop());
        let mut answers = BTreeMap::new();
        self.0.retain_mut(|(request, poll)| match poll(&mut context) {
            Some(answer) => {
                answers.insert(*request, answer);
                false
            }
            None => true,
        });
        answers
    }
}

impl Process {
    pub(crate) fn register_one_shot(&mut self, slot: Slot, tag: u8, vanishes: bool) {
        let calls_before = self.requests;
        self.call_of(slot, |life, owner, request| {
            let pending = life.handle.sync_manager(owner).register(tag_text(tag).as_str().into());
            if vanishes {
                drop(pending);
            } else {
                life.calls.wait(request, pending, done);
            }
            Input::RegisterOneShot { request, slot, tag }
        });
        if vanishes && self.requests > calls_before {
            self.model.forget_caller(self.requests);
        }
    }

    pub(crate) fn register_periodic(&mut self, slot: Slot, tag: u8, min_interval_ms: u64) {
        self.call_of(slot, |life, owner, request| {
            let options = PeriodicOptions { min_interval_ms, ..PeriodicOptions::default() };
            let manager = life.handle.periodic_sync_manager(owner);
            life.calls.wait(request, manager.register(tag_text(tag).as_str().into(), options), done);
            Input::RegisterPeriodic { request, slot, tag, min_interval_ms }
        });
    }

    pub(crate) fn unregister(&mut self, entry: Entry) {
        self.call_of(entry.slot, |life, owner, request| {
            let tag: Tag = tag_text(entry.tag).as_str().into();
            let pending = match entry.kind {
                SyncKind::BackgroundSync => life.handle.sync_manager(owner).unregister(tag),
                SyncKind::PeriodicSync => life.handle.periodic_sync_manager(owner).unregister(tag),
            };
            life.calls.wait(request, pending, done);
            Input::Unregister { request, entry }
        });
    }

    pub(crate) fn get_tags(&mut self, slot: Slot, kind: SyncKind) {
        self.call_of(slot, |life, owner, request| {
            let pending = match kind {
                SyncKind::BackgroundSync => life.handle.sync_manager(owner).get_tags(),
                SyncKind::PeriodicSync => life.handle.periodic_sync_manager(owner).get_tags(),
            };
            life.calls.wait(request, pending, |tags| answer(tags.map(listed)));
            Input::GetTags { request, slot, kind }
        });
    }

    pub(crate) fn add_worker(&mut self, slot: Slot) {
        self.call(|life, request| {
            let (key, scope, script) = (storage_key(slot.site()), scope(slot), script_url(slot));
            let pending = life.handle.add_worker_registration(key, scope, script);
            life.calls.wait(request, pending, |id| answer(id.map(|_| "ok".into())));
            Input::AddWorker { request, slot }
        });
    }

    pub(crate) fn remove_worker(&mut self, slot: Slot) {
        self.call_of(slot, |life, owner, request| {
            life.calls.wait(request, life.handle.remove_worker_registration(owner), done);
            Input::RemoveWorker { request, slot }
        });
    }

    pub(crate) fn clear_origin(&mut self, site: Site) {
        self.call(|life, request| {
            life.calls.wait(request, life.handle.clear_storage(storage_key(site)), done);
            Input::ClearOrigin { request, site }
        });
    }

    pub(crate) fn host_call(&mut self, call: HostCall) {
        match call {
            HostCall::DispatchPeriodic { slot, tag, if_online } => {
                self.dispatch_periodic(slot, tag, if_online)
            }
            HostCall::Fire(entry) => {
                let known = self.sync_id(entry);
                self.call(|life, request| {
                    let pending = life.handle.fire_sync_registration(known.unwrap_or(UNKNOWN));
                    life.calls.wait(request, pending, |status| answer(status.map(|it| format!("{it:?}"))));
                    Input::Fire { request, entry, known: known.is_some() }
                });
            }
            HostCall::Cancel(entry) => {
                let known = self.sync_id(entry);
                self.call(|life, request| {
                    let pending = life.handle.cancel_sync_registration(known.unwrap_or(UNKNOWN));
                    life.calls.wait(request, pending, done);
                    Input::Cancel { request, entry, known: known.is_some() }
                });
            }
            HostCall::Tool(entry, last_chance) => self.call_of(entry.slot, |life, owner, request| {
                let tag = tag_text(entry.tag).as_str().into();
                let pending = life.handle.dispatch_event(owner, entry.kind, tag, last_chance);
                let text = |outcome: AttemptOutcome| format!("{:?}", SyncOperationStatus::from(&outcome));
                life.calls.wait(request, pending, move |outcome| answer(outcome.map(text)));
                Input::Tool { request, entry, last_chance }
            }),
            HostCall::FireDue => self.call(|life, request| {
                let pending = life.handle.fire_due();
                life.calls.wait(request, pending, |events| answer(events.map(|it| format!("fired {it}"))));
                Input::FireDue { request }
            }),
        }
    }

    /// On the worker object that the host got first, until it turns out to be stale (D25).
    fn dispatch_periodic(&mut self, slot: Slot, tag: u8, needs_network: bool) {
        let Some(life) = &mut self.life else { return };
        if let Some(object) = life.objects.get(&slot).cloned() {
            let current = self.model.state.workers.get(&slot).and_then(|worker| worker.active);
            if current.is_none_or(|active| active.id != object.id()) {
                life.objects.remove(&slot);
            }
            let (registration, worker) = (object.registration_id(), object.id());
            self.call(|life, request| {
                let tag_name = tag_text(tag);
                let pending = match needs_network {
                    true => object.dispatch_periodic_sync_event_if_online(tag_name.as_str()),
                    false => object.dispatch_periodic_sync_event(tag_name.as_str()),
                };
                life.calls.wait(request, pending, |status| match status {
                    Ok(status) => format!("{status:?}"),
                    Err(DispatchError::WorkerGone) => "WorkerGone".into(),
                    Err(_) => "UnknownError".into(),
                });
                Input::DispatchPeriodic { request, registration, worker, slot, tag, needs_network }
            });
            return;
        }
        let pending = life.handle.service_worker_manager().registrations();
        let lives = self.lives;
        self.turn();
        if self.lives != lives {
            return; // What the process that died was told is of no use to the next.
        }
        let found = pending.wait().unwrap_or_default();
        let of_slot = found.into_iter().find(|registration| registration.scope_uri() == scope(slot));
        if let (Some(life), Some(object)) =
            (&mut self.life, of_slot.and_then(|registration| registration.active_service_worker()))
        {
            life.objects.insert(slot, object);
        }
    }

    fn call(&mut self, send: impl FnOnce(&mut Life, Request) -> Input) {
        let Some(life) = &mut self.life else { return };
        self.requests += 1;
        let input = send(life, self.requests);
        self.inputs.push(input);
    }

    /// A call on a worker registration, if it exists.
    fn call_of(&mut self, slot: Slot, send: impl FnOnce(&mut Life, WorkerRegistrationId, Request) -> Input) {
        let owner = self.model.state.workers.get(&slot).and_then(|worker| worker.id);
        if let Some(owner) = owner {
            self.call(|life, request| send(life, owner, request));
        }
    }
}

/// Says of an answer what a script sees.
fn answer(result: Result<String, RegisterError>) -> String {
    result.unwrap_or_else(|error| error.dom_exception_name().into())
}

fn done(result: Result<(), RegisterError>) -> String {
    answer(result.map(|()| "ok".into()))
}

fn listed(tags: Vec<Tag>) -> String {
    let mut tags: Vec<String> = tags.iter().map(Tag::to_string_lossy).collect();
    tags.sort();
    tags.join(" ")
}

/// No entry has this id.
const UNKNOWN: SyncRegistrationId = SyncRegistrationId(1 << 40);
