//! One WebSocket on its connection: handshake, messages both ways, goodbye.

use super::handshake::Order;
use super::link::{Content, Ending, Link};
use super::metered::{Metered, Unfinished};
use crate::body::{Meter, Weight};
use futures_util::future::{Either, select};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// What the worker asks of its connection. When nobody can ask any more, the worker has stopped.
pub(crate) enum Command {
    /// The bytes are counted until they are on their way.
    Send(Content, Weight),
    /// Say goodbye after what was sent before; with a code and a reason.
    Close(Option<(u16, String)>),
}

/// The limits of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) message_bytes_max: usize,
    /// For all connections of the worker together.
    pub(crate) received_bytes_max: usize,
    pub(crate) handshake: Duration,
    pub(crate) close: Duration,
}

/// A connection that is to be.
pub(crate) struct Session {
    pub(crate) order: Order,
    pub(crate) link: Arc<Link>,
    pub(crate) commands: UnboundedReceiver<Command>,
    pub(crate) limits: Limits,
    /// Counts what the worker's connections have received and it has not got.
    pub(crate) received: Meter,
    /// Dropped when the connection is over.
    pub(crate) _place: Box<dyn Send + Sync>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.link.finish(Ending::failed("the connection was cut off"));
    }
}

/// Speaks the WebSocket protocol over the connection that a transport makes. Dropped without one, it fails.
pub struct SocketSink(Session);

impl SocketSink {
    pub(crate) fn new(session: Session) -> SocketSink {
        SocketSink(session)
    }

    /// Speaks with the server at the other end of `stream`, to which nothing was written yet, until the connection is over. Runs in
    /// a tokio runtime whose time is enabled.
    pub async fn serve(mut self, stream: impl AsyncRead + AsyncWrite + Send + Unpin) {
        let ending = self.0.run(stream).await;
        self.0.link.finish(ending);
    }

    /// There is no connection; `message` says why, for people.
    pub fn error(self, message: String) {
        self.0.link.finish(Ending::failed(message));
    }
}

impl fmt::Debug for SocketSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketSink").field("url", &self.0.order.url.as_str()).finish_non_exhaustive()
    }
}

/// Small, because a worker may have many connections that are silent.
const BUFFER_BYTES: usize = 16 * 1024;

type Writer<S> = SplitSink<WebSocketStream<Metered<S>>, Message>;
type Reader<S> = SplitStream<WebSocketStream<Metered<S>>>;

impl Session {
    async fn run(&mut self, stream: impl AsyncRead + AsyncWrite + Send + Unpin) -> Ending {
        let unfinished = Unfinished::new(self.received.clone(), self.limits.received_bytes_max);
        let stream = Metered { stream, unfinished: unfinished.clone() };
        let handshake = timeout(self.limits.handshake, self.shake_hands(stream)).await;
        let (socket, protocol) = match handshake {
            Ok(Ok(opened)) => opened,
            Ok(Err(problem)) => return Ending::failed(problem),
            Err(_) => {
                let limit = self.limits.handshake.as_millis();
                return Ending::failed(format!(
                    "the handshake took longer than {limit} ms, the limit `connect_timeout_ms`"
                ));
            }
        };
        unfinished.message();
        self.link.opened(protocol);
        let (mut writer, mut reader) = socket.split();
        let (link, limits) = (self.link.clone(), self.limits);
        let fault = {
            let reading = pin!(read(&mut reader, &link, &unfinished, &self.received, limits));
            let writing = pin!(write(&mut writer, &link, &mut self.commands));
            let abandoned = pin!(abandoned(&link, limits.close));
            match select(reading, select(writing, abandoned)).await {
                Either::Left((ended, _)) => ended,
                Either::Right((Either::Right(_), _)) => return Ending::cut_off(),
                Either::Right((Either::Left((Err(problem), _)), _)) => return Ending::failed(problem),
                Either::Right((Either::Left((Ok(()), _)), reading)) => {
                    // The other side may take its time to say goodbye, but not for ever.
                    match timeout(limits.close, reading).await {
                        Ok(ended) => ended,
                        Err(_) => return Ending::cut_off(),
                    }
                }
            }
        };
        match fault {
            Ok(ending) => ending,
            Err(error) => {
                if let Some(frame) = farewell(&error) {
                    // The connection is lost either way; who is told is told.
                    let _ = timeout(limits.close, writer.send(Message::Close(Some(frame)))).await;
                }
                Ending::failed(describe(&error))
            }
        }
    }

    async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> Result<(WebSocketStream<S>, String), String> {
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(BUFFER_BYTES)
            .max_message_size(Some(self.limits.message_bytes_max))
            .max_frame_size(Some(self.limits.message_bytes_max));
        let opened = client_async_with_config(self.order.handshake()?, stream, Some(config)).await;
        let (socket, response) = opened.map_err(|error| {
            if let Error::Http(response) = &error {
                self.order.take_cookies(response.headers());
            }
            describe(&error)
        })?;
        self.order.take_cookies(response.headers());
        let protocol = self.order.check(&response)?;
        Ok((socket, protocol))
    }
}

/// Waits until nobody is there any more for whom the connection would have to end well: its worker was given up, or has
/// stopped, and the server had its time to take what was sent to it.
async fn abandoned(link: &Link, patience: Duration) {
    let stopped = pin!(async {
        link.left().await;
        tokio::time::sleep(patience).await;
    });
    select(pin!(link.broken()), stopped).await;
}

/// Reads until the connection is over, as fast as the worker takes messages.
async fn read<S: AsyncRead + AsyncWrite + Unpin>(
    reader: &mut Reader<S>,
    link: &Link,
    unfinished: &Unfinished,
    received: &Meter,
    limits: Limits,
) -> Result<Ending, Error> {
    let goodbye = loop {
        link.room().await;
        let content = match reader.next().await {
            Some(Ok(Message::Text(text))) => Content::Text(text),
            Some(Ok(Message::Binary(bytes))) => Content::Binary(bytes),
            Some(Ok(Message::Ping(bytes) | Message::Pong(bytes))) => {
                unfinished.control(bytes.len());
                continue;
            }
            Some(Ok(Message::Close(frame))) => break frame,
            Some(Ok(Message::Frame(_))) => continue,
            Some(Err(error)) => return Err(error),
            None => return Err(Error::ConnectionClosed),
        };
        unfinished.message();
        let weight = received.weigh(content.waiting_bytes());
        link.message(content, weight);
    };
    // Sends the answer to the goodbye; then it is the server who ends the connection.
    let _ = timeout(limits.close, async { while let Some(Ok(_)) = reader.next().await {} }).await;
    let (code, reason) = match goodbye {
        Some(frame) => (frame.code.into(), frame.reason.as_str().to_owned()),
        None => (NO_STATUS, String::new()),
    };
    Ok(Ending { clean: true, code, reason, problem: None })
}

/// The code of a goodbye without one (RFC 6455, 7.1.5).
const NO_STATUS: u16 = 1005;

/// Writes what the worker sends, until this side has said goodbye.
async fn write<S: AsyncRead + AsyncWrite + Unpin>(
    writer: &mut Writer<S>,
    link: &Link,
    commands: &mut UnboundedReceiver<Command>,
) -> Result<(), String> {
    loop {
        let (message, is_last) = match commands.recv().await {
            Some(Command::Send(content, weight)) => {
                let bytes = content.len();
                let message = match content {
                    Content::Text(text) => Message::Text(text),
                    Content::Binary(bytes) => Message::Binary(bytes),
                };
                writer.send(message).await.or_else(unless_closed)?;
                drop(weight);
                link.sent(bytes);
                continue;
            }
            Some(Command::Close(None)) => (Message::Close(None), true),
            Some(Command::Close(Some((code, reason)))) => {
                (Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() })), true)
            }
            None => {
                let reason = Utf8Bytes::from_static("the worker was stopped");
                (Message::Close(Some(CloseFrame { code: CloseCode::Away, reason })), true)
            }
        };
        writer.send(message).await.or_else(unless_closed)?;
        if is_last {
            return Ok(());
        }
    }
}

/// After the server's goodbye nothing can be sent; the reader tells of that.
fn unless_closed(error: Error) -> Result<(), String> {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(ProtocolError::SendAfterClosing) => {
            Ok(())
        }
        other => Err(describe(&other)),
    }
}

/// What the server is told when it broke the protocol (RFC 6455, 7.4.1).
fn farewell(error: &Error) -> Option<CloseFrame> {
    let (code, reason) = match error {
        Error::Capacity(_) => (CloseCode::Size, "the message is too large"),
        Error::Utf8(_) => (CloseCode::Invalid, "the text is no UTF-8"),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return None,
        Error::Protocol(_) => (CloseCode::Protocol, "the frames break the protocol"),
        _ => return None,
    };
    Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) })
}

/// For people.
fn describe(error: &Error) -> String {
    match error {
        Error::Http(response) => {
            format!("the server answered {} instead of opening a WebSocket", response.status().as_u16())
        }
        Error::ConnectionClosed | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            "the connection ended without a goodbye".to_owned()
        }
        Error::Capacity(error) => format!("{error} (`connection_message_bytes_max`)"),
        other => other.to_string(),
    }
}
