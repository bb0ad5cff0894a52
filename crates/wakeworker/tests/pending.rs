//! Answers of a host work on any executor and without one: driven here by an executor made by hand.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stage;

use stage::Stage;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use wakeworker::Host;
use wakeworker::core::*;
use wakeworker::store::MemoryStore;

/// The whole executor: polls a future whenever it is woken, and sleeps between.
fn block_on<F: Future>(future: F) -> F::Output {
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        let mut rung = bell.rung.lock().unwrap();
        while !std::mem::take(&mut *rung) {
            rung = bell.bell.wait(rung).unwrap();
        }
    }
}

#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    bell: Condvar,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        *self.rung.lock().unwrap() = true;
        self.bell.notify_all();
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn open() -> (Host, StorageKey) {
    let host = Host::builder(Box::new(MemoryStore::new())).open().unwrap();
    (host, StorageKey::first_party("https://chat.example"))
}

#[test] // R38
fn a_chain_of_awaits_runs_on_an_executor_of_twenty_lines() {
    let (host, key) = open();
    let tags = block_on(async {
        let scope = "https://chat.example/".to_owned();
        let registration =
            host.add_worker_registration(key.clone(), scope.clone(), format!("{scope}sw.js")).await?;
        host.set_permission(key.clone(), PermissionName::BackgroundSync, PermissionState::Granted);
        let manager = host.sync_manager(registration);
        assert_eq!(manager.register("early".into()).await, Err(RegisterError::NoActiveWorker));
        host.set_active_worker(registration, Some(ActiveWorker { id: WorkerId(1), activated: false }), None);
        let _window = host.open_client(key, FrameType::TopLevel);
        // All are asked before the first is awaited: answers wait for nobody.
        let all: Vec<_> = (0..100).map(|n| manager.register(format!("{n}").as_str().into())).collect();
        for pending in all {
            pending.await?;
        }
        manager.get_tags().await
    });
    assert_eq!(tags.unwrap().len(), 100);
}

#[test] // R38
fn an_await_ends_when_the_host_goes_away() {
    let (host, key) = open();
    let handle = host.handle();
    drop(host);
    let answer = block_on(handle.clear_storage(key));
    assert_eq!(answer, Err(RegisterError::ShuttingDown));
}

#[test]
fn the_waker_of_the_last_poll_is_the_one_that_is_woken() {
    let (mut stage, registration) = Stage::new().with_worker();
    let mut pending = stage.host.sync_manager(registration).get_tags();
    let counters = [Arc::new(Counter::default()), Arc::new(Counter::default())];
    for counter in &counters {
        let waker = Waker::from(Arc::clone(counter));
        assert!(Pin::new(&mut pending).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    stage.turn();
    let woken = counters.map(|counter| counter.0.load(Ordering::SeqCst));
    assert_eq!(woken, [0, 1], "a task may have moved to another executor between two polls");
    assert!(Pin::new(&mut pending).poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

#[test]
fn a_pending_answer_that_nobody_wants_harms_nobody() {
    let (mut stage, registration) = Stage::new().with_worker();
    drop(stage.host.sync_manager(registration).register("a".into()));
    stage.turn();
    assert_eq!(stage.tags(registration), ["a"], "the request was made all the same");
}
