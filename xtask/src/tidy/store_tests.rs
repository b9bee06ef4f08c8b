//! A test of the store runs on both storages, or says why it can't.

use super::Finding;
use super::source::Source;

/// Declares a test once a storage.
const MACRO: &str = "on_both_storages!";
/// The comment above a test that is about one storage only.
const REASON: &str = "// one storage: ";

/// Checks one file, if it is a test of the store.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    if !path.starts_with("crates/store/tests/") {
        return Vec::new();
    }
    let source = Source::new(text);
    let lines: Vec<&str> = text.lines().collect();
    let covered = covered(&source);
    let alone = source.find("#[test]").into_iter().filter(|at| {
        let inside = covered.iter().any(|(open, close)| open < at && at < close);
        !inside && !says_why(&lines, source.line(*at))
    });
    let finding = |at| Finding {
        rule: "one_storage",
        path: path.to_owned(),
        line: source.line(at),
        message: format!(
            "this test runs on one storage only: declare it through `{MACRO}`, or, where it is \
             about one storage alone, put `{REASON}<reason>` above it"
        ),
    };
    alone.map(finding).collect()
}

/// From bracket to bracket: each use of the macro, and its definition, which must write `#[test]`
/// itself.
fn covered(source: &Source) -> Vec<(usize, usize)> {
    let uses = source.find(MACRO).into_iter().map(|at| at + MACRO.len());
    let named = |at: &usize| source.word(*at) == MACRO.trim_end_matches('!');
    let name_of = |at: usize| source.skip_blanks(at + "macro_rules!".len());
    let definitions = source.find("macro_rules!").into_iter().map(name_of).filter(named);
    let opens = uses.chain(definitions.map(|at| at + MACRO.len() - 1));
    let opens = opens.map(|at| source.skip_blanks(at));
    let brackets = opens.filter(|at| matches!(source.code.get(*at), Some('(' | '[' | '{')));
    brackets.map(|open| (open, source.closing(open))).collect()
}

/// Whether the comments and attributes right above the line (from 1) give the reason.
fn says_why(lines: &[&str], line: usize) -> bool {
    let above = lines[..line - 1].iter().rev().map(|line| line.trim());
    let mut near = above.take_while(|line| line.starts_with("//") || line.starts_with("#["));
    near.any(|line| line.strip_prefix(REASON).is_some_and(|reason| !reason.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        check("crates/store/tests/it/pay.rs", text).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_store_test_runs_on_both_storages_or_says_why_not() {
        let cases: [(&str, &[usize]); 9] = [
            ("#[test]\nfn a() {}\n", &[1]),
            ("on_both_storages! { fn a(store: &Store) {} }\n", &[]),
            ("on_both_storages! {\n  #[test]\n  fn a() {}\n}\n#[test]\nfn b() {}\n", &[5]),
            ("on_both_storages!(a, b);\n", &[]),
            ("macro_rules! on_both_storages { () => { #[test] fn a() {} } }\n", &[]),
            ("macro_rules! on_one { () => {\n #[test] fn a() {} } }\n", &[2]),
            ("// one storage: only SQLite has a WAL file\n/// What.\n#[test]\nfn a() {}\n", &[]),
            ("// one storage: \n#[test]\nfn a() {}\n", &[2]),
            ("// one storage: why\nfn b() {}\n#[test]\nfn a() {}\n", &[3]),
        ];
        for (text, expected) in cases {
            assert_eq!(lines(text), expected, "{text}");
        }
    }

    #[test]
    fn other_tests_are_free() {
        assert_eq!(check("crates/core/tests/it/pay.rs", "#[test]\nfn a() {}\n"), []);
        assert_eq!(check("crates/store/src/lane.rs", "#[test]\nfn a() {}\n"), []);
    }
}
