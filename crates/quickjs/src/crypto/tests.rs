use super::*;
use std::cell::Cell;

fn perform(
    order: &serde_json::Value,
    inputs: &Inputs,
    seed: u8,
    cancelled: &dyn Fn() -> bool,
) -> Result<Output> {
    let order: Order = serde_json::from_value(order.clone()).unwrap();
    order.perform(inputs, &Means { seed: [seed; 32], cancelled, rsa_modulus_bits_max: 2048 })
}

#[test]
fn the_same_seed_makes_the_same_keys_and_another_one_others() {
    for order in [
        serde_json::json!({ "op": "generate", "name": "AES-GCM", "length": 256 }),
        serde_json::json!({ "op": "generate", "name": "ECDH", "namedCurve": "P-521" }),
        serde_json::json!({ "op": "generate", "name": "Ed25519" }),
    ] {
        let make = |seed| perform(&order, &Inputs::default(), seed, &|| false).unwrap();
        assert_eq!(make(1), make(1), "{order}");
        assert_ne!(make(1).first, make(2).first, "{order}");
    }
}

#[test]
fn stretching_stops_with_its_worker() {
    let order = serde_json::json!({
        "op": "derive", "name": "PBKDF2", "hash": "SHA-256", "iterations": u32::MAX, "length": 256,
    });
    let asked = Cell::new(0);
    let failure =
        perform(&order, &Inputs::default(), 0, &|| asked.replace(asked.get() + 1) == 2).unwrap_err();
    assert_eq!((failure.name, asked.get()), ("OperationError", 3));
}

#[test]
fn a_modulus_has_a_limit_and_an_exponent_that_has_no_primes_is_refused() {
    let generate = |bits: usize, exponent: &[u8]| {
        let order = serde_json::json!({ "op": "generate", "name": "RSA-PSS", "hash": "SHA-256", "modulusLength": bits });
        let inputs = Inputs { extra: exponent.to_vec(), ..Inputs::default() };
        perform(&order, &inputs, 0, &|| false).map_err(|failure| failure.message)
    };
    assert!(generate(2049, &[1, 0, 1]).unwrap_err().contains("limit of 2048"));
    for exponent in [[].as_slice(), &[0], &[1], &[4], &[0, 0, 1], &[1, 0, 0, 0, 1]] {
        assert!(generate(1024, exponent).unwrap_err().contains("odd number"), "{exponent:?}");
    }
}

#[test]
fn what_takes_long_is_known_before() {
    let is_long = |order: serde_json::Value, bytes: usize| {
        let order: Order = serde_json::from_value(order).unwrap();
        order.is_long(&Inputs { data: vec![0; bytes], ..Inputs::default() })
    };
    assert!(!is_long(serde_json::json!({ "op": "digest", "hash": "SHA-1" }), 1000));
    assert!(is_long(serde_json::json!({ "op": "digest", "hash": "SHA-1" }), 100_000));
    assert!(is_long(serde_json::json!({ "op": "generate", "name": "RSA-PSS" }), 0));
    assert!(is_long(serde_json::json!({ "op": "derive", "name": "PBKDF2", "iterations": 100_000 }), 0));
}

#[test]
fn orders_that_make_no_sense_are_errors() {
    for (order, name) in [
        (serde_json::json!({ "op": "sign", "name": "AES-GCM" }), "NotSupportedError"),
        (serde_json::json!({ "op": "sign", "name": "X25519" }), "NotSupportedError"),
        (serde_json::json!({ "op": "derive", "name": "ROT13" }), "NotSupportedError"),
        (serde_json::json!({ "op": "sign", "name": "HMAC" }), "OperationError"),
        (serde_json::json!({ "op": "import", "name": "ECDSA", "format": "raw" }), "OperationError"),
        (
            serde_json::json!({ "op": "import", "name": "HMAC", "hash": "SHA-1", "format": "spki" }),
            "NotSupportedError",
        ),
        (serde_json::json!({ "op": "import", "name": "Ed25519", "format": "pkcs8" }), "DataError"),
    ] {
        assert_eq!(perform(&order, &Inputs::default(), 0, &|| false).unwrap_err().name, name, "{order}");
    }
}
