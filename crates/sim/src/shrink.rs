//! Making a failing run small.

use crate::scenario::{HEADER_BYTES, STEP_BYTES};

/// The smallest bytes that this finds for which `fails` still says so: steps are taken away in ever smaller groups, then
/// single bytes become zeros.
pub fn shrink(bytes: &[u8], mut fails: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut best = bytes.to_vec();
    let mut group = best.len() / STEP_BYTES;
    while group > 0 {
        let mut at = HEADER_BYTES;
        while at < best.len() {
            let end = (at + group * STEP_BYTES).min(best.len());
            let mut fewer = best.clone();
            fewer.drain(at..end);
            if fails(&fewer) {
                best = fewer;
            } else {
                at = end;
            }
        }
        group /= 2;
    }
    for at in 0..best.len() {
        if best[at] != 0 {
            let mut simpler = best.clone();
            simpler[at] = 0;
            if fails(&simpler) {
                best = simpler;
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scenario;

    #[test]
    fn what_is_not_needed_goes() {
        let bytes = Scenario::bytes_of_seed(3);
        let needed = bytes[HEADER_BYTES + 20 * STEP_BYTES];
        let small =
            shrink(&bytes, |bytes| bytes[HEADER_BYTES..].chunks(STEP_BYTES).any(|step| step[0] == needed));
        assert_eq!(small.len(), HEADER_BYTES + STEP_BYTES);
        assert_eq!(small[..HEADER_BYTES], [0; HEADER_BYTES]);
        assert_eq!(small[HEADER_BYTES..], [needed, 0, 0, 0, 0]);
    }
}
