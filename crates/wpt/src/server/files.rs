//! Files of the checkout, with their `.headers`, and the scripts that wrap `.any.js` files for workers.

use super::exchange::{Answer, Request};
use super::hosts::Hosts;
use super::substitute::{Escape, substitute};
use crate::meta::Meta;
use percent_encoding::percent_decode_str;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// What tests call the parser of IDL, and the file that it is.
const IDL_PARSER: &str = "/resources/WebIDLParser.js";
const IDL_PARSER_FILE: &str = "/resources/webidl2/lib/webidl2.js";

/// Answers with a file or a wrapper.
pub(crate) fn answer(root: &Path, request: &Request, hosts: &Hosts) -> Answer {
    let decoded = percent_decode_str(&request.path).decode_utf8_lossy().into_owned();
    for (suffix, is_module) in [(".any.worker.js", false), (".any.worker-module.js", true)] {
        if let Some(stem) = decoded.strip_suffix(suffix) {
            return wrapper(root, &format!("{stem}.any.js"), is_module, request, hosts);
        }
    }
    let decoded = if decoded == IDL_PARSER { IDL_PARSER_FILE.to_owned() } else { decoded };
    let Some(path) = inside(root, &decoded) else {
        return Answer::text(400, format!("`{decoded}` is no path of the checkout"));
    };
    match fs::read(&path) {
        Ok(content) => file(root, &path, content, request, hosts),
        Err(error) => unreadable(&decoded, &error),
    }
}

fn file(root: &Path, path: &Path, content: Vec<u8>, request: &Request, hosts: &Hosts) -> Answer {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name.ends_with(".asis") {
        return as_is(&content).unwrap_or_else(|| Answer::text(500, format!("`{name}` is no HTTP response")));
    }
    let mut answer = Answer::new(200).header("Content-Type", media_type(&name));
    let content = if is_substituted(&name) {
        match substitute(&content, request, hosts, root, escape_of(&name)) {
            Ok(content) => content,
            Err(problem) => return Answer::text(500, format!("in `{name}`, {problem}")),
        }
    } else {
        content
    };
    answer = answer.body(content);
    if let Err(problem) = add_headers(&mut answer, root, path, request, hosts) {
        return Answer::text(500, problem);
    }
    part_of(answer, request)
}

/// One range of a file, which is what tests of ranges ask for.
fn part_of(mut answer: Answer, request: &Request) -> Answer {
    let Some(range) = request.header("range").and_then(|range| String::from_utf8(range).ok()) else {
        return answer;
    };
    let Some(bytes) = answer.whole_body().cloned() else { return answer };
    let length = bytes.len();
    let bounds = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let number = |text: &str| text.trim().parse::<usize>().ok();
    let bounds = bounds.and_then(|(first, last)| match (number(first), number(last)) {
        (Some(first), last) if first < length => {
            Some((first, last.map_or(length, |last| last.saturating_add(1).min(length))))
        }
        (None, Some(count)) if first.trim().is_empty() && count > 0 => {
            Some((length.saturating_sub(count), length))
        }
        _ => None,
    });
    match bounds {
        Some((start, end)) if start < end => {
            answer.status = 206;
            answer.set("Content-Range", format!("bytes {start}-{}/{length}", end - 1));
            answer.body(bytes.slice(start..end))
        }
        _ => Answer::text(416, "").header("Content-Range", format!("bytes */{length}")),
    }
}

/// A worker's script that loads the harness, what META names, and the test itself.
fn wrapper(root: &Path, test: &str, is_module: bool, request: &Request, hosts: &Hosts) -> Answer {
    let Some(path) = inside(root, test) else {
        return Answer::text(400, format!("`{test}` is no path of the checkout"));
    };
    let source = match fs::read(&path) {
        Ok(source) => source,
        Err(error) => return unreadable(test, &error),
    };
    let meta = Meta::of(&String::from_utf8_lossy(&source));
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    let scripts = ["/resources/testharness.js".to_owned()]
        .into_iter()
        .chain(meta.scripts.iter().cloned())
        .chain([format!("{test}{query}")]);
    let load = |url: String| {
        let url = json(&url);
        if is_module { format!("import {url};\n") } else { format!("importScripts({url});\n") }
    };
    let title = meta.title.as_ref().map(|title| format!("self.META_TITLE = {};\n", json(title)));
    let mut answer = Answer::new(200).header("Content-Type", "text/javascript").body(format!(
        "{title}self.GLOBAL = {{\n  isWindow: () => false,\n  isWorker: () => true,\n  isShadowRealm: () => false,\n\
         }};\n{loads}done();\n",
        title = title.unwrap_or_default(),
        loads = scripts.map(load).collect::<String>(),
    ));
    match add_headers(&mut answer, root, &path, request, hosts) {
        Ok(()) => answer,
        Err(problem) => Answer::text(500, problem),
    }
}

/// The headers of `__dir__.headers` and of `NAME.headers`, or of the same with `.sub.`.
fn add_headers(
    answer: &mut Answer,
    root: &Path,
    path: &Path,
    request: &Request,
    hosts: &Hosts,
) -> Result<(), String> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    for base in ["__dir__".to_owned(), name] {
        for suffix in [".sub.headers", ".headers"] {
            let file = path.with_file_name(format!("{base}{suffix}"));
            let Ok(content) = fs::read(&file) else { continue };
            let content = if suffix == ".headers" {
                content
            } else {
                substitute(&content, request, hosts, root, Escape::None)
                    .map_err(|problem| format!("in `{}`, {problem}", file.display()))?
            };
            let lines = header_lines(&content);
            // A header of the file replaces the usual one; several of one name stay several.
            for (name, _) in &lines {
                answer.headers.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
            }
            answer.headers.extend(lines);
            break;
        }
    }
    Ok(())
}

fn header_lines(content: &[u8]) -> Vec<(String, Vec<u8>)> {
    let lines = content.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    lines
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = String::from_utf8_lossy(line[..colon].trim_ascii()).into_owned();
            Some((name, line[colon + 1..].trim_ascii().to_vec()))
        })
        .collect()
}

/// A file that is a whole response.
fn as_is(content: &[u8]) -> Option<Answer> {
    let text_end = [&b"\r\n\r\n"[..], b"\n\n"]
        .iter()
        .filter_map(|end| {
            content.windows(end.len()).position(|found| found == *end).map(|at| (at, end.len()))
        })
        .min()?;
    let (head, body) = (&content[..text_end.0], &content[text_end.0 + text_end.1..]);
    let line_end = head.iter().position(|byte| *byte == b'\n').unwrap_or(head.len());
    let status_line = String::from_utf8_lossy(&head[..line_end]).into_owned();
    let mut words = status_line.trim_end().splitn(3, ' ');
    let status = words.nth(1)?.parse().ok()?;
    let mut answer = Answer::new(status).body(body.to_vec());
    answer.reason = words.next().map(|reason| reason.as_bytes().to_vec());
    answer.headers = header_lines(&head[line_end..]);
    Some(answer)
}

/// The file for a path, if it is inside the checkout.
fn inside(root: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path.trim_start_matches('/'));
    let is_plain = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    is_plain.then(|| root.join(relative))
}

fn unreadable(path: &str, error: &io::Error) -> Answer {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => {
            Answer::text(404, format!("the checkout has no `{path}`"))
        }
        _ => Answer::text(500, format!("`{path}` cannot be read: {error}")),
    }
}

fn is_substituted(name: &str) -> bool {
    name.contains(".sub.")
}

fn escape_of(name: &str) -> Escape {
    let extension = name.rsplit('.').next().unwrap_or_default();
    match extension {
        "html" | "htm" | "xht" | "xhtml" | "xml" | "svg" => Escape::Html,
        _ => Escape::None,
    }
}

fn media_type(name: &str) -> String {
    let known = match name.rsplit('.').next().unwrap_or_default() {
        "js" | "mjs" => "text/javascript",
        "json" => "application/json",
        "html" | "htm" => "text/html",
        "txt" => "text/plain",
        "idl" => "text/plain",
        _ => return mime_guess::from_path(name).first_or_octet_stream().to_string(),
    };
    known.to_owned()
}

/// A string of JavaScript.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Checkout(tempfile::TempDir);

    impl Checkout {
        fn with(files: &[(&str, &str)]) -> Checkout {
            let root = tempfile::tempdir().unwrap();
            for (path, content) in files {
                let path = root.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
            Checkout(root)
        }

        fn get(&self, path: &str, headers: &[(&str, &str)]) -> (u16, Vec<(String, String)>, String) {
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
            let request = Request {
                path: path.to_owned(),
                query: query.to_owned(),
                headers: headers.collect(),
                ..Request::default()
            };
            let answer = answer(self.0.path(), &request, &Hosts { http: [8001, 8002], https: [8443, 8444] });
            let body = String::from_utf8(answer.whole_body().unwrap().to_vec()).unwrap();
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            let headers = answer.headers.into_iter().map(|(name, value)| (name, text(value))).collect();
            (answer.status, headers, body)
        }
    }

    #[test]
    fn a_worker_loads_the_harness_then_what_meta_names_then_the_test() {
        let source = "// META: title=It \"works\"\n// META: script=../a.js\ntest();";
        let checkout = Checkout::with(&[("url/x.any.js", source)]);
        let (status, _, body) = checkout.get("/url/x.any.worker.js?1-2", &[]);
        assert_eq!(status, 200);
        let loads: Vec<_> = body.lines().filter(|line| line.starts_with("importScripts")).collect();
        assert_eq!(
            loads,
            [
                r#"importScripts("/resources/testharness.js");"#,
                r#"importScripts("../a.js");"#,
                r#"importScripts("/url/x.any.js?1-2");"#,
            ]
        );
        assert!(body.starts_with(r#"self.META_TITLE = "It \"works\"";"#), "{body}");
        let (_, _, module) = checkout.get("/url/x.any.worker-module.js", &[]);
        assert!(module.contains("import \"/url/x.any.js\";\ndone();"), "{module}");
    }

    #[test]
    fn headers_beside_a_file_replace_the_usual_ones() {
        let checkout = Checkout::with(&[
            ("a/x.txt", "{{host}}"),
            ("a/x.txt.headers", "Content-Type: a/b\r\nX-One: 1\nX-One: 2\n"),
            ("a/__dir__.headers", "X-Dir: all\nX-One: 0"),
            ("a/y.sub.txt", "{{host}}"),
            ("a/y.sub.txt.sub.headers", "X-Port: {{ports[http][0]}}"),
        ]);
        let (_, headers, body) = checkout.get("/a/x.txt", &[]);
        let expected = [("X-Dir", "all"), ("Content-Type", "a/b"), ("X-One", "1"), ("X-One", "2")];
        assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(body, "{{host}}");
        let (_, headers, body) = checkout.get("/a/y.sub.txt", &[]);
        assert_eq!(body, "web-platform.localhost");
        assert!(headers.contains(&("X-Port".to_owned(), "8001".to_owned())), "{headers:?}");
    }

    #[test]
    fn a_range_is_a_part() {
        let checkout = Checkout::with(&[("a.bin", "0123456789")]);
        for (range, status, expected) in [
            ("bytes=2-4", 206, "234"),
            ("bytes=7-", 206, "789"),
            ("bytes=-2", 206, "89"),
            ("bytes=10-", 416, ""),
            ("lines=1-2", 416, ""),
        ] {
            let (found, _, body) = checkout.get("/a.bin", &[("range", range)]);
            assert_eq!((found, body.as_str()), (status, expected), "{range}");
        }
    }

    #[test]
    fn nothing_outside_of_the_checkout_is_served() {
        let checkout = Checkout::with(&[("a/x.txt", "x")]);
        assert_eq!(checkout.get("/../etc/passwd", &[]).0, 400);
        assert_eq!(checkout.get("/a/%2e%2e/%2e%2e/etc/passwd", &[]).0, 400);
        assert_eq!(checkout.get("/a/none.txt", &[]).0, 404);
        assert_eq!(checkout.get("/a", &[]).0, 404);
    }

    #[test]
    fn the_parser_of_idl_has_two_names() {
        let checkout = Checkout::with(&[("resources/webidl2/lib/webidl2.js", "parser")]);
        assert_eq!(checkout.get("/resources/WebIDLParser.js", &[]).2, "parser");
    }

    #[test]
    fn a_file_can_be_a_whole_response() {
        let checkout = Checkout::with(&[("a/x.asis", "HTTP/1.1 201 Made Up\nX-Test: 1\n\nbody")]);
        let (status, headers, body) = checkout.get("/a/x.asis", &[]);
        assert_eq!((status, body.as_str()), (201, "body"));
        assert_eq!(headers, [("X-Test".to_owned(), "1".to_owned())]);
    }
}
