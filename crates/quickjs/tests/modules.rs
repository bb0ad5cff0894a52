//! Module workers: `register(url, {type: "module"})`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Answer, Server, World};
use wakeworker_core::AttemptOutcome;
use wakeworker_quickjs::{RegisterWorkerError, WorkerType};

const HANDLED: AttemptOutcome = AttemptOutcome::Succeeded { handled: true };

fn register(
    world: &World,
    script: &str,
) -> Result<wakeworker_core::WorkerRegistrationId, RegisterWorkerError> {
    world.register_type(script, None, WorkerType::Module).map(|state| state.id)
}

#[test] // R156, R158
fn a_module_worker_has_its_static_imports_after_a_restart_without_the_server() {
    let server = Server::start();
    server.put(
        "/sw.js",
        Answer::script(
            "import greet, { count } from './lib/a.js';
             import * as b from '/lib/b.js';
             let failed = 'nothing';
             try { importScripts('/lib/a.js') } catch (error) { failed = error.name }
             onsync = (event) => console.log(greet(event.tag), count, b.count, this === undefined, import.meta.url, failed);",
        ),
    );
    server.put(
        "/lib/a.js",
        Answer::script("import { up } from './b.js'; up(); export { count } from './b.js'; export default (name) => `hello ${name}`;"),
    );
    server.put("/lib/b.js", Answer::script("export let count = 0; export function up() { count += 1 }"));
    let world = World::new(server);
    let id = register(&world, "sw.js").unwrap();
    world.activated(id, None);
    assert_eq!(world.sync(id, "x"), HANDLED);
    let line = format!("hello x 1 1 true {} TypeError", world.server.url("/sw.js"));
    assert_eq!(world.console.all(), std::slice::from_ref(&line));
    assert_eq!(world.server.requests("/lib/b.js").len(), 1, "a module is fetched once");
    for name in ["/sw.js", "/lib/a.js", "/lib/b.js"] {
        world.server.put(name, Answer::new(500, "text/plain", ""));
    }
    let world = world.reopen();
    assert_eq!(world.sync(id, "x"), HANDLED);
    assert_eq!(world.console.all(), [line]);
}

#[test] // R156
fn a_changed_byte_of_an_imported_module_makes_a_new_worker() {
    let server = Server::start();
    server.put(
        "/sw.js",
        Answer::script("import { name } from './name.js'; oninstall = () => skipWaiting(); onsync = () => console.log(name);"),
    );
    server.put("/name.js", Answer::script("export const name = 'one'"));
    let world = World::new(server);
    let id = register(&world, "sw.js").unwrap();
    let first = world.activated(id, None);
    world.update(id).unwrap();
    assert_eq!(world.runtime.registration(id).unwrap().active.unwrap().id, first, "nothing changed");
    world.server.put("/name.js", Answer::script("export const name = 'two'"));
    world.update(id).unwrap();
    world.activated(id, Some(first));
    assert_eq!(world.sync(id, "t"), HANDLED);
    assert_eq!(world.console.all(), ["two"]);
    // The same script as a classic one is another worker, and not one that can be parsed.
    let error = world.register("sw.js").unwrap_err();
    assert_eq!(error.name(), "TypeError");
    assert!(error.message().contains("SyntaxError"), "{error}");
}

#[test] // R158
fn what_a_module_worker_may_not_do_is_refused_with_the_reason() {
    let server = Server::start();
    let scripts = [
        ("await 1", "top-level await"),
        ("throw new RangeError('at start')", "RangeError: at start"),
        ("let = =", "SyntaxError"),
        ("import 'lib'", "module specifier"),
        ("import './nowhere.js'", "404"),
        ("import './text.js'", "text/plain"),
        ("import './broken.js'", "SyntaxError"),
        ("import { missing } from './good.js'", "missing"),
        ("import data from './good.js' with { type: 'json' }", "json"),
    ];
    server.put("/text.js", Answer::new(200, "text/plain", ""));
    server.put("/broken.js", Answer::script("export let = ="));
    server.put("/good.js", Answer::script("export const there = 1"));
    for (index, (script, _)) in scripts.iter().enumerate() {
        server.put(&format!("/{index}.js"), Answer::script(script));
    }
    let world = World::new(server);
    for (index, (script, text)) in scripts.iter().enumerate() {
        let error = register(&world, &format!("{index}.js")).unwrap_err();
        assert_eq!(error.name(), "TypeError", "{script}: {error}");
        assert!(error.message().contains(text), "{script}: {error}");
    }
    assert!(world.runtime.registrations(&world.key()).is_empty());
}

#[test]
fn import_calls_are_rejected_in_both_kinds_of_workers() {
    let script = "const tried = import('./good.js').catch((error) => error.name);
                  onsync = async () => console.log(await tried, await import('/sw.js').catch((error) => error.message));";
    for worker_type in [WorkerType::Classic, WorkerType::Module] {
        let server = Server::with_worker(script);
        server.put("/good.js", Answer::script("console.log('loaded')"));
        let world = World::new(server);
        let id = world.register_type("sw.js", None, worker_type).unwrap().id;
        world.activated(id, None);
        assert_eq!(world.sync(id, "t"), HANDLED);
        let line = world.console.wait_for(|line| Some(line.clone()));
        assert_eq!(line, "TypeError import(\"/sw.js\") is not allowed in a service worker");
        assert!(world.server.requests("/good.js").is_empty());
    }
}
