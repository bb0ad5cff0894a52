//! Tokens to bytes.

use crate::token::{BlobContent, Token, code};
use crate::{CloneError, HAS_BLOBS, MAGIC, VERSION};

/// Writes a clone. Whoever calls it gives tokens in an order that a [`Reader`](crate::Reader) accepts.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    bytes_max: usize,
}

/// Where the flags are.
const FLAGS_AT: usize = 2;

impl Writer {
    /// A writer for a clone of at most so many bytes.
    pub fn new(bytes_max: usize) -> Writer {
        Writer { bytes: vec![MAGIC, VERSION, 0], bytes_max }
    }

    /// Appends a token.
    pub fn write(&mut self, token: &Token<'_>) -> Result<(), CloneError> {
        match *token {
            Token::Undefined => self.byte(code::UNDEFINED),
            Token::Null => self.byte(code::NULL),
            Token::Boolean(value) => self.byte(if value { code::TRUE } else { code::FALSE }),
            Token::Int(value) => {
                self.byte(code::INT);
                // Small numbers of either sign are short.
                self.number(u64::from((value.wrapping_shl(1) ^ (value >> 31)) as u32));
            }
            Token::Double(value) => {
                self.byte(code::DOUBLE);
                self.double(value);
            }
            Token::BigInt { negative, magnitude } => {
                self.byte(if negative { code::BIG_INT_NEGATIVE } else { code::BIG_INT });
                self.counted(magnitude)?;
            }
            Token::String(text) => {
                self.byte(code::STRING);
                self.counted(text)?;
            }
            Token::Key(name) => {
                self.byte(code::STRING);
                self.counted(name)?;
            }
            Token::Hole => self.byte(code::HOLE),
            Token::Reference(number) => self.coded_number(code::REFERENCE, u64::from(number)),
            Token::Transferred(position) => self.coded_number(code::TRANSFERRED, u64::from(position)),
            Token::Object => self.byte(code::OBJECT),
            Token::Array { length } => self.coded_number(code::ARRAY, u64::from(length)),
            Token::SparseArray { length } => self.coded_number(code::SPARSE_ARRAY, u64::from(length)),
            Token::Map => self.byte(code::MAP),
            Token::Set => self.byte(code::SET),
            Token::End => self.byte(code::END),
            _ => self.larger(token)?,
        }
        if self.bytes.len() > self.bytes_max {
            return Err(self.too_large());
        }
        Ok(())
    }

    fn larger(&mut self, token: &Token<'_>) -> Result<(), CloneError> {
        match *token {
            Token::Date(time) => {
                self.byte(code::DATE);
                self.double(time);
            }
            Token::RegExp { source, flags } => {
                self.byte(code::REG_EXP);
                self.counted(source)?;
                self.counted(flags)?;
            }
            Token::ArrayBuffer { bytes, byte_length_max: None } => {
                self.byte(code::ARRAY_BUFFER);
                self.counted(bytes)?;
            }
            Token::ArrayBuffer { bytes, byte_length_max: Some(length_max) } => {
                self.coded_number(code::RESIZABLE_ARRAY_BUFFER, length_max);
                self.counted(bytes)?;
            }
            Token::View { view, byte_offset, length } => {
                self.byte(if length.is_some() { code::VIEW } else { code::TRACKING_VIEW });
                self.byte(view.code());
                self.number(byte_offset);
                if let Some(length) = length {
                    self.number(length);
                }
            }
            Token::Error { name, message, stack, has_cause } => {
                self.byte(code::ERROR);
                self.byte(name.code());
                self.byte(
                    flag(message.is_some(), code::HAS_MESSAGE)
                        | flag(stack.is_some(), code::HAS_STACK)
                        | flag(has_cause, code::HAS_CAUSE),
                );
                for text in [message, stack].into_iter().flatten() {
                    self.counted(text)?;
                }
            }
            Token::Boxed => self.byte(code::BOXED),
            Token::Platform { interface } => {
                self.byte(code::PLATFORM);
                self.counted(interface)?;
            }
            Token::Blob { file, media_type, content } => {
                self.bytes[FLAGS_AT] |= HAS_BLOBS;
                self.byte(code::BLOB);
                let is_outside = matches!(content, BlobContent::Outside { .. });
                self.byte(flag(file.is_some(), code::IS_FILE) | flag(is_outside, code::IS_OUTSIDE));
                self.counted(media_type)?;
                if let Some(file) = file {
                    self.counted(file.name)?;
                    self.double(file.last_modified);
                }
                match content {
                    BlobContent::Inside(bytes) => self.counted(bytes)?,
                    BlobContent::Outside { number, bytes } => {
                        self.number(number);
                        self.number(bytes);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn allow_more(&mut self, bytes: usize) {
        self.bytes_max = self.bytes_max.saturating_add(bytes);
    }

    /// The bytes.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    fn coded_number(&mut self, code: u8, number: u64) {
        self.byte(code);
        self.number(number);
    }

    /// Seven bits a byte, the lowest first; the high bit says that more follow.
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    fn double(&mut self, value: f64) {
        // One NaN is like another, and which one it is says nothing.
        let value = if value.is_nan() { f64::NAN } else { value };
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn counted(&mut self, bytes: &[u8]) -> Result<(), CloneError> {
        // Looked at before memory is taken for what is refused.
        if bytes.len() > self.bytes_max {
            return Err(self.too_large());
        }
        self.number(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn too_large(&self) -> CloneError {
        CloneError::TooLarge { bytes_max: self.bytes_max }
    }
}

fn flag(is_set: bool, flag: u8) -> u8 {
    if is_set { flag } else { 0 }
}
