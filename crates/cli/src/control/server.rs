//! The gateway's side of the control API.

use super::audit::AuditList;
use super::metrics::{self, Measured};
use super::shapes::{
    ActivityLine, ActivityList, ApiError, DispatchOrder, DispatchResult, OfflineState, RegistrationList,
    SyncRegistrationLine,
};
use super::storage::{ClearedStorage, StorageList};
use crate::clock;
use crate::gateway::{Gateway, OwnHosts, RateLimit};
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Response, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::{any, get, post};
use axum::{Json, Router};
use futures_util::stream;
use serde::Deserialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use subtle::ConstantTimeEq;
use tokio::sync::Notify;
use wakeworker::store::ActivityQuery;
use wakeworker_core::{StorageKey, SyncKind, Tag, WorkerRegistration};

/// The routes below `/.wakeworker/api`.
pub(crate) fn router(gateway: &Arc<Gateway>) -> Router<Arc<Gateway>> {
    Router::new()
        .route("/registrations", get(registrations))
        .route("/activities", get(activities))
        .route("/activities/follow", get(follow))
        .route("/audit", get(audit))
        .route("/metrics", get(metrics))
        .route("/offline", get(offline).put(set_offline))
        .route("/dispatch", post(dispatch))
        .route("/storage", get(storage).delete(clear_storage))
        // A fallback would give way to the gateway's own route for unknown addresses, which asks for no token.
        .route("/", any(nothing))
        .route("/{*rest}", any(nothing))
        .layer(middleware::from_fn_with_state(Doorkeeper::new(Arc::clone(gateway)), authorize))
}

/// A refusal with its status.
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response<Body> {
        (self.0, Json(ApiError { error: self.1 })).into_response()
    }
}

impl From<wakeworker::QueryError> for Refused {
    fn from(error: wakeworker::QueryError) -> Refused {
        Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

/// Knows the token, and how often a wrong one was tried.
#[derive(Clone)]
struct Doorkeeper {
    gateway: Arc<Gateway>,
    wrong_tokens: Arc<Mutex<RateLimit>>,
}

impl Doorkeeper {
    fn new(gateway: Arc<Gateway>) -> Doorkeeper {
        Doorkeeper { gateway, wrong_tokens: Arc::new(Mutex::new(RateLimit::of_wrong_tokens(clock::now()))) }
    }

    /// Refuses a wrong token. Whoever has the right one is never kept waiting by others who guess.
    fn refuse(&self) -> Response<Body> {
        if self.wrong_tokens.lock().unwrap_or_else(PoisonError::into_inner).allow(clock::now()) {
            let text = "the control API needs the token that is in the profile's control.json";
            let refused = Refused(StatusCode::UNAUTHORIZED, text.into());
            return ([(WWW_AUTHENTICATE, "Bearer")], refused).into_response();
        }
        let text = "too many wrong tokens; wait a second, and use the one in the profile's control.json";
        ([(RETRY_AFTER, "1")], Refused(StatusCode::TOO_MANY_REQUESTS, text.into())).into_response()
    }
}

async fn authorize(State(doorkeeper): State<Doorkeeper>, request: Request, next: Next) -> Response<Body> {
    let token =
        request.headers().get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    // In constant time, so that the answer's delay does not tell how much of a guess was right.
    if !token.is_some_and(|token| bool::from(token.ct_eq(doorkeeper.gateway.token.as_bytes()))) {
        return doorkeeper.refuse();
    }
    next.run(request).await
}

async fn registrations(State(gateway): State<Arc<Gateway>>) -> Result<Json<RegistrationList>, Refused> {
    let all = gateway.host.sync_registrations().await?;
    Ok(Json(RegistrationList { registrations: all.iter().map(SyncRegistrationLine::from).collect() }))
}

#[derive(Debug, Deserialize)]
struct Limit {
    limit: usize,
}

async fn activities(
    State(gateway): State<Arc<Gateway>>,
    Query(Limit { limit }): Query<Limit>,
) -> Result<Json<ActivityList>, Refused> {
    let found = gateway.host.activities(ActivityQuery { after: 0, limit }).await?;
    Ok(Json(ActivityList { activities: found.iter().map(ActivityLine::from).collect() }))
}

/// The latest activities and then every new one, as JSON lines, until the reader leaves or the gateway is stopped.
async fn follow(
    State(gateway): State<Arc<Gateway>>,
    Query(Limit { limit }): Query<Limit>,
) -> Result<Response<Body>, Refused> {
    let news = Arc::new(Notify::new());
    let notify = Arc::clone(&news);
    // Subscribed before the first reading, so that nothing falls between. Each reading asks for what came after the one
    // before; a slow reader costs no memory here.
    let subscription = gateway.host.on_activity(move |_| notify.notify_one());
    let first = gateway.host.activities(ActivityQuery { after: 0, limit }).await?;
    let after = first.last().map_or(0, |activity| activity.id);
    let follower = Follower {
        gateway,
        news,
        after,
        queue: first.iter().filter_map(line).collect(),
        _subscription: subscription,
    };
    let body = Body::from_stream(stream::unfold(follower, Follower::next));
    Ok(([(CONTENT_TYPE, "application/jsonl")], body).into_response())
}

struct Follower {
    gateway: Arc<Gateway>,
    news: Arc<Notify>,
    after: u64,
    queue: VecDeque<String>,
    _subscription: wakeworker::Subscription,
}

/// How many activities are read at once.
const FOLLOW_BATCH_MAX: usize = 100_000;

impl Follower {
    async fn next(mut self) -> Option<(Result<String, std::io::Error>, Follower)> {
        let mut shutdown = self.gateway.shutdown.clone();
        loop {
            if let Some(line) = self.queue.pop_front() {
                return Some((Ok(line), self));
            }
            tokio::select! {
                () = self.news.notified() => {}
                _ = shutdown.wait_for(|stopped| *stopped) => return None,
            }
            let query = ActivityQuery { after: self.after, limit: FOLLOW_BATCH_MAX };
            match self.gateway.host.activities(query).await {
                Ok(found) => {
                    self.after = found.last().map_or(self.after, |activity| activity.id);
                    self.queue.extend(found.iter().filter_map(line));
                }
                Err(error) => return Some((Err(std::io::Error::other(error)), self)),
            }
        }
    }
}

fn line(activity: &wakeworker::store::RecordedActivity) -> Option<String> {
    serde_json::to_string(&ActivityLine::from(activity)).ok().map(|text| text + "\n")
}

async fn audit(State(gateway): State<Arc<Gateway>>) -> Result<Json<AuditList>, Refused> {
    Ok(Json(AuditList::new(&gateway.host.audit().await?)))
}

async fn metrics(State(gateway): State<Arc<Gateway>>) -> Result<Response<Body>, Refused> {
    let measured = Measured {
        origins: gateway.host.audit().await?,
        registrations: gateway.host.sync_registrations().await?,
        next_wakeup: gateway.host.next_wakeup().await?,
        pages: gateway.pages.count(),
        offline: gateway.offline.is_offline_forced(),
    };
    let text = metrics::text(&measured, &gateway.rounds);
    Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}

async fn offline(State(gateway): State<Arc<Gateway>>) -> Json<OfflineState> {
    Json(OfflineState { offline: gateway.offline.is_offline_forced() })
}

async fn set_offline(
    State(gateway): State<Arc<Gateway>>,
    Json(wanted): Json<OfflineState>,
) -> Result<Json<OfflineState>, Refused> {
    // The engine must never believe in a network that the runtime does not have: it would dispatch an event that the
    // runtime hands back, and nothing would make it try again (R54).
    if !wanted.offline {
        gateway.runtime.set_online(true);
    }
    gateway.offline.force_offline(wanted.offline);
    if wanted.offline {
        gateway.runtime.set_online(false);
    }
    // The engine takes its inputs in order: once it has answered a question, it has heard of the change.
    gateway.host.next_wakeup().await?;
    Ok(Json(OfflineState { offline: gateway.offline.is_offline_forced() }))
}

async fn dispatch(
    State(gateway): State<Arc<Gateway>>,
    Json(order): Json<DispatchOrder>,
) -> Result<Json<DispatchResult>, Refused> {
    let kind = match order.kind.as_str() {
        "sync" => SyncKind::BackgroundSync,
        "periodicsync" => SyncKind::PeriodicSync,
        other => {
            let text = format!("`{other}` is not a kind of event; there are `sync` and `periodicsync`");
            return Err(Refused(StatusCode::BAD_REQUEST, text));
        }
    };
    let all = gateway.host.worker_registrations().await?;
    let registration = choose(&all, order.scope.as_deref(), &gateway.hosts)?;
    let tag = Tag::from(order.tag.as_str());
    let outcome = gateway
        .host
        .dispatch_event(registration.id, kind, tag, order.last_chance)
        .await
        .map_err(|error| Refused(StatusCode::CONFLICT, error.to_string()))?;
    Ok(Json(DispatchResult::new(outcome, registration)))
}

#[derive(Debug, Deserialize)]
struct OfOrigin {
    origin: Option<String>,
}

async fn storage(
    State(gateway): State<Arc<Gateway>>,
    Query(OfOrigin { origin }): Query<OfOrigin>,
) -> Result<Json<StorageList>, Refused> {
    let key = origin.as_deref().map(StorageKey::from);
    let runtime = gateway.runtime.clone();
    // Files are read, which would hold the executor up.
    let read = tokio::task::spawn_blocking(move || StorageList::of(&runtime, key.as_ref())).await;
    match read {
        Ok(Ok(list)) => Ok(Json(list)),
        Ok(Err(error)) => Err(Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
        Err(error) => Err(Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    }
}

async fn clear_storage(
    State(gateway): State<Arc<Gateway>>,
    Query(OfOrigin { origin }): Query<OfOrigin>,
) -> Result<Json<ClearedStorage>, Refused> {
    let Some(origin) = origin else {
        let text = "name the site whose data shall be deleted: `?origin=http://127.0.0.1:8080`";
        return Err(Refused(StatusCode::BAD_REQUEST, text.into()));
    };
    let key = StorageKey::from(origin.as_str());
    let cleared = ClearedStorage::clear(&gateway.runtime, &key).await;
    gateway.cookies.forget(key.origin());
    cleared.map(Json).map_err(|problem| Refused(StatusCode::INTERNAL_SERVER_ERROR, problem))
}

/// The worker registration that an event is meant for: the one with this scope, or the only one there is.
fn choose<'a>(
    all: &'a [WorkerRegistration],
    scope: Option<&str>,
    hosts: &OwnHosts,
) -> Result<&'a WorkerRegistration, Refused> {
    let scopes =
        |of: &[&WorkerRegistration]| of.iter().map(|r| r.scope.as_str()).collect::<Vec<_>>().join(", ");
    let refused = |text: String| Err(Refused(StatusCode::NOT_FOUND, text));
    if let Some(scope) = scope {
        return match all.iter().find(|r| r.scope == scope) {
            Some(found) => Ok(found),
            None if all.is_empty() => {
                refused(format!("there is no service worker with the scope `{scope}`, nor any other"))
            }
            None => refused(format!(
                "there is no service worker with the scope `{scope}`; there are: {}",
                scopes(&all.iter().collect::<Vec<_>>())
            )),
        };
    }
    // A profile may remember apps that were served on other ports; their workers could not reach their servers.
    let own: Vec<&WorkerRegistration> = all.iter().filter(|r| hosts.is_own(r.storage_key.origin())).collect();
    match own.as_slice() {
        [only] => Ok(only),
        [] => refused("no service worker is registered; open the app in a browser first".into()),
        several => refused(format!(
            "there are several service workers; choose one with --scope: {}",
            scopes(several)
        )),
    }
}

async fn nothing(uri: Uri) -> Refused {
    Refused(StatusCode::NOT_FOUND, format!("the control API has nothing at {uri}"))
}
