//! The messages between a page and the gateway, as `page/protocol.d.ts` defines them.

pub(crate) use super::sync_protocol::{OneShotParams, PeriodicParams, SyncRecordInfo};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wakeworker_quickjs::{RegistrationState, WorkerState};

/// The version that both sides must name.
pub(crate) const PROTOCOL_VERSION: u32 = 1;

/// What a page says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum PageMessage {
    /// The first message of a connection.
    Hello(Hello),
    /// Something about the page changed.
    Client {
        /// The document's URL now.
        url: String,
        /// `visible` or `hidden`.
        visibility_state: Visibility,
        /// Whether it has the focus.
        focused: bool,
    },
    /// A message for a worker.
    PostMessage {
        /// The worker.
        worker: u64,
        /// The serialised value.
        data: String,
        /// Numbers that the page has drawn for the ports that go with it.
        #[serde(default)]
        ports: Vec<i64>,
    },
    /// A message through one of the page's ports to its other end.
    PortMessage {
        /// The port's number.
        port: i64,
        /// The serialised value.
        data: String,
        /// Numbers that the page has drawn for the ports that go with it.
        ports: Vec<i64>,
    },
    /// The page has closed a port.
    PortClosed {
        /// Its number.
        port: i64,
    },
    /// Whether the page has a BroadcastChannel.
    Broadcasts {
        /// Whether it wants to hear what workers broadcast.
        hears: bool,
    },
    /// A message for the BroadcastChannels of the origin's workers.
    Broadcast {
        /// The channel's name, as JSON.
        name: String,
        /// The serialised value.
        data: String,
    },
    /// A question.
    Call {
        /// The page's number for it.
        id: u64,
        /// Method and parameters.
        #[serde(flatten)]
        method: Method,
    },
}

/// The page introduces itself.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Hello {
    /// The version that the page speaks.
    pub(crate) protocol: u32,
    /// The identity that was reserved for it, or that it had on an earlier connection.
    pub(crate) client: String,
    /// Its creation URL.
    pub(crate) url: String,
    /// What kind of window it is.
    pub(crate) frame_type: PageFrameType,
    /// The top-level document's origin, if it is another one.
    pub(crate) top_origin: Option<String>,
    /// `visible` or `hidden`.
    pub(crate) visibility_state: Visibility,
    /// Whether it has the focus.
    pub(crate) focused: bool,
    /// The registration that controls it, as far as it knows.
    pub(crate) controller: Option<u64>,
}

/// The frame types of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PageFrameType {
    /// A window or tab.
    TopLevel,
    /// A window that another one opened.
    Auxiliary,
    /// A frame.
    Nested,
}

/// The visibility of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Visibility {
    /// At least partly seen.
    Visible,
    /// Not seen.
    Hidden,
}

/// The `type` of a worker, as pages say it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ScriptType {
    /// A classic script.
    #[default]
    Classic,
    /// An ES module.
    Module,
}

impl From<ScriptType> for wakeworker_quickjs::WorkerType {
    fn from(script_type: ScriptType) -> wakeworker_quickjs::WorkerType {
        match script_type {
            ScriptType::Classic => wakeworker_quickjs::WorkerType::Classic,
            ScriptType::Module => wakeworker_quickjs::WorkerType::Module,
        }
    }
}

/// What a page can ask for.
#[derive(Debug, Deserialize)]
#[serde(tag = "method", content = "params", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Method {
    /// `navigator.serviceWorker.register()`.
    Register {
        /// The script.
        script_url: String,
        /// The scope, if it was given.
        scope: Option<String>,
        /// `imports`, `all` or `none`.
        update_via_cache: String,
        /// `classic` or `module`; a page script of an older version does not say it.
        #[serde(default, rename = "type")]
        worker_type: ScriptType,
    },
    /// `navigator.serviceWorker.getRegistration()`.
    GetRegistration {
        /// The URL to match.
        url: String,
    },
    /// `navigator.serviceWorker.getRegistrations()`.
    GetRegistrations {},
    /// `registration.update()`.
    Update {
        /// Which.
        registration: u64,
    },
    /// `registration.unregister()`.
    Unregister {
        /// Which.
        registration: u64,
    },
    /// `registration.sync.register()`.
    #[serde(rename = "sync.register")]
    SyncRegister {
        /// Whose.
        registration: u64,
        /// The tag's 16-bit units (R12).
        tag: Vec<u16>,
        /// What it asks for beyond the specification.
        #[serde(default)]
        options: OneShotParams,
    },
    /// `registration.sync.getTags()`.
    #[serde(rename = "sync.getTags")]
    SyncGetTags {
        /// Whose.
        registration: u64,
    },
    /// `registration.sync.unregister()` (R246).
    #[serde(rename = "sync.unregister")]
    SyncUnregister {
        /// Whose.
        registration: u64,
        /// The tag's 16-bit units.
        tag: Vec<u16>,
    },
    /// `registration.sync.getRegistrations()` (R236).
    #[serde(rename = "sync.getRegistrations")]
    SyncGetRegistrations {
        /// Whose.
        registration: u64,
    },
    /// `registration.periodicSync.register()`.
    #[serde(rename = "periodicSync.register")]
    PeriodicSyncRegister {
        /// Whose.
        registration: u64,
        /// The tag's 16-bit units.
        tag: Vec<u16>,
        /// Its interval and conditions.
        options: PeriodicParams,
    },
    /// `registration.periodicSync.getTags()`.
    #[serde(rename = "periodicSync.getTags")]
    PeriodicSyncGetTags {
        /// Whose.
        registration: u64,
    },
    /// `registration.periodicSync.unregister()`.
    #[serde(rename = "periodicSync.unregister")]
    PeriodicSyncUnregister {
        /// Whose.
        registration: u64,
        /// The tag's 16-bit units.
        tag: Vec<u16>,
    },
    /// `registration.periodicSync.getRegistrations()` (R232).
    #[serde(rename = "periodicSync.getRegistrations")]
    PeriodicSyncGetRegistrations {
        /// Whose.
        registration: u64,
    },
    /// `registration.navigationPreload.enable()`, `disable()` and `setHeaderValue()`.
    #[serde(rename = "navigationPreload.set")]
    NavigationPreloadSet {
        /// Whose.
        registration: u64,
        /// Whether it is on; none leaves that as it is.
        enabled: Option<bool>,
        /// The header's value; none leaves that as it is.
        header_value: Option<String>,
    },
    /// `registration.navigationPreload.getState()`.
    #[serde(rename = "navigationPreload.getState")]
    NavigationPreloadGetState {
        /// Whose.
        registration: u64,
    },
    /// `navigator.permissions.query()` (R134).
    PermissionState {
        /// The name of the permission.
        name: String,
    },
}

/// What the gateway says.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(crate) enum GatewayMessage {
    /// The answer to `Hello`.
    Welcome {
        /// The page's identity.
        client: String,
        /// Its controller.
        controller: Option<ControllerInfo>,
        /// All registrations of its storage key.
        registrations: Vec<RegistrationInfo>,
    },
    /// A question's promise is fulfilled.
    Result {
        /// Which question.
        id: u64,
        /// With what.
        value: Value,
    },
    /// A question's promise is rejected.
    Failure {
        /// Which question.
        id: u64,
        /// `TypeError`, or the name of a DOMException.
        name: String,
        /// For people.
        message: String,
    },
    /// A registration is new or changed.
    Registration {
        /// As it is now.
        registration: RegistrationInfo,
    },
    /// A registration is gone.
    Unregistered {
        /// Which.
        id: u64,
    },
    /// The workers of a registration that is gone are redundant.
    Cleared {
        /// Which.
        id: u64,
    },
    /// Another worker controls the page.
    Controller {
        /// Which, if any.
        controller: Option<ControllerInfo>,
    },
    /// A worker called `client.postMessage()`.
    Message {
        /// The serialised value.
        data: String,
        /// The numbers of the ports that came with it.
        ports: Vec<i64>,
        /// The worker.
        source: WorkerInfo,
    },
    /// A message for one of the page's ports.
    PortMessage {
        /// The port's number.
        port: i64,
        /// The serialised value.
        data: String,
        /// The numbers of the ports that came with it.
        ports: Vec<i64>,
    },
    /// The other end of a port is gone.
    PortClosed {
        /// The port's number.
        port: i64,
    },
    /// A message of a worker for the page's BroadcastChannels.
    Broadcast {
        /// The channel's name, as JSON.
        name: String,
        /// The serialised value.
        data: String,
    },
    /// A permission of the page's origin changed (R134).
    Permission {
        /// Which.
        name: &'static str,
        /// To what.
        state: &'static str,
    },
    /// A sync event has ended (R248).
    #[serde(rename_all = "camelCase")]
    SyncDone {
        /// Whose.
        registration: u64,
        /// `sync` or `periodicsync`.
        kind: &'static str,
        /// The tag's 16-bit units.
        tag: Vec<u16>,
        /// Why it failed, if it did.
        reason: Option<&'static str>,
        /// Whether another attempt follows.
        will_retry: bool,
    },
}

/// One worker of a registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WorkerInfo {
    id: u64,
    script_url: String,
    state: &'static str,
}

/// A registration with its workers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegistrationInfo {
    id: u64,
    scope: String,
    update_via_cache: &'static str,
    installing: Option<WorkerInfo>,
    waiting: Option<WorkerInfo>,
    active: Option<WorkerInfo>,
}

/// A worker and the registration that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ControllerInfo {
    /// The registration.
    pub(crate) registration: u64,
    /// The worker.
    pub(crate) worker: WorkerInfo,
}

impl WorkerInfo {
    /// Its identity.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}

impl From<&WorkerState> for WorkerInfo {
    fn from(worker: &WorkerState) -> WorkerInfo {
        WorkerInfo { id: worker.id.0, script_url: worker.script_url.clone(), state: worker.state }
    }
}

impl From<&RegistrationState> for RegistrationInfo {
    fn from(registration: &RegistrationState) -> RegistrationInfo {
        RegistrationInfo {
            id: registration.id.0,
            scope: registration.scope.clone(),
            update_via_cache: registration.update_via_cache.name(),
            installing: registration.installing.as_ref().map(WorkerInfo::from),
            waiting: registration.waiting.as_ref().map(WorkerInfo::from),
            active: registration.active.as_ref().map(WorkerInfo::from),
        }
    }
}

impl ControllerInfo {
    /// The active worker of a registration, which is what controls its pages.
    pub(crate) fn active(registration: &RegistrationState) -> Option<ControllerInfo> {
        let worker = registration.active.as_ref()?;
        Some(ControllerInfo { registration: registration.id.0, worker: worker.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // R12
    fn calls_are_read_as_the_page_writes_them() {
        let text =
            r#"{"type":"call","id":7,"method":"sync.register","params":{"registration":3,"tag":[55296,97]}}"#;
        let message: PageMessage = serde_json::from_str(text).unwrap();
        let PageMessage::Call { id: 7, method: Method::SyncRegister { registration: 3, tag, .. } } = message
        else {
            panic!("{message:?}");
        };
        assert_eq!(tag, [0xD800, 0x61]);
        let text = r#"{"type":"call","id":1,"method":"getRegistrations","params":{}}"#;
        assert!(matches!(
            serde_json::from_str(text).unwrap(),
            PageMessage::Call { id: 1, method: Method::GetRegistrations {} }
        ));
        let text = r#"{"type":"hello","protocol":1,"client":"c","url":"http://h/","frameType":"top-level","topOrigin":null,
            "visibilityState":"hidden","focused":false,"controller":null}"#;
        let PageMessage::Hello(hello) = serde_json::from_str(text).unwrap() else { panic!() };
        assert_eq!((hello.frame_type, hello.visibility_state), (PageFrameType::TopLevel, Visibility::Hidden));
        for wrong in
            ["", "{}", r#"{"type":"call","id":1,"method":"eval","params":{}}"#, r#"{"type":"hello"}"#]
        {
            assert!(serde_json::from_str::<PageMessage>(wrong).is_err(), "{wrong}");
        }
    }
}
