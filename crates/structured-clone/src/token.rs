//! The parts of a structured clone, and the byte that stands for each.

/// One part of a clone. Strings are WTF-8, so that lone surrogates survive.
///
/// Objects are numbered from 0 in the order in which they are complete enough to be referred to: a view after its
/// buffer and a platform object after its data; every other object where its token stands.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Token<'a> {
    /// `undefined`.
    Undefined,
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number that is a 32-bit integer, but not -0.
    Int(i32),
    /// Any other number.
    Double(f64),
    /// A bigint: its sign, and its magnitude with the lowest byte first and without zeros at the end.
    BigInt {
        /// Whether it is below zero.
        negative: bool,
        /// Empty for 0n.
        magnitude: &'a [u8],
    },
    /// A string.
    String(&'a [u8]),
    /// An element that an array does not have.
    Hole,
    /// The object with this number, once more.
    Reference(u32),
    /// The object with this position in the transfer list.
    Transferred(u32),
    /// A plain object. Properties follow, each a [`Token::Key`] and a value, then [`Token::End`].
    Object,
    /// An array with as many values or holes as it is long, then properties as for an object.
    Array {
        /// `length`.
        length: u32,
    },
    /// An array of which only the properties follow, indices among them.
    SparseArray {
        /// `length`.
        length: u32,
    },
    /// The name of a property.
    Key(&'a [u8]),
    /// A Map. Keys and values follow in turn, then [`Token::End`].
    Map,
    /// A Set. Values follow, then [`Token::End`].
    Set,
    /// The end of an object, array, Map, Set or platform object.
    End,
    /// A Date; NaN for an invalid one.
    Date(f64),
    /// A RegExp.
    RegExp {
        /// Its source.
        source: &'a [u8],
        /// Its flags.
        flags: &'a [u8],
    },
    /// An ArrayBuffer.
    ArrayBuffer {
        /// Its content.
        bytes: &'a [u8],
        /// `maxByteLength` of a resizable one.
        byte_length_max: Option<u64>,
    },
    /// A typed array or DataView. Its buffer follows, or a reference to it.
    View {
        /// Its class.
        view: ViewType,
        /// `byteOffset`.
        byte_offset: u64,
        /// Elements, of a DataView bytes; `None` if it follows the length of a resizable buffer.
        length: Option<u64>,
    },
    /// An Error.
    Error {
        /// Its class.
        name: ErrorName,
        /// Its own message.
        message: Option<&'a [u8]>,
        /// Its own stack.
        stack: Option<&'a [u8]>,
        /// Whether its cause follows as a value.
        has_cause: bool,
    },
    /// A boxed primitive, which follows.
    Boxed,
    /// An object of a web interface. What it is made from follows as one value, then [`Token::End`].
    Platform {
        /// The interface.
        interface: &'a [u8],
    },
    /// A Blob or File.
    Blob {
        /// What a File has beyond a Blob.
        file: Option<BlobFile<'a>>,
        /// `type`.
        media_type: &'a [u8],
        /// Its bytes.
        content: BlobContent<'a>,
    },
}

/// What a File has beyond a Blob.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BlobFile<'a> {
    /// `name`.
    pub name: &'a [u8],
    /// `lastModified`.
    pub last_modified: f64,
}

/// Where the bytes of a Blob are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BlobContent<'a> {
    /// In the clone itself.
    Inside(&'a [u8]),
    /// Stored beside it.
    Outside {
        /// By which the store finds it.
        number: u64,
        /// `size`.
        bytes: u64,
    },
}

macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $code:literal $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`.")] $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The name that scripts know.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $text,)*
                }
            }

            /// The one with this name.
            pub fn from_name(name: &str) -> Option<$name> {
                Self::ALL.iter().copied().find(|known| known.as_str() == name)
            }

            pub(crate) fn code(self) -> u8 {
                match self {
                    $($name::$variant => $code,)*
                }
            }

            pub(crate) fn from_code(code: u8) -> Option<$name> {
                Self::ALL.iter().copied().find(|known| known.code() == code)
            }
        }
    };
}

coded! {
    /// The class of a view.
    ViewType {
        DataView = 0 "DataView",
        Int8Array = 1 "Int8Array",
        Uint8Array = 2 "Uint8Array",
        Uint8ClampedArray = 3 "Uint8ClampedArray",
        Int16Array = 4 "Int16Array",
        Uint16Array = 5 "Uint16Array",
        Int32Array = 6 "Int32Array",
        Uint32Array = 7 "Uint32Array",
        Float16Array = 8 "Float16Array",
        Float32Array = 9 "Float32Array",
        Float64Array = 10 "Float64Array",
        BigInt64Array = 11 "BigInt64Array",
        BigUint64Array = 12 "BigUint64Array",
    }
}

coded! {
    /// The class of an error.
    ErrorName {
        Error = 0 "Error",
        EvalError = 1 "EvalError",
        RangeError = 2 "RangeError",
        ReferenceError = 3 "ReferenceError",
        SyntaxError = 4 "SyntaxError",
        TypeError = 5 "TypeError",
        UriError = 6 "URIError",
    }
}

impl ViewType {
    /// Bytes of one element.
    pub fn element_bytes(self) -> u64 {
        match self {
            ViewType::DataView | ViewType::Int8Array | ViewType::Uint8Array | ViewType::Uint8ClampedArray => {
                1
            }
            ViewType::Int16Array | ViewType::Uint16Array | ViewType::Float16Array => 2,
            ViewType::Int32Array | ViewType::Uint32Array | ViewType::Float32Array => 4,
            ViewType::Float64Array | ViewType::BigInt64Array | ViewType::BigUint64Array => 8,
        }
    }
}

/// The byte that begins each part.
pub(crate) mod code {
    pub(crate) const UNDEFINED: u8 = 0x00;
    pub(crate) const NULL: u8 = 0x01;
    pub(crate) const FALSE: u8 = 0x02;
    pub(crate) const TRUE: u8 = 0x03;
    pub(crate) const INT: u8 = 0x04;
    pub(crate) const DOUBLE: u8 = 0x05;
    pub(crate) const BIG_INT: u8 = 0x06;
    pub(crate) const BIG_INT_NEGATIVE: u8 = 0x07;
    pub(crate) const STRING: u8 = 0x08;
    pub(crate) const HOLE: u8 = 0x09;
    pub(crate) const REFERENCE: u8 = 0x0A;
    pub(crate) const TRANSFERRED: u8 = 0x0B;
    pub(crate) const OBJECT: u8 = 0x10;
    pub(crate) const ARRAY: u8 = 0x11;
    pub(crate) const SPARSE_ARRAY: u8 = 0x12;
    pub(crate) const MAP: u8 = 0x13;
    pub(crate) const SET: u8 = 0x14;
    pub(crate) const DATE: u8 = 0x15;
    pub(crate) const REG_EXP: u8 = 0x16;
    pub(crate) const ARRAY_BUFFER: u8 = 0x17;
    pub(crate) const RESIZABLE_ARRAY_BUFFER: u8 = 0x18;
    pub(crate) const VIEW: u8 = 0x19;
    pub(crate) const TRACKING_VIEW: u8 = 0x1A;
    pub(crate) const ERROR: u8 = 0x1B;
    pub(crate) const BOXED: u8 = 0x1C;
    pub(crate) const PLATFORM: u8 = 0x1D;
    pub(crate) const BLOB: u8 = 0x1E;
    pub(crate) const END: u8 = 0x1F;

    /// Flags of an error.
    pub(crate) const HAS_MESSAGE: u8 = 1;
    pub(crate) const HAS_STACK: u8 = 2;
    pub(crate) const HAS_CAUSE: u8 = 4;
    /// Flags of a blob.
    pub(crate) const IS_FILE: u8 = 1;
    pub(crate) const IS_OUTSIDE: u8 = 2;
}
