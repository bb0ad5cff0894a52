//! Which cookies are taken and which are sent, beyond the matching of domains and paths (RFC 6265bis, sections 5.6 to 5.8).

use crate::fetch::{is_potentially_trustworthy, is_public_suffix};
use cookie::SameSite;
use cookie_store::{CookieDomain, RawCookie};
use url::Url;

/// Whether a cookie that a response of `url` sets is taken. `same_site` says whether the worker that asked is of the same
/// site; a refusal says why, for tests and people.
pub(super) fn check(
    text: &str,
    cookie: &RawCookie<'_>,
    url: &Url,
    same_site: bool,
    bytes_max: usize,
) -> Result<(), &'static str> {
    if cookie.name().len() + cookie.value().len() > bytes_max {
        return Err("name and value are too large");
    }
    if text.bytes().any(|byte| (byte < 0x20 && byte != b'\t') || byte == 0x7f) {
        return Err("control characters");
    }
    let secure = cookie.secure() == Some(true);
    if secure && !is_potentially_trustworthy(url) {
        return Err("Secure from an insecure URL");
    }
    let name = cookie.name().to_ascii_lowercase();
    if name.starts_with("__secure-") && !secure {
        return Err("the prefix __Secure- without Secure");
    }
    if name.starts_with("__host-") && !(secure && cookie.domain().is_none() && cookie.path() == Some("/")) {
        return Err("the prefix __Host- without Secure and Path=/, or with Domain");
    }
    if name.is_empty() && cookie.value().to_ascii_lowercase().starts_with("__") {
        return Err("a value that looks like a prefixed name");
    }
    match cookie.same_site() {
        Some(SameSite::None) if !secure => Err("SameSite=None without Secure"),
        Some(SameSite::None) => Ok(()),
        // Without the attribute it counts as Lax, and a worker's request is never a top-level navigation.
        _ if !same_site => Err("not SameSite=None, from another site"),
        _ => Ok(()),
    }
}

/// Whether a cookie that matches a request is sent with it.
pub(super) fn is_sent(cookie: &RawCookie<'_>, same_site: bool) -> bool {
    same_site || cookie.same_site() == Some(SameSite::None)
}

/// A domain under which strangers register names can have a cookie for itself only, and only from itself.
pub(super) fn narrow_domain(domain: CookieDomain, url: &Url) -> Result<CookieDomain, &'static str> {
    match &domain {
        CookieDomain::Suffix(suffix) if is_public_suffix(suffix) => {
            if url.host_str() == Some(suffix) {
                CookieDomain::host_only(url).map_err(|_| "no host")
            } else {
                Err("the domain is a public suffix")
            }
        }
        _ => Ok(domain),
    }
}
