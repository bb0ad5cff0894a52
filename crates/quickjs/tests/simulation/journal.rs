//! The server of a simulated device, and what it and the pages remember.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use wakeworker::network::ManualNetwork;
use wakeworker_quickjs::{AbortHandle, FetchRequest, Fetcher, RequestBody, ResponseHead, ResponseSink};

/// A worker with an outbox: what it is sent goes into IndexedDB, and a sync event sends all of it on.
const WORKER: &str = r"
const open = () => new Promise((done, failed) => {
    const request = indexedDB.open('outbox', 1);
    request.onupgradeneeded = () => request.result.createObjectStore('messages');
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
});
const change = async (work) => {
    const db = await open();
    const result = await new Promise((done, failed) => {
        const transaction = db.transaction('messages', 'readwrite', { durability: 'strict' });
        const request = work(transaction.objectStore('messages'));
        transaction.oncomplete = () => done(request.result);
        transaction.onabort = () => failed(transaction.error);
    });
    db.close();
    return result;
};
addEventListener('install', () => skipWaiting());
addEventListener('message', (event) => event.waitUntil((async () => {
    const [number, slow] = event.data.split(' ');
    await change((store) => store.put(slow, Number(number)));
    console.log('written ' + number);
})()));
addEventListener('sync', (event) => event.waitUntil((async () => {
    console.log('sync ' + event.lastChance);
    const keys = await change((store) => store.getAllKeys());
    for (const key of keys) {
        const slow = await change((store) => store.get(key));
        const answer = await fetch('/inbox', { method: 'POST', body: String(key) });
        if (!answer.ok) throw new Error('status ' + answer.status);
        if (slow === 'slow') await new Promise((resolve) => setTimeout(resolve, 50_000));
        await change((store) => store.delete(key));
    }
})()));
addEventListener('periodicsync', (event) => event.waitUntil((async () => {
    console.log('periodicsync');
    const answer = await fetch('/news');
    if (!answer.ok) throw new Error('status ' + answer.status);
})()));
";

/// What the server answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Well,
    Refusing,
    Unreachable,
}

/// The server, and the journal outside of all processes.
#[derive(Default)]
pub(crate) struct Journal {
    pub(crate) mood: Mood,
    /// Of the worker's script.
    pub(crate) version: u64,
    /// Messages that the worker has said are in its database.
    pub(crate) written: BTreeMap<u64, Message>,
    pub(crate) news: usize,
    /// Attempts that ended in another way than by their worker's answer, and processes that died: what a message may be
    /// delivered twice for.
    pub(crate) cut_short: usize,
    /// Sync events that came although there was no network.
    pub(crate) offline_events: usize,
}

/// One message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Message {
    /// A page was told that the sync is registered after this message was written.
    pub(crate) promised: bool,
    /// The last attempt failed meanwhile: the promise is over, the message is not.
    pub(crate) given_up: bool,
    pub(crate) delivered: usize,
}

/// What carries the requests of a device.
#[derive(Clone)]
pub(crate) struct Net {
    pub(crate) journal: Arc<Mutex<Journal>>,
    pub(crate) network: ManualNetwork,
}

impl Net {
    pub(crate) fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap()
    }
}

impl Fetcher for Net {
    fn fetch(&self, request: FetchRequest, mut sink: ResponseSink) -> AbortHandle {
        let mut journal = self.journal();
        let online = self.network.connection().is_online();
        if !online || journal.mood == Mood::Unreachable {
            sink.error("the server cannot be reached".to_owned());
            return AbortHandle::ended();
        }
        let (status, body) = match (request.url.path(), journal.mood) {
            ("/sw.js", _) => (200, format!("// {}\n{WORKER}", journal.version)),
            (_, Mood::Refusing) => (503, String::new()),
            ("/inbox", _) => {
                let RequestBody::Bytes(number) = request.body else { panic!("a message is no stream") };
                let number: u64 = String::from_utf8_lossy(&number).parse().unwrap();
                journal.written.entry(number).or_default().delivered += 1;
                (200, String::new())
            }
            ("/news", _) => {
                journal.news += 1;
                (200, String::new())
            }
            (path, _) => panic!("nobody asks for {path}"),
        };
        drop(journal);
        let headers = vec![("content-type".to_owned(), "text/javascript".to_owned())];
        sink.head(ResponseHead { status, status_text: String::new(), headers });
        sink.chunk(Bytes::from(body));
        sink.end();
        AbortHandle::ended()
    }
}
