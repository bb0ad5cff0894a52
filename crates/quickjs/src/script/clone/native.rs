//! What the engine's interface offers only as raw functions.

#![allow(unsafe_code)]

use rquickjs::{Array, ArrayBuffer, Ctx, Error, Object, Result, String as JsString, Value, qjs};
use wakeworker_structured_clone::ViewType;

/// The class of an object, as far as a clone tells classes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// An ordinary object, of a script's class or of a web interface.
    Object,
    Array,
    /// An error, which may be one of a web interface.
    Error,
    DomException,
    /// A boxed primitive.
    Boxed,
    Date,
    RegExp,
    ArrayBuffer,
    View(ViewType),
    Map,
    Set,
    /// Everything else, which cannot be cloned.
    Other,
}

/// The engine's numbers of classes.
pub(super) struct Classes(Vec<(qjs::JSClassID, Class)>);

impl Classes {
    /// Learns the numbers from one object of each class, in the order of `js/src/clone-tools.ts`.
    pub(super) fn learn(samples: &Array<'_>) -> Result<Classes> {
        let mut order = vec![
            Class::Object,
            // Two kinds of `arguments`, which are cloned as what they look like.
            Class::Object,
            Class::Object,
            Class::Array,
            Class::Error,
            Class::DomException,
            Class::Boxed,
            Class::Boxed,
            Class::Boxed,
            Class::Boxed,
            Class::Date,
            Class::RegExp,
            Class::ArrayBuffer,
            Class::Map,
            Class::Set,
        ];
        order.extend(ViewType::ALL.iter().map(|view| Class::View(*view)));
        let mut known = Vec::with_capacity(order.len());
        for (position, class) in order.into_iter().enumerate() {
            known.push((class_id(&samples.get(position)?), class));
        }
        Ok(Classes(known))
    }

    pub(super) fn of(&self, value: &Value<'_>) -> Class {
        let id = class_id(value);
        self.0.iter().find(|(known, _)| *known == id).map_or(Class::Other, |(_, class)| *class)
    }
}

fn class_id(value: &Value<'_>) -> qjs::JSClassID {
    // SAFETY: the value is alive for the call, which only reads its class.
    unsafe { qjs::JS_GetClassID(value.as_raw()) }
}

/// A property key.
pub(super) struct Key<'js> {
    ctx: Ctx<'js>,
    atom: qjs::JSAtom,
}

impl Drop for Key<'_> {
    fn drop(&mut self) {
        // SAFETY: the key owns one reference to the atom.
        unsafe { qjs::JS_FreeAtom(self.ctx.as_raw().as_ptr(), self.atom) }
    }
}

impl<'js> Key<'js> {
    /// The key of bytes in WTF-8.
    pub(super) fn new(ctx: &Ctx<'js>, text: &[u8]) -> Result<Key<'js>> {
        let raw_ctx = ctx.as_raw().as_ptr();
        // SAFETY: the context is alive, the engine copies the text, and the atom that it gives is owned by nobody else.
        let atom = unsafe {
            match std::str::from_utf8(text) {
                Ok(_) => qjs::JS_NewAtomLen(raw_ctx, text.as_ptr().cast(), text.len() as _),
                Err(_) => qjs::JS_ValueToAtom(raw_ctx, new_string(ctx, text)?.as_raw()),
            }
        };
        if atom == qjs::JS_ATOM_NULL { Err(Error::Exception) } else { Ok(Key { ctx: ctx.clone(), atom }) }
    }

    /// The key of an array's element.
    pub(super) fn index(ctx: &Ctx<'js>, index: u32) -> Result<Key<'js>> {
        // SAFETY: the context is alive, and the atom is owned by nobody else.
        let atom = unsafe { qjs::JS_NewAtomUInt32(ctx.as_raw().as_ptr(), index) };
        if atom == qjs::JS_ATOM_NULL { Err(Error::Exception) } else { Ok(Key { ctx: ctx.clone(), atom }) }
    }

    pub(super) fn is_same(&self, other: &Key<'js>) -> bool {
        self.atom == other.atom
    }

    /// Gives the key in WTF-8 to a function.
    pub(super) fn with_text<T>(&self, take: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let raw_ctx = self.ctx.as_raw().as_ptr();
        let mut length = 0;
        // SAFETY: context and atom are alive; the engine gives `length` bytes, which are freed after they were read.
        unsafe {
            let text = qjs::JS_AtomToCStringLen(raw_ctx, &raw mut length, self.atom);
            if text.is_null() {
                return Err(Error::Exception);
            }
            let taken = take(std::slice::from_raw_parts(text.cast::<u8>(), length as usize));
            qjs::JS_FreeCString(raw_ctx, text);
            Ok(taken)
        }
    }
}

/// The keys of the own enumerable properties that are no symbols. Only for objects that run no script when asked.
pub(super) fn own_keys<'js>(object: &Object<'js>) -> Result<Vec<Key<'js>>> {
    let ctx = object.ctx();
    let raw_ctx = ctx.as_raw().as_ptr();
    let mut table = std::ptr::null_mut();
    let mut length = 0;
    let flags = (qjs::JS_GPN_STRING_MASK | qjs::JS_GPN_ENUM_ONLY) as std::ffi::c_int;
    // SAFETY: context and object are alive. The engine gives a table of `length` entries, each with an atom that is
    // ours from then on; the table itself is freed after they were taken.
    unsafe {
        let failed =
            qjs::JS_GetOwnPropertyNames(raw_ctx, &raw mut table, &raw mut length, object.as_raw(), flags);
        if failed < 0 {
            return Err(Error::Exception);
        }
        let mut keys = Vec::with_capacity(length as usize);
        for position in 0..length as usize {
            keys.push(Key { ctx: ctx.clone(), atom: (*table.add(position)).atom });
        }
        qjs::js_free(raw_ctx, table.cast());
        Ok(keys)
    }
}

/// "HasOwnProperty". Only for objects that run no script when they are asked.
pub(super) fn has_own<'js>(object: &Object<'js>, key: &Key<'js>) -> Result<bool> {
    // SAFETY: context, object and atom are alive for the call; without a descriptor nothing is written.
    let found = unsafe {
        let raw_ctx = object.ctx().as_raw().as_ptr();
        qjs::JS_GetOwnProperty(raw_ctx, std::ptr::null_mut(), object.as_raw(), key.atom)
    };
    if found < 0 { Err(Error::Exception) } else { Ok(found > 0) }
}

/// "Get", which runs getters.
pub(super) fn get<'js>(object: &Object<'js>, key: &Key<'js>) -> Result<Value<'js>> {
    let ctx = object.ctx();
    // SAFETY: context, object and atom are alive for the call, and the value that it gives is owned by nobody else.
    unsafe {
        let raw = qjs::JS_GetProperty(ctx.as_raw().as_ptr(), object.as_raw(), key.atom);
        if qjs::JS_IsException(raw) { Err(Error::Exception) } else { Ok(Value::from_raw(ctx.clone(), raw)) }
    }
}

/// "CreateDataProperty": no setter runs, and `__proto__` is a name like any other.
pub(super) fn define<'js>(object: &Object<'js>, key: &Key<'js>, value: &Value<'js>) -> Result<()> {
    let flags = qjs::JS_PROP_C_W_E as std::ffi::c_int;
    // SAFETY: context, object and atom are alive for the call, which takes the reference to the value that is
    // duplicated for it.
    let defined = unsafe {
        let raw_ctx = object.ctx().as_raw().as_ptr();
        let owned = qjs::JS_DupValue(raw_ctx, value.as_raw());
        qjs::JS_DefinePropertyValue(raw_ctx, object.as_raw(), key.atom, owned, flags)
    };
    if defined < 0 { Err(Error::Exception) } else { Ok(()) }
}

/// Gives the bytes of a string in WTF-8 to a function.
pub(super) fn with_text<T>(string: JsString<'_>, take: impl FnOnce(&[u8]) -> T) -> Result<T> {
    let text = string.to_cstring()?;
    // SAFETY: the engine gives `len` bytes at this address and keeps them until `text` is dropped. They are read as
    // bytes because they are WTF-8, not always UTF-8.
    Ok(take(unsafe { std::slice::from_raw_parts(text.as_ptr().cast::<u8>(), text.len()) }))
}

/// The string of bytes in WTF-8.
pub(super) fn new_string<'js>(ctx: &Ctx<'js>, text: &[u8]) -> Result<Value<'js>> {
    if let Ok(text) = std::str::from_utf8(text) {
        return Ok(JsString::from_str(ctx.clone(), text)?.into_value());
    }
    let units = crate::json::units_of(text);
    // SAFETY: the context is alive, the engine copies the units, and the value that it gives is owned by nobody else.
    unsafe {
        let raw = qjs::JS_NewStringUTF16(ctx.as_raw().as_ptr(), units.as_ptr(), units.len() as _);
        if qjs::JS_IsException(raw) { Err(Error::Exception) } else { Ok(Value::from_raw(ctx.clone(), raw)) }
    }
}

/// Gives the bytes of a buffer to a function that runs no script; `None` if the buffer is detached.
pub(super) fn with_bytes<T>(buffer: &ArrayBuffer<'_>, take: impl FnOnce(&[u8]) -> T) -> Option<T> {
    let bytes = buffer.as_raw()?;
    // SAFETY: no script runs while the bytes are read, so the block is neither freed nor resized nor written.
    Some(take(unsafe { bytes.as_ref() }))
}
