//! Web Locks: who holds which lock of an origin, and who waits for it (Web Locks API, section 4).

use crate::agent::lock;
use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use wakeworker_core::StorageKey;

/// The locks of all origins.
#[derive(Default)]
pub(crate) struct Locks {
    names: Mutex<HashMap<(StorageKey, String), Name>>,
}

/// One name: its holders, and those who wait, in order.
#[derive(Default)]
struct Name {
    held: Vec<Request>,
    waiting: VecDeque<Request>,
}

/// A request of one run of a worker.
pub(crate) struct Request {
    /// The run, and the number it gave its request.
    pub(crate) owner: u64,
    pub(crate) id: u32,
    pub(crate) exclusive: bool,
    /// What `query()` shows as the holder.
    pub(crate) client: String,
    /// Told what becomes of the request, possibly more than once: granted, and later stolen.
    pub(crate) tell: Box<dyn Fn(Verdict) + Send>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Granted,
    /// `ifAvailable`, and it was not.
    Unavailable,
    Aborted,
    Stolen,
}

/// How a request is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Wait,
    IfAvailable,
    Steal,
}

impl Name {
    fn grantable(&self, exclusive: bool) -> bool {
        self.held.is_empty() || (!exclusive && self.held.iter().all(|held| !held.exclusive))
    }

    /// Grants what may be granted now; gives who must be told.
    fn process(&mut self) {
        while self.waiting.front().is_some_and(|next| self.grantable(next.exclusive)) {
            let Some(request) = self.waiting.pop_front() else { return };
            (request.tell)(Verdict::Granted);
            self.held.push(request);
        }
    }
}

impl Locks {
    /// "Request a lock". `name` is JSON text, which may hold lone surrogates.
    pub(crate) fn request(&self, key: &StorageKey, name: String, manner: Manner, request: Request) {
        let mut names = lock(&self.names);
        let entry = names.entry((key.clone(), name)).or_default();
        match manner {
            Manner::Steal => {
                for stolen in entry.held.drain(..) {
                    (stolen.tell)(Verdict::Stolen);
                }
                entry.waiting.push_front(request);
            }
            Manner::IfAvailable if !entry.waiting.is_empty() || !entry.grantable(request.exclusive) => {
                (request.tell)(Verdict::Unavailable);
            }
            _ => entry.waiting.push_back(request),
        }
        entry.process();
    }

    /// Ends a held lock, or a request that waits; who waited is told that it was aborted.
    pub(crate) fn release(&self, owner: u64, id: u32) {
        self.remove(|request| request.owner == owner && request.id == id);
    }

    /// A run has ended: what it held goes on to others.
    pub(crate) fn forget(&self, owner: u64) {
        self.remove(|request| request.owner == owner);
    }

    fn remove(&self, ends: impl Fn(&Request) -> bool) {
        let mut names = lock(&self.names);
        names.retain(|_, entry| {
            let before = entry.held.len() + entry.waiting.len();
            entry.held.retain(|request| !ends(request));
            entry.waiting.retain(|request| {
                let aborted = ends(request);
                if aborted {
                    (request.tell)(Verdict::Aborted);
                }
                !aborted
            });
            if entry.held.len() + entry.waiting.len() != before {
                entry.process();
            }
            !entry.held.is_empty() || !entry.waiting.is_empty()
        });
    }

    /// How many requests a run has, held and waiting.
    pub(crate) fn count(&self, owner: u64) -> usize {
        let names = lock(&self.names);
        let requests = names.values().flat_map(|entry| entry.held.iter().chain(&entry.waiting));
        requests.filter(|request| request.owner == owner).count()
    }

    /// The LockManagerSnapshot of an origin as JSON.
    pub(crate) fn query(&self, key: &StorageKey) -> String {
        let names = lock(&self.names);
        let mut own: Vec<_> = names.iter().filter(|((owner, _), _)| owner == key).collect();
        own.sort_by(|(a, _), (b, _)| a.1.cmp(&b.1));
        let describe = |name: &str, request: &Request| {
            let mode = if request.exclusive { "exclusive" } else { "shared" };
            format!(r#"{{"name":{name},"mode":"{mode}","clientId":"{}"}}"#, request.client)
        };
        let mut held = Vec::new();
        let mut pending = Vec::new();
        for ((_, name), entry) in own {
            held.extend(entry.held.iter().map(|request| describe(name, request)));
            pending.extend(entry.waiting.iter().map(|request| describe(name, request)));
        }
        format!(r#"{{"held":[{}],"pending":[{}]}}"#, held.join(","), pending.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// Makes requests, and writes down what each is told.
    #[derive(Default)]
    struct Bench {
        locks: Locks,
        told: Arc<Mutex<Vec<(u32, Verdict)>>>,
    }

    impl Bench {
        fn key() -> StorageKey {
            StorageKey::first_party("https://a.example")
        }

        fn ask(&self, owner: u64, id: u32, exclusive: bool, manner: Manner) {
            let told = self.told.clone();
            let tell = Box::new(move |verdict| lock(&told).push((id, verdict)));
            let request = Request { owner, id, exclusive, client: format!("worker-{owner}"), tell };
            self.locks.request(&Bench::key(), "\"n\"".to_owned(), manner, request);
        }

        fn check(&self, expected: &[(u32, Verdict)]) {
            assert_eq!(std::mem::take(&mut *lock(&self.told)), expected);
        }
    }

    #[test]
    fn locks_are_granted_in_order_and_shared_ones_together() {
        let bench = Bench::default();
        bench.ask(1, 1, false, Manner::Wait);
        bench.ask(2, 2, false, Manner::Wait);
        bench.ask(3, 3, true, Manner::Wait);
        bench.ask(4, 4, false, Manner::Wait);
        bench.check(&[(1, Verdict::Granted), (2, Verdict::Granted)]);
        bench.ask(5, 5, false, Manner::IfAvailable);
        bench.check(&[(5, Verdict::Unavailable)]);
        bench.locks.release(1, 1);
        bench.check(&[]);
        bench.locks.release(2, 2);
        bench.check(&[(3, Verdict::Granted)]);
        bench.locks.release(3, 3);
        bench.check(&[(4, Verdict::Granted)]);
        bench.locks.release(4, 4);
        assert_eq!(bench.locks.query(&Bench::key()), r#"{"held":[],"pending":[]}"#);
    }

    #[test]
    fn a_run_that_ends_leaves_nothing_and_a_thief_takes_over() {
        let bench = Bench::default();
        bench.ask(1, 1, true, Manner::Wait);
        bench.ask(1, 2, true, Manner::Wait);
        bench.ask(2, 3, true, Manner::Wait);
        bench.locks.forget(1);
        bench.check(&[(1, Verdict::Granted), (2, Verdict::Aborted), (3, Verdict::Granted)]);
        bench.ask(4, 4, true, Manner::Wait);
        bench.ask(5, 5, true, Manner::Steal);
        bench.check(&[(3, Verdict::Stolen), (5, Verdict::Granted)]);
        let held = r#"{"name":"n","mode":"exclusive","clientId":"worker-5"}"#;
        let pending = r#"{"name":"n","mode":"exclusive","clientId":"worker-4"}"#;
        let expected = format!(r#"{{"held":[{held}],"pending":[{pending}]}}"#);
        assert_eq!(bench.locks.query(&Bench::key()), expected);
        assert_eq!(
            bench.locks.query(&StorageKey::first_party("https://b.example")),
            r#"{"held":[],"pending":[]}"#
        );
        assert_eq!(bench.locks.count(4), 1);
        bench.locks.release(4, 4);
        bench.check(&[(4, Verdict::Aborted)]);
    }
}
