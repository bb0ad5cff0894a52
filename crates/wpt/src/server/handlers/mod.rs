//! Stand-ins for the Python handlers of web-platform-tests that workers' tests ask for most, found by their paths.
//!
//! Each does what tests rely on; which parameters there are is documented by the tests that use them.

mod cache;
mod cors;
mod echo;
mod redirect;
mod slow;
mod status;

use super::exchange::{Answer, Request};
use super::stash::Stash;
use std::sync::Arc;

/// Answers in place of a handler; `None` if the path has no stand-in.
pub(crate) async fn answer(request: &Request, stash: &Arc<Stash>) -> Option<Answer> {
    let (directory, name) = request.path.rsplit_once('/')?;
    Some(match (directory, name) {
        ("/common", "slow.py") => slow::silent(request).await,
        ("/common", "redirect.py" | "redirect-opt-in.py") => redirect::plain(request),
        ("/common", "echo.py") => echo::content_parameter(request),
        ("/common", "echo_headers.py") => echo::headers_as_json(request),
        ("/common", "CustomCorsResponse.py") => cors::custom(request),
        ("/fetch/api/resources", "redirect.py") => redirect::counting(request, stash).await,
        ("/fetch/api/resources", "redirect-empty-location.py") => redirect::empty_location(),
        ("/fetch/api/resources", "preflight.py") => cors::preflight(request, stash),
        ("/fetch/api/resources", "inspect-headers.py") => echo::inspected_headers(request),
        ("/fetch/api/resources", "method.py") => echo::method(request),
        ("/fetch/api/resources", "echo-content.py") => echo::content(request),
        ("/fetch/api/resources", "dump-authorization-header.py") => echo::authorization(request),
        ("/fetch/api/resources", "authentication.py") => status::authentication(request),
        ("/fetch/api/resources", "status.py") => status::status(request),
        ("/fetch/api/resources", "bad-gzip-body.py") => status::bad_gzip(),
        ("/fetch/api/resources", "partial.py") => status::partial(),
        ("/fetch/api/resources", "cache.py") => cache::conditional(request),
        ("/fetch/api/resources", "stash-put.py") => cache::put(request, stash),
        ("/fetch/api/resources", "stash-take.py") => cache::take(request, stash),
        ("/fetch/api/resources", "clean-stash.py") => cache::clean(request, stash),
        ("/fetch/api/resources" | "/xhr/resources", "trickle.py") => slow::trickle(request).await,
        ("/fetch/api/resources", "bad-chunk-encoding.py") => slow::broken_off(request).await,
        ("/fetch/api/resources", "infinite-slow-response.py") => slow::infinite(request, stash),
        ("/fetch/cross-origin-resource-policy/resources", "hello.py") => cors::resource_policy(request),
        ("/fetch/cross-origin-resource-policy/resources", "redirect.py") => {
            cors::redirect_with_policy(request)
        }
        ("/service-workers/cache-storage/resources", "fetch-status.py") => status::parameter(request),
        ("/service-workers/cache-storage/resources", "vary.py") => cache::vary(request),
        ("/xhr/resources", "delay.py") => slow::delayed(request).await,
        ("/xhr/resources", "echo-headers.py") => echo::headers_as_lines(request),
        ("/xhr/resources", "echo-method.py") => echo::method_as_body(request),
        ("/xhr/resources", "inspect-headers.py") => echo::filtered_headers(request),
        ("/xhr/resources", "parse-headers.py") => echo::own_header(request),
        ("/xhr/resources", "redirect.py") => redirect::marketing(request).await,
        ("/xhr/resources", "status.py") => status::status(request),
        _ => return None,
    })
}

/// A value of the request's query as a header's value.
fn value(request: &Request, name: &str) -> Vec<u8> {
    request.parameter(name).unwrap_or_default().to_vec()
}
