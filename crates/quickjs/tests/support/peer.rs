//! A WebSocket server whose paths behave in different ways, well and badly.

use super::Log;
use futures_util::{SinkExt, StreamExt};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::channel;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

/// The server; its connections end with it.
pub(crate) struct Peer {
    address: SocketAddr,
    /// What happened: `open PATH`, `text …`, `close CODE REASON`, `gone PATH`.
    pub(crate) seen: Arc<Log<String>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Peer {
    pub(crate) fn start() -> Peer {
        Peer::listen(None)
    }

    /// The same behind TLS.
    pub(crate) fn start_secure(config: ServerConfig) -> Peer {
        Peer::listen(Some(TlsAcceptor::from(Arc::new(config))))
    }

    fn listen(acceptor: Option<TlsAcceptor>) -> Peer {
        let (tell, address) = channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let seen = Arc::new(Log::default());
        let log = seen.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.spawn(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let log = log.clone();
                    match acceptor.clone() {
                        None => drop(tokio::spawn(serve(stream, log))),
                        Some(acceptor) => drop(tokio::spawn(async move {
                            // A client that does not like the certificate goes away here.
                            let Ok(stream) = acceptor.accept(stream).await else { return };
                            serve(stream, log).await;
                        })),
                    }
                }
            });
            // What is still running is dropped with the runtime.
            let _ = runtime.block_on(stopped);
        });
        let address = super::wait(&address);
        Peer { address, seen, stop: Some(stop), thread: Some(thread) }
    }

    /// `ws://…` without a path.
    pub(crate) fn base(&self) -> String {
        format!("ws://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Waits for an entry that begins so.
    pub(crate) fn wait_for(&self, start: &str) -> String {
        self.seen.wait_for(|entry| entry.starts_with(start).then(|| entry.clone()))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

/// The head of a request: its path, and its headers by lower-case name.
struct Head {
    path: String,
    headers: HashMap<String, String>,
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<Head> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(stream.read_u8().await.ok()?);
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut lines = text.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let pairs = lines.filter_map(|line| line.split_once(": "));
    let headers = pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Some(Head { path, headers })
}

/// Speaks with one client, over whatever connection.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, seen: Arc<Log<String>>) {
    let Some(head) = read_head(&mut stream).await else { return };
    seen.push(format!("open {}", head.path));
    let (path, query) = head.path.split_once('?').unwrap_or((&head.path, ""));
    let refusal = match path {
        "/redirect" => Some("302 Found\r\nLocation: /echo"),
        "/missing" => Some("404 Not Found"),
        "/plain" => Some("200 OK"),
        _ => None,
    };
    if let Some(refusal) = refusal {
        // A client that has gone does not mind.
        let _ = stream.write_all(format!("HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await;
        return;
    }
    if path == "/hang" {
        return std::future::pending().await;
    }
    let key = head.headers.get("sec-websocket-key").cloned().unwrap_or_default();
    let mut accept = derive_accept_key(key.as_bytes());
    if path == "/wrong-key" {
        accept = derive_accept_key(b"another");
    }
    let extra = match path {
        "/protocol" => format!("Sec-WebSocket-Protocol: {query}\r\n"),
        "/extension" => "Sec-WebSocket-Extensions: permessage-deflate\r\n".to_owned(),
        "/cookie" => "Set-Cookie: socket=yes\r\n".to_owned(),
        _ => String::new(),
    };
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{extra}\r\n"
    );
    if stream.write_all(answer.as_bytes()).await.is_err() {
        return;
    }
    behave(stream, path, query, &head, &seen).await;
    seen.push(format!("gone {path}"));
}

async fn behave(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    path: &str,
    query: &str,
    head: &Head,
    seen: &Log<String>,
) {
    // What is written to a client that has gone is lost, which is what those who write for ever wait for.
    match path {
        "/drop" => return,
        // A text frame with a byte that no UTF-8 has.
        "/utf8" => drop(stream.write_all(b"\x81\x02a\xff").await),
        // Reserved bits.
        "/reserved" => drop(stream.write_all(b"\xf1\x01a").await),
        // A frame that is said to have 2^40 bytes.
        "/announced" => drop(stream.write_all(b"\x82\x7f\0\0\x01\0\0\0\0\0aaaa").await),
        // A message in ever more parts.
        "/parts" => {
            let mut sent = stream.write_all(b"\x02\x7e\x10\x00").await;
            while sent.is_ok() {
                sent = stream.write_all(&[b'a'; 4096]).await;
                if sent.is_ok() {
                    sent = stream.write_all(b"\x00\x7e\x10\x00").await;
                }
            }
            return;
        }
        // Half of a message, and then nothing.
        "/half" => drop(stream.write_all(&[b"\x02\x7e\xff\xff".as_slice(), &[b'a'; 60_000]].concat()).await),
        "/pings" => {
            while stream.write_all(&b"\x89\x04ping".repeat(1000)).await.is_ok() {}
            return;
        }
        "/deaf" => return std::future::pending().await,
        _ => {}
    }
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    match path {
        "/headers" => {
            let mut names: Vec<_> =
                head.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
            names.sort();
            drop(socket.send(Message::text(names.join("|"))).await);
        }
        "/close" => {
            let (code, reason) = query.split_once(',').unwrap_or((query, ""));
            let frame = code.parse::<u16>().ok();
            let frame = frame.map(|code| CloseFrame { code: code.into(), reason: reason.into() });
            drop(socket.send(Message::Close(frame)).await);
        }
        "/flood" => {
            let text = "x".repeat(1000);
            for n in 0.. {
                if socket.send(Message::text(format!("{n} {text}"))).await.is_err() {
                    return;
                }
                if n == 40_000 {
                    seen.push("flooded".to_owned());
                }
            }
        }
        _ => {}
    }
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(text) => {
                seen.push(format!("text {text}"));
                drop(socket.send(Message::Text(text)).await);
            }
            Message::Binary(bytes) => drop(socket.send(Message::Binary(bytes)).await),
            Message::Close(Some(frame)) => {
                seen.push(format!("close {} {}", u16::from(frame.code), frame.reason))
            }
            Message::Close(None) => seen.push("close".to_owned()),
            _ => {}
        }
    }
}
