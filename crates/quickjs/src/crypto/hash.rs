//! SHA and HMAC (Web Cryptography, sections 29 and 30).

use super::{Inputs, Means, Op, Order, Output, Result, operation_error, secret_key};
use ::rsa::rand_core::Rng;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Digest;

/// A hash function by its registered name.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Hash {
    #[serde(rename = "SHA-1")]
    Sha1,
    #[serde(rename = "SHA-256")]
    Sha256,
    #[serde(rename = "SHA-384")]
    Sha384,
    #[serde(rename = "SHA-512")]
    Sha512,
}

/// Runs the body with `$H` as the type of the hash function.
macro_rules! with_hash {
    ($hash:expr, $H:ident => $body:expr) => {
        match $hash {
            $crate::crypto::hash::Hash::Sha1 => {
                type $H = sha1::Sha1;
                $body
            }
            $crate::crypto::hash::Hash::Sha256 => {
                type $H = sha2::Sha256;
                $body
            }
            $crate::crypto::hash::Hash::Sha384 => {
                type $H = sha2::Sha384;
                $body
            }
            $crate::crypto::hash::Hash::Sha512 => {
                type $H = sha2::Sha512;
                $body
            }
        }
    };
}
pub(super) use with_hash;

impl Hash {
    pub(super) fn digest(self, data: &[u8]) -> Vec<u8> {
        with_hash!(self, H => H::digest(data).to_vec())
    }

    fn block_bits(self) -> u32 {
        match self {
            Hash::Sha1 | Hash::Sha256 => 512,
            Hash::Sha384 | Hash::Sha512 => 1024,
        }
    }
}

pub(super) fn perform(order: &Order, inputs: &Inputs, means: &Means<'_>) -> Result<Output> {
    match order.op {
        Op::Generate => {
            let bits = order.length.unwrap_or(order.hash()?.block_bits());
            let mut key = vec![0; bits.div_ceil(8) as usize];
            means.rng().fill_bytes(&mut key);
            cut(&mut key, bits);
            Ok(Output { info: serde_json::json!({ "length": bits }), first: Some(key), second: None })
        }
        Op::Sign => {
            with_hash!(order.hash()?, H => Ok(Output::bytes(mac::<Hmac<H>>(inputs)?.finalize().into_bytes().to_vec())))
        }
        Op::Verify => {
            with_hash!(order.hash()?, H => Ok(Output::fact(mac::<Hmac<H>>(inputs)?.verify_slice(&inputs.extra).is_ok())))
        }
        _ => secret_key(order, inputs),
    }
}

fn mac<M: Mac + KeyInit>(inputs: &Inputs) -> Result<M> {
    let mut mac = <M as KeyInit>::new_from_slice(&inputs.key)
        .map_err(|_| operation_error("the key's length does not fit HMAC"))?;
    mac.update(&inputs.data);
    Ok(mac)
}

/// Bits beyond the key's length are zero.
pub(super) fn cut(bytes: &mut [u8], bits: u32) {
    let rest = bits % 8;
    if rest != 0
        && let Some(last) = bytes.last_mut()
    {
        *last &= 0xFF << (8 - rest);
    }
}
