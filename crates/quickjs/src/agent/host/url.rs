//! The URL standard's parser and setters.

use super::{Answer, HostObject, Reply};
use crate::script::Text;
use rquickjs::function::Opt;
use serde::Serialize;
use url::{Url, quirks};

pub(super) fn install(host: &HostObject<'_>) -> rquickjs::Result<()> {
    host.function("parseUrl", |input: Text, base: Opt<Option<Text>>| {
        let base = base.0.flatten().map(Text::into_string);
        Reply::ok(Answer::text_or_null(parse(&input.into_string(), base.as_deref()).map(|url| record(&url))))
    })?;
    host.function("setUrlPart", |href: Text, part: Text, value: Text| {
        let url = set_part(&href.into_string(), &part.into_string(), &value.into_string());
        Reply::ok(Answer::text_or_null(url.map(|url| record(&url))))
    })
}

fn parse(input: &str, base: Option<&str>) -> Option<Url> {
    match base {
        Some(base) => Url::parse(base).ok()?.join(input).ok(),
        None => Url::parse(input).ok(),
    }
}

/// The setters of the URL interface; one that does not apply changes nothing. `None` only if `href` is no URL.
fn set_part(href: &str, part: &str, value: &str) -> Option<Url> {
    let mut url = Url::parse(href).ok()?;
    match part {
        "href" => quirks::set_href(&mut url, value).ok()?,
        "protocol" => drop(quirks::set_protocol(&mut url, value)),
        "username" => drop(quirks::set_username(&mut url, value)),
        "password" => drop(quirks::set_password(&mut url, value)),
        "host" => url = with_host(url, |url| quirks::set_host(url, value)),
        "hostname" => url = with_host(url, |url| quirks::set_hostname(url, value)),
        "port" => drop(quirks::set_port(&mut url, value)),
        "pathname" => url = with_path(url, value),
        "search" => quirks::set_search(&mut url, value),
        "hash" => quirks::set_hash(&mut url, value),
        _ => return None,
    }
    Some(url)
}

/// What the layer keeps of an URL.
#[derive(Serialize)]
struct UrlRecord<'a> {
    href: &'a str,
    origin: String,
    protocol: &'a str,
    username: &'a str,
    password: &'a str,
    host: &'a str,
    hostname: &'a str,
    port: &'a str,
    pathname: &'a str,
    search: &'a str,
    hash: &'a str,
}

fn record(url: &Url) -> String {
    let record = UrlRecord {
        href: quirks::href(url),
        origin: origin(url),
        protocol: quirks::protocol(url),
        username: quirks::username(url),
        password: quirks::password(url),
        host: quirks::host(url),
        hostname: quirks::hostname(url),
        port: quirks::port(url),
        pathname: quirks::pathname(url),
        search: quirks::search(url),
        hash: quirks::hash(url),
    };
    // Strings always have a JSON form.
    serde_json::to_string(&record).unwrap_or_default()
}

/// URL standard, "origin": of blob: URLs only those of pages count.
fn origin(url: &Url) -> String {
    if url.scheme() == "blob" {
        let inner = Url::parse(url.path()).ok().filter(|inner| matches!(inner.scheme(), "http" | "https"));
        return inner.map_or_else(|| "null".to_owned(), |inner| quirks::origin(&inner));
    }
    quirks::origin(url)
}

/// Sets a host. A URL without one that has a path like `//p` is written with `/.` before it, which the library keeps when
/// the URL gets a host.
fn with_host(mut url: Url, set: impl FnOnce(&mut Url) -> Result<(), ()>) -> Url {
    if url.has_authority() || !url.path().starts_with("//") {
        // A host that cannot be set changes nothing.
        let _ = set(&mut url);
        return url;
    }
    let rest = &url[url::Position::BeforePath..];
    let Ok(mut hosted) = Url::parse(&format!("{}://h{rest}", url.scheme())) else { return url };
    if set(&mut hosted).is_ok() { hosted } else { url }
}

/// Sets a path. The library loses the `/.` that keeps a path like `//p` from becoming a host, and cannot empty the path
/// of a URL with a host whose scheme is not special.
fn with_path(mut url: Url, value: &str) -> Url {
    let is_special = matches!(url.scheme(), "http" | "https" | "ws" | "wss" | "ftp" | "file");
    if url.cannot_be_a_base() || is_special || (url.has_authority() && !value.is_empty()) {
        quirks::set_pathname(&mut url, value);
        return url;
    }
    let before = &url[..url::Position::BeforePath];
    let after = &url[url::Position::AfterPath..];
    let text = if url.has_authority() {
        format!("{before}{after}")
    } else {
        let escaped = value.replace('?', "%3F").replace('#', "%23").replace(' ', "%20");
        let slash = if escaped.starts_with('/') { "" } else { "/" };
        format!("{}:/.{slash}{escaped}{after}", url.scheme())
    };
    Url::parse(&text).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // URL standard, 4.5 (serializing) and 6.1 (the setters)
    fn a_path_never_becomes_a_host_and_a_host_needs_no_dot() {
        for (href, part, value, expected) in [
            ("a:/", "pathname", "//p", "a:/.//p"),
            ("a:/", "pathname", "/..//p", "a:/.//p"),
            ("a:/.//", "pathname", "p", "a:/p"),
            ("a:/b?c#d", "pathname", "x?y#z", "a:/x%3Fy%23z?c#d"),
            ("a:/b", "pathname", "c d ", "a:/c%20d%20"),
            ("a:b", "pathname", "c", "a:b"),
            ("a:///b/c?d", "pathname", "", "a://?d"),
            ("a://h/b", "pathname", "c", "a://h/c"),
            ("a:/.//p?q", "hostname", "h", "a://h//p?q"),
            ("a:/.//p", "hostname", "", "a:////p"),
            ("a:/.//p", "host", "h:1", "a://h:1//p"),
            ("a:/.//p", "host", "x y", "a:/.//p"),
        ] {
            let set = set_part(href, part, value).unwrap();
            assert_eq!(set.as_str(), expected, "{href} {part} {value}");
        }
    }

    #[test] // URL standard, 4.7
    fn blob_urls_have_the_origin_of_a_page_or_none() {
        for (href, expected) in [
            ("blob:https://a.example:8443/x", "https://a.example:8443"),
            ("blob:http://a.example/x", "http://a.example"),
            ("blob:ftp://a.example/x", "null"),
            ("blob:ws://a.example/x", "null"),
            ("blob:blob:https://a.example/x", "null"),
            ("blob:nothing", "null"),
        ] {
            assert_eq!(origin(&Url::parse(href).unwrap()), expected, "{href}");
        }
    }

    #[test]
    fn setters_that_do_not_apply_change_nothing() {
        let set = |part, value| set_part("https://a.example:8080/b?c#d", part, value).map(String::from);
        assert_eq!(set("port", "x").unwrap(), "https://a.example:8080/b?c#d");
        assert_eq!(set("protocol", "mailto").unwrap(), "https://a.example:8080/b?c#d");
        assert_eq!(set("host", "b.example:1").unwrap(), "https://b.example:1/b?c#d");
        assert_eq!(set("href", "//"), None);
        assert_eq!(set("nonsense", ""), None);
        assert!(parse("a", None).is_none());
        assert_eq!(
            parse("../a b", Some("https://x.example/y/z")).unwrap().as_str(),
            "https://x.example/a%20b"
        );
    }
}
