//! A disk that becomes full or breaks at every single operation of a change of the caches in turn: the change is there whole
//! or not at all, the script hears the right error, no body is left over, and everything goes on when the disk does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../indexeddb/tests/support/faults.rs"]
mod faults;
mod support;

use faults::Fault;
use support::{Answer, Server, World};
use wakeworker_core::WorkerId;

const WORKER: &str = r#"
const commands = {
  addAll: async () => (await caches.open("c")).addAll(["/a", "/b", "/c"]),
  delete: async () => (await caches.open("c")).delete("/b"),
  open: async () => void (await caches.open("new")),
  drop: async () => void (await caches.delete("c")),
  list: async () => {
    const texts = [];
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const response of await cache.matchAll()) texts.push(await response.text());
    }
    return texts.join() + " in " + await caches.keys();
  },
  reset: async () => {
    for (const name of await caches.keys()) await caches.delete(name);
    await commands.addAll();
  },
};
onmessage = (event) => event.waitUntil(commands[event.data]().then(
  (result) => console.log(result === undefined || typeof result === "boolean" ? "done" : result),
  (error) => console.log(error.name),
));
"#;

/// What the server answers from now on.
fn serve(world: &World, batch: &str) {
    for path in ["/a", "/b", "/c"] {
        world.server.put(path, Answer::new(200, "text/plain", &format!("{batch}{path}")));
    }
}

/// Lets a command run into a failure after so many operations; whether there was one.
fn run(world: &World, worker: WorkerId, command: &str, operations: i64, fault: Fault) -> bool {
    serve(world, "old");
    assert_eq!(world.ask(worker, "reset"), "done");
    serve(world, "new");
    faults::fail_after(operations, fault);
    let outcome = world.ask(worker, command);
    let had_failed = faults::repair();
    let place = format!("{command}, {fault:?} after {operations} operations: {outcome}");
    let before = "old/a,old/b,old/c in c";
    let after = match command {
        "addAll" => "new/a,new/b,new/c in c",
        "delete" => "old/a,old/c in c",
        "open" => "old/a,old/b,old/c in c,new",
        _ => " in ",
    };
    let wanted = if outcome == "done" { after } else { before };
    assert_eq!(world.ask(worker, "list"), wanted, "{place}");
    if outcome != "done" {
        let name = if fault == Fault::Full { "QuotaExceededError" } else { "UnknownError" };
        assert_eq!(outcome, name, "{place}");
        assert!(had_failed, "{place}");
    }
    let bodies = std::fs::read_dir(world.dir.path().join("runtime/caches")).unwrap().count() - 1;
    assert_eq!(bodies, wanted.matches('/').count(), "{place}: bodies");
    had_failed
}

#[test]
fn a_disk_that_fails_leaves_caches_as_they_were_and_no_body() {
    faults::install("caches.sqlite");
    let world = World::new(Server::with_worker(WORKER));
    let (_, worker) = world.activate("sw.js");
    for fault in [Fault::Full, Fault::Broken] {
        for command in ["addAll", "delete", "open", "drop"] {
            let failures = (0..).take_while(|n| run(&world, worker, command, *n, fault)).count();
            assert!(failures > 2, "{command}: only {failures} operations");
        }
    }
    let world = world.reopen();
    assert_eq!(world.runtime.damage_found(), [""; 0]);
    assert_eq!(world.ask(worker, "list"), " in ");
}
