//! UTF-8 and the decoders of the Encoding standard.

use super::super::realm::Realm;
use super::super::task::HostError;
use super::{Answer, HostObject, Reply, view};
use crate::script::{Buffer, Text};
use encoding_rs::{CoderResult, DecoderResult, Encoding};
use rquickjs::Result;
use std::rc::Rc;

/// One open `TextDecoder` stream.
pub(crate) struct Decoder {
    decoder: encoding_rs::Decoder,
    fatal: bool,
}

pub(super) fn install(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    host.function("utf8Encode", |text: Text| {
        Reply::ok(Answer::Bytes(text.into_string().into_bytes().into()))
    })?;
    host.function("encodingName", |label: Text| {
        let encoding = Encoding::for_label_no_replacement(label.into_string().as_bytes());
        Reply::ok(Answer::text_or_null(encoding.map(|encoding| encoding.name().to_ascii_lowercase())))
    })?;
    let state = realm.clone();
    host.function("decoderOpen", move |label: Text, fatal: bool, ignore_bom: bool| {
        Reply(open(&state, &label.into_string(), fatal, ignore_bom))
    })?;
    let state = realm.clone();
    host.function(
        "decoderDecode",
        move |decoder: u32, bytes: Buffer, offset: usize, length: usize, last: bool| {
            Reply(decode(&state, decoder, &bytes.0, offset, length, last))
        },
    )?;
    let state = realm.clone();
    host.function("decoderClose", move |decoder: u32| {
        state.decoders.borrow_mut().remove(&decoder);
    })
}

fn open(realm: &Realm, label: &str, fatal: bool, ignore_bom: bool) -> std::result::Result<Answer, HostError> {
    let Some(encoding) = Encoding::for_label_no_replacement(label.as_bytes()) else {
        return Err(HostError::new("RangeError", format!("`{label}` is no encoding label")));
    };
    if realm.decoders.borrow().len() >= DECODERS_MAX {
        let message = format!(
            "{DECODERS_MAX} decoders are in the middle of a stream; finish some with a last decode()"
        );
        return Err(HostError::new("QuotaExceededError", message));
    }
    let decoder = if ignore_bom {
        encoding.new_decoder_without_bom_handling()
    } else {
        encoding.new_decoder_with_bom_removal()
    };
    let id = realm.draw_id();
    realm.decoders.borrow_mut().insert(id, Decoder { decoder, fatal });
    Ok(Answer::Number(f64::from(id)))
}

/// Streams that one worker may have open: each is about a hundred bytes outside of the heap's limit.
const DECODERS_MAX: usize = 10_000;

fn decode(
    realm: &Realm,
    id: u32,
    bytes: &[u8],
    offset: usize,
    length: usize,
    last: bool,
) -> std::result::Result<Answer, HostError> {
    let mut decoders = realm.decoders.borrow_mut();
    let Some(open) = decoders.get_mut(&id) else {
        return Err(HostError::new("InvalidStateError", "the decoder is closed"));
    };
    let mut rest = view(bytes, offset, length)?;
    let mut text = String::new();
    let decoded = loop {
        let room = if open.fatal {
            open.decoder.max_utf8_buffer_length_without_replacement(rest.len())
        } else {
            open.decoder.max_utf8_buffer_length(rest.len())
        };
        let Some(room) = room else {
            return Err(HostError::new("RangeError", "the text is too long"));
        };
        text.reserve(room);
        if open.fatal {
            let (result, read) = open.decoder.decode_to_string_without_replacement(rest, &mut text, last);
            rest = &rest[read..];
            match result {
                DecoderResult::InputEmpty => break true,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => break false,
            }
        } else {
            let (result, read, _) = open.decoder.decode_to_string(rest, &mut text, last);
            rest = &rest[read..];
            if result == CoderResult::InputEmpty {
                break true;
            }
        }
    };
    if last || !decoded {
        decoders.remove(&id);
    }
    Ok(if decoded { Answer::Text(text) } else { Answer::Null })
}
