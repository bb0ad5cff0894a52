//! The same runs on the real SQLite store, whose files a power cut loses and tears. `scripts/sim --disk sqlite` plays more.

use wakeworker_sim::{Act, DiskKind, Scenario, play_on};

/// Seeds of every test run.
const SEEDS: u64 = 12;

#[test] // R36, R166, R167, R170, R171, D15
fn the_real_store_loses_nothing_that_was_told_whatever_the_power_cut_leaves() {
    for seed in 0..SEEDS {
        let bytes = Scenario::bytes_of_seed(seed);
        let first = std::panic::catch_unwind(|| play_on(DiskKind::Sqlite, &bytes, false));
        assert!(first.is_ok(), "replay: SEED={seed} scripts/sim --disk sqlite");
        // What a power cut leaves depends on the disk; all else does not.
        let cut = Scenario::decode(&bytes).steps.iter().any(|step| matches!(step.act, Act::PowerCut(_)));
        let other = if cut { DiskKind::Sqlite } else { DiskKind::Memory };
        assert_eq!(first.ok(), Some(play_on(other, &bytes, false)), "seed {seed} again, on {other:?}");
    }
}
