//! Small damages to bytes, the same for the same numbers.

/// The bytes with some damage.
pub fn varied(bytes: &[u8], variant: u64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut state = variant.wrapping_add(bytes.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for _ in 0..1 + draw() % 6 {
        let at = draw() % (bytes.len() + 1);
        let end = (at + draw() % 9).min(bytes.len());
        match draw() % 6 {
            0 if at < bytes.len() => bytes[at] ^= 1 << (draw() % 8),
            1 if at < bytes.len() => bytes[at] = INTERESTING[draw() % INTERESTING.len()],
            2 => bytes.truncate(at),
            3 => bytes.insert(at, draw() as u8),
            4 => drop(bytes.drain(at..end)),
            _ => {
                let part = bytes[at..end].to_vec();
                let to = draw() % (bytes.len() + 1);
                bytes.splice(to..to, part);
            }
        }
    }
    bytes
}

/// Bytes at which something begins, ends or overflows in one of the formats.
const INTERESTING: [u8; 16] =
    [0, 1, 0x0A, 0x0D, 0x10, 0x20, 0x22, 0x2F, 0x30, 0x50, 0x5C, 0x7F, 0x80, 0xED, 0xFE, 0xFF];
