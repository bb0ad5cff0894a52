//! Message ports whose two ends are in different workers or pages (HTML, section 9.4.4).
//!
//! Inside one worker a channel is the JavaScript layer's own matter. As soon as one of its ports is transferred to somebody
//! else, both ends get a number here, and messages go through here. A port is held by one worker's run or by one page at a
//! time, or is on its way in a message; whoever goes closes what it holds, and so does a message that nobody gets.

use crate::agent::lock;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

/// Ports that one holder may have; further ones are closed at once.
pub const PORTS_PER_HOLDER_MAX: usize = 1_000;

/// The number of a port, never given twice in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId(pub u64);

/// A serialised value on its way, with the ports that were transferred with it.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct PostedMessage {
    /// A structured clone as text (`docs/store-format.md`).
    pub data: String,
    /// The ports; those that nobody adopts are closed.
    pub ports: Vec<TransferredPort>,
}

impl PostedMessage {
    /// A value with ports.
    pub fn new(data: String, ports: Vec<TransferredPort>) -> PostedMessage {
        PostedMessage { data, ports }
    }
}

impl From<String> for PostedMessage {
    fn from(data: String) -> PostedMessage {
        PostedMessage { data, ports: Vec::new() }
    }
}

/// What a holder hears about one of its ports.
#[derive(Debug)]
#[non_exhaustive]
pub enum PortNotice {
    /// A message has come. Told in order, and only after [`PortHolder::start`].
    Message {
        /// For which port.
        port: PortId,
        /// The message.
        message: PostedMessage,
    },
    /// The other end is gone. Told again by [`PortHolder::start`], for a port whose other end went while it was on its way.
    Closed {
        /// Whose other end.
        port: PortId,
    },
}

/// A port that is on its way from one holder to the next. Dropped, it is closed.
pub struct TransferredPort {
    id: Option<PortId>,
    hub: Arc<PortHub>,
}

/// Somebody who can hold ports: a run of a worker, or a page. Dropped, its ports are closed.
///
/// A host makes one for each of its pages: [`Runtime::port_holder`](crate::Runtime::port_holder).
pub struct PortHolder {
    hub: Arc<PortHub>,
    id: u64,
    tell: Tell,
}

type Tell = Arc<dyn Fn(PortNotice) + Send + Sync>;

/// All ports of a runtime.
#[derive(Default)]
pub(crate) struct PortHub {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last_port: u64,
    last_holder: u64,
    ports: HashMap<PortId, Port>,
    /// How many ports each holder has.
    held: HashMap<u64, usize>,
}

#[derive(Default)]
struct Port {
    /// The other end; `None` once either was closed.
    peer: Option<PortId>,
    held: Option<Held>,
    waiting: VecDeque<PostedMessage>,
    waiting_bytes: usize,
    /// Some thread is telling its holder something; it goes on with what comes meanwhile.
    delivering: bool,
}

struct Held {
    holder: u64,
    tell: Tell,
    started: bool,
}

/// What may wait for a port that is not started.
const WAITING_MAX: usize = 1_000;
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

impl PortHub {
    /// Somebody new who can hold ports. `tell` is called on the threads of others and must not wait.
    pub(crate) fn holder(
        self: &Arc<PortHub>,
        tell: impl Fn(PortNotice) + Send + Sync + 'static,
    ) -> PortHolder {
        let mut inner = self.inner();
        inner.last_holder += 1;
        PortHolder { hub: self.clone(), id: inner.last_holder, tell: Arc::new(tell) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Tells the holder of a started port what waits, never under the lock: what is told may go through here again.
    fn deliver<'a>(&'a self, mut inner: MutexGuard<'a, Inner>, id: PortId) {
        loop {
            let Some(port) = inner.ports.get_mut(&id).filter(|port| !port.delivering) else { return };
            let Some(tell) = port.held.as_ref().filter(|held| held.started).map(|held| held.tell.clone())
            else {
                return;
            };
            let Some(message) = port.waiting.pop_front() else { return };
            port.waiting_bytes -= message.data.len();
            port.delivering = true;
            drop(inner);
            tell(PortNotice::Message { port: id, message });
            inner = self.inner();
            if let Some(port) = inner.ports.get_mut(&id) {
                port.delivering = false;
            }
        }
    }

    fn close(&self, ids: &[PortId]) {
        let mut gone = Vec::new();
        let mut told = Vec::new();
        let mut inner = self.inner();
        for id in ids {
            let Some(port) = inner.take(*id) else { continue };
            if let Some(peer) = port.peer
                && let Some(entry) = inner.ports.get_mut(&peer)
            {
                entry.peer = None;
                told.extend(entry.held.as_ref().map(|held| (held.tell.clone(), peer)));
            }
            gone.push(port);
        }
        drop(inner);
        for (tell, port) in told {
            tell(PortNotice::Closed { port });
        }
        // Messages that nobody gets may hold ports, which are closed here in turn.
        drop(gone);
    }
}

impl Inner {
    fn take(&mut self, id: PortId) -> Option<Port> {
        let port = self.ports.remove(&id)?;
        if let Some(held) = &port.held {
            self.let_go(held.holder);
        }
        Some(port)
    }

    fn let_go(&mut self, holder: u64) {
        if let Some(count) = self.held.get_mut(&holder) {
            *count -= 1;
            if *count == 0 {
                self.held.remove(&holder);
            }
        }
    }

    fn make(&mut self) -> PortId {
        self.last_port += 1;
        let id = PortId(self.last_port);
        self.ports.insert(id, Port::default());
        id
    }
}

impl PortHolder {
    /// Makes a channel and holds both its ends; `None` if that would be too many ports.
    pub fn channel(&self) -> Option<(PortId, PortId)> {
        let (one, other) = {
            let mut inner = self.hub.inner();
            let (one, other) = (inner.make(), inner.make());
            for (id, peer) in [(one, other), (other, one)] {
                if let Some(port) = inner.ports.get_mut(&id) {
                    port.peer = Some(peer);
                }
            }
            (one, other)
        };
        // From here on either end is closed when it is dropped.
        let ends = [one, other].map(|id| TransferredPort { id: Some(id), hub: self.hub.clone() });
        let [first, second] = ends.map(|end| self.adopt(end));
        if let (Some(first), None) = (first, second) {
            self.close(first);
        }
        first.zip(second)
    }

    /// Holds a port that came with a message, not started; `None` if it has gone, or would be one too many.
    pub fn adopt(&self, mut port: TransferredPort) -> Option<PortId> {
        let mut inner = self.hub.inner();
        if inner.held.get(&self.id).is_some_and(|held| *held >= PORTS_PER_HOLDER_MAX) {
            drop(inner);
            return None;
        }
        let id = port.id?;
        inner.ports.get_mut(&id)?.held =
            Some(Held { holder: self.id, tell: self.tell.clone(), started: false });
        *inner.held.entry(self.id).or_default() += 1;
        port.id = None;
        Some(id)
    }

    /// Gives a port away; `None` if this holder does not have it.
    pub fn release(&self, id: PortId) -> Option<TransferredPort> {
        let mut inner = self.hub.inner();
        let port = inner.ports.get_mut(&id)?;
        port.held.take_if(|held| held.holder == self.id)?;
        inner.let_go(self.id);
        Some(TransferredPort { id: Some(id), hub: self.hub.clone() })
    }

    /// From now on the holder is told the messages of this port, first those that wait.
    pub fn start(&self, id: PortId) {
        let mut inner = self.hub.inner();
        let Some(port) = inner.ports.get_mut(&id) else { return };
        let Some(held) = port.held.as_mut().filter(|held| held.holder == self.id) else { return };
        held.started = true;
        let is_alone = port.peer.is_none();
        self.hub.deliver(inner, id);
        if is_alone {
            (self.tell)(PortNotice::Closed { port: id });
        }
    }

    /// Sends a message through a port to its other end. What cannot arrive is dropped, and nobody hears of it.
    pub fn post(&self, id: PortId, message: PostedMessage) {
        let mut inner = self.hub.inner();
        let peer = inner
            .ports
            .get(&id)
            .filter(|port| port.held.as_ref().is_some_and(|held| held.holder == self.id))
            .and_then(|port| port.peer);
        // A port that is sent to its own other end goes nowhere, and takes the channel with it.
        let arrives = |peer: &PortId| !message.ports.iter().any(|port| port.id == Some(*peer));
        let Some(peer) = peer.filter(arrives) else {
            drop(inner);
            return drop(message);
        };
        let Some(port) = inner.ports.get_mut(&peer) else {
            drop(inner);
            return drop(message);
        };
        if port.waiting.len() >= WAITING_MAX || port.waiting_bytes + message.data.len() > WAITING_BYTES_MAX {
            drop(inner);
            return drop(message);
        }
        port.waiting_bytes += message.data.len();
        port.waiting.push_back(message);
        self.hub.deliver(inner, peer);
    }

    /// Closes a port; the other end hears of it.
    pub fn close(&self, id: PortId) {
        drop(self.release(id));
    }
}

impl Drop for PortHolder {
    fn drop(&mut self) {
        let ids: Vec<PortId> = {
            let inner = self.hub.inner();
            if !inner.held.contains_key(&self.id) {
                return;
            }
            let own = |port: &Port| port.held.as_ref().is_some_and(|held| held.holder == self.id);
            inner.ports.iter().filter(|(_, port)| own(port)).map(|(id, _)| *id).collect()
        };
        self.hub.close(&ids);
    }
}

impl Drop for TransferredPort {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.hub.close(&[id]);
        }
    }
}

impl fmt::Debug for TransferredPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TransferredPort").field(&self.id).finish()
    }
}

impl fmt::Debug for PortHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortHolder").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Heard = Arc<Mutex<Vec<String>>>;

    fn somebody(hub: &Arc<PortHub>) -> (PortHolder, Heard) {
        let heard = Heard::default();
        let log = heard.clone();
        let holder = hub.holder(move |notice| {
            lock(&log).push(match notice {
                PortNotice::Message { message, .. } => format!("{} +{}", message.data, message.ports.len()),
                PortNotice::Closed { .. } => "closed".to_owned(),
            });
        });
        (holder, heard)
    }

    fn say(data: &str) -> PostedMessage {
        PostedMessage::from(data.to_owned())
    }

    #[test]
    fn messages_wait_for_the_port_on_its_way_and_come_in_order() {
        let hub = Arc::<PortHub>::default();
        let ((one, _), (other, heard)) = (somebody(&hub), somebody(&hub));
        let (near, far) = one.channel().unwrap();
        one.post(near, say("a"));
        let far = one.release(far).unwrap();
        one.post(near, say("b"));
        let far = other.adopt(far).unwrap();
        one.post(near, say("c"));
        assert!(lock(&heard).is_empty(), "not started");
        other.start(far);
        one.post(near, say("d"));
        assert_eq!(*lock(&heard), ["a +0", "b +0", "c +0", "d +0"]);
        // Nobody speaks through, starts or gives away what somebody else holds.
        other.post(near, say("x"));
        one.start(far);
        assert!(one.release(far).is_none());
        one.close(far);
        assert_eq!(lock(&heard).len(), 4);
        drop(one);
        assert_eq!(lock(&heard)[4..], ["closed"]);
        assert!(lock(&hub.inner).ports.len() == 1 && lock(&hub.inner).held.len() == 1);
        drop(other);
        assert!(lock(&hub.inner).ports.is_empty() && lock(&hub.inner).held.is_empty());
    }

    #[test]
    fn ports_go_with_messages_and_are_closed_with_those_that_nobody_gets() {
        let hub = Arc::<PortHub>::default();
        let ((one, one_heard), (other, heard)) = (somebody(&hub), somebody(&hub));
        let (near, far) = one.channel().unwrap();
        let (inner_near, inner_far) = one.channel().unwrap();
        let far = other.adopt(one.release(far).unwrap()).unwrap();
        let cargo = one.release(inner_far).unwrap();
        one.post(near, PostedMessage::new("cargo".to_owned(), vec![cargo]));
        one.start(inner_near);
        assert!(lock(&one_heard).is_empty());
        other.close(far);
        assert_eq!(*lock(&one_heard), ["closed", "closed"], "the port that waited went with its message");
        one.post(near, say("into the void"));
        assert!(lock(&heard).is_empty());
        // A port that is sent through its own channel takes it along.
        let (near, far) = one.channel().unwrap();
        let far = one.release(far).unwrap();
        one.post(near, PostedMessage::new(String::new(), vec![far]));
        assert_eq!(lock(&one_heard).len(), 3);
        drop((one, other));
        assert!(lock(&hub.inner).ports.is_empty());
    }

    #[test]
    fn what_waits_and_what_is_held_is_limited() {
        let hub = Arc::<PortHub>::default();
        let (one, heard) = somebody(&hub);
        let (near, far) = one.channel().unwrap();
        for _ in 0..WAITING_MAX + 10 {
            one.post(near, say("m"));
        }
        one.start(far);
        assert_eq!(lock(&heard).len(), WAITING_MAX);
        while one.channel().is_some() {}
        assert_eq!(lock(&hub.inner).held[&1], PORTS_PER_HOLDER_MAX);
        let (other, _) = somebody(&hub);
        let (_, extra) = other.channel().unwrap();
        let extra = other.release(extra).unwrap();
        assert!(one.adopt(extra).is_none());
        assert_eq!(lock(&hub.inner).ports.len(), PORTS_PER_HOLDER_MAX + 1, "what nobody may hold is closed");
    }
}
