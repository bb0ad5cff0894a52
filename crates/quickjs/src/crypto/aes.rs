//! AES in the modes CTR, CBC, GCM and KW (Web Cryptography, sections 25 to 28).

use super::{
    Format, Inputs, Means, Op, Order, Output, Result, data_error, operation_error, same_bytes, secret_key,
};
use ::aes::cipher::block_padding::Pkcs7;
use ::aes::cipher::{BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, KeyInit, KeyIvInit};
use ::aes::{Aes128, Aes192, Aes256};
use ::rsa::rand_core::Rng;
use ghash::GHash;
use ghash::universal_hash::UniversalHash;

/// Runs the body with `$A` as the cipher for a key of this many bytes.
macro_rules! with_aes {
    ($key:expr, $A:ident => $body:expr) => {
        match $key.len() {
            16 => {
                type $A = Aes128;
                $body
            }
            24 => {
                type $A = Aes192;
                $body
            }
            32 => {
                type $A = Aes256;
                $body
            }
            other => Err(data_error(format!("an AES key has 128, 192 or 256 bits, not {}", other * 8))),
        }
    };
}

pub(super) fn perform(order: &Order, inputs: &Inputs, means: &Means<'_>) -> Result<Output> {
    match (order.op, order.name.as_str()) {
        (Op::Generate, _) => {
            let mut key = vec![0; order.length.unwrap_or_default() as usize / 8];
            means.rng().fill_bytes(&mut key);
            with_aes!(key, A => A::new_from_slice(&key).map(drop).map_err(|_| operation_error("the key's length is wrong")))
                .map_err(|failure| operation_error(failure.message))?;
            Ok(Output::bytes(key))
        }
        (Op::Import, _) => {
            let output = secret_key(order, inputs)?;
            let key = output.first.as_deref().unwrap_or_default();
            with_aes!(key, A => A::new_from_slice(key).map(drop).map_err(|_| data_error("the key's length is wrong")))?;
            Ok(output)
        }
        (Op::Export, _) if matches!(order.format, Some(Format::Raw | Format::Jwk)) => {
            secret_key(order, inputs)
        }
        (Op::Encrypt, "AES-CBC") => encrypt_cbc(inputs).map(Output::bytes),
        (Op::Decrypt, "AES-CBC") => decrypt_cbc(inputs).map(Output::bytes),
        (Op::Encrypt | Op::Decrypt, "AES-CTR") => {
            let start = block(&inputs.extra, "the counter")?;
            let bits = order.counter_length.unwrap_or_default();
            with_aes!(inputs.key, A => ctr::<A>(&inputs.key, start, bits, &inputs.data)).map(Output::bytes)
        }
        (Op::Encrypt, "AES-GCM") => {
            with_aes!(inputs.key, A => encrypt_gcm::<A>(order, inputs)).map(Output::bytes)
        }
        (Op::Decrypt, "AES-GCM") => {
            with_aes!(inputs.key, A => decrypt_gcm::<A>(order, inputs)).map(Output::bytes)
        }
        (Op::Wrap, "AES-KW") => wrap(inputs).map(Output::bytes),
        (Op::Unwrap, "AES-KW") => unwrap(inputs).map(Output::bytes),
        (Op::Export, _) => Err(order.refuse_format()),
        _ => Err(order.refuse()),
    }
}

fn block(bytes: &[u8], what: &str) -> Result<[u8; 16]> {
    bytes.try_into().map_err(|_| operation_error(format!("{what} must have 16 bytes, not {}", bytes.len())))
}

fn encrypt_cbc(inputs: &Inputs) -> Result<Vec<u8>> {
    let iv = block(&inputs.extra, "the initialization vector")?;
    with_aes!(inputs.key, A => {
        let cipher = cbc::Encryptor::<A>::new_from_slices(&inputs.key, &iv).map_err(|_| operation_error("the key's length is wrong"))?;
        Ok(cipher.encrypt_padded_vec::<Pkcs7>(&inputs.data))
    })
}

fn decrypt_cbc(inputs: &Inputs) -> Result<Vec<u8>> {
    let iv = block(&inputs.extra, "the initialization vector")?;
    with_aes!(inputs.key, A => {
        let cipher = cbc::Decryptor::<A>::new_from_slices(&inputs.key, &iv).map_err(|_| operation_error("the key's length is wrong"))?;
        cipher.decrypt_padded_vec::<Pkcs7>(&inputs.data).map_err(|_| cannot_decrypt())
    })
}

/// One message for every reason, so that nobody learns from it.
fn cannot_decrypt() -> super::Failure {
    operation_error(
        "the data cannot be decrypted: the key, the parameters or the data are not the right ones",
    )
}

/// Counter mode; only the last `bits` bits of the block count, and they wrap around among themselves.
fn ctr<A: KeyInit + BlockCipherEncrypt>(
    key: &[u8],
    start: [u8; 16],
    bits: u32,
    data: &[u8],
) -> Result<Vec<u8>> {
    if bits == 0 || bits > 128 {
        return Err(operation_error(format!("the counter must have 1 to 128 bits, not {bits}")));
    }
    let mask = if bits == 128 { u128::MAX } else { (1 << bits) - 1 };
    if data.len().div_ceil(16) as u128 > mask.saturating_add(1) {
        return Err(operation_error(format!(
            "{} bytes are too many for a counter of {bits} bits",
            data.len()
        )));
    }
    let cipher = A::new_from_slice(key).map_err(|_| operation_error("the key's length is wrong"))?;
    let start = u128::from_be_bytes(start);
    let mut out = data.to_vec();
    for (index, chunk) in (0u128..).zip(out.chunks_mut(16)) {
        let counter = (start & !mask) | (start.wrapping_add(index) & mask);
        let stream = encrypt_block(&cipher, counter.to_be_bytes());
        chunk.iter_mut().zip(stream).for_each(|(byte, stream)| *byte ^= stream);
    }
    Ok(out)
}

fn encrypt_block<A: BlockCipherEncrypt>(cipher: &A, block: [u8; 16]) -> [u8; 16] {
    let mut bytes = ::aes::cipher::Block::<A>::try_from(block.as_slice()).unwrap_or_default();
    cipher.encrypt_block(&mut bytes);
    let mut out = [0; 16];
    out.copy_from_slice(&bytes);
    out
}

/// GCM (NIST SP 800-38D) over the cipher and GHASH: with initialization vectors and tags of any length that scripts may
/// ask for, where the ready-made mode knows one.
struct Gcm {
    first: [u8; 16],
    hash_key: [u8; 16],
    /// Hides the tag.
    mask: [u8; 16],
}

impl Gcm {
    fn new<A: KeyInit + BlockCipherEncrypt>(key: &[u8], iv: &[u8]) -> Result<Gcm> {
        let cipher = A::new_from_slice(key).map_err(|_| operation_error("the key's length is wrong"))?;
        let hash_key = encrypt_block(&cipher, [0; 16]);
        let mut first = [0; 16];
        if iv.len() == 12 {
            first[..12].copy_from_slice(iv);
            first[15] = 1;
        } else {
            first = ghash(&hash_key, &[], iv);
        }
        Ok(Gcm { first, hash_key, mask: encrypt_block(&cipher, first) })
    }

    fn counter(&self) -> [u8; 16] {
        let start = u128::from_be_bytes(self.first);
        let mask = u128::from(u32::MAX);
        ((start & !mask) | (start.wrapping_add(1) & mask)).to_be_bytes()
    }

    fn tag(&self, additional: &[u8], encrypted: &[u8]) -> [u8; 16] {
        let mut tag = ghash(&self.hash_key, additional, encrypted);
        tag.iter_mut().zip(self.mask).for_each(|(byte, mask)| *byte ^= mask);
        tag
    }
}

fn ghash(key: &[u8; 16], additional: &[u8], data: &[u8]) -> [u8; 16] {
    let mut hash = GHash::new(&(*key).into());
    hash.update_padded(additional);
    hash.update_padded(data);
    let lengths = ((additional.len() as u128 * 8) << 64) | (data.len() as u128 * 8);
    hash.update(&[lengths.to_be_bytes().into()]);
    hash.finalize().into()
}

fn tag_bytes(order: &Order) -> usize {
    order.tag_length.unwrap_or(128) as usize / 8
}

fn encrypt_gcm<A: KeyInit + BlockCipherEncrypt>(order: &Order, inputs: &Inputs) -> Result<Vec<u8>> {
    let gcm = Gcm::new::<A>(&inputs.key, &inputs.extra)?;
    let mut out = ctr::<A>(&inputs.key, gcm.counter(), 32, &inputs.data)?;
    let tag = gcm.tag(&inputs.more, &out);
    out.extend_from_slice(&tag[..tag_bytes(order).min(16)]);
    Ok(out)
}

fn decrypt_gcm<A: KeyInit + BlockCipherEncrypt>(order: &Order, inputs: &Inputs) -> Result<Vec<u8>> {
    let length = inputs.data.len().checked_sub(tag_bytes(order)).ok_or_else(cannot_decrypt)?;
    let (encrypted, tag) = inputs.data.split_at(length);
    let gcm = Gcm::new::<A>(&inputs.key, &inputs.extra)?;
    let expected = gcm.tag(&inputs.more, encrypted);
    if !same_bytes(&expected[..tag.len().min(16)], tag) {
        return Err(cannot_decrypt());
    }
    ctr::<A>(&inputs.key, gcm.counter(), 32, encrypted)
}

fn wrap(inputs: &Inputs) -> Result<Vec<u8>> {
    if inputs.data.is_empty() || !inputs.data.len().is_multiple_of(8) {
        let message = format!("AES-KW wraps multiples of 8 bytes, not {}", inputs.data.len());
        return Err(operation_error(message));
    }
    let mut out = vec![0; inputs.data.len() + 8];
    with_aes!(inputs.key, A => {
        let key = aes_kw::AesKw::<A>::new_from_slice(&inputs.key).map_err(|_| operation_error("the key's length is wrong"))?;
        key.wrap_key(&inputs.data, &mut out).map(drop).map_err(|error| operation_error(format!("AES-KW: {error}")))
    })?;
    Ok(out)
}

fn unwrap(inputs: &Inputs) -> Result<Vec<u8>> {
    let length = inputs
        .data
        .len()
        .checked_sub(8)
        .filter(|length| length.is_multiple_of(8))
        .ok_or_else(cannot_decrypt)?;
    let mut out = vec![0; length];
    with_aes!(inputs.key, A => {
        let key = aes_kw::AesKw::<A>::new_from_slice(&inputs.key).map_err(|_| operation_error("the key's length is wrong"))?;
        key.unwrap_key(&inputs.data, &mut out).map(drop).map_err(|_| cannot_decrypt())
    })?;
    Ok(out)
}
