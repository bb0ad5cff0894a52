//! The algorithms of the Web Cryptography API: bytes in, bytes out, with no JavaScript type in them.
//!
//! Key material is raw bytes for secret keys, a SubjectPublicKeyInfo for public and a PKCS#8 PrivateKeyInfo for private
//! ones. What scripts may do with which key is decided in `js/src/subtle`; here is only the arithmetic.

mod aes;
mod derive;
mod ec;
mod hash;
mod jwk;
mod okp;
mod rsa;

use serde::Deserialize;

/// One operation as the JavaScript layer orders it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    op: Op,
    /// The algorithm's registered name, such as `AES-GCM`.
    #[serde(default)]
    name: String,
    hash: Option<hash::Hash>,
    named_curve: Option<ec::Curve>,
    format: Option<Format>,
    /// `public`, `private` or `secret`: what the key is that is exported.
    key_type: Option<KeyType>,
    /// Bits: of a key to generate or of what is derived.
    length: Option<u32>,
    tag_length: Option<u32>,
    counter_length: Option<u32>,
    salt_length: Option<usize>,
    iterations: Option<u32>,
    modulus_length: Option<usize>,
    jwk: Option<jwk::Jwk>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
enum Op {
    Digest,
    Generate,
    Import,
    Export,
    Encrypt,
    Decrypt,
    Sign,
    Verify,
    Derive,
    Wrap,
    Unwrap,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Format {
    Raw,
    Pkcs8,
    Spki,
    Jwk,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum KeyType {
    Public,
    Private,
    Secret,
}

/// The byte arguments of an operation. Which is which depends on the algorithm.
#[derive(Default)]
pub(crate) struct Inputs {
    /// Key material; a peer's public key comes as `extra`.
    pub(crate) key: Vec<u8>,
    pub(crate) data: Vec<u8>,
    /// IV, counter block, label, salt, signature, public exponent, or a peer's public key.
    pub(crate) extra: Vec<u8>,
    /// Additional data of AES-GCM, or the info of HKDF.
    pub(crate) more: Vec<u8>,
}

impl Inputs {
    /// What the operation holds in memory.
    pub(crate) fn len_bytes(&self) -> usize {
        self.key.len() + self.data.len() + self.extra.len() + self.more.len()
    }
}

/// What an operation gives: facts as JSON, and bytes. A key pair is `first` (public) and `second` (private).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) info: serde_json::Value,
    pub(crate) first: Option<Vec<u8>>,
    pub(crate) second: Option<Vec<u8>>,
}

impl Output {
    fn bytes(bytes: Vec<u8>) -> Output {
        Output { first: Some(bytes), ..Output::default() }
    }

    fn fact(info: impl Into<serde_json::Value>) -> Output {
        Output { info: info.into(), ..Output::default() }
    }
}

/// Why an operation failed, with the name of the DOMException.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) name: &'static str,
    pub(crate) message: String,
}

type Result<T> = std::result::Result<T, Failure>;

fn operation_error(message: impl Into<String>) -> Failure {
    Failure { name: "OperationError", message: message.into() }
}

fn data_error(message: impl Into<String>) -> Failure {
    Failure { name: "DataError", message: message.into() }
}

fn not_supported(message: impl Into<String>) -> Failure {
    Failure { name: "NotSupportedError", message: message.into() }
}

/// What an operation may use.
pub(crate) struct Means<'a> {
    /// A seed for what is random; the same seed gives the same keys.
    pub(crate) seed: [u8; 32],
    /// Asked now and then by what takes long.
    pub(crate) cancelled: &'a dyn Fn() -> bool,
    /// Largest RSA modulus that may be generated or used.
    pub(crate) rsa_modulus_bits_max: usize,
}

impl Means<'_> {
    fn rng(&self) -> chacha20::ChaCha20Rng {
        ::rsa::rand_core::SeedableRng::from_seed(self.seed)
    }
}

impl Order {
    /// Whether the operation takes so long that the worker's own thread should not wait for it.
    pub(crate) fn is_long(&self, inputs: &Inputs) -> bool {
        let heavy = self.name.starts_with("RSA") && !matches!(self.op, Op::Export);
        let stretched = self.op == Op::Derive && self.iterations.is_some_and(|count| count > 1_000);
        heavy || stretched || inputs.data.len() > LONG_DATA_BYTES
    }

    /// Does what is ordered.
    pub(crate) fn perform(&self, inputs: &Inputs, means: &Means<'_>) -> Result<Output> {
        match (self.op, self.name.as_str()) {
            (Op::Digest, _) => Ok(Output::bytes(self.hash()?.digest(&inputs.data))),
            (_, name) if name.starts_with("AES-") => aes::perform(self, inputs, means),
            (_, "HMAC") => hash::perform(self, inputs, means),
            (_, "PBKDF2" | "HKDF") => derive::perform(self, inputs, means),
            (_, "ECDSA" | "ECDH") => ec::perform(self, inputs, means),
            (_, "Ed25519" | "X25519") => okp::perform(self, inputs, means),
            (_, name) if name.starts_with("RSA") => rsa::perform(self, inputs, means),
            (_, name) => Err(not_supported(format!("the algorithm `{name}` is not known"))),
        }
    }

    fn hash(&self) -> Result<hash::Hash> {
        self.hash.ok_or_else(|| operation_error("the algorithm's hash is missing"))
    }

    fn jwk(&self) -> Result<&jwk::Jwk> {
        self.jwk.as_ref().ok_or_else(|| data_error("the JSON Web Key is missing"))
    }

    /// The order makes no sense for its algorithm. The JavaScript layer refuses such calls before.
    fn refuse(&self) -> Failure {
        not_supported(format!("{} does not support the operation {:?}", self.name, self.op))
    }

    /// A format that the algorithm's keys do not have.
    fn refuse_format(&self) -> Failure {
        not_supported(format!("keys of {} have no format {:?}", self.name, self.format))
    }

    fn key_type(&self) -> Result<KeyType> {
        self.key_type.ok_or_else(|| operation_error("the type of the key is missing"))
    }
}

/// More than this is worked on beside the worker: about a tenth of a millisecond.
const LONG_DATA_BYTES: usize = 65_536;

/// An imported key: whether it is private, and its length in bits where the algorithm has one.
fn imported(key_type: KeyType, material: Vec<u8>) -> Output {
    let name = match key_type {
        KeyType::Public => "public",
        KeyType::Private => "private",
        KeyType::Secret => "secret",
    };
    Output { info: serde_json::json!({ "type": name }), first: Some(material), second: None }
}

/// Import and export of secret keys, which have only raw bytes and a JWK of type `oct`.
fn secret_key(order: &Order, inputs: &Inputs) -> Result<Output> {
    match (order.op, order.format) {
        (Op::Import, Some(Format::Raw)) => Ok(imported(KeyType::Secret, inputs.data.clone())),
        (Op::Import, Some(Format::Jwk)) => Ok(imported(KeyType::Secret, order.jwk()?.secret()?)),
        (Op::Export, Some(Format::Raw)) => Ok(Output::bytes(inputs.key.clone())),
        (Op::Export, Some(Format::Jwk)) => {
            Ok(Output::fact(serde_json::json!({ "kty": "oct", "k": jwk::encode(&inputs.key) })))
        }
        (Op::Import | Op::Export, _) => Err(order.refuse_format()),
        _ => Err(order.refuse()),
    }
}

/// Compares in a time that does not tell where the difference is.
fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && std::hint::black_box(a.iter().zip(b).fold(0, |seen, (a, b)| seen | (a ^ b))) == 0
}

#[cfg(test)]
mod tests;
