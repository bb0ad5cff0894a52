//! Values that cross the boundary.

#![allow(unsafe_code)]

use rquickjs::{ArrayBuffer, Ctx, Error, FromJs, TypedArray, Value};

/// A string as it is, lone surrogates included: WTF-8.
pub(crate) struct Text(Vec<u8>);

impl Text {
    /// The text in WTF-8.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text for people and for APIs that take USVStrings: each lone surrogate becomes U+FFFD.
    pub(crate) fn into_string(self) -> String {
        match String::from_utf8(self.0) {
            Ok(text) => text,
            Err(error) => replace_surrogates(error.as_bytes()),
        }
    }
}

impl<'js> FromJs<'js> for Text {
    fn from_js(_: &Ctx<'js>, value: Value<'js>) -> Result<Text, Error> {
        let type_name = value.type_name();
        let string = value.into_string().ok_or_else(|| Error::new_from_js(type_name, "string"))?;
        let text = string.to_cstring()?;
        // SAFETY: the engine gives `len` bytes at this address and keeps them until `text` is dropped. They are read
        // as bytes because they are WTF-8, not always UTF-8.
        Ok(Text(unsafe { std::slice::from_raw_parts(text.as_ptr().cast::<u8>(), text.len()) }.to_vec()))
    }
}

/// The bytes of an ArrayBuffer, copied out of the heap at once.
pub(crate) struct Buffer(pub(crate) Vec<u8>);

impl<'js> FromJs<'js> for Buffer {
    fn from_js(_: &Ctx<'js>, value: Value<'js>) -> Result<Buffer, Error> {
        let type_name = value.type_name();
        let buffer =
            ArrayBuffer::from_value(value).ok_or_else(|| Error::new_from_js(type_name, "ArrayBuffer"))?;
        let Some(bytes) = buffer.as_raw() else {
            return Err(Error::new_from_js_message("ArrayBuffer", "bytes", "the buffer is detached"));
        };
        // SAFETY: no script runs between reading the address and the end of the copy, so the block is neither freed
        // nor resized nor written meanwhile.
        Ok(Buffer(unsafe { bytes.as_ref() }.to_vec()))
    }
}

/// The bytes of a Uint8Array, copied out of the heap at once: of its part of the buffer only.
pub(crate) struct BufferPart(pub(crate) Vec<u8>);

impl<'js> FromJs<'js> for BufferPart {
    fn from_js(_: &Ctx<'js>, value: Value<'js>) -> Result<BufferPart, Error> {
        let type_name = value.type_name();
        let part =
            TypedArray::<u8>::from_value(value).map_err(|_| Error::new_from_js(type_name, "Uint8Array"))?;
        let Some(bytes) = part.as_raw() else {
            return Err(Error::new_from_js_message("Uint8Array", "bytes", "the buffer is detached"));
        };
        // SAFETY: as above; the engine gives the address and length of the view's part.
        Ok(BufferPart(unsafe { bytes.as_ref() }.to_vec()))
    }
}

/// An ArrayBuffer with a copy of these bytes, counted against the worker's memory limit.
pub(crate) fn new_buffer<'js>(ctx: &Ctx<'js>, bytes: &[u8]) -> Result<ArrayBuffer<'js>, Error> {
    ArrayBuffer::new_copy(ctx.clone(), bytes)
}

/// A thrown value as text: `Name: message`, then the stack.
pub(crate) fn describe_exception(value: &Value<'_>) -> String {
    let Some(object) = value.as_object() else {
        return match value.clone().get::<rquickjs::Coerced<String>>() {
            Ok(text) => format!("Uncaught {}", text.0),
            Err(_) => "Uncaught value that cannot be shown".to_owned(),
        };
    };
    let property = |name: &str| object.get::<_, Text>(name).ok().map(Text::into_string);
    let name = property("name").unwrap_or_else(|| "Error".to_owned());
    let mut text = match property("message") {
        Some(message) if !message.is_empty() => format!("{name}: {message}"),
        _ => name,
    };
    if let Some(stack) = property("stack").filter(|stack| !stack.trim().is_empty()) {
        text.push('\n');
        text.push_str(stack.trim_end());
    }
    text
}

fn replace_surrogates(mut bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    while !bytes.is_empty() {
        if let [0xED, 0xA0..=0xBF, 0x80..=0xBF, rest @ ..] = bytes {
            out.push('\u{FFFD}');
            bytes = rest;
            continue;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                out.push_str(text);
                break;
            }
            Err(error) => {
                let valid = error.valid_up_to();
                out.push_str(std::str::from_utf8(&bytes[..valid]).unwrap_or_default());
                if valid == 0 {
                    out.push('\u{FFFD}');
                    bytes = &bytes[1..];
                } else {
                    bytes = &bytes[valid..];
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rquickjs::{Context, Runtime};

    #[test] // R12
    fn lone_surrogates_are_read_without_loss_of_the_rest() {
        let runtime = Runtime::new().unwrap();
        Context::full(&runtime).unwrap().with(|ctx| {
            let text: Text = ctx.eval(r"'a\ud800b\udc00\u{1F600}é\0'").unwrap();
            assert_eq!(text.into_string(), "a\u{FFFD}b\u{FFFD}\u{1F600}é\0");
            assert!(ctx.eval::<Text, _>("12").is_err());
            assert!(ctx.eval::<Buffer, _>("({})").is_err());
            assert!(ctx.eval::<Buffer, _>("let b = new ArrayBuffer(4); b.transfer(); b").is_err());
            assert_eq!(ctx.eval::<Buffer, _>("new Uint8Array([1,2,255]).buffer").unwrap().0, [1, 2, 255]);
        });
    }
}
