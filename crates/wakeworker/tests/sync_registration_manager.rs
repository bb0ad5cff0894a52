//! The host's view of sync registrations in WebView2's shape: lists and registration events.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stage;

use stage::{ORIGIN, Stage};
use std::sync::{Arc, Mutex};
use wakeworker::core::*;
use wakeworker::{ServiceWorkerRegistration, SyncRegisteredEventArgs};

type Heard = Arc<Mutex<Vec<(String, i64, bool)>>>;

fn registration(stage: &mut Stage) -> ServiceWorkerRegistration {
    let pending = stage.host.service_worker_manager().registration(&format!("{ORIGIN}/"));
    stage.ask(pending).unwrap().unwrap()
}

fn noting(heard: &Heard) -> impl Fn(&SyncRegisteredEventArgs) + Send + Sync + use<> {
    let heard = heard.clone();
    move |args| {
        let info = args.registration_info();
        heard.lock().unwrap().push((
            info.tag().to_string_lossy(),
            info.min_interval_in_milliseconds(),
            args.is_reregistration(),
        ));
    }
}

fn take(heard: &Heard) -> Vec<(String, i64, bool)> {
    std::mem::take(&mut heard.lock().unwrap())
}

// CR: NotifyBackgroundSyncRegistered
#[test] // R186, R187, R189, R192
fn a_one_off_registration_is_announced_with_its_tag_and_minus_one() {
    let (mut stage, id) = Stage::new().with_worker();
    let other = stage.add_registration(ORIGIN, "https://chat.example/other/");
    stage.activate(other, 9);
    let manager = registration(&mut stage).sync_registration_manager();
    let (one_off, periodic) = (Heard::default(), Heard::default());
    let _first = manager.on_background_sync_registered(noting(&one_off));
    let _second = manager.on_periodic_sync_registered(noting(&periodic));
    assert_eq!(stage.register(id, "outbox"), Ok(()));
    assert_eq!(take(&one_off), [("outbox".to_owned(), -1, false)]);
    assert_eq!(stage.register(other, "outbox"), Ok(()));
    assert!(take(&one_off).is_empty(), "not for another worker registration");
    let too_long = "x".repeat(10_241);
    assert!(stage.register(id, &too_long).is_err());
    assert!(take(&one_off).is_empty(), "not for a rejected registration");
    assert!(take(&periodic).is_empty(), "not for the other kind");
}

#[test] // R204, D26
fn a_registration_that_changes_an_entry_is_announced_as_such_and_a_no_op_is_not() {
    let (mut stage, id) = Stage::new().with_worker();
    let manager = registration(&mut stage).sync_registration_manager();
    let heard = Heard::default();
    let _subscription = manager.on_background_sync_registered(noting(&heard));
    assert_eq!(stage.register(id, "a"), Ok(()));
    assert_eq!(stage.register(id, "a"), Ok(()));
    assert_eq!(take(&heard), [("a".to_owned(), -1, false)], "pending: a no-op");
    stage.online();
    assert_eq!(stage.register(id, "a"), Ok(()));
    assert_eq!(take(&heard), [("a".to_owned(), -1, true)], "firing: to be fired again");
}

#[test] // R190
fn a_removed_handler_is_not_called_again_and_the_others_are() {
    let (mut stage, id) = Stage::new().with_worker();
    let manager = registration(&mut stage).sync_registration_manager();
    let (gone, stays) = (Heard::default(), Heard::default());
    let token = manager.on_background_sync_registered(noting(&gone));
    let _kept = manager.on_background_sync_registered(noting(&stays));
    drop(token);
    assert_eq!(stage.register(id, "a"), Ok(()));
    assert!(take(&gone).is_empty());
    assert_eq!(take(&stays).len(), 1);
}

// CR: GetRegistrationsOne
#[test] // R191, R192, R203
fn the_list_has_all_entries_of_the_kind_in_any_state_and_is_a_snapshot() {
    let (mut stage, id) = Stage::new().with_worker();
    stage.online();
    let manager = registration(&mut stage).sync_registration_manager();
    for tag in ["b", "a", ""] {
        assert_eq!(stage.register(id, tag), Ok(()));
    }
    let listed = stage.ask(manager.sync_registrations(SyncKind::BackgroundSync)).unwrap();
    assert_eq!(stage.register(id, "later"), Ok(()));
    let seen: Vec<(String, i64)> = listed
        .iter()
        .map(|info| (info.tag().to_string_lossy(), info.min_interval_in_milliseconds()))
        .collect();
    assert_eq!(seen, [(String::new(), -1), ("a".to_owned(), -1), ("b".to_owned(), -1)]);
    assert!(stage.ask(manager.sync_registrations(SyncKind::PeriodicSync)).unwrap().is_empty());
}
