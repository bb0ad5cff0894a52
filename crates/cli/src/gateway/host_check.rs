//! Who may talk to the gateway: pages of its own origins, and nobody else.
//!
//! The gateway listens on loopback, where every web page that the user visits can send requests to. Two things keep
//! strangers out: the `Host` header must be one of the names that this gateway has (so a foreign name that was made to
//! resolve to 127.0.0.1 gets nothing: DNS rebinding), and what the browser says about a request's origin must not be
//! another site. A plain link from elsewhere may still open the app, as links do.

use axum::http::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use axum::http::{Method, Uri};

/// Header of the Fetch Metadata specification: how the request's initiator relates to its target.
pub(crate) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The request's mode, such as `navigate`.
pub(crate) const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
/// What the response is for, such as `document`.
pub(crate) const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The names under which a gateway can be reached.
#[derive(Clone, Debug)]
pub(crate) struct OwnHosts {
    port: u16,
}

/// Why a request gets nothing. What is told is the same for everybody; the details go to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The `Host` header names somebody else, or nobody.
    ForeignHost(String),
    /// The request was made by a page of another origin.
    ForeignOrigin(String),
}

impl OwnHosts {
    /// The names of a gateway on `port`.
    pub(crate) fn new(port: u16) -> OwnHosts {
        OwnHosts { port }
    }

    /// The origins of the app: the same app under another name is another origin, with data of its own.
    pub(crate) fn origins(&self) -> [String; 3] {
        ["127.0.0.1", "localhost", "[::1]"].map(|name| format!("http://{name}{}", self.port_suffix()))
    }

    /// The origin that a request was sent to, or why it gets nothing.
    pub(crate) fn origin_of(&self, headers: &HeaderMap, uri: &Uri) -> Result<String, Refusal> {
        let foreign = |text: &str| Refusal::ForeignHost(text.to_owned());
        let mut hosts = headers.get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().map_err(|_| foreign("(not text)"))?,
            (None, _) => return Err(foreign("(none)")),
            (Some(_), Some(_)) => return Err(foreign("(several)")),
        };
        // A request line with a whole URL must not name another host than the header.
        if uri.authority().is_some_and(|authority| !authority.as_str().eq_ignore_ascii_case(host)) {
            return Err(foreign(host));
        }
        let origin = format!("http://{}", host.to_ascii_lowercase());
        if self.is_own(&origin) { Ok(origin) } else { Err(foreign(host)) }
    }

    /// Whether an origin is one of this gateway's.
    pub(crate) fn is_own(&self, origin: &str) -> bool {
        self.origins().iter().any(|own| own == origin)
    }

    /// A browser leaves out the port that the scheme has by default.
    fn port_suffix(&self) -> String {
        if self.port == 80 { String::new() } else { format!(":{}", self.port) }
    }
}

/// Refuses what a page of another origin has sent, except a plain link to the app.
pub(crate) fn check_initiator(method: &Method, headers: &HeaderMap, own_origin: &str) -> Result<(), Refusal> {
    let foreign = |text: &str| Err(Refusal::ForeignOrigin(text.to_owned()));
    if let Some(origin) = headers.get(ORIGIN)
        && origin.as_bytes() != own_origin.as_bytes()
    {
        return foreign(&String::from_utf8_lossy(origin.as_bytes()));
    }
    let value = |name: &HeaderName| headers.get(name).map(|value| value.as_bytes());
    match value(&SEC_FETCH_SITE) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(site) => {
            let link = (method == Method::GET || method == Method::HEAD)
                && value(&SEC_FETCH_MODE) == Some(b"navigate")
                && matches!(value(&SEC_FETCH_DEST), Some(b"document" | b"iframe" | b"frame"));
            if link { Ok(()) } else { foreign(&format!("({})", String::from_utf8_lossy(site))) }
        }
    }
}

/// Refuses everything but a request of the page's own origin, as a WebSocket handshake must be.
pub(crate) fn require_same_origin(headers: &HeaderMap, own_origin: &str) -> Result<(), Refusal> {
    match headers.get(ORIGIN) {
        Some(origin) if origin.as_bytes() == own_origin.as_bytes() => Ok(()),
        Some(origin) => Err(Refusal::ForeignOrigin(String::from_utf8_lossy(origin.as_bytes()).into_owned())),
        None => Err(Refusal::ForeignOrigin("(none)".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_the_gateways_own_names_are_answered() {
        let own = OwnHosts::new(8080);
        let origin = |hosts: &[(&'static str, &str)]| own.origin_of(&headers(hosts), &Uri::from_static("/x"));
        assert_eq!(origin(&[("host", "127.0.0.1:8080")]), Ok("http://127.0.0.1:8080".into()));
        assert_eq!(origin(&[("host", "LOCALHOST:8080")]), Ok("http://localhost:8080".into()));
        assert_eq!(origin(&[("host", "[::1]:8080")]), Ok("http://[::1]:8080".into()));
        for foreign in [
            "evil.example:8080",
            "127.0.0.1",
            "127.0.0.1:80",
            "127.0.0.1:8080.evil.example",
            "localhost.:8080",
            "",
        ] {
            assert!(origin(&[("host", foreign)]).is_err(), "{foreign}");
        }
        assert!(origin(&[]).is_err());
        assert!(origin(&[("host", "127.0.0.1:8080"), ("host", "evil.example")]).is_err());
        let absolute = Uri::from_static("http://evil.example/x");
        assert!(own.origin_of(&headers(&[("host", "127.0.0.1:8080")]), &absolute).is_err());
        let usual = OwnHosts::new(80);
        assert!(usual.origin_of(&headers(&[("host", "localhost")]), &Uri::from_static("/")).is_ok());
    }

    #[test]
    fn pages_of_other_origins_get_nothing_but_may_link() {
        let check = |method, pairs: &[(&'static str, &str)]| {
            check_initiator(&method, &headers(pairs), "http://localhost:1").is_ok()
        };
        assert!(check(Method::GET, &[]));
        assert!(check(Method::POST, &[("origin", "http://localhost:1"), ("sec-fetch-site", "same-origin")]));
        assert!(check(Method::GET, &[("sec-fetch-site", "none")]));
        let link = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert!(check(Method::GET, &link));
        assert!(!check(Method::POST, &link));
        assert!(!check(Method::GET, &[("origin", "http://127.0.0.1:1")]));
        assert!(!check(Method::GET, &[("origin", "null")]));
        assert!(!check(Method::GET, &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors")]));
        assert!(!check(
            Method::GET,
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "embed")]
        ));
    }

    #[test]
    fn a_websocket_needs_the_right_origin() {
        let check = |pairs: &[(&'static str, &str)]| {
            require_same_origin(&headers(pairs), "http://localhost:1").is_ok()
        };
        assert!(check(&[("origin", "http://localhost:1")]));
        assert!(!check(&[]));
        assert!(!check(&[("origin", "http://localhost:2")]));
    }
}
