//! Everything that can happen to the engine.

use crate::{
    ActiveWorker, AttemptId, ClientId, ExtraInterval, NetworkId, OneShotOptions, PeriodicOptions, Power,
    RequestId, StorageKey, SyncKind, SyncRegistrationId, Tag, WorkerId, WorkerRegistrationId,
};
use alloc::boxed::Box;
use alloc::string::String;

/// One thing that happened. Questions carry a [`RequestId`] and get exactly one `Resolve` or `Reject` for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// Time has passed: fire what is due, end what took too long.
    TimePassed,

    /// `sync.register(tag)` (one-off specification, `register`).
    RegisterOneShot {
        /// The promise.
        request: RequestId,
        /// The worker registration whose `sync` was used.
        registration: WorkerRegistrationId,
        /// The tag.
        tag: Tag,
        /// What it asks for beyond the specification; the default for a plain `register(tag)`.
        options: OneShotOptions,
    },
    /// `periodicSync.register(tag, options)` (periodic specification, `register`).
    RegisterPeriodic {
        /// The promise.
        request: RequestId,
        /// The worker registration whose `periodicSync` was used.
        registration: WorkerRegistrationId,
        /// The tag.
        tag: Tag,
        /// The interval, and what the older explainer lets it ask for.
        options: PeriodicOptions,
    },
    /// `periodicSync.unregister(tag)` (R44–R46), or the opt-in `sync.unregister(tag)` (R246).
    Unregister {
        /// The promise.
        request: RequestId,
        /// The worker registration whose manager was used.
        registration: WorkerRegistrationId,
        /// Which manager.
        kind: SyncKind,
        /// The tag.
        tag: Tag,
    },
    /// `sync.getTags()` or `periodicSync.getTags()`.
    GetTags {
        /// The promise.
        request: RequestId,
        /// The worker registration whose manager was used.
        registration: WorkerRegistrationId,
        /// Which of the two lists.
        kind: SyncKind,
    },

    /// A worker registration is made, or the one with this scope is looked up (R162).
    AddWorkerRegistration {
        /// Answered with the id.
        request: RequestId,
        /// Whose it is.
        storage_key: StorageKey,
        /// Absolute, canonical scope URL.
        scope: String,
        /// Absolute, canonical script URL.
        script_url: String,
    },
    /// Another worker, or none, is the active one of a registration, or it has finished activating (R61, R164).
    ActiveWorkerChanged {
        /// The registration.
        registration: WorkerRegistrationId,
        /// Its active worker from now on.
        active: Option<ActiveWorker>,
        /// The script URL of that worker, if it differs from the one stored.
        script_url: Option<String>,
    },
    /// A worker registration is unregistered: it and its entries are gone at once (R161, D13).
    RemoveWorkerRegistration {
        /// Answered when the removal is durable (R166).
        request: RequestId,
        /// The registration.
        registration: WorkerRegistrationId,
    },
    /// All data of a storage key is cleared: every worker registration and every entry (R163).
    ClearStorage {
        /// Answered when the removal is durable (R166).
        request: RequestId,
        /// Whose data.
        storage_key: StorageKey,
    },

    /// A document or worker exists that may be a client.
    ClientOpened {
        /// Its identity.
        client: ClientId,
        /// Whose it is.
        storage_key: StorageKey,
        /// What kind of client (service worker specification, "frame type").
        frame_type: FrameType,
    },
    /// A client is gone.
    ClientClosed {
        /// Its identity.
        client: ClientId,
    },

    /// The connection changed, or was read for the first time (R55, R56).
    NetworkChanged {
        /// The kind of connection.
        connection: Connection,
        /// Which network it is, if the host can tell (R121).
        network: Option<NetworkId>,
    },
    /// The power supply or a saving mode changed (R117, R227).
    PowerChanged(Power),
    /// The host has its own opinion whether an origin can be reached now (R57). Unstated means that it can.
    ReachabilityChanged {
        /// Which origin.
        storage_key: StorageKey,
        /// Whether it can be reached.
        reachable: bool,
    },
    /// A tool makes one worker registration appear offline, or gives that up. Counted: as many releases as requests (R241).
    EmulateOffline {
        /// Which worker registration.
        registration: WorkerRegistrationId,
        /// True to appear offline, false to release one earlier request.
        offline: bool,
    },
    /// The host's extra amount for an origin is another one, or is stated for the first time (R112, R113).
    EngagementChanged {
        /// Whose.
        storage_key: StorageKey,
        /// The amount from now on.
        extra: ExtraInterval,
    },
    /// The user is, or is no longer, busy with an origin: while so, the gaps between its periodic events are lifted, but
    /// never a minimum interval (R250).
    SetActiveUse {
        /// Which origin.
        storage_key: StorageKey,
        /// Whether it is in active use.
        active: bool,
    },
    /// The host lets an origin register without an open window, or no longer (R249).
    AllowWithoutWindow {
        /// Which origin.
        storage_key: StorageKey,
        /// Whether it is allowed.
        allowed: bool,
    },
    /// A permission of an origin changed, or is stated for the first time.
    PermissionChanged {
        /// Whose permission.
        storage_key: StorageKey,
        /// Which one.
        name: PermissionName,
        /// Its state from now on.
        state: PermissionState,
    },

    /// An event ended, or could not be dispatched.
    AttemptEnded {
        /// Which dispatch.
        attempt: AttemptId,
        /// How it ended.
        outcome: AttemptOutcome,
    },
    /// A tool fires an event, with or without a matching entry, leaving entries untouched (R240).
    DispatchEvent {
        /// Answered with the outcome.
        request: RequestId,
        /// The worker registration.
        registration: WorkerRegistrationId,
        /// Which event.
        kind: SyncKind,
        /// Its tag.
        tag: Tag,
        /// The `lastChance` of a `sync` event.
        last_chance: bool,
    },
    /// The host dispatches the event of a periodic entry, whatever its interval (WebView2's `DispatchPeriodicSyncEvent`,
    /// R195–R206, D21–D25). Answered with a [`crate::SyncOperationStatus`] when the event has ended.
    DispatchPeriodic {
        /// Answered with the status.
        request: RequestId,
        /// The worker registration.
        registration: WorkerRegistrationId,
        /// The worker object that the host dispatches on; refused if it is no longer the active one (D25).
        worker: Option<WorkerId>,
        /// The tag.
        tag: Tag,
        /// Demands connectivity, and answers "other error" without it (D23).
        needs_network: bool,
    },
    /// The host fires an entry of either kind now, whatever holds it back (R245).
    FireSync {
        /// Answered when the event has ended: with the outcome for a one-off entry, with the status for a periodic one.
        request: RequestId,
        /// Which entry.
        sync: SyncRegistrationId,
    },
    /// The host cancels an entry of either kind. Its running event goes on (R245).
    CancelSync {
        /// Answered when the removal is durable.
        request: RequestId,
        /// Which entry.
        sync: SyncRegistrationId,
    },
    /// The host has everything fired that may fire now, and is told when those events have ended (R182).
    FireDue {
        /// Answered with the number of events, those included that ran already.
        request: RequestId,
    },
}

/// What a client is (service worker specification, "frame type", whose list is complete).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameType {
    /// A window or tab.
    TopLevel,
    /// A window opened by another one.
    Auxiliary,
    /// A frame inside a document.
    Nested,
    /// Not a document: a worker.
    None,
}

impl FrameType {
    /// Whether such a client lets its origin register (R18, D27).
    pub fn is_window(self) -> bool {
        matches!(self, FrameType::TopLevel | FrameType::Auxiliary)
    }
}

/// The kind of connection that the device has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Connection {
    /// No network: offline (R53).
    #[default]
    None,
    /// Some network of unknown kind: online (R53).
    Unknown,
    /// Cable.
    Ethernet,
    /// Wireless LAN.
    Wifi,
    /// A mobile network.
    Cellular,
}

impl Connection {
    /// Whether one-off events may be fired (R49, R53).
    pub fn is_online(self) -> bool {
        self != Connection::None
    }
}

/// The permissions that the engine knows: those of the two APIs, and the one that an attempt limit depends on. Complete,
/// because stores and tools must handle each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PermissionName {
    /// `background-sync`: granted unless stated otherwise (R135).
    BackgroundSync,
    /// `periodic-background-sync`: denied unless stated otherwise (R137).
    PeriodicBackgroundSync,
    /// `notifications`: decides which attempt limit applies (R83).
    Notifications,
}

/// The state of a permission (Permissions specification, whose list is complete).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PermissionState {
    /// Allowed.
    Granted,
    /// Forbidden.
    Denied,
    /// Undecided: treated as forbidden.
    Prompt,
}

/// How a dispatched event ended. Complete: it reached the worker and succeeded or failed, or it did not reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// Every lifetime promise was fulfilled, or there was none.
    Succeeded {
        /// False if the worker had no listener for the event (R71).
        handled: bool,
    },
    /// The attempt failed and counts.
    Failed {
        /// Why.
        reason: FailureReason,
        /// The rejection or exception as text for people, if there was one.
        message: Option<Box<str>>,
    },
    /// The event never reached the worker; the attempt does not count (R54, D11).
    NotDispatched,
}

/// Why an attempt failed (R244).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureReason {
    /// A lifetime promise was rejected (R66).
    Rejected,
    /// The lifetime promises did not settle in time (R86).
    TimedOut,
    /// The worker was stopped while the event ran (R67, R90).
    Terminated,
    /// The worker could not be started (R70).
    StartFailed,
    /// The worker's script threw while it was evaluated (R70).
    ScriptError,
    /// The backend lost the event without saying how it ended.
    Abandoned,
    /// The process died this often in a row while the event ran (R169).
    Crashed,
}
