//! `fetch` for scripts: one chunk is handed over each time the script asks.

use super::super::realm::{Realm, RunningFetch};
use super::super::task::Task;
use super::super::{Run, lock};
use super::HostObject;
use crate::fetch::{FetchOrder, FetchReader, FilteredHead, Flow, start};
use crate::script::{Buffer, Text};
use ::url::Url;
use bytes::Bytes;
use rquickjs::Result;
use rquickjs::function::Opt;
use serde::Deserialize;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

pub(super) fn install(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    let state = realm.clone();
    host.function("fetch", move |id: u32, head: Text, body: Opt<Option<Buffer>>| {
        let body = body.0.flatten().map_or_else(Bytes::new, |buffer| buffer.0.into());
        begin(&state, id, &head.into_string(), body);
    })?;
    let state = realm.clone();
    host.function("fetchAbort", move |id: u32| {
        let aborted = state.fetches.borrow_mut().remove(&id);
        drop(aborted);
    })?;
    let state = realm.clone();
    host.function("fetchPull", move |id: u32| {
        let gate = state.fetches.borrow().get(&id).map(|fetch| fetch.body.clone());
        if let Some(gate) = gate {
            gate.pull();
        }
    })
}

#[derive(Deserialize)]
struct Head {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    mode: String,
    #[serde(default)]
    credentials: String,
    #[serde(default)]
    redirect: String,
    #[serde(default)]
    referrer: String,
}

fn begin(realm: &Realm, id: u32, head: &str, body: Bytes) {
    let refuse = |message: String| {
        // The answer must be a task, as if the network had failed.
        let gate = BodyGate::new(id, realm.run.clone(), 1);
        let fetch = RunningFetch { body: gate, request_bytes: 0, _handle: None };
        realm.fetches.borrow_mut().insert(id, fetch);
        let _ = realm.run.queue.push(Task::FetchFailed { id, message });
    };
    let order = match order(realm, head, body) {
        Ok(order) => order,
        Err(message) => return refuse(message),
    };
    let limit = realm.shared.config.fetches_max;
    let (under_way, held_bytes) = load(realm);
    if under_way >= limit {
        return refuse(format!(
            "Failed to fetch {}: {limit} fetches are under way, which is the limit",
            order.url
        ));
    }
    let request_bytes = order.body.len();
    let bytes_max = realm.shared.config.request_bytes_max;
    if held_bytes + request_bytes > bytes_max {
        return refuse(format!(
            "Failed to fetch {}: the requests under way and the responses that were not read hold {held_bytes} bytes, \
             this request has {request_bytes}; the limit is {bytes_max}",
            order.url
        ));
    }
    let gate = BodyGate::new(id, realm.run.clone(), realm.shared.config.response_window_bytes);
    realm.fetches.borrow_mut().insert(id, RunningFetch { body: gate.clone(), request_bytes, _handle: None });
    let handle = start(&realm.shared.fetch, order, gate);
    if let Some(fetch) = realm.fetches.borrow_mut().get_mut(&id) {
        fetch._handle = Some(handle);
    }
}

/// Fetches that the network still works for, and the bytes that all fetches hold outside of the worker's heap. A response
/// that has arrived and was not read is no work for anybody.
fn load(realm: &Realm) -> (usize, usize) {
    let fetches = realm.fetches.borrow();
    fetches.values().fold((0, 0), |(under_way, bytes), fetch| {
        let (ended, held) = fetch.body.load();
        (under_way + usize::from(!ended), bytes + held + if ended { 0 } else { fetch.request_bytes })
    })
}

fn order(realm: &Realm, head: &str, body: Bytes) -> std::result::Result<FetchOrder, String> {
    let head: Head =
        serde_json::from_str(head).map_err(|error| format!("the request cannot be read: {error}"))?;
    let url = Url::parse(&head.url).map_err(|error| format!("`{}` is no URL: {error}", head.url))?;
    let limit = realm.shared.config.request_bytes_max;
    if body.len() > limit {
        return Err(format!("the request body has {} bytes; the limit is {limit}", body.len()));
    }
    Ok(FetchOrder {
        method: head.method,
        url,
        headers: head.headers,
        body,
        mode: FetchOrder::mode(&head.mode)?,
        credentials: FetchOrder::credentials(&head.credentials)?,
        redirect: FetchOrder::redirect(&head.redirect)?,
        referrer: match head.referrer.as_str() {
            "about:client" | "client" => realm.worker.script_url.clone(),
            "no-referrer" => String::new(),
            other => other.to_owned(),
        },
        origin: realm.worker.storage_key.origin().to_owned(),
        destination: "",
    })
}

/// Holds the parts of a body until the script asks for them.
pub(crate) struct BodyGate {
    id: u32,
    run: Arc<Run>,
    flow: Flow,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Bytes>,
    wanted: bool,
    end: Option<std::result::Result<(), String>>,
}

impl BodyGate {
    fn new(id: u32, run: Arc<Run>, window_bytes: usize) -> Arc<BodyGate> {
        Arc::new(BodyGate { id, run, flow: Flow::new(window_bytes), inner: Mutex::default() })
    }

    /// Whether everything has arrived, and the bytes that wait for the script.
    fn load(&self) -> (bool, usize) {
        let inner = lock(&self.inner);
        (inner.end.is_some(), inner.waiting.iter().map(Bytes::len).sum())
    }

    fn pull(&self) {
        let mut inner = lock(&self.inner);
        inner.wanted = true;
        self.hand_over(&mut inner);
    }

    fn hand_over(&self, inner: &mut Inner) {
        if !inner.wanted {
            return;
        }
        let task = if let Some(bytes) = inner.waiting.pop_front() {
            self.flow.take(bytes.len());
            Task::FetchChunk { id: self.id, chunk: Some(bytes) }
        } else {
            match inner.end.take() {
                Some(Ok(())) => Task::FetchChunk { id: self.id, chunk: None },
                Some(Err(message)) => Task::FetchFailed { id: self.id, message },
                None => return,
            }
        };
        inner.wanted = false;
        let _ = self.run.queue.push(task);
    }
}

impl FetchReader for BodyGate {
    fn head(&self, filtered: FilteredHead) {
        let head = serde_json::json!({
            "status": filtered.head.status,
            "statusText": filtered.head.status_text,
            "url": filtered.url,
            "redirected": filtered.redirected,
            "headers": filtered.head.headers,
            "type": filtered.kind,
        });
        let _ = self.run.queue.push(Task::FetchHead { id: self.id, head: head.to_string() });
    }

    fn chunk(&self, bytes: Bytes) {
        self.flow.hold(bytes.len());
        let mut inner = lock(&self.inner);
        inner.waiting.push_back(bytes);
        self.hand_over(&mut inner);
    }

    fn end(&self) {
        let mut inner = lock(&self.inner);
        inner.end = Some(Ok(()));
        self.hand_over(&mut inner);
    }

    fn failed(&self, message: String) {
        // Told at once: a script that has not asked for the body must hear of a failed request too.
        let mut inner = lock(&self.inner);
        inner.waiting.clear();
        inner.end = None;
        let _ = self.run.queue.push(Task::FetchFailed { id: self.id, message });
    }

    fn flow(&self) -> &Flow {
        &self.flow
    }
}
