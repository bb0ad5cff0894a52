//! Counts what a connection has read and nobody has got yet, for all connections of a worker together: the parts of a
//! message wait in the protocol's buffers until it is whole, and a server must not fill them without end.

use crate::body::Meter;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The bytes of one connection that are no message yet.
#[derive(Clone)]
pub(super) struct Unfinished(Arc<Count>);

struct Count {
    meter: Meter,
    bytes: AtomicUsize,
    bytes_max: usize,
}

impl Unfinished {
    /// `meter` counts for all connections, which may have `bytes_max` together.
    pub(super) fn new(meter: Meter, bytes_max: usize) -> Unfinished {
        Unfinished(Arc::new(Count { meter, bytes: AtomicUsize::new(0), bytes_max }))
    }

    fn read(&self, bytes: usize) -> io::Result<()> {
        self.0.bytes.fetch_add(bytes, Ordering::AcqRel);
        self.0.meter.add(bytes);
        if self.0.meter.bytes() <= self.0.bytes_max {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "the worker's connections hold more than {} bytes that it has not taken, the limit \
             `connections_received_bytes_max`",
            self.0.bytes_max
        )))
    }

    /// A control frame with so many bytes has come out, maybe from between the parts of a message.
    pub(super) fn control(&self, bytes: usize) {
        let counted = self.0.bytes.load(Ordering::Acquire).min(bytes + CONTROL_HEADER_BYTES);
        self.0.bytes.fetch_sub(counted, Ordering::AcqRel);
        self.0.meter.subtract(counted);
    }

    /// A message has come out.
    pub(super) fn message(&self) {
        self.0.meter.subtract(self.0.bytes.swap(0, Ordering::AcqRel));
    }
}

/// What a server's control frame has before its content.
const CONTROL_HEADER_BYTES: usize = 2;

impl Drop for Count {
    fn drop(&mut self) {
        self.meter.subtract(self.bytes.load(Ordering::Acquire));
    }
}

/// A connection whose bytes are counted.
pub(super) struct Metered<S> {
    pub(super) stream: S,
    pub(super) unfinished: Unfinished,
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => Poll::Ready(self.unfinished.read(buffer.filled().len() - before)),
            other => other,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
