//! The IndexedDB journal.

use super::super::realm::Realm;
use super::super::task::HostError;
use super::{Answer, HostObject, Reply};
use crate::script::Text;
use crate::storage::StorageFailure;
use rquickjs::Result;
use std::rc::Rc;

pub(super) fn install(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    let state = realm.clone();
    host.function("idbDatabases", move || {
        reply(state.shared.indexeddb.databases(&state.worker.storage_key).map(Answer::Text))
    })?;
    let state = realm.clone();
    host.function("idbLoadSchema", move |name: Text| {
        let schema = state.shared.indexeddb.load_schema(&state.worker.storage_key, &name.into_string());
        reply(schema.map(Answer::text_or_null))
    })?;
    let state = realm.clone();
    host.function("idbLoadRecords", move |name: Text, store: Text| {
        let (name, store) = (name.into_string(), store.into_string());
        reply(state.shared.indexeddb.load_records(&state.worker.storage_key, &name, &store).map(Answer::Text))
    })?;
    let state = realm.clone();
    host.function("idbGeneration", move |name: Text| {
        let generation = state.shared.indexeddb.generation(&state.worker.storage_key, &name.into_string());
        reply(generation.map(number))
    })?;
    let state = realm.clone();
    host.function("idbCommit", move |name: Text, ops: Text, durability: Text, expected: f64| {
        let strict = durability.into_string() == "strict";
        let (name, ops) = (name.into_string(), ops.into_string());
        let key = &state.worker.storage_key;
        reply(state.shared.indexeddb.commit(key, &name, &ops, strict, expected as u64).map(number))
    })?;
    let state = realm.clone();
    host.function("idbDelete", move |name: Text| {
        let deleted = state.shared.indexeddb.delete(&state.worker.storage_key, &name.into_string());
        reply(deleted.map(|()| Answer::Undefined))
    })
}

fn number(generation: u64) -> Answer {
    Answer::Number(generation as f64)
}

fn reply(result: std::result::Result<Answer, StorageFailure>) -> Reply {
    Reply(result.map_err(|failure| HostError::new(failure.name, failure.message)))
}
