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
    let manifest = fuzz().join("Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).expect("the fuzz workspace is there");
    assert_eq!(manifest.matches("[[bin]]").count(), decoders.len());
    // Every target is the same line, so that they need no nightly toolchain to be checked.
    for name in decoders {
        assert!(
            manifest.contains(&format!(
                "[[bin]]\nname = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n"
            ))
        );
        let target = fuzz().join("fuzz_targets").join(format!("{name}.rs"));
        assert_eq!(
            std::fs::read_to_string(target).expect("a target"),
            format!(
                "#![no_main]\n\nlibfuzzer_sys::fuzz_target!(|bytes: &[u8]| \
                 yaoki_server::decoders::run(\"{name}\", bytes));\n"
            )
        );
    }
}

/// What a decoder takes whole must be among its seeds: what is refused at its head proves little.
#[test]
fn a_whole_key_file_and_a_whole_anchor_file_are_among_the_seeds() {
    let seed = |name: &str| std::fs::read_to_string(fuzz().join("seeds").join(name));
    let keys = seed("key_file/whole").expect("a seed");
    assert!(yaoki_server::edge::keys::KeyFile::parse(&keys).is_ok());
    let anchors = seed("anchor_file/whole").expect("a seed");
    let anchors = yaoki_store::verify::anchor::parse_file(&anchors).expect("it is one");
    assert_eq!(anchors.len(), 2);
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
