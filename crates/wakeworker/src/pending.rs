//! A value that will be there later: a future for those who await, a blocking call for those who wait.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// The answer to a question asked of the host. Works on any executor, or without one by [`Pending::wait`].
///
/// It always completes: if the host goes away first, with the operation's "closed" error.
#[must_use = "nothing tells whether the operation worked unless the answer is looked at"]
pub struct Pending<T> {
    shared: Arc<Shared<T>>,
}

/// The side that gives the value.
pub(crate) struct Promise<T> {
    shared: Arc<Shared<T>>,
    lost: Option<fn() -> T>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    ready: Condvar,
}

struct State<T> {
    value: Option<T>,
    waker: Option<Waker>,
}

impl<T> Pending<T> {
    /// A pending value and the promise that completes it; `lost` makes the value of a promise that is dropped.
    pub(crate) fn pair(lost: fn() -> T) -> (Promise<T>, Pending<T>) {
        let state = Mutex::new(State { value: None, waker: None });
        let shared = Arc::new(Shared { state, ready: Condvar::new() });
        (Promise { shared: Arc::clone(&shared), lost: Some(lost) }, Pending { shared })
    }

    /// A value that is there already.
    pub(crate) fn ready(value: T) -> Pending<T> {
        let state = Mutex::new(State { value: Some(value), waker: None });
        Pending { shared: Arc::new(Shared { state, ready: Condvar::new() }) }
    }

    /// Blocks until the value is there. Not for the engine thread, which would wait for itself.
    pub fn wait(self) -> T {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match state.value.take() {
                Some(value) => return value,
                None => state = self.shared.ready.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl<T> Future for Pending<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T> Promise<T> {
    /// Gives the value.
    pub(crate) fn complete(mut self, value: T) {
        self.lost = None;
        self.put(value);
    }

    fn put(&self, value: T) {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.value = Some(value);
        let waker = state.waker.take();
        drop(state);
        self.shared.ready.notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(lost) = self.lost.take() {
            self.put(lost());
        }
    }
}

impl<T> std::fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_arrives_by_wait_and_by_await() {
        let (promise, pending) = Pending::pair(|| 0);
        let waiter = std::thread::spawn(|| pending.wait());
        promise.complete(7);
        assert_eq!(waiter.join().ok(), Some(7));

        let (promise, mut pending) = Pending::pair(|| 0);
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(Pin::new(&mut pending).poll(&mut context), Poll::Pending);
        promise.complete(8);
        assert_eq!(Pin::new(&mut pending).poll(&mut context), Poll::Ready(8));
    }

    #[test] // R38
    fn a_lost_promise_still_settles() {
        let (promise, pending) = Pending::pair(|| -1);
        drop(promise);
        assert_eq!(pending.wait(), -1);
    }
}
