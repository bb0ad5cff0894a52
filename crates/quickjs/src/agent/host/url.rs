//! The URL standard's parser and setters.

use super::{Answer, HostObject, Reply};
use crate::script::Text;
use rquickjs::Result;
use rquickjs::function::Opt;
use serde::Serialize;
use url::{Url, quirks};

pub(super) fn install(host: &HostObject<'_>) -> Result<()> {
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
        "host" => drop(quirks::set_host(&mut url, value)),
        "hostname" => drop(quirks::set_hostname(&mut url, value)),
        "port" => drop(quirks::set_port(&mut url, value)),
        "pathname" => quirks::set_pathname(&mut url, value),
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
        origin: quirks::origin(url),
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

#[cfg(test)]
mod tests {
    use super::*;

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
