//! IndexedDB: the engine's operations for the JavaScript classes.

use super::super::realm::Realm;
use super::super::task::{HostError, Task};
use super::clone::from_stored;
use super::{Answer, HostObject, Reply, throw};
use crate::indexeddb::Databases;
use crate::script::{Buffer, Text};
use rquickjs::function::Opt;
use rquickjs::{Array, Ctx, Function, Result};
use std::cell::OnceCell;
use std::rc::Rc;
use wakeworker_indexeddb::{Error, Row};

/// What this run of the worker has open; made when a script first uses IndexedDB, gone with the run.
struct Opened {
    realm: Rc<Realm>,
    databases: OnceCell<Databases>,
}

impl Opened {
    fn get(&self) -> &Databases {
        self.databases.get_or_init(|| {
            let realm = &self.realm;
            let run = realm.run.clone();
            Databases::new(&realm.shared.indexeddb, &realm.worker.storage_key, move |_, notice| {
                // A run that ends hears nothing more.
                let _ = run.queue.push(Task::IndexedDb(notice));
            })
        })
    }
}

pub(super) fn install(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    let opened = Rc::new(Opened { realm: realm.clone(), databases: OnceCell::new() });
    connections(host, &opened)?;
    records(host, &opened)?;
    schema(host, &opened)?;
    let state = realm.clone();
    host.function("idbWantCleanUp", move || state.wants_clean_up.set(true))
}

fn connections(host: &HostObject<'_>, opened: &Rc<Opened>) -> Result<()> {
    let own = opened.clone();
    host.function("idbDatabases", move || text(own.get().databases()))?;
    let own = opened.clone();
    host.function("idbOpen", move |id: u32, name: Text, version: Opt<Option<f64>>| {
        nothing(own.get().open(id, &name.into_string(), version.0.flatten()))
    })?;
    let own = opened.clone();
    host.function("idbDeleteDatabase", move |id: u32, name: Text| {
        nothing(own.get().delete_database(id, &name.into_string()))
    })?;
    let own = opened.clone();
    host.function("idbVersionChangeFired", move |connection: u64| {
        own.get().version_change_fired(connection);
    })?;
    let own = opened.clone();
    host.function("idbClose", move |connection: u64| own.get().close(connection))?;
    let own = opened.clone();
    host.function("idbBegin", move |connection: u64, stores: Text, mode: Text, strict: bool| {
        number(own.get().begin(connection, &stores.into_string(), &mode.into_string(), strict))
    })?;
    let own = opened.clone();
    host.function("idbCommit", move |transaction: u64| nothing(own.get().commit(transaction)))?;
    let own = opened.clone();
    host.function("idbAbort", move |transaction: u64| nothing(own.get().abort(transaction)))
}

fn records<'js>(host: &HostObject<'js>, opened: &Rc<Opened>) -> Result<()> {
    let own = opened.clone();
    host.function("idbScan", move |ctx: Ctx<'js>, transaction: u64, query: Text| {
        scan(&ctx, &own, transaction, &query.into_string())
    })?;
    let own = opened.clone();
    host.function("idbCount", move |transaction: u64, source: Text| {
        number(own.get().count(transaction, &source.into_string()))
    })?;
    let own = opened.clone();
    host.function("idbGenerateKey", move |transaction: u64, store: i64| {
        number(own.get().generate_key(transaction, store))
    })?;
    let own = opened.clone();
    let put = move |transaction: u64,
                    store: i64,
                    key: Text,
                    value: Buffer,
                    entries: Option<Text>,
                    overwrite: bool| {
        let entries = entries.map(Text::into_string);
        let databases = own.get();
        let key = key.into_string();
        nothing(databases.put(transaction, store, &key, &value.0, entries.as_deref(), overwrite))
    };
    host.function("idbPut", put)?;
    let own = opened.clone();
    host.function("idbDelete", move |transaction: u64, store: i64, range: Text| {
        nothing(own.get().delete(transaction, store, &range.into_string()))
    })
}

/// The keys of the rows as JSON, then the value of each.
fn scan<'js>(ctx: &Ctx<'js>, opened: &Opened, transaction: u64, query: &str) -> Result<Array<'js>> {
    let (keys, rows) = match opened.get().scan(transaction, query) {
        Ok(read) => read,
        Err(error) => return Err(throw(ctx, &host_error(&error))),
    };
    let found = Array::new(ctx.clone())?;
    found.set(0, keys)?;
    for (position, row) in rows.iter().enumerate() {
        if let Some(value) = &row.value {
            let outside = |number| blob_reader(ctx, row, number);
            found.set(position + 1, from_stored(ctx, &opened.realm, value, &outside)?)?;
        }
    }
    Ok(found)
}

/// The function by which a blob of a row reads its content, which stays there as long as the function.
fn blob_reader<'js>(ctx: &Ctx<'js>, row: &Row, number: u64) -> Result<Option<Function<'js>>> {
    let Some(blob) = row.blobs.iter().find(|blob| blob.number() == number).cloned() else {
        return Ok(None);
    };
    let read = move || {
        Reply(blob.read().map(Answer::Bytes).map_err(|error| {
            // What the File API says of a file that cannot be read.
            HostError::new("NotReadableError", error.to_string())
        }))
    };
    Function::new(ctx.clone(), read).map(Some)
}

fn schema(host: &HostObject<'_>, opened: &Rc<Opened>) -> Result<()> {
    let own = opened.clone();
    host.function(
        "idbCreateStore",
        move |transaction: u64, name: Text, key_path: Option<Text>, auto_increment: bool| {
            let path = key_path.as_ref().map(Text::as_bytes);
            number(own.get().create_store(transaction, &name.into_string(), path, auto_increment))
        },
    )?;
    let own = opened.clone();
    host.function("idbDeleteStore", move |transaction: u64, store: i64| {
        nothing(own.get().delete_store(transaction, store))
    })?;
    let own = opened.clone();
    host.function("idbRenameStore", move |transaction: u64, store: i64, name: Text| {
        nothing(own.get().rename_store(transaction, store, &name.into_string()))
    })?;
    let own = opened.clone();
    let create_index =
        move |transaction: u64, store: i64, name: Text, key_path: Text, unique: bool, multi_entry: bool| {
            let (name, path) = (name.into_string(), key_path.as_bytes());
            number(own.get().create_index(transaction, store, &name, path, unique, multi_entry))
        };
    host.function("idbCreateIndex", create_index)?;
    let own = opened.clone();
    host.function("idbDeleteIndex", move |transaction: u64, index: i64| {
        nothing(own.get().delete_index(transaction, index))
    })?;
    let own = opened.clone();
    host.function("idbRenameIndex", move |transaction: u64, index: i64, name: Text| {
        nothing(own.get().rename_index(transaction, index, &name.into_string()))
    })?;
    let own = opened.clone();
    host.function("idbIndexRecord", move |transaction: u64, store: i64, key: Text, index: i64, keys: Text| {
        let (key, keys) = (key.into_string(), keys.into_string());
        nothing(own.get().index_record(transaction, store, &key, index, &keys))
    })
}

fn reply(outcome: std::result::Result<Answer, Error>) -> Reply {
    Reply(outcome.map_err(|error| host_error(&error)))
}

fn host_error(error: &Error) -> HostError {
    HostError::new(error.dom_exception_name(), error.to_string())
}

fn nothing(outcome: std::result::Result<(), Error>) -> Reply {
    reply(outcome.map(|()| Answer::Undefined))
}

fn number(outcome: std::result::Result<f64, Error>) -> Reply {
    reply(outcome.map(Answer::Number))
}

fn text(outcome: std::result::Result<String, Error>) -> Reply {
    reply(outcome.map(Answer::Text))
}
