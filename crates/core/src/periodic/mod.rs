//! The periodic algorithms, one file each: <https://wicg.github.io/periodic-background-sync/>.

mod effective_interval;
mod firing;
mod register;
mod restore;
mod rounds;

pub(crate) use effective_interval::{event_left, place, replan_origin, replan_worker, waits};
pub(crate) use firing::attempt_ended;
pub(crate) use register::register;
pub(crate) use restore::restore;
pub(crate) use rounds::run;
