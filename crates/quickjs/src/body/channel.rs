//! A stream of bytes with one writer and one reader, either of which may be a thread, a task, or a worker's event loop.

use super::meter::Meter;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// Makes a stream of bytes. The writer is told to wait while `window_bytes` or more wait for the reader.
pub fn body_channel(window_bytes: usize) -> (BodySender, BodyReceiver) {
    let channel =
        Arc::new(Channel { window_bytes: window_bytes.max(1), inner: Mutex::new(Inner::default()) });
    let receiver = BodyReceiver { channel: channel.clone(), length: None, kept: None };
    (BodySender { channel, ended: false }, receiver)
}

/// The writing end. Dropped before its end, the body is broken off, so a reader never waits in vain.
pub struct BodySender {
    channel: Arc<Channel>,
    ended: bool,
}

/// The reading end. Dropped early, it tells the writer that nobody wants the rest.
pub struct BodyReceiver {
    channel: Arc<Channel>,
    length: Option<u64>,
    /// What must live as long as somebody reads, such as the exchange that the bytes come from.
    kept: Option<Box<dyn Any + Send + Sync>>,
}

/// Breaks a body off from another thread, for the case that its writer never comes back.
pub(crate) struct Breaker(Weak<Channel>);

struct Channel {
    window_bytes: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    parts: VecDeque<Bytes>,
    held_bytes: usize,
    /// Who counts them beside this channel.
    meter: Option<Meter>,
    end: Option<Result<(), String>>,
    abandoned: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Woken when the reader goes, whether the writer waits for room or not.
    watcher: Option<Waker>,
}

impl Inner {
    fn hold(&mut self, bytes: usize) {
        self.held_bytes += bytes;
        if let Some(meter) = &self.meter {
            meter.add(bytes);
        }
    }

    fn release(&mut self, bytes: usize) {
        self.held_bytes -= bytes;
        if let Some(meter) = &self.meter {
            meter.subtract(bytes);
        }
    }
}

impl Channel {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first end counts.
    fn finish(&self, end: Result<(), String>) {
        let mut inner = self.inner();
        inner.end.get_or_insert(end);
        inner.writer = None;
        inner.watcher = None;
        wake(inner.reader.take(), inner);
    }
}

impl BodySender {
    /// Appends a part. Never blocks; who respects the window waits for [`BodySender::ready`] before.
    pub fn write(&self, bytes: Bytes) {
        let mut inner = self.channel.inner();
        if inner.abandoned || bytes.is_empty() {
            return;
        }
        inner.hold(bytes.len());
        inner.parts.push_back(bytes);
        wake(inner.reader.take(), inner);
    }

    /// Waits until there is room; false if nobody reads any more.
    pub async fn ready(&self) -> bool {
        poll_fn(|context| self.poll_ready(context)).await
    }

    /// The same as a poll.
    pub fn poll_ready(&self, context: &mut Context<'_>) -> Poll<bool> {
        let mut inner = self.channel.inner();
        if inner.abandoned {
            return Poll::Ready(false);
        }
        if inner.held_bytes < self.channel.window_bytes {
            return Poll::Ready(true);
        }
        inner.writer = Some(context.waker().clone());
        Poll::Pending
    }

    /// Whether nobody reads any more.
    pub fn is_abandoned(&self) -> bool {
        self.channel.inner().abandoned
    }

    /// Breaks the same body off from another thread.
    pub(crate) fn breaker(&self) -> Breaker {
        Breaker(Arc::downgrade(&self.channel))
    }

    /// Wakes `waker` when the reader goes, once.
    pub(crate) fn watch(&self, waker: Waker) {
        let mut inner = self.channel.inner();
        if inner.abandoned {
            drop(inner);
            return waker.wake();
        }
        inner.watcher = Some(waker);
    }

    /// The body is complete.
    pub fn end(mut self) {
        self.finish(Ok(()));
    }

    /// The body is broken off; `message` says why, for people.
    pub fn fail(mut self, message: String) {
        self.finish(Err(message));
    }

    fn finish(&mut self, end: Result<(), String>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.channel.finish(end);
    }
}

impl Breaker {
    /// Whether there is still something to break off.
    pub(crate) fn is_open(&self) -> bool {
        self.0.upgrade().is_some_and(|channel| channel.inner().end.is_none())
    }

    /// The body is broken off, unless it has ended; `message` says why, for people.
    pub(crate) fn fail(&self, message: String) {
        if let Some(channel) = self.0.upgrade() {
            channel.finish(Err(message));
        }
    }
}

impl Drop for BodySender {
    fn drop(&mut self) {
        self.finish(Err("the body was cut off".to_owned()));
    }
}

impl BodyReceiver {
    /// A body that is there already.
    pub fn from_bytes(bytes: Bytes) -> BodyReceiver {
        let (sender, mut receiver) = body_channel(usize::MAX);
        receiver.length = Some(bytes.len() as u64);
        sender.write(bytes);
        sender.end();
        receiver
    }

    /// Says how many bytes there will be, for a `Content-Length`.
    #[must_use]
    pub fn with_length(mut self, bytes: u64) -> BodyReceiver {
        self.length = Some(bytes);
        self
    }

    /// How many bytes there will be, if that is known.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Puts parts back in front of what is still to come.
    #[must_use]
    pub(crate) fn unread(self, parts: Vec<Bytes>) -> BodyReceiver {
        let mut inner = self.channel.inner();
        for part in parts.into_iter().rev() {
            inner.hold(part.len());
            inner.parts.push_front(part);
        }
        drop(inner);
        self
    }

    /// Keeps something until this end is dropped.
    pub(crate) fn keep(&mut self, kept: impl Any + Send + Sync) {
        self.kept = Some(Box::new((self.kept.take(), kept)));
    }

    /// Counts what waits for the reader, from now on, in this sum and in no other one.
    pub(crate) fn set_meter(&self, meter: Option<Meter>) {
        let mut inner = self.channel.inner();
        let held_bytes = inner.held_bytes;
        inner.release(held_bytes);
        inner.meter = meter;
        inner.hold(held_bytes);
    }

    /// Bytes that were written and not read.
    pub fn held_bytes(&self) -> usize {
        self.channel.inner().held_bytes
    }

    /// The next part; `None` at the end, an error if the body was broken off. What was written before that still comes.
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
        let mut inner = self.channel.inner();
        if let Some(part) = inner.parts.pop_front() {
            inner.release(part.len());
            if inner.held_bytes < self.channel.window_bytes {
                wake(inner.writer.take(), inner);
            }
            return Poll::Ready(Some(Ok(part)));
        }
        match &mut inner.end {
            Some(Ok(())) => Poll::Ready(None),
            // Told once; a reader that goes on finds the end.
            Some(end) => Poll::Ready(std::mem::replace(end, Ok(())).err().map(Err)),
            None => {
                inner.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Waits for the next part.
    pub async fn recv(&mut self) -> Option<Result<Bytes, String>> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    /// The same, waiting on this thread. Not for asynchronous tasks, whose thread it would hold up.
    pub fn blocking_recv(&mut self) -> Option<Result<Bytes, String>> {
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        loop {
            match self.poll_recv(&mut Context::from_waker(&waker)) {
                Poll::Ready(part) => return part,
                Poll::Pending => std::thread::park(),
            }
        }
    }
}

impl Drop for BodyReceiver {
    fn drop(&mut self) {
        let mut inner = self.channel.inner();
        inner.abandoned = true;
        let held_bytes = inner.held_bytes;
        inner.release(held_bytes);
        let parts = std::mem::take(&mut inner.parts);
        let watcher = inner.watcher.take();
        wake(inner.writer.take(), inner);
        drop(parts);
        if let Some(watcher) = watcher {
            watcher.wake();
        }
    }
}

impl http_body::Body for BodyReceiver {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        self.poll_recv(context)
            .map(|part| part.map(|part| part.map(Frame::data).map_err(std::io::Error::other)))
    }

    fn is_end_stream(&self) -> bool {
        let inner = self.channel.inner();
        inner.parts.is_empty() && matches!(inner.end, Some(Ok(())))
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl fmt::Debug for BodySender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodySender").field("abandoned", &self.is_abandoned()).finish_non_exhaustive()
    }
}

impl fmt::Debug for BodyReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyReceiver").field("held_bytes", &self.held_bytes()).finish_non_exhaustive()
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Wakes after the lock is released: a waker may want it at once.
fn wake(waker: Option<Waker>, inner: MutexGuard<'_, Inner>) {
    drop(inner);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn ready(sender: &BodySender, count: &Arc<Count>) -> Poll<bool> {
        sender.poll_ready(&mut Context::from_waker(&Waker::from(count.clone())))
    }

    #[test]
    fn a_writer_waits_for_its_reader_and_goes_on_when_there_is_room() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let (sender, mut receiver) = body_channel(4);
        assert_eq!(ready(&sender, &count), Poll::Ready(true));
        sender.write(Bytes::from_static(b"abc"));
        assert_eq!(ready(&sender, &count), Poll::Ready(true));
        sender.write(Bytes::from_static(b"de"));
        assert_eq!(receiver.held_bytes(), 5);
        assert_eq!(ready(&sender, &count), Poll::Pending);
        assert_eq!(receiver.blocking_recv(), Some(Ok(Bytes::from_static(b"abc"))));
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert_eq!(ready(&sender, &count), Poll::Ready(true));
        sender.end();
        assert_eq!(receiver.blocking_recv(), Some(Ok(Bytes::from_static(b"de"))));
        assert_eq!(receiver.blocking_recv(), None);
    }

    #[test]
    fn a_meter_counts_what_waits_in_many_bodies_and_forgets_what_is_handed_on() {
        let meter = Meter::default();
        let (sender, mut first) = body_channel(64);
        sender.write(Bytes::from_static(b"abc"));
        first.set_meter(Some(meter.clone()));
        let second = BodyReceiver::from_bytes(Bytes::from_static(b"12345"));
        second.set_meter(Some(meter.clone()));
        let request = meter.weigh(100);
        sender.write(Bytes::from_static(b"de"));
        assert_eq!(meter.bytes(), 110);
        assert_eq!(first.blocking_recv(), Some(Ok(Bytes::from_static(b"abc"))));
        assert_eq!(meter.bytes(), 107);
        second.set_meter(None);
        assert_eq!((meter.bytes(), second.held_bytes()), (102, 5));
        drop(second);
        drop(request);
        assert_eq!(meter.bytes(), 2);
        let first = first.unread(vec![Bytes::from_static(b"abc")]);
        assert_eq!(meter.bytes(), 5);
        drop(first);
        sender.write(Bytes::from_static(b"nobody reads this"));
        assert_eq!(meter.bytes(), 0);
    }

    #[test]
    fn each_end_hears_when_the_other_goes() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let (sender, mut receiver) = body_channel(1);
        sender.write(Bytes::from_static(b"a"));
        drop(sender);
        assert_eq!(receiver.blocking_recv(), Some(Ok(Bytes::from_static(b"a"))));
        assert_eq!(receiver.blocking_recv(), Some(Err("the body was cut off".to_owned())));
        assert_eq!(receiver.blocking_recv(), None);

        let (sender, receiver) = body_channel(1);
        sender.write(Bytes::from_static(b"a"));
        assert_eq!(ready(&sender, &count), Poll::Pending);
        sender.watch(Waker::from(count.clone()));
        drop(receiver);
        assert_eq!(count.0.load(Ordering::Relaxed), 2, "the one who waits, and the one who watches");
        assert_eq!(ready(&sender, &count), Poll::Ready(false));
        sender.watch(Waker::from(count.clone()));
        assert_eq!(count.0.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_body_whose_writer_hangs_is_broken_off_and_one_that_has_ended_stays_whole() {
        let (sender, mut receiver) = body_channel(16);
        let breaker = sender.breaker();
        sender.write(Bytes::from_static(b"a"));
        assert!(breaker.is_open());
        breaker.fail("the writer hangs".to_owned());
        assert!(!breaker.is_open());
        sender.end();
        assert_eq!(receiver.blocking_recv(), Some(Ok(Bytes::from_static(b"a"))));
        assert_eq!(receiver.blocking_recv(), Some(Err("the writer hangs".to_owned())));

        let (sender, mut receiver) = body_channel(16);
        let breaker = sender.breaker();
        sender.end();
        breaker.fail("too late".to_owned());
        assert_eq!(receiver.blocking_recv(), None);
    }

    #[test]
    fn a_reader_on_another_thread_gets_everything_in_order() {
        let (sender, mut receiver) = body_channel(16);
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            while let Some(part) = receiver.blocking_recv() {
                bytes.extend_from_slice(&part.unwrap());
            }
            bytes
        });
        for n in 0..100u8 {
            sender.write(Bytes::copy_from_slice(&[n; 3]));
        }
        sender.end();
        let expected: Vec<u8> = (0..100u8).flat_map(|n| [n; 3]).collect();
        assert_eq!(reader.join().unwrap(), expected);
    }
}
