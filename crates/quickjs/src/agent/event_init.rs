//! Events as the JavaScript layer takes them.

use super::realm::Realm;
use super::task::{EventKind, message_source_json};
use crate::body::RequestBody;
use crate::fetch_event::FetchResponder;
use crate::{FetchEventRequest, json};
use bytes::Bytes;
use serde::Serialize;
use std::rc::Rc;

/// The event's record as JSON, the body of its request if that is at hand, and who gets the answer.
pub(super) type Init = (String, Option<Bytes>, Option<FetchResponder>);

/// What the `dispatch` hook is given of an event; what streams is kept for the script under the event's id.
pub(super) fn init_of(realm: &Rc<Realm>, id: u32, kind: EventKind) -> Init {
    match kind {
        EventKind::Install | EventKind::Activate => ("{}".to_owned(), None, None),
        EventKind::Sync { tag, last_chance, registration } => {
            let (tag, registration) = (json::tag(&tag), registration.unwrap_or_else(|| "null".to_owned()));
            let init =
                format!("{{\"tag\":{tag},\"lastChance\":{last_chance},\"registration\":{registration}}}");
            (init, None, None)
        }
        EventKind::PeriodicSync { tag, registration } => {
            let (tag, registration) = (json::tag(&tag), registration.unwrap_or_else(|| "null".to_owned()));
            (format!("{{\"tag\":{tag},\"registration\":{registration}}}"), None, None)
        }
        EventKind::Message { data, source } => {
            let init = serde_json::json!({
                "data": data,
                "origin": realm.worker.storage_key.origin(),
                "source": message_source_json(&source),
            });
            (init.to_string(), None, None)
        }
        EventKind::Fetch { mut request, preload, responder } => {
            let body = std::mem::take(&mut request.body);
            let bytes = match &body {
                RequestBody::Bytes(bytes) if !bytes.is_empty() => Some(bytes.clone()),
                _ => None,
            };
            let streams = matches!(body, RequestBody::Stream(_));
            realm.traffic.borrow_mut().put_event_body(id, body);
            let init = FetchInit {
                request: RequestRecord::of(&request),
                client_id: &request.client_id,
                resulting_client_id: &request.resulting_client_id,
                streams,
                preloads: preload.is_some(),
            };
            // Strings and lists of strings always have a JSON form.
            let init = serde_json::to_string(&init).unwrap_or_default();
            if let Some(preload) = preload {
                realm.traffic.borrow_mut().put_preload(id, preload);
            }
            (init, bytes, Some(responder))
        }
    }
}

/// A page's request as the JavaScript layer takes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FetchInit<'a> {
    request: RequestRecord<'a>,
    client_id: &'a str,
    resulting_client_id: &'a str,
    streams: bool,
    preloads: bool,
}

/// The layer's record of a request, but for its body.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestRecord<'a> {
    method: &'a str,
    url: &'a str,
    headers: &'a [(String, String)],
    mode: &'a str,
    credentials: &'a str,
    cache: &'a str,
    redirect: &'a str,
    referrer: &'a str,
    referrer_policy: &'a str,
    integrity: &'a str,
    keepalive: bool,
    destination: &'a str,
    is_reload: bool,
}

impl RequestRecord<'_> {
    fn of(request: &FetchEventRequest) -> RequestRecord<'_> {
        RequestRecord {
            method: &request.method,
            url: &request.url,
            headers: &request.headers,
            mode: &request.mode,
            credentials: &request.credentials,
            cache: "default",
            redirect: &request.redirect,
            referrer: &request.referrer,
            referrer_policy: "",
            integrity: "",
            keepalive: false,
            destination: &request.destination,
            is_reload: false,
        }
    }
}
