//! Where the app's own responses come from: a folder, or another HTTP server.

mod files;
mod proxy;

pub(crate) use files::FileTree;
pub(crate) use proxy::ReverseProxy;

use axum::body::Body;
use axum::http::{Request, Response};
use std::fmt;
use std::time::Duration;

/// The app, and the servers that answer some of its paths.
#[derive(Debug)]
pub(crate) struct Upstreams {
    app: Upstream,
    /// Path prefixes without a final slash; the longest one that matches is taken.
    prefixes: Vec<(String, ReverseProxy)>,
}

/// One source of responses.
#[derive(Debug)]
pub(crate) enum Upstream {
    /// The files of a folder.
    Files(FileTree),
    /// Another server.
    Proxy(ReverseProxy),
}

/// Why there is no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UpstreamError {
    /// No connection, or it broke before there was a response.
    Unreachable {
        /// The server.
        server: String,
        /// What happened.
        problem: String,
    },
    /// The server took too long.
    TimedOut {
        /// The server.
        server: String,
        /// The limit.
        after: Duration,
    },
}

impl Upstreams {
    /// The app with nothing beside it, to which prefixes can be added.
    pub(crate) fn new(app: Upstream, mut prefixes: Vec<(String, ReverseProxy)>) -> Upstreams {
        prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Upstreams { app, prefixes }
    }

    /// Sends a request to whoever answers its path. The request's URI has only path and query.
    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Response<Body>, UpstreamError> {
        match self.prefixes.iter().find(|(prefix, _)| has_prefix(request.uri().path(), prefix)) {
            Some((_, proxy)) => proxy.send(request).await,
            None => match &self.app {
                Upstream::Files(files) => {
                    let (parts, _) = request.into_parts();
                    Ok(files.send(&parts).await)
                }
                Upstream::Proxy(proxy) => proxy.send(request).await,
            },
        }
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpstreamError::Unreachable { server, problem } => {
                write!(f, "the server {server} cannot be reached: {problem}")
            }
            UpstreamError::TimedOut { server, after } => {
                write!(
                    f,
                    "the server {server} did not answer within {} s; a longer wait can be set with --upstream-timeout",
                    after.as_secs_f64()
                )
            }
        }
    }
}

impl std::error::Error for UpstreamError {}

/// `/api` stands for `/api` and everything below `/api/`, not for `/apiary`.
fn has_prefix(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_at_a_path_segment() {
        assert!(has_prefix("/api", "/api"));
        assert!(has_prefix("/api/x", "/api"));
        assert!(!has_prefix("/apiary", "/api"));
        assert!(!has_prefix("/", "/api"));
    }
}
