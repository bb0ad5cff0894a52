//! Identifiers. All are plain integers, so that they are cheap to copy and small on disk.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// A service worker registration: the (storage key, scope) entry that owns up to three workers.
    /// Given by the engine, never reused within one store, persisted.
    WorkerRegistrationId;
    /// One version of a worker (one set of scripts). Given by the worker backend, opaque to the engine.
    WorkerId;
    /// One sync registration, one-off or periodic. Given by the engine, persisted.
    SyncRegistrationId;
    /// A question that waits for its answer (a promise in a script, a `Pending` in a host). Given by the caller.
    RequestId;
    /// One dispatch of one event. Unique in the life of one process.
    AttemptId;
    /// A document or worker that a service worker may see as a client. Given by the caller.
    ClientId;
}
