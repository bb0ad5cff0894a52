//! The gateway: serves an app on a loopback origin, runs its service worker here, and connects the pages to it.

mod app;
mod calls;
mod connections;
mod cookies;
mod csp;
mod databases;
mod fetcher;
mod host_check;
mod inject;
mod network_error;
mod outbox;
mod page_ports;
mod page_script;
mod pages;
mod protocol;
mod rate;
mod slow_body;
mod socket;
mod sync_calls;
mod sync_protocol;
mod upstream;

pub(crate) use connections::Connections;
pub(crate) use cookies::Cookies;
pub(crate) use fetcher::GatewayFetcher;
pub(crate) use host_check::OwnHosts;
pub(crate) use pages::Pages;
pub(crate) use rate::RateLimit;
pub(crate) use upstream::{FileTree, ReverseProxy, Upstream, Upstreams};

use crate::control::metrics::Rounds;
use crate::control::shapes::{event_type, failure_reason};
use crate::extensions::{Extension, Extensions};
use crate::{control, output};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::{any, get};
use host_check::{Refusal, check_initiator};
use protocol::GatewayMessage;
use std::sync::Arc;
use tokio::sync::watch;
use wakeworker::HostHandle;
use wakeworker::network::OfflineSwitch;
use wakeworker_core::{Activity, ActivityEvent};
use wakeworker_quickjs::{LifecycleEvent, Runtime};

/// Everything that requests are answered with.
#[derive(Debug)]
pub(crate) struct Gateway {
    /// The names of this gateway.
    pub(crate) hosts: OwnHosts,
    /// The app's own responses.
    pub(crate) upstreams: Arc<Upstreams>,
    /// Whether there is a network, by the operator's word.
    pub(crate) offline: OfflineSwitch,
    /// The browser's cookies, for the workers.
    pub(crate) cookies: Arc<Cookies>,
    /// The open pages.
    pub(crate) pages: Arc<Pages>,
    /// What runs the workers.
    pub(crate) runtime: Runtime,
    /// The engine.
    pub(crate) host: HostHandle,
    /// Whether pages have the databases of their workers.
    pub(crate) shared_storage: bool,
    /// What scripts may have beyond the specifications.
    pub(crate) extensions: Extensions,
    /// Rounds of periodic events, for the metrics.
    pub(crate) rounds: Rounds,
    /// What the control API wants to see.
    pub(crate) token: String,
    /// Becomes true when the gateway is being stopped.
    pub(crate) shutdown: watch::Receiver<bool>,
}

/// The origin that a request was sent to, put into each request by the check of its `Host`.
#[derive(Clone, Debug)]
pub(crate) struct OwnOrigin(pub(crate) String);

/// The gateway as a service.
pub(crate) fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/.wakeworker/page.js", get(page_script::serve))
        .route("/.wakeworker/socket", any(socket::serve))
        .nest("/.wakeworker/api", control::server::router(&gateway))
        .route("/.wakeworker", any(nothing))
        .route("/.wakeworker/{*rest}", any(nothing))
        .fallback(app::serve)
        .layer(middleware::from_fn_with_state(Arc::clone(&gateway), admit))
        .with_state(gateway)
}

/// Passes on what the workers' life brings to the pages.
pub(crate) fn connect_lifecycle(runtime: &Runtime, pages: &Arc<Pages>) {
    let pages = Arc::clone(pages);
    runtime.on_lifecycle(move |event| match event {
        LifecycleEvent::RegistrationChanged(registration) => pages.registration_changed(registration),
        LifecycleEvent::Unregistered(registration) => pages.unregistered(*registration),
        LifecycleEvent::Cleared(registration) => pages.cleared(*registration),
        _ => {}
    });
}

/// Passes on what the engine does to the pages that it concerns: changed permissions (R134), and, if the operator lets
/// pages know, the ends of their sync events (R248).
pub(crate) fn connect_activity(host: &HostHandle, pages: &Arc<Pages>, extensions: &Extensions) {
    let pages = Arc::clone(pages);
    let sync_done = extensions.has(Extension::SyncDone);
    let pass_on = move |activity: &Activity| {
        let Some(storage_key) = &activity.storage_key else { return };
        let ended = |reason, will_retry| {
            let (kind, tag) = activity.sync.as_ref()?;
            let registration = activity.registration?.0;
            let kind = event_type(*kind);
            Some(GatewayMessage::SyncDone { registration, kind, tag: tag.to_utf16(), reason, will_retry })
        };
        let message = match &activity.event {
            ActivityEvent::PermissionChanged { name, state } => {
                Some(GatewayMessage::Permission { name: name.as_str(), state: state.as_str() })
            }
            ActivityEvent::Completed { .. } if sync_done => ended(None, false),
            ActivityEvent::Failed { reason, next_attempt_ms, .. } if sync_done => {
                ended(Some(failure_reason(*reason)), next_attempt_ms.is_some())
            }
            _ => None,
        };
        if let Some(message) = message {
            pages.tell(storage_key, &message);
        }
    };
    host.on_activity(pass_on).forget();
}

/// Lets nobody in who is not a page of this origin or a program of this machine.
async fn admit(State(gateway): State<Arc<Gateway>>, mut request: Request, next: Next) -> Response<Body> {
    let origin = match gateway.hosts.origin_of(request.headers(), request.uri()) {
        Ok(origin) => origin,
        Err(refusal) => return refuse(&refusal),
    };
    if let Err(refusal) = check_initiator(request.method(), request.headers(), &origin) {
        return refuse(&refusal);
    }
    request.extensions_mut().insert(OwnOrigin(origin));
    next.run(request.map(slow_body::limited)).await
}

/// Tells a stranger nothing but that it is one; the operator learns more.
fn refuse(refusal: &Refusal) -> Response<Body> {
    let (status, text) = match refusal {
        Refusal::ForeignHost(host) => {
            output::warning(format!("refused a request for the host `{}`", output::printable(host)));
            (StatusCode::MISDIRECTED_REQUEST, "this host is not served here\n")
        }
        Refusal::ForeignOrigin(origin) => {
            output::warning(format!("refused a request of a page of `{}`", output::printable(origin)));
            (StatusCode::FORBIDDEN, "requests of other origins are not answered\n")
        }
    };
    (status, text).into_response()
}

async fn nothing() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, "the gateway has nothing at this address\n")
}
