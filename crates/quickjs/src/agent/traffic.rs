//! What a running worker has on its way to and from the network and its pages: fetches, bodies it reads, bodies it writes.

use super::Run;
use super::task::Task;
use crate::body::{BodyReceiver, BodySender, Meter, RequestBody, Weight};
use crate::fetch::{FetchAbort, FetchHandle, FetchOrder};
use crate::lifecycle::Preload;
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use url::Url;

/// All traffic of one run. Lives on the worker's thread.
pub(crate) struct Traffic {
    run: Arc<Run>,
    fetches: HashMap<u32, RunningFetch>,
    waiting: VecDeque<WaitingFetch>,
    exchanges: Arc<Exchanges>,
    incoming: HashMap<u32, Incoming>,
    outgoing: HashMap<u32, Outgoing>,
    event_bodies: HashMap<u32, EventBody>,
    preloads: HashMap<u32, Preload>,
    /// Bytes outside of the worker's heap: bodies of requests under way or waiting, and parts of responses that were not
    /// read.
    held: Meter,
}

/// How many exchanges with servers are going on, and how many fetches wait for one to end.
#[derive(Default)]
struct Exchanges {
    running: AtomicUsize,
    waiting: AtomicUsize,
}

/// A fetch that waits for a place.
struct WaitingFetch {
    id: u32,
    order: FetchOrder,
    request: Weight,
}

/// A fetch that the script has started and whose end it has not been told.
struct RunningFetch {
    handle: Option<FetchHandle>,
    abort: Option<FetchAbort>,
    /// Shared with the exchange; see [`Place`].
    place: Arc<AtomicU8>,
}

const RUNNING: u8 = 0;
const OVER: u8 = 1;
/// The body goes from the network to somebody else past the script, who is told when that ends.
const HANDED_ON: u8 = 2;

/// One of the worker's places for exchanges; dropped by the exchange when it is over.
pub(crate) struct Place {
    id: u32,
    run: Arc<Run>,
    exchanges: Arc<Exchanges>,
    state: Arc<AtomicU8>,
    /// The request's body, if it was given whole.
    _request: Weight,
}

impl Place {
    /// The fetch that has it.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.exchanges.running.fetch_sub(1, Ordering::AcqRel);
        let handed_on = self.state.swap(OVER, Ordering::AcqRel) == HANDED_ON;
        if handed_on || self.exchanges.waiting.load(Ordering::Acquire) > 0 {
            let _ = self.run.queue.push(Task::FetchOver(self.id));
        }
    }
}

struct Incoming {
    receiver: BodyReceiver,
    waker: Waker,
    /// The script waits for the next part.
    wanted: bool,
    /// Parts that were read of an event's body, until it is clear that nobody else will want them.
    replay: Option<Replay>,
}

struct Replay {
    event: u32,
    parts: Vec<Bytes>,
    bytes_left: usize,
}

/// A body that the script writes.
struct Outgoing {
    sender: BodySender,
    waker: Waker,
    bytes_left: u64,
}

/// The body of the request of an event that has no answer.
enum EventBody {
    /// Nobody has touched it.
    Whole(RequestBody),
    /// The script reads it, under this id.
    Reading(u32),
    /// It can no longer be given to anybody, and why.
    Gone(&'static str),
}

/// What a read of a body gives.
pub(crate) enum Part {
    Bytes(Bytes),
    End,
    /// Nothing yet; `bodyReadable` follows.
    Wait,
    Failed(String),
}

/// What happened to a written part.
pub(crate) enum Written {
    /// There is room for more.
    Room,
    /// `bodyWritable` follows when there is room, or nobody reads any more.
    Wait,
    /// Nobody reads.
    Unwanted,
    /// The body is too large, and was broken off.
    TooLarge,
}

impl Traffic {
    pub(crate) fn new(run: Arc<Run>) -> Traffic {
        Traffic {
            run,
            fetches: HashMap::new(),
            waiting: VecDeque::new(),
            exchanges: Arc::default(),
            incoming: HashMap::new(),
            outgoing: HashMap::new(),
            event_bodies: HashMap::new(),
            preloads: HashMap::new(),
            held: Meter::default(),
        }
    }

    /// Whether something of this may go on by itself.
    pub(crate) fn is_busy(&self) -> bool {
        !self.waiting.is_empty()
            || self.fetches.values().any(|fetch| fetch.place.load(Ordering::Acquire) != OVER)
            || self.incoming.values().any(|body| body.wanted)
    }

    /// Forgets everything, which aborts what is going on, except bodies that were handed on.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.fetches.clear();
        self.incoming.clear();
        self.outgoing.clear();
        self.event_bodies.clear();
        self.preloads.clear();
    }

    // -- fetches -----------------------------------------------------------------------------------------------------

    /// The bytes that fetches hold outside of the worker's heap.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held.bytes()
    }

    /// Notes a fetch. Gives the place for its exchange, or keeps the order until there is one (then `Ok(None)`); the
    /// URL back if too many wait already.
    pub(crate) fn begin_fetch(
        &mut self,
        id: u32,
        order: FetchOrder,
        running_max: usize,
        waiting_max: usize,
    ) -> Result<Option<(Place, FetchOrder)>, Url> {
        let request = self.held.weigh(order.body.bytes_at_hand());
        if self.exchanges.running.load(Ordering::Acquire) < running_max && self.waiting.is_empty() {
            return Ok(Some((self.take_place(id, request), order)));
        }
        if self.waiting.len() >= waiting_max {
            return Err(order.url);
        }
        self.waiting.push_back(WaitingFetch { id, order, request });
        self.exchanges.waiting.store(self.waiting.len(), Ordering::Release);
        // Its turn may have come before anybody knew that it waits.
        Ok(self.next_fetch(running_max))
    }

    /// The next fetch that waits, if there is a place.
    pub(crate) fn next_fetch(&mut self, running_max: usize) -> Option<(Place, FetchOrder)> {
        if self.exchanges.running.load(Ordering::Acquire) >= running_max {
            return None;
        }
        let WaitingFetch { id, order, request } = self.waiting.pop_front()?;
        self.exchanges.waiting.store(self.waiting.len(), Ordering::Release);
        Some((self.take_place(id, request), order))
    }

    fn take_place(&mut self, id: u32, request: Weight) -> Place {
        self.exchanges.running.fetch_add(1, Ordering::AcqRel);
        let state = Arc::new(AtomicU8::new(RUNNING));
        self.fetches.insert(id, RunningFetch { handle: None, abort: None, place: state.clone() });
        let (run, exchanges) = (self.run.clone(), self.exchanges.clone());
        Place { id, run, exchanges, state, _request: request }
    }

    /// The fetch has begun; its handle goes if the script has aborted it meanwhile.
    pub(crate) fn set_handle(&mut self, id: u32, handle: FetchHandle) {
        if let Some(fetch) = self.fetches.get_mut(&id) {
            fetch.abort = Some(handle.aborter());
            fetch.handle = Some(handle);
        }
    }

    /// A fetch that cannot begin: it ends as if the network had failed.
    pub(crate) fn refuse(&mut self, id: u32) {
        let place = Arc::new(AtomicU8::new(RUNNING));
        self.fetches.insert(id, RunningFetch { handle: None, abort: None, place });
    }

    /// The head has come: the body can be read. False if nobody waits for it any more.
    pub(crate) fn answered(&mut self, id: u32, body: BodyReceiver) -> bool {
        let Some(fetch) = self.fetches.get_mut(&id) else { return false };
        fetch.handle = None;
        self.read(id, body, None);
        true
    }

    /// The fetch has failed. False if nobody waits for it any more.
    pub(crate) fn failed(&mut self, id: u32) -> bool {
        self.fetches.remove(&id).is_some()
    }

    /// Whether the script has to be told that its fetch is over.
    pub(crate) fn over(&mut self, id: u32) -> bool {
        let handed_on = self.fetches.contains_key(&id) && !self.incoming.contains_key(&id);
        if handed_on {
            self.fetches.remove(&id);
        }
        handed_on
    }

    /// The script gives a fetch up, or a body that it reads.
    pub(crate) fn abort(&mut self, id: u32) {
        self.waiting.retain(|waiting| waiting.id != id);
        self.exchanges.waiting.store(self.waiting.len(), Ordering::Release);
        let fetch = self.fetches.remove(&id);
        drop(self.incoming.remove(&id));
        if let Some(fetch) = fetch {
            drop(fetch.handle);
            if let Some(abort) = fetch.abort {
                abort.abort();
            }
        }
    }

    /// The request of an event was sent ahead.
    pub(crate) fn put_preload(&mut self, event: u32, preload: Preload) {
        self.preloads.insert(event, preload);
    }

    /// The script takes the answer of the request that was sent ahead, as that of a fetch with this id. It has no place
    /// among the script's own exchanges.
    pub(crate) fn adopt_preload(&mut self, event: u32, id: u32) {
        let Some(Preload { handle, answer }) = self.preloads.remove(&event) else { return };
        let abort = Some(handle.aborter());
        let place = Arc::new(AtomicU8::new(OVER));
        self.fetches.insert(id, RunningFetch { handle: Some(handle), abort, place });
        answer.adopt(id, self.run.clone());
    }

    // -- bodies that the script reads ----------------------------------------------------------------------------------

    fn read(&mut self, id: u32, receiver: BodyReceiver, replay: Option<Replay>) {
        let waker = Waker::from(Arc::new(Knock { run: self.run.clone(), task: Task::BodyReadable, id }));
        receiver.set_meter(Some(self.held.clone()));
        self.incoming.insert(id, Incoming { receiver, waker, wanted: false, replay });
    }

    /// Reads the next part of a body.
    pub(crate) fn pull(&mut self, id: u32) -> Part {
        let Some(body) = self.incoming.get_mut(&id) else {
            return Part::Failed(
                "the body is not there any more: its event has ended, or it was aborted".to_owned(),
            );
        };
        match body.receiver.poll_recv(&mut Context::from_waker(&body.waker)) {
            Poll::Ready(Some(Ok(bytes))) => {
                self.keep_for_replay(id, &bytes);
                Part::Bytes(bytes)
            }
            Poll::Ready(Some(Err(message))) => {
                self.finish_reading(id);
                Part::Failed(message)
            }
            Poll::Ready(None) => {
                self.finish_reading(id);
                Part::End
            }
            Poll::Pending => {
                body.wanted = true;
                Part::Wait
            }
        }
    }

    fn keep_for_replay(&mut self, id: u32, bytes: &Bytes) {
        let Some(replay) = self.incoming.get_mut(&id).and_then(|body| body.replay.as_mut()) else { return };
        match replay.bytes_left.checked_sub(bytes.len()) {
            Some(left) => {
                replay.bytes_left = left;
                replay.parts.push(bytes.clone());
            }
            None => {
                let event = replay.event;
                self.commit_event_body(
                    event,
                    "the worker read more of the request's body than `request_replay_bytes_max` allows before it called \
                     respondWith, and then did not answer",
                );
            }
        }
    }

    /// A body was read to its end. One that may be wanted again stays.
    fn finish_reading(&mut self, id: u32) {
        match self.incoming.get_mut(&id) {
            Some(body) if body.replay.is_some() => body.wanted = false,
            _ => drop(self.incoming.remove(&id)),
        }
        self.fetches.remove(&id);
    }

    /// A part, or the end, has come. Whether the script waits for it.
    pub(crate) fn readable(&mut self, id: u32) -> bool {
        self.incoming.get_mut(&id).is_some_and(|body| std::mem::take(&mut body.wanted))
    }

    /// Takes a body that the script has not begun to read, to give it to somebody else.
    pub(crate) fn hand_on(&mut self, id: u32) -> Option<BodyReceiver> {
        let body = self.incoming.remove(&id)?;
        if let Some(replay) = body.replay {
            self.event_bodies.insert(replay.event, EventBody::Gone("the worker sent the request's body on"));
        }
        if let Some(fetch) = self.fetches.get(&id) {
            let was = fetch.place.compare_exchange(RUNNING, HANDED_ON, Ordering::AcqRel, Ordering::Acquire);
            if was.is_err() {
                let _ = self.run.queue.push(Task::FetchOver(id));
            }
        }
        body.receiver.set_meter(None);
        Some(body.receiver)
    }

    // -- the bodies of events ------------------------------------------------------------------------------------------

    /// An event with this body is dispatched.
    pub(crate) fn put_event_body(&mut self, event: u32, body: RequestBody) {
        self.event_bodies.insert(event, EventBody::Whole(body));
    }

    /// The script may read the streamed body of an event, under this id.
    pub(crate) fn adopt_event_body(&mut self, event: u32, id: u32, replay_bytes_max: usize) {
        match self.event_bodies.remove(&event) {
            Some(EventBody::Whole(RequestBody::Stream(receiver))) => {
                let replay = Replay { event, parts: Vec::new(), bytes_left: replay_bytes_max };
                self.read(id, receiver, Some(replay));
                self.event_bodies.insert(event, EventBody::Reading(id));
            }
            Some(other) => drop(self.event_bodies.insert(event, other)),
            None => {}
        }
    }

    /// The request will not go to the network: nothing has to be kept for it.
    pub(crate) fn commit_event_body(&mut self, event: u32, why: &'static str) {
        if let Some(EventBody::Reading(id)) = self.event_bodies.insert(event, EventBody::Gone(why))
            && let Some(body) = self.incoming.get_mut(&id)
        {
            body.replay = None;
        }
    }

    /// The event was not answered: gives its body back, whatever the script has read of it.
    pub(crate) fn take_event_body(&mut self, event: u32) -> Result<RequestBody, &'static str> {
        match self.event_bodies.insert(event, EventBody::Gone("the request went to the network")) {
            None => Ok(RequestBody::default()),
            Some(EventBody::Whole(body)) => Ok(body),
            Some(EventBody::Gone(why)) => Err(why),
            Some(EventBody::Reading(id)) => {
                let Some(Incoming { receiver, replay: Some(replay), .. }) = self.incoming.remove(&id) else {
                    return Err("the request's body is not there any more");
                };
                receiver.set_meter(None);
                Ok(RequestBody::Stream(receiver.unread(replay.parts)))
            }
        }
    }

    /// The event has ended: what is left of its body is nobody's.
    pub(crate) fn end_event(&mut self, event: u32) {
        if let Some(EventBody::Reading(id)) = self.event_bodies.remove(&event) {
            self.incoming.remove(&id);
        }
    }

    // -- bodies that the script writes ---------------------------------------------------------------------------------

    /// The script is going to write a body under this id.
    pub(crate) fn write_body(&mut self, id: u32, sender: BodySender, bytes_max: u64) {
        let waker = Waker::from(Arc::new(Knock { run: self.run.clone(), task: Task::BodyWritable, id }));
        sender.watch(waker.clone());
        self.run.open.add_body(sender.breaker());
        self.outgoing.insert(id, Outgoing { sender, waker, bytes_left: bytes_max });
    }

    /// Writes a part.
    pub(crate) fn push(&mut self, id: u32, bytes: Bytes) -> Written {
        let Some(body) = self.outgoing.get_mut(&id) else { return Written::Unwanted };
        match body.bytes_left.checked_sub(bytes.len() as u64) {
            Some(left) => body.bytes_left = left,
            None => {
                if let Some(body) = self.outgoing.remove(&id) {
                    body.sender.fail("the body is larger than the limit".to_owned());
                }
                return Written::TooLarge;
            }
        }
        body.sender.write(bytes);
        self.writable(id)
    }

    /// Whether there is room for the next part.
    pub(crate) fn writable(&mut self, id: u32) -> Written {
        let Some(body) = self.outgoing.get(&id) else { return Written::Unwanted };
        match body.sender.poll_ready(&mut Context::from_waker(&body.waker)) {
            Poll::Ready(true) => Written::Room,
            Poll::Pending => Written::Wait,
            Poll::Ready(false) => {
                self.outgoing.remove(&id);
                Written::Unwanted
            }
        }
    }

    /// The body is complete, or broken off.
    pub(crate) fn end_body(&mut self, id: u32, error: Option<String>) {
        let Some(body) = self.outgoing.remove(&id) else { return };
        match error {
            None => body.sender.end(),
            Some(message) => body.sender.fail(message),
        }
    }
}

/// Knocks at the worker's queue from another thread.
struct Knock {
    run: Arc<Run>,
    task: fn(u32) -> Task,
    id: u32,
}

impl Wake for Knock {
    fn wake(self: Arc<Self>) {
        // A run that is over has nobody to wake.
        let _ = self.run.queue.push((self.task)(self.id));
    }
}
