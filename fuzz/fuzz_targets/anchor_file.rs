#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| yaoki_server::decoders::run("anchor_file", bytes));
