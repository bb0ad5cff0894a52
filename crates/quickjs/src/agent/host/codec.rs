//! Codecs of CompressionStream and DecompressionStream: bytes are written in, and read out in parts of bounded size.

use super::super::realm::Realm;
use super::super::task::HostError;
use super::{Answer, HostObject, Reply, view};
use crate::script::{Buffer, Text};
use flate2::write::{DeflateEncoder, GzDecoder, GzEncoder, ZlibEncoder};
use flate2::{Decompress, FlushDecompress, Status};
use rquickjs::Result;
use std::io::Write;
use std::rc::Rc;

/// One open codec with what it still has to take in.
pub(crate) struct Codec {
    stage: Stage,
    input: Vec<u8>,
    taken: usize,
    ends: bool,
    finished: bool,
}

/// The library's own writer does not tell data that were cut off from data that ended.
struct Inflate {
    state: Decompress,
    output: Vec<u8>,
    ended: bool,
}

impl Inflate {
    fn new(zlib_header: bool) -> Inflate {
        Inflate { state: Decompress::new(zlib_header), output: Vec::new(), ended: false }
    }

    fn take(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        self.output.reserve(PART_BYTES);
        let before = self.state.total_in();
        let status = self.state.decompress_vec(bytes, &mut self.output, FlushDecompress::None)?;
        self.ended = status == Status::StreamEnd;
        Ok(usize::try_from(self.state.total_in() - before).unwrap_or(0))
    }

    fn finish(&mut self) -> std::io::Result<()> {
        // What does not fit into one part comes with the next ones, so that nothing is left when this says the end.
        while !self.ended {
            self.output.reserve(PART_BYTES);
            let before = self.state.total_out();
            let status = self.state.decompress_vec(&[], &mut self.output, FlushDecompress::Finish)?;
            self.ended = status == Status::StreamEnd;
            if !self.ended && self.state.total_out() == before {
                return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "they end too early"));
            }
        }
        Ok(())
    }
}

enum Stage {
    Deflate(ZlibEncoder<Vec<u8>>),
    DeflateRaw(DeflateEncoder<Vec<u8>>),
    Gzip(GzEncoder<Vec<u8>>),
    /// With or without the zlib header.
    Inflate(Inflate),
    Gunzip(GzDecoder<Vec<u8>>),
}

pub(super) fn install(host: &HostObject<'_>, realm: &Rc<Realm>) -> Result<()> {
    let state = realm.clone();
    host.function("codecOpen", move |format: Text, compress: bool| {
        Reply(open(&state, &format.into_string(), compress))
    })?;
    let state = realm.clone();
    host.function(
        "codecWrite",
        move |codec: u32, bytes: Buffer, offset: usize, length: usize, last: bool| {
            Reply(write(&state, codec, &bytes.0, offset, length, last))
        },
    )?;
    let state = realm.clone();
    host.function("codecRead", move |codec: u32| {
        Reply(read(&state, codec).map(|bytes| Answer::Bytes(bytes.into())))
    })?;
    let state = realm.clone();
    host.function("codecClose", move |codec: u32| {
        state.codecs.borrow_mut().remove(&codec);
    })
}

fn open(realm: &Realm, format: &str, compress: bool) -> std::result::Result<Answer, HostError> {
    let level = flate2::Compression::default();
    let stage = match (format, compress) {
        ("deflate", true) => Stage::Deflate(ZlibEncoder::new(Vec::new(), level)),
        ("deflate-raw", true) => Stage::DeflateRaw(DeflateEncoder::new(Vec::new(), level)),
        ("gzip", true) => Stage::Gzip(GzEncoder::new(Vec::new(), level)),
        ("deflate", false) => Stage::Inflate(Inflate::new(true)),
        ("deflate-raw", false) => Stage::Inflate(Inflate::new(false)),
        ("gzip", false) => Stage::Gunzip(GzDecoder::new(Vec::new())),
        _ => return Err(HostError::new("TypeError", format!("the format `{format}` is not supported"))),
    };
    if realm.codecs.borrow().len() >= CODECS_MAX {
        let message = format!("{CODECS_MAX} compression streams are open; close or cancel some");
        return Err(HostError::new("QuotaExceededError", message));
    }
    let id = realm.draw_id();
    let codec = Codec { stage, input: Vec::new(), taken: 0, ends: false, finished: false };
    realm.codecs.borrow_mut().insert(id, codec);
    Ok(Answer::Number(f64::from(id)))
}

/// Streams that one worker may have open: each holds up to 300 KiB outside of the heap's limit.
const CODECS_MAX: usize = 64;

fn write(
    realm: &Realm,
    id: u32,
    bytes: &[u8],
    offset: usize,
    length: usize,
    last: bool,
) -> std::result::Result<Answer, HostError> {
    let mut codecs = realm.codecs.borrow_mut();
    let Some(codec) = codecs.get_mut(&id) else {
        return Err(HostError::new("TypeError", "the compression stream is closed"));
    };
    let part = view(bytes, offset, length)?;
    codec.input.drain(..codec.taken);
    codec.taken = 0;
    codec.input.extend_from_slice(part);
    codec.ends |= last;
    Ok(Answer::Undefined)
}

/// The next part; empty when more input is wanted, or at the end.
fn read(realm: &Realm, id: u32) -> std::result::Result<Vec<u8>, HostError> {
    let mut codecs = realm.codecs.borrow_mut();
    let Some(codec) = codecs.get_mut(&id) else {
        return Err(HostError::new("TypeError", "the compression stream is closed"));
    };
    codec.read().map_err(|message| HostError::new("TypeError", message))
}

/// Input that is worked on at once: little, because a few bytes can stand for thousands.
const STEP_BYTES: usize = 1_024;
const PART_BYTES: usize = 65_536;

impl Codec {
    fn read(&mut self) -> std::result::Result<Vec<u8>, String> {
        let mut out = std::mem::take(self.stage.output());
        while out.len() < PART_BYTES && self.taken < self.input.len() {
            let end = self.input.len().min(self.taken + STEP_BYTES);
            let step = &self.input[self.taken..end];
            let taken =
                self.stage.take(step).map_err(|error| format!("the compressed data are damaged: {error}"))?;
            if taken == 0 && self.stage.output().is_empty() {
                // A decoder takes nothing more after the end of its data.
                return Err("there is data after the end of the compressed data".to_owned());
            }
            self.taken += taken;
            out.append(self.stage.output());
        }
        if out.len() < PART_BYTES && self.ends && !self.finished {
            self.finished = true;
            self.stage
                .finish()
                .map_err(|error| format!("the compressed data are incomplete or damaged: {error}"))?;
            out.append(self.stage.output());
        }
        Ok(out)
    }
}

impl Stage {
    fn output(&mut self) -> &mut Vec<u8> {
        match self {
            Stage::Deflate(stage) => stage.get_mut(),
            Stage::DeflateRaw(stage) => stage.get_mut(),
            Stage::Gzip(stage) => stage.get_mut(),
            Stage::Inflate(stage) => &mut stage.output,
            Stage::Gunzip(stage) => stage.get_mut(),
        }
    }

    fn take(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Stage::Deflate(stage) => stage.write(bytes),
            Stage::DeflateRaw(stage) => stage.write(bytes),
            Stage::Gzip(stage) => stage.write(bytes),
            Stage::Inflate(stage) => stage.take(bytes),
            Stage::Gunzip(stage) => stage.write(bytes),
        }
    }

    fn finish(&mut self) -> std::io::Result<()> {
        match self {
            Stage::Deflate(stage) => stage.try_finish(),
            Stage::DeflateRaw(stage) => stage.try_finish(),
            Stage::Gzip(stage) => stage.try_finish(),
            Stage::Inflate(stage) => stage.finish(),
            Stage::Gunzip(stage) => stage.try_finish(),
        }
    }
}
