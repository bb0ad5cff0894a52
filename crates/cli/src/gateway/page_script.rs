//! The page script: how it is served, and the tag that brings it into a page.

use super::csp::{self, Needs};
use super::inject::Injector;
use super::protocol::ControllerInfo;
use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
    LAST_MODIFIED,
};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use futures_util::{StreamExt, stream};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

const SCRIPT: &str = include_str!(concat!(env!("OUT_DIR"), "/page.js"));

/// Names the script's content in its address, so that browsers may keep it for ever.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    SCRIPT.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
});

/// What a page is told about itself.
#[derive(Debug)]
pub(crate) struct PageFacts<'a> {
    /// The identity that was reserved for it.
    pub(crate) client: &'a str,
    /// Its controller.
    pub(crate) controller: Option<&'a ControllerInfo>,
    /// Names of the extensions that are on.
    pub(crate) extensions: &'a str,
    /// Whether it has the databases of its workers.
    pub(crate) shared_storage: bool,
}

/// The script.
pub(crate) async fn serve() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, SCRIPT)
}

/// Puts the script into a response to a navigation, if that is an HTML document.
pub(crate) fn inject(response: Response<Body>, origin: &str, facts: &PageFacts<'_>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    if parts.status == StatusCode::PARTIAL_CONTENT || !is_html(&parts.headers) {
        return Response::from_parts(parts, body);
    }
    let path = format!("/.wakeworker/page.js?v={}", *VERSION);
    let script = format!("{origin}{path}");
    let socket = format!("{}/.wakeworker/socket", origin.replacen("http", "ws", 1));
    let fresh_nonce = uuid::Uuid::new_v4().simple().to_string();
    let nonce = csp::adapt(&mut parts.headers, &Needs { script: &script, socket: &socket }, &fresh_nonce);
    // The tag differs from load to load: no copy of this document may be used again without asking.
    parts.headers.remove(ETAG);
    parts.headers.remove(LAST_MODIFIED);
    parts.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    parts.headers.remove(CONTENT_LENGTH);
    let injector = Injector::new(tag(&path, nonce.as_deref(), facts));
    Response::from_parts(parts, stream_through(body, injector))
}

fn tag(path: &str, nonce: Option<&str>, facts: &PageFacts<'_>) -> String {
    let controller =
        facts.controller.and_then(|c| serde_json::to_string(c).ok()).unwrap_or_else(|| "null".into());
    let storage = if facts.shared_storage { " data-storage=\"shared\"" } else { "" };
    let nonce = nonce.map(|nonce| format!(" nonce=\"{}\"", attribute(nonce))).unwrap_or_default();
    format!(
        "<script src=\"{path}\" data-client=\"{}\" data-controller=\"{}\" data-extensions=\"{}\"{storage}{nonce}></script>",
        attribute(facts.client),
        attribute(&controller),
        attribute(facts.extensions)
    )
}

/// Text for a quoted attribute. Only ASCII comes out, so that it means the same in every encoding.
fn attribute(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '"' | '<' | '>' => escaped.push_str(&format!("&#{};", u32::from(c))),
            c if c.is_ascii() => escaped.push(c),
            c => escaped.push_str(&format!("&#{};", u32::from(c))),
        }
    }
    escaped
}

/// Encoded documents cannot be changed; the upstreams decode what they can.
fn is_html(headers: &HeaderMap) -> bool {
    let essence = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|essence| essence.trim().eq_ignore_ascii_case("text/html"));
    essence == Some(true) && !headers.contains_key(CONTENT_ENCODING)
}

fn stream_through(body: Body, injector: Injector) -> Body {
    let state = Some((body.into_data_stream(), injector));
    Body::from_stream(stream::unfold(state, |state| async {
        let (mut chunks, mut injector) = state?;
        loop {
            match chunks.next().await {
                Some(Ok(bytes)) => {
                    let ready = injector.push(bytes);
                    // Nothing is sent while the place for the tag is being looked for.
                    if !ready.is_empty() {
                        return Some((Ok(ready), Some((chunks, injector))));
                    }
                }
                Some(Err(error)) => return Some((Err(error), None)),
                None => return Some((Ok(injector.finish()), None)),
            }
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::CONTENT_SECURITY_POLICY;
    use http_body_util::BodyExt;

    async fn run(headers: &[(axum::http::HeaderName, &str)], body: &str) -> (HeaderMap, String) {
        let mut response = Response::builder();
        for (name, value) in headers {
            response = response.header(name, *value);
        }
        let response = response.body(Body::from(body.to_owned())).unwrap();
        let facts =
            PageFacts { client: "c-1", controller: None, extensions: "sync-done", shared_storage: false };
        let (parts, body) = inject(response, "http://localhost:1", &facts).into_parts();
        (parts.headers, String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn html_gets_the_script_and_loses_what_no_longer_holds() {
        let (headers, body) = run(
            &[
                (CONTENT_TYPE, "Text/HTML; charset=latin1"),
                (CONTENT_LENGTH, "13"),
                (ETAG, "\"x\""),
                (CONTENT_SECURITY_POLICY, "script-src 'nonce-a'"),
            ],
            "<head><title>",
        )
        .await;
        let expected = format!(
            "<head><script src=\"/.wakeworker/page.js?v={}\" data-client=\"c-1\" data-controller=\"null\" data-extensions=\"sync-done\" nonce=\"a\"></script><title>",
            *VERSION
        );
        assert_eq!(body, expected);
        assert!(!headers.contains_key(CONTENT_LENGTH) && !headers.contains_key(ETAG));
        assert_eq!(headers[CACHE_CONTROL], "no-cache");
    }

    #[tokio::test]
    async fn anything_else_passes_unchanged() {
        for headers in [
            &[(CONTENT_TYPE, "application/json")][..],
            &[],
            &[(CONTENT_TYPE, "text/html"), (CONTENT_ENCODING, "zstd")],
        ] {
            let (_, body) = run(headers, "<head>").await;
            assert_eq!(body, "<head>");
        }
    }

    #[test]
    fn attributes_are_safe_in_every_encoding() {
        assert_eq!(attribute("a\"<é>&"), "a&#34;&#60;&#233;&#62;&#38;");
    }
}
