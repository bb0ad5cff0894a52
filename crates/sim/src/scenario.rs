//! What happens in one run, decoded from bytes.
//!
//! Every run is bytes: a seed is expanded into bytes, a fuzzer makes bytes, a failing run is shrunk by taking bytes away,
//! and the corpus of old failures is files of bytes. They all go through [`Scenario::decode`], which takes any bytes:
//! [`HEADER_BYTES`] for the setup, then [`STEP_BYTES`] for each step. As each step has its place, a byte that is changed
//! changes one thing, and a step that is taken away leaves the others as they are.

mod act;
mod setup;

pub use act::{Act, Ending, Entry, FaultKind, HostCall, Site, SiteFact, Slot, WorkerNews};
pub use setup::Setup;

pub(crate) use setup::DAY_MS;

use crate::chance::Chance;

/// Bytes of the setup.
pub const HEADER_BYTES: usize = 6;

/// Bytes of each step.
pub const STEP_BYTES: usize = 5;

/// Steps beyond these are not played, so that no input takes long.
pub const STEPS_MAX: usize = 2_000;

/// One run: how the world is at first, and what happens in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The configuration.
    pub setup: Setup,
    /// What happens, in this order.
    pub steps: Vec<Step>,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The profile that it happens to; the device belongs to all of them.
    pub profile: usize,
    /// What happens.
    pub act: Act,
    /// The engine does not get a turn before the next step, so that several inputs share one commit. Only where
    /// [`Act::may_share`] says so.
    pub shares_turn: bool,
}

impl Scenario {
    /// The run that these bytes stand for. Every sequence of bytes is one; missing bytes are zeros.
    pub fn decode(bytes: &[u8]) -> Scenario {
        let mut header = [0; HEADER_BYTES];
        let given = bytes.len().min(HEADER_BYTES);
        header[..given].copy_from_slice(&bytes[..given]);
        let setup = Setup::decode(header);
        let profiles = setup.profiles;
        let steps = bytes[given..].chunks(STEP_BYTES).take(STEPS_MAX).map(|chunk| {
            let mut step = [0; STEP_BYTES];
            step[..chunk.len()].copy_from_slice(chunk);
            Step::decode(step, profiles)
        });
        Scenario { setup, steps: steps.collect() }
    }

    /// The bytes that a seed stands for.
    pub fn bytes_of_seed(seed: u64) -> Vec<u8> {
        let mut chance = Chance::new(seed);
        let steps = 40 + chance.below(140);
        let length = HEADER_BYTES as u64 + steps * STEP_BYTES as u64;
        (0..length).map(|_| chance.byte()).collect()
    }
}

impl Step {
    /// The first byte says what, the second whose, the others how much.
    fn decode(bytes: [u8; STEP_BYTES], profiles: usize) -> Step {
        let [_, who, ..] = bytes;
        let act = Act::decode(bytes);
        let shares_turn = who >= 0xC0 && act.may_share();
        Step { profile: usize::from(who & 3) % profiles, act, shares_turn }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::mem::discriminant;

    #[test]
    fn any_bytes_are_a_scenario_and_missing_ones_are_zeros() {
        for length in 0..=HEADER_BYTES + 2 * STEP_BYTES {
            let bytes = vec![0xFF; length];
            let mut padded = bytes.clone();
            let steps = length.saturating_sub(HEADER_BYTES).div_ceil(STEP_BYTES);
            padded.resize(HEADER_BYTES + steps * STEP_BYTES, 0);
            assert_eq!(Scenario::decode(&bytes), Scenario::decode(&padded), "{length} bytes");
            assert_eq!(Scenario::decode(&bytes).steps.len(), steps);
        }
        let endless = vec![7; HEADER_BYTES + (STEPS_MAX + 9) * STEP_BYTES];
        assert_eq!(Scenario::decode(&endless).steps.len(), STEPS_MAX);
    }

    #[test]
    fn taking_a_step_away_leaves_the_others_as_they_are() {
        let bytes = Scenario::bytes_of_seed(1);
        let all = Scenario::decode(&bytes).steps;
        let mut fewer = bytes;
        fewer.drain(HEADER_BYTES + 3 * STEP_BYTES..HEADER_BYTES + 4 * STEP_BYTES);
        let left = Scenario::decode(&fewer).steps;
        assert_eq!(left[..3], all[..3]);
        assert_eq!(left[3..], all[4..]);
    }

    #[test]
    fn every_kind_of_step_can_be_drawn() {
        let kinds: BTreeSet<String> =
            (0..=255).map(|first| format!("{:?}", discriminant(&Act::decode([first, 0, 0, 0, 0])))).collect();
        assert_eq!(kinds.len(), Act::KINDS);
    }
}
