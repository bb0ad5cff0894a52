//! The WebSockets of one running worker. Lives on the worker's thread.

use super::Run;
use super::task::Task;
use crate::RuntimeConfig;
use crate::body::Meter;
use crate::fetch::{AbortHandle, FetchRules};
use crate::socket::{Command, Content, Ending, Limits, Link, Notice, Order, Session, SocketSink};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// All WebSockets of one run.
pub(crate) struct Sockets {
    run: Arc<Run>,
    open: HashMap<u32, Connection>,
    /// Connections that are not over, those included that the script has forgotten.
    places: Arc<AtomicUsize>,
    /// Bytes that wait to be sent.
    sending: Meter,
    /// Bytes that were received and not taken.
    received: Meter,
}

struct Connection {
    link: Arc<Link>,
    /// As the script has it, for messages.
    url: String,
    commands: UnboundedSender<Command>,
    handle: AbortHandle,
}

/// One of the worker's places for connections.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What became of something that the script sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    /// So many bytes wait.
    Queued(usize),
    /// There is no room: the connection fails.
    Full(usize),
}

impl Sockets {
    pub(crate) fn new(run: Arc<Run>) -> Sockets {
        Sockets {
            run,
            open: HashMap::new(),
            places: Arc::default(),
            sending: Meter::default(),
            received: Meter::default(),
        }
    }

    /// Whether something of this may go on by itself.
    pub(crate) fn is_busy(&self) -> bool {
        !self.open.is_empty()
    }

    /// Opens a connection. What comes of it, also a failure that is known at once, comes as tasks.
    pub(crate) fn open(
        &mut self,
        id: u32,
        rules: &Arc<FetchRules>,
        config: &RuntimeConfig,
        origin: &str,
        url: &str,
        protocols: Vec<String>,
    ) {
        let run = self.run.clone();
        let link = Link::new(config.response_window_bytes, move || {
            // A run that is over has nobody to tell.
            let _ = run.queue.push(Task::Socket(id));
        });
        let order = Order::new(rules, origin, url, protocols).and_then(|order| {
            order.refusal()?;
            if self.places.load(Ordering::Acquire) < config.connections_max {
                return Ok(order);
            }
            let limit = config.connections_max;
            Err(format!("the worker has {limit} WebSockets, the limit `connections_max`; close some first"))
        });
        let (commands, receiver) = unbounded_channel();
        let handle = match order {
            Ok(order) => {
                self.places.fetch_add(1, Ordering::AcqRel);
                let session = Session {
                    link: link.clone(),
                    commands: receiver,
                    limits: Limits {
                        message_bytes_max: config.connection_message_bytes_max,
                        received_bytes_max: config.connections_received_bytes_max,
                        handshake: Duration::from_millis(config.connect_timeout_ms),
                        close: Duration::from_millis(config.connection_close_ms_max),
                    },
                    received: self.received.clone(),
                    _place: Box::new(Place(self.places.clone())),
                    order,
                };
                self.run.open.add_connection(link.breaker());
                let request = session.order.request();
                rules.fetcher.connect(request, SocketSink::new(session))
            }
            Err(problem) => {
                link.finish(Ending::failed(problem));
                AbortHandle::ended()
            }
        };
        self.open.insert(id, Connection { link, url: url.to_owned(), commands, handle });
    }

    /// Sends a message, if there is room for it.
    pub(crate) fn send(&mut self, id: u32, content: Content, bytes_max: usize) -> Sending {
        let bytes = content.len();
        let Some(connection) = self.open.get(&id) else { return Sending::Queued(bytes) };
        let waiting = content.waiting_bytes();
        if self.sending.bytes().saturating_add(waiting) > bytes_max {
            let limit = format!(
                "more than {bytes_max} bytes wait to be sent, the limit `connections_sending_bytes_max`"
            );
            self.fail(id, limit);
            return Sending::Full(bytes);
        }
        // A connection that is over counts nothing as sent, and tells so itself.
        let _ = connection.commands.send(Command::Send(content, self.sending.weigh(waiting)));
        Sending::Queued(bytes)
    }

    /// Says goodbye after what was sent before; a connection that is not there yet fails.
    pub(crate) fn close(&mut self, id: u32, farewell: Option<(u16, String)>) {
        let Some(connection) = self.open.get(&id) else { return };
        connection.link.stop_listening();
        if connection.link.is_open() {
            let _ = connection.commands.send(Command::Close(farewell));
        } else {
            self.fail(id, "the script closed it before it was open".to_owned());
        }
    }

    fn fail(&mut self, id: u32, problem: String) {
        if let Some(connection) = self.open.get_mut(&id) {
            connection.link.stop_listening();
            connection.link.finish(Ending::failed(problem));
            drop(std::mem::replace(&mut connection.handle, AbortHandle::ended()));
        }
    }

    /// What a connection has to tell, with its URL.
    pub(crate) fn next(&mut self, id: u32) -> Option<(Notice, String)> {
        let connection = self.open.get(&id)?;
        let notice = connection.link.next()?;
        let url = connection.url.clone();
        if matches!(notice, Notice::Closed(_)) {
            self.open.remove(&id);
        }
        Some((notice, url))
    }

    /// The worker stops: open connections say goodbye (RFC 6455, 7.4.1: 1001), the others end at once.
    pub(crate) fn clear(&mut self) {
        for (_, connection) in self.open.drain() {
            connection.link.leave();
            if connection.link.is_open() {
                connection.handle.release();
            }
        }
    }
}
