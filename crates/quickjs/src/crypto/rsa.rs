//! RSASSA-PKCS1-v1_5, RSA-PSS and RSA-OAEP (Web Cryptography, sections 20 to 22).

use super::hash::with_hash;
use super::{Failure, Format, Inputs, KeyType, Means, Op, Order, Output, Result};
use super::{data_error, imported, jwk, not_supported, operation_error};
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BoxedUint, Oaep, Pkcs1v15Sign, Pss, RsaPrivateKey, RsaPublicKey};

pub(super) fn perform(order: &Order, inputs: &Inputs, means: &Means<'_>) -> Result<Output> {
    match order.op {
        Op::Generate => generate(order, inputs, means),
        Op::Import => import(order, inputs, means),
        Op::Export => export(order, inputs),
        Op::Sign if order.name != "RSA-OAEP" => sign(order, inputs, means).map(Output::bytes),
        Op::Verify if order.name != "RSA-OAEP" => verify(order, inputs).map(Output::fact),
        Op::Encrypt if order.name == "RSA-OAEP" => {
            let key = public(&inputs.key)?;
            with_hash!(order.hash()?, H => key.encrypt(&mut means.rng(), Oaep::<H>::new_with_label(inputs.extra.as_slice()), &inputs.data))
                .map(Output::bytes)
                .map_err(|error| operation_error(format!("RSA-OAEP cannot encrypt {} bytes: {error}", inputs.data.len())))
        }
        Op::Decrypt if order.name == "RSA-OAEP" => {
            let key = private(&inputs.key)?;
            with_hash!(order.hash()?, H => key.decrypt_blinded(&mut means.rng(), Oaep::<H>::new_with_label(inputs.extra.as_slice()), &inputs.data))
                .map(Output::bytes)
                // One message for every reason, so that nobody learns from it.
                .map_err(|_| operation_error("the data cannot be decrypted with this key"))
        }
        _ => Err(order.refuse()),
    }
}

fn public(der: &[u8]) -> Result<RsaPublicKey> {
    RsaPublicKey::from_public_key_der(der)
        .map_err(|_| data_error("the bytes are no SubjectPublicKeyInfo of an RSA key"))
}

fn private(der: &[u8]) -> Result<RsaPrivateKey> {
    RsaPrivateKey::from_pkcs8_der(der).map_err(|_| data_error("the bytes are no PKCS#8 private key of RSA"))
}

fn encoded(error: impl std::fmt::Display) -> Failure {
    operation_error(format!("the key cannot be encoded: {error}"))
}

fn spki(key: &RsaPublicKey) -> Result<Vec<u8>> {
    Ok(key.to_public_key_der().map_err(encoded)?.into_vec())
}

fn pkcs8(key: &RsaPrivateKey) -> Result<Vec<u8>> {
    Ok(key.to_pkcs8_der().map_err(encoded)?.as_bytes().to_vec())
}

fn number(bytes: &[u8]) -> BoxedUint {
    BoxedUint::from_be_slice_vartime(bytes)
}

/// A number without leading zeros, as keys show it.
fn trimmed(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]
}

/// What the `algorithm` of a key tells of it.
fn facts(key: &impl PublicKeyParts) -> serde_json::Value {
    let exponent = key.e_bytes();
    serde_json::json!({ "modulusLength": key.n().bits(), "publicExponent": trimmed(&exponent) })
}

fn generate(order: &Order, inputs: &Inputs, means: &Means<'_>) -> Result<Output> {
    let bits = order.modulus_length.unwrap_or_default();
    if bits > means.rsa_modulus_bits_max {
        let limit = means.rsa_modulus_bits_max;
        return Err(operation_error(format!("a modulus of {bits} bits is more than the limit of {limit}")));
    }
    // Without this the search for primes would never end.
    let digits = trimmed(&inputs.extra);
    if digits.last().is_none_or(|last| last % 2 == 0) || digits == [1] || digits.len() > EXPONENT_BYTES_MAX {
        let message =
            "the public exponent must be an odd number of at least 3 and at most 32 bits; 65537 is usual";
        return Err(operation_error(message));
    }
    let exponent = number(digits);
    let key = RsaPrivateKey::new_with_exp(&mut means.rng(), bits, exponent)
        .map_err(|error| operation_error(format!("a key of {bits} bits cannot be generated: {error}")))?;
    let public = key.to_public_key();
    Ok(Output { info: facts(&public), first: Some(spki(&public)?), second: Some(pkcs8(&key)?) })
}

const EXPONENT_BYTES_MAX: usize = 4;

fn import(order: &Order, inputs: &Inputs, means: &Means<'_>) -> Result<Output> {
    let (mut output, facts) = match order.format {
        Some(Format::Spki) => public_key(&public(&inputs.data)?)?,
        Some(Format::Pkcs8) => private_key(&private(&inputs.data)?)?,
        Some(Format::Jwk) => {
            let found = order.jwk()?;
            let (n, e) = (jwk::member(&found.n, "n")?, jwk::member(&found.e, "e")?);
            if found.d.is_none() {
                let key = RsaPublicKey::new(number(&n), number(&e));
                public_key(
                    &key.map_err(|error| data_error(format!("the JSON Web Key is no RSA key: {error}")))?,
                )?
            } else {
                private_key(&private_from_jwk(found, &n, &e)?)?
            }
        }
        _ => return Err(order.refuse_format()),
    };
    let bits = facts["modulusLength"].as_u64().unwrap_or_default();
    if bits > means.rsa_modulus_bits_max as u64 {
        let limit = means.rsa_modulus_bits_max;
        return Err(not_supported(format!("a modulus of {bits} bits is more than the limit of {limit}")));
    }
    for (name, value) in facts.as_object().into_iter().flatten() {
        output.info[name] = value.clone();
    }
    Ok(output)
}

fn public_key(key: &RsaPublicKey) -> Result<(Output, serde_json::Value)> {
    Ok((imported(KeyType::Public, spki(key)?), facts(key)))
}

fn private_key(key: &RsaPrivateKey) -> Result<(Output, serde_json::Value)> {
    Ok((imported(KeyType::Private, pkcs8(key)?), facts(key)))
}

fn private_from_jwk(found: &jwk::Jwk, n: &[u8], e: &[u8]) -> Result<RsaPrivateKey> {
    let d = jwk::member(&found.d, "d")?;
    // The standard takes all of these or none, and a key without its primes is one that nobody writes.
    let (p, q) = (jwk::member(&found.p, "p")?, jwk::member(&found.q, "q")?);
    for (value, name) in [(&found.dp, "dp"), (&found.dq, "dq"), (&found.qi, "qi")] {
        jwk::member(value, name)?;
    }
    RsaPrivateKey::from_components(number(n), number(e), number(&d), vec![number(&p), number(&q)])
        .map_err(|error| data_error(format!("the JSON Web Key is no RSA key: {error}")))
}

fn export(order: &Order, inputs: &Inputs) -> Result<Output> {
    match (order.format, order.key_type()?) {
        (Some(Format::Spki), KeyType::Public) | (Some(Format::Pkcs8), KeyType::Private) => {
            Ok(Output::bytes(inputs.key.clone()))
        }
        (Some(Format::Jwk), KeyType::Public) => Ok(Output::fact(public_jwk(&public(&inputs.key)?))),
        (Some(Format::Jwk), KeyType::Private) => {
            let key = private(&inputs.key)?;
            let mut out = public_jwk(&key);
            let mut put = |name: &str, bytes: Option<Box<[u8]>>| -> Result<()> {
                let bytes = bytes.ok_or_else(|| operation_error(format!("the key has no part `{name}`")))?;
                out[name] = jwk::encode(trimmed(&bytes)).into();
                Ok(())
            };
            put("d", Some(key.d().to_be_bytes()))?;
            put("p", key.primes().first().map(|prime| prime.to_be_bytes()))?;
            put("q", key.primes().get(1).map(|prime| prime.to_be_bytes()))?;
            put("dp", key.dp().map(BoxedUint::to_be_bytes))?;
            put("dq", key.dq().map(BoxedUint::to_be_bytes))?;
            put("qi", key.qinv().map(|value| value.retrieve().to_be_bytes()))?;
            Ok(Output::fact(out))
        }
        _ => Err(order.refuse_format()),
    }
}

fn public_jwk(key: &impl PublicKeyParts) -> serde_json::Value {
    let (n, e) = (key.n_bytes(), key.e_bytes());
    serde_json::json!({ "kty": "RSA", "n": jwk::encode(trimmed(&n)), "e": jwk::encode(trimmed(&e)) })
}

fn sign(order: &Order, inputs: &Inputs, means: &Means<'_>) -> Result<Vec<u8>> {
    let key = private(&inputs.key)?;
    let hash = order.hash()?;
    let digest = hash.digest(&inputs.data);
    let mut rng = means.rng();
    let signed = with_hash!(hash, H => match order.name.as_str() {
        "RSA-PSS" => {
            let salt = order.salt_length.unwrap_or_default();
            key.sign_with_rng(&mut rng, Pss::<H>::new_with_salt(salt), &digest)
        }
        _ => key.sign_with_rng(&mut rng, Pkcs1v15Sign::new::<H>(), &digest),
    });
    signed.map_err(|error| operation_error(format!("{}: {error}", order.name)))
}

fn verify(order: &Order, inputs: &Inputs) -> Result<bool> {
    let key = public(&inputs.key)?;
    let hash = order.hash()?;
    let digest = hash.digest(&inputs.data);
    Ok(with_hash!(hash, H => match order.name.as_str() {
        "RSA-PSS" => {
            let salt = order.salt_length.unwrap_or_default();
            key.verify(Pss::<H>::new_with_salt(salt), &digest, &inputs.extra).is_ok()
        }
        _ => key.verify(Pkcs1v15Sign::new::<H>(), &digest, &inputs.extra).is_ok(),
    }))
}
