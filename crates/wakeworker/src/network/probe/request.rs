//! The question that proves a network, and what counts as its answer.

use std::fmt;
use std::io::Read as _;
use std::net::IpAddr;
use std::time::Duration;
use ureq::http::{StatusCode, Uri};
use ureq::{Agent, Body};

/// A URL that the operator trusts to answer, and the answer that proves the network.
///
/// Plain HTTP on purpose: the network of a hotel or train that wants a login first answers in place of the server,
/// and that can only be seen without TLS. Any other answer than the expected one, such as a redirect to the login
/// page, counts as no network.
#[derive(Clone, Debug)]
pub struct Probe {
    pub(super) url: Uri,
    pub(super) expected: Expected,
    pub(super) timeout_ms: u64,
    pub(super) retry_delay_initial_ms: u64,
    pub(super) retry_delay_max_ms: u64,
}

/// The answer that proves the network.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Status 204.
    NoContent,
    /// Status 200 with this body; white space around it does not count.
    Body(String),
}

/// Why a probe cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProbeError {
    /// The text is not an absolute URL.
    InvalidUrl {
        /// The text.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The URL's scheme is not `http`.
    NotHttp {
        /// The URL.
        url: String,
    },
}

impl Probe {
    /// A probe of this `http:` URL, with a time limit of 2 s and, after failures, delays from 1 s to 60 s.
    pub fn new(url: &str, expected: Expected) -> Result<Probe, ProbeError> {
        let invalid = |problem: String| ProbeError::InvalidUrl { url: url.to_owned(), problem };
        let uri: Uri =
            url.parse().map_err(|error: ureq::http::uri::InvalidUri| invalid(error.to_string()))?;
        if uri.host().is_none_or(str::is_empty) {
            return Err(invalid("it has no host".to_owned()));
        }
        if uri.scheme_str() != Some("http") {
            return Err(ProbeError::NotHttp { url: url.to_owned() });
        }
        Ok(Probe {
            url: uri,
            expected,
            timeout_ms: 2_000,
            retry_delay_initial_ms: 1_000,
            retry_delay_max_ms: 60_000,
        })
    }

    /// Another time limit for the whole exchange.
    #[must_use]
    pub fn with_timeout_ms(mut self, timeout_ms: u64) -> Probe {
        self.timeout_ms = timeout_ms;
        self
    }

    /// Other delays after failures: the first one, doubled up to the longest one. At least 1 ms.
    #[must_use]
    pub fn with_retry_delays_ms(mut self, initial_ms: u64, max_ms: u64) -> Probe {
        self.retry_delay_initial_ms = initial_ms.max(1);
        self.retry_delay_max_ms = max_ms.max(1);
        self
    }

    /// Asks once, and waits for the answer.
    pub(super) fn is_answered(&self) -> bool {
        let mut config = Agent::config_builder()
            .timeout_global(Some(Duration::from_millis(self.timeout_ms)))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent("WakeWorker");
        if is_loopback(&self.url) {
            // A proxy cannot reach this machine's own addresses.
            config = config.proxy(None);
        }
        let request =
            Agent::new_with_config(config.build()).get(&self.url).header("cache-control", "no-cache");
        match request.call() {
            Ok(response) => match &self.expected {
                Expected::NoContent => response.status() == StatusCode::NO_CONTENT,
                Expected::Body(text) => {
                    response.status() == StatusCode::OK && has_body(response.into_body(), text)
                }
            },
            Err(_) => false,
        }
    }
}

/// Reads no more than it takes to know.
fn has_body(body: Body, expected: &str) -> bool {
    const WHITE_SPACE_BYTES_MAX: u64 = 64;
    let mut found = Vec::new();
    let limit = expected.len() as u64 + WHITE_SPACE_BYTES_MAX;
    let read = body.into_reader().take(limit).read_to_end(&mut found);
    read.is_ok() && std::str::from_utf8(&found).is_ok_and(|found| found.trim() == expected.trim())
}

fn is_loopback(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProbeError::InvalidUrl { url, problem } => {
                write!(
                    f,
                    "`{url}` is no URL to probe: {problem}; give one such as http://example.com/generate_204"
                )
            }
            ProbeError::NotHttp { url } => write!(
                f,
                "the URL `{url}` cannot prove a network: it must begin with http://, because only without TLS the \
                 answer of a login page can be told from the server's"
            ),
        }
    }
}

impl std::error::Error for ProbeError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::probe::testing::Server;

    fn answered(expected: Expected, response: &'static str) -> bool {
        let server = Server::start(vec![response]);
        Probe::new(&server.url(), expected).unwrap().is_answered()
    }

    #[test]
    fn only_the_expected_answer_proves_the_network() {
        let body = || Expected::Body("success".to_owned());
        let no_content = "HTTP/1.1 204 No Content\r\n\r\n";
        let success = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsuccess\n";
        let login = "HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n<html>success";
        let redirect =
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/login\r\ncontent-length: 0\r\n\r\n";
        let endless =
            "HTTP/1.1 200 OK\r\n\r\nsuccess and ever so much more that nobody asked for, more than is read";
        let denied = "HTTP/1.1 511 Network Authentication Required\r\ncontent-length: 0\r\n\r\n";
        assert!(answered(Expected::NoContent, no_content));
        assert!(answered(body(), success));
        for response in
            [success, login, redirect, endless, denied, "HTTP/1.1 20", "SSH-2.0-OpenSSH_9.2\r\n", ""]
        {
            assert!(!answered(Expected::NoContent, response), "{response}");
        }
        for response in
            [no_content, login, redirect, endless, denied, "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsucc"]
        {
            assert!(!answered(body(), response), "{response}");
        }
    }

    #[test]
    fn a_server_that_hangs_or_refuses_is_no_proof() {
        let hanging = Server::silent();
        let probe = Probe::new(&hanging.url(), Expected::NoContent).unwrap().with_timeout_ms(50);
        assert!(!probe.is_answered());
        let gone = Server::start(vec![]);
        let url = gone.url();
        drop(gone);
        assert!(!Probe::new(&url, Expected::NoContent).unwrap().is_answered());
    }

    #[test]
    fn a_url_that_cannot_prove_anything_is_refused_with_a_reason() {
        for (url, says) in [
            ("", "no URL"),
            ("/generate_204", "no host"),
            ("example.com", "must begin with http://"),
            ("https://example.com/", "must begin with http://"),
            ("ftp://example.com/", "must begin with http://"),
            ("http://exa mple.com/", "no URL"),
        ] {
            let message = Probe::new(url, Expected::NoContent).unwrap_err().to_string();
            assert!(message.contains(url) && message.contains(says), "{message}");
        }
    }
}
