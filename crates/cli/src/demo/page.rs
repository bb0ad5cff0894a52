//! A page without a browser: it loads its document, speaks the page protocol (`page/protocol.d.ts`) over the gateway's
//! WebSocket, and sends requests that pass through its worker, as the page script does in a browser.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use wakeworker_structured_clone::{Reader, Token};

/// An open page.
#[derive(Debug)]
pub(crate) struct Page {
    url: String,
    origin: String,
    http: reqwest::Client,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    calls: u64,
    /// What the gateway said while something else was awaited.
    unread: VecDeque<Value>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The status of a response.
    Status(u16),
    /// A network error: `fetch()` would have rejected.
    NetworkError,
}

/// How long the gateway may stay silent when something is expected of it.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);
const UNREAD_MAX: usize = 10_000;
/// The header by which the gateway marks an answer that stands for a network error.
const NETWORK_ERROR: &str = "wakeworker-network-error";

impl Page {
    /// Navigates to `url` and connects.
    pub(crate) async fn open(url: &str) -> Result<Page, PageError> {
        let failed = |why: String| PageError { what: format!("open {url}"), why };
        // Plain http to the own machine needs no TLS, but the client wants to know which one there is.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(ANSWER_TIME_MAX)
            .build()
            .map_err(|e| failed(chain(&e)))?;
        let response = http
            .get(url)
            .header("Accept", "text/html")
            .header("Sec-Fetch-Mode", "navigate")
            .header("Sec-Fetch-Dest", "document")
            .header("Sec-Fetch-Site", "none")
            .send()
            .await
            .map_err(|e| failed(chain(&e)))?;
        let status = response.status();
        let html = response.text().await.map_err(|e| failed(chain(&e)))?;
        if !status.is_success() {
            return Err(failed(format!("the answer is {status}: {html}")));
        }
        let client = attribute(&html, "data-client")
            .ok_or_else(|| failed("the document does not carry the page script".into()))?
            .to_owned();

        let origin = url::Url::parse(url).map_err(|e| failed(e.to_string()))?.origin().ascii_serialization();
        let socket_url = format!("{}/.wakeworker/socket", origin.replacen("http", "ws", 1));
        let mut request = socket_url.into_client_request().map_err(|e| failed(e.to_string()))?;
        let value = HeaderValue::try_from(origin.as_str()).map_err(|e| failed(e.to_string()))?;
        request.headers_mut().insert("Origin", value);
        let (socket, _) =
            tokio_tungstenite::connect_async(request).await.map_err(|e| failed(e.to_string()))?;
        let mut page = Page { url: url.to_owned(), origin, http, socket, calls: 0, unread: VecDeque::new() };
        page.send(&json!({
            "type": "hello", "protocol": 1, "client": client, "url": url, "frameType": "top-level", "topOrigin": null,
            "visibilityState": "visible", "focused": true, "controller": null,
        }))
        .await?;
        page.wait("be welcomed", |message| (message["type"] == "welcome").then(|| message.clone())).await.map(
            |welcome| {
                if !welcome["controller"].is_null() {
                    page.unread
                        .push_front(json!({ "type": "controller", "controller": welcome["controller"] }));
                }
                page
            },
        )
    }

    /// `navigator.serviceWorker.register(script)`.
    pub(crate) async fn register_worker(&mut self, script: &str) -> Result<u64, PageError> {
        let what = format!("register {script}");
        let params = json!({ "scriptUrl": script, "scope": null, "updateViaCache": "imports" });
        let registration = self.call(&what, "register", params).await?;
        registration["id"]
            .as_u64()
            .ok_or_else(|| PageError { what, why: format!("the gateway answered {registration}") })
    }

    /// Waits until a worker controls the page; gives the worker's script.
    pub(crate) async fn controlled(&mut self) -> Result<String, PageError> {
        self.wait("get a controller", |message| {
            let script = message["controller"]["worker"]["scriptUrl"].as_str()?;
            (message["type"] == "controller").then(|| script.to_owned())
        })
        .await
    }

    /// Sends JSON, as `fetch()` does in a page.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer, PageError> {
        let sent = self
            .http
            .post(format!("{}{path}", self.origin))
            .header("Content-Type", "application/json")
            .header("Origin", &self.origin)
            .header("Referer", &self.url)
            .header("Sec-Fetch-Mode", "cors")
            .header("Sec-Fetch-Dest", "empty")
            .header("Sec-Fetch-Site", "same-origin")
            .body(body.to_string())
            .send()
            .await;
        let response = sent.map_err(|e| PageError { what: format!("post to {path}"), why: chain(&e) })?;
        if response.headers().contains_key(NETWORK_ERROR) {
            return Ok(Answer::NetworkError);
        }
        Ok(Answer::Status(response.status().as_u16()))
    }

    /// Waits for something that the worker says with `client.postMessage()`; `wanted` gets the cloned value.
    pub(crate) async fn message<T>(
        &mut self,
        what: &str,
        wanted: impl Fn(&Value) -> Option<T>,
    ) -> Result<T, PageError> {
        self.wait(what, |message| {
            let data = message["data"].as_str().filter(|_| message["type"] == "message")?;
            wanted(&plain(data)?)
        })
        .await
    }

    /// The person closes the tab.
    pub(crate) async fn close(mut self) -> Result<(), PageError> {
        let failed = |e: &dyn fmt::Display| PageError { what: "be closed".into(), why: e.to_string() };
        self.socket.close(None).await.map_err(|e| failed(&e))?;
        let gone = async { while let Some(Ok(_)) = self.socket.next().await {} };
        tokio::time::timeout(ANSWER_TIME_MAX, gone).await.map_err(|e| failed(&e))
    }

    /// Asks the gateway a question of the page protocol; `what` says for an error message what the page is doing.
    pub(crate) async fn call(&mut self, what: &str, method: &str, params: Value) -> Result<Value, PageError> {
        self.calls += 1;
        let id = self.calls;
        self.send(&json!({ "type": "call", "id": id, "method": method, "params": params })).await?;
        let answer = self.wait(what, |message| (message["id"] == id).then(|| message.clone())).await?;
        if answer["type"] == "failure" {
            let why = format!(
                "{}: {}",
                answer["name"].as_str().unwrap_or("?"),
                answer["message"].as_str().unwrap_or("?")
            );
            return Err(PageError { what: what.to_owned(), why });
        }
        Ok(answer["value"].clone())
    }

    async fn send(&mut self, message: &Value) -> Result<(), PageError> {
        let sent = self.socket.send(Message::text(message.to_string())).await;
        sent.map_err(|e| PageError { what: "speak to the gateway".into(), why: e.to_string() })
    }

    /// Waits for the first message that `wanted` accepts; the others stay for whoever waits for them.
    async fn wait<T>(&mut self, what: &str, wanted: impl Fn(&Value) -> Option<T>) -> Result<T, PageError> {
        let failed = |why: String| PageError { what: what.to_owned(), why };
        for index in 0..self.unread.len() {
            if let Some(found) = wanted(&self.unread[index]) {
                self.unread.remove(index);
                return Ok(found);
            }
        }
        let answer = tokio::time::timeout(ANSWER_TIME_MAX, self.read_until(wanted)).await;
        let late = || format!("no answer within {} s", ANSWER_TIME_MAX.as_secs());
        answer.map_err(|_| failed(late()))?.map_err(failed)
    }

    async fn read_until<T>(&mut self, wanted: impl Fn(&Value) -> Option<T>) -> Result<T, String> {
        loop {
            let text = match self.socket.next().await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(_))) | None => return Err("the gateway closed the connection".into()),
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Err(error.to_string()),
            };
            let message =
                serde_json::from_str(&text).map_err(|e| format!("the gateway sent `{text}`: {e}"))?;
            if let Some(found) = wanted(&message) {
                return Ok(found);
            }
            if self.unread.len() < UNREAD_MAX {
                self.unread.push_back(message);
            }
        }
    }
}

/// What a page could not do, and why.
#[derive(Debug)]
pub(crate) struct PageError {
    what: String,
    why: String,
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the page could not {}: {}", self.what, self.why)
    }
}

impl std::error::Error for PageError {}

/// The value of an attribute of the page script's tag.
fn attribute<'a>(html: &'a str, name: &str) -> Option<&'a str> {
    let tag = &html[html.find("/.wakeworker/page.js")?..];
    let value = &tag[tag.find(&format!("{name}=\""))? + name.len() + 2..];
    value.split_once('"').map(|(value, _)| value)
}

/// A cloned value as JSON, as far as plain data goes; anything else is `None`.
fn plain(text: &str) -> Option<Value> {
    fn value(reader: &mut Reader<'_>, token: &Token<'_>) -> Option<Value> {
        Some(match token {
            Token::Null => Value::Null,
            Token::Boolean(value) => json!(value),
            Token::Int(value) => json!(value),
            Token::Double(value) => json!(value),
            Token::String(text) => json!(std::str::from_utf8(text).ok()?),
            Token::Array { .. } => {
                let mut all = Vec::new();
                loop {
                    match reader.next().ok()?? {
                        Token::End => break json!(all),
                        token => all.push(value(reader, &token)?),
                    }
                }
            }
            Token::Object => {
                let mut all = serde_json::Map::new();
                while let Token::Key(name) = reader.next().ok()?? {
                    let token = reader.next().ok()??;
                    all.insert(std::str::from_utf8(name).ok()?.to_owned(), value(reader, &token)?);
                }
                Value::Object(all)
            }
            _ => return None,
        })
    }
    let bytes = STANDARD.decode(text).ok()?;
    let mut reader = Reader::new(&bytes).ok()?;
    let token = reader.next().ok()??;
    value(&mut reader, &token)
}

/// The whole story of an error: what failed, because of what.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}
