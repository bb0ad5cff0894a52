//! One fetch from a script's call to the last byte (Fetch standard, "main fetch" and "HTTP fetch"): mixed content,
//! CORS with preflight, redirects, response filtering. Driven by the transport's callbacks; no thread waits.

use super::{
    AbortHandle, Credentials, FetchOrder, FetchRequest, Fetcher, Flow, Mode, Redirect, ResponseHead,
    ResponseSink, SinkTarget, cors, is_potentially_trustworthy,
};
use bytes::Bytes;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use url::Url;

/// Limits and state that all fetches of a runtime share.
pub(crate) struct FetchRules {
    pub(crate) fetcher: Arc<dyn Fetcher>,
    pub(crate) redirects_max: u32,
    pub(crate) response_bytes_max: u64,
    pub(crate) user_agent: String,
    /// False while the host has switched the network off.
    pub(crate) online: AtomicBool,
}

/// The head for the JavaScript layer, which hides from the script what the opaque kinds hide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilteredHead {
    /// Status, reason and headers: the visible ones, or all for the opaque kinds, which a page may get through
    /// `respondWith`.
    pub(crate) head: ResponseHead,
    /// The URL after redirects.
    pub(crate) url: String,
    /// Whether there was a redirect.
    pub(crate) redirected: bool,
    /// `basic`, `cors`, `opaque` or `opaqueredirect`.
    pub(crate) kind: &'static str,
}

/// The reader of a fetch.
pub(crate) trait FetchReader: Send + Sync {
    fn head(&self, head: FilteredHead);
    fn chunk(&self, bytes: Bytes);
    fn end(&self);
    /// A network error, before or after the head.
    fn failed(&self, message: String);
    fn flow(&self) -> &Flow;
}

/// A running fetch; dropping it aborts.
pub(crate) struct FetchHandle(Arc<Process>);

impl Drop for FetchHandle {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts a fetch. The reader hears of everything, also of errors found at once.
pub(crate) fn start(rules: &Arc<FetchRules>, order: FetchOrder, reader: Arc<dyn FetchReader>) -> FetchHandle {
    let process = Arc::new(Process {
        rules: rules.clone(),
        reader,
        received: AtomicU64::new(0),
        state: Mutex::new(State { order, redirects: 0, tainted: false, exchange: None, over: false }),
    });
    process.main_fetch();
    FetchHandle(process)
}

struct Process {
    rules: Arc<FetchRules>,
    reader: Arc<dyn FetchReader>,
    received: AtomicU64,
    state: Mutex<State>,
}

struct State {
    order: FetchOrder,
    redirects: u32,
    /// The standard's "response tainting" is `cors` or `opaque`: some hop was cross-origin.
    tainted: bool,
    exchange: Option<AbortHandle>,
    over: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hop {
    Preflight,
    Main,
}

impl Process {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn abort(&self) {
        self.reader.flow().abort();
        let mut state = self.state();
        state.over = true;
        let exchange = state.exchange.take();
        drop(state);
        drop(exchange);
    }

    fn fail(&self, message: impl Into<String>) {
        let mut state = self.state();
        if state.over {
            return;
        }
        state.over = true;
        let url = state.order.url.clone();
        let exchange = state.exchange.take();
        drop(state);
        drop(exchange);
        self.reader.failed(format!("Failed to fetch {}: {}", without_fragment(&url), message.into()));
    }

    /// Main fetch, steps "mixed content", "response tainting" and the choice of a preflight.
    fn main_fetch(self: &Arc<Process>) {
        let mut state = self.state();
        let order = &state.order;
        if !self.rules.online.load(Ordering::Acquire) {
            drop(state);
            return self.fail("there is no network");
        }
        if !matches!(order.url.scheme(), "http" | "https") {
            let message = format!("the scheme `{}:` is not supported", order.url.scheme());
            drop(state);
            return self.fail(message);
        }
        // R146: workers are secure contexts, so plain http is mixed content unless it stays on this machine.
        if !is_potentially_trustworthy(&order.url) {
            drop(state);
            return self.fail("plain http is refused in a service worker; use https");
        }
        let cross = order.url.origin().ascii_serialization() != order.origin;
        if cross && order.mode == Mode::SameOrigin {
            drop(state);
            return self.fail("the URL is of another origin and the request's mode is `same-origin`");
        }
        let simple =
            cors::is_safelisted_method(&order.method) && cors::unsafe_header_names(&order.headers).is_empty();
        let preflight = cross && order.mode == Mode::Cors && !simple;
        state.tainted |= cross;
        drop(state);
        self.exchange(if preflight { Hop::Preflight } else { Hop::Main });
    }

    fn exchange(self: &Arc<Process>, hop: Hop) {
        let state = self.state();
        if state.over {
            return;
        }
        let request = match hop {
            Hop::Main => self.main_request(&state),
            Hop::Preflight => preflight_request(&state.order),
        };
        drop(state);
        let target = Arc::new(HopTarget {
            process: Arc::downgrade(self),
            hop,
            idle: Flow::new(usize::MAX),
            reader: self.reader.clone(),
            finished: AtomicBool::new(false),
        });
        let handle = self.rules.fetcher.fetch(request, ResponseSink::new(target.clone()));
        let mut state = self.state();
        // The transport may have answered already, and the answer may have started the next hop.
        let stale = state.over || target.finished.load(Ordering::Acquire);
        let drop_later = if stale { Some(handle) } else { state.exchange.replace(handle) };
        drop(state);
        drop(drop_later);
    }

    fn main_request(&self, state: &State) -> FetchRequest {
        let order = &state.order;
        let mut headers = order.headers.clone();
        let has = |headers: &[(String, String)], name: &str| {
            headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
        };
        if !has(&headers, "accept") {
            headers.push(("accept".into(), "*/*".into()));
        }
        if !has(&headers, "user-agent") {
            headers.push(("user-agent".into(), self.rules.user_agent.clone()));
        }
        if (order.mode == Mode::Cors && state.tainted) || !matches!(order.method.as_str(), "GET" | "HEAD") {
            headers.push(("origin".into(), order.origin.clone()));
        }
        if let Some(referrer) = referrer_header(order) {
            headers.push(("referer".into(), referrer));
        }
        FetchRequest {
            method: order.method.clone(),
            url: order.url.clone(),
            headers,
            body: order.body.clone(),
            destination: order.destination,
        }
    }

    fn preflight_answered(self: &Arc<Process>, head: &ResponseHead) {
        let mut state = self.state();
        let order = &state.order;
        let names = cors::unsafe_header_names(&order.headers);
        let verdict = cors::check_preflight(head, &order.origin, order.credentials, &order.method, &names);
        let exchange = state.exchange.take();
        drop(state);
        drop(exchange);
        match verdict {
            Ok(()) => self.exchange(Hop::Main),
            Err(message) => self.fail(message),
        }
    }

    fn main_answered(self: &Arc<Process>, head: ResponseHead) {
        let state = self.state();
        if state.over {
            return;
        }
        let order = &state.order;
        let location =
            matches!(head.status, 301 | 302 | 303 | 307 | 308).then(|| head.get("location")).flatten();
        if let Some(location) = location {
            match order.redirect {
                Redirect::Error => {
                    drop(state);
                    return self.fail("the server redirects, and the request's redirect mode is `error`");
                }
                Redirect::Manual => {}
                Redirect::Follow => {
                    drop(state);
                    return self.redirect(&head, &location);
                }
            }
        }
        if state.tainted
            && order.mode == Mode::Cors
            && let Err(message) = cors::check(&head, &order.origin, order.credentials)
        {
            drop(state);
            return self.fail(message);
        }
        let filtered = filter(&state, head);
        drop(state);
        self.reader.head(filtered);
    }

    /// HTTP-redirect fetch.
    fn redirect(self: &Arc<Process>, head: &ResponseHead, location: &str) {
        let mut state = self.state();
        if state.tainted
            && state.order.mode == Mode::Cors
            && let Err(message) = cors::check(head, &state.order.origin, state.order.credentials)
        {
            drop(state);
            return self.fail(message);
        }
        let mut url = match state.order.url.join(location) {
            Ok(url) => url,
            Err(error) => {
                drop(state);
                return self.fail(format!("the server redirects to `{location}`, which is no URL: {error}"));
            }
        };
        if url.fragment().is_none() {
            url.set_fragment(state.order.url.fragment());
        }
        state.redirects += 1;
        if state.redirects > self.rules.redirects_max {
            let message = format!("more than {} redirects", self.rules.redirects_max);
            drop(state);
            return self.fail(message);
        }
        let crosses = url.origin() != state.order.url.origin();
        if state.order.mode == Mode::Cors
            && crosses
            && (!url.username().is_empty() || url.password().is_some())
        {
            drop(state);
            return self.fail("the server redirects to a URL with credentials on another origin");
        }
        let order = &mut state.order;
        let becomes_get = (matches!(head.status, 301 | 302) && order.method == "POST")
            || (head.status == 303 && !matches!(order.method.as_str(), "GET" | "HEAD"));
        if becomes_get {
            order.method = "GET".to_owned();
            order.body = Bytes::new();
            order.headers.retain(|(name, _)| {
                ![
                    "content-encoding",
                    "content-language",
                    "content-location",
                    "content-type",
                    "content-length",
                ]
                .iter()
                .any(|gone| name.eq_ignore_ascii_case(gone))
            });
        }
        if crosses {
            order.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
        }
        order.url = url;
        let exchange = state.exchange.take();
        drop(state);
        drop(exchange);
        self.main_fetch();
    }
}

fn filter(state: &State, head: ResponseHead) -> FilteredHead {
    let order = &state.order;
    let redirect = matches!(head.status, 301 | 302 | 303 | 307 | 308) && head.get("location").is_some();
    let (kind, headers) = if redirect && order.redirect == Redirect::Manual {
        ("opaqueredirect", head.headers)
    } else if state.tainted && order.mode == Mode::NoCors {
        ("opaque", head.headers)
    } else if state.tainted && order.mode == Mode::Cors {
        ("cors", cors::visible_headers(&head, order.credentials))
    } else {
        ("basic", head.headers)
    };
    let headers = headers.into_iter().filter(|(name, _)| !cors::is_response_cookie(name)).collect();
    FilteredHead {
        head: ResponseHead { status: head.status, status_text: head.status_text, headers },
        url: without_fragment(&order.url),
        redirected: state.redirects > 0,
        kind,
    }
}

fn preflight_request(order: &FetchOrder) -> FetchRequest {
    let mut headers = vec![
        ("accept".to_owned(), "*/*".to_owned()),
        ("origin".to_owned(), order.origin.clone()),
        ("access-control-request-method".to_owned(), order.method.clone()),
    ];
    let names = cors::unsafe_header_names(&order.headers);
    if !names.is_empty() {
        headers.push(("access-control-request-headers".to_owned(), names.join(",")));
    }
    FetchRequest {
        method: "OPTIONS".to_owned(),
        url: order.url.clone(),
        headers,
        body: Bytes::new(),
        destination: order.destination,
    }
}

/// The default referrer policy, `strict-origin-when-cross-origin`.
fn referrer_header(order: &FetchOrder) -> Option<String> {
    let mut referrer =
        Url::parse(&order.referrer).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    referrer.set_fragment(None);
    let _ = referrer.set_username("");
    let _ = referrer.set_password(None);
    if referrer.origin() == order.url.origin() {
        return Some(referrer.into());
    }
    let downgrade = is_potentially_trustworthy(&referrer) && !is_potentially_trustworthy(&order.url);
    (!downgrade).then(|| referrer.origin().ascii_serialization() + "/")
}

fn without_fragment(url: &Url) -> String {
    let mut url = url.clone();
    url.set_fragment(None);
    url.into()
}

/// Receives one exchange of a fetch.
struct HopTarget {
    // Weak: a transport that keeps its sink for ever must not keep the fetch.
    process: Weak<Process>,
    reader: Arc<dyn FetchReader>,
    hop: Hop,
    idle: Flow,
    finished: AtomicBool,
}

impl HopTarget {
    /// The fetch, if this exchange is still the one that counts.
    fn process(&self) -> Option<Arc<Process>> {
        if self.finished.load(Ordering::Acquire) { None } else { self.process.upgrade() }
    }
}

impl SinkTarget for HopTarget {
    fn head(&self, head: ResponseHead) {
        let Some(process) = self.process() else { return };
        let redirects = matches!(head.status, 301 | 302 | 303 | 307 | 308)
            && head.get("location").is_some()
            && process.state().order.redirect == Redirect::Follow;
        if self.hop == Hop::Preflight {
            self.finished.store(true, Ordering::Release);
            process.preflight_answered(&head);
        } else {
            if redirects {
                self.finished.store(true, Ordering::Release);
            }
            process.main_answered(head);
        }
    }

    fn chunk(&self, bytes: Bytes) {
        let Some(process) = self.process() else { return };
        let received = process.received.fetch_add(bytes.len() as u64, Ordering::AcqRel) + bytes.len() as u64;
        if received > process.rules.response_bytes_max {
            let limit = process.rules.response_bytes_max;
            return process.fail(format!("the response is larger than the limit of {limit} bytes"));
        }
        if !process.state().over {
            self.reader.chunk(bytes);
        }
    }

    fn end(&self) {
        let Some(process) = self.process() else { return };
        self.finished.store(true, Ordering::Release);
        let mut state = process.state();
        if !state.over {
            state.over = true;
            drop(state);
            self.reader.end();
        }
    }

    fn error(&self, message: String) {
        let Some(process) = self.process() else { return };
        self.finished.store(true, Ordering::Release);
        process.fail(message);
    }

    fn flow(&self) -> &Flow {
        // The body of a preflight or redirect is nobody's: it never holds the transport back.
        if self.hop == Hop::Preflight { &self.idle } else { self.reader.flow() }
    }
}

/// Reads the words of the Fetch standard as a script's request gives them.
impl FetchOrder {
    /// `mode` by name; unknown names are refused.
    pub(crate) fn mode(name: &str) -> Result<Mode, String> {
        match name {
            "cors" | "" => Ok(Mode::Cors),
            "no-cors" => Ok(Mode::NoCors),
            "same-origin" => Ok(Mode::SameOrigin),
            "navigate" => Ok(Mode::Navigate),
            other => Err(format!("the request mode `{other}` is not known")),
        }
    }

    /// `credentials` by name.
    pub(crate) fn credentials(name: &str) -> Result<Credentials, String> {
        match name {
            "omit" => Ok(Credentials::Omit),
            "same-origin" | "" => Ok(Credentials::SameOrigin),
            "include" => Ok(Credentials::Include),
            other => Err(format!("the credentials mode `{other}` is not known")),
        }
    }

    /// `redirect` by name.
    pub(crate) fn redirect(name: &str) -> Result<Redirect, String> {
        match name {
            "follow" | "" => Ok(Redirect::Follow),
            "error" => Ok(Redirect::Error),
            "manual" => Ok(Redirect::Manual),
            other => Err(format!("the redirect mode `{other}` is not known")),
        }
    }
}
