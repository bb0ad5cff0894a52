//! The Background Sync engine: the rules of the one-off and periodic sync specifications as a pure state machine.
//!
//! The engine has no clock, no thread, no file and no network. A caller tells it what happened ([`Input`]) and when
//! ([`Now`]); it answers with a [`Step`]: changes to make durable first, then effects to perform. The same inputs
//! always give the same steps.
//!
//! ```
//! use wakeworker_core::*;
//!
//! let now = Now { wall: Timestamp(1_000_000), mono: Monotonic(0) };
//! let mut step = Step::default();
//! let mut engine = Engine::restore(Config::default(), Snapshot::default(), now, &mut step)?;
//!
//! // A page of the origin is open, its worker is active, and there is no network.
//! let key = StorageKey::first_party("https://chat.example");
//! for input in [
//!     Input::ClientOpened { client: ClientId(1), storage_key: key.clone(), frame_type: FrameType::TopLevel },
//!     Input::AddWorkerRegistration {
//!         request: RequestId(1),
//!         storage_key: key,
//!         scope: "https://chat.example/".into(),
//!         script_url: "https://chat.example/sw.js".into(),
//!     },
//!     Input::ActiveWorkerChanged {
//!         registration: WorkerRegistrationId(1),
//!         active: Some(ActiveWorker { id: WorkerId(1), activated: true }),
//!         script_url: None,
//!     },
//!     Input::RegisterOneShot {
//!         request: RequestId(2),
//!         registration: WorkerRegistrationId(1),
//!         tag: "outbox".into(),
//!         options: OneShotOptions::default(),
//!     },
//! ] {
//!     engine.handle_input(now, input, &mut step);
//! }
//! assert!(step.effects.contains(&Effect::Resolve(RequestId(2), Resolution::Done)));
//! assert!(!step.effects.iter().any(|effect| matches!(effect, Effect::Dispatch(_))));
//!
//! // The network comes, and the event is fired.
//! let mut step = Step::default();
//! engine.handle_input(now, Input::NetworkChanged { connection: Connection::Wifi, network: None }, &mut step);
//! assert!(step.effects.iter().any(|effect| matches!(effect, Effect::Dispatch(_))));
//! # Ok::<(), RestoreError>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod activity;
mod audit;
mod client;
mod coalesce;
mod conditions;
mod config;
mod dispatch;
mod engine;
mod entry;
mod error;
mod explain;
mod id;
mod input;
mod invariants;
mod journal;
mod limits;
mod one_shot;
mod options;
mod origin;
mod periodic;
mod permission;
mod phase;
mod registration;
mod removal;
mod restore;
mod retry;
mod schedule;
mod service_worker;
mod snapshot;
mod status;
mod step;
mod storage_key;
mod tag;
mod time;
mod view;
mod wakeup;

pub use activity::{Activity, ActivityEvent};
pub use audit::{EventCounts, OriginAudit};
pub use config::{CoalescePolicy, Config, PeriodicDispatch};
pub use engine::Engine;
pub use error::{RegisterError, RegistrationLimit, RestoreError};
pub use explain::{Reason, SyncStatus, UnmetCondition};
pub use id::{AttemptId, ClientId, RequestId, SyncRegistrationId, WorkerId, WorkerRegistrationId};
pub use input::{
    AttemptOutcome, Connection, FailureReason, FrameType, Input, PermissionName, PermissionState,
};
pub use options::{
    Conditions, ExtraInterval, NetworkCondition, NetworkId, OneShotOptions, PeriodicOptions, Power,
    PowerCondition,
};
pub use registration::{
    ActiveWorker, SyncKind, SyncOptions, SyncRegistration, SyncState, WorkerRegistration,
};

pub use snapshot::{InFlight, LastRound, Snapshot};
pub use status::SyncOperationStatus;
pub use step::{Change, Dispatch, Durability, Effect, Resolution, Step, SyncRegistered};
pub use storage_key::StorageKey;
pub use tag::Tag;
pub use time::{Monotonic, Now, Timestamp};
pub use wakeup::{Wakeup, WakeupReason};
