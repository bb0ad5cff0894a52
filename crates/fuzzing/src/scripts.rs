//! Script URLs and scopes, as pages give them.

use wakeworker_quickjs::check_worker_urls;

const PAGE: &str = "https://app.example/dir/page.html?q";

/// Whatever is accepted is of the page's origin, and the scope lies where the script may control.
pub fn worker_urls(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(3, '\n');
    let (script, scope, allowed) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let Ok((script, scope)) = check_worker_urls(PAGE, script, scope, allowed) else { return };
    for url in [&script, &scope] {
        assert_eq!(host_and_path(url).0, "app.example", "{url} is of another origin");
        assert!(!url.contains('#'), "{url}");
        let path = host_and_path(url).1.to_ascii_lowercase();
        // A query may have one (URL standard, 1.3: it is not percent-encoded there).
        assert!(!path.contains('\\'), "{url}");
        assert!(!path.contains("%2f") && !path.contains("%5c"), "{url}");
        assert!(!path.contains("/../") && !path.ends_with("/.."), "{url}");
    }
    if allowed.is_none() {
        let path = host_and_path(&script).1;
        let folder = &path[..=path.rfind('/').unwrap_or(0)];
        assert!(host_and_path(&scope).1.starts_with(folder), "{scope} is not under {folder}");
    }
    let again = check_worker_urls(PAGE, &script, Some(&scope), allowed);
    assert_eq!(again.ok(), Some((script, scope)), "a checked URL is checked already");
}

/// What belongs to the origin, and the path. A name and a password are neither (URL standard, 4.7).
fn host_and_path(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("https://").unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    (authority.rsplit('@').next().unwrap_or_default(), path.split('?').next().unwrap_or_default())
}
