//! The message ports of one page whose other ends are in workers, or in other pages (`page/src/ports.ts`).

use super::outbox::Outbox;
use super::protocol::GatewayMessage;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use wakeworker_quickjs::{PORTS_PER_HOLDER_MAX, PortHolder, PortId, PortNotice, PostedMessage, Runtime};

/// The ports of one connection; they are closed with it. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct PagePorts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// There from the beginning, and gone when the connection ends.
    holder: Mutex<Option<Arc<PortHolder>>>,
    numbers: Mutex<Numbers>,
    outbox: Outbox,
}

/// Numbers that the page has drawn. All others are the runtime's own.
#[derive(Debug, Default)]
struct Numbers {
    ports: HashMap<i64, PortId>,
    pages: HashMap<PortId, i64>,
}

impl PagePorts {
    /// A page without ports yet.
    pub(crate) fn new(runtime: &Runtime, outbox: Outbox) -> PagePorts {
        let told: Arc<OnceLock<Weak<Inner>>> = Arc::default();
        let teller = Arc::clone(&told);
        let holder = runtime.port_holder(move |notice| {
            if let Some(inner) = teller.get().and_then(Weak::upgrade) {
                PagePorts(inner).tell(notice);
            }
        });
        let inner =
            Arc::new(Inner { holder: Mutex::new(Some(Arc::new(holder))), numbers: Mutex::default(), outbox });
        // Nothing can be told before: the page has no port.
        let _ = told.set(Arc::downgrade(&inner));
        PagePorts(inner)
    }

    /// The connection has ended: all ports are closed.
    pub(crate) fn end(&self) {
        let holder = lock(&self.0.holder).take();
        drop(holder);
    }

    /// Sends the page a message, made of its data and the numbers of its ports.
    pub(crate) fn pass(&self, message: PostedMessage, make: impl FnOnce(String, Vec<i64>) -> GatewayMessage) {
        let Some(holder) = self.holder() else { return };
        let PostedMessage { data, ports, .. } = message;
        let ids: Vec<PortId> = ports.into_iter().filter_map(|port| holder.adopt(port)).collect();
        let numbers = ids.iter().map(|id| self.number_of(*id)).collect();
        self.0.outbox.send(&make(data, numbers));
        // Only now does the page know them.
        ids.into_iter().for_each(|id| holder.start(id));
    }

    /// A message of the page with the ports that it sends along, by numbers that it has drawn for them.
    pub(crate) fn posted(&self, data: String, drawn: &[i64]) -> Result<PostedMessage, String> {
        let Some(holder) = self.holder() else { return Ok(PostedMessage::from(data)) };
        let mut sent = Vec::new();
        for number in drawn {
            let Some((near, far)) = holder.channel() else {
                return Err(format!("the page has more than {PORTS_PER_HOLDER_MAX} message ports"));
            };
            {
                let mut numbers = lock(&self.0.numbers);
                if *number >= 0 || numbers.ports.contains_key(number) {
                    return Err(format!(
                        "the number {number} cannot be drawn for a port, or was drawn before"
                    ));
                }
                numbers.ports.insert(*number, near);
                numbers.pages.insert(near, *number);
            }
            // The page's own port queues what comes too early.
            holder.start(near);
            sent.extend(holder.release(far));
        }
        Ok(PostedMessage::new(data, sent))
    }

    /// The page says something through one of its ports.
    pub(crate) fn post(&self, number: i64, data: String, drawn: &[i64]) -> Result<(), String> {
        let message = self.posted(data, drawn)?;
        if let (Some(holder), Some(port)) = (self.holder(), self.port_of(number)) {
            holder.post(port, message);
        }
        Ok(())
    }

    /// The page has closed one of its ports.
    pub(crate) fn close(&self, number: i64) {
        if let (Some(holder), Some(port)) = (self.holder(), self.port_of(number)) {
            holder.close(port);
            self.forget(port);
        }
    }

    fn tell(&self, notice: PortNotice) {
        match notice {
            PortNotice::Message { port, message } => {
                let port = self.number_of(port);
                self.pass(message, |data, ports| GatewayMessage::PortMessage { port, data, ports });
            }
            PortNotice::Closed { port } => {
                let number = self.number_of(port);
                // Nothing can come or go any more.
                if let Some(holder) = self.holder() {
                    holder.close(port);
                }
                self.forget(port);
                self.0.outbox.send(&GatewayMessage::PortClosed { port: number });
            }
            _ => {}
        }
    }

    /// Whatever is done with it may be told here in consequence, so it is never used under a lock.
    fn holder(&self) -> Option<Arc<PortHolder>> {
        lock(&self.0.holder).clone()
    }

    fn number_of(&self, port: PortId) -> i64 {
        let drawn = lock(&self.0.numbers).pages.get(&port).copied();
        drawn.unwrap_or_else(|| i64::try_from(port.0).unwrap_or(i64::MAX))
    }

    fn port_of(&self, number: i64) -> Option<PortId> {
        match u64::try_from(number) {
            Ok(own) => Some(PortId(own)),
            Err(_) => lock(&self.0.numbers).ports.get(&number).copied(),
        }
    }

    fn forget(&self, port: PortId) {
        let mut numbers = lock(&self.0.numbers);
        if let Some(number) = numbers.pages.remove(&port) {
            numbers.ports.remove(&number);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds a lock leaves things half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
