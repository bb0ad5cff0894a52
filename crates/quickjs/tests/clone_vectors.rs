//! Workers' structured clones against the committed vectors, which `crates/structured-clone` and pages keep as well: what
//! IndexedDB stores must be these bytes, and what is read from them must be stored as the same bytes again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde::Deserialize;
use std::path::Path;
use support::{Server, World};
use wakeworker_structured_clone::{CloneError, blobs_inside, has_blobs};

const WORKER: &str = "
const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});
const all = (database, name, use) => new Promise((resolve, reject) => {
  const transaction = database.transaction(name, 'readwrite');
  transaction.oncomplete = resolve;
  transaction.onabort = () => reject(transaction.error);
  use(transaction.objectStore(name));
});
async function keep(scripts) {
  const opening = indexedDB.open('vectors', 1);
  opening.onupgradeneeded = () => ['first', 'again'].forEach((name) => opening.result.createObjectStore(name));
  const database = await done(opening);
  await all(database, 'first', (store) => scripts.forEach((js, key) => store.put((0, eval)(`(${js})`), key)));
  const values = await done(database.transaction('first').objectStore('first').getAll());
  await all(database, 'again', (store) => values.forEach((value, key) => store.put(value, key)));
  database.close();
}
onmessage = (event) => event.waitUntil(keep(JSON.parse(event.data)).then(() => console.log('kept'), (error) => console.log(`${error}`)));
";

#[derive(Deserialize)]
struct Vector {
    name: String,
    js: String,
    hex: String,
}

#[test]
fn workers_store_the_committed_bytes_and_read_them_back() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../../structured-clone/fixtures/vectors.json")).unwrap();
    let scripts: Vec<&str> = vectors.iter().map(|vector| &*vector.js).collect();
    let world = World::new(Server::with_worker(WORKER));
    let (_, worker) = world.activate("sw.js");
    assert_eq!(world.ask(worker, &serde_json::to_string(&scripts).unwrap()), "kept");
    let stored = stored_values(world.dir.path());
    assert_eq!(stored.len(), 2 * vectors.len());
    for (position, bytes) in stored.iter().enumerate() {
        let vector = &vectors[position % vectors.len()];
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, vector.hex, "{} (number {position})", vector.name);
    }
}

/// The values of all records in the order of stores and keys.
fn stored_values(profile: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut folders = vec![profile.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.parent().unwrap().ends_with("indexeddb") && path.ends_with("1.sqlite") {
                found.push(path);
            }
        }
    }
    assert_eq!(found.len(), 1, "{found:?}");
    let database = rusqlite::Connection::open(&found[0]).unwrap();
    let mut statement = database.prepare("SELECT value FROM record ORDER BY store, key").unwrap();
    let values = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    // Blobs have files of their own beside the database.
    let blobs = found[0].with_extension("blobs");
    let load =
        |number: u64| Ok::<_, CloneError>(std::fs::read(blobs.join(format!("{number:016x}"))).unwrap());
    values
        .map(|value| {
            let value = value.unwrap();
            if has_blobs(&value) { blobs_inside(&value, usize::MAX, load).unwrap() } else { value }
        })
        .collect()
}
