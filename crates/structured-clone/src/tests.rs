//! The reader against the writer, the committed vectors, and bytes that somebody broke.

use crate::{
    BlobContent, BlobFile, CloneError, DEPTH_MAX, ErrorName, Reader, Token, ViewType, Writer, blobs_inside,
    blobs_outside, describe, has_blobs, validate,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// One value: the script that makes it, its bytes, and how people see it. `crates/cli/page/test/clone.test.mjs` writes the
/// bytes of new vectors; `WRITE_VECTORS=1 cargo test -p wakeworker-structured-clone` what they show.
#[derive(Deserialize, Serialize)]
struct Vector {
    name: String,
    js: String,
    hex: String,
    shows: String,
}

fn vectors() -> Vec<(Vector, Vec<u8>)> {
    let all: Vec<Vector> = serde_json::from_str(include_str!("../fixtures/vectors.json")).unwrap();
    let bytes_of = |hex: &str| {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    };
    all.into_iter()
        .map(|vector| {
            let bytes = bytes_of(&vector.hex);
            (vector, bytes)
        })
        .collect()
}

fn write(tokens: &[Token<'_>]) -> Vec<u8> {
    let mut writer = Writer::new(1 << 20);
    tokens.iter().for_each(|token| writer.write(token).unwrap());
    writer.finish()
}

fn copy(bytes: &[u8]) -> Result<Vec<u8>, CloneError> {
    let mut reader = Reader::new(bytes)?;
    let mut writer = Writer::new(1 << 20);
    while let Some(token) = reader.next()? {
        writer.write(&token)?;
    }
    Ok(writer.finish())
}

#[test]
fn every_vector_is_read_and_written_again_byte_for_byte() {
    let mut vectors = vectors();
    assert!(vectors.len() > 40);
    if std::env::var_os("WRITE_VECTORS").is_some() {
        let lines: Vec<String> = vectors
            .iter_mut()
            .map(|(vector, bytes)| {
                vector.shows = describe(bytes, 4096);
                serde_json::to_string(vector).unwrap()
            })
            .collect();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vectors.json");
        std::fs::write(path, format!("[\n  {}\n]\n", lines.join(",\n  "))).unwrap();
    }
    for (vector, bytes) in vectors {
        assert_eq!(copy(&bytes).as_deref(), Ok(&*bytes), "{}", vector.name);
        assert_eq!(describe(&bytes, 4096), vector.shows, "{}", vector.name);
    }
}

#[test]
fn every_vector_cut_short_or_lengthened_is_refused() {
    for (vector, bytes) in vectors() {
        for length in 0..bytes.len() {
            assert!(validate(&bytes[..length]).is_err(), "{} cut to {length}", vector.name);
        }
        let longer = [&*bytes, &[0]].concat();
        assert!(validate(&longer).is_err(), "{} lengthened", vector.name);
    }
}

#[test]
fn every_changed_byte_is_refused_or_read_as_another_whole_value() {
    for (_, bytes) in vectors() {
        for position in 0..bytes.len() {
            for change in [1, 0x80, 0xFF, 0x1F] {
                let mut changed = bytes.clone();
                changed[position] ^= change;
                let shown = describe(&changed, 4096);
                assert_eq!(
                    validate(&changed).is_err(),
                    shown.ends_with('>') && shown.contains(" <the cloned value")
                );
            }
        }
    }
}

#[test]
fn what_the_builder_relies_on_is_checked() {
    let view = |view, byte_offset, length| Token::View { view, byte_offset, length };
    let buffer = Token::ArrayBuffer { bytes: &[0; 8], byte_length_max: None };
    let cases: &[(&[Token<'_>], &str)] = &[
        (&[Token::Reference(0)], "a reference"),
        (&[Token::Object, Token::Key(b"a"), Token::Reference(1), Token::End], "a reference"),
        (&[view(ViewType::Int32Array, 2, Some(1)), buffer], "does not lie"),
        (&[view(ViewType::Int32Array, 4, Some(2)), buffer], "does not lie"),
        (&[view(ViewType::Uint8Array, 0, Some(u64::MAX)), buffer], "does not lie"),
        (&[view(ViewType::Float64Array, u64::MAX, Some(u64::MAX)), buffer], "does not lie"),
        (&[view(ViewType::Uint8Array, 9, None), buffer], "does not lie"),
        (&[view(ViewType::Uint8Array, 0, Some(1)), Token::Null], "no ArrayBuffer"),
        (&[view(ViewType::Uint8Array, 0, Some(1)), Token::Transferred(0)], "no ArrayBuffer"),
        (
            &[Token::Object, Token::Key(b"a"), view(ViewType::DataView, 0, Some(1)), Token::Reference(0)],
            "no ArrayBuffer",
        ),
        (&[Token::Boxed, Token::Object, Token::End], "no primitive"),
        (&[Token::Array { length: 9 }, Token::Null, Token::End], "longer than"),
        (&[Token::Hole], "no value"),
        (&[Token::End], "no value"),
        (&[Token::Object, Token::Null], "no name"),
        (&[Token::Map, Token::Null, Token::End], "no value"),
        (&[Token::Null, Token::Null], "bytes follow"),
        (&[Token::String(b"\xFF")], "not WTF-8"),
        (&[Token::String(b"\xED\xA0\x80\xED\xB0\x80")], "not WTF-8"),
        (&[Token::BigInt { negative: true, magnitude: &[] }], "zeros"),
        (&[Token::BigInt { negative: false, magnitude: &[1, 0] }], "zeros"),
        (&[Token::ArrayBuffer { bytes: &[0; 8], byte_length_max: Some(7) }], "its own limit"),
        (&[Token::Platform { interface: b"X" }, Token::Null, Token::Null], "does not end"),
        // The number of a platform object is not given before its data is complete.
        (&[Token::Platform { interface: b"X" }, Token::Reference(0), Token::End], "a reference"),
    ];
    for (tokens, expected) in cases {
        match validate(&write(tokens)) {
            Err(CloneError::Malformed { problem, .. }) => {
                assert!(problem.contains(expected), "{tokens:?}: {problem}")
            }
            other => panic!("{tokens:?}: {other:?}"),
        }
    }
}

#[test]
fn other_versions_and_foreign_bytes_are_refused_with_the_reason() {
    assert_eq!(validate(b"W\x02\x00\x00"), Err(CloneError::TooNew { found: 2 }));
    for foreign in [&b""[..], b"W", b"W\x00\x00\x00", b"{}", b"W\x01", b"W\x01\x02\x00"] {
        assert!(matches!(validate(foreign), Err(CloneError::Malformed { .. })), "{foreign:x?}");
    }
    // A number in more bytes than it needs, and one of more than 64 bits.
    for number in [&b"W\x01\x00\x04\x80\x00"[..], b"W\x01\x00\x04\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"] {
        assert!(matches!(validate(number), Err(CloneError::Malformed { .. })), "{number:x?}");
    }
}

#[test]
fn nesting_ends_at_the_limit_and_lengths_cost_no_memory() {
    let nested = |opening: &[Token<'_>], ending: &[Token<'_>], depth: usize| {
        let mut tokens: Vec<Token<'_>> = (0..depth).flat_map(|_| opening.iter().copied()).collect();
        tokens.push(Token::Null);
        tokens.extend((0..depth).flat_map(|_| ending.iter().copied()));
        validate(&write(&tokens))
    };
    let error = Token::Error { name: ErrorName::TypeError, message: None, stack: None, has_cause: true };
    for (opening, ending) in [
        (&[Token::Array { length: 1 }][..], &[Token::End][..]),
        (&[Token::Object, Token::Key(b"a")], &[Token::End]),
        (&[Token::Map, Token::Null], &[Token::End]),
        (&[Token::Platform { interface: b"X" }], &[Token::End]),
        (&[error], &[]),
    ] {
        assert_eq!(nested(opening, ending, DEPTH_MAX), Ok(()), "{opening:?}");
        assert_eq!(nested(opening, ending, DEPTH_MAX + 1), Err(CloneError::TooDeep), "{opening:?}");
    }
    let mut writer = Writer::new(8);
    assert_eq!(writer.write(&Token::String(&[b'a'; 9])), Err(CloneError::TooLarge { bytes_max: 8 }));
    assert!(validate(&write(&[Token::SparseArray { length: u32::MAX }, Token::End])).is_ok());
}

#[test]
fn blobs_go_outside_and_come_back() {
    let file = Some(BlobFile { name: b"n", last_modified: 5.0 });
    let blob = |content, file| Token::Blob { file, media_type: b"text/plain", content };
    let inside = write(&[
        Token::Set,
        blob(BlobContent::Inside(b"one"), None),
        blob(BlobContent::Inside(b""), file),
        Token::Reference(1),
        Token::End,
    ]);
    assert!(has_blobs(&inside) && !has_blobs(&write(&[Token::Null])) && !has_blobs(b"hello"));
    let mut stored: Vec<Vec<u8>> = Vec::new();
    let outside = blobs_outside::<CloneError>(&inside, |bytes| {
        stored.push(bytes.to_vec());
        Ok(stored.len() as u64 - 1)
    })
    .unwrap();
    assert_eq!(stored, [&b"one"[..], b""]);
    assert!(has_blobs(&outside));
    assert!(describe(&outside, 200).contains("Blob(\"text/plain\", 3 bytes)"));
    let load = |number: u64| Ok::<_, CloneError>(stored[number as usize].clone());
    assert_eq!(blobs_inside(&outside, 1 << 20, load), Ok(inside));
    let wrong = |_| Ok::<_, CloneError>(b"other".to_vec());
    assert_eq!(blobs_inside(&outside, 1 << 20, wrong), Err(CloneError::BlobMissing { number: 0 }));
    assert_eq!(blobs_inside(&outside, 2, load), Err(CloneError::TooLarge { bytes_max: 2 }));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_fail_otherwise_than_with_an_error(body in prop::collection::vec(prop_oneof![0u8..0x20, any::<u8>()], 0..64), blobs in 0u8..2) {
        let bytes = [&[b'W', 1, blobs], &*body].concat();
        let shown = describe(&bytes, 1 << 20);
        // What is read is written again, and is then the same for ever.
        match copy(&bytes) {
            Ok(once) => prop_assert_eq!(copy(&once).unwrap(), once),
            Err(_) => prop_assert!(shown.ends_with('>')),
        }
    }

    #[test]
    fn numbers_and_texts_come_back_as_they_were(int in any::<i32>(), double in any::<f64>(), text in any::<String>(), magnitude in prop::collection::vec(1u8.., 0..40)) {
        let tokens = [
            Token::Array { length: 4 },
            Token::Int(int),
            Token::Double(double),
            Token::String(text.as_bytes()),
            Token::BigInt { negative: !magnitude.is_empty(), magnitude: &magnitude },
            Token::End,
        ];
        let bytes = write(&tokens);
        let mut reader = Reader::new(&bytes).unwrap();
        for token in tokens {
            let read = reader.next().unwrap().unwrap();
            // NaN is not equal to itself.
            let same = read == token || format!("{read:?}") == format!("{token:?}");
            prop_assert!(same, "{:?} became {:?}", token, read);
        }
        prop_assert_eq!(reader.next().unwrap(), None);
    }
}
