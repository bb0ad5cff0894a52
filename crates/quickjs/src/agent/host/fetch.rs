//! `fetch` for scripts.

use super::super::Run;
use super::super::realm::Realm;
use super::super::task::Task;
use super::super::traffic::Place;
use super::HostObject;
use crate::body::{BodyReceiver, RequestBody, body_channel};
use crate::fetch::{FetchOrder, FetchReader, FilteredHead, Integrity, ReferrerPolicy, start};
use crate::script::{BufferPart, Text};
use ::url::Url;
use rquickjs::Result;
use rquickjs::function::Opt;
use serde::Deserialize;
use std::rc::Rc;
use std::sync::Arc;

pub(super) fn install(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    let state = realm.clone();
    host.function("fetch", move |id: u32, head: Text, body: Opt<Option<BufferPart>>| {
        begin(&state, id, &head.into_string(), body.0.flatten().map(|part| part.0));
    })?;
    let state = realm.clone();
    host.function("fetchAbort", move |id: u32| {
        state.traffic.borrow_mut().abort(id);
        begin_waiting_fetches(&state);
    })
}

/// Begins fetches that wait, as far as there are places for their exchanges.
pub(crate) fn begin_waiting_fetches(realm: &Realm) {
    loop {
        let next = realm.traffic.borrow_mut().next_fetch(realm.shared.config.fetches_max);
        match next {
            Some((place, order)) => begin_exchange(realm, place, order),
            None => return,
        }
    }
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
    #[serde(default, rename = "referrerPolicy")]
    referrer_policy: String,
    #[serde(default)]
    cache: String,
    #[serde(default)]
    integrity: String,
    #[serde(default)]
    destination: String,
    /// The standard's unsafe-request flag: set unless the layer itself made the request.
    #[serde(rename = "unsafeRequest")]
    unsafe_request: Option<bool>,
    /// The script writes the body, under the id of the fetch.
    #[serde(default)]
    writes: bool,
    /// The body is one that the script was given and has not begun to read.
    body: Option<u32>,
}

fn begin(realm: &Realm, id: u32, head: &str, body: Option<Vec<u8>>) {
    let config = &realm.shared.config;
    let begun = order(realm, id, head, body).and_then(|order| {
        let (running, waiting) = (config.fetches_max, config.fetches_waiting_max);
        realm.traffic.borrow_mut().begin_fetch(id, order, running, waiting).map_err(|url| {
            format!("Failed to fetch {url}: {waiting} fetches wait already, which is the limit")
        })
    });
    match begun {
        Ok(Some((place, order))) => begin_exchange(realm, place, order),
        Ok(None) => {}
        Err(message) => {
            // The answer must be a task, as if the network had failed.
            realm.traffic.borrow_mut().refuse(id);
            let _ = realm.run.queue.push(Task::FetchFailed { id, message });
        }
    }
}

fn begin_exchange(realm: &Realm, place: Place, order: FetchOrder) {
    let id = place.id();
    let reader = Arc::new(ToQueue { id, run: realm.run.clone() });
    let handle = start(&realm.shared.fetch, order, reader, Some(Box::new(place)));
    realm.traffic.borrow_mut().set_handle(id, handle);
}

fn order(
    realm: &Realm,
    id: u32,
    head: &str,
    body: Option<Vec<u8>>,
) -> std::result::Result<FetchOrder, String> {
    let head: Head =
        serde_json::from_str(head).map_err(|error| format!("the request cannot be read: {error}"))?;
    let url = Url::parse(&head.url).map_err(|error| format!("`{}` is no URL: {error}", head.url))?;
    let config = &realm.shared.config;
    let (request_bytes, limit) = (body.as_ref().map_or(0, Vec::len), config.request_bytes_max);
    let held_bytes = realm.traffic.borrow().held_bytes();
    if held_bytes + request_bytes > limit {
        return Err(format!(
            "Failed to fetch {url}: the requests under way and the responses that were not read hold {held_bytes} bytes, \
             this request has {request_bytes}; the limit is {limit}"
        ));
    }
    let body = if let Some(bytes) = body {
        RequestBody::from(bytes)
    } else if let Some(own) = head.body {
        let given = realm.traffic.borrow_mut().hand_on(own);
        RequestBody::Stream(given.ok_or("the request's body is not there any more")?)
    } else if head.writes {
        let (sender, receiver) = body_channel(config.response_window_bytes);
        realm.traffic.borrow_mut().write_body(id, sender, config.request_stream_bytes_max);
        RequestBody::Stream(receiver)
    } else {
        RequestBody::default()
    };
    let mut order = FetchOrder::get(url, realm.worker.storage_key.origin());
    order.method = head.method;
    order.headers = head.headers;
    order.body = body;
    order.mode = FetchOrder::mode(&head.mode)?;
    order.credentials = FetchOrder::credentials(&head.credentials)?;
    order.redirect = FetchOrder::redirect(&head.redirect)?;
    order.referrer = match head.referrer.as_str() {
        "about:client" | "client" => realm.worker.script_url.clone(),
        "no-referrer" => String::new(),
        other => other.to_owned(),
    };
    order.referrer_policy = ReferrerPolicy::from_name(&head.referrer_policy).unwrap_or_default();
    order.integrity = Integrity::parse(&head.integrity);
    order.destination = FetchOrder::destination(&head.destination);
    order.set_cache(&head.cache)?;
    order.unsafe_request = head.unsafe_request.unwrap_or(true);
    Ok(order)
}

/// Brings the answer to the worker's queue.
struct ToQueue {
    id: u32,
    run: Arc<Run>,
}

impl FetchReader for ToQueue {
    fn head(&self, filtered: FilteredHead, body: BodyReceiver) {
        // A run that has ended drops the body, which aborts the exchange.
        let _ = self.run.queue.push(Task::FetchHead { id: self.id, head: filtered.json(), body });
    }

    fn failed(&self, message: String) {
        let _ = self.run.queue.push(Task::FetchFailed { id: self.id, message });
    }
}
