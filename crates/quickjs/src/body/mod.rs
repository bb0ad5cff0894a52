//! Bodies on their way between a network, a worker and a page: streams of bytes with back-pressure and an end on both
//! sides.

mod channel;
mod collect;
mod meter;
mod request;

pub use channel::{BodyReceiver, BodySender, body_channel};
pub use request::RequestBody;

pub(crate) use channel::Breaker;
pub(crate) use collect::collect_then;
pub(crate) use meter::{Meter, Weight};
