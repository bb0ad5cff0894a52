//! The `__host` object: the functions of `js/src/host.d.ts`, one file per subject.

mod basics;
mod bodies;
mod caches;
mod clone;
mod codec;
mod crypto;
mod events;
mod fetch;
mod imports;
mod indexeddb;
mod locks;
mod notifications;
mod ports;
mod registration;
mod sockets;
mod sync;
mod text;
mod url;

pub(crate) use codec::Codec;
pub(crate) use crypto::CryptoQueue;
pub(crate) use fetch::begin_waiting_fetches;
pub(crate) use imports::{ScriptKind, fetch_import, find_import};
pub(crate) use locks::LockOwner;
pub(crate) use notifications::notification_json;
pub(crate) use ports::adopt_ports;
pub(crate) use text::Decoder;

use super::realm::Realm;
use super::task::HostError;
use crate::script::new_buffer;
use rquickjs::function::IntoJsFunc;
use rquickjs::{Ctx, Error, Function, IntoJs, Null, Object, Result, Undefined, Value};
use std::rc::Rc;

/// Puts `__host` on the global object; the JavaScript layer takes it away again.
pub(crate) fn install<'js>(ctx: &Ctx<'js>, realm: &Rc<Realm>) -> Result<()> {
    let host = HostObject { object: Object::new(ctx.clone())? };
    basics::install(&host, realm)?;
    text::install(&host, realm)?;
    url::install(&host)?;
    imports::install(&host, realm)?;
    fetch::install(&host, realm)?;
    bodies::install(&host, realm)?;
    sockets::install(&host, realm)?;
    events::install(&host, realm)?;
    registration::install(&host, realm)?;
    sync::install(&host, realm)?;
    indexeddb::install(&host, realm)?;
    caches::install(&host, realm)?;
    clone::install(&host, realm)?;
    codec::install(&host, realm)?;
    crypto::install(&host, realm)?;
    locks::install(&host, realm)?;
    notifications::install(&host, realm)?;
    ports::install(&host, realm)?;
    ctx.globals().set("__host", host.object)
}

/// The object under construction.
pub(crate) struct HostObject<'js> {
    object: Object<'js>,
}

impl<'js> HostObject<'js> {
    fn function<P, F: IntoJsFunc<'js, P> + 'js>(&self, name: &str, function: F) -> Result<()> {
        let ctx = self.object.ctx().clone();
        self.object.set(name, Function::new(ctx, function)?.with_name(name)?)
    }

    fn value(&self, name: &str, value: impl IntoJs<'js>) -> Result<()> {
        self.object.set(name, value)
    }
}

/// What a host function gives back.
pub(crate) enum Answer {
    Undefined,
    Null,
    Boolean(bool),
    Number(f64),
    Text(String),
    Bytes(bytes::Bytes),
}

impl Answer {
    /// The text, or `null`.
    fn text_or_null(text: Option<String>) -> Answer {
        text.map_or(Answer::Null, Answer::Text)
    }
}

/// An answer, or a thrown `{name, message}`, of which the JavaScript layer makes the right exception.
pub(crate) struct Reply(std::result::Result<Answer, HostError>);

impl Reply {
    fn ok(answer: Answer) -> Reply {
        Reply(Ok(answer))
    }
}

impl<'js> IntoJs<'js> for Reply {
    fn into_js(self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        match self.0 {
            Ok(Answer::Undefined) => Undefined.into_js(ctx),
            Ok(Answer::Null) => Null.into_js(ctx),
            Ok(Answer::Boolean(value)) => value.into_js(ctx),
            Ok(Answer::Number(value)) => value.into_js(ctx),
            Ok(Answer::Text(text)) => text.into_js(ctx),
            Ok(Answer::Bytes(bytes)) => Ok(new_buffer(ctx, &bytes)?.into_value()),
            Err(error) => Err(throw(ctx, &error)),
        }
    }
}

/// The part of a buffer that a script's view shows.
fn view(bytes: &[u8], offset: usize, length: usize) -> std::result::Result<&[u8], HostError> {
    let end = offset.checked_add(length).filter(|end| *end <= bytes.len());
    end.map(|end| &bytes[offset..end])
        .ok_or_else(|| HostError::new("RangeError", "the view lies outside of its buffer"))
}

/// Throws `{name, message, hostError: true}`: the mark tells it from what a script threw.
pub(crate) fn throw(ctx: &Ctx<'_>, error: &HostError) -> Error {
    let thrown = Object::new(ctx.clone()).and_then(|object| {
        object.set("name", error.name)?;
        object.set("message", error.message.as_str())?;
        object.set("hostError", true)?;
        Ok(object)
    });
    match thrown {
        Ok(object) => ctx.throw(object.into_value()),
        Err(error) => error,
    }
}
