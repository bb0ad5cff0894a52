//! The host program is asked what origins may do, also in the middle of a registration (R105).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stage;

use stage::{ORIGIN, Stage};
use std::sync::{Arc, Mutex};
use wakeworker::core::*;
use wakeworker::store::MemoryStore;
use wakeworker::{PermissionProvider, PermissionRequest};

/// States what it is told to and keeps requests until the test answers them.
#[derive(Default)]
struct Provider {
    states: Vec<(&'static str, PermissionName, PermissionState)>,
    met: Mutex<Vec<String>>,
    requests: Mutex<Vec<PermissionRequest>>,
}

impl PermissionProvider for Provider {
    fn permission(&self, storage_key: &StorageKey, name: PermissionName) -> Option<PermissionState> {
        self.met.lock().unwrap().push(format!("{storage_key} {}", name.as_str()));
        let stated = self.states.iter().find(|(key, of, _)| *key == storage_key.as_str() && *of == name);
        stated.map(|(_, _, state)| *state)
    }

    fn request(&self, request: PermissionRequest) {
        self.requests.lock().unwrap().push(request);
    }
}

impl Provider {
    fn stating(name: PermissionName, state: PermissionState) -> Arc<Provider> {
        Arc::new(Provider { states: vec![(ORIGIN, name, state)], ..Provider::default() })
    }

    fn take_request(&self) -> Option<PermissionRequest> {
        let mut requests = self.requests.lock().unwrap();
        assert!(requests.len() <= 1, "asked once for one queue");
        requests.pop()
    }
}

fn stage(provider: &Arc<Provider>) -> (Stage, WorkerRegistrationId) {
    let provider = provider.clone();
    Stage::built(MemoryStore::new(), move |builder| builder.permission_provider(provider)).with_worker()
}

#[test] // R17, R137
fn the_provider_states_permissions_when_an_origin_is_met_and_not_again() {
    let provider = Provider::stating(PermissionName::BackgroundSync, PermissionState::Denied);
    let (mut stage, registration) = stage(&provider);
    assert_eq!(stage.register(registration, "a"), Err(RegisterError::PermissionDenied));
    assert_eq!(provider.met.lock().unwrap().len(), 3, "each name once");
    stage.add_registration(ORIGIN, "https://chat.example/second/");
    assert_eq!(provider.met.lock().unwrap().len(), 3);
    let other = stage.add_registration("https://other.example", "https://other.example/");
    assert_eq!(provider.met.lock().unwrap().len(), 6);
    stage.activate(other, 3);
    let _window = stage.host.open_client("https://other.example".into(), FrameType::TopLevel);
    assert_eq!(stage.register(other, "a"), Ok(()), "R135, R175: another origin has the default");
}

#[test] // R17
fn the_origins_of_a_stored_profile_are_met_at_start() {
    let store = MemoryStore::new();
    let mut first = Stage::over(store.clone());
    first.add_registration(ORIGIN, "https://chat.example/");
    first.driver.shut_down().unwrap();
    let provider = Provider::stating(PermissionName::BackgroundSync, PermissionState::Denied);
    let asked = provider.clone();
    drop(Stage::built(store, move |builder| builder.permission_provider(asked)));
    assert!(provider.met.lock().unwrap().contains(&format!("{ORIGIN} background-sync")));
}

#[test] // R105, R24
fn a_registration_waits_for_the_users_answer() {
    let provider = Provider::stating(PermissionName::BackgroundSync, PermissionState::Prompt);
    let (mut stage, registration) = stage(&provider);
    let waiting = stage.host.sync_manager(registration).register("a".into());
    stage.turn();
    let request = provider.take_request().expect("asked");
    assert_eq!((request.storage_key().as_str(), request.name()), (ORIGIN, PermissionName::BackgroundSync));
    stage.advance(3_600_000);
    request.answer(PermissionState::Granted);
    assert_eq!(stage.ask(waiting), Ok(()));
    assert_eq!(stage.register(registration, "b"), Ok(()));
    assert!(provider.take_request().is_none(), "granted is granted");
}

#[test] // R105, R47
fn calls_behind_a_waiting_one_keep_their_order_and_other_queues_go_on() {
    let provider = Provider::stating(PermissionName::BackgroundSync, PermissionState::Prompt);
    let (mut stage, registration) = stage(&provider);
    let manager = stage.host.sync_manager(registration);
    let order = Arc::new(Mutex::new(Vec::new()));
    let note = |name: &'static str| {
        let order = order.clone();
        move |_: Result<(), RegisterError>| order.lock().unwrap().push(name)
    };
    manager.register_then("first".into(), note("first"));
    manager.register_then("second".into(), note("second"));
    let listed = manager.get_tags();
    let periodic = stage.host.periodic_sync_manager(registration).get_tags();
    assert_eq!(stage.ask(periodic), Ok(Vec::new()), "the other manager does not wait");
    assert!(order.lock().unwrap().is_empty());
    provider.take_request().unwrap().answer(PermissionState::Granted);
    assert_eq!(stage.ask(listed).unwrap().len(), 2, "the list waited for both registrations");
    assert_eq!(*order.lock().unwrap(), ["first", "second"]);
}

#[test] // R105, R38
fn without_an_answer_the_registration_is_refused_and_the_next_one_asks_again() {
    let provider = Provider::stating(PermissionName::BackgroundSync, PermissionState::Prompt);
    let (mut stage, registration) = stage(&provider);
    for answer in [None, Some(PermissionState::Prompt), Some(PermissionState::Denied)] {
        let first = stage.host.sync_manager(registration).register("a".into());
        let second = stage.host.sync_manager(registration).register("b".into());
        stage.turn();
        let request = provider.take_request().expect("asked again");
        match answer {
            None => drop(request),
            Some(state) => request.answer(state),
        }
        assert_eq!(stage.ask(first), Err(RegisterError::PermissionDenied));
        assert_eq!(second.wait(), Err(RegisterError::PermissionDenied));
    }
    assert_eq!(stage.register(registration, "c"), Err(RegisterError::PermissionDenied));
    assert!(provider.take_request().is_none(), "denied is denied");
}

#[test] // R97: the first check that fails names the error, and nobody is asked for nothing
fn nobody_is_asked_for_a_registration_that_is_refused_anyway() {
    let provider = Provider::stating(PermissionName::BackgroundSync, PermissionState::Prompt);
    let (mut stage, _) = stage(&provider);
    let installing = stage.add_registration(ORIGIN, "https://chat.example/installing/");
    assert_eq!(stage.register(installing, "a"), Err(RegisterError::NoActiveWorker));
    assert!(provider.take_request().is_none());
}

#[test] // R38
fn a_waiting_registration_settles_when_the_host_goes_away() {
    let provider = Provider::stating(PermissionName::BackgroundSync, PermissionState::Prompt);
    let (mut stage, registration) = stage(&provider);
    let waiting = stage.host.sync_manager(registration).register("a".into());
    stage.turn();
    let request = provider.take_request().unwrap();
    stage.driver.shut_down().unwrap();
    assert_eq!(waiting.wait(), Err(RegisterError::ShuttingDown));
    request.answer(PermissionState::Granted);
}
