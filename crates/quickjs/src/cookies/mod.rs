//! The cookies of a profile (RFC 6265bis): kept for all its sites in one jar, on disk as far as they have an expiry, sent as
//! the Fetch standard says, and never shown to a script.

mod jar;
mod rules;

pub(crate) use jar::CookieJar;
