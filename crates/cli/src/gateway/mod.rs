//! The gateway: serves an app on a loopback origin, runs its service worker here, and connects the pages to it.

mod app;
mod calls;
mod cookies;
mod csp;
mod fetcher;
mod host_check;
mod inject;
mod network_error;
mod outbox;
mod page_script;
mod pages;
mod protocol;
mod rate;
mod socket;
mod upstream;

pub(crate) use cookies::Cookies;
pub(crate) use fetcher::GatewayFetcher;
pub(crate) use host_check::OwnHosts;
pub(crate) use pages::Pages;
pub(crate) use upstream::{FileTree, ReverseProxy, Upstream, Upstreams};

use crate::{control, output};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::{any, get};
use host_check::{Refusal, check_initiator};
use std::sync::Arc;
use tokio::sync::watch;
use wakeworker::HostHandle;
use wakeworker::network::OfflineSwitch;
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
        _ => {}
    });
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
    next.run(request).await
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
