//! A whole body, for those who cannot use a part of it.

use super::BodyReceiver;
use bytes::{Bytes, BytesMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

type Done = Box<dyn FnOnce(Result<Bytes, String>) + Send>;

/// Reads a body to its end, at most `bytes_max`, and calls `done` once; on the thread that brings the last part, or on
/// this one if everything is there.
pub(crate) fn collect_then(
    body: BodyReceiver,
    bytes_max: usize,
    done: impl FnOnce(Result<Bytes, String>) + Send + 'static,
) {
    let work = Work { body, bytes: BytesMut::new(), bytes_max, done: Box::new(done) };
    Arc::new(Collector(Mutex::new(Some(work)))).wake();
}

struct Collector(Mutex<Option<Work>>);

struct Work {
    body: BodyReceiver,
    bytes: BytesMut,
    bytes_max: usize,
    done: Done,
}

impl Wake for Collector {
    fn wake(self: Arc<Self>) {
        let waker = Waker::from(self.clone());
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(work) = slot.as_mut() else { return };
        let result = loop {
            match work.body.poll_recv(&mut Context::from_waker(&waker)) {
                Poll::Pending => return,
                Poll::Ready(Some(Ok(part))) => {
                    if work.bytes.len() + part.len() > work.bytes_max {
                        break Err(format!("more than the limit of {} bytes", work.bytes_max));
                    }
                    work.bytes.extend_from_slice(&part);
                }
                Poll::Ready(Some(Err(problem))) => break Err(problem),
                Poll::Ready(None) => break Ok(work.bytes.split().freeze()),
            }
        };
        let Some(work) = slot.take() else { return };
        drop(slot);
        drop(work.body);
        (work.done)(result);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::body_channel;
    use std::sync::mpsc::channel;

    #[test]
    fn parts_are_joined_and_too_many_or_a_break_are_told() {
        let collect = |max, act: fn(crate::body::BodySender)| {
            let (sender, receiver) = body_channel(1);
            let (told, answer) = channel();
            collect_then(receiver, max, move |result| told.send(result).unwrap());
            act(sender);
            answer.try_recv().unwrap()
        };
        let parts = |sender: crate::body::BodySender| {
            sender.write(Bytes::from_static(b"ab"));
            sender.write(Bytes::from_static(b"c"));
            sender.end();
        };
        assert_eq!(collect(3, parts), Ok(Bytes::from_static(b"abc")));
        assert_eq!(collect(2, parts), Err("more than the limit of 2 bytes".to_owned()));
        assert_eq!(collect(2, |sender| sender.fail("no".to_owned())), Err("no".to_owned()));
    }
}
