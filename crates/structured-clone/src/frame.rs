//! Where a reader is inside objects that have not ended.

use crate::token::ViewType;

/// An open object, and what must come next in it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Frame {
    /// One value, which is everything.
    Root,
    /// So many elements, then properties.
    Elements(u32),
    /// A name or the end.
    Properties,
    /// The value of a name that was read.
    PropertyValue,
    /// A key or the end.
    MapKey,
    /// The value of a key that was read.
    MapValue,
    /// A value or the end.
    Set,
    /// The buffer of a view.
    Buffer {
        /// Its class.
        view: ViewType,
        /// Its first byte in the buffer.
        byte_offset: u64,
        /// Its elements.
        length: Option<u64>,
    },
    /// The primitive in a box.
    Primitive,
    /// The cause of an error.
    Cause,
    /// Everything was read; only the frame is left, so that chains of causes have a depth.
    CauseRead,
    /// What a platform object is made from.
    PlatformData,
    /// Its end.
    PlatformEnd,
}
