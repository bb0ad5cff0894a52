//! Structured clones from a disk or from a page.

use wakeworker_structured_clone::{Reader, Writer, describe, validate};

/// What a hostile clone may take when it is written again; valid ones are never larger than they were.
const BYTES_MAX: usize = 1 << 24;

/// Whatever is accepted can be read to its end, described, and written again as the same tokens.
pub fn structured_clone(bytes: &[u8]) {
    describe(bytes, 200);
    if validate(bytes).is_err() {
        return;
    }
    let mut reader = Reader::new(bytes).unwrap();
    let mut writer = Writer::new(BYTES_MAX);
    let mut tokens = 0_usize;
    while let Some(token) = reader.next().unwrap() {
        writer.write(&token).unwrap();
        tokens += 1;
    }
    let written = writer.finish();
    let mut again = Reader::new(&written).unwrap();
    let mut first = Reader::new(bytes).unwrap();
    for _ in 0..tokens {
        let (a, b) = (first.next().unwrap(), again.next().unwrap());
        assert_eq!(format!("{a:?}"), format!("{b:?}"));
    }
}
