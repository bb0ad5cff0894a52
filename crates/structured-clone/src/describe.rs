//! A clone as text for people.

use crate::{BlobContent, CloneError, Reader, Token};
use std::fmt::Write;

/// A clone as text close to JavaScript, cut off after about so many bytes. What cannot be read is said in the text.
pub fn describe(bytes: &[u8], bytes_max: usize) -> String {
    let mut out = String::new();
    let mut describer = Describer { out: &mut out, open: Vec::new(), continues: false };
    let failure = describer.all(bytes, bytes_max).err();
    match failure {
        Some(error) => out.push_str(&format!(" <{error}>")),
        None if out.len() > bytes_max => {
            let mut end = bytes_max;
            while !out.is_char_boundary(end) {
                end -= 1;
            }
            out.truncate(end);
            out.push('…');
        }
        None => {}
    }
    out
}

struct Describer<'o> {
    out: &'o mut String,
    open: Vec<Open>,
    /// The next token belongs to the last one: a value to its name, a buffer to its view.
    continues: bool,
}

/// An object that has not ended.
struct Open {
    closing: &'static str,
    is_map: bool,
    parts: usize,
}

impl Describer<'_> {
    fn all(&mut self, bytes: &[u8], bytes_max: usize) -> Result<(), CloneError> {
        let mut reader = Reader::new(bytes)?;
        while let Some(token) = reader.next()? {
            self.token(&token);
            if self.out.len() > bytes_max {
                return Ok(());
            }
        }
        Ok(())
    }

    fn token(&mut self, token: &Token<'_>) {
        if let Token::End = token {
            if let Some(open) = self.open.pop() {
                self.out.push_str(open.closing);
            }
            return;
        }
        self.separate(token);
        // Writing to a string cannot fail.
        let _ = match token {
            Token::Undefined => self.out.write_str("undefined"),
            Token::Null => self.out.write_str("null"),
            Token::Boolean(value) => write!(self.out, "{value}"),
            Token::Int(value) => write!(self.out, "{value}"),
            Token::Double(value) if value.is_nan() => self.out.write_str("NaN"),
            Token::Double(value) if value.is_infinite() => {
                self.out.write_str(if *value > 0.0 { "Infinity" } else { "-Infinity" })
            }
            Token::Double(value) => write!(self.out, "{value}"),
            Token::BigInt { negative, magnitude } => {
                let sign = if *negative { "-" } else { "" };
                let digits: String = magnitude.iter().rev().map(|byte| format!("{byte:02x}")).collect();
                write!(self.out, "{sign}0x{}n", if digits.is_empty() { "0" } else { &digits })
            }
            Token::String(text) => write!(self.out, "{:?}", String::from_utf8_lossy(text)),
            Token::Key(name) => write!(self.out, "{:?}: ", String::from_utf8_lossy(name)),
            Token::Hole => Ok(()),
            Token::Reference(number) => write!(self.out, "<object {number}>"),
            Token::Transferred(position) => write!(self.out, "<transferred {position}>"),
            Token::Object => self.open("{", "}", false),
            Token::Array { .. } => self.open("[", "]", false),
            Token::SparseArray { length } => {
                let _ = write!(self.out, "Array({length}) ");
                self.open("{", "}", false)
            }
            Token::Map => self.open("Map {", "}", true),
            Token::Set => self.open("Set {", "}", false),
            Token::End => Ok(()),
            Token::Date(time) => write!(self.out, "Date({time})"),
            Token::RegExp { source, flags } => {
                write!(self.out, "/{}/{}", String::from_utf8_lossy(source), String::from_utf8_lossy(flags))
            }
            Token::ArrayBuffer { bytes, .. } => write!(self.out, "ArrayBuffer({} bytes)", bytes.len()),
            Token::View { view, byte_offset, length } => {
                let length = length.map_or("all".to_owned(), |length| length.to_string());
                write!(self.out, "{}({byte_offset}, {length}) of ", view.as_str())
            }
            Token::Error { name, message, has_cause, .. } => {
                let message = String::from_utf8_lossy(message.unwrap_or_default());
                let cause = if *has_cause { " caused by " } else { "" };
                write!(self.out, "{}({message:?}){cause}", name.as_str())
            }
            Token::Boxed => self.out.write_str("boxed "),
            Token::Platform { interface } => {
                let _ = self.out.write_str(&String::from_utf8_lossy(interface));
                self.open("(", ")", false)
            }
            Token::Blob { file, media_type, content } => {
                let bytes = match content {
                    BlobContent::Inside(bytes) => bytes.len() as u64,
                    BlobContent::Outside { bytes, .. } => *bytes,
                };
                let name = file.map(|file| format!("{:?}, ", String::from_utf8_lossy(file.name)));
                let class = if file.is_some() { "File" } else { "Blob" };
                let media_type = String::from_utf8_lossy(media_type);
                write!(self.out, "{class}({}{media_type:?}, {bytes} bytes)", name.unwrap_or_default())
            }
        };
    }

    fn open(&mut self, text: &str, closing: &'static str, is_map: bool) -> std::fmt::Result {
        self.out.push_str(text);
        self.open.push(Open { closing, is_map, parts: 0 });
        Ok(())
    }

    /// What stands between two parts of an object.
    fn separate(&mut self, token: &Token<'_>) {
        let continues = std::mem::replace(
            &mut self.continues,
            matches!(
                token,
                Token::Key(_) | Token::View { .. } | Token::Boxed | Token::Error { has_cause: true, .. }
            ),
        );
        let Some(open) = self.open.last_mut().filter(|_| !continues) else { return };
        if open.is_map && open.parts % 2 == 1 {
            self.out.push_str(" => ");
        } else if open.parts > 0 {
            self.out.push_str(", ");
        }
        open.parts += 1;
    }
}
