#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wakeworker_fuzzing::export_text(bytes));
