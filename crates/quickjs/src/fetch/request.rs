//! The requests of a fetch as they go to the transport (Fetch standard, "HTTP-network-or-cache fetch" and "CORS-preflight
//! fetch").

use super::process::{FetchRules, State};
use super::{Credentials, FetchRequest, Mode, Question, cors, site};
use crate::body::RequestBody;
use url::Url;

impl State {
    /// Whether the body is a stream without a source.
    pub(super) fn streams_body(&self) -> bool {
        self.body_is_stream || matches!(self.order.body, RequestBody::Stream(_))
    }

    /// What a preflight for this request is about.
    pub(super) fn question(&self) -> Question<'_> {
        let credentials = self.order.credentials == Credentials::Include;
        Question { origin: self.origin(), url: &self.order.url, credentials }
    }

    /// Whether cookies go with the request and are taken from its response.
    pub(super) fn has_credentials(&self) -> bool {
        match self.order.credentials {
            Credentials::Omit => false,
            Credentials::SameOrigin => !self.tainted,
            Credentials::Include => true,
        }
    }

    /// Whether the site that asks is the one that is asked.
    pub(super) fn is_same_site(&self) -> bool {
        Url::parse(&self.order.origin).is_ok_and(|origin| site::is_same_site(&origin, &self.order.url))
    }

    /// The request itself. Takes the body if it is a stream.
    pub(super) fn main_request(&mut self, rules: &FetchRules) -> FetchRequest {
        let body = match &mut self.order.body {
            RequestBody::Bytes(bytes) => RequestBody::Bytes(bytes.clone()),
            stream @ RequestBody::Stream(_) => {
                self.body_is_stream = true;
                std::mem::take(stream)
            }
        };
        let order = &self.order;
        let mut headers = Headers(order.headers.clone());
        headers.remove("cookie");
        headers.default("accept", "*/*");
        headers.default("accept-language", &rules.language);
        headers.default("user-agent", &rules.user_agent);
        let simple = matches!(order.method.as_str(), "GET" | "HEAD");
        if order.mode == Mode::Cors && self.tainted {
            headers.put("origin", self.origin());
        } else if !simple {
            headers.put("origin", &order.referrer_policy.origin(self.origin(), &order.url));
        }
        if let Some(referrer) = order.referrer_policy.referrer(&order.referrer, &order.url) {
            headers.put("referer", &referrer);
        }
        for (name, value) in order.cache_headers {
            headers.default(name, value);
        }
        self.put_metadata(&mut headers);
        if self.has_credentials()
            && let Some(cookies) = rules.cookies.header(&order.url, self.is_same_site())
        {
            headers.put("cookie", &cookies);
        }
        FetchRequest {
            method: order.method.clone(),
            url: order.url.clone(),
            headers: headers.0,
            body,
            destination: order.destination,
            credentials: self.has_credentials(),
            reach: rules.private_network.reach(&order.origin, &order.url),
        }
    }

    /// The preflight that asks whether the request may be sent.
    pub(super) fn preflight_request(&self, rules: &FetchRules) -> FetchRequest {
        let order = &self.order;
        let mut headers = Headers(Vec::new());
        headers.put("accept", "*/*");
        headers.put("accept-language", &rules.language);
        headers.put("user-agent", &rules.user_agent);
        headers.put("origin", self.origin());
        headers.put("access-control-request-method", &order.method);
        let names = cors::unsafe_header_names(&order.headers);
        if !names.is_empty() {
            headers.put("access-control-request-headers", &names.join(","));
        }
        if let Some(referrer) = order.referrer_policy.referrer(&order.referrer, &order.url) {
            headers.put("referer", &referrer);
        }
        self.put_metadata(&mut headers);
        FetchRequest {
            method: "OPTIONS".to_owned(),
            url: order.url.clone(),
            headers: headers.0,
            body: RequestBody::default(),
            destination: order.destination,
            credentials: false,
            reach: rules.private_network.reach(&order.origin, &order.url),
        }
    }

    /// Fetch Metadata, section 2.
    fn put_metadata(&self, headers: &mut Headers) {
        let order = &self.order;
        let destination = if order.destination.is_empty() { "empty" } else { order.destination };
        headers.put("sec-fetch-dest", destination);
        headers.put("sec-fetch-mode", order.mode.name());
        let relation = site::relation(&order.origin, &order.url);
        // A redirect through another site stays one.
        let relation = if self.tainted && relation == "same-origin" { "same-site" } else { relation };
        headers.put("sec-fetch-site", relation);
    }
}

struct Headers(Vec<(String, String)>);

impl Headers {
    fn default(&mut self, name: &str, value: &str) {
        if !self.0.iter().any(|(found, _)| found.eq_ignore_ascii_case(name)) {
            self.put(name, value);
        }
    }

    fn put(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    fn remove(&mut self, name: &str) {
        self.0.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
    }
}
