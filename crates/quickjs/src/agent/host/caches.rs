//! The Cache API, and what an origin uses of its quota.

use super::super::realm::Realm;
use super::super::task::HostError;
use super::{Answer, HostObject, Reply};
use crate::script::{Buffer, Text};
use crate::storage::{BodyWriter, NewEntry, Query, StorageFailure};
use rquickjs::Result;
use rquickjs::function::Opt;
use serde_json::value::RawValue;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// A body is read in parts of this size.
const READ_BYTES: usize = 256 * 1024;

/// What this run of the worker holds of the caches; given back when the run ends.
struct Held {
    realm: Rc<Realm>,
    inner: RefCell<Inner>,
}

#[derive(Default)]
struct Inner {
    writers: HashMap<u32, BodyWriter>,
    caches: HashMap<i64, usize>,
    bodies: HashMap<u64, usize>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let inner = self.inner.take();
        let caches = &self.realm.shared.caches;
        for (body, count) in inner.bodies {
            (0..count).for_each(|_| caches.release_body(body));
        }
        for (cache, count) in inner.caches {
            (0..count).for_each(|_| caches.release(&self.realm.worker.storage_key, cache));
        }
    }
}

pub(super) fn install(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    let held = Rc::new(Held { realm: realm.clone(), inner: RefCell::default() });
    names(host, realm, &held)?;
    queries(host, &held)?;
    bodies(host, &held)?;
    let state = realm.clone();
    host.function("storageEstimate", move || {
        let key = &state.worker.storage_key;
        let usage = state.shared.quota.account(key).bytes();
        let quota = state.shared.quota.bytes_max(key).max(usage);
        Reply::ok(Answer::Text(serde_json::json!({ "usage": usage, "quota": quota }).to_string()))
    })
}

fn names(host: &HostObject<'_>, realm: &Rc<Realm>, held: &Rc<Held>) -> Result<()> {
    let state = held.clone();
    host.function("cacheOpen", move |name: Text| {
        let realm = &state.realm;
        let opened = realm.shared.caches.open_cache(&realm.worker.storage_key, &name.into_string());
        if let Ok(id) = opened {
            *state.inner.borrow_mut().caches.entry(id).or_default() += 1;
        }
        reply(opened.map(|id| Answer::Number(id as f64)))
    })?;
    let state = held.clone();
    host.function("cacheRelease", move |cache: i64| {
        let mut inner = state.inner.borrow_mut();
        if take_one(&mut inner.caches, cache) {
            state.realm.shared.caches.release(&state.realm.worker.storage_key, cache);
        }
    })?;
    let state = realm.clone();
    host.function("cacheNames", move || {
        reply(state.shared.caches.names(&state.worker.storage_key).map(Answer::Text))
    })?;
    let state = realm.clone();
    host.function("cacheHas", move |name: Text| {
        let has = state.shared.caches.has(&state.worker.storage_key, &name.into_string());
        reply(has.map(Answer::Boolean))
    })?;
    let state = realm.clone();
    host.function("cacheDrop", move |name: Text| {
        let dropped = state.shared.caches.drop_cache(&state.worker.storage_key, &name.into_string());
        reply(dropped.map(Answer::Boolean))
    })
}

fn queries(host: &HostObject<'_>, held: &Rc<Held>) -> Result<()> {
    let state = held.clone();
    host.function("cacheQuery", move |cache: i64, query: Text| {
        reply(read_query(&query.into_string()).and_then(|query| {
            let realm = &state.realm;
            let found = realm.shared.caches.query(&realm.worker.storage_key, cache, &query)?;
            Ok(found_json(&state, &found, query.keys_only))
        }))
    })?;
    let state = held.clone();
    host.function("cacheQueryAll", move |name: Opt<Option<Text>>, query: Opt<Text>| {
        let query = query.0.map(Text::into_string).unwrap_or_default();
        reply(read_query(&query).and_then(|query| {
            let realm = &state.realm;
            let name = name.0.flatten().map(Text::into_string);
            let found = realm.shared.caches.query_all(&realm.worker.storage_key, name.as_deref(), &query)?;
            Ok(found_json(&state, &found, query.keys_only))
        }))
    })?;
    let state = held.clone();
    host.function("cacheDelete", move |cache: i64, query: Text| {
        reply(read_query(&query.into_string()).and_then(|query| {
            let realm = &state.realm;
            realm.shared.caches.delete(&realm.worker.storage_key, cache, &query).map(Answer::Boolean)
        }))
    })?;
    let state = held.clone();
    host.function("cachePut", move |cache: i64, entries: Text| {
        let entries = entries.into_string();
        reply(read_entries(&state, &entries).and_then(|entries| {
            let realm = &state.realm;
            let key = &realm.worker.storage_key;
            realm.shared.caches.put(key, cache, entries).map(|()| Answer::Undefined)
        }))
    })
}

fn bodies(host: &HostObject<'_>, held: &Rc<Held>) -> Result<()> {
    let state = held.clone();
    host.function("cacheBodyCreate", move || {
        let realm = &state.realm;
        let writer = realm.shared.caches.write_body(&realm.worker.storage_key);
        reply(writer.map(|writer| {
            let id = realm.draw_id();
            state.inner.borrow_mut().writers.insert(id, writer);
            Answer::Number(f64::from(id))
        }))
    })?;
    let state = held.clone();
    host.function("cacheBodyWrite", move |writer: u32, part: Buffer| {
        let mut inner = state.inner.borrow_mut();
        reply(match inner.writers.get_mut(&writer) {
            Some(body) => body.write(&part.0).map(|()| Answer::Undefined),
            None => Err(StorageFailure::data(format!("the body {writer} is not being written"))),
        })
    })?;
    let state = held.clone();
    host.function("cacheBodyDiscard", move |writer: u32| {
        let discarded = state.inner.borrow_mut().writers.remove(&writer);
        drop(discarded);
    })?;
    let state = held.clone();
    host.function("cacheBodyRead", move |body: u64, offset: u64| {
        if !state.inner.borrow().bodies.contains_key(&body) {
            return reply(Err(StorageFailure::data(format!("the body {body} is not open"))));
        }
        reply(
            state
                .realm
                .shared
                .caches
                .read_body(body, offset, READ_BYTES)
                .map(|part| Answer::Bytes(part.into())),
        )
    })?;
    let state = held.clone();
    host.function("cacheBodyRelease", move |body: u64| {
        if take_one(&mut state.inner.borrow_mut().bodies, body) {
            state.realm.shared.caches.release_body(body);
        }
    })
}

/// Takes one of what is counted; false if there is none.
fn take_one<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: K) -> bool {
    let Some(count) = counts.get_mut(&key) else { return false };
    *count -= 1;
    if *count == 0 {
        counts.remove(&key);
    }
    true
}

fn read_query(json: &str) -> std::result::Result<Query, StorageFailure> {
    serde_json::from_str(json)
        .map_err(|error| StorageFailure::data(format!("the query cannot be read: {error}")))
}

/// Writers that were named belong to the entries from here on, and are discarded with them.
fn read_entries(held: &Held, json: &str) -> std::result::Result<Vec<NewEntry>, StorageFailure> {
    let entries: Vec<&RawValue> = serde_json::from_str(json)
        .map_err(|error| StorageFailure::data(format!("the entries to be cached cannot be read: {error}")))?;
    let mut inner = held.inner.borrow_mut();
    entries
        .into_iter()
        .map(|entry| NewEntry::read(entry, &mut |writer| inner.writers.remove(&writer)))
        .collect()
}

fn found_json(held: &Held, found: &[crate::storage::Found], keys_only: bool) -> Answer {
    let mut out = String::from("[");
    let mut inner = held.inner.borrow_mut();
    for (position, entry) in found.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        entry.write_json(keys_only, &mut out);
        if let Some(body) = entry.body().filter(|_| !keys_only) {
            *inner.bodies.entry(body.id).or_default() += 1;
        }
    }
    out.push(']');
    Answer::Text(out)
}

fn reply(result: std::result::Result<Answer, StorageFailure>) -> Reply {
    Reply(result.map_err(|failure| HostError::new(failure.name, failure.message)))
}
