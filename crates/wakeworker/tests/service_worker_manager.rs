//! Worker management in WebView2's shape: lists, look-up by scope, and the events of a worker's life.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stage;

use stage::{ORIGIN, Stage};
use std::sync::{Arc, Mutex};
use wakeworker::core::*;
use wakeworker::store::MemoryStore;
use wakeworker::{NotImplemented, QueryError};

/// What observers heard, in order.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn note(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[test] // R210
fn a_new_worker_registration_is_announced_once() {
    let mut stage = Stage::new();
    let heard = Heard::default();
    let notes = heard.clone();
    let subscription = stage.host.service_worker_manager().on_service_worker_registered(move |args| {
        notes.note(args.service_worker_registration().scope_uri());
    });
    let first = stage.add_registration(ORIGIN, "https://chat.example/app/");
    assert_eq!(heard.take(), ["https://chat.example/app/"]);
    assert_eq!(stage.add_registration(ORIGIN, "https://chat.example/app/"), first);
    stage.activate(first, 1);
    assert!(heard.take().is_empty(), "the same scope is no new registration");
    drop(subscription);
    stage.add_registration(ORIGIN, "https://chat.example/other/");
    assert!(heard.take().is_empty(), "R190: a removed handler is not called again");
}

#[test] // R211, R203
fn the_list_has_all_of_the_profile_and_does_not_change_afterwards() {
    let mut stage = Stage::new();
    stage.add_registration(ORIGIN, "https://chat.example/");
    stage.add_registration("https://news.example", "https://news.example/");
    let manager = stage.host.service_worker_manager();
    let listed = stage.ask(manager.registrations()).unwrap();
    stage.add_registration(ORIGIN, "https://chat.example/later/");
    let scopes: Vec<&str> = listed.iter().map(|found| found.scope_uri()).collect();
    assert_eq!(scopes, ["https://chat.example/", "https://news.example/"]);
}

#[test] // R212, R214, R220
fn a_scope_is_found_in_any_spelling_and_only_the_exact_one() {
    let mut stage = Stage::new();
    let first_party =
        stage.add_registration("https://xn--bcher-kva.example", "https://xn--bcher-kva.example/app/");
    let framed = stage.add_registration(
        "https://xn--bcher-kva.example^https://portal.example",
        "https://xn--bcher-kva.example/app/",
    );
    let manager = stage.host.service_worker_manager();
    for spelling in ["https://bücher.example/app/", "HTTPS://XN--BCHER-KVA.Example:443/x/../app/#part"] {
        let found = stage.ask(manager.registration(spelling)).unwrap().expect("found");
        assert_eq!(found.id(), first_party);
        assert_eq!(
            (found.origin(), found.top_level_origin()),
            ("https://xn--bcher-kva.example", found.origin())
        );
        let all = stage.ask(manager.registrations_for_scope(spelling)).unwrap();
        assert_eq!(all.iter().map(|found| found.id()).collect::<Vec<_>>(), [first_party, framed]);
        assert_eq!(all[1].origin(), "https://xn--bcher-kva.example");
        assert_eq!(all[1].top_level_origin(), "https://portal.example");
    }
    for other in
        ["https://bücher.example/", "https://bücher.example/app/deeper/", "https://bücher.example/app"]
    {
        assert!(stage.ask(manager.registration(other)).unwrap().is_none(), "{other}");
        assert!(stage.ask(manager.registrations_for_scope(other)).unwrap().is_empty(), "{other}");
    }
}

#[test] // R213
fn an_invalid_scope_is_answered_at_once() {
    let stage = Stage::new();
    let manager = stage.host.service_worker_manager();
    for invalid in ["", "/app/", "chat.example", "javascript:void 0"] {
        // The driver has no turn here: the answer does not wait for it.
        let error = manager.registration(invalid).wait().unwrap_err();
        let QueryError::InvalidArgument { argument, value, problem } = &error else { panic!("{error:?}") };
        assert_eq!((*argument, value.as_str()), ("scope_uri", invalid));
        assert!(!problem.is_empty() && error.to_string().contains(problem));
        assert!(manager.registrations_for_scope(invalid).wait().is_err());
    }
}

#[test] // R216, R217
fn the_active_worker_is_none_then_the_first_then_the_updated_one() {
    let mut stage = Stage::new();
    let id = stage.add_registration(ORIGIN, "https://chat.example/");
    let manager = stage.host.service_worker_manager();
    let registration = stage.ask(manager.registration("https://chat.example/")).unwrap().unwrap();
    assert!(registration.active_service_worker().is_none());

    let heard = Heard::default();
    let notes = heard.clone();
    let _subscription = registration.on_service_worker_activated(move |args| {
        notes.note(format!("activated {}", args.active_service_worker().id()));
    });
    stage.host.set_active_worker(id, Some(ActiveWorker { id: WorkerId(1), activated: false }), None);
    stage.turn();
    assert!(heard.take().is_empty(), "activating is not activated");
    stage.activate(id, 1);
    assert_eq!(heard.take(), ["activated 1"]);
    let first = registration.active_service_worker().unwrap();
    assert_eq!((first.id(), first.script_uri()), (WorkerId(1), "https://chat.example/sw.js"));
    stage.activate(id, 1);
    assert!(heard.take().is_empty(), "stated again, as after a restart");
    stage.activate(id, 2);
    assert_eq!(heard.take(), ["activated 2"]);
    assert_eq!(registration.active_service_worker().unwrap().id(), WorkerId(2));

    let late = heard.clone();
    let _late = registration.on_service_worker_activated(move |_| late.note("late"));
    stage.turn();
    assert!(heard.take().is_empty(), "not for activations before subscribing");
    let other = stage.add_registration(ORIGIN, "https://chat.example/other/");
    stage.activate(other, 7);
    assert!(heard.take().is_empty(), "not for another registration");
}

#[test] // R218, R216
fn unregistering_is_raised_for_its_registration_only() {
    let mut stage = Stage::new();
    let id = stage.add_registration(ORIGIN, "https://chat.example/");
    let other = stage.add_registration(ORIGIN, "https://chat.example/other/");
    stage.activate(id, 1);
    let heard = Heard::default();
    let manager = stage.host.service_worker_manager();
    let all = stage.ask(manager.registrations()).unwrap();
    let subscriptions: Vec<_> = all
        .iter()
        .map(|registration| {
            let (notes, id) = (heard.clone(), registration.id());
            registration.on_unregistering(move || notes.note(format!("{id}")))
        })
        .collect();
    let pending = stage.host.remove_worker_registration(id);
    assert_eq!(stage.ask(pending), Ok(()));
    assert_eq!(heard.take(), [format!("{id}")]);
    assert!(all[0].active_service_worker().is_none());
    let pending = stage.host.clear_storage(ORIGIN.into());
    assert_eq!(stage.ask(pending), Ok(()));
    assert_eq!(heard.take(), [format!("{other}")]);
    drop(subscriptions);
}

#[test] // R219
fn destroying_is_raised_once_and_never_for_a_late_subscriber() {
    let mut stage = Stage::new();
    let id = stage.add_registration(ORIGIN, "https://chat.example/");
    stage.activate(id, 1);
    let manager = stage.host.service_worker_manager();
    let registration = stage.ask(manager.registration("https://chat.example/")).unwrap().unwrap();
    let heard = Heard::default();
    let listen = |worker: &wakeworker::ServiceWorker, name: &'static str| {
        let notes = heard.clone();
        worker.on_destroying(move || notes.note(name))
    };

    // Terminated for idleness: the object hears of it, and a new object is one of a new life.
    let first = registration.active_service_worker().unwrap();
    let mut kept = vec![listen(&first, "first"), listen(&first.clone(), "its clone")];
    stage.host.worker_stopped(id, WorkerId(1));
    stage.turn();
    assert_eq!(heard.take(), ["first", "its clone"]);
    kept.push(listen(&first, "late"));
    stage.host.worker_stopped(id, WorkerId(1));
    stage.turn();
    assert!(heard.take().is_empty(), "once, and never late");

    // Replaced by an update.
    let second = registration.active_service_worker().unwrap();
    kept.push(listen(&second, "second"));
    drop(second); // The subscription keeps the object alive.
    stage.activate(id, 2);
    assert_eq!(heard.take(), ["second"]);

    // Gone with its registration.
    kept.push(listen(&registration.active_service_worker().unwrap(), "third"));
    let pending = stage.host.remove_worker_registration(id);
    assert_eq!(stage.ask(pending), Ok(()));
    assert_eq!(heard.take(), ["third"]);
    stage.host.worker_stopped(id, WorkerId(2));
    stage.turn();
    assert!(heard.take().is_empty());
}

#[test] // R219, R190
fn a_removed_destroying_handler_is_not_called() {
    let (mut stage, id) = Stage::new().with_worker();
    let manager = stage.host.service_worker_manager();
    let registration = stage.ask(manager.registration(&format!("{ORIGIN}/"))).unwrap().unwrap();
    let heard = Heard::default();
    let notes = heard.clone();
    drop(registration.active_service_worker().unwrap().on_destroying(move || notes.note("called")));
    stage.activate(id, 2);
    assert!(heard.take().is_empty());
}

#[test] // R210, R217: a commit whose result was lost
fn what_reached_the_store_is_announced_although_its_commit_failed() {
    let mut stage = Stage::new();
    let heard = Heard::default();
    let notes = heard.clone();
    let _subscription = stage
        .host
        .service_worker_manager()
        .on_service_worker_registered(move |args| notes.note(args.service_worker_registration().scope_uri()));
    stage.disk.lose_next_answer();
    let pending =
        stage.host.add_worker_registration(ORIGIN.into(), format!("{ORIGIN}/"), format!("{ORIGIN}/sw.js"));
    assert_eq!(stage.ask(pending), Err(RegisterError::Storage));
    assert_eq!(heard.take(), [format!("{ORIGIN}/")]);
}

#[test] // R222
fn workers_that_the_engine_does_not_run_are_reported_as_not_implemented() {
    let stage = Stage::new();
    let shared = stage.host.shared_worker_manager();
    assert_eq!(
        stage.host.on_dedicated_worker_created(|_| {}).unwrap_err(),
        NotImplemented { member: "DedicatedWorkerCreated" }
    );
    assert_eq!(
        shared.on_shared_worker_created(|_| {}).unwrap_err(),
        NotImplemented { member: "SharedWorkerCreated" }
    );
    let error = shared.shared_workers().unwrap_err();
    assert!(error.to_string().contains("`GetSharedWorkers` is not implemented"), "{error}");
}

#[test] // R215 holds in the runtime; here: what a backend stored is what a host sees after a restart
fn registrations_of_an_earlier_run_are_listed_and_not_announced() {
    let store = MemoryStore::new();
    let mut stage = Stage::over(store.clone());
    let id = stage.add_registration(ORIGIN, "https://chat.example/app/");
    stage.activate(id, 4);
    stage.driver.shut_down().unwrap();
    let mut stage = Stage::over(store);
    let manager = stage.host.service_worker_manager();
    let heard = Heard::default();
    let notes = heard.clone();
    let _subscription = manager.on_service_worker_registered(move |_| notes.note("registered"));
    let found = stage.ask(manager.registration("https://chat.example/app/")).unwrap().unwrap();
    assert_eq!(found.active_service_worker().unwrap().id(), WorkerId(4));
    assert!(heard.take().is_empty());
}
