//! Content Security Policies of a page: what the page script needs in order to run below them.
//!
//! The script is of the page's own origin, so a policy that allows `'self'` needs nothing. A policy with a nonce gets
//! the script tag with that nonce. Only a policy that would forbid the script or its WebSocket is widened, by exactly
//! these two addresses. A policy in a `<meta>` element applies after the script has run; if its `connect-src` forbids
//! the own origin, the page works until it has to connect again.

use axum::http::HeaderMap;
use axum::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};

/// The addresses that the page script needs.
#[derive(Clone, Debug)]
pub(crate) struct Needs<'a> {
    /// The script.
    pub(crate) script: &'a str,
    /// Its WebSocket.
    pub(crate) socket: &'a str,
}

/// Adapts all policies of a response. Gives the nonce that the script tag must carry, if one must.
pub(crate) fn adapt(headers: &mut HeaderMap, needs: &Needs<'_>, fresh_nonce: &str) -> Option<String> {
    let values: Vec<String> = headers
        .get_all(CONTENT_SECURITY_POLICY)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    if values.is_empty() {
        return None;
    }
    // All policies must agree, and a tag has one nonce: the first one found, or a fresh one.
    let existing = values.iter().flat_map(|value| value.split(',')).find_map(|policy| {
        let directives = parse(policy);
        let (_, sources) = effective(&directives, &SCRIPT)?;
        sources.iter().find_map(|source| nonce_of(source)).map(str::to_owned)
    });
    let nonce = existing.unwrap_or_else(|| fresh_nonce.to_owned());
    let mut used = false;
    headers.remove(CONTENT_SECURITY_POLICY);
    for value in values {
        let policies: Vec<String> =
            value.split(',').map(|policy| adapt_policy(policy, needs, &nonce, &mut used)).collect();
        if let Ok(value) = HeaderValue::from_str(&policies.join(", ")) {
            headers.append(CONTENT_SECURITY_POLICY, value);
        }
    }
    used.then_some(nonce)
}

type Directives = Vec<(String, Vec<String>)>;

/// The directives that decide about script elements and connections, the most specific first.
const SCRIPT: [&str; 3] = ["script-src-elem", "script-src", "default-src"];
const CONNECT: [&str; 2] = ["connect-src", "default-src"];

fn adapt_policy(policy: &str, needs: &Needs<'_>, nonce: &str, used: &mut bool) -> String {
    let mut directives = parse(policy);
    if let Some((name, mut sources)) = effective(&directives, &SCRIPT) {
        let has = |wanted: &str| sources.iter().any(|source| source.eq_ignore_ascii_case(wanted));
        let by_nonce = sources.iter().any(|source| nonce_of(source).is_some());
        // `'strict-dynamic'` makes browsers ignore addresses. Where the policy names no nonce and is not strict, a
        // nonce would switch off `'unsafe-inline'`, so there the address is the gentler way.
        if by_nonce || has("'strict-dynamic'") {
            *used = true;
            if !has(&format!("'nonce-{nonce}'")) {
                sources.push(format!("'nonce-{nonce}'"));
                replace(&mut directives, &name, "script-src-elem", sources);
            }
        } else if !allows_own_origin(&sources) {
            sources.push(needs.script.to_owned());
            replace(&mut directives, &name, "script-src-elem", sources);
        }
    }
    if let Some((name, mut sources)) = effective(&directives, &CONNECT)
        && !allows_own_origin(&sources)
    {
        sources.push(needs.socket.to_owned());
        replace(&mut directives, &name, "connect-src", sources);
    }
    let texts: Vec<String> = directives
        .iter()
        .map(|(name, sources)| {
            std::iter::once(name).chain(sources).map(String::as_str).collect::<Vec<_>>().join(" ")
        })
        .collect();
    texts.join("; ")
}

fn parse(policy: &str) -> Directives {
    let mut directives: Directives = Vec::new();
    for directive in policy.split(';') {
        let mut words = directive.split_ascii_whitespace();
        let Some(name) = words.next().map(str::to_ascii_lowercase) else { continue };
        // Browsers ignore a directive that is already there.
        if !directives.iter().any(|(other, _)| *other == name) {
            directives.push((name, words.map(str::to_owned).collect()));
        }
    }
    directives
}

fn effective(directives: &Directives, names: &[&str]) -> Option<(String, Vec<String>)> {
    names.iter().find_map(|name| directives.iter().find(|(other, _)| other == name).cloned())
}

/// Gives a directive new sources. A fallback (`default-src`) stays as it is for everything else: the specific directive
/// is added beside it.
fn replace(directives: &mut Directives, found: &str, specific: &str, mut sources: Vec<String>) {
    sources.retain(|source| !source.eq_ignore_ascii_case("'none'"));
    let name = if found == "default-src" { specific } else { found };
    match directives.iter_mut().find(|(other, _)| other == name) {
        Some((_, old)) => *old = sources,
        None => directives.push((name.to_owned(), sources)),
    }
}

fn allows_own_origin(sources: &[String]) -> bool {
    sources.iter().any(|source| source == "*" || source.eq_ignore_ascii_case("'self'"))
}

fn nonce_of(source: &str) -> Option<&str> {
    let inner = source.strip_prefix('\'')?.strip_suffix('\'')?;
    inner.get(..6).filter(|start| start.eq_ignore_ascii_case("nonce-"))?;
    inner.get(6..)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: Needs<'_> = Needs { script: "http://h/s.js", socket: "ws://h/socket" };

    fn check(policies: &[&str]) -> (Option<String>, Vec<String>) {
        let mut headers = HeaderMap::new();
        for policy in policies {
            headers.append(CONTENT_SECURITY_POLICY, HeaderValue::from_str(policy).unwrap());
        }
        let nonce = adapt(&mut headers, &NEEDS, "fresh");
        let values = headers.get_all(CONTENT_SECURITY_POLICY).iter();
        (nonce, values.map(|v| v.to_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn policies_are_widened_by_no_more_than_needed() {
        for (policy, nonce, expected) in [
            ("default-src 'self'; img-src *", None, "default-src 'self'; img-src *"),
            ("frame-ancestors 'none'", None, "frame-ancestors 'none'"),
            (
                "script-src 'nonce-abc'; default-src 'self'",
                Some("abc"),
                "script-src 'nonce-abc'; default-src 'self'",
            ),
            (
                "script-src 'sha256-x' 'strict-dynamic'",
                Some("fresh"),
                "script-src 'sha256-x' 'strict-dynamic' 'nonce-fresh'",
            ),
            (
                "script-src 'unsafe-inline'; connect-src https://api.example",
                None,
                "script-src 'unsafe-inline' http://h/s.js; connect-src https://api.example ws://h/socket",
            ),
            (
                "default-src 'none'; style-src 'self'",
                None,
                "default-src 'none'; style-src 'self'; script-src-elem http://h/s.js; connect-src ws://h/socket",
            ),
            (" ;; SCRIPT-SRC 'self'; script-src 'none';", None, "script-src 'self'"),
        ] {
            assert_eq!(check(&[policy]), (nonce.map(str::to_owned), vec![expected.to_owned()]), "{policy}");
        }
    }

    #[test]
    fn several_policies_share_one_nonce() {
        let (nonce, policies) =
            check(&["script-src 'nonce-abc', script-src 'strict-dynamic'", "script-src 'self'"]);
        assert_eq!(nonce.as_deref(), Some("abc"));
        assert_eq!(
            policies,
            ["script-src 'nonce-abc', script-src 'strict-dynamic' 'nonce-abc'", "script-src 'self'"]
        );
        assert_eq!(check(&[]), (None, vec![]));
    }
}
