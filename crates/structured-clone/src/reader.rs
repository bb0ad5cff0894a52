//! Bytes to tokens, trusting nothing.

use crate::frame::Frame;
use crate::token::{BlobContent, BlobFile, ErrorName, Token, ViewType, code};
use crate::wtf8::is_wtf8;
use crate::{CloneError, DEPTH_MAX, HAS_BLOBS, MAGIC, VERSION};

/// Reads a clone token by token. What it gives is well formed as far as it was read: every object ends, every
/// reference is to an object that was there before, every view lies in its buffer, every string is WTF-8.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    frames: Vec<Frame>,
    /// For every numbered object, the length of the ArrayBuffer that it is.
    objects: Vec<Option<u64>>,
    has_blobs: bool,
}

/// Reads a clone to its end; an error says what is wrong with it.
pub fn validate(bytes: &[u8]) -> Result<(), CloneError> {
    let mut reader = Reader::new(bytes)?;
    while reader.next()?.is_some() {}
    Ok(())
}

impl<'a> Reader<'a> {
    /// A reader of these bytes, if they are a clone in a format that this program knows.
    pub fn new(bytes: &'a [u8]) -> Result<Reader<'a>, CloneError> {
        let problem = |at, problem| Err(CloneError::Malformed { at, problem });
        match bytes {
            [MAGIC, VERSION, flags, ..] => {
                if flags & !HAS_BLOBS != 0 {
                    return problem(2, "there are flags that have no meaning");
                }
                let has_blobs = flags & HAS_BLOBS != 0;
                Ok(Reader { bytes, at: 3, frames: vec![Frame::Root], objects: Vec::new(), has_blobs })
            }
            [MAGIC, found, ..] if *found > VERSION => Err(CloneError::TooNew { found: *found }),
            _ => problem(0, "there is no structured clone"),
        }
    }

    /// The next token; `None` after the last one.
    #[allow(
        clippy::should_implement_trait,
        reason = "a failure ends the reading, which an iterator cannot say"
    )]
    pub fn next(&mut self) -> Result<Option<Token<'a>>, CloneError> {
        loop {
            let Some(frame) = self.frames.last().copied() else {
                if self.at < self.bytes.len() {
                    return self.malformed("the value has ended, but bytes follow");
                }
                return Ok(None);
            };
            match frame {
                Frame::Elements(0) => self.turn(Frame::Properties),
                Frame::Elements(left) => {
                    self.turn(Frame::Elements(left - 1));
                    if self.take_if(code::HOLE) {
                        return Ok(Some(Token::Hole));
                    }
                    return self.value().map(Some);
                }
                Frame::Properties | Frame::MapKey | Frame::Set if self.take_if(code::END) => {
                    return Ok(Some(self.ended()));
                }
                Frame::Properties => {
                    self.turn(Frame::PropertyValue);
                    if !self.take_if(code::STRING) {
                        return self.malformed("a property has no name");
                    }
                    return Ok(Some(Token::Key(self.text()?)));
                }
                Frame::PropertyValue => return self.value_then(Frame::Properties).map(Some),
                Frame::MapKey => return self.value_then(Frame::MapValue).map(Some),
                Frame::MapValue => return self.value_then(Frame::MapKey).map(Some),
                Frame::Set => return self.value().map(Some),
                Frame::Cause => return self.value_then(Frame::CauseRead).map(Some),
                Frame::CauseRead => {
                    self.frames.pop();
                }
                Frame::PlatformData => return self.value_then(Frame::PlatformEnd).map(Some),
                Frame::PlatformEnd => {
                    if !self.take_if(code::END) {
                        return self.malformed("a platform object does not end");
                    }
                    self.numbered(None);
                    return Ok(Some(self.ended()));
                }
                Frame::Root => {
                    self.frames.pop();
                    return self.value().map(Some);
                }
                Frame::Primitive => {
                    self.frames.pop();
                    return self.primitive().map(Some);
                }
                Frame::Buffer { view, byte_offset, length } => {
                    self.frames.pop();
                    return self.buffer(view, byte_offset, length).map(Some);
                }
            }
        }
    }

    /// What must come next in the innermost object.
    fn turn(&mut self, frame: Frame) {
        if let Some(last) = self.frames.last_mut() {
            *last = frame;
        }
    }

    fn value_then(&mut self, frame: Frame) -> Result<Token<'a>, CloneError> {
        self.turn(frame);
        self.value()
    }

    fn ended(&mut self) -> Token<'a> {
        self.frames.pop();
        Token::End
    }

    fn value(&mut self) -> Result<Token<'a>, CloneError> {
        let code = self.byte()?;
        match code {
            code::REFERENCE => {
                let number = self.small_number()?;
                if number as usize >= self.objects.len() {
                    return self.malformed("a reference is to an object that was not there before");
                }
                Ok(Token::Reference(number))
            }
            code::TRANSFERRED => Ok(Token::Transferred(self.small_number()?)),
            code::OBJECT => self.open(Token::Object, Frame::Properties),
            code::ARRAY => {
                let length = self.small_number()?;
                // Each element needs a byte, so a short text cannot ask for much memory.
                if length as usize > self.bytes.len() - self.at {
                    return self.malformed("an array is longer than what is left");
                }
                self.open(Token::Array { length }, Frame::Elements(length))
            }
            code::SPARSE_ARRAY => {
                let length = self.small_number()?;
                self.open(Token::SparseArray { length }, Frame::Properties)
            }
            code::MAP => self.open(Token::Map, Frame::MapKey),
            code::SET => self.open(Token::Set, Frame::Set),
            code::UNDEFINED..=code::STRING => {
                self.at -= 1;
                self.primitive()
            }
            _ => self.leaf(code),
        }
    }

    /// An object that has no values in it, or one.
    fn leaf(&mut self, code: u8) -> Result<Token<'a>, CloneError> {
        match code {
            code::DATE => {
                self.numbered(None);
                Ok(Token::Date(self.double()?))
            }
            code::REG_EXP => {
                self.numbered(None);
                Ok(Token::RegExp { source: self.text()?, flags: self.text()? })
            }
            code::ARRAY_BUFFER | code::RESIZABLE_ARRAY_BUFFER => self.array_buffer(code),
            code::VIEW | code::TRACKING_VIEW => {
                let Some(view) = ViewType::from_code(self.byte()?) else {
                    return self.malformed("a view has a class that does not exist");
                };
                let byte_offset = self.number()?;
                let length = if code == code::VIEW { Some(self.number()?) } else { None };
                self.frames.push(Frame::Buffer { view, byte_offset, length });
                Ok(Token::View { view, byte_offset, length })
            }
            code::ERROR => self.error(),
            code::BOXED => {
                self.numbered(None);
                self.frames.push(Frame::Primitive);
                Ok(Token::Boxed)
            }
            code::PLATFORM => {
                let interface = self.text()?;
                self.deepen(Frame::PlatformData)?;
                Ok(Token::Platform { interface })
            }
            code::BLOB => self.blob(),
            _ => {
                self.at -= 1;
                self.malformed("there is no value")
            }
        }
    }

    fn primitive(&mut self) -> Result<Token<'a>, CloneError> {
        Ok(match self.byte()? {
            code::UNDEFINED => Token::Undefined,
            code::NULL => Token::Null,
            code::FALSE => Token::Boolean(false),
            code::TRUE => Token::Boolean(true),
            code::INT => {
                let folded = self.small_number()?;
                Token::Int((folded >> 1) as i32 ^ -((folded & 1) as i32))
            }
            code::DOUBLE => Token::Double(self.double()?),
            code::BIG_INT => self.big_int(false)?,
            code::BIG_INT_NEGATIVE => self.big_int(true)?,
            code::STRING => Token::String(self.text()?),
            _ => {
                self.at -= 1;
                return self.malformed("there is no primitive value");
            }
        })
    }

    fn big_int(&mut self, negative: bool) -> Result<Token<'a>, CloneError> {
        let magnitude = self.counted()?;
        if magnitude.last() == Some(&0) || (negative && magnitude.is_empty()) {
            return self.malformed("a bigint has zeros that it does not need");
        }
        Ok(Token::BigInt { negative, magnitude })
    }

    fn array_buffer(&mut self, code: u8) -> Result<Token<'a>, CloneError> {
        let byte_length_max = if code == code::RESIZABLE_ARRAY_BUFFER { Some(self.number()?) } else { None };
        let bytes = self.counted()?;
        if byte_length_max.is_some_and(|length_max| length_max < bytes.len() as u64) {
            return self.malformed("an ArrayBuffer is larger than its own limit");
        }
        self.numbered(Some(bytes.len() as u64));
        Ok(Token::ArrayBuffer { bytes, byte_length_max })
    }

    /// The buffer of a view, in which the view must lie.
    fn buffer(
        &mut self,
        view: ViewType,
        byte_offset: u64,
        length: Option<u64>,
    ) -> Result<Token<'a>, CloneError> {
        let code = self.byte()?;
        let (token, byte_length) = match code {
            code::ARRAY_BUFFER | code::RESIZABLE_ARRAY_BUFFER => {
                let token = self.array_buffer(code)?;
                let byte_length = self.objects.last().copied().flatten();
                (token, byte_length)
            }
            code::REFERENCE => {
                let number = self.small_number()?;
                (Token::Reference(number), self.objects.get(number as usize).copied().flatten())
            }
            _ => (Token::Undefined, None),
        };
        let Some(byte_length) = byte_length else {
            return self.malformed("a view has no ArrayBuffer");
        };
        let element = view.element_bytes();
        let end = length.unwrap_or(0).checked_mul(element).and_then(|bytes| bytes.checked_add(byte_offset));
        if !byte_offset.is_multiple_of(element) || end.is_none_or(|end| end > byte_length) {
            return self.malformed("a view does not lie in its ArrayBuffer");
        }
        self.numbered(None);
        Ok(token)
    }

    fn error(&mut self) -> Result<Token<'a>, CloneError> {
        let Some(name) = ErrorName::from_code(self.byte()?) else {
            return self.malformed("an error has a class that does not exist");
        };
        let flags = self.byte()?;
        if flags & !(code::HAS_MESSAGE | code::HAS_STACK | code::HAS_CAUSE) != 0 {
            return self.malformed("an error has flags that have no meaning");
        }
        let message = if flags & code::HAS_MESSAGE != 0 { Some(self.text()?) } else { None };
        let stack = if flags & code::HAS_STACK != 0 { Some(self.text()?) } else { None };
        let has_cause = flags & code::HAS_CAUSE != 0;
        self.numbered(None);
        if has_cause {
            self.deepen(Frame::Cause)?;
        }
        Ok(Token::Error { name, message, stack, has_cause })
    }

    fn blob(&mut self) -> Result<Token<'a>, CloneError> {
        if !self.has_blobs {
            return self.malformed("there is a blob, but the first bytes say that there is none");
        }
        let flags = self.byte()?;
        if flags & !(code::IS_FILE | code::IS_OUTSIDE) != 0 {
            return self.malformed("a blob has flags that have no meaning");
        }
        let media_type = self.text()?;
        let file = if flags & code::IS_FILE != 0 {
            Some(BlobFile { name: self.text()?, last_modified: self.double()? })
        } else {
            None
        };
        let content = if flags & code::IS_OUTSIDE != 0 {
            BlobContent::Outside { number: self.number()?, bytes: self.number()? }
        } else {
            BlobContent::Inside(self.counted()?)
        };
        self.numbered(None);
        Ok(Token::Blob { file, media_type, content })
    }

    fn open(&mut self, token: Token<'a>, frame: Frame) -> Result<Token<'a>, CloneError> {
        self.numbered(None);
        self.deepen(frame)?;
        Ok(token)
    }

    fn deepen(&mut self, frame: Frame) -> Result<(), CloneError> {
        if self.frames.len() >= DEPTH_MAX {
            return Err(CloneError::TooDeep);
        }
        self.frames.push(frame);
        Ok(())
    }

    fn numbered(&mut self, byte_length: Option<u64>) {
        self.objects.push(byte_length);
    }

    fn take_if(&mut self, code: u8) -> bool {
        let is_next = self.bytes.get(self.at) == Some(&code);
        self.at += usize::from(is_next);
        is_next
    }

    fn byte(&mut self) -> Result<u8, CloneError> {
        let Some(byte) = self.bytes.get(self.at) else {
            return self.malformed("it ends too early");
        };
        self.at += 1;
        Ok(*byte)
    }

    fn number(&mut self) -> Result<u64, CloneError> {
        let mut number: u64 = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
                return self.malformed("a number is too large or longer than it needs to be");
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        self.malformed("a number is too large or longer than it needs to be")
    }

    fn small_number(&mut self) -> Result<u32, CloneError> {
        match u32::try_from(self.number()?) {
            Ok(number) => Ok(number),
            Err(_) => self.malformed("a number has more than 32 bits"),
        }
    }

    fn double(&mut self) -> Result<f64, CloneError> {
        match self.bytes[self.at..].first_chunk() {
            Some(bytes) => {
                self.at += bytes.len();
                Ok(f64::from_le_bytes(*bytes))
            }
            None => self.malformed("it ends too early"),
        }
    }

    fn counted(&mut self) -> Result<&'a [u8], CloneError> {
        let length = self.number()?;
        let rest = &self.bytes[self.at..];
        match usize::try_from(length).ok().and_then(|length| rest.get(..length)) {
            Some(bytes) => {
                self.at += bytes.len();
                Ok(bytes)
            }
            None => self.malformed("it ends too early"),
        }
    }

    fn text(&mut self) -> Result<&'a [u8], CloneError> {
        let text = self.counted()?;
        if !is_wtf8(text) {
            return self.malformed("a string is not WTF-8");
        }
        Ok(text)
    }

    fn malformed<T>(&self, problem: &'static str) -> Result<T, CloneError> {
        Err(CloneError::Malformed { at: self.at, problem })
    }
}
