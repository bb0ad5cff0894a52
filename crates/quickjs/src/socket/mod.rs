//! WebSockets of workers (WebSockets standard; RFC 6455): the protocol over a connection that a transport makes.

mod handshake;
mod link;
mod metered;
mod session;

pub use session::SocketSink;

pub(crate) use handshake::Order;
pub(crate) use link::{Content, Ending, Link, LinkBreaker, Notice};
pub(crate) use session::{Command, Limits, Session};

use crate::fetch::AddressSpace;
use url::Url;

/// A connection for a WebSocket. The handshake and everything after it is the [`SocketSink`]'s; only `reach` is the
/// transport's to keep.
#[derive(Debug)]
#[non_exhaustive]
pub struct SocketRequest {
    /// Where to; http or https, as the standard has it for the handshake.
    pub url: Url,
    /// The most private address that may be asked; a transport that resolves names must refuse those that are more private.
    pub reach: AddressSpace,
}
