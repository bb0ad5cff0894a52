//! The corpus on stable Rust: what fuzzers began with, and everything they have ever found.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use wakeworker_fuzzing::{TARGETS, varied};

/// Variants that are tried of each file.
const VARIANTS: u64 = 8;

#[test]
fn every_file_of_the_corpus_and_its_neighbours_keep_the_rules() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in TARGETS {
        let folder = corpus.join(name);
        let mut files: Vec<_> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        for file in files {
            let bytes = std::fs::read(&file).unwrap();
            let play = |bytes: &[u8], what: &str| {
                let played = std::panic::catch_unwind(|| target(bytes));
                assert!(played.is_ok(), "{name}: {} {what} fails", file.display());
            };
            play(&bytes, "as it is");
            for variant in 0..VARIANTS {
                play(&varied(&bytes, variant), &format!("in variant {variant}"));
            }
        }
    }
}
