//! Which URLs may be scripts and scopes (service worker specification, "Start Register" and "Update"; R158).

use crate::error::RegisterWorkerError;
use crate::fetch::is_potentially_trustworthy;
use url::Url;

/// Every registration is kept in memory, its URLs with it.
const URL_BYTES_MAX: usize = 65_536;

/// What `register()` decides from URLs alone: the script and the scope that a page may register, as it will keep them.
/// `allowed` is the script's `Service-Worker-Allowed` header.
///
/// # Errors
/// What the page would be told.
pub fn check_worker_urls(
    page: &str,
    script: &str,
    scope: Option<&str>,
    allowed: Option<&str>,
) -> Result<(String, String), RegisterWorkerError> {
    let page = Url::parse(page)
        .map_err(|error| RegisterWorkerError::Type(format!("the page `{page}` is no URL: {error}")))?;
    let (script, scope) = resolve(&page, script, scope)?;
    check_origins(&script, &scope, &page, &page.origin().ascii_serialization())?;
    check_scope(&script, &scope, allowed)?;
    Ok((script.into(), scope.into()))
}

/// The script and its scope, which is the script's directory by default (R215).
pub(super) fn resolve(
    page: &Url,
    script: &str,
    scope: Option<&str>,
) -> Result<(Url, Url), RegisterWorkerError> {
    let script = parse("script URL", script, page)?;
    let scope = match scope {
        Some(text) => parse("scope", text, page)?,
        None => parse("scope", "./", &script)?,
    };
    Ok((script, scope))
}

/// Parses a script URL or scope: http(s), no encoded slash or backslash in the path, fragment dropped.
pub(super) fn parse(what: &str, text: &str, base: &Url) -> Result<Url, RegisterWorkerError> {
    let mut url = base
        .join(text)
        .map_err(|error| RegisterWorkerError::Type(format!("the {what} `{text}` is no URL: {error}")))?;
    url.set_fragment(None);
    if url.as_str().len() > URL_BYTES_MAX {
        let message =
            format!("the {what} has {} bytes; at most {URL_BYTES_MAX} are possible", url.as_str().len());
        return Err(RegisterWorkerError::Type(message));
    }
    if !matches!(url.scheme(), "http" | "https") {
        let message = format!("the {what} `{url}` must be an http or https URL");
        return Err(RegisterWorkerError::Type(message));
    }
    let path = url.path().to_ascii_lowercase();
    if path.contains("%2f") || path.contains("%5c") {
        let message = format!("the {what} `{url}` has an encoded slash or backslash in its path");
        return Err(RegisterWorkerError::Type(message));
    }
    Ok(url)
}

/// Script, scope and caller must be of one origin, which must be potentially trustworthy.
pub(super) fn check_origins(
    script: &Url,
    scope: &Url,
    client: &Url,
    origin: &str,
) -> Result<(), RegisterWorkerError> {
    if !is_potentially_trustworthy(script) {
        let message = format!("`{script}` is not secure: service workers need https or a loopback host");
        return Err(RegisterWorkerError::Security(message));
    }
    let own = client.origin().ascii_serialization();
    if own != origin {
        let message = format!("the page `{client}` is not of the origin `{origin}`");
        return Err(RegisterWorkerError::Security(message));
    }
    for (what, url) in [("script", script), ("scope", scope)] {
        if url.origin() != client.origin() {
            let message = format!("the {what} `{url}` is not of the page's origin `{origin}`");
            return Err(RegisterWorkerError::Security(message));
        }
    }
    Ok(())
}

/// The scope must lie under the script's directory, or under what `Service-Worker-Allowed` says.
pub(super) fn check_scope(
    script: &Url,
    scope: &Url,
    allowed: Option<&str>,
) -> Result<(), RegisterWorkerError> {
    let limit = match allowed {
        None => script.join("./").ok().map(|url| url.path().to_owned()),
        Some(allowed) => match script.join(allowed) {
            Ok(url) if url.origin() == script.origin() => Some(url.path().to_owned()),
            Ok(_) => None,
            Err(error) => {
                let message = format!("the header Service-Worker-Allowed `{allowed}` is no URL: {error}");
                return Err(RegisterWorkerError::Security(message));
            }
        },
    };
    match limit {
        Some(limit) if scope.path().starts_with(&limit) => Ok(()),
        Some(limit) => Err(RegisterWorkerError::Security(format!(
            "the scope `{}` is not under `{limit}`, the path that the script may control; \
             move the script up, or send the header Service-Worker-Allowed",
            scope.path()
        ))),
        None => Err(RegisterWorkerError::Security(
            "the header Service-Worker-Allowed names another origin".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test] // R158, R214
    fn urls_are_canonical_and_encoded_slashes_are_type_errors() {
        let base = url("https://A.example/app/page.html");
        assert_eq!(parse("scope", "./x/../y#z", &base).unwrap().as_str(), "https://a.example/app/y");
        for bad in ["https://", "ftp://a.example/", "data:text/javascript,", "a%2Fb", "a%5cb"] {
            assert_eq!(parse("script", bad, &base).unwrap_err().name(), "TypeError", "{bad}");
        }
        assert!(parse("scope", "?a=%2f", &base).is_ok());
    }

    // CR: TestSecureRequestingUrl, TestInsecureRequestingUrl, DenyForInsecureOrigin
    #[test] // R1, R2, R158
    fn other_origins_and_insecure_ones_are_security_errors() {
        let page = url("https://a.example/");
        let check = |script: &str, scope: &str, page: &Url| {
            let origin = page.origin().ascii_serialization();
            check_origins(&url(script), &url(scope), page, &origin).map_err(|error| error.name())
        };
        assert_eq!(check("https://a.example/sw.js", "https://a.example/", &page), Ok(()));
        assert_eq!(check("https://b.example/sw.js", "https://a.example/", &page), Err("SecurityError"));
        assert_eq!(check("https://a.example/sw.js", "https://b.example/", &page), Err("SecurityError"));
        let plain = url("http://a.example/");
        assert_eq!(check("http://a.example/sw.js", "http://a.example/", &plain), Err("SecurityError"));
        let local = url("http://localhost:1/");
        assert_eq!(check("http://localhost:1/sw.js", "http://localhost:1/", &local), Ok(()));
        assert!(check_origins(&url("https://a.example/s"), &page, &page, "https://c.example").is_err());
    }

    #[test] // R158
    fn the_scope_lies_under_the_script_unless_the_server_allows_more() {
        let script = url("https://a.example/app/sw.js");
        let ok = |scope: &str, allowed| check_scope(&script, &url(scope), allowed).is_ok();
        assert!(ok("https://a.example/app/", None));
        assert!(ok("https://a.example/app/deep/er", None));
        assert!(!ok("https://a.example/", None));
        assert!(!ok("https://a.example/app", None));
        assert!(ok("https://a.example/", Some("/")));
        assert!(ok("https://a.example/other/", Some("../other")));
        assert!(!ok("https://a.example/app/", Some("/other")));
        assert!(!ok("https://a.example/app/", Some("https://b.example/app/")));
        assert!(!ok("https://a.example/app/", Some("https://")));
    }
}
