//! "StructuredSerializeInternal": a value as bytes.

use super::native::{self, Class, Key};
use super::{CloneTools, Tools};
use rquickjs::{Array, ArrayBuffer, Ctx, Object, Result, String as JsString, Type, Value};
use std::collections::HashMap;
use std::vec::IntoIter;
use wakeworker_structured_clone::{
    BlobContent, BlobFile, CloneError, DEPTH_MAX, ErrorName, Token, ViewType, Writer,
};

/// Serialises a value. The exception is a DataCloneError, or what a getter threw.
pub(crate) fn serialize<'js>(
    ctx: &Ctx<'js>,
    tools: &CloneTools,
    value: Value<'js>,
    bytes_max: usize,
) -> Result<Vec<u8>> {
    let mut serializer = Serializer {
        tools: tools.restore(ctx)?,
        writer: Writer::new(bytes_max),
        seen: HashMap::new(),
        frames: Vec::new(),
    };
    if let Some(frame) = serializer.value(value)? {
        serializer.open(frame)?;
    }
    while let Some(frame) = serializer.frames.pop() {
        if let Some((frame, inner)) = serializer.go_on(frame)? {
            serializer.frames.push(frame);
            serializer.open(inner)?;
        }
    }
    Ok(serializer.writer.finish())
}

struct Serializer<'js> {
    tools: Tools<'js>,
    writer: Writer,
    /// The numbers of objects. It also keeps those alive that only a getter gave.
    seen: HashMap<Value<'js>, u32>,
    frames: Vec<Frame<'js>>,
}

/// An object that has not ended, and what is left of it.
enum Frame<'js> {
    Elements {
        array: Object<'js>,
        next: u32,
        length: u32,
        others: Vec<Key<'js>>,
    },
    Properties {
        object: Object<'js>,
        keys: IntoIter<Key<'js>>,
    },
    /// The content of a Map or Set, copied before anything of it is serialised.
    Items {
        items: Array<'js>,
        next: usize,
    },
    Platform {
        object: Value<'js>,
        data: Option<Value<'js>>,
    },
    Cause {
        cause: Option<Value<'js>>,
    },
}

impl<'js> Serializer<'js> {
    fn open(&mut self, frame: Frame<'js>) -> Result<()> {
        if self.frames.len() >= DEPTH_MAX {
            return self.tools.fail(&CloneError::TooDeep);
        }
        self.frames.push(frame);
        Ok(())
    }

    /// Writes what is left of an object until there is another object in it, or to its end.
    fn go_on(&mut self, frame: Frame<'js>) -> Result<Option<(Frame<'js>, Frame<'js>)>> {
        match frame {
            Frame::Elements { array, mut next, length, others } => {
                while next < length {
                    let key = Key::index(&self.tools.ctx, next)?;
                    next += 1;
                    if !native::has_own(&array, &key)? {
                        self.write(&Token::Hole)?;
                    } else if let Some(inner) = self.value(native::get(&array, &key)?)? {
                        return Ok(Some((Frame::Elements { array, next, length, others }, inner)));
                    }
                }
                self.go_on(Frame::Properties { object: array, keys: others.into_iter() })
            }
            Frame::Properties { object, mut keys } => {
                while let Some(key) = keys.next() {
                    // A getter may have removed a later property.
                    if !native::has_own(&object, &key)? {
                        continue;
                    }
                    let written = key.with_text(|name| self.writer.write(&Token::Key(name)))?;
                    self.written(written)?;
                    if let Some(inner) = self.value(native::get(&object, &key)?)? {
                        return Ok(Some((Frame::Properties { object, keys }, inner)));
                    }
                }
                self.write(&Token::End)?;
                Ok(None)
            }
            Frame::Items { items, mut next } => {
                while next < items.len() {
                    next += 1;
                    if let Some(inner) = self.value(items.get(next - 1)?)? {
                        return Ok(Some((Frame::Items { items, next }, inner)));
                    }
                }
                self.write(&Token::End)?;
                Ok(None)
            }
            Frame::Platform { object, mut data } => {
                if let Some(data) = data.take()
                    && let Some(inner) = self.value(data)?
                {
                    return Ok(Some((Frame::Platform { object, data: None }, inner)));
                }
                self.write(&Token::End)?;
                self.number(object);
                Ok(None)
            }
            Frame::Cause { mut cause } => match cause.take() {
                Some(cause) => Ok(self.value(cause)?.map(|inner| (Frame::Cause { cause: None }, inner))),
                None => Ok(None),
            },
        }
    }

    /// Writes a primitive whole, and of an object the beginning.
    fn value(&mut self, value: Value<'js>) -> Result<Option<Frame<'js>>> {
        match value.type_of() {
            Type::Undefined | Type::Uninitialized => self.write(&Token::Undefined)?,
            Type::Null => self.write(&Token::Null)?,
            Type::Bool => self.write(&Token::Boolean(value.as_bool().unwrap_or(false)))?,
            Type::Int => self.write(&Token::Int(value.as_int().unwrap_or(0)))?,
            Type::Float => {
                let number = value.as_float().unwrap_or(f64::NAN);
                let int = number as i32;
                // An integer is written alike, however the engine holds it.
                let is_int = f64::from(int).to_bits() == number.to_bits();
                self.write(&if is_int { Token::Int(int) } else { Token::Double(number) })?;
            }
            Type::BigInt => self.big_int(value)?,
            Type::String => match value.into_string() {
                Some(text) => self.text(text, |text| Token::String(text))?,
                None => self.write(&Token::Undefined)?,
            },
            _ if value.is_object() => return self.object(value),
            _ => return self.tools.refuse(value),
        }
        Ok(None)
    }

    fn object(&mut self, value: Value<'js>) -> Result<Option<Frame<'js>>> {
        if let Some(number) = self.seen.get(&value) {
            let token = Token::Reference(*number);
            self.write(&token)?;
            return Ok(None);
        }
        let class = self.tools.classes.of(&value);
        let Some(object) = value.clone().into_object().filter(|_| class != Class::Other) else {
            return self.tools.refuse(value);
        };
        match class {
            Class::Object if self.is_plain(&object) => return self.plain(value, object).map(Some),
            Class::Object | Class::DomException => return self.platform(value, object),
            Class::Array => return self.array(value, object).map(Some),
            Class::Map | Class::Set => {
                let is_map = class == Class::Map;
                let items =
                    self.tools.call(if is_map { "mapItems" } else { "setItems" }, (value.clone(),))?;
                self.number(value);
                self.write(if is_map { &Token::Map } else { &Token::Set })?;
                return Ok(Some(Frame::Items { items, next: 0 }));
            }
            Class::Error => return self.error(value),
            Class::Date => {
                let time: f64 = self.tools.call("dateTime", (value.clone(),))?;
                self.number(value);
                self.write(&Token::Date(time))?;
            }
            Class::RegExp => {
                let parts: Array<'js> = self.tools.call("regExpParts", (value.clone(),))?;
                let (source, flags): (JsString<'_>, JsString<'_>) = (parts.get(0)?, parts.get(1)?);
                let text = |text| native::with_text(text, <[u8]>::to_vec);
                let (source, flags) = (text(source)?, text(flags)?);
                self.number(value);
                self.write(&Token::RegExp { source: &source, flags: &flags })?;
            }
            Class::ArrayBuffer => self.array_buffer(value)?,
            Class::View(view) => self.view(value, view)?,
            Class::Boxed => {
                let primitive: Value<'js> = self.tools.call("unbox", (value.clone(),))?;
                self.number(value);
                self.write(&Token::Boxed)?;
                self.value(primitive)?;
            }
            Class::Other => {}
        }
        Ok(None)
    }

    /// Whether an object is what a literal makes, so that no script or interface has to be asked about it.
    fn is_plain(&self, object: &Object<'js>) -> bool {
        object.get_prototype().is_none_or(|prototype| prototype == self.tools.object_prototype)
    }

    fn plain(&mut self, value: Value<'js>, object: Object<'js>) -> Result<Frame<'js>> {
        self.number(value);
        self.write(&Token::Object)?;
        let keys = native::own_keys(&object)?.into_iter();
        Ok(Frame::Properties { object, keys })
    }

    fn array(&mut self, value: Value<'js>, array: Object<'js>) -> Result<Frame<'js>> {
        self.number(value);
        let length: f64 = array.get("length")?;
        let length = length as u32;
        let mut keys = native::own_keys(&array)?;
        // Indices come first and in order.
        let last = Key::index(&self.tools.ctx, length.saturating_sub(1))?;
        let is_dense = length == 0 || keys.get(length as usize - 1).is_some_and(|key| key.is_same(&last));
        if !is_dense {
            self.write(&Token::SparseArray { length })?;
            return Ok(Frame::Properties { object: array, keys: keys.into_iter() });
        }
        let others = keys.split_off(length as usize);
        self.write(&Token::Array { length })?;
        Ok(Frame::Elements { array, next: 0, length, others })
    }

    fn error(&mut self, value: Value<'js>) -> Result<Option<Frame<'js>>> {
        let parts: Array<'js> = self.tools.call("errorParts", (value.clone(),))?;
        let name = native::with_text(parts.get(0)?, |name| {
            std::str::from_utf8(name).ok().and_then(ErrorName::from_name).unwrap_or(ErrorName::Error)
        })?;
        let text = |position: usize| {
            let text: Option<JsString<'js>> = parts.get(position)?;
            text.map(|text| native::with_text(text, <[u8]>::to_vec)).transpose()
        };
        let (message, stack): (Option<Vec<u8>>, Option<Vec<u8>>) = (text(1)?, text(2)?);
        let has_cause: bool = parts.get(3)?;
        self.number(value);
        self.write(&Token::Error { name, message: message.as_deref(), stack: stack.as_deref(), has_cause })?;
        Ok(if has_cause { Some(Frame::Cause { cause: Some(parts.get(4)?) }) } else { None })
    }

    fn array_buffer(&mut self, value: Value<'js>) -> Result<()> {
        let limit: f64 = self.tools.call("bufferLimit", (value.clone(),))?;
        let byte_length_max = if limit < 0.0 { None } else { Some(limit as u64) };
        let Some(buffer) = ArrayBuffer::from_value(value.clone()) else { return self.tools.refuse(value) };
        let writer = &mut self.writer;
        let written =
            native::with_bytes(&buffer, |bytes| writer.write(&Token::ArrayBuffer { bytes, byte_length_max }));
        match written {
            Some(written) => {
                self.number(value);
                self.written(written)
            }
            // It is detached.
            None => self.tools.refuse(value),
        }
    }

    fn view(&mut self, value: Value<'js>, view: ViewType) -> Result<()> {
        let facts: Array<'js> = self.tools.call("viewFacts", (value.clone(),))?;
        let buffer: Value<'js> = facts.get(0)?;
        let byte_offset: f64 = facts.get(1)?;
        let length: f64 = facts.get(2)?;
        let length = if length < 0.0 { None } else { Some(length as u64) };
        if self.tools.classes.of(&buffer) != Class::ArrayBuffer {
            return self.tools.refuse(value);
        }
        self.write(&Token::View { view, byte_offset: byte_offset as u64, length })?;
        match self.seen.get(&buffer).copied() {
            Some(number) => self.write(&Token::Reference(number))?,
            None => self.array_buffer(buffer)?,
        }
        self.number(value);
        Ok(())
    }

    /// An object of a script's class, or of a web interface, of which the JavaScript layer says how it is cloned.
    fn platform(&mut self, value: Value<'js>, object: Object<'js>) -> Result<Option<Frame<'js>>> {
        let Some(record) = self.tools.call::<_, Option<Object<'js>>>("platform", (value.clone(),))? else {
            return self.plain(value, object).map(Some);
        };
        let interface: JsString<'js> = record.get("interface")?;
        let data: Value<'js> = record.get("data")?;
        let interface = native::with_text(interface, <[u8]>::to_vec)?;
        if interface == b"Blob" || interface == b"File" {
            self.blob(value, &data)?;
            return Ok(None);
        }
        self.write(&Token::Platform { interface: &interface })?;
        Ok(Some(Frame::Platform { object: value, data: Some(data) }))
    }

    fn blob(&mut self, value: Value<'js>, data: &Value<'js>) -> Result<()> {
        let Some(data) = data.as_object() else { return self.tools.refuse(value) };
        let media_type = native::with_text(data.get("type")?, <[u8]>::to_vec)?;
        let name: Option<JsString<'js>> = data.get("name")?;
        let name = name.map(|name| native::with_text(name, <[u8]>::to_vec)).transpose()?;
        let file = match &name {
            Some(name) => Some(BlobFile { name, last_modified: data.get("lastModified")? }),
            None => None,
        };
        let bytes: Value<'js> = data.get("bytes")?;
        let offset: usize = data.get("offset")?;
        let size: usize = data.get("size")?;
        let Some(buffer) = ArrayBuffer::from_value(bytes) else { return self.tools.refuse(value) };
        let writer = &mut self.writer;
        let written = native::with_bytes(&buffer, |bytes| {
            let bytes = offset.checked_add(size).and_then(|end| bytes.get(offset..end)).unwrap_or_default();
            writer.write(&Token::Blob { file, media_type: &media_type, content: BlobContent::Inside(bytes) })
        });
        self.number(value);
        self.written(written.unwrap_or(Ok(())))
    }

    fn big_int(&mut self, value: Value<'js>) -> Result<()> {
        let hex = self.tools.call::<_, JsString<'js>>("bigIntHex", (value,))?.to_string()?;
        let digits = hex.strip_prefix('-').unwrap_or(&hex).as_bytes();
        let digit = |digit: &u8| char::from(*digit).to_digit(16).unwrap_or(0) as u8;
        let mut magnitude: Vec<u8> =
            digits.rchunks(2).map(|pair| pair.iter().fold(0, |byte, next| byte << 4 | digit(next))).collect();
        if magnitude == [0] {
            magnitude.clear();
        }
        self.write(&Token::BigInt { negative: hex.starts_with('-'), magnitude: &magnitude })
    }

    fn text(&mut self, text: JsString<'js>, token: impl FnOnce(&[u8]) -> Token<'_>) -> Result<()> {
        let writer = &mut self.writer;
        let written = native::with_text(text, |text| writer.write(&token(text)))?;
        self.written(written)
    }

    fn write(&mut self, token: &Token<'_>) -> Result<()> {
        let written = self.writer.write(token);
        self.written(written)
    }

    fn written(&self, written: std::result::Result<(), CloneError>) -> Result<()> {
        match written {
            Ok(()) => Ok(()),
            Err(error) => self.tools.fail(&error),
        }
    }

    fn number(&mut self, object: Value<'js>) {
        let number = self.seen.len() as u32;
        self.seen.insert(object, number);
    }
}
