//! One fetch from a script's call to the last byte (Fetch standard, "main fetch" and "HTTP fetch"). Driven by the
//! transport's callbacks; no thread waits.

use super::{
    AbortHandle, AddressSpace, FetchOrder, Fetcher, Mode, PreflightCache, PrivateNetwork, Redirect,
    ResponseHead, ResponseSink, SinkTarget, cors, is_potentially_trustworthy, local,
};
use crate::body::{BodyReceiver, BodySender};
use crate::clock::Time;
use crate::cookies::CookieJar;
use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use url::Url;

/// Limits and state that all fetches of a runtime share.
pub(crate) struct FetchRules {
    pub(crate) fetcher: Arc<dyn Fetcher>,
    pub(crate) cookies: CookieJar,
    pub(crate) preflights: PreflightCache,
    pub(crate) private_network: PrivateNetwork,
    pub(crate) time: Time,
    pub(crate) redirects_max: u32,
    pub(crate) response_bytes_max: u64,
    pub(crate) integrity_bytes_max: usize,
    /// Bytes that may wait for a reader before the transport is held back.
    pub(crate) window_bytes: usize,
    pub(crate) user_agent: String,
    pub(crate) language: String,
    /// False while the host has switched the network off.
    pub(crate) online: AtomicBool,
}

impl FetchRules {
    /// Why a URL is not asked at all for a site.
    pub(crate) fn refusal(&self, origin: &str, url: &Url) -> Result<(), String> {
        if !self.online.load(Ordering::Acquire) {
            return Err("there is no network".to_owned());
        }
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("the scheme `{}:` is not supported", url.scheme()));
        }
        // R146: workers are secure contexts, so plain http is mixed content unless it stays on this machine.
        if !is_potentially_trustworthy(url) {
            return Err("plain http is refused in a service worker; use https".to_owned());
        }
        if local::is_bad_port(url) {
            let port = url.port().unwrap_or_default();
            return Err(format!(
                "port {port} is blocked, because another protocol than HTTP is spoken there"
            ));
        }
        let reach = self.private_network.reach(origin, url);
        match AddressSpace::of_url(url).filter(|space| *space < reach) {
            Some(space) => Err(refused_space(origin, space)),
            None => Ok(()),
        }
    }
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

impl FilteredHead {
    /// As the JavaScript layer reads it.
    pub(crate) fn json(&self) -> String {
        serde_json::json!({
            "status": self.head.status,
            "statusText": self.head.status_text,
            "url": self.url,
            "redirected": self.redirected,
            "headers": self.head.headers,
            "type": self.kind,
        })
        .to_string()
    }
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
pub(super) struct Reading(pub(super) Arc<Process>);

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
    let state = State {
        order,
        redirects: 0,
        tainted: false,
        origin_is_null: false,
        body_is_stream: false,
        exchange: None,
        slot,
        stage: Stage::Asking,
    };
    let process = Arc::new(Process { rules: rules.clone(), reader, state: Mutex::new(state) });
    process.main_fetch();
    FetchHandle(process)
}

pub(super) struct Process {
    pub(super) rules: Arc<FetchRules>,
    pub(super) reader: Arc<dyn FetchReader>,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) order: FetchOrder,
    pub(super) redirects: u32,
    /// The standard's "response tainting" is `cors` or `opaque`: some hop was cross-origin.
    pub(super) tainted: bool,
    /// The standard's "redirect-tainted origin": servers and checks see the origin as `null`.
    pub(super) origin_is_null: bool,
    /// The body had no source from which it could be sent again.
    pub(super) body_is_stream: bool,
    pub(super) exchange: Option<AbortHandle>,
    slot: Option<Slot>,
    pub(super) stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
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

impl State {
    /// The origin as servers see it.
    pub(super) fn origin(&self) -> &str {
        if self.origin_is_null { "null" } else { &self.order.origin }
    }
}

impl Process {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn abort(&self, answered_too: bool) {
        let mut state = self.state();
        if state.stage == Stage::Answered && !answered_too {
            return;
        }
        end(state_over(&mut state), state);
    }

    pub(super) fn fail(&self, message: impl Into<String>) {
        let mut state = self.state();
        if state.stage != Stage::Asking {
            return;
        }
        let url = without_fragment(&state.order.url);
        end(state_over(&mut state), state);
        self.reader.failed(format!("Failed to fetch {url}: {}", message.into()));
    }

    /// Nothing of the exchange is left.
    pub(super) fn over(&self) {
        let mut state = self.state();
        end(state_over(&mut state), state);
    }

    /// Main fetch: what is refused without asking anybody, what needs no server, and whether a preflight comes first.
    pub(super) fn main_fetch(self: &Arc<Process>) {
        let mut state = self.state();
        if let Some(answer) = local::response(&state.order.url) {
            drop(state);
            return self.answer_locally(answer);
        }
        if let Err(message) = self.refusal(&state) {
            drop(state);
            return self.fail(message);
        }
        let order = &state.order;
        let cross = order.url.origin().ascii_serialization() != order.origin;
        state.tainted |= cross;
        let preflight = state.order.mode == Mode::Cors && state.tainted && self.needs_preflight(&state);
        drop(state);
        self.exchange(if preflight { Hop::Preflight } else { Hop::Main });
    }

    fn refusal(&self, state: &State) -> Result<(), String> {
        let order = &state.order;
        self.rules.refusal(&order.origin, &order.url)?;
        let cross = order.url.origin().ascii_serialization() != order.origin;
        match order.mode {
            Mode::SameOrigin if cross => {
                Err("the URL is of another origin and the request's mode is `same-origin`".to_owned())
            }
            Mode::NoCors if cross && order.redirect != Redirect::Follow => {
                Err("a request with mode `no-cors` must follow redirects".to_owned())
            }
            Mode::NoCors if cross && order.integrity.is_some() => {
                Err("the integrity of a response that may not be read cannot be checked; use mode `cors`"
                    .to_owned())
            }
            _ if order.only_if_cached => {
                Err("the cache mode is `only-if-cached`, and there is no HTTP cache".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn needs_preflight(&self, state: &State) -> bool {
        let order = &state.order;
        let names = cors::unsafe_header_names(&order.headers);
        let is_simple = cors::is_safelisted_method(&order.method) && names.is_empty();
        if !state.streams_body() && (is_simple || !order.unsafe_request) {
            return false;
        }
        let now = self.rules.time.now();
        state.streams_body() || !self.rules.preflights.allows(state.question(), &order.method, &names, now)
    }

    fn exchange(self: &Arc<Process>, hop: Hop) {
        let mut state = self.state();
        if state.stage != Stage::Asking {
            return;
        }
        let request = match hop {
            Hop::Main => state.main_request(&self.rules),
            Hop::Preflight => state.preflight_request(&self.rules),
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

    fn preflight_answered(self: &Arc<Process>, head: &ResponseHead) {
        let mut state = self.state();
        let order = &state.order;
        let names = cors::unsafe_header_names(&order.headers);
        let verdict = cors::check_preflight(head, state.origin(), order.credentials, &order.method, &names);
        if verdict.is_ok() {
            self.rules.preflights.remember(state.question(), head, self.rules.time.now());
        }
        let exchange = state.exchange.take();
        drop(state);
        drop(exchange);
        match verdict {
            Ok(()) => self.exchange(Hop::Main),
            Err(message) => self.fail(message),
        }
    }
}

/// Why a request does not leave for an address.
pub(super) fn refused_space(origin: &str, space: AddressSpace) -> String {
    format!(
        "{origin} may not reach {}; the host program can allow it (`RuntimeConfig::private_network`)",
        space.text()
    )
}

type Ended = (Option<AbortHandle>, Option<Slot>);

fn state_over(state: &mut State) -> Ended {
    state.stage = Stage::Over;
    (state.exchange.take(), state.slot.take())
}

/// What ends may call back, so the lock goes first.
fn end(ended: Ended, state: MutexGuard<'_, State>) {
    drop(state);
    drop(ended);
}

pub(super) fn without_fragment(url: &Url) -> String {
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
        process.take_cookies(&head);
        if head.is_redirect() && process.state().order.redirect == Redirect::Follow {
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
