//! Structured clones of a script's values.

use super::super::realm::Realm;
use super::super::task::HostError;
use super::{HostObject, throw};
use crate::script::{BlobSource, Buffer, CloneTools, Text, deserialize, new_buffer, serialize};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rquickjs::{ArrayBuffer, Ctx, Object, Result, Value};
use std::rc::Rc;

pub(super) fn install<'js>(host: &HostObject<'js>, realm: &Rc<Realm>) -> Result<()> {
    let state = realm.clone();
    host.function("connectClone", move |tools: Object<'_>| -> Result<()> {
        *state.clone_tools.borrow_mut() = Some(CloneTools::new(tools)?);
        Ok(())
    })?;
    let state = realm.clone();
    host.function("cloneToBytes", move |ctx: Ctx<'js>, value: Value<'js>| to_buffer(&ctx, &state, value))?;
    let state = realm.clone();
    host.function("cloneFromBytes", move |ctx: Ctx<'js>, bytes: Buffer| from_bytes(&ctx, &state, &bytes.0))?;
    let state = realm.clone();
    host.function("cloneToText", move |ctx: Ctx<'js>, value: Value<'js>| to_text(&ctx, &state, value))?;
    let state = realm.clone();
    host.function("cloneFromText", move |ctx: Ctx<'js>, text: Text| from_text(&ctx, &state, &text))
}

fn to_bytes<'js>(ctx: &Ctx<'js>, realm: &Realm, value: Value<'js>) -> Result<Vec<u8>> {
    match &*realm.clone_tools.borrow() {
        Some(tools) => serialize(ctx, tools, value, realm.shared.config.clone_bytes_max),
        None => Err(unconnected(ctx)),
    }
}

fn to_buffer<'js>(ctx: &Ctx<'js>, realm: &Realm, value: Value<'js>) -> Result<ArrayBuffer<'js>> {
    new_buffer(ctx, &to_bytes(ctx, realm, value)?)
}

fn to_text<'js>(ctx: &Ctx<'js>, realm: &Realm, value: Value<'js>) -> Result<String> {
    Ok(STANDARD.encode(to_bytes(ctx, realm, value)?))
}

/// The value of a clone that nothing is stored beside.
fn from_bytes<'js>(ctx: &Ctx<'js>, realm: &Realm, bytes: &[u8]) -> Result<Value<'js>> {
    from_stored(ctx, realm, bytes, &|_| Ok(None))
}

/// The value of a clone; `outside` knows the blobs that are stored beside it.
pub(super) fn from_stored<'js>(
    ctx: &Ctx<'js>,
    realm: &Realm,
    bytes: &[u8],
    outside: &BlobSource<'_, 'js>,
) -> Result<Value<'js>> {
    match &*realm.clone_tools.borrow() {
        Some(tools) => deserialize(ctx, tools, bytes, outside),
        None => Err(unconnected(ctx)),
    }
}

fn from_text<'js>(ctx: &Ctx<'js>, realm: &Realm, text: &Text) -> Result<Value<'js>> {
    match STANDARD.decode(text.as_bytes()) {
        Ok(bytes) => from_bytes(ctx, realm, &bytes),
        Err(error) => {
            let message = format!("the message is no structured clone in Base64: {error}");
            Err(throw(ctx, &HostError::new("DataError", message)))
        }
    }
}

fn unconnected(ctx: &Ctx<'_>) -> rquickjs::Error {
    throw(
        ctx,
        &HostError::new("InvalidStateError", "the JavaScript layer has not given its tools for clones"),
    )
}
