//! Structured clones as bytes: what `structuredClone`, `postMessage` and IndexedDB make of a JavaScript value.
//!
//! The format is described in `docs/store-format.md`. Nothing here knows a JavaScript engine: a serialiser walks its
//! values and gives [`Token`]s to a [`Writer`]; a deserialiser takes tokens from a [`Reader`] and builds values. The
//! reader checks everything that a builder relies on, so that bytes from a disk or from a page can be hostile.
//!
//! ```
//! use wakeworker_structured_clone::{Reader, Token, Writer, describe};
//!
//! let mut writer = Writer::new(1 << 20);
//! for token in [Token::Object, Token::Key(b"answer"), Token::Int(42), Token::End] {
//!     writer.write(&token)?;
//! }
//! let bytes = writer.finish();
//! let mut reader = Reader::new(&bytes)?;
//! assert_eq!(reader.next()?, Some(Token::Object));
//! assert_eq!(describe(&bytes, 80), r#"{"answer": 42}"#);
//! # Ok::<(), wakeworker_structured_clone::CloneError>(())
//! ```

#![forbid(unsafe_code)]

mod blobs;
mod describe;
mod error;
mod frame;
mod reader;
#[cfg(test)]
mod tests;
mod token;
mod writer;
mod wtf8;

pub use blobs::{blobs_inside, blobs_outside, has_blobs};
pub use describe::describe;
pub use error::CloneError;
pub use reader::{Reader, validate};
pub use token::{BlobContent, BlobFile, ErrorName, Token, ViewType};
pub use writer::Writer;
pub use wtf8::is_wtf8;

/// The version of the format that this program writes.
pub const VERSION: u8 = 1;

/// How deep objects may be nested. A list of so many levels can be serialised; one more cannot.
pub const DEPTH_MAX: usize = 2_000;

/// The first byte of every clone.
const MAGIC: u8 = b'W';
/// The flag of clones that have a Blob or File in them.
const HAS_BLOBS: u8 = 1;
