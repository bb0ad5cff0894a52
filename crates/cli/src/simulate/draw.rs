//! Chance that does not depend on the order in which it is asked: each question is named, and its name with the seed
//! gives the answer. So one more visit on Monday changes nothing on Tuesday.

/// A question to chance; equal names give equal answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Draw(u64);

impl Draw {
    /// The root of all questions of a run.
    pub(crate) fn new(seed: u64) -> Draw {
        Draw(mix(seed ^ 0x5EED))
    }

    /// A question within this one.
    pub(crate) fn with(self, number: u64) -> Draw {
        Draw(mix(self.0 ^ mix(number.wrapping_add(1))))
    }

    /// A question within this one, by a name.
    pub(crate) fn named(self, name: &str) -> Draw {
        name.bytes().fold(self.with(name.len() as u64), |draw, byte| draw.with(u64::from(byte)))
    }

    /// 64 random bits.
    pub(crate) fn bits(self) -> u64 {
        mix(self.0)
    }

    /// A number below `limit`, or 0.
    pub(crate) fn below(self, limit: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(limit)) >> 64) as u64
    }

    /// True with this probability.
    pub(crate) fn chance(self, probability: f64) -> bool {
        // 53 bits are what a double holds.
        ((self.bits() >> 11) as f64) / ((1u64 << 53) as f64) < probability
    }
}

/// SplitMix64's finaliser.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_questions_have_equal_answers_and_chance_is_fair() {
        let root = Draw::new(7);
        assert_eq!(root.named("a").with(1), root.named("a").with(1));
        assert_ne!(root.named("a"), root.named("b"));
        assert_ne!(Draw::new(8).bits(), root.bits());
        let hits = (0..10_000).filter(|&n| root.with(n).chance(0.3)).count();
        assert!((2_800..3_200).contains(&hits), "{hits}");
        assert!(!root.chance(0.0) && root.chance(1.0));
        assert!((0..1_000).all(|n| root.with(n).below(10) < 10) && root.below(0) == 0);
    }
}
