//! Every decoder of foreign bytes: listed, fuzzed, seeded, and never panicking.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use yaoki_server::decoders::DECODERS;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(folder: &str, ending: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(fuzz().join(folder)).expect("the fuzz folder is there");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.expect("it can be listed").file_name();
        name.to_string_lossy().trim_end_matches(ending).to_owned()
    };
    entries.map(name).collect()
}

#[test]
fn every_decoder_has_a_fuzz_target_and_seeds_and_there_are_no_others() {
    let decoders: BTreeSet<String> = DECODERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets", ".rs"), decoders);
    assert_eq!(names("seeds", ""), decoders);
}

#[test]
fn no_seed_cut_short_or_with_a_wrong_byte_makes_a_decoder_panic() {
    for (name, decode) in DECODERS {
        let folder = fuzz().join("seeds").join(name);
        let seeds = std::fs::read_dir(&folder).expect("every decoder has seeds");
        let mut count = 0;
        for seed in seeds {
            let seed = std::fs::read(seed.expect("it can be listed").path()).expect("a file");
            decode(&seed);
            for at in 0..seed.len() {
                decode(&seed[..at]);
                for wrong in [0, b'"', b'9', 0xff, seed[at] ^ 1] {
                    let mut bytes = seed.clone();
                    bytes[at] = wrong;
                    decode(&bytes);
                }
            }
            count += 1;
        }
        assert!(count > 0, "{name} has no seeds");
    }
}
