//! Static files of a folder: the right types, conditional and range requests, and nothing outside the folder.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, LOCATION, RANGE,
};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};
use percent_encoding::percent_decode_str;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
use tokio_util::io::ReaderStream;

/// The files below one folder.
#[derive(Debug)]
pub(crate) struct FileTree {
    /// Canonical, so that links can be checked against it.
    root: PathBuf,
}

impl FileTree {
    /// The files of `dir`, which must be an existing folder.
    pub(crate) fn open(dir: &Path) -> io::Result<FileTree> {
        let root = std::fs::canonicalize(dir)?;
        if !std::fs::metadata(&root)?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::NotADirectory));
        }
        Ok(FileTree { root })
    }

    /// Answers a request; whatever goes wrong is a response too.
    pub(crate) async fn send(&self, request: &Parts) -> Response<Body> {
        if request.method != Method::GET && request.method != Method::HEAD {
            return with_header(
                text(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "a folder of files only answers GET and HEAD; use --proxy for an API",
                ),
                ALLOW,
                "GET, HEAD",
            );
        }
        match self.find(request.uri.path()).await {
            Found::File(path, metadata) => answer(request, &path, &metadata).await.unwrap_or_else(unreadable),
            Found::FolderWithoutSlash => {
                let query = request.uri.query().map(|q| format!("?{q}")).unwrap_or_default();
                let location = format!("{}/{query}", request.uri.path());
                with_header(text(StatusCode::MOVED_PERMANENTLY, ""), LOCATION, &location)
            }
            Found::Nothing => text(StatusCode::NOT_FOUND, "there is no such file"),
        }
    }

    /// Everything that is not plainly a file of the folder is "nothing": a request learns no more than that.
    async fn find(&self, url_path: &str) -> Found {
        // `//host` would make the redirect of a folder lead away from this site.
        let Some(relative) = relative_path(url_path).filter(|_| !url_path.starts_with("//")) else {
            return Found::Nothing;
        };
        // Links may lead anywhere; what counts is where they end.
        let Ok(mut path) = fs::canonicalize(self.root.join(relative)).await else { return Found::Nothing };
        if !path.starts_with(&self.root) {
            return Found::Nothing;
        }
        let Ok(mut metadata) = fs::metadata(&path).await else { return Found::Nothing };
        if metadata.is_dir() {
            if !url_path.ends_with('/') {
                return Found::FolderWithoutSlash;
            }
            let Ok(index) = fs::canonicalize(path.join("index.html")).await else { return Found::Nothing };
            if !index.starts_with(&self.root) {
                return Found::Nothing;
            }
            path = index;
            match fs::metadata(&path).await {
                Ok(of_index) => metadata = of_index,
                Err(_) => return Found::Nothing,
            }
        } else if url_path.ends_with('/') {
            return Found::Nothing;
        }
        if metadata.is_file() { Found::File(path, metadata) } else { Found::Nothing }
    }
}

enum Found {
    File(PathBuf, Metadata),
    FolderWithoutSlash,
    Nothing,
}

/// The path below the root, or `None` if a segment is hidden, climbs, or is no plain name on some system.
fn relative_path(url_path: &str) -> Option<PathBuf> {
    let mut relative = PathBuf::new();
    for segment in url_path.split('/').filter(|segment| !segment.is_empty()) {
        let name = percent_decode_str(segment).decode_utf8().ok()?;
        let hidden = name.starts_with('.') && name != ".well-known";
        if hidden || name.contains(['/', '\\', '\0', ':']) {
            return None;
        }
        relative.push(name.as_ref());
    }
    Some(relative)
}

async fn answer(request: &Parts, path: &Path, metadata: &Metadata) -> io::Result<Response<Body>> {
    let modified = metadata.modified().ok();
    let etag = entity_tag(metadata.len(), modified);
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    set(headers, CONTENT_TYPE, &content_type(path));
    set(headers, ETAG, &etag);
    // Pages must notice a changed file at once; the entity tag keeps that cheap.
    set(headers, CACHE_CONTROL, "no-cache");
    set(headers, ACCEPT_RANGES, "bytes");
    if let Some(modified) = modified {
        set(headers, LAST_MODIFIED, &httpdate::fmt_http_date(modified));
    }
    if is_unchanged(&request.headers, &etag, modified) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    let len = metadata.len();
    let range = requested_range(&request.headers, &etag, len);
    let (start, end) = match range {
        Range::Whole => (0, len),
        Range::Part { start, end } => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            set(response.headers_mut(), CONTENT_RANGE, &format!("bytes {start}-{}/{len}", end - 1));
            (start, end)
        }
        Range::Unsatisfiable => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            set(response.headers_mut(), CONTENT_RANGE, &format!("bytes */{len}"));
            return Ok(response);
        }
    };
    set(response.headers_mut(), CONTENT_LENGTH, &(end - start).to_string());
    if request.method == Method::GET {
        let mut file = File::open(path).await?;
        if start > 0 {
            file.seek(SeekFrom::Start(start)).await?;
        }
        // A file that shrinks meanwhile ends the connection early, one that grows is cut off: the length was promised.
        *response.body_mut() =
            Body::from_stream(ReaderStream::with_capacity(file.take(end - start), 64 * 1024));
    }
    Ok(response)
}

fn is_unchanged(headers: &HeaderMap, etag: &str, modified: Option<SystemTime>) -> bool {
    if let Some(known) = headers.get(IF_NONE_MATCH).and_then(|v| v.to_str().ok()) {
        return known.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag);
    }
    let since = headers.get(IF_MODIFIED_SINCE).and_then(|v| v.to_str().ok());
    match (since.and_then(|text| httpdate::parse_http_date(text).ok()), modified) {
        // HTTP dates have whole seconds.
        (Some(since), Some(modified)) => modified < since + Duration::from_secs(1),
        _ => false,
    }
}

enum Range {
    Whole,
    /// `end` is exclusive.
    Part {
        start: u64,
        end: u64,
    },
    Unsatisfiable,
}

/// One range is served; anything else that a client may ask for is answered with the whole, as HTTP allows.
fn requested_range(headers: &HeaderMap, etag: &str, len: u64) -> Range {
    if headers.get(IF_RANGE).is_some_and(|condition| condition.as_bytes() != etag.as_bytes()) {
        return Range::Whole;
    }
    let Some(spec) = headers.get(RANGE).and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("bytes="))
    else {
        return Range::Whole;
    };
    let Some((first, last)) = spec.split_once('-') else { return Range::Whole };
    let (start, end) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(start), Ok(last)) if start <= last => (start, last.saturating_add(1).min(len)),
        (Ok(start), Err(_)) if last.is_empty() => (start, len),
        (Err(_), Ok(suffix)) if first.is_empty() => (len.saturating_sub(suffix), len),
        _ => return Range::Whole,
    };
    if start < end { Range::Part { start, end } } else { Range::Unsatisfiable }
}

fn content_type(path: &Path) -> String {
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    let essence = mime.essence_str();
    let is_text = mime.type_() == mime_guess::mime::TEXT
        || matches!(essence, "application/json" | "application/javascript" | "application/manifest+json");
    match essence {
        // The type that the HTML standard wants; script loaders accept it everywhere.
        "application/javascript" => "text/javascript; charset=utf-8".into(),
        _ if is_text => format!("{essence}; charset=utf-8"),
        _ => essence.into(),
    }
}

fn entity_tag(len: u64, modified: Option<SystemTime>) -> String {
    let nanos =
        modified.and_then(|t| t.duration_since(SystemTime::UNIX_EPOCH).ok()).map_or(0, |d| d.as_nanos());
    format!("\"{len:x}-{nanos:x}\"")
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `unwrap_or_else` wants")]
fn unreadable(error: io::Error) -> Response<Body> {
    text(StatusCode::INTERNAL_SERVER_ERROR, &format!("the file cannot be read: {error}"))
}

fn text(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(message.to_owned()));
    *response.status_mut() = status;
    set(response.headers_mut(), CONTENT_TYPE, "text/plain; charset=utf-8");
    response
}

fn with_header(mut response: Response<Body>, name: HeaderName, value: &str) -> Response<Body> {
    set(response.headers_mut(), name, value);
    response
}

/// A value that cannot stand in a header (a path with strange bytes) leaves the header out.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = value.parse() {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    struct Site {
        _dir: tempfile::TempDir,
        tree: FileTree,
    }

    fn site() -> Site {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        std::fs::create_dir_all(root.join("sub")).unwrap();
        std::fs::create_dir_all(root.join(".well-known")).unwrap();
        for (name, content) in [
            ("root/index.html", "<p>home"),
            ("root/sub/index.html", "<p>sub"),
            ("root/sw.js", "0123456789"),
            ("root/a b.webmanifest", "{}"),
            ("root/.env", "SECRET"),
            ("root/.well-known/x.txt", "known"),
            ("secret.txt", "SECRET"),
        ] {
            std::fs::write(dir.path().join(name), content).unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(dir.path().join("secret.txt"), root.join("link.txt")).unwrap();
        let tree = FileTree::open(&root).unwrap();
        Site { _dir: dir, tree }
    }

    async fn get(site: &Site, path: &str, headers: &[(HeaderName, &str)]) -> (StatusCode, HeaderMap, String) {
        let mut request = axum::http::Request::get(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let response = site.tree.send(&request.body(()).unwrap().into_parts().0).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn files_come_with_their_types_and_folders_with_their_index() {
        let site = site();
        for (path, content, mime) in [
            ("/", "<p>home", "text/html; charset=utf-8"),
            ("/sub/", "<p>sub", "text/html; charset=utf-8"),
            ("/sw.js?v=1", "0123456789", "text/javascript; charset=utf-8"),
            ("/a%20b.webmanifest", "{}", "application/manifest+json; charset=utf-8"),
            ("/.well-known/x.txt", "known", "text/plain; charset=utf-8"),
        ] {
            let (status, headers, body) = get(&site, path, &[]).await;
            assert_eq!((status, body.as_str()), (StatusCode::OK, content), "{path}");
            assert_eq!(headers[CONTENT_TYPE], mime, "{path}");
            assert_eq!(headers[CONTENT_LENGTH], content.len().to_string(), "{path}");
        }
        let (status, headers, _) = get(&site, "/sub?q=1", &[]).await;
        assert_eq!(
            (status, headers[LOCATION].as_bytes()),
            (StatusCode::MOVED_PERMANENTLY, &b"/sub/?q=1"[..])
        );
    }

    #[tokio::test]
    async fn nothing_outside_the_folder_and_nothing_hidden_is_served() {
        let site = site();
        for path in [
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/sub/..%2f..%2fsecret.txt",
            "/..%5csecret.txt",
            "/.env",
            "/%2eenv",
            "/link.txt",
            "/sw.js/",
            "/sw.js%00",
            "/C:%5c",
            "//sub",
            "/missing",
            "/%ff",
        ] {
            let (status, _, body) = get(&site, path, &[]).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
            assert!(!body.contains("SECRET"), "{path}");
        }
        let (post, ()) = axum::http::Request::post("/").body(()).unwrap().into_parts();
        assert_eq!(site.tree.send(&post).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[tokio::test]
    async fn unchanged_files_are_not_sent_again() {
        let site = site();
        let (_, headers, _) = get(&site, "/sw.js", &[]).await;
        let etag = headers[ETAG].to_str().unwrap();
        let modified = headers[LAST_MODIFIED].to_str().unwrap();
        let weak = format!("\"x\", W/{etag}");
        for (name, value, expected) in [
            (IF_NONE_MATCH, etag, 304),
            (IF_NONE_MATCH, weak.as_str(), 304),
            (IF_NONE_MATCH, "*", 304),
            (IF_NONE_MATCH, "\"other\"", 200),
            (IF_MODIFIED_SINCE, modified, 304),
            (IF_MODIFIED_SINCE, "Thu, 01 Jan 1970 00:00:00 GMT", 200),
            (IF_MODIFIED_SINCE, "nonsense", 200),
        ] {
            let (status, _, _) = get(&site, "/sw.js", &[(name.clone(), value)]).await;
            assert_eq!(status.as_u16(), expected, "{name}: {value}");
        }
    }

    #[tokio::test]
    async fn one_range_is_served() {
        let site = site();
        for (range, status, body) in [
            ("bytes=2-4", 206, "234"),
            ("bytes=7-", 206, "789"),
            ("bytes=-3", 206, "789"),
            ("bytes=5-99", 206, "56789"),
            ("bytes=10-", 416, ""),
            ("bytes=4-2", 200, "0123456789"),
            ("bytes=0-1,3-4", 200, "0123456789"),
            ("lines=1-2", 200, "0123456789"),
        ] {
            let (got, _, content) = get(&site, "/sw.js", &[(RANGE, range)]).await;
            assert_eq!((got.as_u16(), content.as_str()), (status, body), "{range}");
        }
        let (status, _, _) = get(&site, "/sw.js", &[(RANGE, "bytes=2-4"), (IF_RANGE, "\"old\"")]).await;
        assert_eq!(status, StatusCode::OK);
    }
}
