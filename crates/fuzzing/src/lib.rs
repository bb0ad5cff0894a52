//! The bodies of the fuzz targets in `fuzz/`: one function each, which takes any bytes and panics if something is not as it
//! must be. They need no fuzzer: `tests/corpus.rs` plays the corpus on stable Rust.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a finding is a panic")]

mod clones;
#[allow(dead_code, reason = "the part of the gateway that decides who is let in")]
#[path = "../../cli/src/gateway/host_check.rs"]
mod host_check;
mod keys;
mod mutate;
mod pages;
#[allow(dead_code, unused_imports, reason = "only what pages say is read here")]
#[path = "../../cli/src/gateway/protocol.rs"]
mod protocol;
mod requests;
mod scripts;
mod stores;
#[allow(dead_code, reason = "only what pages say is read here")]
#[path = "../../cli/src/gateway/sync_protocol.rs"]
mod sync_protocol;

pub use clones::structured_clone;
pub use keys::indexeddb_key;
pub use mutate::varied;
pub use pages::page_message;
pub use requests::http_request;
pub use scripts::worker_urls;
pub use stores::{export_text, stored_rows};

/// A target: its name in `fuzz/`, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 8] = [
    ("scenario", scenario),
    ("structured_clone", structured_clone),
    ("indexeddb_key", indexeddb_key),
    ("stored_rows", stored_rows),
    ("export_text", export_text),
    ("page_message", page_message),
    ("http_request", http_request),
    ("worker_urls", worker_urls),
];

/// Plays the bytes as a scenario of the simulation, which holds the real driver against its model.
pub fn scenario(bytes: &[u8]) {
    wakeworker_sim::play(bytes);
}
