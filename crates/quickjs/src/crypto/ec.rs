//! ECDSA and ECDH over the NIST curves (Web Cryptography, sections 23 and 24).

use super::{
    Failure, Format, Inputs, KeyType, Means, Op, Order, Output, Result, data_error, imported, operation_error,
};
use serde::Deserialize;

/// A curve by its registered name.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(super) enum Curve {
    #[serde(rename = "P-256")]
    P256,
    #[serde(rename = "P-384")]
    P384,
    #[serde(rename = "P-521")]
    P521,
}

impl Curve {
    fn name(self) -> &'static str {
        match self {
            Curve::P256 => "P-256",
            Curve::P384 => "P-384",
            Curve::P521 => "P-521",
        }
    }
}

fn not_public(_: impl std::fmt::Display) -> Failure {
    data_error("the bytes are no public key of this curve")
}

fn not_private(_: impl std::fmt::Display) -> Failure {
    data_error("the bytes are no private key of this curve")
}

fn not_encoded(error: impl std::fmt::Display) -> Failure {
    operation_error(format!("the key cannot be encoded: {error}"))
}

/// The same code for each curve: the crates have the same names, and the generic bounds would be longer than the code.
macro_rules! curve {
    ($name:ident, $krate:ident, $bytes:literal) => {
        mod $name {
            use super::super::jwk::{Jwk, encode, sized_member};
            use super::super::{Means, Result, data_error, operation_error};
            use super::{not_encoded, not_private, not_public};
            use $krate::ecdsa::{Signature, SigningKey, VerifyingKey};
            use $krate::ecdsa::signature::hazmat::{PrehashVerifier, RandomizedPrehashSigner};
            use $krate::elliptic_curve::Generate;
            use $krate::elliptic_curve::sec1::ToSec1Point;
            use $krate::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
            use $krate::{PublicKey, SecretKey};

            pub(super) fn generate(means: &Means<'_>) -> Result<(Vec<u8>, Vec<u8>)> {
                let secret = SecretKey::generate_from_rng(&mut means.rng());
                Ok((spki(&secret.public_key())?, pkcs8(&secret)?))
            }

            fn spki(key: &PublicKey) -> Result<Vec<u8>> {
                Ok(key.to_public_key_der().map_err(not_encoded)?.into_vec())
            }

            fn pkcs8(key: &SecretKey) -> Result<Vec<u8>> {
                Ok(key.to_pkcs8_der().map_err(not_encoded)?.as_bytes().to_vec())
            }

            pub(super) fn from_raw(bytes: &[u8]) -> Result<Vec<u8>> {
                spki(&PublicKey::from_sec1_bytes(bytes).map_err(not_public)?)
            }

            pub(super) fn from_spki(bytes: &[u8]) -> Result<Vec<u8>> {
                spki(&PublicKey::from_public_key_der(bytes).map_err(not_public)?)
            }

            pub(super) fn from_pkcs8(bytes: &[u8]) -> Result<Vec<u8>> {
                pkcs8(&SecretKey::from_pkcs8_der(bytes).map_err(not_private)?)
            }

            pub(super) fn public_from_jwk(jwk: &Jwk) -> Result<Vec<u8>> {
                let (x, y) = (sized_member(&jwk.x, "x", $bytes)?, sized_member(&jwk.y, "y", $bytes)?);
                from_raw(&[[4].as_slice(), &x, &y].concat())
            }

            pub(super) fn private_from_jwk(jwk: &Jwk) -> Result<Vec<u8>> {
                let secret = SecretKey::from_slice(&sized_member(&jwk.d, "d", $bytes)?).map_err(not_private)?;
                if spki(&secret.public_key())? != public_from_jwk(jwk)? {
                    return Err(data_error("the members `d`, `x` and `y` of the JSON Web Key do not belong together"));
                }
                pkcs8(&secret)
            }

            pub(super) fn to_raw(key: &[u8]) -> Result<Vec<u8>> {
                let key = PublicKey::from_public_key_der(key).map_err(not_public)?;
                Ok(key.to_uncompressed_point().to_vec())
            }

            pub(super) fn to_jwk(key: &[u8], is_private: bool) -> Result<serde_json::Value> {
                let secret = match is_private {
                    true => Some(SecretKey::from_pkcs8_der(key).map_err(not_private)?),
                    false => None,
                };
                let point = match &secret {
                    Some(secret) => to_raw(&spki(&secret.public_key())?)?,
                    None => to_raw(key)?,
                };
                let (x, y) = point[1..].split_at($bytes);
                let mut jwk = serde_json::json!({ "kty": "EC", "x": encode(x), "y": encode(y) });
                if let Some(secret) = secret {
                    jwk["d"] = encode(&secret.to_bytes()).into();
                }
                Ok(jwk)
            }

            /// A short hash has leading zeros before the library takes it: the number stays the same.
            fn padded(hash: &[u8]) -> Vec<u8> {
                [vec![0; usize::saturating_sub($bytes, hash.len())], hash.to_vec()].concat()
            }

            pub(super) fn sign(key: &[u8], hash: &[u8], means: &Means<'_>) -> Result<Vec<u8>> {
                let key = SigningKey::from(SecretKey::from_pkcs8_der(key).map_err(not_private)?);
                let signed: Result<Signature> = key
                    .sign_prehash_with_rng(&mut means.rng(), &padded(hash))
                    .map_err(|error| operation_error(format!("ECDSA: {error}")));
                Ok(signed?.to_bytes().to_vec())
            }

            pub(super) fn verify(key: &[u8], hash: &[u8], signature: &[u8]) -> Result<bool> {
                let key = VerifyingKey::from(PublicKey::from_public_key_der(key).map_err(not_public)?);
                let signature = Signature::from_slice(signature);
                Ok(signature.is_ok_and(|signature| key.verify_prehash(&padded(hash), &signature).is_ok()))
            }

            pub(super) fn agree(key: &[u8], peer: &[u8]) -> Result<Vec<u8>> {
                let secret = SecretKey::from_pkcs8_der(key).map_err(not_private)?;
                let peer = PublicKey::from_public_key_der(peer).map_err(not_public)?;
                Ok(secret.diffie_hellman(&peer).raw_secret_bytes().to_vec())
            }
        }
    };
}

curve!(curve_256, p256, 32);
curve!(curve_384, p384, 48);
curve!(curve_521, p521, 66);

/// Calls the function of that name for the curve.
macro_rules! on_curve {
    ($curve:expr, $function:ident($($argument:expr),*)) => {
        match $curve {
            Curve::P256 => curve_256::$function($($argument),*),
            Curve::P384 => curve_384::$function($($argument),*),
            Curve::P521 => curve_521::$function($($argument),*),
        }
    };
}

pub(super) fn perform(order: &Order, inputs: &Inputs, means: &Means<'_>) -> Result<Output> {
    let curve = order.named_curve.ok_or_else(|| operation_error("the algorithm's curve is missing"))?;
    match (order.op, order.name.as_str()) {
        (Op::Generate, _) => {
            let (public, private) = on_curve!(curve, generate(means))?;
            Ok(Output { info: ().into(), first: Some(public), second: Some(private) })
        }
        (Op::Import, _) => import(order, inputs, curve),
        (Op::Export, _) => export(order, inputs, curve),
        (Op::Sign, "ECDSA") => {
            let hash = order.hash()?.digest(&inputs.data);
            on_curve!(curve, sign(&inputs.key, &hash, means)).map(Output::bytes)
        }
        (Op::Verify, "ECDSA") => {
            let hash = order.hash()?.digest(&inputs.data);
            on_curve!(curve, verify(&inputs.key, &hash, &inputs.extra)).map(Output::fact)
        }
        (Op::Derive, "ECDH") => on_curve!(curve, agree(&inputs.key, &inputs.extra)).map(Output::bytes),
        _ => Err(order.refuse()),
    }
}

fn import(order: &Order, inputs: &Inputs, curve: Curve) -> Result<Output> {
    let data = &inputs.data;
    match order.format {
        Some(Format::Raw) => Ok(imported(KeyType::Public, on_curve!(curve, from_raw(data))?)),
        Some(Format::Spki) => Ok(imported(KeyType::Public, on_curve!(curve, from_spki(data))?)),
        Some(Format::Pkcs8) => Ok(imported(KeyType::Private, on_curve!(curve, from_pkcs8(data))?)),
        Some(Format::Jwk) if order.jwk()?.d.is_some() => {
            Ok(imported(KeyType::Private, on_curve!(curve, private_from_jwk(order.jwk()?))?))
        }
        Some(Format::Jwk) => Ok(imported(KeyType::Public, on_curve!(curve, public_from_jwk(order.jwk()?))?)),
        None => Err(order.refuse_format()),
    }
}

fn export(order: &Order, inputs: &Inputs, curve: Curve) -> Result<Output> {
    match (order.format, order.key_type()?) {
        (Some(Format::Raw), KeyType::Public) => on_curve!(curve, to_raw(&inputs.key)).map(Output::bytes),
        (Some(Format::Spki), KeyType::Public) | (Some(Format::Pkcs8), KeyType::Private) => {
            Ok(Output::bytes(inputs.key.clone()))
        }
        (Some(Format::Jwk), kind) => {
            let mut jwk = on_curve!(curve, to_jwk(&inputs.key, kind == KeyType::Private))?;
            jwk["crv"] = curve.name().into();
            Ok(Output::fact(jwk))
        }
        _ => Err(order.refuse_format()),
    }
}
