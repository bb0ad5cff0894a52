//! Messages between the host program and service workers (R221; WebView2's `WebMessageReceived` and its relatives).
//!
//! A worker's script sees them as `self.chrome.webview`, if both settings of [`HostHandle::set_is_web_message_enabled`]
//! and [`HostHandle::set_are_web_view_script_apis_enabled_for_service_workers`] allow it.

use crate::message::Message;
use crate::observer::Observers;
use crate::{HostHandle, ServiceWorker, Subscription};
use serde::de::IgnoredAny;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use wakeworker_core::{WorkerId, WorkerRegistrationId};

/// The two settings, and who hears what workers say.
pub(crate) struct WebMessages {
    enabled: AtomicBool,
    script_apis_enabled: AtomicBool,
    received: Observers<ReceivedMessage>,
}

/// A message from a worker.
struct ReceivedMessage {
    registration: WorkerRegistrationId,
    worker: WorkerId,
    args: WebMessageReceivedEventArgs,
}

/// What an observer of [`ServiceWorker::on_web_message_received`] is given.
#[doc(alias = "CoreWebView2WebMessageReceivedEventArgs")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebMessageReceivedEventArgs {
    source: String,
    json: String,
}

/// Why a message could not be sent or read.
#[derive(Debug)]
#[non_exhaustive]
pub enum WebMessageError {
    /// [`HostHandle::set_is_web_message_enabled`] has switched messages off.
    Disabled,
    /// The text is not JSON.
    InvalidJson {
        /// What is wrong with it.
        problem: String,
    },
    /// The message is JSON but not a string.
    NotAString,
}

impl HostHandle {
    /// Whether messages between host and workers are delivered. Default: true.
    #[doc(alias = "IsWebMessageEnabled")]
    pub fn is_web_message_enabled(&self) -> bool {
        self.web_messages().enabled.load(Ordering::Acquire)
    }

    /// Switches the delivery of messages on or off, for messages sent from now on.
    #[doc(alias = "put_IsWebMessageEnabled")]
    pub fn set_is_web_message_enabled(&self, enabled: bool) {
        self.web_messages().enabled.store(enabled, Ordering::Release);
    }

    /// Whether workers that are installed from now on have `self.chrome.webview`. Default: false.
    #[doc(alias = "AreWebViewScriptApisEnabledForServiceWorkers")]
    pub fn are_web_view_script_apis_enabled_for_service_workers(&self) -> bool {
        self.web_messages().script_apis_enabled.load(Ordering::Acquire)
    }

    /// Gives `self.chrome.webview` to workers that are installed from now on, or no longer. Not persisted.
    #[doc(alias = "put_AreWebViewScriptApisEnabledForServiceWorkers")]
    pub fn set_are_web_view_script_apis_enabled_for_service_workers(&self, enabled: bool) {
        self.web_messages().script_apis_enabled.store(enabled, Ordering::Release);
    }

    /// A worker's script called `chrome.webview.postMessage`; `json` is its argument as `JSON.stringify` gives it. For
    /// backends. A message sent while messages are switched off is dropped.
    pub fn web_message_received(
        &self,
        registration: WorkerRegistrationId,
        worker: WorkerId,
        script_url: &str,
        json: String,
    ) {
        if !self.is_web_message_enabled() {
            return;
        }
        let host = self.clone();
        let args = WebMessageReceivedEventArgs { source: script_url.to_owned(), json };
        self.send(Message::Query(Box::new(move |_| {
            host.web_messages().received.notify(&ReceivedMessage { registration, worker, args });
        })));
    }
}

impl ServiceWorker {
    /// Sends a JSON text; the script's `message` event on `chrome.webview` has the parsed value. Messages arrive in the
    /// order in which they were sent; one to a worker that does not run or is gone is dropped (R221).
    #[doc(alias = "PostWebMessageAsJson")]
    pub fn post_web_message_as_json(&self, json: &str) -> Result<(), WebMessageError> {
        if let Err(error) = serde_json::from_str::<IgnoredAny>(json) {
            return Err(WebMessageError::InvalidJson { problem: error.to_string() });
        }
        self.post(json.to_owned())
    }

    /// Sends a string; the rest is as for [`ServiceWorker::post_web_message_as_json`].
    #[doc(alias = "PostWebMessageAsString")]
    pub fn post_web_message_as_string(&self, text: &str) -> Result<(), WebMessageError> {
        self.post(serde_json::Value::from(text).to_string())
    }

    /// Calls `observer` on the engine thread for every message of this version's script, also after a stop for idleness
    /// and a new start.
    #[doc(alias = "WebMessageReceived")]
    #[doc(alias = "add_WebMessageReceived")]
    #[doc(alias = "remove_WebMessageReceived")]
    pub fn on_web_message_received(
        &self,
        observer: impl Fn(&WebMessageReceivedEventArgs) + Send + Sync + 'static,
    ) -> Subscription {
        let (registration, worker) = (self.registration_id(), self.id());
        self.host.web_messages().received.subscribe(move |message| {
            if message.registration == registration && message.worker == worker {
                observer(&message.args);
            }
        })
    }

    fn post(&self, json: String) -> Result<(), WebMessageError> {
        if !self.host.is_web_message_enabled() {
            return Err(WebMessageError::Disabled);
        }
        let (registration, worker) = (self.registration_id(), self.id());
        self.host.send(Message::PostToWorker { registration, worker, json });
        Ok(())
    }
}

impl WebMessageReceivedEventArgs {
    /// The script URL of the worker.
    #[doc(alias = "Source")]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The message as JSON text.
    #[doc(alias = "WebMessageAsJson")]
    pub fn web_message_as_json(&self) -> &str {
        &self.json
    }

    /// The message, if the script sent a string.
    #[doc(alias = "TryGetWebMessageAsString")]
    pub fn try_web_message_as_string(&self) -> Result<String, WebMessageError> {
        serde_json::from_str(&self.json).map_err(|_| WebMessageError::NotAString)
    }
}

impl Default for WebMessages {
    fn default() -> WebMessages {
        WebMessages {
            enabled: AtomicBool::new(true),
            script_apis_enabled: AtomicBool::new(false),
            received: Observers::default(),
        }
    }
}

impl fmt::Display for WebMessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WebMessageError::Disabled => {
                f.write_str("messages are switched off; `set_is_web_message_enabled(true)` switches them on")
            }
            WebMessageError::InvalidJson { problem } => write!(f, "the message is not JSON: {problem}"),
            WebMessageError::NotAString => {
                f.write_str("the message is not a string; `web_message_as_json` gives it")
            }
        }
    }
}

impl std::error::Error for WebMessageError {}
