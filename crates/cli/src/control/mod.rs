//! The control API: how the commands talk to a running `serve`.
//!
//! It is HTTP on the gateway's own port below `/.wakeworker/api/`, and wants the token that only the user who started
//! `serve` can read. The JSON that it speaks is what the commands print with `--json`; `README.md` documents it.

pub(crate) mod audit;
pub(crate) mod client;
pub(crate) mod metrics;
pub(crate) mod notifications;
pub(crate) mod server;
pub(crate) mod shapes;
pub(crate) mod storage;
