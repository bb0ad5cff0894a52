//! A request and its answer, as files, pipes and handlers see them.

use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use percent_encoding::percent_decode_str;

/// The body of an answer; an error breaks the connection off.
pub(crate) type Body = UnsyncBoxBody<Bytes, Broken>;
/// Writes a body part by part.
pub(crate) type BodyWriter = Sender<Bytes, Broken>;

/// A body that was broken off on purpose.
#[derive(Debug)]
pub(crate) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the body was broken off, as the test wants it")
    }
}

impl std::error::Error for Broken {}

/// What a worker asked for. Header names are lower case; values and parameters are bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) is_secure: bool,
    /// The host as it was asked for, with its port.
    pub(crate) host: String,
    /// Still percent-encoded.
    pub(crate) path: String,
    /// Without its question mark.
    pub(crate) query: String,
    pub(crate) parameters: Vec<(String, Vec<u8>)>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Bytes,
}

impl Request {
    /// The first parameter of this name.
    pub(crate) fn parameter(&self, name: &str) -> Option<&[u8]> {
        self.parameters.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_slice())
    }

    /// The same as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.parameter(name).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// The same as a number, if it is one.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.trim().parse().ok()
    }

    /// A header; several of one name are one list.
    pub(crate) fn header(&self, name: &str) -> Option<Vec<u8>> {
        let mut values = self.headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        let mut all = values.next()?.1.clone();
        for (_, value) in values {
            all.extend_from_slice(b", ");
            all.extend_from_slice(value);
        }
        Some(all)
    }

    /// The path's directory, with its last slash.
    pub(crate) fn directory(&self) -> &str {
        self.path.rfind('/').map_or("/", |at| &self.path[..=at])
    }

    pub(crate) fn scheme(&self) -> &'static str {
        if self.is_secure { "https" } else { "http" }
    }
}

/// The parameters of a query, percent-decoded to bytes.
pub(crate) fn parameters(query: &str) -> Vec<(String, Vec<u8>)> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).collect::<Vec<u8>>();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (String::from_utf8_lossy(&decode(name)).into_owned(), decode(value))
        })
        .collect()
}

/// What is answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The reason phrase, if it is not the usual one.
    pub(crate) reason: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Content,
}

/// The body of an answer before it is sent.
pub(crate) enum Content {
    Whole(Bytes),
    /// Somebody writes it.
    Streamed(Channel<Bytes, Broken>),
}

impl Answer {
    pub(crate) fn new(status: u16) -> Answer {
        Answer { status, reason: None, headers: Vec::new(), body: Content::Whole(Bytes::new()) }
    }

    pub(crate) fn text(status: u16, text: impl Into<String>) -> Answer {
        Answer::new(status).header("Content-Type", "text/plain").body(text.into())
    }

    /// An answer whose body the given task writes.
    pub(crate) fn streamed<F>(status: u16, write: impl FnOnce(BodyWriter) -> F) -> Answer
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, channel) = Channel::new(1);
        tokio::spawn(write(sender));
        Answer { body: Content::Streamed(channel), ..Answer::new(status) }
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Answer {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Sets a header, which then is there once.
    pub(crate) fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.headers.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Answer {
        self.body = Content::Whole(body.into());
        self
    }

    /// The bytes of a body that is there already.
    pub(crate) fn whole_body(&self) -> Option<&Bytes> {
        match &self.body {
            Content::Whole(bytes) => Some(bytes),
            Content::Streamed(_) => None,
        }
    }
}

impl Content {
    pub(crate) fn into_body(self) -> Body {
        match self {
            Content::Whole(bytes) => Full::new(bytes).map_err(|never| match never {}).boxed_unsync(),
            Content::Streamed(channel) => channel.boxed_unsync(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_bytes() {
        let found = parameters("a=1+2&b=%ff%00&c&a=3&&d=x%3Dy");
        let expected: [(&str, &[u8]); 5] =
            [("a", b"1 2"), ("b", b"\xff\0"), ("c", b""), ("a", b"3"), ("d", b"x=y")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_vec())));
    }

    #[test]
    fn headers_of_one_name_are_one_list() {
        let headers = [("a", "1"), ("b", "2"), ("a", "3")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
        let request = Request { headers, path: "/x/y.py".to_owned(), ..Request::default() };
        assert_eq!(request.header("A"), Some(b"1, 3".to_vec()));
        assert_eq!(request.header("c"), None);
        assert_eq!(request.directory(), "/x/");
    }
}
