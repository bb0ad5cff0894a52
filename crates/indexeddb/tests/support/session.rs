//! An engine as one context of `https://a.example` sees it.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use wakeworker_indexeddb::{
    Context, Direction, Engine, Limits, Listener, Notice, Place, Range, Row, Scan, Source,
};

struct Notes(Mutex<Sender<Notice>>);

impl Listener for Notes {
    fn notify(&self, notice: Notice) {
        let _ = self.0.lock().unwrap().send(notice);
    }
}

pub(crate) fn engine_at(dir: &Path) -> Engine {
    Engine::open(&Place::Dir(dir.to_owned()), Limits::default()).unwrap()
}

pub(crate) fn context(engine: &Engine) -> (Context, Receiver<Notice>) {
    let (sender, receiver) = channel();
    (engine.context("https://a.example", Arc::new(Notes(Mutex::new(sender)))), receiver)
}

/// All rows, with their values.
pub(crate) fn all(context: &Context, transaction: u64, source: Source) -> Vec<Row> {
    let scan = Scan {
        source,
        range: Range::default(),
        direction: Direction::Next,
        start: None,
        skip: 0,
        limit: None,
        values: true,
    };
    context.scan(transaction, &scan).unwrap()
}
