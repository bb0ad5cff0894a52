//! What goes out with the opening handshake, and what must come back (WebSockets standard, "establish a WebSocket
//! connection"; RFC 6455, 4.1).

use super::SocketRequest;
use crate::fetch::{FetchRules, is_potentially_trustworthy, is_same_site, site_relation};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

/// A connection that a script asks for.
pub(crate) struct Order {
    rules: Arc<FetchRules>,
    /// As the script has it: ws or wss.
    pub(crate) url: Url,
    /// The same for rules that speak of http and https.
    http_url: Url,
    origin: String,
    protocols: Vec<String>,
}

impl Order {
    /// `url` is one that the JavaScript layer has checked; the error is for people.
    pub(crate) fn new(
        rules: &Arc<FetchRules>,
        origin: &str,
        url: &str,
        protocols: Vec<String>,
    ) -> Result<Order, String> {
        let url = Url::parse(url).map_err(|error| format!("`{url}` is no URL: {error}"))?;
        let mut http_url = url.clone();
        let scheme = match url.scheme() {
            "ws" => "http",
            "wss" => "https",
            other => return Err(format!("the scheme `{other}:` is not supported; use wss:")),
        };
        if http_url.set_scheme(scheme).is_err() {
            return Err(format!("`{url}` cannot be asked by {scheme}"));
        }
        Ok(Order { rules: rules.clone(), url, http_url, origin: origin.to_owned(), protocols })
    }

    /// Why nobody is asked at all: the same rules as for a fetch.
    pub(crate) fn refusal(&self) -> Result<(), String> {
        // R146: workers are secure contexts, so plain ws is mixed content unless it stays on this machine.
        if self.rules.online.load(Ordering::Acquire) && !is_potentially_trustworthy(&self.url) {
            return Err("plain ws: is refused in a service worker; use wss:".to_owned());
        }
        self.rules.refusal(&self.origin, &self.http_url)
    }

    /// What the transport is asked for.
    pub(crate) fn request(&self) -> SocketRequest {
        SocketRequest {
            url: self.http_url.clone(),
            reach: self.rules.private_network.reach(&self.origin, &self.http_url),
        }
    }

    fn is_same_site(&self) -> bool {
        Url::parse(&self.origin).is_ok_and(|origin| is_same_site(&origin, &self.http_url))
    }

    /// The request of the handshake. Credentials always go with it.
    pub(super) fn handshake(&self) -> Result<Request, String> {
        let mut url = self.url.clone();
        // A user name would become part of the Host header. Setting it fails only where there is none.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let mut request = url
            .as_str()
            .into_client_request()
            .map_err(|error| format!("`{url}` cannot be asked for: {error}"))?;
        let mut headers = vec![
            ("origin", self.origin.clone()),
            ("pragma", "no-cache".to_owned()),
            ("cache-control", "no-cache".to_owned()),
            ("accept-language", self.rules.language.clone()),
            ("user-agent", self.rules.user_agent.clone()),
            ("sec-fetch-dest", "empty".to_owned()),
            ("sec-fetch-mode", "websocket".to_owned()),
            ("sec-fetch-site", site_relation(&self.origin, &self.http_url).to_owned()),
        ];
        headers.extend(
            self.rules.cookies.header(&self.http_url, self.is_same_site()).map(|cookies| ("cookie", cookies)),
        );
        if !self.protocols.is_empty() {
            headers.push(("sec-websocket-protocol", self.protocols.join(",")));
        }
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value.as_bytes())
                .map_err(|_| format!("the value of header `{name}` is not allowed"))?;
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        Ok(request)
    }

    /// Takes what the answer sets, whatever it is.
    pub(super) fn take_cookies(&self, headers: &HeaderMap) {
        let values = headers.get_all("set-cookie").into_iter();
        let values = values.filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
        self.rules.cookies.receive(&self.http_url, self.is_same_site(), values);
    }

    /// What the library leaves unchecked. Gives the subprotocol that the server chose; empty for none.
    pub(super) fn check(&self, response: &Response) -> Result<String, String> {
        let header = |name: &str| {
            response.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        if let Some(extensions) = header("sec-websocket-extensions").filter(|text| !text.trim().is_empty()) {
            return Err(format!("the server uses the extensions `{extensions}`, which nobody asked for"));
        }
        Ok(header("sec-websocket-protocol").unwrap_or_default())
    }
}
