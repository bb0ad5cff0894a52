//! Register, install, activate, update, unregister (R148–R164; `spec.md` section 7.4).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Answer, Server, World, clone_of};
use wakeworker_core::AttemptOutcome;
use wakeworker_quickjs::LifecycleEvent;

const HANDLED: AttemptOutcome = AttemptOutcome::Succeeded { handled: true };

#[test] // R59, R60, R210
fn a_worker_is_fetched_installed_and_activated_and_the_engine_knows() {
    let world = World::new(Server::with_worker(
        "let seen = []; for (const type of ['install', 'activate']) addEventListener(type, (event) => event.waitUntil(0));
         onsync = (event) => console.log(event.tag, event.isTrusted, registration.active.state, registration.scope);",
    ));
    let state = world.register("sw.js").unwrap();
    assert_eq!(state.installing.as_ref().unwrap().state, "installing");
    assert_eq!(state.scope, world.server.url("/").as_str());
    let worker = world.activated(state.id, None);
    let request = &world.server.requests("/sw.js")[0];
    assert_eq!(request.headers["service-worker"], "script");
    assert_eq!(world.sync(state.id, "t"), HANDLED);
    assert_eq!(world.console.all(), [format!("t true activated {}", state.scope)]);
    let known = world.host.worker_registrations().wait().unwrap();
    assert_eq!(known[0].active.unwrap().id, worker);
    assert!(known[0].active.unwrap().activated);
    // The same script again changes nothing.
    let again = world.register("sw.js").unwrap();
    assert_eq!(again.active.unwrap().id, worker);
    assert_eq!(world.server.requests("/sw.js").len(), 1);
}

#[test] // R158
fn bad_scripts_are_refused_with_the_specified_errors() {
    let server = Server::start();
    server.put("/plain.js", Answer::new(200, "text/plain", ""));
    server.put("/syntax.js", Answer::script("let = ="));
    server.put("/throws.js", Answer::script("\nthrow new RangeError('at start')"));
    server.put("/moved.js", Answer::new(302, "text/javascript", "").header("Location", "/good.js"));
    server.put("/good.js", Answer::script(""));
    server.put("/loop.js", Answer::script("for (;;) {}"));
    server.put("/deep/sw.js", Answer::script(""));
    server.put("/allowed/sw.js", Answer::script("").header("Service-Worker-Allowed", "/"));
    server.put("/import.js", Answer::script("importScripts('/nowhere.js')"));
    let mut limits = wakeworker_quickjs::RuntimeConfig::default();
    limits.task_cpu_ms_max = 400;
    let world = World::with(server, limits, wakeworker_core::Config::default());
    for (script, scope, name, text) in [
        ("/missing.js", None, "TypeError", "404"),
        ("/plain.js", None, "SecurityError", "text/plain"),
        ("/syntax.js", None, "TypeError", "SyntaxError"),
        ("/throws.js", None, "TypeError", "RangeError: at start"),
        ("/throws.js", None, "TypeError", "throws.js:2"),
        ("/moved.js", None, "SecurityError", "redirect"),
        ("/loop.js", None, "TypeError", "processor time"),
        ("/import.js", None, "TypeError", "NetworkError"),
        ("/deep/sw.js", Some("/"), "SecurityError", "Service-Worker-Allowed"),
        ("https://other.example/sw.js", None, "SecurityError", "origin"),
        ("/good.js", Some("https://other.example/"), "SecurityError", "origin"),
        ("data:text/javascript,", None, "TypeError", "http"),
        ("/a%2fb.js", None, "TypeError", "encoded slash"),
    ] {
        let error = world.register_scope(script, scope).unwrap_err();
        assert_eq!(error.name(), name, "{script}: {error}");
        assert!(error.message().contains(text), "{script}: {error}");
    }
    assert!(world.runtime.registrations(&world.key()).is_empty());
    assert!(world.host.worker_registrations().wait().unwrap().is_empty());
    assert_eq!(
        world.register_scope("/allowed/sw.js", Some("/")).unwrap().scope,
        world.server.url("/").as_str()
    );
}

#[test] // R154
fn a_rejected_install_makes_the_worker_redundant_and_a_rejected_activate_does_not() {
    let server =
        Server::with_worker("oninstall = (event) => event.waitUntil(Promise.reject(new Error('no')))");
    server.put(
        "/late/sw.js",
        Answer::script("onactivate = (event) => event.waitUntil(Promise.reject(1)); onsync = () => {}"),
    );
    let world = World::new(server);
    let state = world.register("sw.js").unwrap();
    world.events.wait_for(|event| (*event == LifecycleEvent::Unregistered(state.id)).then_some(()));
    assert!(world.runtime.registration(state.id).is_none());
    assert!(
        world.console.all().iter().any(|line| line.contains("could not be installed")),
        "{:?}",
        world.console.all()
    );
    let (id, _) = world.activate("late/sw.js");
    assert_eq!(world.sync(id, "t"), HANDLED);
}

#[test] // R156, R164
fn only_a_changed_byte_makes_a_new_worker_and_imports_count() {
    let server = Server::with_worker(
        "importScripts('/lib.js'); oninstall = () => skipWaiting(); onsync = () => console.log(version)",
    );
    server.put("/lib.js", Answer::script("var version = 1"));
    let world = World::new(server);
    let (id, first) = world.activate("sw.js");
    assert_eq!(world.update(id).unwrap().active.unwrap().id, first);
    assert_eq!(world.server.requests("/sw.js").len(), 2);
    assert_eq!(world.server.requests("/lib.js").len(), 2);
    world.server.put("/lib.js", Answer::script("var version = 2"));
    world.update(id).unwrap();
    let second = world.activated(id, Some(first));
    assert_eq!(world.sync(id, "t"), HANDLED);
    assert_eq!(world.console.all(), ["2"]);
    // An import that is gone counts as unchanged; a broken new script leaves the old worker.
    world.server.remove("/lib.js");
    assert_eq!(world.update(id).unwrap().active.unwrap().id, second);
    world.server.put("/sw.js", Answer::script("let let"));
    assert_eq!(world.update(id).unwrap_err().name(), "TypeError");
    world.server.put("/sw.js", Answer::new(404, "text/plain", ""));
    assert_eq!(world.update(id).unwrap_err().name(), "TypeError");
    assert_eq!(world.runtime.registration(id).unwrap().active.unwrap().id, second);
    assert_eq!(world.sync(id, "t"), HANDLED);
}

#[test] // R156
fn imported_scripts_are_served_from_the_store_and_no_others_after_install() {
    let server = Server::with_worker(
        "importScripts('a.js', 'b.js');
         onsync = (event) => {
             if (event.tag === 'new') try { importScripts('c.js') } catch (e) { console.log(e.name); return }
             importScripts('a.js'); console.log(a, b);
         }",
    );
    server.put("/a.js", Answer::script("var a = (globalThis.a ?? 0) + 1"));
    server.put("/b.js", Answer::script("var b = 'b'"));
    server.put("/c.js", Answer::script("var c"));
    let world = World::new(server);
    let (id, _) = world.activate("sw.js");
    world.server.refuse(true);
    let world = world.reopen();
    assert_eq!(world.sync(id, "x"), HANDLED);
    assert_eq!(world.sync(id, "new"), HANDLED);
    assert_eq!(world.console.all(), ["2 b", "NetworkError"]);
}

#[test] // R153, R155
fn a_pending_sync_holds_back_the_next_worker_even_if_it_skips_waiting() {
    let worker = |version: u32| {
        format!(
            "// {version}
             oninstall = () => skipWaiting();
             let finish;
             onsync = (event) => {{ event.waitUntil(new Promise((done) => finish = done)); console.log('begun {version}') }};
             onmessage = () => {{ finish(); console.log('finished {version}') }};"
        )
    };
    let world = World::new(Server::with_worker(&worker(1)));
    let (id, first) = world.activate("sw.js");
    let pending = world.host.dispatch_event(id, wakeworker_core::SyncKind::BackgroundSync, "t".into(), false);
    world.console.wait_for(|line| (line == "begun 1").then_some(()));
    world.server.put("/sw.js", Answer::script(&worker(2)));
    world.update(id).unwrap();
    world.waiting_beside(id, first);
    assert_eq!(world.runtime.registration(id).unwrap().active.unwrap().id, first);
    assert_eq!(world.ask(first, "go"), "finished 1");
    assert_eq!(pending.wait().unwrap(), HANDLED);
    let second = world.activated(id, Some(first));
    assert_eq!(world.runtime.registration(id).unwrap().waiting, None);
    assert!(!world.runtime.is_worker_running(first));
    assert_ne!(first, second);
}

#[test] // R155
fn a_worker_waits_for_the_last_client_of_the_old_one() {
    let world = World::new(Server::with_worker("// 1"));
    let (id, first) = world.activate("sw.js");
    world.clients.open("page", &world.server.url("/"), Some(first));
    world.server.put("/sw.js", Answer::script("// 2"));
    world.update(id).unwrap();
    world.waiting_beside(id, first);
    assert_eq!(world.runtime.registration(id).unwrap().active.unwrap().id, first);
    world.clients.close("page");
    world.runtime.clients_changed(&world.key());
    world.activated(id, Some(first));
}

#[test] // R155, R160
fn claim_takes_over_the_clients_in_scope_and_messages_reach_them() {
    let server = Server::with_worker(
        "onactivate = (event) => event.waitUntil(clients.claim());
         onsync = (event) => event.waitUntil((async () => {
             for (const client of await clients.matchAll()) client.postMessage(client.url);
         })())",
    );
    server.put("/inner/sw.js", Answer::script("// inner"));
    let world = World::new(server);
    world.clients.open("outer", &world.server.url("/page"), None);
    world.clients.open("inner", &world.server.url("/inner/page"), None);
    world.activate("inner/sw.js");
    let (id, worker) = world.activate("sw.js");
    assert_eq!(world.clients.controller("outer"), Some(worker));
    assert_eq!(world.clients.controller("inner"), None);
    assert_eq!(world.sync(id, "t"), HANDLED);
    let messages = world.clients.messages.all();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].0, "outer");
    assert_eq!(messages[0].1, clone_of(world.server.url("/page").as_str()));
    // R159: the longest scope wins.
    let found = world.runtime.match_registration(&world.key(), &world.server.url("/inner/page")).unwrap();
    assert_eq!(found.scope, world.server.url("/inner/").as_str());
}

#[test] // R161, R162, R166
fn unregistering_takes_the_registration_away_at_once_and_a_new_one_starts_empty() {
    let world = World::new(Server::with_worker(
        "onsync = (event) => event.waitUntil(registration.unregister().then((gone) => console.log('gone', gone)))",
    ));
    let (id, worker) = world.activate("sw.js");
    world.network.set(wakeworker_core::Connection::None);
    world.host.sync_manager(id).register("a".into()).wait().unwrap();
    assert!(world.unregister(id));
    assert!(!world.unregister(id));
    assert!(world.runtime.registrations(&world.key()).is_empty());
    assert!(world.host.sync_registrations().wait().unwrap().is_empty());
    assert!(!world.runtime.is_worker_running(worker));
    world.network.set(wakeworker_core::Connection::Unknown);
    let (id, _) = world.activate("sw.js");
    assert_eq!(world.host.sync_manager(id).get_tags().wait().unwrap(), []);
    // From inside an event: the event goes on, and the answer is true.
    world.sync(id, "t");
    world.console.wait_for(|line| (line == "gone true").then_some(()));
    assert!(world.runtime.registration(id).is_none());
}

#[test] // R161, R162
fn a_page_keeps_the_worker_of_an_unregistered_registration_until_it_closes() {
    let world = World::new(Server::with_worker(
        "onmessage = (event) => console.log(event.data, registration.active?.state, serviceWorker.state);
         onsync = () => console.log('must not come');",
    ));
    let (id, worker) = world.activate("sw.js");
    world.clients.open("page", &world.server.url("/page"), Some(worker));
    assert!(world.unregister(id));
    assert_eq!(world.runtime.match_registration(&world.key(), &world.server.url("/page")), None);
    assert_eq!(world.ask(worker, "still here"), "still here activated activated");
    assert!(world.runtime.is_worker_running(worker));
    // The scope is free: a new registration has a worker of its own, and the page stays with the old one.
    let (new, other) = world.activate("sw.js");
    assert!(new != id && other != worker);
    assert_eq!(world.clients.controller("page"), Some(worker));
    assert!(!world.events.all().contains(&LifecycleEvent::Cleared(id)));
    world.clients.close("page");
    world.runtime.clients_changed(&world.key());
    world.events.wait_for(|event| (*event == LifecycleEvent::Cleared(id)).then_some(()));
    assert!(!world.runtime.is_worker_running(worker));
}

#[test] // R167, R176
fn a_restart_keeps_registrations_scripts_and_databases() {
    let world = World::new(Server::with_worker(
        "const open = () => new Promise((done, fail) => {
             const request = indexedDB.open('d', 1);
             request.onupgradeneeded = () => request.result.createObjectStore('s', { autoIncrement: true });
             request.onsuccess = () => done(request.result); request.onerror = () => fail(request.error);
         });
         const run = (mode, work) => open().then((db) => new Promise((done, fail) => {
             const transaction = db.transaction('s', mode), request = work(transaction.objectStore('s'));
             transaction.oncomplete = () => { db.close(); done(request.result) }; transaction.onerror = () => fail(transaction.error);
         }));
         onsync = (event) => event.waitUntil((async () => {
             await run('readwrite', (store) => store.add({ tag: event.tag, at: new Date(5), bytes: new Uint8Array([1, 2]) }));
             const all = await run('readonly', (store) => store.getAll());
             console.log(all.map((x) => x.tag + x.at.getTime() + x.bytes.length).join());
         })())",
    ));
    let (id, worker) = world.activate("sw.js");
    assert_eq!(world.sync(id, "a"), HANDLED);
    world.server.refuse(true);
    let world = world.reopen();
    assert_eq!(world.runtime.registration(id).unwrap().active.unwrap().id, worker);
    assert_eq!(world.sync(id, "b"), HANDLED);
    let world = world.reopen();
    assert_eq!(world.sync(id, "c"), HANDLED);
    assert_eq!(world.console.all(), ["a52,b52,c52"]);
}

#[test] // section 7.4, "shutdown of the user agent"
fn a_waiting_worker_is_promoted_at_the_next_start() {
    let world = World::new(Server::with_worker("// 1"));
    let (id, first) = world.activate("sw.js");
    world.clients.open("page", &world.server.url("/"), Some(first));
    world.server.put("/sw.js", Answer::script("onsync = () => console.log('second')"));
    world.update(id).unwrap();
    world.waiting_beside(id, first);
    let world = world.reopen();
    world.activated(id, Some(first));
    assert_eq!(world.sync(id, "t"), HANDLED);
    assert_eq!(world.console.all(), ["second"]);
}

#[test] // R163
fn clearing_an_origin_removes_registrations_entries_and_databases() {
    let world = World::new(Server::with_worker(
        "onsync = (event) => event.waitUntil(new Promise((done) => {
             const request = indexedDB.open('d', 1); request.onsuccess = () => { request.result.close(); done() };
         }).then(() => indexedDB.databases()).then((found) => console.log(found.length)))",
    ));
    let (id, _) = world.activate("sw.js");
    assert_eq!(world.sync(id, "t"), HANDLED);
    let (sender, receiver) = std::sync::mpsc::channel();
    world.runtime.clear_storage(&world.key(), move |result| sender.send(result).unwrap());
    support::wait(&receiver).unwrap();
    assert!(world.host.worker_registrations().wait().unwrap().is_empty());
    assert!(world.runtime.registrations(&world.key()).is_empty());
}
