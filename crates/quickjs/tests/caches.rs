//! The Cache API across restarts, origins and failures, from a real worker over real HTTP.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::mpsc::channel;
use support::{Answer, Server, World};
use wakeworker_core::Config;
use wakeworker_quickjs::RuntimeConfig;

const WORKER: &str = r#"
const commands = {
  add: async (name, ...urls) => (await caches.open(name)).addAll(urls),
  put: async (name, url, length) => (await caches.open(name)).put(url, new Response("x".repeat(Number(length)))),
  copy: async (name, from, to) => (await caches.open(name)).put(to, await fetch(from)),
  opaque: async (name, url) => {
    const response = await fetch(url, { mode: "no-cors" });
    await (await caches.open(name)).put(url, response);
    const found = await caches.match(url);
    return [found.type, found.status, [...found.headers].length, (await found.text()).length, found.body];
  },
  get: async (url) => { const found = await caches.match(url); return found === undefined ? null : [found.type, found.status, found.url, await found.text()]; },
  length: async (url) => (await (await caches.match(url)).arrayBuffer()).byteLength,
  keys: async (name) => (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname),
  names: () => caches.keys(),
  used: async () => (await navigator.storage.estimate()).usage,
};
onmessage = (event) => {
  const [command, ...rest] = event.data.split(" ");
  event.waitUntil(commands[command](...rest).then(
    (result) => console.log(JSON.stringify(result ?? null)),
    (error) => console.log(error.name),
  ));
};
"#;

fn files(world: &World) -> usize {
    std::fs::read_dir(world.dir.path().join("runtime/caches")).unwrap().count() - 1
}

#[test]
fn fetched_responses_are_there_after_a_restart_without_a_network() {
    let world = World::new(Server::with_worker(WORKER));
    world.server.put("/a.css", Answer::new(200, "text/css", "a {}"));
    world.server.put("/b.js", Answer::script("b()"));
    let (_, worker) = world.activate("sw.js");
    assert_eq!(world.ask(worker, "add v1 /a.css /b.js"), "null");
    let world = world.reopen();
    world.server.refuse(true);
    let url = world.server.url("/a.css");
    assert_eq!(world.ask(worker, "get /a.css"), format!(r#"["basic",200,"{url}","a {{}}"]"#));
    assert_eq!(world.ask(worker, "keys v1"), r#"["/a.css","/b.js"]"#);
    assert_eq!(world.ask(worker, "names"), r#"["v1"]"#);
    assert_eq!(world.ask(worker, "add v1 /a.css"), "TypeError");
    assert_eq!(world.ask(worker, "get /a.css"), format!(r#"["basic",200,"{url}","a {{}}"]"#));
}

#[test]
fn add_all_stores_nothing_if_one_response_is_bad() {
    let world = World::new(Server::with_worker(WORKER));
    world.server.put("/good", Answer::new(200, "text/plain", "good"));
    world.server.put("/partial", Answer::new(206, "text/plain", "part"));
    world.server.put("/varies", Answer::new(200, "text/plain", "any").header("Vary", "Accept, *"));
    let mut cut = Answer::new(200, "text/plain", &"x".repeat(100_000));
    cut.cut_after = Some(50_000);
    world.server.put("/cut", cut);
    let (_, worker) = world.activate("sw.js");
    for bad in ["/missing", "/partial", "/varies", "/cut"] {
        assert_eq!(world.ask(worker, &format!("add c /good {bad}")), "TypeError", "{bad}");
        assert_eq!(world.ask(worker, "keys c"), "[]", "{bad}");
    }
    assert_eq!(world.ask(worker, "copy c /cut /x"), "TypeError");
    assert_eq!(world.ask(worker, "copy c /missing /x"), "null");
    assert_eq!(world.ask(worker, "get /x").split(',').nth(1).unwrap(), "404");
    assert_eq!(files(&world), 1);
}

#[test]
fn a_large_body_streams_into_its_file_and_out_of_it() {
    let mut limits = RuntimeConfig::default();
    limits.memory_bytes_max = 24 << 20;
    let world = World::with(Server::with_worker(WORKER), limits, Config::default());
    world.server.put("/large", Answer::new(200, "text/plain", &"0123456789abcdef".repeat(600_000)));
    let (_, worker) = world.activate("sw.js");
    // Five times: held in memory, they would not fit.
    for n in 0..5 {
        assert_eq!(world.ask(worker, &format!("copy c /large /large{n}")), "null");
    }
    assert_eq!(files(&world), 5);
    world.server.put("/small", Answer::new(200, "text/plain", "small"));
    assert_eq!(world.ask(worker, "add c /small"), "null");
    assert_eq!(world.ask(worker, "length /small"), "5");
}

#[test]
fn opaque_responses_stay_opaque() {
    let other = Server::start();
    other.put("/secret", Answer::new(200, "text/plain", "secret").header("Vary", "*"));
    let world = World::new(Server::with_worker(WORKER));
    let (_, worker) = world.activate("sw.js");
    let url = other.url("/secret");
    assert_eq!(world.ask(worker, &format!("opaque c {url}")), r#"["opaque",0,0,0,null]"#);
    let used: u64 = world.ask(worker, "used").parse().unwrap();
    assert!(used > 1_000, "the padding counts: {used}");
    let world = world.reopen();
    assert_eq!(world.ask(worker, &format!("get {url}")), r#"["opaque",0,"",""]"#);
    assert_eq!(world.ask(worker, &format!("add c {url}")), "TypeError");
}

#[test]
fn a_full_quota_refuses_and_leaves_what_was_there() {
    let mut limits = RuntimeConfig::default();
    limits.origin_bytes_max = 100_000;
    let world = World::with(Server::with_worker(WORKER), limits, Config::default());
    let (_, worker) = world.activate("sw.js");
    assert_eq!(world.ask(worker, "put c /a 60000"), "null");
    assert_eq!(world.ask(worker, "put c /b 60000"), "QuotaExceededError");
    assert_eq!(world.ask(worker, "length /a"), "60000");
    assert_eq!(world.ask(worker, "keys c"), r#"["/a"]"#);
    assert_eq!(files(&world), 1);
}

#[test] // R163
fn clearing_the_origin_clears_its_caches() {
    let world = World::new(Server::with_worker(WORKER));
    let (_, worker) = world.activate("sw.js");
    assert_eq!(world.ask(worker, "put c /a 10"), "null");
    assert_eq!(files(&world), 1);
    let (sender, receiver) = channel();
    world.runtime.clear_storage(&world.key(), move |result| sender.send(result).unwrap());
    support::wait(&receiver).unwrap();
    let world = world.reopen();
    let (_, worker) = world.activate("sw.js");
    assert_eq!(world.ask(worker, "names"), "[]");
    assert_eq!(files(&world), 0);
}

#[test]
fn workers_of_one_origin_share_their_caches() {
    let world = World::new(Server::with_worker(WORKER));
    let first = world.register_scope("sw.js", Some("/a/")).unwrap();
    let second = world.register_scope("sw.js", Some("/b/")).unwrap();
    let first = world.activated(first.id, None);
    let second = world.activated(second.id, None);
    assert_eq!(world.ask(first, "put c /a 10"), "null");
    assert_eq!(world.ask(second, "length /a"), "10");
}
