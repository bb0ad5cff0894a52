//! One fetch from a script's call to the last byte (Fetch standard, "main fetch" and "HTTP fetch"): mixed content,
//! CORS with preflight, redirects, response filtering. Driven by the transport's callbacks; no thread waits.

use super::{
    AbortHandle, FetchOrder, FetchRequest, Fetcher, Mode, Redirect, ResponseHead, ResponseSink, SinkTarget,
    cors, is_potentially_trustworthy,
};
use crate::body::{BodyReceiver, BodySender, RequestBody, body_channel};
use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use url::Url;

/// Limits and state that all fetches of a runtime share.
pub(crate) struct FetchRules {
    pub(crate) fetcher: Arc<dyn Fetcher>,
    pub(crate) redirects_max: u32,
    pub(crate) response_bytes_max: u64,
    /// Bytes that may wait for a reader before the transport is held back.
    pub(crate) window_bytes: usize,
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

/// The reader of a fetch hears one of the two, once.
pub(crate) trait FetchReader: Send + Sync {
    /// There is a response; dropping `body` aborts the rest.
    fn head(&self, head: FilteredHead, body: BodyReceiver);
    /// A network error.
    fn failed(&self, message: String);
}

/// Something that is dropped when the exchange with the server is over, whoever ended it.
pub(crate) type Slot = Box<dyn Any + Send>;

/// A fetch that has no answer yet; dropping it aborts.
pub(crate) struct FetchHandle(Arc<Process>);

impl FetchHandle {
    /// A way to abort the fetch, also after its answer, that does not keep it alive.
    pub(crate) fn aborter(&self) -> FetchAbort {
        FetchAbort(Arc::downgrade(&self.0))
    }
}

impl Drop for FetchHandle {
    fn drop(&mut self) {
        self.0.abort(false);
    }
}

/// Aborts a fetch if it is still going on.
pub(crate) struct FetchAbort(Weak<Process>);

impl FetchAbort {
    pub(crate) fn abort(&self) {
        if let Some(process) = self.0.upgrade() {
            process.abort(true);
        }
    }
}

/// Kept by the reader of the body: when it goes, nobody wants the rest.
struct Reading(Arc<Process>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.abort(true);
    }
}

/// Starts a fetch. The reader hears of everything, also of errors found at once.
pub(crate) fn start(
    rules: &Arc<FetchRules>,
    order: FetchOrder,
    reader: Arc<dyn FetchReader>,
    slot: Option<Slot>,
) -> FetchHandle {
    let process = Arc::new(Process {
        rules: rules.clone(),
        reader,
        state: Mutex::new(State {
            order,
            redirects: 0,
            tainted: false,
            body_is_stream: false,
            exchange: None,
            slot,
            stage: Stage::Asking,
        }),
    });
    process.main_fetch();
    FetchHandle(process)
}

struct Process {
    rules: Arc<FetchRules>,
    reader: Arc<dyn FetchReader>,
    state: Mutex<State>,
}

struct State {
    order: FetchOrder,
    redirects: u32,
    /// The standard's "response tainting" is `cors` or `opaque`: some hop was cross-origin.
    tainted: bool,
    /// The body had no source from which it could be sent again.
    body_is_stream: bool,
    exchange: Option<AbortHandle>,
    slot: Option<Slot>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// There is no answer yet.
    Asking,
    /// The reader has the head; the body is on its way.
    Answered,
    Over,
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

    fn abort(&self, answered_too: bool) {
        let mut state = self.state();
        if state.stage == Stage::Answered && !answered_too {
            return;
        }
        state.stage = Stage::Over;
        let ended = (state.exchange.take(), state.slot.take());
        drop(state);
        drop(ended);
    }

    fn fail(&self, message: impl Into<String>) {
        let mut state = self.state();
        if state.stage != Stage::Asking {
            return;
        }
        state.stage = Stage::Over;
        let url = state.order.url.clone();
        let ended = (state.exchange.take(), state.slot.take());
        drop(state);
        drop(ended);
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
        let mut state = self.state();
        if state.stage != Stage::Asking {
            return;
        }
        let request = match hop {
            Hop::Main => self.main_request(&mut state),
            Hop::Preflight => preflight_request(&state.order),
        };
        drop(state);
        let target =
            Arc::new(HopTarget { process: Arc::downgrade(self), hop, finished: AtomicBool::new(false) });
        let sink = ResponseSink::new(target.clone(), self.rules.response_bytes_max);
        let handle = self.rules.fetcher.fetch(request, sink);
        let mut state = self.state();
        // The transport may have answered already, and the answer may have started the next hop.
        let stale = state.stage == Stage::Over || target.finished.load(Ordering::Acquire);
        let drop_later = if stale { Some(handle) } else { state.exchange.replace(handle) };
        drop(state);
        drop(drop_later);
    }

    fn main_request(&self, state: &mut State) -> FetchRequest {
        let body = match &mut state.order.body {
            RequestBody::Bytes(bytes) => RequestBody::Bytes(bytes.clone()),
            stream @ RequestBody::Stream(_) => {
                state.body_is_stream = true;
                std::mem::take(stream)
            }
        };
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
            body,
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

    /// Hands the response to the reader and says where its body goes, unless another hop follows.
    fn main_answered(self: &Arc<Process>, head: ResponseHead) -> Option<BodySender> {
        let mut state = self.state();
        if state.stage != Stage::Asking {
            return None;
        }
        let order = &state.order;
        let location =
            matches!(head.status, 301 | 302 | 303 | 307 | 308).then(|| head.get("location")).flatten();
        if let Some(location) = location {
            match order.redirect {
                Redirect::Error => {
                    drop(state);
                    self.fail("the server redirects, and the request's redirect mode is `error`");
                    return None;
                }
                Redirect::Manual => {}
                Redirect::Follow => {
                    drop(state);
                    self.redirect(&head, &location);
                    return None;
                }
            }
        }
        if state.tainted
            && order.mode == Mode::Cors
            && let Err(message) = cors::check(&head, &order.origin, order.credentials)
        {
            drop(state);
            self.fail(message);
            return None;
        }
        let filtered = filter(&state, head);
        state.stage = Stage::Answered;
        drop(state);
        let (sender, mut body) = body_channel(self.rules.window_bytes);
        body.keep(Reading(self.clone()));
        self.reader.head(filtered, body);
        Some(sender)
    }

    fn over(&self) {
        let mut state = self.state();
        state.stage = Stage::Over;
        let ended = (state.exchange.take(), state.slot.take());
        drop(state);
        drop(ended);
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
        let sent_stream = state.body_is_stream;
        let order = &mut state.order;
        let becomes_get = (matches!(head.status, 301 | 302) && order.method == "POST")
            || (head.status == 303 && !matches!(order.method.as_str(), "GET" | "HEAD"));
        if sent_stream && head.status != 303 {
            drop(state);
            return self
                .fail("the server redirects a request whose body is a stream, which cannot be sent again");
        }
        if becomes_get {
            order.method = "GET".to_owned();
            order.body = RequestBody::default();
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
        body: RequestBody::default(),
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
    hop: Hop,
    finished: AtomicBool,
}

impl HopTarget {
    /// The fetch, if this exchange is still the one that counts.
    fn process(&self) -> Option<Arc<Process>> {
        if self.finished.load(Ordering::Acquire) { None } else { self.process.upgrade() }
    }
}

impl SinkTarget for HopTarget {
    fn head(&self, head: ResponseHead) -> Option<BodySender> {
        let process = self.process()?;
        if self.hop == Hop::Preflight {
            self.finished.store(true, Ordering::Release);
            process.preflight_answered(&head);
            return None;
        }
        let redirects = matches!(head.status, 301 | 302 | 303 | 307 | 308)
            && head.get("location").is_some()
            && process.state().order.redirect == Redirect::Follow;
        if redirects {
            self.finished.store(true, Ordering::Release);
        }
        process.main_answered(head)
    }

    fn failed(&self, message: String) {
        if let Some(process) = self.process() {
            self.finished.store(true, Ordering::Release);
            process.fail(message);
        }
    }

    fn over(&self) {
        if let Some(process) = self.process() {
            process.over();
        }
    }

    fn is_over(&self) -> bool {
        self.process().is_none_or(|process| process.state().stage == Stage::Over)
    }
}
