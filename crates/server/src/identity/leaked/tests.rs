use super::*;
use std::io::Cursor;

/// Passwords that no list of `zxcvbn` has.
fn passwords() -> Vec<String> {
    (0..5_000).map(|number| format!("kiwa-{number}-mizu#{number}-sorano")).collect()
}

fn made(list: &str, count_min: u64) -> Result<Filter, BuildError> {
    build(&mut Cursor::new(list), count_min, &mut |_| {})
}

fn hash(password: &str) -> String {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    crate::edge::hex::text(hash.as_ref()).to_uppercase()
}

fn written(filter: &Filter) -> Vec<u8> {
    let mut bytes = Vec::new();
    filter.write(&mut bytes).expect("a vector takes all");
    bytes
}

#[test]
fn passwords_of_a_plain_list_are_known_and_others_are_not() {
    let passwords = passwords();
    let mut read = 0;
    let list = passwords.join("\r\n");
    let filter = build(&mut Cursor::new(&list), 1, &mut |bytes| read = bytes).expect("a list");
    assert_eq!(read, u64::try_from(list.len()).expect("short"));
    assert_eq!(filter.passwords(), 5_000);
    let leaked = Leaked::new(Some(filter));
    for password in passwords.iter().take(200) {
        assert!(leaked.is_leaked(password), "{password}");
        assert!(!Leaked::default().is_leaked(password), "{password}");
        assert!(!leaked.is_leaked(&format!("{password}+")), "{password}");
    }
}

#[test]
fn both_forms_of_a_list_meet_and_counts_are_heeded() {
    let (often, seldom) = ("kiwa-1-mizu#1-sorano", "kiwa-2-mizu#2-sorano");
    let list = format!("{}:1000\n{}:3\n\n", hash(often), hash(seldom).to_lowercase());
    let all = Leaked::new(Some(made(&list, 1).expect("a list")));
    assert!(all.is_leaked(often) && all.is_leaked(seldom));
    let some = Leaked::new(Some(made(&list, 10).expect("a list")));
    assert!(some.is_leaked(often) && !some.is_leaked(seldom));
    let alone = Leaked::new(Some(made(&hash(often), 1).expect("a list")));
    assert!(alone.is_leaked(often));
}

#[test]
fn a_password_is_known_in_both_forms_of_its_letters() {
    let composed = "がぎぐげご-kiwa-sorano";
    let decomposed: String = composed.nfd().collect();
    assert_ne!(composed, decomposed);
    let leaked = Leaked::new(Some(made(&decomposed, 1).expect("a list")));
    assert!(leaked.is_leaked(composed) && leaked.is_leaked(&decomposed));
}

#[test]
fn common_passwords_are_known_without_a_list() {
    for common in [
        "password",
        "password1",
        "12345678",
        "qwertyuiop",
        "iloveyou1",
        "P@ssw0rd",
        "aaaaaaaaaa",
        "abcdefgh",
        "19870412",
        "drowssap",
        "sunshine1",
        "trustno1",
    ] {
        assert!(Leaked::default().is_leaked(common), "{common}");
    }
    for fine in ["correct horse battery", "kiwa-mizu-sorano-77", "ひらがなだけのあいことば九番"]
    {
        assert!(!Leaked::default().is_leaked(fine), "{fine}");
    }
}

#[test]
fn wrong_lists_are_refused_with_their_line() {
    let good = format!("{}:3\n", hash("kiwa"));
    for wrong in ["xyz", "abcdef:3", &good.replace(":3", ":many"), &good.replace(":3", " 3")] {
        let refused = made(&format!("{good}{good}{wrong}"), 1);
        assert!(matches!(refused, Err(BuildError::Line { line: 3 })), "{wrong}");
    }
    let long = format!("kiwa\n{}", "a".repeat(5_000));
    assert!(matches!(made(&long, 1), Err(BuildError::LineTooLong { line: 2 })));
    assert!(matches!(made("", 1), Err(BuildError::Empty)));
    assert!(matches!(made("\n\r\n", 1), Err(BuildError::Empty)));
    assert!(matches!(made(&good, 4), Err(BuildError::Empty)));
    assert!(matches!(made("kiwa", 2), Err(BuildError::NoCounts)));
}

#[test]
fn what_is_written_is_read_and_nothing_that_was_changed_is() {
    let filter = made(&passwords().join("\n"), 1).expect("a list");
    let bytes = written(&filter);
    let read = Filter::read(&mut bytes.as_slice()).expect("its own");
    assert_eq!(read.passwords(), 5_000);
    assert_eq!(written(&read), bytes);
    for place in (0..bytes.len()).step_by(997) {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        Filter::read(&mut changed.as_slice()).expect_err("changed");
        Filter::read(&mut &bytes[..place]).expect_err("shorter");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert!(matches!(Filter::read(&mut longer.as_slice()), Err(FileError::Damaged)));
    assert!(matches!(Filter::read(&mut b"".as_slice()), Err(FileError::Form)));
    let other = [b"yaoki leaked pw2", &bytes[16..]].concat();
    assert!(matches!(Filter::read(&mut other.as_slice()), Err(FileError::Form)));
}

#[test]
fn a_file_that_would_be_looked_up_behind_its_end_is_refused() {
    let filter = made("kiwa-mizu-sorano", 1).expect("a list");
    let place = filter.segments.iter().position(Option::is_some).expect("a segment");
    // Descriptors of empty segments before it, then seed, length, mask.
    let at = MAGIC.len() + 8 + place * 24 + 16;
    let mut bytes = written(&filter);
    bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let content = bytes.len() - blake3::OUT_LEN;
    let sum = blake3::hash(&bytes[..content]);
    bytes[content..].copy_from_slice(sum.as_bytes());
    assert!(matches!(Filter::read(&mut bytes.as_slice()), Err(FileError::Damaged)));
}
