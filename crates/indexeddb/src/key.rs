//! Keys as bytes whose order is the order of the keys (Indexed Database API 3.0, "Keys").
//!
//! A number or date is its tag and eight bytes; a string or binary key its tag, its units, and a zero; an array its tag,
//! its elements, and a zero. A unit below 0x7F takes one byte, one below 0x407F two, any other three; none begins with a
//! zero, so a shorter key sorts before those that it begins.

use crate::Error;

const END: u8 = 0x00;
const NUMBER: u8 = 0x10;
const DATE: u8 = 0x20;
const STRING: u8 = 0x30;
const BINARY: u8 = 0x40;
const ARRAY: u8 = 0x50;
const TWO_BYTES_FROM: u32 = 0x7F;
const THREE_BYTES_FROM: u32 = 0x407F;

/// A valid key, encoded. The derived order is the specification's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<u8>);

/// A part of a key, in the order in which it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyPart {
    /// A number; never NaN.
    Number(f64),
    /// A date in milliseconds since 1970; never NaN.
    Date(f64),
    /// A string as UTF-16 units.
    String(Vec<u16>),
    /// The bytes of a buffer.
    Binary(Vec<u8>),
    /// The begin of an array: its elements follow.
    ArrayBegin,
    /// The end of the innermost array.
    ArrayEnd,
}

impl Key {
    /// Encodes the parts of one key.
    pub fn from_parts(parts: impl IntoIterator<Item = KeyPart>) -> Result<Key, Error> {
        let mut bytes = Vec::new();
        let mut depth = 0usize;
        for part in parts {
            if depth == 0 && !bytes.is_empty() {
                return Err(Error::Data("a key ends before its parts do".to_owned()));
            }
            match part {
                KeyPart::Number(value) => write_number(&mut bytes, NUMBER, value)?,
                KeyPart::Date(value) => write_number(&mut bytes, DATE, value)?,
                KeyPart::String(units) => {
                    bytes.push(STRING);
                    units.iter().for_each(|unit| write_unit(&mut bytes, u32::from(*unit)));
                    bytes.push(END);
                }
                KeyPart::Binary(content) => {
                    bytes.push(BINARY);
                    content.iter().for_each(|byte| write_unit(&mut bytes, u32::from(*byte)));
                    bytes.push(END);
                }
                KeyPart::ArrayBegin => {
                    bytes.push(ARRAY);
                    depth += 1;
                }
                KeyPart::ArrayEnd => {
                    depth = depth
                        .checked_sub(1)
                        .ok_or_else(|| Error::Data("an array of a key ends before it begins".to_owned()))?;
                    bytes.push(END);
                }
            }
        }
        if bytes.is_empty() || depth > 0 {
            return Err(Error::Data("a key has no end".to_owned()));
        }
        Ok(Key(bytes))
    }

    /// A key that is a number; `None` for NaN.
    pub fn number(value: f64) -> Option<Key> {
        Key::from_parts([KeyPart::Number(value)]).ok()
    }

    /// Takes bytes that [`Key::as_bytes`] gave; anything else is refused.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Key, Error> {
        check(&bytes)?;
        Ok(Key(bytes))
    }

    /// The encoded bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The number, if the key is one.
    pub fn as_number(&self) -> Option<f64> {
        let mut bytes = self.0.strip_prefix(&[NUMBER])?;
        read_number(&mut bytes).ok()
    }

    /// Decodes the key.
    pub fn parts(&self) -> Result<Vec<KeyPart>, Error> {
        let mut bytes = self.0.as_slice();
        let mut parts = Vec::new();
        let mut depth = 0usize;
        while let Some((tag, rest)) = bytes.split_first() {
            bytes = rest;
            parts.push(match *tag {
                NUMBER => KeyPart::Number(read_number(&mut bytes)?),
                DATE => KeyPart::Date(read_number(&mut bytes)?),
                STRING => {
                    let mut units = Vec::new();
                    read_units(&mut bytes, u32::from(u16::MAX), |unit| units.push(unit as u16))?;
                    KeyPart::String(units)
                }
                BINARY => {
                    let mut content = Vec::new();
                    read_units(&mut bytes, u32::from(u8::MAX), |unit| content.push(unit as u8))?;
                    KeyPart::Binary(content)
                }
                ARRAY => {
                    depth += 1;
                    KeyPart::ArrayBegin
                }
                END if depth > 0 => {
                    depth -= 1;
                    KeyPart::ArrayEnd
                }
                _ => return Err(malformed()),
            });
        }
        if depth > 0 || parts.is_empty() {
            return Err(malformed());
        }
        Ok(parts)
    }
}

fn malformed() -> Error {
    Error::Unknown("a stored key is malformed: the database file is damaged".to_owned())
}

fn write_number(bytes: &mut Vec<u8>, tag: u8, value: f64) -> Result<(), Error> {
    if value.is_nan() {
        return Err(Error::Data("NaN is no key".to_owned()));
    }
    bytes.push(tag);
    // Zero and minus zero are one key. Negative numbers have all bits turned, so that the most negative comes first.
    let bits = (value + 0.0).to_bits();
    let ordered = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    bytes.extend_from_slice(&ordered.to_be_bytes());
    Ok(())
}

fn read_number(bytes: &mut &[u8]) -> Result<f64, Error> {
    let (number, rest) = bytes.split_first_chunk::<8>().ok_or_else(malformed)?;
    *bytes = rest;
    let ordered = u64::from_be_bytes(*number);
    let value = f64::from_bits(if ordered >> 63 == 1 { ordered & !(1 << 63) } else { !ordered });
    // Minus zero is written as zero.
    if value.is_nan() || (value == 0.0 && value.is_sign_negative()) { Err(malformed()) } else { Ok(value) }
}

fn write_unit(bytes: &mut Vec<u8>, unit: u32) {
    if unit < TWO_BYTES_FROM {
        bytes.push(unit as u8 + 1);
    } else if unit < THREE_BYTES_FROM {
        let value = unit - TWO_BYTES_FROM;
        bytes.extend_from_slice(&[0x80 | (value >> 8) as u8, value as u8]);
    } else {
        let value = unit - THREE_BYTES_FROM;
        bytes.extend_from_slice(&[0xC0, (value >> 8) as u8, value as u8]);
    }
}

/// Reads units up to their end; each has one form only.
fn read_units(bytes: &mut &[u8], unit_max: u32, mut each: impl FnMut(u32)) -> Result<(), Error> {
    loop {
        let unit = match **bytes {
            [END, ref rest @ ..] => {
                *bytes = rest;
                return Ok(());
            }
            [0xC0, high, low, ref rest @ ..] => {
                *bytes = rest;
                THREE_BYTES_FROM + (u32::from(high) << 8 | u32::from(low))
            }
            [first @ 0x80..=0xBF, low, ref rest @ ..] => {
                *bytes = rest;
                TWO_BYTES_FROM + (u32::from(first & 0x3F) << 8 | u32::from(low))
            }
            [first @ 0x01..=0x7F, ref rest @ ..] => {
                *bytes = rest;
                u32::from(first) - 1
            }
            _ => return Err(malformed()),
        };
        if unit > unit_max {
            return Err(malformed());
        }
        each(unit);
    }
}

/// Refuses what is not exactly one key. Every row that is read comes through here, so nothing is copied.
fn check(mut bytes: &[u8]) -> Result<(), Error> {
    let mut depth = 0usize;
    loop {
        let (tag, rest) = bytes.split_first().ok_or_else(malformed)?;
        bytes = rest;
        match *tag {
            NUMBER | DATE => _ = read_number(&mut bytes)?,
            STRING => read_units(&mut bytes, u32::from(u16::MAX), |_| {})?,
            BINARY => read_units(&mut bytes, u32::from(u8::MAX), |_| {})?,
            ARRAY => depth += 1,
            END if depth > 0 => depth -= 1,
            _ => return Err(malformed()),
        }
        if depth == 0 {
            return if bytes.is_empty() { Ok(()) } else { Err(malformed()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> KeyPart {
        KeyPart::String(text.encode_utf16().collect())
    }

    fn key(parts: &[KeyPart]) -> Key {
        Key::from_parts(parts.iter().cloned()).unwrap()
    }

    #[test]
    fn bytes_sort_as_the_specification_compares() {
        use KeyPart::{ArrayBegin, ArrayEnd, Binary, Date, Number};
        let ordered = [
            key(&[Number(f64::NEG_INFINITY)]),
            key(&[Number(-1.5)]),
            key(&[Number(-f64::MIN_POSITIVE)]),
            key(&[Number(0.0)]),
            key(&[Number(5e-324)]),
            key(&[Number(1.0)]),
            key(&[Number(2.0)]),
            key(&[Number(9_007_199_254_740_993.0)]),
            key(&[Number(f64::INFINITY)]),
            key(&[Date(-1.0)]),
            key(&[Date(0.0)]),
            key(&[string("")]),
            key(&[string("\0")]),
            key(&[string("\0\0")]),
            key(&[string("a")]),
            key(&[string("a\0")]),
            key(&[string("b")]),
            key(&[string("~")]),
            key(&[string("\u{7f}")]),
            key(&[string("é")]),
            key(&[string("\u{407e}")]),
            key(&[string("\u{407f}")]),
            // Units are compared, not code points: a surrogate comes before U+FFFF.
            key(&[string("\u{1F600}")]),
            key(&[string("\u{ffff}")]),
            key(&[Binary(vec![])]),
            key(&[Binary(vec![0])]),
            key(&[Binary(vec![0, 0])]),
            key(&[Binary(vec![1])]),
            key(&[Binary(vec![127])]),
            key(&[Binary(vec![255])]),
            key(&[ArrayBegin, ArrayEnd]),
            key(&[ArrayBegin, Number(1.0), ArrayEnd]),
            key(&[ArrayBegin, Number(1.0), string(""), ArrayEnd]),
            key(&[ArrayBegin, Number(2.0), ArrayEnd]),
            key(&[ArrayBegin, ArrayBegin, ArrayEnd, ArrayEnd]),
        ];
        for pair in ordered.windows(2) {
            assert!(pair[0] < pair[1], "{:?} and {:?}", pair[0].parts(), pair[1].parts());
        }
        for key in ordered {
            assert_eq!(Key::from_parts(key.parts().unwrap()).unwrap(), key);
            assert_eq!(Key::from_bytes(key.as_bytes().to_vec()).unwrap(), key);
        }
        assert_eq!(key(&[Number(-0.0)]), key(&[Number(0.0)]));
        assert_eq!(key(&[Number(7.0)]).as_number(), Some(7.0));
        assert_eq!(key(&[Date(7.0)]).as_number(), None);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        use KeyPart::{ArrayBegin, ArrayEnd, Date, Number};
        for parts in [
            vec![],
            vec![Number(f64::NAN)],
            vec![Date(f64::NAN)],
            vec![ArrayBegin],
            vec![ArrayEnd],
            vec![Number(1.0), Number(2.0)],
            vec![ArrayBegin, ArrayEnd, ArrayEnd],
        ] {
            assert!(matches!(Key::from_parts(parts.clone()), Err(Error::Data(_))), "{parts:?}");
        }
    }

    #[test]
    fn damaged_bytes_are_errors_and_never_panics() {
        let whole = key(&[
            KeyPart::ArrayBegin,
            KeyPart::Number(1.0),
            string("aé\u{ffff}"),
            KeyPart::Binary(vec![0, 200]),
            KeyPart::ArrayEnd,
        ]);
        for length in 0..whole.as_bytes().len() {
            assert!(Key::from_bytes(whole.as_bytes()[..length].to_vec()).is_err(), "{length}");
        }
        for position in 0..whole.as_bytes().len() {
            for value in 0..=255 {
                let mut bytes = whole.as_bytes().to_vec();
                bytes[position] = value;
                // What is taken is exactly what the key's parts would be written as.
                let written = Key(bytes.clone()).parts().and_then(Key::from_parts);
                let is_canonical = written.is_ok_and(|key| key.as_bytes() == bytes);
                assert_eq!(Key::from_bytes(bytes.clone()).is_ok(), is_canonical, "{bytes:?}");
            }
        }
    }

    #[test]
    fn deep_arrays_need_no_stack() {
        let begin = std::iter::repeat_n(KeyPart::ArrayBegin, 1_000_000);
        let end = std::iter::repeat_n(KeyPart::ArrayEnd, 1_000_000);
        let key = Key::from_parts(begin.chain(end)).unwrap();
        assert_eq!(key.parts().unwrap().len(), 2_000_000);
    }
}
