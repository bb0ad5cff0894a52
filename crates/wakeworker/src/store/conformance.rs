//! What every [`Store`] must do, as checks that any store can be put through.
//!
//! A store proves itself by one test per behaviour:
//!
//! ```ignore
//! #[test]
//! fn my_store_behaves_as_every_store_must() {
//!     wakeworker::store::conformance::check(&|| Box::new(MyProfile::new()));
//! }
//! ```
#![expect(clippy::unwrap_used, reason = "a check fails by panicking, as a test does")]

mod log;
mod ownership;
pub mod records;
mod registrations;

use super::{ActivityLimits, Lease, Loaded, Store};
use wakeworker_core::{Change, Durability};

/// One profile of the store under test, which can be opened several times.
pub trait Profile {
    /// A store on this profile that has not been acquired, as a new process would make it.
    fn store(&self, limits: ActivityLimits) -> Box<dyn Store>;
}

/// One behaviour: its name, and a check that panics if a new, empty profile lacks it.
pub type Behaviour = (&'static str, fn(&dyn Profile));

/// All behaviours.
pub fn behaviours() -> Vec<Behaviour> {
    [registrations::BEHAVIOURS, log::BEHAVIOURS, ownership::BEHAVIOURS].concat()
}

/// Checks every behaviour, each on a profile of its own, and names the one that failed.
///
/// # Panics
///
/// If the store lacks one of the behaviours.
pub fn check(new_profile: &dyn Fn() -> Box<dyn Profile>) {
    for (name, behaviour) in behaviours() {
        let profile = new_profile();
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| behaviour(profile.as_ref())));
        if let Err(panic) = checked {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            panic!("the store fails in `{name}`: {said}");
        }
    }
}

/// A store that has been acquired, as one process has it.
struct Opened {
    store: Box<dyn Store>,
    lease: Lease,
}

impl Opened {
    fn new(profile: &dyn Profile) -> Opened {
        Opened::with_limits(profile, ActivityLimits::default())
    }

    fn with_limits(profile: &dyn Profile, limits: ActivityLimits) -> Opened {
        let mut store = profile.store(limits);
        let lease = store.acquire().unwrap();
        Opened { store, lease }
    }

    fn commit(&mut self, changes: &[Change]) {
        self.store.commit(&self.lease, changes, Durability::Strict).unwrap();
    }

    fn load(&mut self) -> Loaded {
        self.store.load(&self.lease).unwrap()
    }

    fn release(mut self) {
        self.store.release(self.lease).unwrap();
    }
}

#[cfg(test)]
mod tests;
