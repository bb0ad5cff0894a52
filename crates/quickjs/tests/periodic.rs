//! Periodic sync in a real worker: events, lists, permissions, the older explainer's objects (R123, R43–R48, R134–R139).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Server, World};
use wakeworker_core::{
    AttemptOutcome, CoalescePolicy, Config, PeriodicOptions, PermissionName, PermissionState, SyncKind, Tag,
};
use wakeworker_quickjs::{LifecycleEvent, RuntimeConfig};

const PERIODIC: PermissionName = PermissionName::PeriodicBackgroundSync;

/// A worker that runs what it is told, and prints what comes of it.
const OBEDIENT: &str = "
    onmessage = (event) => event.waitUntil((async () => {
        try { console.log(JSON.stringify(await eval(`(async () => (${event.data}))()`)) ?? 'undefined'); }
        catch (error) { console.log(error.name); }
    })());
    const { periodicSync } = registration;
";

/// No gaps between events of different registrations, so that only the interval counts.
fn quick() -> Config {
    Config {
        min_interval_any_origin_ms: 0,
        min_interval_across_origins_ms: 0,
        periodic_retry_delay_initial_ms: 5,
        coalescing: CoalescePolicy::Exact,
        ..Config::default()
    }
}

fn world(script: &str, config: Config) -> World {
    let world =
        World::with(Server::with_worker(&format!("{OBEDIENT}{script}")), RuntimeConfig::default(), config);
    world.host.set_permission(world.key(), PERIODIC, PermissionState::Granted);
    world
}

fn every(ms: u64) -> PeriodicOptions {
    PeriodicOptions { min_interval_ms: ms, ..PeriodicOptions::default() }
}

// CR: PeriodicBackgroundSyncBrowserTest.WaitUntil
#[test] // R123, R60, R98
fn a_periodic_event_comes_by_itself_trusted_and_with_its_tag_and_starts_a_stopped_worker() {
    let world = world(
        "onperiodicsync = (event) => console.log([event.type, event.tag, event.isTrusted, event instanceof PeriodicSyncEvent].join())",
        quick(),
    );
    let (id, worker) = world.activate("sw.js");
    world.runtime.stop_worker(worker);
    world.events.wait_for(|event| matches!(event, LifecycleEvent::WorkerStopped { .. }).then_some(()));
    // R12
    let tag = Tag::from_utf16(&[0x6E, 0xD800]);
    world.host.periodic_sync_manager(id).register(tag.clone(), every(20)).wait().unwrap();
    world.console.wait_for(|line| (line == "periodicsync,n\u{FFFD},true,true").then_some(()));
    let before = world.console.len();
    world.console.wait_after(before, |line| line.starts_with("periodicsync,").then_some(()));
    assert_eq!(world.host.periodic_sync_manager(id).get_tags().wait().unwrap(), [tag], "it goes on");
}

#[test] // R41, R43, R95, R104
fn host_page_and_worker_see_the_same_lists_and_each_kind_its_own() {
    let world = world("", Config::default());
    let (id, worker) = world.activate("sw.js");
    let manager = world.host.periodic_sync_manager(id);
    manager.register("by the page".into(), every(0)).wait().unwrap();
    assert_eq!(world.ask(worker, "periodicSync.getTags()"), r#"["by the page"]"#);
    assert_eq!(world.ask(worker, "periodicSync.register('by the worker', { minInterval: 5 })"), "undefined");
    let mut tags = manager.get_tags().wait().unwrap();
    tags.sort();
    assert_eq!(tags, ["by the page".into(), "by the worker".into()]);
    assert_eq!(world.ask(worker, "registration.sync.getTags()"), "[]");
    world.server.put("/other/sw.js", support::Answer::script(OBEDIENT));
    let (_, other) = world.activate("other/sw.js");
    assert_eq!(world.ask(other, "periodicSync.getTags()"), "[]");
    assert_eq!(world.ask(worker, "periodicSync.unregister('by the page')"), "undefined");
    assert_eq!(manager.get_tags().wait().unwrap(), ["by the worker".into()]);
}

// CR: UnregisterFromServiceWorker
#[test] // R46, R48, R133
fn an_event_that_unregisters_its_own_tag_goes_on_and_is_not_retried() {
    let world = world(
        "onperiodicsync = (event) => event.waitUntil((async () => {
            await periodicSync.unregister(event.tag);
            console.log('gone', (await periodicSync.getTags()).length);
            throw new Error('and failed');
        })())",
        quick(),
    );
    let (id, _) = world.activate("sw.js");
    world.host.periodic_sync_manager(id).register("once".into(), every(10)).wait().unwrap();
    world.console.wait_for(|line| (line == "gone 0").then_some(()));
    // Whatever the event still reports, nothing is planned for it.
    assert!(world.host.sync_registrations().wait().unwrap().is_empty());
    world.runtime.stop_worker(world.runtime.registration(id).unwrap().active.unwrap().id);
    world.events.wait_for(|event| matches!(event, LifecycleEvent::WorkerStopped { .. }).then_some(()));
    assert_eq!(world.host.next_wakeup().wait().unwrap(), None);
}

#[test] // R134, R136, R137, R139
fn a_worker_sees_its_permission_change_and_loses_its_entries_with_it() {
    let world = World::new(Server::with_worker(&format!(
        "{OBEDIENT}
         const query = (name) => navigator.permissions.query({{ name }});
         let status;
         const follow = async () => {{
             status = await query('periodic-background-sync');
             status.onchange = (event) => console.log('changed to', status.state, event.isTrusted);
             return status.state;
         }};"
    )));
    let (id, worker) = world.activate("sw.js");
    assert_eq!(world.ask(worker, "follow()"), r#""denied""#);
    assert_eq!(world.ask(worker, "periodicSync.register('t')"), "NotAllowedError");
    let before = world.console.len();
    world.host.set_permission(world.key(), PERIODIC, PermissionState::Granted);
    world.console.wait_after(before, |line| (line == "changed to granted true").then_some(()));
    assert_eq!(world.ask(worker, "periodicSync.register('t')"), "undefined");
    assert_eq!(world.ask(worker, "query('background-sync').then((s) => s.state)"), r#""granted""#);
    let before = world.console.len();
    world.host.set_permission(world.key(), PERIODIC, PermissionState::Denied);
    world.console.wait_after(before, |line| (line == "changed to denied true").then_some(()));
    assert!(world.host.periodic_sync_manager(id).get_tags().wait().unwrap().is_empty());
    // The other permission is another one, and so is another origin's.
    let before = world.console.len();
    world.host.set_permission(world.key(), PermissionName::BackgroundSync, PermissionState::Denied);
    world.host.set_permission("https://other.example".into(), PERIODIC, PermissionState::Granted);
    assert_eq!(world.ask(worker, "query('background-sync').then((s) => s.state)"), r#""denied""#);
    assert_eq!(world.console.len(), before + 1, "nobody else heard of it: {:?}", world.console.all());
    // R17
    assert_eq!(world.ask(worker, "registration.sync.register('t')"), "NotAllowedError");
}

#[test] // R231
fn with_the_explainers_options_an_event_can_unregister_itself() {
    let mut limits = RuntimeConfig::default();
    limits.script_extensions.explainer_options = true;
    let world = World::with(
        Server::with_worker(
            "onperiodicsync = (event) => event.waitUntil((async () => {
                 const { tag, minPeriod, powerState, networkState } = event.registration;
                 console.log(event.registration instanceof PeriodicSyncRegistration, tag, minPeriod, powerState, networkState);
                 console.log('removed', await event.registration.unregister(), await event.registration.unregister());
             })());",
        ),
        limits,
        Config { explainer_options_enabled: true, ..quick() },
    );
    world.host.set_permission(world.key(), PERIODIC, PermissionState::Granted);
    let (id, _) = world.activate("sw.js");
    let manager = world.host.periodic_sync_manager(id);
    manager.register("news".into(), every(15)).wait().unwrap();
    world.console.wait_for(|line| (line == "removed true false").then_some(()));
    assert_eq!(world.console.all()[0], "true news 15 auto online");
    assert!(manager.get_tags().wait().unwrap().is_empty());
    // An event of a tool has no entry.
    let outcome = world.host.dispatch_event(id, SyncKind::PeriodicSync, "none".into(), false).wait().unwrap();
    assert!(matches!(outcome, AttemptOutcome::Failed { .. }), "event.registration is null: {outcome:?}");
}
