//! A cursor that goes on finds records that were read ahead; what it finds must be what a scan of its own would find, in
//! every direction, whatever else changes the store meanwhile.

use crate::session::context;
use crate::*;
use std::sync::mpsc::Receiver;

const DIRECTIONS: [Direction; 4] =
    [Direction::Next, Direction::NextUnique, Direction::Prev, Direction::PrevUnique];

fn number(value: u64) -> Key {
    Key::number(value as f64).unwrap()
}

/// Two stores, the first with an index that is not unique.
struct Session {
    context: Context,
    connection: u64,
    stores: [i64; 2],
    index: i64,
}

impl Session {
    fn open(engine: &Engine) -> (Session, Receiver<Notice>) {
        let (context, notices) = context(engine);
        context.open_database(1, b"d", Some(1));
        let Notice::UpgradeNeeded { connection, transaction, .. } = notices.recv().unwrap() else { panic!() };
        let stores = [b"s", b"t"].map(|name| context.create_store(transaction, name, None, false).unwrap());
        let index = context.create_index(transaction, stores[0], b"i", b"\"\"", false, false).unwrap();
        context.commit(transaction).unwrap();
        (Session { context, connection, stores, index }, notices)
    }

    fn begin(&self, stores: &[i64], mode: Mode) -> u64 {
        let (transaction, runs) = self.context.begin(self.connection, stores, mode, false).unwrap();
        assert!(runs);
        transaction
    }

    fn put(&self, transaction: u64, key: u64, index_key: u64, value: &[u8]) {
        let entries = [IndexKeys { index: self.index, keys: vec![number(index_key)] }];
        self.context.put(transaction, self.stores[0], &number(key), value, &entries, true).unwrap();
    }

    fn source(&self, of_index: bool) -> Source {
        let store = self.stores[0];
        if of_index { Source::Index { store, index: self.index } } else { Source::Store(store) }
    }
}

/// A cursor as the JavaScript classes move it.
struct Cursor {
    scan: Scan,
}

impl Cursor {
    fn new(source: Source, direction: Direction, range: Range, values: bool) -> Cursor {
        let scan = Scan { source, range, direction, start: None, skip: 0, limit: Some(1), values };
        Cursor { scan }
    }

    /// Takes a step, and compares it with a scan that asks for more than one record: such a scan reads nothing ahead.
    fn step(&mut self, context: &Context, transaction: u64) -> Option<Row> {
        let found = context.scan(transaction, &self.scan).unwrap().pop();
        let plain = Scan { limit: Some(2), ..self.scan.clone() };
        let expected = context.scan(transaction, &plain).unwrap().into_iter().next();
        assert_eq!(found, expected, "{:?}", self.scan);
        let row = found?;
        let is_unique = matches!(self.scan.direction, Direction::NextUnique | Direction::PrevUnique);
        let primary_key = (!is_unique).then(|| row.primary_key.clone());
        self.scan.start = Some(Start { key: row.key.clone(), primary_key, after: true });
        Some(row)
    }

    fn count(mut self, context: &Context, transaction: u64) -> usize {
        std::iter::from_fn(|| self.step(context, transaction)).count()
    }
}

#[test]
fn every_direction_ends_where_the_records_do() {
    let engine = Engine::open(&Place::Memory, Limits::default()).unwrap();
    let (session, _notices) = Session::open(&engine);
    let write = session.begin(&session.stores, Mode::ReadWrite);
    (0..200).for_each(|key| session.put(write, key, key / 3, b"v"));
    let bound = |value, open| Some(Bound { key: number(value), open });
    for direction in DIRECTIONS {
        let is_unique = matches!(direction, Direction::NextUnique | Direction::PrevUnique);
        for values in [false, true] {
            let over = |of_index, range| Cursor::new(session.source(of_index), direction, range, values);
            let everything = over(false, Range::default()).count(&session.context, write);
            assert_eq!(everything, 200, "{direction:?}");
            let of_index = over(true, Range::default()).count(&session.context, write);
            assert_eq!(of_index, if is_unique { 67 } else { 200 }, "{direction:?}");
            let some = Range { lower: bound(10, true), upper: bound(100, false) };
            assert_eq!(over(false, some).count(&session.context, write), 90, "{direction:?}");
        }
    }
    session.context.commit(write).unwrap();
}

#[test]
fn what_changes_between_two_steps_is_seen_by_the_second() {
    let engine = Engine::open(&Place::Memory, Limits::default()).unwrap();
    let (session, _notices) = Session::open(&engine);
    let write = session.begin(&session.stores, Mode::ReadWrite);
    (0..100).for_each(|key| session.put(write, 2 * key, key, b"old"));
    let mut cursor = Cursor::new(session.source(false), Direction::Next, Range::default(), true);
    // After ten steps the next ones are read ahead.
    (0..10).for_each(|_| drop(cursor.step(&session.context, write)));
    session.put(write, 19, 0, b"between");
    assert_eq!(cursor.step(&session.context, write).unwrap().key, number(19));
    (0..10).for_each(|_| drop(cursor.step(&session.context, write)));
    session.put(write, 40, 0, b"new");
    assert_eq!(cursor.step(&session.context, write).unwrap().value.as_deref(), Some(&b"new"[..]));
    (0..10).for_each(|_| drop(cursor.step(&session.context, write)));
    session.context.delete(write, session.stores[0], &Range::only(number(62))).unwrap();
    assert_eq!(cursor.step(&session.context, write).unwrap().key, number(64));
    (0..3).for_each(|_| drop(cursor.step(&session.context, write)));
    session.context.clear(write, session.stores[0]).unwrap();
    assert_eq!(cursor.step(&session.context, write), None);
    session.context.abort(write).unwrap();
}

#[test]
fn an_abort_takes_back_what_was_read_ahead_of_it() {
    let engine = Engine::open(&Place::Memory, Limits::default()).unwrap();
    let (session, _notices) = Session::open(&engine);
    let write = session.begin(&session.stores, Mode::ReadWrite);
    session.put(write, 0, 0, b"kept");
    session.put(write, 1, 1, b"kept");
    session.context.commit(write).unwrap();
    // A reader of the other store keeps the file's transaction of reading open all the time.
    let reader = session.begin(&session.stores[1..], Mode::ReadOnly);
    let write = session.begin(&session.stores[..1], Mode::ReadWrite);
    (2..50).for_each(|key| session.put(write, key, key, b"undone"));
    let mut cursor = Cursor::new(session.source(false), Direction::Next, Range::default(), true);
    (0..2).for_each(|_| drop(cursor.step(&session.context, write)));
    assert_eq!(cursor.step(&session.context, write).unwrap().key, number(2));
    session.context.abort(write).unwrap();
    let again = session.begin(&session.stores[..1], Mode::ReadOnly);
    assert_eq!(cursor.step(&session.context, again), None);
    session.context.commit(again).unwrap();
    session.context.commit(reader).unwrap();
}

#[test]
fn cursors_and_changes_in_any_order_find_what_plain_scans_find() {
    let engine = Engine::open(&Place::Memory, Limits::default()).unwrap();
    let (session, _notices) = Session::open(&engine);
    // Multiplicative congruential, so that a failure happens again.
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut ended = 0;
    for _ in 0..60 {
        let write = session.begin(&session.stores, Mode::ReadWrite);
        let mut cursors: Vec<Cursor> = Vec::new();
        for _ in 0..150 {
            match draw(20) {
                0 => session.put(write, draw(80), draw(20), &vec![b'v'; draw(3) as usize * 40_000]),
                1 => {
                    let only = Range::only(number(draw(80)));
                    session.context.delete(write, session.stores[0], &only).unwrap();
                }
                2 => {
                    let lower = Bound { key: number(draw(40)), open: draw(2) == 0 };
                    let range = if draw(2) == 0 {
                        Range { lower: Some(lower), upper: None }
                    } else {
                        Range::default()
                    };
                    let direction = DIRECTIONS[draw(4) as usize];
                    cursors.push(Cursor::new(session.source(draw(2) == 0), direction, range, draw(3) > 0));
                }
                _ => {
                    let steps = draw(12);
                    let Some(cursor) = cursors.last_mut() else { continue };
                    for _ in 0..steps {
                        if cursor.step(&session.context, write).is_none() {
                            ended += 1;
                            break;
                        }
                    }
                    // Now and then the cursor before it goes on.
                    if draw(4) == 0 {
                        cursors.rotate_right(1);
                    }
                }
            }
        }
        if draw(3) == 0 { session.context.abort(write) } else { session.context.commit(write) }.unwrap();
    }
    assert!(ended > 100, "cursors came to their end {ended} times only");
}
