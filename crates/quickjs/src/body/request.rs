//! The body of a request.

use super::{BodyReceiver, collect_then};
use bytes::Bytes;

/// The body of a request: bytes that can be sent again, or a stream that cannot.
#[derive(Debug)]
pub enum RequestBody {
    /// All bytes; none if there is no body.
    Bytes(Bytes),
    /// Parts that come while they are sent.
    Stream(BodyReceiver),
}

impl RequestBody {
    /// Whether there is no body.
    pub fn is_empty(&self) -> bool {
        matches!(self, RequestBody::Bytes(bytes) if bytes.is_empty())
    }

    /// How many bytes are there already, of a body that is no stream.
    pub(crate) fn bytes_at_hand(&self) -> usize {
        match self {
            RequestBody::Bytes(bytes) => bytes.len(),
            RequestBody::Stream(_) => 0,
        }
    }

    /// The body as a stream, whatever it is.
    pub fn into_receiver(self) -> BodyReceiver {
        match self {
            RequestBody::Bytes(bytes) => BodyReceiver::from_bytes(bytes),
            RequestBody::Stream(receiver) => receiver,
        }
    }

    /// Reads the body to its end, at most `bytes_max`, and calls `done` once: on this thread if all is there, otherwise
    /// on the one that brings the last part.
    pub fn collect_then(self, bytes_max: usize, done: impl FnOnce(Result<Bytes, String>) + Send + 'static) {
        match self {
            RequestBody::Bytes(bytes) => done(Ok(bytes)),
            RequestBody::Stream(receiver) => collect_then(receiver, bytes_max, done),
        }
    }
}

impl Default for RequestBody {
    fn default() -> RequestBody {
        RequestBody::Bytes(Bytes::new())
    }
}

impl<T: Into<Bytes>> From<T> for RequestBody {
    fn from(bytes: T) -> RequestBody {
        RequestBody::Bytes(bytes.into())
    }
}
