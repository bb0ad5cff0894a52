//! HKDF and PBKDF2 (Web Cryptography, sections 31 and 32).

use super::hash::with_hash;
use super::{Format, Inputs, Means, Op, Order, Output, Result, operation_error, secret_key};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};

pub(super) fn perform(order: &Order, inputs: &Inputs, means: &Means<'_>) -> Result<Output> {
    match order.op {
        Op::Derive => {
            let bits = order.length.filter(|bits| bits % 8 == 0);
            let bits =
                bits.ok_or_else(|| operation_error("the length to derive must be a multiple of 8 bits"))?;
            let mut out = vec![0; (bits / 8) as usize];
            if order.name == "HKDF" {
                hkdf(order, inputs, &mut out)?
            } else {
                pbkdf2(order, inputs, means, &mut out)?
            }
            Ok(Output::bytes(out))
        }
        Op::Import if order.format == Some(Format::Raw) => secret_key(order, inputs),
        Op::Import | Op::Export => Err(order.refuse_format()),
        _ => Err(order.refuse()),
    }
}

fn hkdf(order: &Order, inputs: &Inputs, out: &mut [u8]) -> Result<()> {
    with_hash!(order.hash()?, H => Hkdf::<H>::new(Some(&inputs.extra), &inputs.key).expand(&inputs.more, out))
        .map_err(|_| operation_error(format!("HKDF cannot derive {} bytes: more than 255 hashes", out.len())))
}

/// Written out, so that a script that asks for a thousand million rounds can be stopped with its worker.
fn pbkdf2(order: &Order, inputs: &Inputs, means: &Means<'_>, out: &mut [u8]) -> Result<()> {
    let iterations = order.iterations.filter(|count| *count > 0);
    let iterations = iterations.ok_or_else(|| operation_error("PBKDF2 needs at least one iteration"))?;
    with_hash!(order.hash()?, H => {
        let keyed = <Hmac<H> as KeyInit>::new_from_slice(&inputs.key).map_err(|_| operation_error("the password does not fit HMAC"))?;
        let size = keyed.clone().finalize().into_bytes().len();
        for (index, chunk) in (1u32..).zip(out.chunks_mut(size)) {
            let mut first = keyed.clone();
            first.update(&inputs.extra);
            first.update(&index.to_be_bytes());
            let mut round = first.finalize().into_bytes();
            let mut sum = round;
            for count in 1..iterations {
                if count % ROUNDS_BETWEEN_LOOKS == 0 && (means.cancelled)() {
                    return Err(operation_error("the worker was stopped"));
                }
                let mut next = keyed.clone();
                next.update(&round);
                round = next.finalize().into_bytes();
                sum.iter_mut().zip(&round).for_each(|(sum, byte)| *sum ^= byte);
            }
            chunk.copy_from_slice(&sum[..chunk.len()]);
        }
        Ok(())
    })
}

/// About a millisecond.
const ROUNDS_BETWEEN_LOOKS: u32 = 2_048;
