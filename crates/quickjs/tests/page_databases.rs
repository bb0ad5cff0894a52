//! The databases that a page shares with the workers of its origin, by the questions that its script asks.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use wakeworker_core::StorageKey;
use wakeworker_quickjs::{HttpFetcher, NoClients, PageDatabases, Runtime, RuntimeConfig, RuntimeStorage};
use wakeworker_structured_clone::{Token, Writer};

struct Page {
    databases: PageDatabases,
    notices: Receiver<Value>,
}

impl Page {
    fn open(runtime: &Runtime, origin: &str) -> Page {
        let (sender, notices) = channel();
        let tell = move |text: String| {
            let _ = sender.send(serde_json::from_str(&text).unwrap());
        };
        Page { databases: runtime.page_databases(&StorageKey::first_party(origin), tell), notices }
    }

    fn ask(&self, operation: &str, arguments: &[Value]) -> Result<Value, String> {
        let mut question = vec![json!(7), json!(operation)];
        question.extend_from_slice(arguments);
        let answer = self.databases.answer(&Value::from(question).to_string()).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer[0], 7);
        match answer[1]["name"].as_str() {
            Some(name) => Err(name.to_owned()),
            None => Ok(answer[2].clone()),
        }
    }

    fn hears(&self, kind: &str) -> Value {
        let notice = self.notices.recv().unwrap();
        assert_eq!(notice["kind"], kind, "{notice}");
        notice
    }

    /// A connection to a database with one store, and the store.
    fn store(&self, name: &str) -> (Value, Value) {
        self.ask("idbOpen", &[json!(1), json!(format!("\"{name}\"")), json!(1)]).unwrap();
        let notice = self.notices.recv().unwrap();
        let connection = notice["connection"].clone();
        if notice["kind"] == "opened" {
            return (connection, notice["schema"]["stores"][0]["id"].clone());
        }
        let transaction = notice["transaction"].clone();
        let store = self
            .ask("idbCreateStore", &[transaction.clone(), json!("\"s\""), Value::Null, json!(false)])
            .unwrap();
        self.ask("idbCommit", &[transaction]).unwrap();
        (connection, store)
    }

    fn begin(&self, connection: &Value, store: &Value) -> f64 {
        let scope = json!(format!("[{store}]"));
        self.ask("idbBegin", &[connection.clone(), scope, json!("readwrite"), json!(false)])
            .unwrap()
            .as_f64()
            .unwrap()
    }

    fn put(&self, transaction: f64, store: &Value, key: u32) -> Result<Value, String> {
        let key = json!(format!("[\"n{key}\"]"));
        let arguments =
            [json!(transaction as u64), integer(store), key, json!(stored("1")), Value::Null, json!(true)];
        self.ask("idbPut", &arguments)
    }

    fn count(&self, transaction: f64, store: &Value) -> Result<Value, String> {
        let all = json!({
            "store": integer(store),
            "range": { "lower": null, "upper": null, "lowerOpen": false, "upperOpen": false }
        });
        self.ask("idbCount", &[json!(transaction as u64), json!(all.to_string())])
    }
}

/// A string as a page sends it to be stored.
fn stored(text: &str) -> String {
    let mut writer = Writer::new(usize::MAX);
    writer.write(&Token::String(text.as_bytes())).unwrap();
    STANDARD.encode(writer.finish())
}

fn integer(value: &Value) -> Value {
    json!(value.as_f64().unwrap() as i64)
}

fn runtime() -> Runtime {
    let config = RuntimeConfig::default();
    let fetcher = Arc::new(HttpFetcher::new(&config).unwrap());
    Runtime::open(config, RuntimeStorage::Memory, fetcher, Arc::new(NoClients)).unwrap()
}

#[test]
fn pages_of_an_origin_take_turns_and_one_that_vanishes_leaves_nothing() {
    let runtime = runtime();
    let (first, second) =
        (Page::open(&runtime, "https://a.example"), Page::open(&runtime, "https://a.example"));
    let (connection, store) = first.store("db");
    let (other, same_store) = second.store("db");
    assert_eq!(integer(&store), integer(&same_store));
    let writing = first.begin(&connection, &integer(&store));
    assert!(writing > 0.0 && first.databases.has_running_transaction());
    first.put(writing, &store, 1).unwrap();
    let waiting = second.begin(&other, &integer(&store));
    assert!(waiting < 0.0, "it waits for the first");
    assert!(!second.databases.has_running_transaction());
    drop(first);
    second.hears("started");
    assert!(second.databases.has_running_transaction());
    assert_eq!(second.count(-waiting, &store).unwrap(), 0.0);
    second.put(-waiting, &store, 2).unwrap();
    second.ask("idbCommit", &[json!(-waiting as u64)]).unwrap();
    assert!(!second.databases.has_running_transaction());
}

#[test]
fn a_page_reaches_nothing_of_other_origins_and_nothing_of_other_pages() {
    let runtime = runtime();
    let (page, stranger) =
        (Page::open(&runtime, "https://a.example"), Page::open(&runtime, "https://b.example"));
    let (connection, store) = page.store("db");
    assert_eq!(stranger.ask("idbDatabases", &[]).unwrap(), "[]");
    let writing = page.begin(&connection, &integer(&store));
    let sibling = Page::open(&runtime, "https://a.example");
    for other in [&stranger, &sibling] {
        let scope = json!(format!("[{}]", integer(&store)));
        let begun = other.ask("idbBegin", &[connection.clone(), scope, json!("readonly"), json!(false)]);
        assert_eq!(begun, Err("InvalidStateError".to_owned()));
        assert_eq!(other.put(writing, &store, 1), Err("InvalidStateError".to_owned()));
        assert_eq!(other.ask("idbCommit", &[json!(writing as u64)]), Err("InvalidStateError".to_owned()));
        other.ask("idbClose", std::slice::from_ref(&connection)).unwrap();
    }
    page.put(writing, &store, 1).unwrap();
}

#[test]
fn what_cannot_be_read_is_refused_and_what_is_too_much_too() {
    let runtime = runtime();
    let page = Page::open(&runtime, "https://a.example");
    for bad in [
        "",
        "{}",
        "[]",
        "[1]",
        "[1,2]",
        "[-1,\"idbOpen\"]",
        "[1,\"idbNothing\"]",
        "[1,\"idbOpen\"]",
        "[1,\"idbOpen\",1,2,3]",
        "[1,\"idbPut\",1,1,\"[]\",5,null,true]",
        "[1,\"idbOpen\",99999999999,\"\\\"a\\\"\",1]",
    ] {
        assert!(page.databases.answer(bad).is_err(), "{bad}");
    }
    let (connection, store) = page.store("db");
    let writing = page.begin(&connection, &integer(&store));
    for key in ["", "{}", "[\"x\"]", "[\"[\"]", "[\"nNaN\"]"] {
        let arguments = [
            json!(writing as u64),
            integer(&store),
            json!(key),
            json!(stored("1")),
            Value::Null,
            json!(true),
        ];
        assert_eq!(page.ask("idbPut", &arguments), Err("DataError".to_owned()), "{key}");
    }
    for value in ["", "%", "AAAA", "V1kA"] {
        let arguments = [
            json!(writing as u64),
            integer(&store),
            json!("[\"n1\"]"),
            json!(value),
            Value::Null,
            json!(true),
        ];
        assert_eq!(page.ask("idbPut", &arguments), Err("DataError".to_owned()), "{value}");
    }
    // A value that can be stored, but not be answered with nine times.
    let value = json!(stored(&"x".repeat(4 << 20)));
    for key in 0..9 {
        let key = json!(format!("[\"n{key}\"]"));
        let arguments =
            [json!(writing as u64), integer(&store), key, value.clone(), Value::Null, json!(true)];
        page.ask("idbPut", &arguments).unwrap();
    }
    let scan = |limit: u32| {
        let range = json!({ "lower": null, "upper": null, "lowerOpen": false, "upperOpen": false });
        let scan = json!({ "store": integer(&store), "range": range, "limit": limit, "values": true });
        page.ask("idbScan", &[json!(writing as u64), json!(scan.to_string())])
    };
    assert_eq!(scan(9), Err("UnknownError".to_owned()));
    assert!(scan(1).is_ok());
    let again =
        |name: u32| page.ask("idbOpen", &[json!(name + 2), json!(format!("\"{name}\"")), Value::Null]);
    let refused = (2..2_002).filter(|id| again(*id) == Err("QuotaExceededError".to_owned())).count();
    assert_eq!(refused, 1_001, "of 2,000 more only 999 can be open");
}
