//! The CORS protocol (Fetch standard, section 3.3): which requests need a preflight, and what a response allows.

use super::{Credentials, ResponseHead};
use std::collections::BTreeSet;

/// Whether a method needs no preflight.
pub(crate) fn is_safelisted_method(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "POST")
}

/// The lower-case names of headers that need a preflight.
pub(crate) fn unsafe_header_names(headers: &[(String, String)]) -> Vec<String> {
    let names: BTreeSet<String> = headers
        .iter()
        .filter(|(name, value)| !is_safelisted_header(name, value))
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    names.into_iter().collect()
}

fn is_safelisted_header(name: &str, value: &str) -> bool {
    if value.len() > 128 {
        return false;
    }
    let unsafe_byte = |byte: u8| (byte < 0x20 && byte != b'\t') || b"\"():<>?@[\\]{}\x7f".contains(&byte);
    match name.to_ascii_lowercase().as_str() {
        "accept" => !value.bytes().any(unsafe_byte),
        "accept-language" | "content-language" => {
            value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" *,-.;=".contains(&byte))
        }
        "content-type" => {
            let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            !value.bytes().any(unsafe_byte)
                && matches!(
                    essence.as_str(),
                    "application/x-www-form-urlencoded" | "multipart/form-data" | "text/plain"
                )
        }
        "range" => value.strip_prefix("bytes=").is_some_and(|range| {
            let (first, last) = range.split_once('-').unwrap_or(("", "x"));
            !first.is_empty()
                && first.bytes().all(|b| b.is_ascii_digit())
                && last.bytes().all(|b| b.is_ascii_digit())
        }),
        _ => false,
    }
}

/// The CORS check of a response; the error says which header is missing or wrong.
pub(crate) fn check(head: &ResponseHead, origin: &str, credentials: Credentials) -> Result<(), String> {
    let allowed = head.get("access-control-allow-origin");
    let include = credentials == Credentials::Include;
    match allowed.as_deref() {
        None => Err(format!(
            "the response has no Access-Control-Allow-Origin header, so `{origin}` may not read it"
        )),
        Some("*") if !include => Ok(()),
        Some(value) if value == origin => {
            if include && head.get("access-control-allow-credentials").as_deref() != Some("true") {
                return Err(
                    "the response does not allow credentials (Access-Control-Allow-Credentials)".to_owned()
                );
            }
            Ok(())
        }
        Some(value) => {
            Err(format!("Access-Control-Allow-Origin is `{value}`, which does not allow `{origin}`"))
        }
    }
}

/// Whether a preflight's answer allows the request.
pub(crate) fn check_preflight(
    head: &ResponseHead,
    origin: &str,
    credentials: Credentials,
    method: &str,
    unsafe_names: &[String],
) -> Result<(), String> {
    check(head, origin, credentials)?;
    if !(200..300).contains(&head.status) {
        return Err(format!("the preflight request was answered with status {}", head.status));
    }
    let include = credentials == Credentials::Include;
    let list = |name: &str| -> Vec<String> {
        head.get(name).unwrap_or_default().split(',').map(|item| item.trim().to_owned()).collect()
    };
    let methods = list("access-control-allow-methods");
    let wildcard = |items: &[String]| !include && items.iter().any(|item| item == "*");
    if !is_safelisted_method(method) && !methods.iter().any(|item| item == method) && !wildcard(&methods) {
        return Err(format!("the method {method} is not in Access-Control-Allow-Methods"));
    }
    let headers = list("access-control-allow-headers");
    for name in unsafe_names {
        let named = headers.iter().any(|item| item.eq_ignore_ascii_case(name));
        // `Authorization` must be named; the wildcard does not cover it.
        if !named && (name == "authorization" || !wildcard(&headers)) {
            return Err(format!("the header `{name}` is not in Access-Control-Allow-Headers"));
        }
    }
    Ok(())
}

/// The headers that a script may see of a cross-origin response.
pub(crate) fn visible_headers(head: &ResponseHead, credentials: Credentials) -> Vec<(String, String)> {
    let exposed = head.get("access-control-expose-headers").unwrap_or_default();
    let all = credentials != Credentials::Include && exposed.split(',').any(|item| item.trim() == "*");
    head.headers
        .iter()
        .filter(|(name, _)| {
            let name = name.to_ascii_lowercase();
            let safelisted = matches!(
                name.as_str(),
                "cache-control"
                    | "content-language"
                    | "content-length"
                    | "content-type"
                    | "expires"
                    | "last-modified"
                    | "pragma"
            );
            safelisted || all || exposed.split(',').any(|item| item.trim().eq_ignore_ascii_case(&name))
        })
        .filter(|(name, _)| !is_response_cookie(name))
        .cloned()
        .collect()
}

/// The headers that no script may see.
pub(crate) fn is_response_cookie(name: &str) -> bool {
    name.eq_ignore_ascii_case("set-cookie") || name.eq_ignore_ascii_case("set-cookie2")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> ResponseHead {
        ResponseHead {
            status: 204,
            status_text: String::new(),
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        }
    }

    #[test]
    fn only_simple_headers_need_no_preflight() {
        let names =
            |name: &str, value: &str| unsafe_header_names(&[(name.to_owned(), value.to_owned())]).len();
        assert_eq!(names("Content-Type", "text/plain;charset=UTF-8"), 0);
        assert_eq!(names("Content-Type", "application/json"), 1);
        assert_eq!(names("Accept", "a/b"), 0);
        assert_eq!(names("Accept", "(a)"), 1);
        assert_eq!(names("X-Token", "1"), 1);
        assert_eq!(names("Accept", &"a".repeat(129)), 1);
        assert_eq!(names("Range", "bytes=0-"), 0);
        assert_eq!(names("Range", "bytes=-5"), 1);
    }

    #[test]
    fn the_check_compares_origin_and_credentials() {
        let origin = "https://a.example";
        let any = head(&[("access-control-allow-origin", "*")]);
        let exact = head(&[("Access-Control-Allow-Origin", origin)]);
        let full =
            head(&[("access-control-allow-origin", origin), ("access-control-allow-credentials", "true")]);
        assert!(check(&any, origin, Credentials::Omit).is_ok());
        assert!(check(&any, origin, Credentials::Include).is_err());
        assert!(check(&exact, origin, Credentials::SameOrigin).is_ok());
        assert!(check(&exact, origin, Credentials::Include).is_err());
        assert!(check(&full, origin, Credentials::Include).is_ok());
        assert!(check(&exact, "https://b.example", Credentials::Omit).is_err());
        assert!(check(&head(&[]), origin, Credentials::Omit).is_err());
    }

    #[test]
    fn a_preflight_must_name_method_and_headers() {
        let origin = "https://a.example";
        let answer = head(&[
            ("access-control-allow-origin", "*"),
            ("access-control-allow-methods", "PUT, PATCH"),
            ("access-control-allow-headers", "*"),
        ]);
        let test = |method: &str, names: &[&str]| {
            let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
            check_preflight(&answer, origin, Credentials::Omit, method, &names).is_ok()
        };
        assert!(test("PUT", &["x-token"]));
        assert!(!test("DELETE", &[]));
        assert!(!test("POST", &["authorization"]));
    }

    #[test]
    fn scripts_see_only_exposed_headers_and_never_cookies() {
        let answer = head(&[
            ("Content-Type", "a/b"),
            ("X-Open", "1"),
            ("X-Hidden", "2"),
            ("Set-Cookie", "a=b"),
            ("Access-Control-Expose-Headers", "x-open, set-cookie"),
        ]);
        let names: Vec<_> = visible_headers(&answer, Credentials::Omit).into_iter().map(|(n, _)| n).collect();
        assert_eq!(names, ["Content-Type", "X-Open"]);
    }
}
