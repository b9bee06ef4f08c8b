//! Rules for Rust source.

use super::Finding;
use super::source::Source;

const COLUMNS_MAX: usize = 100;
const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 600;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 7] =
    ["util", "utils", "helper", "helpers", "manager", "managers", "common"];

/// The one file outside the store that writes SQL: the bench's comparison with plain PostgreSQL.
const SQL_FOLDERS: [&str; 2] = ["crates/store/", "crates/yaoki/src/bench/plain_postgres"];
const SQL_KEYWORDS: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];

/// Checks one file.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let source = Source::new(text);
    let mut found = Found { path, findings: Vec::new() };
    file_length(&mut found, text);
    columns(&mut found, text);
    functions(&mut found, &source);
    names(&mut found, &source);
    unfinished(&mut found, &source);
    sql(&mut found, &source);
    found.findings
}

struct Found<'a> {
    path: &'a str,
    findings: Vec<Finding>,
}

impl Found<'_> {
    fn add(&mut self, rule: &'static str, line: usize, message: String) {
        self.findings.push(Finding { rule, path: self.path.to_owned(), line, message });
    }
}

fn file_length(found: &mut Found<'_>, text: &str) {
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        let message = format!(
            "the file has {lines} lines, {FILE_LINES_MAX} are allowed: it holds more than one \
             thing, so give each a file named after it"
        );
        found.add("file_length", 1, message);
    }
}

fn columns(found: &mut Found<'_>, text: &str) {
    for (index, line) in text.lines().enumerate() {
        let columns = line.chars().count();
        // An address can't be broken.
        if columns > COLUMNS_MAX && !line.contains("://") {
            let instead = if line.trim_start().starts_with("//") {
                "wrap the comment"
            } else {
                "name a part of it, or break a long string with `\\` at the line's end"
            };
            let message =
                format!("the line has {columns} columns, {COLUMNS_MAX} are allowed: {instead}");
            found.add("columns", index + 1, message);
        }
    }
}

fn functions(found: &mut Found<'_>, source: &Source) {
    for start in source.find("fn ") {
        let name = source.word(source.skip_blanks(start + 3));
        let Some(body) = body_of(source, start) else { continue };
        if name.is_empty() {
            continue;
        }
        let first = source.line(start);
        let lines = source.line(source.closing(body)) - first + 1;
        if lines > FUNCTION_LINES_MAX {
            let message = format!(
                "`{name}` has {lines} lines, {FUNCTION_LINES_MAX} are allowed: split it into \
                 phases with names, keep the ifs up here and move the loops down"
            );
            found.add("function_length", first, message);
        }
    }
}

/// The brace that opens a function's body; none for a declaration without one.
fn body_of(source: &Source, start: usize) -> Option<usize> {
    let mut at = start;
    while let Some(c) = source.code.get(at) {
        match c {
            '{' => return Some(at),
            ';' | '}' => return None,
            '(' | '[' => at = source.closing(at),
            _ => {}
        }
        at += 1;
    }
    None
}

fn names(found: &mut Found<'_>, source: &Source) {
    let advice = "a name that fits anything: name it after the thing it holds (`money`, \
                  `receipt`), or move each piece to where it is used";
    for at in source.find("mod ") {
        let name = source.word(source.skip_blanks(at + 4));
        if EMPTY_NAMES.contains(&name.as_str()) {
            found.add("empty_name", source.line(at), format!("`mod {name}` is {advice}"));
        }
    }
}

fn unfinished(found: &mut Found<'_>, source: &Source) {
    // Written apart, so that this file is no finding of another tool that only greps.
    let in_code = [
        ("todo!", "write it, or leave it out and say so in the issue"),
        ("unimplemented!", "write it, or leave it out and say so in the issue"),
        ("#[ignore", "make the test run, or delete it: a skipped test proves nothing"),
    ];
    for (banned, instead) in in_code {
        for at in source.find(banned) {
            found.add("unfinished", source.line(at), format!("`{banned}`: {instead}"));
        }
    }
    for (index, line) in source.comments.lines().enumerate() {
        for word in line.split(|c: char| !c.is_alphanumeric() && c != '_') {
            if word == "FIXME" || word == "XXX" {
                let message =
                    format!("`{word}`: mend it now, or write down in an issue what is wrong");
                found.add("unfinished", index + 1, message);
            }
        }
    }
}

fn sql(found: &mut Found<'_>, source: &Source) {
    if SQL_FOLDERS.iter().any(|folder| found.path.starts_with(folder)) {
        return;
    }
    for (line, text) in &source.strings {
        let text = text.trim_start();
        let begins = |keyword: &&&str| {
            text.strip_prefix(**keyword).is_some_and(|rest| rest.starts_with(char::is_whitespace))
        };
        if let Some(keyword) = SQL_KEYWORDS.iter().find(begins) {
            let message = format!(
                "`{keyword}`: SQL lives in crates/store only: give the store a function named \
                 after what you ask, and call that"
            );
            found.add("sql", *line, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<(&'static str, usize)> {
        check(path, text).iter().map(|finding| (finding.rule, finding.line)).collect()
    }

    #[test]
    fn each_rule_finds_what_it_is_for_and_nothing_else() {
        let cases: [(&str, &[(&str, usize)]); 19] = [
            ("fn f() {}\n", &[]),
            ("mod utils;\n", &[("empty_name", 1)]),
            ("pub(crate) mod helper {}\n", &[("empty_name", 1)]),
            ("mod commons; mod manager_key;\n", &[]),
            ("// mod util;\n", &[]),
            ("fn f() { todo!() }\n", &[("unfinished", 1)]),
            ("\nfn f() { unimplemented!(\"x\") }\n", &[("unfinished", 2)]),
            ("#[test]\n#[ignore = \"slow\"]\nfn f() {}\n", &[("unfinished", 2)]),
            ("// todo!() in a comment, \"#[ignore]\"\n", &[]),
            ("/// FIXME: wrong\n", &[("unfinished", 1)]),
            ("/* one\n XXX */\n", &[("unfinished", 2)]),
            ("let a = \"FIXME XXX\";\n", &[]),
            ("// XXXL is a size\n", &[]),
            ("q(\"SELECT 1\")\n", &[("sql", 1)]),
            ("q(\n  r#\"\n  UPDATE a\"#)\n", &[("sql", 2)]),
            ("q(\"DELETE\\tfrom\")\n", &[]),
            ("q(\"SELECTED\", \"please SELECT one\", \"Select \")\n", &[]),
            ("let it = my_todo!();\n", &[]),
            ("// \"INSERT INTO a\"\n", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(rules("crates/core/src/a.rs", text), expected, "{text}");
        }
    }

    #[test]
    fn sql_is_at_home_in_the_store_and_in_the_benchs_comparison() {
        for path in ["crates/store/src/a.rs", "crates/yaoki/src/bench/plain_postgres.rs"] {
            assert_eq!(rules(path, "q(\"SELECT 1\")"), [], "{path}");
        }
        assert_eq!(rules("crates/yaoki/src/bench/mod.rs", "q(\"SELECT 1\")"), [("sql", 1)]);
    }

    #[test]
    fn a_line_has_at_most_100_columns_unless_it_holds_an_address() {
        let line = |columns: usize| format!("\n// {}\n", "é".repeat(columns - 3));
        assert_eq!(rules("a.rs", &line(100)), []);
        assert_eq!(rules("a.rs", &line(101)), [("columns", 2)]);
        assert_eq!(rules("a.rs", &line(101).replace("éééé", "a://")), []);
    }

    #[test]
    fn a_function_has_at_most_70_lines_from_fn_to_its_brace() {
        let function = |lines: usize| {
            format!("impl A {{\nfn f(a: [u8; {{3}}]) {{{}}}\n}}\n", "\n".repeat(lines - 1))
        };
        assert_eq!(rules("a.rs", &function(70)), []);
        assert_eq!(rules("a.rs", &function(71)), [("function_length", 2)]);
        let declared = format!("trait A {{ fn f(); }}\n{}", "\n".repeat(80));
        assert_eq!(rules("a.rs", &declared), []);
        let pointer = format!("struct A {{ f: fn (u8) -> u8,\n{} }}", "\n".repeat(80));
        assert_eq!(rules("a.rs", &pointer), []);
    }

    #[test]
    fn a_file_has_at_most_600_lines() {
        assert_eq!(rules("a.rs", &"\n".repeat(600)), []);
        assert_eq!(rules("a.rs", &"\n".repeat(601)), [("file_length", 1)]);
    }
}
