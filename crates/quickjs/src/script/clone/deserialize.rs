//! "StructuredDeserialize": bytes as a value.

use super::native::{self, Key};
use super::{CloneTools, Tools};
use crate::script::new_buffer;
use rquickjs::{Array, Ctx, Function, Object, Result, Value};
use wakeworker_structured_clone::{BlobContent, BlobFile, CloneError, ErrorName, Reader, Token, ViewType};

/// Gives the function by which a script later reads a blob that is stored outside a clone.
pub(crate) type BlobSource<'a, 'js> = dyn Fn(u64) -> Result<Option<Function<'js>>> + 'a;

/// Builds the value of a clone; `outside` knows the blobs that are stored beside it. Nothing of a script's runs
/// meanwhile.
pub(crate) fn deserialize<'js>(
    ctx: &Ctx<'js>,
    tools: &CloneTools,
    bytes: &[u8],
    outside: &BlobSource<'_, 'js>,
) -> Result<Value<'js>> {
    let mut deserializer = Deserializer {
        tools: tools.restore(ctx)?,
        made: Vec::new(),
        frames: Vec::new(),
        outside,
        value: None,
    };
    let mut reader = match Reader::new(bytes) {
        Ok(reader) => reader,
        Err(error) => return deserializer.tools.fail(&error),
    };
    loop {
        match reader.next() {
            Ok(Some(token)) => deserializer.token(&token)?,
            Ok(None) => break,
            Err(error) => return deserializer.tools.fail(&error),
        }
    }
    Ok(deserializer.value.unwrap_or_else(|| Value::new_undefined(ctx.clone())))
}

struct Deserializer<'js, 'a> {
    tools: Tools<'js>,
    /// The numbered objects.
    made: Vec<Value<'js>>,
    frames: Vec<Frame<'js>>,
    outside: &'a BlobSource<'a, 'js>,
    value: Option<Value<'js>>,
}

/// What the next value is for.
enum Frame<'js> {
    Object { object: Object<'js>, place: Place<'js> },
    Map { map: Value<'js>, key: Option<Value<'js>> },
    Set { set: Value<'js> },
    Cause { error: Value<'js> },
    Boxed,
    View { view: ViewType, byte_offset: u64, length: Option<u64> },
    Platform { interface: Value<'js>, data: Option<Value<'js>> },
}

/// Where in an object it goes.
enum Place<'js> {
    Element { index: u32, length: u32 },
    Named(Option<Key<'js>>),
}

impl<'js> Deserializer<'js, '_> {
    fn token(&mut self, token: &Token<'_>) -> Result<()> {
        let ctx = self.tools.ctx.clone();
        match *token {
            Token::Undefined => self.deliver(Value::new_undefined(ctx)),
            Token::Null => self.deliver(Value::new_null(ctx)),
            Token::Boolean(value) => self.deliver(Value::new_bool(ctx, value)),
            Token::Int(value) => self.deliver(Value::new_int(ctx, value)),
            Token::Double(value) => self.deliver(Value::new_float(ctx, value)),
            Token::String(text) => self.deliver(native::new_string(&ctx, text)?),
            Token::BigInt { negative, magnitude } => {
                let digits: String = magnitude.iter().rev().map(|byte| format!("{byte:02x}")).collect();
                let value = self.tools.call("makeBigInt", (negative, format!("0x0{digits}")))?;
                self.deliver(value)
            }
            Token::Hole => {
                if let Some(Frame::Object { place: Place::Element { index, .. }, .. }) =
                    self.frames.last_mut()
                {
                    *index += 1;
                }
                Ok(())
            }
            Token::Reference(number) => match self.made.get(number as usize).cloned() {
                Some(value) => self.deliver(value),
                None => self.malformed("a reference is to an object that is not complete"),
            },
            Token::Transferred(_) => self.malformed("an object was transferred to somebody else"),
            Token::Object => {
                let object = Object::new(ctx)?;
                self.begin(object.clone().into_value(), Frame::Object { object, place: Place::Named(None) })
            }
            Token::Array { length } => {
                let object = Array::new(ctx)?.into_object();
                let place = Place::Element { index: 0, length };
                self.begin(object.clone().into_value(), Frame::Object { object, place })
            }
            Token::SparseArray { length } => {
                let object = Array::new(ctx)?.into_object();
                object.set("length", f64::from(length))?;
                self.begin(object.clone().into_value(), Frame::Object { object, place: Place::Named(None) })
            }
            Token::Key(name) => {
                let key = Key::new(&ctx, name)?;
                self.end_elements()?;
                if let Some(Frame::Object { place, .. }) = self.frames.last_mut() {
                    *place = Place::Named(Some(key));
                }
                Ok(())
            }
            Token::Map => {
                let map: Value<'js> = self.tools.call("makeMap", ())?;
                self.begin(map.clone(), Frame::Map { map, key: None })
            }
            Token::Set => {
                let set: Value<'js> = self.tools.call("makeSet", ())?;
                self.begin(set.clone(), Frame::Set { set })
            }
            Token::End => self.end(),
            Token::Boxed => {
                self.frames.push(Frame::Boxed);
                Ok(())
            }
            Token::View { view, byte_offset, length } => {
                self.frames.push(Frame::View { view, byte_offset, length });
                Ok(())
            }
            Token::Platform { interface } => {
                let interface = native::new_string(&ctx, interface)?;
                self.frames.push(Frame::Platform { interface, data: None });
                Ok(())
            }
            _ => self.leaf(token),
        }
    }

    /// An object that ends where it begins, but for the cause of an error.
    fn leaf(&mut self, token: &Token<'_>) -> Result<()> {
        let ctx = self.tools.ctx.clone();
        let string = |text: &[u8]| native::new_string(&ctx, text);
        match *token {
            Token::Date(time) => {
                let date = self.tools.call("makeDate", (time,))?;
                self.add(date)
            }
            Token::RegExp { source, flags } => {
                let pattern = self.tools.call("makeRegExp", (string(source)?, string(flags)?))?;
                self.add(pattern)
            }
            Token::ArrayBuffer { bytes, byte_length_max } => {
                let mut buffer = new_buffer(&ctx, bytes)?.into_value();
                if let Some(limit) = byte_length_max {
                    buffer = self.tools.call("makeResizable", (buffer, limit as f64))?;
                }
                self.add(buffer)
            }
            Token::Error { name, message, stack, has_cause } => {
                let text = |text: Option<&[u8]>| text.map(string).transpose();
                let error: Value<'js> = self.make_error(name, text(message)?, text(stack)?)?;
                if has_cause { self.begin(error.clone(), Frame::Cause { error }) } else { self.add(error) }
            }
            Token::Blob { file, media_type, content } => {
                let blob = self.make_blob(file, string(media_type)?, content)?;
                self.add(blob)
            }
            _ => self.malformed("there is a value that this program does not know"),
        }
    }

    fn make_error(
        &self,
        name: ErrorName,
        message: Option<Value<'js>>,
        stack: Option<Value<'js>>,
    ) -> Result<Value<'js>> {
        self.tools.call("makeError", (name.as_str(), message, stack))
    }

    fn make_blob(
        &self,
        file: Option<BlobFile<'_>>,
        media_type: Value<'js>,
        content: BlobContent<'_>,
    ) -> Result<Value<'js>> {
        let ctx = &self.tools.ctx;
        let record = Object::new(ctx.clone())?;
        record.set("type", media_type)?;
        if let Some(file) = file {
            record.set("name", native::new_string(ctx, file.name)?)?;
            record.set("lastModified", file.last_modified)?;
        }
        match content {
            BlobContent::Inside(bytes) => record.set("bytes", new_buffer(ctx, bytes)?)?,
            BlobContent::Outside { number, bytes } => {
                let Some(read) = (self.outside)(number)? else {
                    return self.tools.fail(&CloneError::BlobMissing { number });
                };
                record.set("size", bytes as f64)?;
                record.set("read", read)?;
            }
        }
        self.tools.call("makeBlob", (record,))
    }

    /// A complete object.
    fn add(&mut self, object: Value<'js>) -> Result<()> {
        self.made.push(object.clone());
        self.deliver(object)
    }

    /// An object whose content follows.
    fn begin(&mut self, object: Value<'js>, frame: Frame<'js>) -> Result<()> {
        self.add(object)?;
        self.frames.push(frame);
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.end_elements()?;
        if let Some(Frame::Platform { interface, data }) = self.frames.pop() {
            let object: Value<'js> = self.tools.call("makePlatform", (interface, data))?;
            return self.add(object);
        }
        Ok(())
    }

    /// An array whose last elements are missing is as long as if they were there.
    fn end_elements(&mut self) -> Result<()> {
        if let Some(Frame::Object { object, place: Place::Element { length, .. } }) = self.frames.last() {
            let made: f64 = object.get("length")?;
            if made < f64::from(*length) {
                object.set("length", f64::from(*length))?;
            }
        }
        Ok(())
    }

    /// Puts a value where it belongs.
    fn deliver(&mut self, value: Value<'js>) -> Result<()> {
        let Some(frame) = self.frames.last_mut() else {
            self.value = Some(value);
            return Ok(());
        };
        match frame {
            Frame::Object { object, place } => match place {
                Place::Element { index, .. } => {
                    let key = Key::index(&self.tools.ctx, *index)?;
                    *index += 1;
                    native::define(object, &key, &value)
                }
                Place::Named(key) => match key.take() {
                    Some(key) => native::define(object, &key, &value),
                    None => Ok(()),
                },
            },
            Frame::Map { map, key } => match key.take() {
                Some(key) => self.tools.call("mapSet", (map.clone(), key, value)),
                None => {
                    *key = Some(value);
                    Ok(())
                }
            },
            Frame::Set { set } => self.tools.call("setAdd", (set.clone(), value)),
            Frame::Platform { data, .. } => {
                *data = Some(value);
                Ok(())
            }
            Frame::Cause { .. } | Frame::Boxed | Frame::View { .. } => self.complete(value),
        }
    }

    /// The one value has come that an object waited for.
    fn complete(&mut self, value: Value<'js>) -> Result<()> {
        match self.frames.pop() {
            Some(Frame::Cause { error }) => self.tools.call("setCause", (error, value)),
            Some(Frame::Boxed) => {
                let boxed = self.tools.call("box", (value,))?;
                self.add(boxed)
            }
            Some(Frame::View { view, byte_offset, length }) => {
                let length = length.map_or(-1.0, |length| length as f64);
                let made = self.tools.call("makeView", (view.as_str(), value, byte_offset as f64, length))?;
                self.add(made)
            }
            _ => Ok(()),
        }
    }

    fn malformed(&self, problem: &'static str) -> Result<()> {
        self.tools.fail(&CloneError::Malformed { at: 0, problem })
    }
}
