//! Sites: what belongs together for cookies (HTML standard, "site"; RFC 6265bis, section 5.2).

use url::{Host, Url};

/// Whether two URLs are of the same site: the same scheme and the same registrable domain.
pub(crate) fn is_same_site(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme()
        && match (a.host(), b.host()) {
            (Some(Host::Domain(a)), Some(Host::Domain(b))) => {
                a == b || registrable(a).is_some_and(|domain| Some(domain) == registrable(b))
            }
            (a, b) => a.is_some() && a == b,
        }
}

/// Whether a domain is one under which strangers register names, such as `co.uk` or `github.io`.
pub(crate) fn is_public_suffix(domain: &str) -> bool {
    psl::suffix_str(domain) == Some(domain)
}

/// The part of a host name that one owner has: its public suffix and one label more.
fn registrable(host: &str) -> Option<&str> {
    psl::domain_str(host)
}

/// The value of `Sec-Fetch-Site` (Fetch Metadata, 2.3) for a request of `origin`.
pub(crate) fn relation(origin: &str, url: &Url) -> &'static str {
    match Url::parse(origin) {
        Ok(own) if own.origin() == url.origin() => "same-origin",
        Ok(own) if is_same_site(&own, url) => "same-site",
        _ => "cross-site",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // HTML, "schemelessly same site" and "same site"
    fn sites_end_at_public_suffixes_and_schemes() {
        for (a, b, expected) in [
            ("https://a.example.com/", "https://b.example.com:8443/", "same-site"),
            ("https://example.com/", "https://example.com/x", "same-origin"),
            ("http://example.com/", "https://example.com/", "cross-site"),
            ("https://a.co.uk/", "https://b.co.uk/", "cross-site"),
            ("https://a.github.io/", "https://b.github.io/", "cross-site"),
            ("http://127.0.0.1:1/", "http://127.0.0.1:2/", "same-site"),
            ("http://127.0.0.1:1/", "http://127.0.0.2:1/", "cross-site"),
            ("http://localhost:1/", "http://localhost:2/", "same-site"),
        ] {
            let origin = Url::parse(a).unwrap().origin().ascii_serialization();
            assert_eq!(relation(&origin, &Url::parse(b).unwrap()), expected, "{a} {b}");
        }
        assert!(
            is_public_suffix("co.uk") && is_public_suffix("github.io") && !is_public_suffix("example.com")
        );
    }
}
