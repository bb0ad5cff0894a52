//! The JavaScript engine behind a small wall: nothing outside this folder and `agent/` sees its types, and all of the
//! crate's `unsafe` is here.

mod bytecode;
mod cache;
mod clone;
mod compile;
mod layer;
mod memory;
mod value;

pub(crate) use bytecode::{Bytecode, compile, run};
pub(crate) use cache::{BytecodeCache, Script};
pub(crate) use clone::{BlobSource, CloneTools, deserialize, serialize};
pub(crate) use layer::{layer, layer_part};
pub(crate) use memory::{LimitedAllocator, MemoryUse};
pub(crate) use value::{Buffer, BufferPart, Text, describe_exception, new_buffer};
