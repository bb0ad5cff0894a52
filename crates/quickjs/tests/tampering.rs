//! Scripts that replace the engine's own methods hurt nobody but themselves: whatever they have replaced, each of their events
//! is answered, and other workers notice nothing.
//!
//! Every method and getter of each prototype that the JavaScript layer may touch throws from the first line of a worker's
//! script on, so also while the parts of the layer that are read later are evaluated. `tests/tampering.txt` lists what then
//! does not work; `TAMPERING=print` in the environment prints the list as it is.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and prints what was asked for"
)]

mod support;

use std::collections::BTreeSet;
use support::{Answer, Server, World};
use wakeworker_core::{AttemptOutcome, Config, FailureReason, WorkerId, WorkerRegistrationId};
use wakeworker_quickjs::{LifecycleEvent, RuntimeConfig};

/// Expressions for the objects whose members are replaced.
const VICTIMS: &[&str] = &[
    "Array.prototype",
    "Promise.prototype",
    "Map.prototype",
    "Set.prototype",
    "WeakMap.prototype",
    "WeakSet.prototype",
    "String.prototype",
    "Number.prototype",
    "BigInt.prototype",
    "Boolean.prototype",
    "Symbol.prototype",
    "RegExp.prototype",
    "Date.prototype",
    "Error.prototype",
    "Function.prototype",
    "Object.prototype",
    "ArrayBuffer.prototype",
    "DataView.prototype",
    "Object.getPrototypeOf(Uint8Array.prototype)",
    "WeakRef.prototype",
    "FinalizationRegistry.prototype",
    "Object.getPrototypeOf([][Symbol.iterator]())",
    "Object.getPrototypeOf(new Map()[Symbol.iterator]())",
    "Object.getPrototypeOf(new Set()[Symbol.iterator]())",
    "Object.getPrototypeOf(''[Symbol.iterator]())",
    "Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()))",
    "Object.getPrototypeOf((function* () {})()).__proto__",
    "Array",
    "Promise",
    "Object",
    "Reflect",
    "JSON",
    "Math",
    "Number",
    "String",
    "Symbol",
    "Event.prototype",
    "EventTarget.prototype",
    "ExtendableEvent.prototype",
    "SyncEvent.prototype",
];

/// Names that code finds on objects that do not have them, if a script puts them on the prototype of all objects.
const INHERITED: &[&str] = &[
    "then",
    "get",
    "set",
    "value",
    "done",
    "next",
    "writable",
    "enumerable",
    "configurable",
    "length",
    "name",
    "0",
];

/// What is tried; the first is a sync event without anything.
const OPERATIONS: [&str; 7] = ["nothing", "register", "fetch", "caches", "indexeddb", "streams", "digest"];

const WORKER: &str = "
    const { indexedDB: database, caches: storage, registration: own, fetch: load, crypto: cryptography } = self;
    const promised = (start) => new Promise(start);
    const operations = {
        __proto__: null,
        nothing: () => undefined,
        register: () => own.sync.register('later'),
        fetch: async () => { if (await (await load('/data')).text() !== 'data') throw 'another text'; },
        caches: async () => { const cache = await storage.open('c'); await cache.put('/x', new Response('y')); if (!await cache.match('/x')) throw 'nothing'; },
        indexeddb: () => promised((resolve, reject) => {
            const request = database.open('d', 1);
            request.onupgradeneeded = () => { request.result.createObjectStore('s').put([1], 'k'); };
            request.onerror = () => reject(request.error);
            request.onsuccess = () => {
                const get = request.result.transaction('s').objectStore('s').get('k');
                get.onerror = () => reject(get.error);
                get.onsuccess = () => get.result[0] === 1 ? resolve() : reject('another value');
            };
        }),
        streams: async () => {
            const reader = new ReadableStream({ pull(controller) { controller.enqueue('chunk'); controller.close(); } }).getReader();
            if ((await reader.read()).value !== 'chunk') throw 'another chunk';
        },
        digest: async () => { if ((await cryptography.subtle.digest('SHA-256', new Uint8Array(1))).byteLength !== 32) throw 'another size'; },
    };
    onsync = (event) => { const operation = operations[event.tag]; if (operation) event.waitUntil(operation()); };
";

/// Makes everything throw that `victim` has.
fn replacing(victim: &str) -> String {
    format!(
        "{WORKER}
        {{
            const {{ ownKeys, getOwnPropertyDescriptor, defineProperty }} = Reflect;
            const poison = () => {{ throw 'replaced'; }};
            const victim = {victim};
            const keys = ownKeys(victim);
            const descriptors = keys.map((key) => getOwnPropertyDescriptor(victim, key));
            for (let i = 0; i < keys.length; i += 1) {{
                const found = descriptors[i];
                if (!found.configurable || keys[i] === 'constructor' || keys[i] === '__proto__') continue;
                if (typeof found.value === 'function') defineProperty(victim, keys[i], {{ __proto__: null, value: poison, configurable: true, writable: true }});
                else if (found.get) defineProperty(victim, keys[i], {{ __proto__: null, get: poison, configurable: true }});
            }}
        }}"
    )
}

/// Makes a member of all objects that throws when it is read or written.
fn inheriting(name: &str) -> String {
    format!(
        "{WORKER}
        Reflect.defineProperty(Object.prototype, '{name}', {{
            __proto__: null, get() {{ throw 'inherited'; }}, set() {{ throw 'inherited'; }}, configurable: true,
        }});"
    )
}

/// Waits until a new registration has an active worker, or is gone again.
fn settled(world: &World, id: WorkerRegistrationId) -> Option<WorkerId> {
    world.events.wait_for(|event| match event {
        LifecycleEvent::RegistrationChanged(state) if state.id == id => {
            let active = state.active.as_ref().filter(|worker| worker.state == "activated");
            active.map(|worker| Some(worker.id))
        }
        LifecycleEvent::Unregistered(gone) if *gone == id => Some(None),
        _ => None,
    })
}

#[test] // R66, R72, R90
fn a_script_that_replaces_the_engines_methods_hurts_only_itself() {
    let server = Server::start();
    server.put("/data", Answer::new(200, "text/plain", "data"));
    server.put("/neighbour/sw.js", Answer::script(WORKER));
    let mut scripts: Vec<(String, String)> =
        VICTIMS.iter().map(|victim| ((*victim).to_owned(), replacing(victim))).collect();
    scripts.extend(INHERITED.iter().map(|name| (format!("Object.prototype.{name}"), inheriting(name))));
    for (number, (_, script)) in scripts.iter().enumerate() {
        server.put(&format!("/{number}/sw.js"), Answer::script(script));
    }
    let config = Config { event_duration_max_ms: 5_000, ..Config::default() };
    let world = World::with(server, RuntimeConfig::default(), config);
    let (neighbour, _) = world.activate("neighbour/sw.js");
    let mut said = Vec::new();
    let mut broken = BTreeSet::new();
    for (number, (name, _)) in scripts.iter().enumerate() {
        let registered = world.register(&format!("{number}/sw.js")).map(|state| state.id);
        let place = registered.ok().and_then(|id| settled(&world, id).map(|worker| (id, worker)));
        let Some((id, worker)) = place else {
            broken.insert(format!("{name}: the worker cannot be installed"));
            continue;
        };
        for operation in OPERATIONS {
            match world.sync(id, operation) {
                AttemptOutcome::Succeeded { handled: true } => {}
                AttemptOutcome::Failed { reason: FailureReason::Rejected, message } => {
                    said.push(format!("{name}: {operation}: {}", message.unwrap_or_default()));
                    broken.insert(format!("{name}: {operation}"));
                }
                // Its promise never settles.
                AttemptOutcome::Failed {
                    reason: FailureReason::TimedOut | FailureReason::Terminated,
                    ..
                } => {
                    broken.insert(format!("{name}: {operation}"));
                }
                other => panic!("{name}: {operation} ended with {other:?}"),
            }
        }
        world.runtime.stop_worker(worker);
    }
    for operation in OPERATIONS {
        let outcome = world.sync(neighbour, operation);
        assert_eq!(
            outcome,
            AttemptOutcome::Succeeded { handled: true },
            "{operation} of a worker beside them"
        );
    }
    if std::env::var("TAMPERING").is_ok_and(|wish| wish == "print") {
        println!("{}", said.join("\n"));
        println!("{}", broken.iter().cloned().collect::<Vec<_>>().join("\n"));
    }
    let text = include_str!("tampering.txt");
    let known: BTreeSet<String> =
        text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(str::to_owned).collect();
    let new: Vec<_> = broken.difference(&known).collect();
    assert!(new.is_empty(), "broken, and not known to be: {new:#?}");
}
