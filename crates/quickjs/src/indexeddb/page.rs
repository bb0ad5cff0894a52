//! IndexedDB for a page in a browser: questions and answers are JSON texts, which the page's classes read and write
//! (`js/src/page/host.ts`).

use super::Databases;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wakeworker_core::StorageKey;
use wakeworker_indexeddb::{Engine, Error, Notice, Row};
use wakeworker_structured_clone::{BlobContent, CloneError, Reader, Token, blobs_inside};

/// Transactions that a page may have at once.
const TRANSACTIONS_MAX: usize = 10_000;
/// Connections that a page may have or ask for at once.
const CONNECTIONS_MAX: usize = 1_000;

/// Bytes of the values in one answer.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The databases of a storage key, as one page uses them: the same ones that its workers see, with one order of
/// transactions for all. Dropped, it aborts the page's transactions and closes its connections.
///
/// Made by [`Runtime::page_databases`](crate::Runtime::page_databases).
pub struct PageDatabases {
    databases: Databases,
    open: Arc<Mutex<Open>>,
}

/// What the page has begun and not ended.
#[derive(Default)]
struct Open {
    requests: HashSet<u64>,
    connections: HashSet<u64>,
    /// All that were begun, and those of them that need not wait for others.
    transactions: HashSet<u64>,
    running: HashSet<u64>,
}

impl Open {
    fn follow(&mut self, notice: &Notice) {
        match notice {
            Notice::Opened { request, connection, .. } => {
                self.requests.remove(request);
                self.connections.insert(*connection);
            }
            Notice::UpgradeNeeded { request, connection, transaction, .. } => {
                self.requests.remove(request);
                self.connections.insert(*connection);
                self.transactions.insert(*transaction);
                self.running.insert(*transaction);
            }
            Notice::Started { transaction } => {
                self.running.insert(*transaction);
            }
            Notice::Deleted { request, .. } | Notice::Failed { request, .. } => {
                self.requests.remove(request);
            }
            Notice::Closed { connection } => {
                self.connections.remove(connection);
            }
            _ => {}
        }
    }
}

impl PageDatabases {
    pub(crate) fn new(
        engine: &Engine,
        storage_key: &StorageKey,
        tell: impl Fn(String) + Send + Sync + 'static,
    ) -> PageDatabases {
        let open = Arc::<Mutex<Open>>::default();
        let followed = open.clone();
        let databases = Databases::new(engine, storage_key, move |notice, text| {
            followed.lock().unwrap_or_else(PoisonError::into_inner).follow(notice);
            tell(text);
        });
        PageDatabases { databases, open }
    }

    /// Answers a question `[id, operation, argument …]`: with `[id, null, value]`, or `[id, {name, message}]`. Waits for
    /// the disk. An error means that the question cannot be read; whoever asks so does not know the protocol.
    pub fn answer(&self, question: &str) -> Result<String, String> {
        let parts: Vec<Value> = serde_json::from_str(question).map_err(|error| error.to_string())?;
        let (Some(id), Some(operation)) =
            (parts.first().and_then(Value::as_u64), parts.get(1).and_then(Value::as_str))
        else {
            return Err("a question begins with a number and the name of an operation".to_owned());
        };
        let arguments = Arguments(parts.get(2..).unwrap_or_default());
        let answer = match self.carry_out(operation, &arguments) {
            Ok(value) => json!([id, null, value]),
            Err(Refusal::Failed(error)) => {
                json!([id, { "name": error.dom_exception_name(), "message": error.to_string() }])
            }
            Err(Refusal::Misunderstood) => {
                return Err(format!(
                    "the arguments of `{operation}` cannot be read, or there is no such operation"
                ));
            }
        };
        Ok(answer.to_string())
    }

    /// Whether the page has a transaction that others may be waiting for.
    pub fn has_running_transaction(&self) -> bool {
        !self.open().running.is_empty()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry_out(&self, operation: &str, a: &Arguments<'_>) -> Result<Value, Refusal> {
        let all = &self.databases;
        let done = |()| Value::Null;
        Ok(match operation {
            "idbDatabases" => all.databases().map(Value::from)?,
            "idbOpen" => {
                let version = a.get(2).and_then(Value::as_f64);
                all.open(self.one_more_request(a.id(0)?)?, a.text(1)?, version).map(done)?
            }
            "idbDeleteDatabase" => {
                all.delete_database(self.one_more_request(a.id(0)?)?, a.text(1)?).map(done)?
            }
            "idbVersionChangeFired" => {
                all.version_change_fired(a.id(0)?);
                Value::Null
            }
            "idbClose" => {
                let connection = a.id(0)?;
                self.open().connections.remove(&connection);
                all.close(connection);
                Value::Null
            }
            "idbBegin" => {
                if self.open().transactions.len() >= TRANSACTIONS_MAX {
                    return Err(too_many("transactions", TRANSACTIONS_MAX));
                }
                let drawn = all.begin(a.id(0)?, a.text(1)?, a.text(2)?, a.flag(3)?)?;
                let mut open = self.open();
                open.transactions.insert(drawn.abs() as u64);
                if drawn > 0.0 {
                    open.running.insert(drawn as u64);
                }
                Value::from(drawn)
            }
            "idbCommit" => all.commit(self.ended(a.id(0)?)).map(done)?,
            "idbAbort" => all.abort(self.ended(a.id(0)?)).map(done)?,
            "idbScan" => self.scan(a.id(0)?, a.text(1)?)?,
            "idbCount" => all.count(a.id(0)?, a.text(1)?).map(Value::from)?,
            "idbGenerateKey" => all.generate_key(a.id(0)?, a.row(1)?).map(Value::from)?,
            "idbPut" => {
                let value = read_value(a.text(3)?)?;
                all.put(a.id(0)?, a.row(1)?, a.text(2)?, &value, a.maybe_text(4)?, a.flag(5)?).map(done)?
            }
            "idbDelete" => all.delete(a.id(0)?, a.row(1)?, a.text(2)?).map(done)?,
            "idbCreateStore" => {
                let path = a.maybe_text(2)?.map(str::as_bytes);
                all.create_store(a.id(0)?, a.text(1)?, path, a.flag(3)?).map(Value::from)?
            }
            "idbDeleteStore" => all.delete_store(a.id(0)?, a.row(1)?).map(done)?,
            "idbRenameStore" => all.rename_store(a.id(0)?, a.row(1)?, a.text(2)?).map(done)?,
            "idbCreateIndex" => {
                let path = a.text(3)?.as_bytes();
                all.create_index(a.id(0)?, a.row(1)?, a.text(2)?, path, a.flag(4)?, a.flag(5)?)
                    .map(Value::from)?
            }
            "idbDeleteIndex" => all.delete_index(a.id(0)?, a.row(1)?).map(done)?,
            "idbRenameIndex" => all.rename_index(a.id(0)?, a.row(1)?, a.text(2)?).map(done)?,
            "idbIndexRecord" => {
                all.index_record(a.id(0)?, a.row(1)?, a.text(2)?, a.row(3)?, a.text(4)?).map(done)?
            }
            _ => return Err(Refusal::Misunderstood),
        })
    }

    /// The keys as JSON, then each value in Base64, with the content of its blobs.
    fn scan(&self, transaction: u64, scan: &str) -> Result<Value, Error> {
        let (keys, rows) = self.databases.scan(transaction, scan)?;
        let mut answer = vec![Value::from(keys)];
        let mut left = ANSWER_BYTES_MAX;
        for row in &rows {
            let Some(value) = &row.value else { continue };
            let whole = if row.blobs.is_empty() { None } else { Some(with_blobs(row, value, left)?) };
            let value = whole.as_ref().unwrap_or(value);
            left = left.checked_sub(value.len()).ok_or_else(too_much)?;
            answer.push(Value::from(STANDARD.encode(value)));
        }
        Ok(Value::from(answer))
    }

    /// Counts a request to open or delete a database; gives its number.
    fn one_more_request(&self, id: u64) -> Result<u32, Refusal> {
        let request = u32::try_from(id).map_err(|_| Refusal::Misunderstood)?;
        let mut open = self.open();
        if open.connections.len() + open.requests.len() >= CONNECTIONS_MAX {
            return Err(too_many("connections", CONNECTIONS_MAX));
        }
        open.requests.insert(id);
        Ok(request)
    }

    fn ended(&self, transaction: u64) -> u64 {
        let mut open = self.open();
        open.transactions.remove(&transaction);
        open.running.remove(&transaction);
        transaction
    }
}

impl std::fmt::Debug for PageDatabases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PageDatabases").finish_non_exhaustive()
    }
}

/// Why a question has no value for an answer.
enum Refusal {
    Failed(Error),
    Misunderstood,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Failed(error)
    }
}

/// A value that a page sends, which may be anything.
fn read_value(text: &str) -> Result<Vec<u8>, Error> {
    let bytes = STANDARD
        .decode(text)
        .map_err(|error| Error::Data(format!("the value to be stored is not Base64: {error}")))?;
    let mut reader = Reader::new(&bytes)?;
    while let Some(token) = reader.next()? {
        // Only the database itself says which blobs it has.
        if let Token::Blob { content: BlobContent::Outside { number, .. }, .. } = token {
            return Err(CloneError::BlobMissing { number }.into());
        }
    }
    Ok(bytes)
}

/// A stored value with its blobs in it.
fn with_blobs(row: &Row, value: &[u8], bytes_max: usize) -> Result<Vec<u8>, Error> {
    blobs_inside(value, bytes_max, |number| {
        let blob = row.blobs.iter().find(|blob| blob.number() == number);
        blob.ok_or_else(|| Error::from(CloneError::BlobMissing { number }))?.read()
    })
    .map_err(|error| if matches!(error, Error::Data(_)) { too_much() } else { error })
}

fn too_much() -> Error {
    Error::Unknown(format!(
        "the records have more than the {ANSWER_BYTES_MAX} bytes that can be had at once; ask for fewer of them \
         (`count`), or use a cursor"
    ))
}

fn too_many(what: &str, limit: usize) -> Refusal {
    Refusal::Failed(Error::QuotaExceeded(format!("a page can have {limit} {what} at once; end some first")))
}

/// The arguments of a question.
struct Arguments<'a>(&'a [Value]);

impl<'a> Arguments<'a> {
    fn get(&self, position: usize) -> Option<&'a Value> {
        self.0.get(position)
    }

    fn id(&self, position: usize) -> Result<u64, Refusal> {
        self.get(position).and_then(Value::as_u64).ok_or(Refusal::Misunderstood)
    }

    fn row(&self, position: usize) -> Result<i64, Refusal> {
        self.get(position).and_then(Value::as_i64).ok_or(Refusal::Misunderstood)
    }

    fn text(&self, position: usize) -> Result<&'a str, Refusal> {
        self.get(position).and_then(Value::as_str).ok_or(Refusal::Misunderstood)
    }

    fn maybe_text(&self, position: usize) -> Result<Option<&'a str>, Refusal> {
        match self.get(position) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or(Refusal::Misunderstood),
        }
    }

    fn flag(&self, position: usize) -> Result<bool, Refusal> {
        self.get(position).and_then(Value::as_bool).ok_or(Refusal::Misunderstood)
    }
}
