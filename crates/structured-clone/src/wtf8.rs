//! UTF-8 in which lone surrogates may occur.

/// Whether bytes are WTF-8: UTF-8, and three bytes for each surrogate that has no partner.
pub fn is_wtf8(mut bytes: &[u8]) -> bool {
    let mut after_high = false;
    loop {
        match std::str::from_utf8(bytes) {
            Ok(_) => return true,
            Err(error) => {
                after_high &= error.valid_up_to() == 0;
                bytes = &bytes[error.valid_up_to()..];
            }
        }
        match bytes {
            [0xED, 0xA0..=0xAF, 0x80..=0xBF, ..] => after_high = true,
            // A pair of them is a character of four bytes.
            [0xED, 0xB0..=0xBF, 0x80..=0xBF, ..] if !after_high => {}
            _ => return false,
        }
        bytes = &bytes[3..];
        after_high &= !bytes.is_empty();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // R12
    fn surrogates_are_allowed_only_alone() {
        for good in [
            &b""[..],
            b"a",
            "é\u{1F600}".as_bytes(),
            b"\xED\xA0\x80",
            b"a\xED\xB0\x80\xED\xA0\x80b\xED\xB0\x80",
        ] {
            assert!(is_wtf8(good), "{good:x?}");
        }
        for bad in [
            &b"\xFF"[..],
            b"\xC0\x80",
            b"\xED\xA0\x80\xED\xB0\x80",
            b"\xED\xA0",
            b"ab\x80",
            b"\xF5\x80\x80\x80",
        ] {
            assert!(!is_wtf8(bad), "{bad:x?}");
        }
    }
}
