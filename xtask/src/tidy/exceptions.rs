//! The list of exceptions: `rule path count`, one a line. It only shrinks.

use std::collections::BTreeMap;

use super::{EXCEPTIONS, Finding};

/// Takes away what is excepted, and adds a finding for each exception that is no longer needed in
/// full.
pub(super) fn apply(list: &str, findings: Vec<Finding>) -> Vec<Finding> {
    let mut by_file: BTreeMap<(String, String), Vec<Finding>> = BTreeMap::new();
    for finding in findings {
        let key = (finding.rule.to_owned(), finding.path.clone());
        by_file.entry(key).or_default().push(finding);
    }
    let mut left = Vec::new();
    for (index, line) in list.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let complain = |message: String| Finding {
            rule: "exceptions",
            path: EXCEPTIONS.to_owned(),
            line: index + 1,
            message,
        };
        let words: Vec<&str> = line.split_whitespace().collect();
        let parsed = match words.as_slice() {
            [rule, path, count] => count.parse::<usize>().ok().map(|count| (*rule, *path, count)),
            _ => None,
        };
        let Some((rule, path, allowed)) = parsed else {
            left.push(complain(format!("`{line}` must be `rule path count`")));
            continue;
        };
        let found = by_file.remove(&(rule.to_owned(), path.to_owned())).unwrap_or_default();
        if found.len() > allowed {
            left.extend(found);
        } else if found.is_empty() {
            left.push(complain(format!("`{rule}` finds nothing in {path} now: remove the line")));
        } else if found.len() < allowed {
            let count = found.len();
            left.push(complain(format!("`{rule}` finds {count} in {path} now: lower the count")));
        }
    }
    left.extend(by_file.into_values().flatten());
    left.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rule: &'static str, path: &str, line: usize) -> Finding {
        Finding { rule, path: path.to_owned(), line, message: String::new() }
    }

    fn left(list: &str) -> Vec<String> {
        let findings = vec![found("columns", "a.rs", 3), found("columns", "a.rs", 9)];
        apply(list, findings).iter().map(|f| format!("{} {}", f.path, f.line)).collect()
    }

    #[test]
    fn an_exception_covers_its_count_and_no_more() {
        assert_eq!(left("# why\ncolumns a.rs 2 # until the tables are split\n"), [""; 0]);
        assert_eq!(left("columns a.rs 1"), ["a.rs 3", "a.rs 9"]);
        assert_eq!(left("columns b.rs 2").len(), 3, "another file's exception covers nothing");
        assert_eq!(left("unfinished a.rs 2").len(), 3, "another rule's exception covers nothing");
    }

    #[test]
    fn an_exception_that_is_not_needed_must_go() {
        assert_eq!(left("columns a.rs 3"), [format!("{EXCEPTIONS} 1")]);
        assert_eq!(left("columns a.rs 2\ncolumns b.rs 1"), [format!("{EXCEPTIONS} 2")]);
        assert_eq!(left("columns a.rs two"), ["a.rs 3", "a.rs 9", &format!("{EXCEPTIONS} 1")]);
    }
}
