//! Fetching: the rules of the Fetch standard (`process`, `cors`) over a transport (`Fetcher`) that a host may replace.

mod address_space;
mod answer;
mod collect;
mod connection;
mod cors;
mod http;
mod integrity;
mod local;
mod order;
mod preflight_cache;
mod process;
mod redirect;
mod referrer;
mod request;
mod sink;
mod site;

pub use address_space::{AddressSpace, PrivateNetwork};
pub use http::HttpFetcher;
pub use sink::{AbortHandle, ResponseHead, ResponseSink};

pub(crate) use collect::fetch_whole;
pub(crate) use integrity::Integrity;
pub(crate) use order::{Credentials, FetchOrder, Mode, Redirect};
pub(crate) use preflight_cache::{PreflightCache, Question};
pub(crate) use process::{FetchAbort, FetchHandle, FetchReader, FetchRules, FilteredHead, start};
pub(crate) use referrer::ReferrerPolicy;
pub(crate) use sink::SinkTarget;
pub(crate) use site::{is_public_suffix, is_same_site, relation as site_relation};

use crate::body::RequestBody;
use crate::{SocketRequest, SocketSink};
use url::Url;

/// One HTTP exchange: no redirect is followed, no policy applied. That is done above, for every transport alike; only
/// `reach` is the transport's to keep.
#[derive(Debug)]
#[non_exhaustive]
pub struct FetchRequest {
    /// The method, in the case that goes on the wire.
    pub method: String,
    /// Where to; http or https.
    pub url: Url,
    /// Header names and values, as bytes in Latin-1.
    pub headers: Vec<(String, String)>,
    /// The body; empty if there is none.
    pub body: RequestBody,
    /// The Fetch standard's destination: `script` and `serviceworker` for scripts, otherwise empty.
    pub destination: &'static str,
    /// Whether cookies go with the request and are taken from its response. Those of the runtime's own jar are in `headers`.
    pub credentials: bool,
    /// The most private address that may be asked; a transport that resolves names must refuse those that are more private.
    pub reach: AddressSpace,
}

/// What carries requests to servers. The default is [`HttpFetcher`]; a host may serve its own origin without a socket.
pub trait Fetcher: Send + Sync {
    /// Starts an exchange and returns at once. The answer goes to `sink`, from any thread, also before this returns.
    /// Dropping or using the handle aborts the exchange.
    fn fetch(&self, request: FetchRequest, sink: ResponseSink) -> AbortHandle;

    /// Makes a connection for a WebSocket and has it served by `sink`. Returns at once; dropping or using the handle ends the
    /// connection. A transport without this has no WebSockets: every one fails, and its worker hears why on its console.
    fn connect(&self, _request: SocketRequest, sink: SocketSink) -> AbortHandle {
        sink.error("the host's transport has no WebSockets (`Fetcher::connect`)".to_owned());
        AbortHandle::ended()
    }
}

/// Whether a URL's origin is potentially trustworthy (R146; section 7.5 of the requirements): https, or a loopback host.
pub(crate) fn is_potentially_trustworthy(url: &Url) -> bool {
    match url.scheme() {
        "https" | "wss" => true,
        "http" | "ws" => match url.host() {
            Some(url::Host::Domain(name)) => is_localhost(name),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        },
        _ => false,
    }
}

/// `localhost` and its subdomains; [`HttpFetcher`] resolves them to loopback without asking anybody.
pub(crate) fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || name.len() > ".localhost".len()
            && name.is_char_boundary(name.len() - ".localhost".len())
            && name[name.len() - ".localhost".len()..].eq_ignore_ascii_case(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // R2, R146
    fn only_https_and_loopback_are_potentially_trustworthy() {
        for (url, expected) in [
            ("https://a.example/", true),
            ("http://a.example/", false),
            ("http://localhost:8080/", true),
            ("http://app.localhost/", true),
            ("http://localhost.example/", false),
            ("http://notlocalhost/", false),
            ("http://127.8.9.1/", true),
            ("http://[::1]:1/", true),
            ("http://[::2]/", false),
            ("http://10.0.0.1/", false),
            ("ftp://localhost/", false),
            ("data:text/plain,a", false),
        ] {
            assert_eq!(is_potentially_trustworthy(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
