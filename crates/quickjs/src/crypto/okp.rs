//! Ed25519 and X25519 (Secure Curves in the Web Cryptography API).

use super::{
    Format, Inputs, KeyType, Means, Op, Order, Output, Result, data_error, imported, jwk, operation_error,
};
use ::rsa::pkcs8::{PrivateKeyInfoRef, SubjectPublicKeyInfoRef, der::Decode};
use ::rsa::rand_core::Rng;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

/// Everything of these keys' encodings but the 32 bytes themselves (RFC 8410): only one byte tells the curves apart.
const SPKI_HEAD: [u8; 12] = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0, 0x03, 0x21, 0];
const PKCS8_HEAD: [u8; 16] =
    [0x30, 0x2E, 0x02, 0x01, 0, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0, 0x04, 0x22, 0x04, 0x20];
const OID_AT_SPKI: usize = 8;
const OID_AT_PKCS8: usize = 11;

pub(super) fn perform(order: &Order, inputs: &Inputs, means: &Means<'_>) -> Result<Output> {
    let signs = order.name == "Ed25519";
    match order.op {
        Op::Generate => {
            let mut secret = [0; 32];
            means.rng().fill_bytes(&mut secret);
            let public = spki(signs, public_of(signs, secret));
            Ok(Output { info: ().into(), first: Some(public), second: Some(pkcs8(signs, secret)) })
        }
        Op::Import => import(order, inputs, signs),
        Op::Export => export(order, inputs, signs),
        Op::Sign if signs => {
            let key = SigningKey::from_bytes(&private(&inputs.key, signs)?);
            Ok(Output::bytes(key.sign(&inputs.data).to_bytes().to_vec()))
        }
        Op::Verify if signs => {
            let key = VerifyingKey::from_bytes(&public(&inputs.key, signs)?);
            // Points that are none, or of small order, make it false rather than an error.
            let good = key.is_ok_and(|key| {
                Signature::from_slice(&inputs.extra)
                    .is_ok_and(|signature| key.verify_strict(&inputs.data, &signature).is_ok())
            });
            Ok(Output::fact(good))
        }
        Op::Derive if !signs => {
            let secret = x25519_dalek::StaticSecret::from(private(&inputs.key, signs)?);
            let peer = x25519_dalek::PublicKey::from(public(&inputs.extra, signs)?);
            let shared = secret.diffie_hellman(&peer);
            if !shared.was_contributory() {
                return Err(operation_error("the peer's public key is a point of small order"));
            }
            Ok(Output::bytes(shared.to_bytes().to_vec()))
        }
        _ => Err(order.refuse()),
    }
}

fn oid(signs: bool) -> u8 {
    if signs { 0x70 } else { 0x6E }
}

fn spki(signs: bool, key: [u8; 32]) -> Vec<u8> {
    let mut out = [SPKI_HEAD.as_slice(), &key].concat();
    out[OID_AT_SPKI] = oid(signs);
    out
}

fn pkcs8(signs: bool, key: [u8; 32]) -> Vec<u8> {
    let mut out = [PKCS8_HEAD.as_slice(), &key].concat();
    out[OID_AT_PKCS8] = oid(signs);
    out
}

fn public_of(signs: bool, secret: [u8; 32]) -> [u8; 32] {
    if signs {
        SigningKey::from_bytes(&secret).verifying_key().to_bytes()
    } else {
        x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from(secret)).to_bytes()
    }
}

fn public(der: &[u8], signs: bool) -> Result<[u8; 32]> {
    let wrong = || data_error("the bytes are no SubjectPublicKeyInfo of this algorithm");
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| wrong())?;
    let key = info.subject_public_key.as_bytes().and_then(|key| <[u8; 32]>::try_from(key).ok());
    let fits =
        info.algorithm.oid.as_bytes() == [0x2B, 0x65, oid(signs)] && info.algorithm.parameters.is_none();
    key.filter(|_| fits).ok_or_else(wrong)
}

fn private(der: &[u8], signs: bool) -> Result<[u8; 32]> {
    let wrong = || data_error("the bytes are no PKCS#8 private key of this algorithm");
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| wrong())?;
    let key = match info.private_key.as_bytes() {
        [0x04, 0x20, key @ ..] => <[u8; 32]>::try_from(key).ok(),
        _ => None,
    };
    let fits =
        info.algorithm.oid.as_bytes() == [0x2B, 0x65, oid(signs)] && info.algorithm.parameters.is_none();
    key.filter(|_| fits).ok_or_else(wrong)
}

fn import(order: &Order, inputs: &Inputs, signs: bool) -> Result<Output> {
    match order.format {
        Some(Format::Raw) => {
            let key = <[u8; 32]>::try_from(inputs.data.as_slice());
            let key = key
                .map_err(|_| data_error(format!("the key must have 32 bytes, not {}", inputs.data.len())))?;
            Ok(imported(KeyType::Public, spki(signs, key)))
        }
        Some(Format::Spki) => Ok(imported(KeyType::Public, spki(signs, public(&inputs.data, signs)?))),
        Some(Format::Pkcs8) => Ok(imported(KeyType::Private, pkcs8(signs, private(&inputs.data, signs)?))),
        Some(Format::Jwk) => {
            let found = order.jwk()?;
            let read = |value, name| {
                let bytes = jwk::sized_member(value, name, 32)?;
                <[u8; 32]>::try_from(bytes)
                    .map_err(|_| data_error(format!("the member `{name}` is too long")))
            };
            let x = read(&found.x, "x")?;
            if found.d.is_none() {
                return Ok(imported(KeyType::Public, spki(signs, x)));
            }
            let d = read(&found.d, "d")?;
            if public_of(signs, d) != x {
                return Err(data_error("the members `d` and `x` of the JSON Web Key do not belong together"));
            }
            Ok(imported(KeyType::Private, pkcs8(signs, d)))
        }
        None => Err(order.refuse_format()),
    }
}

fn export(order: &Order, inputs: &Inputs, signs: bool) -> Result<Output> {
    match (order.format, order.key_type()?) {
        (Some(Format::Raw), KeyType::Public) => Ok(Output::bytes(public(&inputs.key, signs)?.to_vec())),
        (Some(Format::Spki), KeyType::Public) | (Some(Format::Pkcs8), KeyType::Private) => {
            Ok(Output::bytes(inputs.key.clone()))
        }
        (Some(Format::Jwk), KeyType::Public) => {
            let x = jwk::encode(&public(&inputs.key, signs)?);
            Ok(Output::fact(serde_json::json!({ "kty": "OKP", "crv": order.name, "x": x })))
        }
        (Some(Format::Jwk), KeyType::Private) => {
            let d = private(&inputs.key, signs)?;
            let (x, d) = (jwk::encode(&public_of(signs, d)), jwk::encode(&d));
            Ok(Output::fact(serde_json::json!({ "kty": "OKP", "crv": order.name, "x": x, "d": d })))
        }
        _ => Err(order.refuse_format()),
    }
}
