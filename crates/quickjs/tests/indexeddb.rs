//! IndexedDB across workers of one origin and across restarts.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Server, World};
use wakeworker_core::Config;
use wakeworker_quickjs::RuntimeConfig;

const WORKER: &str = r#"
let db = null;
let holding = false;
const open = (version) => new Promise((resolve, reject) => {
  const request = indexedDB.open("d", version);
  request.onupgradeneeded = () => {
    const store = request.result.objectStoreNames.contains("s")
      ? request.transaction.objectStore("s")
      : request.result.createObjectStore("s", { autoIncrement: true });
    if (version === 2) store.createIndex("i", "");
  };
  request.onsuccess = () => resolve(request.result);
  request.onblocked = () => console.log("blocked");
  request.onerror = () => reject(request.error);
});
const use = async (mode, body, version) => {
  if (db === null) {
    db = await open(version);
    db.onversionchange = (event) => {
      if (holding) return;
      event.target.close();
      db = null;
    };
  }
  const transaction = db.transaction("s", mode);
  const request = body(transaction.objectStore("s"));
  await new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });
  return request.result;
};
const commands = {
  big: (length) => use("readwrite", (store) => store.add("x".repeat(Number(length)))),
  add: (value) => use("readwrite", (store) => store.add(value)),
  delete: (key) => use("readwrite", (store) => store.delete(Number(key))),
  list: () => use("readonly", (store) => store.getAll()),
  count: () => use("readonly", (store) => store.count()),
  hold: async () => { holding = true; },
  close: async () => { db.close(); db = null; },
  upgrade: () => { db?.close(); db = null; return use("readonly", (store) => store.index("i").count(), 2); },
};
onmessage = (event) => {
  const [command, argument] = event.data.split(" ");
  event.waitUntil(commands[command](argument).then(
    (result) => console.log(JSON.stringify(result ?? null)),
    (error) => console.log(error.name),
  ));
};
"#;

#[test]
fn workers_of_one_origin_see_each_others_records() {
    let world = World::new(Server::with_worker(WORKER));
    let first = world.register_scope("sw.js", Some("/a/")).unwrap();
    let second = world.register_scope("sw.js", Some("/b/")).unwrap();
    let first = world.activated(first.id, None);
    let second = world.activated(second.id, None);
    for n in 0..5 {
        assert_eq!(world.ask(first, "add x"), format!("{}", 2 * n + 1));
        assert_eq!(world.ask(second, "add y"), format!("{}", 2 * n + 2));
    }
    let all = r#"["x","y","x","y","x","y","x","y","x","y"]"#;
    assert_eq!(world.ask(first, "list"), all);
    assert_eq!(world.ask(second, "list"), all);
    assert_eq!(world.ask(second, "delete 1"), "null");
    assert_eq!(world.ask(first, "count"), "9");
}

#[test]
fn another_workers_upgrade_asks_connections_to_close() {
    let world = World::new(Server::with_worker(WORKER));
    let first = world.register_scope("sw.js", Some("/a/")).unwrap();
    let second = world.register_scope("sw.js", Some("/b/")).unwrap();
    let first = world.activated(first.id, None);
    let second = world.activated(second.id, None);
    assert_eq!(world.ask(first, "add x"), "1");
    assert_eq!(world.ask(second, "upgrade"), "1");
    // The first worker has closed its connection, opens again, and goes on.
    assert_eq!(world.ask(first, "add y"), "2");
    assert_eq!(world.ask(second, "list"), r#"["x","y"]"#);
}

#[test]
fn an_upgrade_waits_for_a_connection_that_stays_open_until_its_worker_closes_it_or_ends() {
    for end in ["close", "stop"] {
        let world = World::new(Server::with_worker(WORKER));
        let first = world.register_scope("sw.js", Some("/a/")).unwrap();
        let second = world.register_scope("sw.js", Some("/b/")).unwrap();
        let first = world.activated(first.id, None);
        let second = world.activated(second.id, None);
        assert_eq!(world.ask(first, "add x"), "1");
        assert_eq!(world.ask(first, "hold"), "null");
        assert_eq!(world.ask(second, "upgrade"), "blocked");
        let before = world.console.len();
        if end == "close" {
            assert_eq!(world.ask(first, "close"), "null");
        } else {
            world.runtime.stop_worker(first);
        }
        assert_eq!(world.console.wait_after(before, |line| (line != "null").then(|| line.clone())), "1");
    }
}

#[test]
fn committed_records_survive_a_restart() {
    let world = World::new(Server::with_worker(WORKER));
    let (_, worker) = world.activate("sw.js");
    assert_eq!(world.ask(worker, "add one"), "1");
    assert_eq!(world.ask(worker, "add two"), "2");
    assert_eq!(world.ask(worker, "delete 2"), "null");
    let world = world.reopen();
    assert_eq!(world.ask(worker, "list"), r#"["one"]"#);
    assert_eq!(world.ask(worker, "add three"), "3");
}

#[test]
fn a_full_disk_aborts_the_transaction_and_leaves_memory_and_file_as_they_were() {
    let mut limits = RuntimeConfig::default();
    limits.origin_bytes_max = 512 * 1024;
    let world = World::with(Server::with_worker(WORKER), limits, Config::default());
    let (_, worker) = world.activate("sw.js");
    assert_eq!(world.ask(worker, "add small"), "1");
    assert_eq!(world.ask(worker, "big 2000000"), "QuotaExceededError");
    assert_eq!(world.ask(worker, "list"), r#"["small"]"#);
    assert_eq!(world.ask(worker, "add after"), "2");
    let world = world.reopen();
    assert_eq!(world.ask(worker, "list"), r#"["small","after"]"#);
}

const KEEPER: &str = r#"
const opened = () => new Promise((resolve, reject) => {
  const request = indexedDB.open("keys");
  request.onupgradeneeded = () => request.result.createObjectStore("s");
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});
const use = async (mode, body) => {
  const request = body((await opened()).transaction("s", mode).objectStore("s"));
  return new Promise((resolve, reject) => {
    request.transaction.oncomplete = () => resolve(request.result);
    request.transaction.onabort = () => reject(request.transaction.error);
  });
};
const iv = new Uint8Array(12);
const text = (bytes) => new TextDecoder().decode(bytes);
const commands = {
  async keep() {
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
    const secret = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, new TextEncoder().encode("secret"));
    await use("readwrite", (store) => store.put({ key, pair, secret, twice: [key] }, 1));
    return "kept";
  },
  async use() {
    const { key, pair, secret, twice } = await use("readonly", (store) => store.get(1));
    const told = [key instanceof CryptoKey, twice[0] === key, key.extractable, key.type, key.usages.join(), key.algorithm.length];
    told.push(text(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, secret)));
    const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, iv);
    told.push(await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, pair.publicKey, signature, iv));
    told.push(await crypto.subtle.exportKey("raw", key).catch((error) => error.name));
    return JSON.stringify(told);
  },
};
onmessage = (event) => event.waitUntil(commands[event.data]().then(console.log, (error) => console.log(String(error))));
"#;

#[test] // Web Cryptography, CryptoKey: "serialization steps"
fn keys_of_web_cryptography_survive_a_restart_and_stay_what_they_are() {
    let world = World::new(Server::with_worker(KEEPER));
    let (_, worker) = world.activate("sw.js");
    assert_eq!(world.ask(worker, "keep"), "kept");
    let world = world.reopen();
    let told = r#"[true,true,false,"secret","encrypt,decrypt",256,"secret",true,"InvalidAccessError"]"#;
    assert_eq!(world.ask(worker, "use"), told);
}
