//! `{{…}}` in files whose name has `.sub.`, and in files that are asked for with the pipe `sub`.

use super::exchange::Request;
use super::hosts::Hosts;
use std::collections::HashMap;
use std::path::Path;
use uuid::Uuid;

/// How a substituted value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escape {
    None,
    Html,
}

/// Replaces every `{{…}}`; an error says which one has no value.
pub(crate) fn substitute(
    content: &[u8],
    request: &Request,
    hosts: &Hosts,
    root: &Path,
    escape: Escape,
) -> Result<Vec<u8>, String> {
    let mut variables = HashMap::new();
    let mut out = Vec::with_capacity(content.len());
    let mut rest = content;
    while let Some(start) = find(rest, b"{{") {
        let Some(length) = find(&rest[start..], b"}}") else { break };
        out.extend_from_slice(&rest[..start]);
        let expression = &rest[start + 2..start + length];
        let value = std::str::from_utf8(expression).ok().and_then(|text| {
            Evaluation { request, hosts, root, variables: &mut variables }.value(text.trim())
        });
        let Some(value) = value else {
            return Err(format!("`{{{{{}}}}}` has no value here", String::from_utf8_lossy(expression)));
        };
        match escape {
            Escape::None => out.extend_from_slice(&value),
            Escape::Html => out.extend_from_slice(&html(&value)),
        }
        rest = &rest[start + length + 2..];
    }
    out.extend_from_slice(rest);
    Ok(out)
}

struct Evaluation<'a> {
    request: &'a Request,
    hosts: &'a Hosts,
    root: &'a Path,
    /// What `{{$name:uuid()}}` has set.
    variables: &'a mut HashMap<String, Vec<u8>>,
}

impl Evaluation<'_> {
    fn value(&mut self, expression: &str) -> Option<Vec<u8>> {
        if let Some(variable) = expression.strip_prefix('$') {
            return match variable.split_once(':') {
                Some((name, expression)) => {
                    let value = self.value(expression)?;
                    self.variables.insert(name.to_owned(), value.clone());
                    Some(value)
                }
                None => self.variables.get(variable).cloned(),
            };
        }
        if let Some((function, arguments)) = call(expression) {
            return self.call(function, &arguments);
        }
        let (field, keys) = indexed(expression)?;
        let text = |value: String| Some(value.into_bytes());
        match (field, keys.as_slice()) {
            ("host", []) => text(Hosts::host("")?.to_owned()),
            ("domains", [subdomain]) => text(Hosts::domain("", subdomain)?),
            ("hosts", [alias, subdomain]) => text(Hosts::domain(alias, subdomain)?),
            ("ports", [protocol, index]) => text(self.hosts.port(protocol, index.parse().ok()?)?.to_string()),
            ("GET", [name]) => self.request.parameter(name).map(<[u8]>::to_vec),
            ("headers", [name]) => self.request.header(name),
            ("url_base", []) => text("/".to_owned()),
            ("location", [part]) => text(self.location(part)?),
            _ => None,
        }
    }

    fn call(&self, function: &str, arguments: &[&str]) -> Option<Vec<u8>> {
        match (function, arguments) {
            ("uuid", []) => Some(Uuid::new_v4().to_string().into_bytes()),
            ("header_or_default", [name, default]) => {
                Some(self.request.header(name).unwrap_or_else(|| default.as_bytes().to_vec()))
            }
            ("fs_path", [path]) => {
                let directory = self.request.directory().trim_start_matches('/');
                Some(self.root.join(directory).join(path).display().to_string().into_bytes())
            }
            _ => None,
        }
    }

    /// The parts of the request's URL as `location` has them, and `server` for its origin.
    fn location(&self, part: &str) -> Option<String> {
        let request = self.request;
        let (hostname, port) = request.host.rsplit_once(':').unwrap_or((&request.host, ""));
        let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
        Some(match part {
            "scheme" => request.scheme().to_owned(),
            "server" => format!("{}://{}", request.scheme(), request.host),
            "host" => request.host.clone(),
            "hostname" => hostname.to_owned(),
            "port" => port.to_owned(),
            "pathname" => request.path.clone(),
            "path" => format!("{}{query}", request.path),
            "query" => query,
            _ => return None,
        })
    }
}

/// `field[key][key]`.
fn indexed(expression: &str) -> Option<(&str, Vec<&str>)> {
    let Some((field, rest)) = expression.split_once('[') else { return Some((expression, Vec::new())) };
    let keys = rest.strip_suffix(']')?.split("][");
    Some((field, keys.map(|key| key.trim_matches(['"', '\''])).collect()))
}

/// `function(argument, argument)`.
fn call(expression: &str) -> Option<(&str, Vec<&str>)> {
    let (function, rest) = expression.split_once('(')?;
    let arguments = rest.strip_suffix(')')?.split(',').map(str::trim).filter(|argument| !argument.is_empty());
    Some((function, arguments.collect()))
}

fn html(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for byte in value {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            other => out.push(*other),
        }
    }
    out
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::super::exchange::parameters;
    use super::*;

    fn check(template: &str, expected: Result<&str, &str>) {
        let query = "x=1%262&y=%3Cb%3E".to_owned();
        let request = Request {
            host: "www.web-platform.localhost:8001".to_owned(),
            path: "/a/b.sub.js".to_owned(),
            parameters: parameters(&query),
            query,
            headers: vec![("x-test".to_owned(), b"seen".to_vec())],
            ..Request::default()
        };
        let hosts = Hosts { http: [8001, 8002], https: [8443, 8444] };
        let found = substitute(template.as_bytes(), &request, &hosts, Path::new("/checkout"), Escape::None);
        let found = found.map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{template}");
    }

    #[test]
    fn names_and_ports_are_those_of_the_server() {
        check("'{{host}}:{{ports[http][1]}}'", Ok("'web-platform.localhost:8002'"));
        check(
            "{{domains[www1]}} {{hosts[alt][]}}",
            Ok("www1.web-platform.localhost not-web-platform.localhost"),
        );
        check("{{ports[wss][0]}}", Ok("8443"));
    }

    #[test]
    fn the_request_can_be_asked_for() {
        check("{{GET[x]}}{{headers[X-Test]}}", Ok("1&2seen"));
        check("{{header_or_default(x-none, no)}}", Ok("no"));
        check("{{location[server]}}", Ok("http://www.web-platform.localhost:8001"));
        check("{{location[hostname]}} {{location[port]}}", Ok("www.web-platform.localhost 8001"));
        check("{{location[path]}}", Ok("/a/b.sub.js?x=1%262&y=%3Cb%3E"));
    }

    #[test]
    fn a_variable_keeps_its_value() {
        let request = Request::default();
        let hosts = Hosts { http: [1, 2], https: [3, 4] };
        let content = b"{{$id:uuid()}} {{$id}}";
        let found = substitute(content, &request, &hosts, Path::new("/"), Escape::None).unwrap();
        let found = String::from_utf8(found).unwrap();
        let (first, second) = found.split_once(' ').unwrap();
        assert_eq!((first.len(), first), (36, second));
    }

    #[test]
    fn what_has_no_value_is_an_error_and_what_is_not_closed_is_text() {
        check("a {{GET[none]}}", Err("`{{GET[none]}}` has no value here"));
        check("{{nothing()}}", Err("`{{nothing()}}` has no value here"));
        check("open {{ end", Ok("open {{ end"));
    }

    #[test]
    fn values_in_documents_are_escaped() {
        let request = Request { parameters: parameters("y=%3Cb%3E"), ..Request::default() };
        let hosts = Hosts { http: [1, 2], https: [3, 4] };
        let found = substitute(b"<p>{{GET[y]}}", &request, &hosts, Path::new("/"), Escape::Html).unwrap();
        assert_eq!(found, b"<p>&lt;b&gt;");
    }
}
