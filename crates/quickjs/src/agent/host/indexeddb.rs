//! IndexedDB: the engine's operations for the JavaScript classes.

mod convert;

use super::super::Run;
use super::super::realm::Realm;
use super::super::task::{HostError, Task};
use super::{Answer, HostObject, Reply};
use crate::script::Text;
use convert::{notice_json, read_entries, read_key, read_keys, read_name, read_range, read_scan, write_rows};
use rquickjs::Result;
use rquickjs::function::Opt;
use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;
use wakeworker_indexeddb::{Context, Error, IndexKeys, Listener, Mode, Notice};

/// The version of the stored values: the JavaScript layer's clone text follows (`js/src/clone.ts`).
const VALUE_VERSION: u8 = 1;

/// What this run of the worker has open; made when a script first uses IndexedDB, gone with the run.
struct Databases {
    realm: Rc<Realm>,
    context: OnceCell<Context>,
}

impl Databases {
    fn context(&self) -> &Context {
        self.context.get_or_init(|| {
            let realm = &self.realm;
            let listener = Arc::new(QueueListener(realm.run.clone()));
            realm.shared.indexeddb.context(realm.worker.storage_key.as_str(), listener)
        })
    }
}

struct QueueListener(Arc<Run>);

impl Listener for QueueListener {
    fn notify(&self, notice: Notice) {
        // A run that ends hears nothing more.
        let _ = self.0.queue.push(Task::IndexedDb(notice_json(&notice)));
    }
}

type Outcome = std::result::Result<Answer, Error>;

pub(super) fn install(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    let databases = Rc::new(Databases { realm: realm.clone(), context: OnceCell::new() });
    connections(host, &databases)?;
    records(host, &databases)?;
    schema(host, &databases)?;
    let state = realm.clone();
    host.function("idbWantCleanUp", move || state.wants_clean_up.set(true))
}

fn connections(host: &HostObject<'_>, databases: &Rc<Databases>) -> Result<()> {
    let state = databases.clone();
    host.function("idbDatabases", move || {
        reply(state.context().databases().map(|all| Answer::Text(convert::databases_json(&all))))
    })?;
    let state = databases.clone();
    host.function("idbOpen", move |id: u32, name: Text, version: Opt<Option<f64>>| {
        reply(read_name(&name.into_string()).map(|name| {
            let version = version.0.flatten().map(|version| version as u64);
            state.context().open_database(u64::from(id), &name, version);
            Answer::Undefined
        }))
    })?;
    let state = databases.clone();
    host.function("idbDeleteDatabase", move |id: u32, name: Text| {
        reply(read_name(&name.into_string()).map(|name| {
            state.context().delete_database(u64::from(id), &name);
            Answer::Undefined
        }))
    })?;
    let state = databases.clone();
    host.function("idbVersionChangeFired", move |connection: u64| {
        state.context().version_change_fired(connection);
    })?;
    let state = databases.clone();
    host.function("idbClose", move |connection: u64| state.context().close(connection))?;
    let state = databases.clone();
    host.function("idbBegin", move |connection: u64, stores: Text, mode: Text, strict: bool| {
        let mode = if mode.into_string() == "readwrite" { Mode::ReadWrite } else { Mode::ReadOnly };
        let begun = serde_json::from_str::<Vec<i64>>(&stores.into_string())
            .map_err(|error| Error::Data(format!("the scope cannot be read: {error}")))
            .and_then(|stores| state.context().begin(connection, &stores, mode, strict));
        reply(begun.map(|(id, runs)| Answer::Number(if runs { id as f64 } else { -(id as f64) })))
    })?;
    let state = databases.clone();
    host.function("idbCommit", move |transaction: u64| {
        reply(state.context().commit(transaction).map(|()| Answer::Undefined))
    })?;
    let state = databases.clone();
    host.function("idbAbort", move |transaction: u64| {
        reply(state.context().abort(transaction).map(|()| Answer::Undefined))
    })
}

fn records(host: &HostObject<'_>, databases: &Rc<Databases>) -> Result<()> {
    let state = databases.clone();
    host.function("idbScan", move |transaction: u64, scan: Text| {
        reply(read_scan(&scan.into_string()).and_then(|scan| {
            let rows = state.context().scan(transaction, &scan)?;
            Ok(Answer::Text(write_rows(&rows, VALUE_VERSION)?))
        }))
    })?;
    let state = databases.clone();
    host.function("idbCount", move |transaction: u64, source: Text| {
        reply(read_scan(&source.into_string()).and_then(|scan| {
            let count = state.context().count(transaction, scan.source, &scan.range)?;
            Ok(Answer::Number(count as f64))
        }))
    })?;
    let state = databases.clone();
    host.function("idbGenerateKey", move |transaction: u64, store: i64| {
        let key = state.context().generate_key(transaction, store);
        reply(key.map(|key| Answer::Number(key.as_number().unwrap_or(f64::NAN))))
    })?;
    let state = databases.clone();
    let put =
        move |transaction: u64, store: i64, key: Text, value: Text, entries: Option<Text>, replace: bool| {
            reply((|| -> Outcome {
                let key = read_key(&key.into_string())?;
                let entries = match entries {
                    Some(entries) => read_entries(&entries.into_string())?,
                    None => Vec::new(),
                };
                let mut bytes = vec![VALUE_VERSION];
                bytes.extend_from_slice(value.as_bytes());
                state.context().put(transaction, store, &key, &bytes, &entries, replace)?;
                Ok(Answer::Undefined)
            })())
        };
    host.function("idbPut", put)?;
    let state = databases.clone();
    host.function("idbDelete", move |transaction: u64, store: i64, range: Text| {
        reply(
            read_range(&range.into_string()).and_then(|range| {
                state.context().delete(transaction, store, &range).map(|()| Answer::Undefined)
            }),
        )
    })
}

fn schema(host: &HostObject<'_>, databases: &Rc<Databases>) -> Result<()> {
    let state = databases.clone();
    host.function(
        "idbCreateStore",
        move |transaction: u64, name: Text, key_path: Option<Text>, auto_increment: bool| {
            reply(read_name(&name.into_string()).and_then(|name| {
                let path = key_path.as_ref().map(Text::as_bytes);
                let id = state.context().create_store(transaction, &name, path, auto_increment)?;
                Ok(Answer::Number(id as f64))
            }))
        },
    )?;
    let state = databases.clone();
    host.function("idbDeleteStore", move |transaction: u64, store: i64| {
        reply(state.context().delete_store(transaction, store).map(|()| Answer::Undefined))
    })?;
    let state = databases.clone();
    host.function("idbRenameStore", move |transaction: u64, store: i64, name: Text| {
        reply(read_name(&name.into_string()).and_then(|name| {
            state.context().rename_store(transaction, store, &name).map(|()| Answer::Undefined)
        }))
    })?;
    let state = databases.clone();
    let create_index =
        move |transaction: u64, store: i64, name: Text, key_path: Text, unique: bool, multi_entry: bool| {
            reply(read_name(&name.into_string()).and_then(|name| {
                let path = key_path.as_bytes();
                let id =
                    state.context().create_index(transaction, store, &name, path, unique, multi_entry)?;
                Ok(Answer::Number(id as f64))
            }))
        };
    host.function("idbCreateIndex", create_index)?;
    let state = databases.clone();
    host.function("idbDeleteIndex", move |transaction: u64, index: i64| {
        reply(state.context().delete_index(transaction, index).map(|()| Answer::Undefined))
    })?;
    let state = databases.clone();
    host.function("idbRenameIndex", move |transaction: u64, index: i64, name: Text| {
        reply(read_name(&name.into_string()).and_then(|name| {
            state.context().rename_index(transaction, index, &name).map(|()| Answer::Undefined)
        }))
    })?;
    let state = databases.clone();
    host.function("idbIndexRecord", move |transaction: u64, store: i64, key: Text, index: i64, keys: Text| {
        reply(read_key(&key.into_string()).and_then(|key| {
            let entry = IndexKeys { index, keys: read_keys(&keys.into_string())? };
            state.context().index_record(transaction, store, &key, &entry).map(|()| Answer::Undefined)
        }))
    })
}

fn reply(outcome: Outcome) -> Reply {
    Reply(outcome.map_err(|error| HostError::new(error.dom_exception_name(), error.to_string())))
}
