//! Sites that register and fire without end: the first entries stay, the rest is refused, other sites notice nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stage;

use stage::Stage;
use wakeworker::core::*;

#[test] // R173, R36
fn of_a_hundred_thousand_registrations_the_first_ones_stay_and_the_rest_is_refused() {
    let (mut stage, greedy) = Stage::new().with_worker();
    let limit = Config::default().entries_per_worker_registration_max.unwrap();
    let manager = stage.host.sync_manager(greedy);
    let asked: Vec<_> =
        (0..100_000).map(|number| manager.register(format!("t{number}").as_str().into())).collect();
    while stage.driver.has_messages() {
        stage.turn();
    }
    let answers: Vec<Result<(), RegisterError>> = asked.into_iter().map(|pending| pending.wait()).collect();
    assert_eq!(answers.iter().take_while(|answer| answer.is_ok()).count(), limit, "the first ones");
    let refused = answers.into_iter().skip(limit).map(Result::unwrap_err);
    assert!(refused.into_iter().all(|error| error.dom_exception_name() == "QuotaExceededError"));
    assert_eq!(stage.tags(greedy).len(), limit);

    let modest = stage.add_registration("https://modest.example", "https://modest.example/");
    stage.activate(modest, 77);
    let window =
        stage.host.open_client(StorageKey::first_party("https://modest.example"), FrameType::TopLevel);
    stage.register(modest, "mine").unwrap();
    stage.online();
    assert!(
        stage.workers.running().contains(&"mine".to_owned()),
        "another site is served like any other day"
    );
    drop(window);
}

#[test] // R173
fn a_worker_that_registers_again_in_every_event_gets_no_more_than_its_hourly_share() {
    let (mut stage, greedy) = Stage::new().with_worker();
    stage.online();
    let limit = Config::default().events_per_origin_and_hour_max.unwrap();
    stage.register(greedy, "0").unwrap();
    let mut events = 0;
    while !stage.workers.running().is_empty() {
        events += 1;
        stage.register(greedy, &events.to_string()).unwrap();
        stage.end(AttemptOutcome::Succeeded { handled: true });
        assert!(events <= limit, "event number {events} of an hour");
    }
    assert_eq!(events, limit);
    stage.advance(3_600_000);
    assert_eq!(
        stage.workers.running(),
        [limit.to_string()],
        "what waited comes in the next hour: nothing is lost"
    );
}
