//! Why the engine refuses something: one enum per operation.

use core::fmt;

/// Why `register` and the other promise-returning operations were rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// The worker registration has no active worker (R16, R94).
    NoActiveWorker,
    /// The user or host has disabled the API, or the permission is not granted (R17, R95).
    PermissionDenied,
    /// No top-level or auxiliary window of the origin is open (R18, R96).
    NoWindow,
    /// The tag is longer than the limit (R33).
    TagTooLong {
        /// Length of the tag in bytes.
        bytes: usize,
        /// The limit in bytes.
        bytes_max: usize,
    },
    /// The worker registration does not exist, or exists no longer (R37).
    NoRegistration,
    /// There is no such sync registration; it may have completed.
    NoSyncRegistration,
    /// The worker object that the host dispatched on is no longer the active worker (R206, D25).
    WorkerGone,
    /// There are as many entries already as the limit allows (R173).
    TooManyRegistrations {
        /// What is limited.
        limit: RegistrationLimit,
        /// The limit.
        entries_max: usize,
    },
    /// The latest time is not later than the earliest (R247).
    EmptyWindow {
        /// The earliest time, in milliseconds after the registration.
        earliest_ms: u64,
        /// The latest time, in milliseconds after the registration.
        latest_ms: u64,
    },
    /// The host has not switched this extension on (R223, R246).
    Unsupported {
        /// What was asked for.
        feature: &'static str,
    },
    /// The store could not write or read (R36); nothing was changed.
    Storage,
    /// The host is shutting down.
    ShuttingDown,
}

/// What a limit on the number of entries counts (R173).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationLimit {
    /// The entries of one worker registration.
    PerWorkerRegistration,
    /// The entries of all worker registrations of one origin.
    PerOrigin,
}

impl RegisterError {
    /// The name of the DOMException that a script sees.
    pub fn dom_exception_name(&self) -> &'static str {
        match self {
            RegisterError::NoActiveWorker | RegisterError::NoRegistration | RegisterError::WorkerGone => {
                "InvalidStateError"
            }
            RegisterError::NoSyncRegistration => "NotFoundError",
            RegisterError::TooManyRegistrations { .. } => "QuotaExceededError",
            RegisterError::EmptyWindow { .. } => "DataError",
            RegisterError::Unsupported { .. } => "NotSupportedError",
            RegisterError::PermissionDenied => "NotAllowedError",
            RegisterError::NoWindow | RegisterError::TagTooLong { .. } => "InvalidAccessError",
            RegisterError::Storage | RegisterError::ShuttingDown => "UnknownError",
        }
    }
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegisterError::NoActiveWorker => {
                f.write_str("the service worker registration has no active worker; wait for `navigator.serviceWorker.ready`")
            }
            RegisterError::PermissionDenied => f.write_str("background sync is denied for this origin"),
            RegisterError::NoWindow => {
                f.write_str("no window of this origin is open; register while a page of the site is open")
            }
            RegisterError::TagTooLong { bytes, bytes_max } => {
                write!(f, "the tag has {bytes} bytes; at most {bytes_max} are allowed")
            }
            RegisterError::NoRegistration => f.write_str("the service worker registration has been unregistered"),
            RegisterError::NoSyncRegistration => {
                f.write_str("there is no such sync registration; it has completed, was removed or never existed")
            }
            RegisterError::WorkerGone => f.write_str(
                "this worker is no longer the active one; fetch the active worker of the registration again",
            ),
            RegisterError::TooManyRegistrations { limit, entries_max } => {
                let owner = match limit {
                    RegistrationLimit::PerWorkerRegistration => "service worker registration",
                    RegistrationLimit::PerOrigin => "origin",
                };
                write!(
                    f,
                    "the {owner} has {entries_max} sync registrations already, which is the limit; \
                     reuse a tag, or unregister one"
                )
            }
            RegisterError::EmptyWindow { earliest_ms, latest_ms } => write!(
                f,
                "the latest time ({latest_ms} ms) must be greater than the earliest time ({earliest_ms} ms)"
            ),
            RegisterError::Unsupported { feature } => {
                write!(f, "{feature} is not switched on in the configuration of the host")
            }
            RegisterError::Storage => f.write_str("the registration could not be stored; nothing was changed"),
            RegisterError::ShuttingDown => f.write_str("the host is shutting down"),
        }
    }
}

impl core::error::Error for RegisterError {}

/// Why [`crate::Engine::restore`] refused a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreError {
    /// A value of the configuration is out of its range.
    Config {
        /// Which field.
        field: &'static str,
        /// What the field allows.
        allowed: &'static str,
    },
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestoreError::Config { field, allowed } => {
                write!(f, "configuration: `{field}` must be {allowed}")
            }
        }
    }
}

impl core::error::Error for RestoreError {}
